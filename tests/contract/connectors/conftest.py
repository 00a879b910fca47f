"""What tests of connectors share: a provider on loopback, which the guarded way out may reach."""

from collections.abc import Iterator

import pytest

from hub import outbound
from tests.contract.connectors.fakes import Fake


@pytest.fixture(autouse=True)
def loopback_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls to this machine pass, as the local stack does."""
    monkeypatch.setattr(outbound, "_settings", lambda: outbound.OutboundSettings(allow_loopback_targets=True))


@pytest.fixture
def provider() -> Iterator[Fake]:
    """A provider that gives no answers yet."""
    with Fake() as fake:
        yield fake


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait 0.3 s for an answer instead of 10."""
    send = outbound.send
    monkeypatch.setattr(outbound, "send", lambda *call, **more: send(*call, **{**more, "seconds": 0.3}))
