"""WhatsApp, by Meta's Cloud API (https://developers.facebook.com/docs/whatsapp/cloud-api)."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub.connectors import calls
from hub.connectors.protocol import (
    SECRET,
    Account,
    ApiConfig,
    Callback,
    Connector,
    Contact,
    Disabled,
    Heard,
    Inbound,
    Limits,
    Outgoing,
    Permanent,
    ProviderError,
    Sent,
    Status,
    StatusChange,
    Temporary,
    Unverified,
)

API = "https://graph.facebook.com/v25.0"

_MEDIA = {"image": "image", "video": "video", "audio": "audio", "file": "document"}
_STATUSES: dict[str, Status] = {"sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed"}

# https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
_TEMPORARY = frozenset({1, 2, 4, 80007, 130429, 131000, 131016, 131056, 131057, 133004})
_DISABLED = frozenset({0, 10, 190, 368, *range(200, 300)})


class WhatsAppConfig(ApiConfig):
    """`phone_number_id` sends; `verify_token` and `app_secret` check what Meta calls back."""

    phone_number_id: Annotated[str, Field(pattern=r"^[0-9]{1,32}$")]
    access_token: Annotated[str, SECRET]
    app_secret: Annotated[str, SECRET] = ""
    verify_token: Annotated[str, SECRET] = ""
    phone_number: Annotated[str, Field(max_length=32)] = ""


class WhatsApp(Connector[WhatsAppConfig]):
    """A business's number: it writes to people who wrote within a day, or by templates."""

    service_type = "whatsapp"
    config = WhatsAppConfig
    limits: ClassVar[Limits] = Limits(text=4096, per_second=80, per_second_each=1 / 6)
    abilities: ClassVar = frozenset({"send", "callbacks"})

    def test(self, config: WhatsAppConfig) -> Account:
        """`GET /{phone_number_id}`."""
        found = _call("GET", config, config.phone_number_id, query={"fields": "display_phone_number,verified_name"})
        return Account(str(found.get("display_phone_number", config.phone_number_id)), found.get("verified_name", ""))

    def send(self, config: WhatsAppConfig, message: Outgoing) -> Sent:
        """`POST /{phone_number_id}/messages`; `options["template"]` is a template object, sent as it stands."""
        body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": message.to, **_content(message)}
        found = _call("POST", config, f"{config.phone_number_id}/messages", body=body)
        try:
            return Sent(str(found["messages"][0]["id"]))
        except (KeyError, IndexError, TypeError) as error:
            raise Temporary("bad_answer", "the answer names no message") from error

    def hear(self, config: WhatsAppConfig, callback: Callback) -> Heard:
        """Answer the verification of the address, or read statuses and messages."""
        if callback.method == "GET":
            return _verification(config, callback)
        expected = hmac.new(config.app_secret.encode(), callback.body, hashlib.sha256).hexdigest()
        given = callback.headers.get("x-hub-signature-256", "")
        if not config.app_secret or not hmac.compare_digest(given.encode(), f"sha256={expected}".encode()):
            raise Unverified
        try:
            values = list(_values(json.loads(callback.body), config.phone_number_id))
            changes = [_change(told) for value in values for told in value.get("statuses", []) if _is_known(told)]
            messages = [_inbound(told, value) for value in values for told in value.get("messages", [])]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Unverified from error
        return Heard(changes, messages)


def _content(message: Outgoing) -> dict[str, Any]:
    if "template" in message.options:
        return {"type": "template", "template": message.options["template"]}
    if message.media is None:
        return {"type": "text", "text": {"body": message.text, "preview_url": False}}
    kind = _MEDIA[message.media.kind]
    media: dict[str, Any] = {"link": message.media.url}
    if message.text and kind != "audio":
        media["caption"] = message.text
    if kind == "document" and message.media.name:
        media["filename"] = message.media.name
    return {"type": kind, kind: media}


def _call(
    method: str, config: WhatsAppConfig, path: str, *, query: dict[str, str] | None = None, body: Any = None
) -> dict[str, Any]:
    address = f"{calls.base(config.base_url, API)}/{path}"
    headers = {"Authorization": f"Bearer {config.access_token}"}
    answer = calls.call(method, address, query=query, body=body, headers=headers)
    told = answer.fields
    if answer.ok and "error" not in told:
        return told
    raise _error(answer, told.get("error"))


def _error(answer: calls.Answer, told: Any) -> ProviderError:
    if not isinstance(told, dict):
        return calls.refused(answer)
    details = told.get("error_data")
    more = details.get("details", "") if isinstance(details, dict) else ""
    return _coded(told.get("code"), str(more or told.get("message", ""))) or calls.refused(
        answer, told.get("code"), told.get("message")
    )


def _coded(code: Any, text: str) -> ProviderError | None:
    """What one of the API's own codes means."""
    if not isinstance(code, int):
        return None
    if code in _TEMPORARY:
        return Temporary(str(code), text)
    return Disabled(str(code), text) if code in _DISABLED else Permanent(str(code), text)


def _verification(config: WhatsAppConfig, callback: Callback) -> Heard:
    given = callback.query.get("hub.verify_token", "")
    if not config.verify_token or not hmac.compare_digest(given.encode(), config.verify_token.encode()):
        raise Unverified
    return Heard(reply=callback.query.get("hub.challenge", "")[:256])


def _values(told: dict[str, Any], phone_number_id: str) -> Iterator[dict[str, Any]]:
    """What is told of this number: an app's callbacks tell of all of its numbers."""
    for entry in told["entry"]:
        for change in entry["changes"]:
            value = change["value"]
            if change.get("field") == "messages" and value["metadata"]["phone_number_id"] == phone_number_id:
                yield value


def _is_known(told: dict[str, Any]) -> bool:
    return told["status"] in _STATUSES


def _change(told: dict[str, Any]) -> StatusChange:
    errors = told.get("errors") or [{}]
    first = errors[0]
    text = str(first.get("message") or first.get("title", ""))
    error = _coded(first.get("code"), text) if told["status"] == "failed" else None
    return StatusChange(told["id"], _STATUSES[told["status"]], int(told["timestamp"]) * 1000, error)


def _inbound(told: dict[str, Any], value: dict[str, Any]) -> Inbound:
    names = {contact.get("wa_id"): contact.get("profile", {}).get("name", "") for contact in value.get("contacts", [])}
    kind = told["type"]
    content = told.get(kind) if isinstance(told.get(kind), dict) else {}
    text = content.get("body") or content.get("caption") or "" if content else ""
    return Inbound(
        id=told["id"],
        sender=Contact(told["from"], names.get(told["from"], "")),
        text=text,
        at=int(told["timestamp"]) * 1000,
        data={"type": kind, kind: content} if kind != "text" else {},
    )


CONNECTOR = WhatsApp()
