"""Trouble on the way to any provider: what is no answer of the provider's may be tried again, and is told as such."""

from collections.abc import Callable
from typing import Any

import pytest

from hub import outbound
from hub.connectors import SERVICE_TYPES, connector, tokens
from hub.connectors.protocol import Disabled, Outgoing, Permanent, ProviderError, Temporary
from tests.contract.connectors.fakes import CLOSED_EARLY, GARBAGE, OUT_OF_ORDER, SILENT, Fake, Reply, told
from tests.unit.connectors.configs import CONFIGS

TYPES = [one for one in SERVICE_TYPES if one != "http"]
"""A service of one's own may answer what it likes: `test_http` has its troubles."""
ADDRESSES = {"discord": ("webhook_url", "/api/webhooks/1/token")}
"""Where a config says the provider is, if not as `base_url`."""
NOT_REPEATED = frozenset({"timed_out", "closed_early", "bad_answer", "500", "502"})
"""What may have made an issue of Jira's."""

Call = Callable[[Any, Any], Any]


def sending(found: Any, config: Any) -> Any:
    """Send a text."""
    return found.send(config, Outgoing("msg_1", "EX-1" if found.service_type == "jira" else "1", "text"))


def asking(found: Any, config: Any) -> Any:
    """Ask who we are."""
    return found.test(config)


def editing(found: Any, config: Any) -> Any:
    """Edit a message."""
    return found.edit(config, Outgoing("msg_1", "1", "text"), _id(found))


def deleting(found: Any, config: Any) -> Any:
    """Take a message back."""
    return found.delete(config, _id(found))


def looking_around(found: Any, config: Any) -> Any:
    """List what can be written to."""
    own = {"chat_id": "1"} if found.service_type == "telegram" else {}
    return found.targets(config.model_copy(update=own), None)


def _id(found: Any) -> str:
    """A message's id, as the provider's are."""
    return "om_1" if found.service_type == "feishu" else "1:2"


ABILITIES = {sending: "send", editing: "edit", deleting: "delete", looking_around: "targets"}
CASES = [
    pytest.param(call, one, id=f"{one}-{call.__name__}")
    for call in (sending, asking, editing, deleting, looking_around)
    for one in TYPES
    if call is asking or ABILITIES[call] in connector(one).abilities
]
every_call = pytest.mark.parametrize(("call", "service_type"), CASES)


@pytest.fixture(autouse=True)
def _no_token_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_kept", {})


def expected(call: Call, service_type: str, code: str) -> type[ProviderError]:
    """The error that a trouble becomes."""
    return Permanent if service_type == "jira" and call is sending and code in NOT_REPEATED else Temporary


def attempt(call: Call, service_type: str, base_url: str) -> ProviderError:
    """The error that a call ends with; the first answer that WeChat gets is the token's, as for all others."""
    found = connector(service_type)
    field, path = ADDRESSES.get(service_type, ("base_url", ""))
    config = found.config.model_validate({**CONFIGS[service_type], field: base_url + path})
    with pytest.raises(ProviderError) as caught:
        call(found, config)
    for name, value in CONFIGS[service_type].items():
        assert name in ("number", "base_url") or str(value) not in caught.value.message, "an error tells no config"
    return caught.value


@every_call
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (CLOSED_EARLY, "closed_early"),
        (GARBAGE, "bad_answer"),
        (Reply(), "bad_answer"),
        (told("[]"), "bad_answer"),
        (told("null"), "bad_answer"),
        (told('"ok"'), "bad_answer"),
        (told("{}"), "bad_answer"),
        (OUT_OF_ORDER, "502"),
        (Reply(503), "503"),
        (Reply(500, b"\xff\xfe"), "500"),
    ],
    ids=["closed early", "a page", "nothing", "a list", "null", "a text", "no fields", "502", "503", "500"],
)
def test_what_is_no_answer_may_be_tried_again(
    provider: Fake, call: Call, service_type: str, reply: Reply, code: str
) -> None:
    provider.will(reply, reply)
    found = attempt(call, service_type, provider.url)
    assert (type(found), found.code) == (expected(call, service_type, code), code)


@every_call
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("odd", ["[]", "{}", "1.5", "true"])
def test_whatever_an_answer_says_is_an_error_of_the_providers(
    provider: Fake, call: Call, service_type: str, status: int, odd: str
) -> None:
    names = ("ok", "error", "error_code", "code", "errcode", "errmsg", "message", "msg", "errors", "parameters")
    body = "{" + ", ".join(f'"{name}": {odd}' for name in (*names, "retry_after", "errorMessages", "expires_in")) + "}"
    provider.will(told(body, status), told(body, status))
    attempt(call, service_type, provider.url)


@every_call
@pytest.mark.usefixtures("impatient")
def test_an_answer_that_does_not_come_times_out(provider: Fake, call: Call, service_type: str) -> None:
    provider.will(SILENT)
    found = attempt(call, service_type, provider.url)
    assert (type(found), found.code) == (expected(call, service_type, "timed_out"), "timed_out")
    assert len(provider.asked) == 1


@every_call
def test_a_wait_that_a_gateway_asks_for_is_kept(provider: Fake, call: Call, service_type: str) -> None:
    provider.will(Reply(503, b"", {"Retry-After": "120"}))
    found = attempt(call, service_type, provider.url)
    assert isinstance(found, Temporary)
    assert found.retry_at is not None


@every_call
def test_nobody_listening_may_be_tried_again(call: Call, service_type: str) -> None:
    with Fake() as gone:
        address = gone.url
    found = attempt(call, service_type, address)
    assert (type(found), found.code) == (Temporary, "unreachable")


@every_call
def test_an_address_inside_is_never_called(
    provider: Fake, call: Call, service_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "_settings", outbound.OutboundSettings)
    found = attempt(call, service_type, provider.url)
    assert (type(found), found.code) == (Disabled, "address_refused")
    assert not provider.asked
