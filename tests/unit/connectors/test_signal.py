"""Signal, against what signal-cli's json-rpc mode posts (signal-cli-jsonrpc(5); signal-cli-rest-api's sources)."""

import base64
from typing import Any

import pytest

from hub.connectors import calls
from hub.connectors.protocol import Contact, Disabled, Heard, Inbound, Permanent, ProviderError, StatusChange, Temporary
from hub.connectors.protocol import Unverified as Refused
from hub.connectors.signal import CONNECTOR, SignalConfig, _error
from tests.unit.connectors.callbacks import NOT_READABLE, posted

SECRET = "signal-callback-secret"
CONFIG = SignalConfig(base_url="http://signal:8080", number="+4915112345678", callback_secret=SECRET)
ENVELOPE = {
    "source": "+431212131491291",
    "sourceNumber": "+431212131491291",
    "sourceUuid": "0cc10e61-d64c-4dbc-b51c-334f7dd45a4a",
    "sourceName": "Sheena",
    "sourceDevice": 2,
    "timestamp": 1708285141830,
}
TEXT = {"timestamp": 1708285141000, "message": "Hello", "expiresInSeconds": 0, "viewOnce": False}
# https://github.com/bbernhard/signal-cli-rest-api/issues/52
PICTURE = {"contentType": "image/jpeg", "filename": None, "id": "pwtcq-xxxx", "size": 366267}


def heard(told: Any, secret: str | None = SECRET) -> Heard:
    return CONNECTOR.hear(CONFIG, posted(told, query={} if secret is None else {"secret": secret}))


def received(account: str = CONFIG.number, **envelope: Any) -> dict[str, Any]:
    params = {"envelope": {**ENVELOPE, **envelope}, "account": account}
    return {"jsonrpc": "2.0", "method": "receive", "params": params}


def test_a_message_is_heard() -> None:
    expected = Inbound("+431212131491291:1708285141000", Contact("+431212131491291", "Sheena"), "Hello", 1708285141000)
    assert heard(received(dataMessage=TEXT)) == Heard(messages=[expected])


def test_a_message_of_a_subscription_is_heard() -> None:
    told = received(dataMessage=TEXT)
    told["params"] = {"subscription": 0, "result": told["params"]}
    assert heard(told) == heard(received(dataMessage=TEXT))


def test_who_hides_their_number_is_known_by_the_uuid() -> None:
    uuid = "0cc10e61-d64c-4dbc-b51c-334f7dd45a4a"
    [found] = heard(received(dataMessage=TEXT, sourceNumber=None, source=uuid, sourceName=None)).messages
    assert found.sender == Contact(uuid, "")


def test_a_picture_is_heard() -> None:
    [found] = heard(received(dataMessage={**TEXT, "message": None, "attachments": [PICTURE]})).messages
    assert found.text == ""
    assert found.data == {"type": "image", "attachments": [PICTURE]}


def test_a_groups_message_comes_from_the_group() -> None:
    group = {"groupId": "Pmpi+EfPWmsxiomLe9Nx2XF9HOE483p6iKiFj65iMwI=", "type": "DELIVER"}
    [found] = heard(received(dataMessage={**TEXT, "groupInfo": group})).messages
    prefix, _, name = found.sender.id.partition(".")
    assert (prefix, base64.b64decode(name).decode()) == ("group", group["groupId"])
    assert found.id == "+431212131491291:1708285141000"


# https://github.com/bbernhard/signal-cli-rest-api/issues/487
@pytest.mark.parametrize(("kind", "status"), [("isDelivery", "delivered"), ("isRead", "read"), ("isViewed", "read")])
def test_a_receipt_is_heard(kind: str, status: Any) -> None:
    flags = {"isDelivery": False, "isRead": False, "isViewed": False, kind: True}
    receipt = {"when": 1708285141830, **flags, "timestamps": [1708285134389, 1708285134390]}
    assert heard(received(receiptMessage=receipt)).changes == [
        StatusChange("1708285134389", status, 1708285141830),
        StatusChange("1708285134390", status, 1708285141830),
    ]


@pytest.mark.parametrize(
    "told",
    [
        received("+4900000000000", dataMessage=TEXT),
        received(typingMessage={"action": "STARTED", "timestamp": 1708285141830}),
        received(syncMessage={"sentMessage": {"message": "from another device of ours"}}),
        received(dataMessage={**TEXT, "message": None, "reaction": {"emoji": "👍"}}),
        received(),
    ],
    ids=["another number's", "typing", "our own", "a reaction", "nothing"],
)
def test_what_says_nothing_to_us_is_heard_and_empty(told: Any) -> None:
    assert heard(told) == Heard()


@pytest.mark.parametrize(
    "body",
    [
        *NOT_READABLE,
        {"params": 5},
        {"params": {"envelope": None}},
        received(dataMessage=5),
        received(dataMessage={"message": "a"}),
        received(receiptMessage={"isRead": True}),
        received(dataMessage={**TEXT, "attachments": 5}),
    ],
)
def test_what_cannot_be_read_holds_up_nothing(body: Any) -> None:
    assert heard(body) == Heard()


@pytest.mark.parametrize("secret", [None, "", "x", SECRET + "x", SECRET[:-1]])
def test_another_secret_is_not_ours(secret: str | None) -> None:
    with pytest.raises(Refused):
        heard(received(dataMessage=TEXT), secret)


@pytest.mark.parametrize("query", [{}, {"secret": ""}])
def test_without_a_secret_nothing_is_heard(query: dict[str, str]) -> None:
    with pytest.raises(Refused):
        CONNECTOR.hear(CONFIG.model_copy(update={"callback_secret": ""}), posted(received(), query=query))


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, b'{"error":"Unregistered user +4915100000000"}', Permanent, "Unregistered user +4915100000000"),
        (429, b'{"error":"Rate limit","challenge_tokens":["a"],"account":"+49"}', Disabled, "Rate limit"),
        (401, b"", Disabled, ""),
        (500, b'{"error":"Couldn\'t get list of accounts"}', Temporary, "Couldn't get list of accounts"),
        (502, b"<html>", Temporary, "<html>"),
    ],
)
def test_an_error_is_what_it_says(status: int, body: bytes, kind: type[ProviderError], words: str) -> None:
    found = _error(calls.Answer(status, {}, body))
    assert type(found) is kind
    assert (found.code, found.message) == (str(status), words)


@pytest.mark.parametrize("number", ["", "4915112345678", "+0151", "+49 151", "+49151x", "group.abc"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="number"):
        SignalConfig(base_url="http://signal:8080", number=number)
