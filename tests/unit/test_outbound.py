"""The only way out: which addresses are refused, in every spelling."""

import ipaddress
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from hub import addresses, outbound

THIS_MACHINE = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.0.0.1./",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://localhost/",
    "http://LOCALHOST:8080/",
    "http://localhost./",
    "http://127.127.127.127/",
    "http://127.255.255.254/",
    "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
    "http://127.0.0.1:0080/",
    "http://0177.1/",
    "http://0x7F.1/",
    "http://127.0x1/",
    "http://00000177.0.0.01/",
    "http://[0000::1]/",
    "http://[::0:1]/",
    "http://[::FFFF:127.0.0.1]/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    "http://ip6-localhost/",
    "http://ip6-loopback/",
]
INSIDE = [
    "http://[::127.0.0.1]/",
    "http://api.localhost/",
    "http://0.0.0.0/",
    "http://0/",
    "http://[::]/",
    "http://0.0.0.0:80/",
    "http://0x0/",
    "http://0.1.2.3/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:FF9B:0:0:0:0:7F00:1]/",
    "http://[2002:7f00:1::]/",
    "http://localhost.localdomain/",
    # Metadata and what Lambda and its neighbours have inside.
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://0251.254.0xa9.254/",
    "http://169.254.43518/",
    "http://169.254.170.2/v2/credentials",
    "http://169.254.100.1/",
    "http://[fd00:ec2::254]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:0:169.254.169.254]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:4136:e378:8000:63bf:5601:5601]/",
    "http://169.254.169.254:80/",
    "http://169.254.169.254./",
    "http://0xA9.0xFE.0xA9.0xFE/",
    "http://025177524776/",
    "http://169.16689662/",
    "http://169.254.169.253/",
    "http://169.254.169.123/",
    "http://169.254.100.4:9001/",
    "http://[fd00:ec2::23]/",
    "http://[fd00:ec2::253]/",
    "http://[fd20:ce::254]/",
    "http://[::a9fe:a9fe]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b:1:a9fe:a9:fe00::]/",
    "http://[64:ff9b:1::169.254.169.254]/",
    "http://[2001:0:a9fe:a9fe::]/",
    "http://[2606:4700::5efe:a9fe:a9fe]/",
    "http://[2606:4700::200:5efe:169.254.169.254]/",
    "http://[2606:4700::5efe:10.0.0.1]/",
    "http://168.63.129.16/metadata/",
    "http://192.0.0.192/opc/v2/",
    "http://metadata.google.internal/",
    "http://metadata.google.internal./",
    "http://METADATA.GOOGLE.INTERNAL/",
    "http://instance-data.ec2.internal/",
    "http://printer.local/",
    # Private and special networks.
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://192.0.2.1/",
    "http://198.18.0.1/",
    "http://203.0.113.1/",
    "http://224.0.0.1/",
    "http://239.255.255.250/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[2002:0a00:0001::]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[100::1]/",
    "http://10.255.255.255/",
    "http://0xa000001/",
    "http://012.0.0.1/",
    "http://10.1/",
    "http://192.168.257/",
    "http://172.20.0.1/",
    "http://100.127.255.255/",
    "http://192.0.0.8/",
    "http://192.0.0.9/",
    "http://192.0.0.170/",
    "http://192.88.99.1/",
    "http://198.19.255.255/",
    "http://198.51.100.1/",
    "http://233.252.0.1/",
    "http://0xffffffff/",
    "http://4294967295/",
    "http://[fe80::5efe:10.0.0.1]/",
    "http://[febf::1]/",
    "http://[fdff::1]/",
    "http://[feff::1]/",
    "http://[ff0e::1]/",
    "http://[ff05::1:3]/",
    "http://[3fff::1]/",
    "http://[5f00::1]/",
    "http://[2001::1]/",
    "http://[2001:1::1]/",
    "http://[2001:2::1]/",
    "http://[2001:10::1]/",
    "http://[2001:20::1]/",
    "http://[2002:808:808::1]/",
    "http://[::8.8.8.8]/",
    "http://[::ffff:0:8.8.8.8]/",
    "http://[64:ff9b:1::8.8.8.8]/",
    "http://[64:ff9b:2::8.8.8.8]/",
    "http://[4000::1]/",
    "http://router.home.arpa/",
]
REFUSED = [*THIS_MACHINE, *INSIDE]
NO_URLS = [
    "",
    "/",
    "example.com",
    "//example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "http://",
    "http:///path",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://example.com/ b",
    "https://example.com/\r\nX: 1",
    "https://example.com/\t",
    "https://example.com\\@169.254.169.254/",
    "https://exa mple.com/",
    "https://例子.com/",
    "https://example.com/路径",
    "http://[::1",
    "http://[fe80::1%25eth0]/",
    "http://example.com:99999/",
    "http://example.com:port/",
    "https://example.com/" + "x" * 2048,
    "http://①②⑦.0.0.1/",
    "http://１２７.0.0.1/",
    "http://127。0。0。1/",
    "http://ⓛocalhost/",
    "http://127.0.0.1\u200b/",
    "http://[::1%25lo]/",
    "http://[fe80::1%eth0]/",
    "http://[fe80::1%1]/",
    "http://[::1].example.com/",
    "http://[v1.fe80::1]/",
    "http://[127.0.0.1]/",
    "http://[]/",
    "http://example.com:0/",
    "http://127.0.0.1:0/",
    "http://example.com:-1/",
    "http://example.com:65536/",
    "http://example.com:80:80/",
    "http://example.com:8_0/",
    "http://@example.com/",
    "http://:@example.com/",
    "http://example.com@127.0.0.1/",
    "http://example.com:80@169.254.169.254/",
    "http://foo@evil.com:80@127.0.0.1/",
    "http://127.0.0.1@/",
    "http://127.1.1.1:80\\@127.2.2.2:80/",
    "http://1.1.1.1 &@2.2.2.2# @3.3.3.3/",
    "http://example.com%00.127.0.0.1/",
    "http://127.0.0.1%00.example.com/",
    "http://127.0.0.1%2eexample.com/",
    "http://127.0.0.1\x00.example.com/",
    "http://example.com\n.127.0.0.1/",
    "http://%31%32%37.0.0.1/",
    "http://%6c%6f%63alhost/",
    "http://169.254.169.254%2f/",
    "http:127.0.0.1/",
    "http:/127.0.0.1/",
    "http:///127.0.0.1/",
    "http://\\127.0.0.1/",
    "dict://127.0.0.1:11211/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "http://.example.com/",
    "http://example..com/",
    "http://example.com../",
    "http://-example.com/",
    "http://" + "a" * 64 + ".com/",
    "http://" + ".".join(["a" * 60] * 5) + "/",
    "http://exam,ple.com/",
    "http://127.0.0.1,example.com/",
    "http://example.com;127.0.0.1/",
    "http://$(hostname).example.com/",
]


