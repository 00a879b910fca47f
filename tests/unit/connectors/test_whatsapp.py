"""WhatsApp, against the Cloud API's documented payloads and signatures."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from hub.connectors import calls
from hub.connectors.protocol import (
    Contact,
    Disabled,
    Heard,
    Inbound,
    Permanent,
    ProviderError,
    StatusChange,
    Temporary,
    Unverified,
)
from hub.connectors.whatsapp import CONNECTOR, WhatsAppConfig, _error
from tests.unit.connectors.callbacks import NOT_READABLE, got, posted

NUMBER = "106540352242922"
SECRET = "whatsapp-app-secret"
CONFIG = WhatsAppConfig(
    phone_number_id=NUMBER, access_token="EAAJB", app_secret=SECRET, verify_token="whatsapp-verify-token"
)
METADATA = {"display_phone_number": "15550783881", "phone_number_id": NUMBER}
CONTACT = {"profile": {"name": "Sheena Nelson"}, "wa_id": "16505551234", "user_id": "US.13491208655302741918"}
TEXT = {
    "from": "16505551234",
    "from_user_id": "US.13491208655302741918",
    "id": "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=",
    "timestamp": "1749416383",
    "type": "text",
    "text": {"body": "Does it come in another color?"},
}
STATUS = {"id": "wamid.HBgLMTY1", "status": "delivered", "timestamp": "1750263773", "recipient_id": "16505551234"}


def payload(metadata: Any = METADATA, **value: Any) -> dict[str, Any]:
    found = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    changes = [{"value": found, "field": "messages"}]
    return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": changes}]}


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"x-hub-signature-256": f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"}


def heard(told: Any) -> Heard:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return CONNECTOR.hear(CONFIG, posted(body, headers=signed(body)))


def test_a_message_is_heard() -> None:
    expected = Inbound(
        TEXT["id"],  # type: ignore[arg-type]
        Contact("+16505551234", "Sheena Nelson"),
        "Does it come in another color?",
        1749416383000,
    )
    assert heard(payload(contacts=[CONTACT], messages=[TEXT])) == Heard([], [expected])


def test_a_person_without_a_number_is_known_by_the_user_id() -> None:
    contact = {"profile": {"name": "Sheena", "username": "sheena"}, "user_id": "US.13491208655302741918"}
    told = {name: value for name, value in TEXT.items() if name != "from"}
    [found] = heard(payload(contacts=[contact], messages=[told])).messages
    assert found.sender == Contact("US.13491208655302741918", "Sheena")


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        ("image", {"caption": "look", "mime_type": "image/jpeg", "sha256": "a=", "id": "1003383421387256"}, "look"),
        ("document", {"filename": "a.pdf", "mime_type": "application/pdf", "id": "7"}, ""),
        ("button", {"payload": "yes", "text": "Yes, please"}, "Yes, please"),
        ("interactive", {"type": "button_reply", "button_reply": {"id": "1", "title": "Yes"}}, "Yes"),
        (
            "interactive",
            {"type": "list_reply", "list_reply": {"id": "1", "title": "Large", "description": "L"}},
            "Large",
        ),
        ("reaction", {"message_id": "wamid.1", "emoji": "👍"}, "👍"),
        ("location", {"latitude": 37.44, "longitude": -122.16, "name": "Philz Coffee"}, ""),
        ("contacts", [{"name": {"formatted_name": "Barbara"}}], ""),
    ],
)
def test_a_message_of_another_kind_is_heard(kind: str, content: Any, text: str) -> None:
    told = {**{name: TEXT[name] for name in ("from", "id", "timestamp")}, "type": kind, kind: content}
    [found] = heard(payload(contacts=[CONTACT], messages=[told])).messages
    assert found.text == text
    assert found.data == {"type": kind, kind: content}


@pytest.mark.parametrize("status", ["sent", "delivered", "read"])
def test_a_status_is_heard(status: str) -> None:
    told = heard(payload(statuses=[{**STATUS, "status": status}]))
    assert told == Heard([StatusChange("wamid.HBgLMTY1", status, 1750263773000)], [])  # type: ignore[arg-type]


def test_a_failure_is_heard_with_its_reason() -> None:
    reason = {
        "code": 131047,
        "title": "Re-engagement message",
        "message": "Re-engagement message",
        "error_data": {"details": "More than 24 hours have passed since the customer last replied to this number."},
    }
    [found] = heard(payload(statuses=[{**STATUS, "status": "failed", "errors": [reason]}])).changes
    assert found.status == "failed"
    assert type(found.error) is Permanent
    assert found.error.code == "131047"
    assert found.error.message.startswith("More than 24 hours")


@pytest.mark.parametrize("errors", [None, [], [{}]])
def test_a_failure_without_a_reason_is_one(errors: Any) -> None:
    [found] = heard(payload(statuses=[{**STATUS, "status": "failed", "errors": errors}])).changes
    assert (found.status, found.error and found.error.code) == ("failed", "failed")


def test_one_that_is_wrong_holds_up_no_other() -> None:
    told = heard(
        payload(
            contacts=[CONTACT],
            messages=[None, {**TEXT, "timestamp": "soon"}, {"type": "text"}, {**TEXT, "from": 5}, TEXT],
            statuses=[{}, 5, {**STATUS, "timestamp": None}, STATUS],
        )
    )
    assert [one.id for one in told.messages] == [TEXT["id"]]
    assert [one.provider_id for one in told.changes] == ["wamid.HBgLMTY1"]


@pytest.mark.parametrize(
    "told",
    [
        payload({**METADATA, "phone_number_id": "999"}, messages=[TEXT]),
        {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "account_update", "value": {}}]}]},
        payload(statuses=[{**STATUS, "status": "warning"}]),
        payload(messages=[{**TEXT, "type": "system", "system": {"type": "user_changed_number"}}]),
        payload(messages=[{**TEXT, "type": "request_welcome"}]),
    ],
    ids=["another number's", "the account's", "a warning", "the system's", "a chat opened"],
)
def test_what_says_nothing_to_us_is_heard_and_empty(told: Any) -> None:
    assert heard(told) == Heard([], [])


@pytest.mark.parametrize("body", [*NOT_READABLE, {"entry": 5}, payload(None), payload(messages=7)])
def test_what_cannot_be_read_holds_up_nothing(body: Any) -> None:
    assert heard(body) == Heard([], [])


def test_the_signature_is_openssls() -> None:
    # printf '%s' '{"object":"page","entry":[]}' | openssl dgst -sha256 -hmac whatsapp-app-secret
    body = b'{"object":"page","entry":[]}'
    signature = "ef0c6a844f4cb02be6dc29e67d96fc7a04bb49b60e06ae05942c957a6a7549c5"
    headers = {"x-hub-signature-256": f"sha256={signature}"}
    assert CONNECTOR.hear(CONFIG, posted(body, headers=headers)) == Heard([], [])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": hashlib.sha256(b"{}").hexdigest()},
        {"x-hub-signature": signed(b"{}")["x-hub-signature-256"]},
        signed(b"{}", "another"),
        signed(b"{ }"),
        {"x-hub-signature-256": signed(b"{}")["x-hub-signature-256"].upper()},
    ],
)
def test_another_signature_is_not_metas(headers: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        CONNECTOR.hear(CONFIG, posted(b"{}", headers=headers))


def test_without_a_secret_nothing_is_metas() -> None:
    config = CONFIG.model_copy(update={"app_secret": ""})
    with pytest.raises(Unverified):
        CONNECTOR.hear(config, posted(b"{}", headers=signed(b"{}", "")))


VERIFICATION = {
    "hub.mode": "subscribe",
    "hub.challenge": "1158201444",
    "hub.verify_token": "whatsapp-verify-token",
}


def test_the_address_is_verified() -> None:
    assert CONNECTOR.hear(CONFIG, got(VERIFICATION)) == Heard(reply="1158201444")


@pytest.mark.parametrize("change", [{"hub.verify_token": "x"}, {"hub.verify_token": ""}, {"hub.mode": "unsubscribe"}])
def test_a_verification_with_another_token_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        CONNECTOR.hear(CONFIG, got({**VERIFICATION, **change}))


def test_without_a_verify_token_no_address_is_verified() -> None:
    with pytest.raises(Unverified):
        CONNECTOR.hear(CONFIG.model_copy(update={"verify_token": ""}), got({**VERIFICATION, "hub.verify_token": ""}))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, Temporary) for code in (1, 2, 4, 80007, 130429, 131000, 131016, 131056, 131057)),
        *((code, Disabled) for code in (0, 10, 190, 200, 299, 368, 131031, 133010)),
        *((code, Permanent) for code in (100, 131026, 131047, 131051, 132000, 132015, 199, 300)),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_the_code_says_what_an_error_is_whatever_the_status(code: int, kind: type[ProviderError], status: int) -> None:
    told = {"message": f"(#{code}) What", "type": "OAuthException", "code": code, "fbtrace_id": "Az8or2"}
    found = _error(calls.Answer(status, {}, b""), told)
    assert type(found) is kind
    assert (found.code, found.message) == (str(code), f"(#{code}) What")


@pytest.mark.parametrize("told", [None, [], "x", {}, {"code": "190"}, {"error_data": "x"}])
def test_an_error_that_makes_no_sense_is_its_status(told: Any) -> None:
    assert type(_error(calls.Answer(500, {}, b"oops"), told)) is Temporary
    assert type(_error(calls.Answer(400, {}, b"oops"), told)) is Permanent
