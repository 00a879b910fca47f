"""Where names lead: every address is checked at every attempt, and the one that was checked is the one used."""

import socket
from collections.abc import Sequence
from typing import Any

import pytest
import urllib3

from hub import outbound


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
        monkeypatch.setattr(outbound, "pools", urllib3.PoolManager)

    def _look_up(self, host: str, port: int, **_: Any) -> list[Any]:
        self.looked_up.append(host)
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        kinds = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in found]
        return [(kind, socket.SOCK_STREAM, 6, "", (address, port)) for kind, address in zip(kinds, found, strict=True)]

    def _open(self, address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        self.opened.append(address[0])
        raise ConnectionRefusedError


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["10.0.0.1"],
        ["::1"],
        ["fe80::1%eth0"],
        ["169.254.100.1"],
        ["0.0.0.0"],
        ["100.64.0.1"],
        ["::"],
        ["::127.0.0.1"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["64:ff9b:1::a9fe:a9fe"],
        ["2002:7f00:1::"],
        ["2001:0:4136:e378:8000:63bf:5601:5601"],
        ["fd00:ec2::254"],
        ["8.8.8.8", "8.8.4.4", "127.0.0.1"],
        ["10.0.0.1", "8.8.8.8"],
        ["8.8.8.8", "::1"],
        ["8.8.8.8", "64:ff9b::10.0.0.1"],
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


def test_a_name_that_turns_inside_between_two_attempts_is_refused_at_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Connections(monkeypatch, "8.8.8.8", ["8.8.8.8", "127.0.0.1"], "1.1.1.1")
    reasons = []
    for _ in range(3):
        with pytest.raises(outbound.OutboundError) as caught:
            outbound.send("POST", "https://rebinding.example.com/", headers={})
        reasons.append(caught.value.reason)
    assert reasons == ["unreachable", "address_refused", "unreachable"]
    assert network.opened == ["8.8.8.8", "1.1.1.1"]


def test_a_look_up_that_takes_all_the_time_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Connections(monkeypatch, "8.8.8.8")
    with pytest.raises(outbound.TimedOut):
        outbound.send("POST", "http://example.com/", headers={}, seconds=0)
    assert (network.looked_up, network.opened) == (["example.com"], [])


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


@pytest.fixture
def local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_settings", lambda: outbound.OutboundSettings(allow_loopback_targets=True))


@pytest.mark.parametrize(
    ("led_to", "opened"),
    [
        (["127.0.0.1"], ["127.0.0.1"]),
        (["127.0.0.1", "::1"], ["127.0.0.1"]),
        (["10.0.0.1"], []),
        (["127.0.0.1", "10.0.0.1"], []),
        (["127.0.0.1", "169.254.169.254"], []),
        (["0.0.0.0"], []),
    ],
)
@pytest.mark.usefixtures("local_stack")
def test_a_name_leads_the_local_stack_to_this_machine_alone(
    led_to: list[str], opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Connections(monkeypatch, led_to)
    with pytest.raises(outbound.OutboundError) as caught:
        outbound.send("POST", "http://receiver.example.com/", headers={})
    assert network.opened == opened
    assert caught.value.reason == ("unreachable" if opened else "address_refused")
