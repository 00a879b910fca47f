"""The only way out: which addresses are refused, in every spelling, and that the address checked is the one used."""

import socket
from collections.abc import Sequence
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from hub import outbound

REFUSED = [
    # This machine.
    "http://127.0.0.1/",
    "http://127.1/",
    "http://%31%32%37.0.0.1/",
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
    "http://[::127.0.0.1]/",
    "http://localhost/",
    "http://LOCALHOST:8080/",
    "http://localhost./",
    "http://api.localhost/",
    "http://0.0.0.0/",
    "http://0/",
    "http://[::]/",
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
    "http://metadata.google.internal/",
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
]
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
]


@pytest.fixture(autouse=True)
def deployed_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALLOW_LOOPBACK_TARGETS", raising=False)
    monkeypatch.setattr(outbound, "_settings", outbound.OutboundSettings)


class Connections:
    """Stands for the network: names lead where the test says, and every connection is noted instead of made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str | Sequence[str]) -> None:
        self.looked_up: list[str] = []
        self.opened: list[str] = []
        self._answers = [[one] if isinstance(one, str) else list(one) for one in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)
        monkeypatch.setattr(urllib3.util.connection, "create_connection", self._open)
        monkeypatch.setattr(outbound, "_pools", urllib3.PoolManager)

    def _look_up(self, host: str, port: int, **_: Any) -> list[Any]:
        self.looked_up.append(host)
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        kinds = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in found]
        return [(kind, socket.SOCK_STREAM, 6, "", (address, port)) for kind, address in zip(kinds, found, strict=True)]

    def _open(self, address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        self.opened.append(address[0])
        raise ConnectionRefusedError


@pytest.mark.parametrize("url", REFUSED)
def test_a_refused_address_is_told_from_its_text(url: str) -> None:
    assert outbound.refusal(url) in ("refused_address", "bad_url")
    assert outbound.refusal(url.replace("http:", "HTTPS:")) in ("refused_address", "bad_url")


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


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["10.0.0.1"],
        ["::1"],
        ["fe80::1%eth0"],
        ["::ffff:10.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["2606:4700:4700::1111", "fd00::1"],
        [],
    ],
)
def test_a_name_that_leads_inside_is_refused_when_any_address_does(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Connections(monkeypatch, addresses)
    with pytest.raises(outbound.AddressRefused):
        outbound.send("POST", "https://example.com/", headers={})
    assert network.opened == []


def test_a_name_is_looked_up_once_and_the_address_checked_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Connections(monkeypatch, "8.8.8.8", "169.254.169.254")
    with pytest.raises(outbound.OutboundError) as caught:
        outbound.send("POST", "http://rebinding.example.com/", headers={})
    assert caught.value.reason == "unreachable"
    assert (network.looked_up, network.opened) == (["rebinding.example.com"], ["8.8.8.8"])
    with pytest.raises(outbound.AddressRefused):
        outbound.send("POST", "http://rebinding.example.com/", headers={})
    assert network.opened == ["8.8.8.8"], "the second look-up led inside, and nothing was opened"


def test_ipv4_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Connections(monkeypatch, ["2606:4700:4700::1111", "8.8.8.8"])
    with pytest.raises(outbound.OutboundError):
        outbound.send("POST", "http://example.com/", headers={})
    assert network.opened == ["8.8.8.8"]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long"), TimeoutError()])
def test_a_name_without_an_address_is_told(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(outbound.NotResolved) as caught:
        outbound.send("POST", "http://example.com/", headers={})
    assert caught.value.reason == "not_resolved"


def test_the_local_stack_reaches_this_machine_and_nothing_else_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_settings", lambda: outbound.OutboundSettings(allow_loopback_targets=True))
    for url in ("http://127.0.0.1:9000/", "http://localhost/", "http://[::1]/", "http://127.1/"):
        assert outbound.refusal(url) is None
    for url in (
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://[fe80::1]/",
        "http://0.0.0.0/",
        "http://a.local/",
    ):
        assert outbound.refusal(url) == "refused_address"


@given(st.text(max_size=100))
def test_no_text_breaks_the_check(text: str) -> None:
    for url in (text, f"http://{text}/", f"https://example.com/{text}"):
        assert outbound.refusal(url) in (None, "bad_url", "refused_address")


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