@pytest.fixture(autouse=True)
def deployed_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALLOW_LOOPBACK_TARGETS", raising=False)
    monkeypatch.setattr(outbound, "_settings", outbound.OutboundSettings)


@pytest.mark.parametrize("url", REFUSED)
def test_a_refused_address_is_told_from_its_text(url: str) -> None:
    assert outbound.refusal(url) == "refused_address"
    assert outbound.refusal(url.replace("http:", "HTTPS:")) == "refused_address"


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_url_is_told(url: str) -> None:
    assert outbound.refusal(url) == "bad_url"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hook?a=b&c=%20#d",
        "http://EXAMPLE.com:8080/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://[::ffff:8.8.8.8]/",
        "https://xn--fsqu00a.com/",
        "https://example.com./",
        "https://internal.example.com/",
        "https://local/",
        "https://example.com/a@b?c=@d#@e",
        "https://example.com:443/",
        "https://a_b.example-1.com/",
        "https://1.example.com/",
        "https://127.0.0.1.example.com/",
        "http://8.8.8.8:1/",
        "http://134744072/",
        "http://100.63.255.255/",
        "http://100.128.0.1/",
        "http://172.15.255.255/",
        "http://172.32.0.1/",
        "http://192.167.255.255/",
        "http://223.255.255.255/",
        "http://[64:ff9b::8.8.8.8]/",
        "http://[2001:200::1]/",
        "http://[2a00:1450:4001:81b::200e]/",
    ],
)
def test_a_target_on_the_internet_is_taken(url: str) -> None:
    assert outbound.refusal(url) is None


@pytest.mark.parametrize("url", [url for url in REFUSED if "internal" not in url and "local" not in url])
def test_a_call_to_a_refused_address_opens_no_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(urllib3.util.connection, "create_connection", lambda *given, **_: opened.append(given))
    with pytest.raises(outbound.OutboundError) as caught:
        outbound.send("POST", url, headers={}, body=b"")
    assert caught.value.reason in ("address_refused", "not_resolved")
    assert opened == []


@pytest.mark.parametrize("url", NO_URLS)
def test_a_call_to_no_url_is_refused(url: str) -> None:
    with pytest.raises(outbound.AddressRefused):
        outbound.send("POST", url, headers={})


@pytest.fixture
def local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_settings", lambda: outbound.OutboundSettings(allow_loopback_targets=True))


@pytest.mark.parametrize("url", THIS_MACHINE)
@pytest.mark.usefixtures("local_stack")
def test_the_local_stack_reaches_this_machine(url: str) -> None:
    assert outbound.refusal(url) is None


@pytest.mark.parametrize("url", INSIDE)
@pytest.mark.usefixtures("local_stack")
def test_the_local_stack_reaches_nothing_else_inside(url: str) -> None:
    assert outbound.refusal(url) == "refused_address"


@given(st.text(max_size=100))
def test_no_text_breaks_the_check(text: str) -> None:
    for url in (text, f"http://{text}/", f"https://example.com/{text}"):
        assert outbound.refusal(url) in (None, "bad_url", "refused_address")


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_that_python_calls_special_is_none_of_the_internet(address: Any) -> None:
    if addresses.is_public(address) and address not in ipaddress.ip_network("64:ff9b::/96") and not address.ipv4_mapped:
        assert address.is_global
        assert (address.is_multicast, address.is_reserved, address.is_site_local) == (False, False, False)


@given(st.ip_addresses(v=4).filter(lambda address: not address.is_global or address.is_multicast))
def test_no_spelling_of_an_inner_address_passes(address: Any) -> None:
    number = int(address)
    parts = [int(part) for part in str(address).split(".")]
    spellings = [
        str(address),
        str(number),
        hex(number),
        f"0{number:o}",
        ".".join(hex(part) for part in parts),
        ".".join(f"0{part:o}" for part in parts),
        f"{parts[0]}.{number & 0xFFFFFF}",
        f"{parts[0]}.{parts[1]}.{number & 0xFFFF}",
        f"[::ffff:{address}]",
        f"[::ffff:0:{address}]",
        f"[::{address}]",
        f"[64:ff9b::{address}]",
        f"[64:ff9b:1::{address}]",
        f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]",
    ]
    assert [one for one in spellings if outbound.refusal(f"http://{one}/") is None] == []
