"""WhatsApp, by Meta's Cloud API (https://developers.facebook.com/docs/whatsapp/cloud-api).

WhatsApp has no key against a second copy of a message, and fetches media by their address itself.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub.connectors import callbacks, calls
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
    StatusChange,
    Temporary,
    Unverified,
)
from hub.outcomes import Status

API = "https://graph.facebook.com/v25.0"

_MEDIA = {"image": "image", "video": "video", "audio": "audio", "file": "document"}
_STATUSES: dict[str, Status] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "failed": "failed",
}
_USER_ID = re.compile(r"[A-Z]{2}\.")
"""How a business-scoped user id begins: who goes by a user name may have no number that we are told."""

# https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
_TEMPORARY = frozenset({1, 2, 4, 80007, 130429, 131000, 131016, 131056, 131057, 133004})
_DISABLED = frozenset({0, 3, 10, 33, 190, 368, 131005, 131031, 131042, 131045, 133010, *range(200, 300)})


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
    limits: ClassVar[Limits] = Limits(
        text=4096, caption=1024, per_second=80, per_second_each=1 / 6, uncaptioned=frozenset({"audio"})
    )
    abilities: ClassVar = frozenset({"send", "callbacks"})

    def test(self, config: WhatsAppConfig) -> Account:
        """`GET /{phone_number_id}`."""
        found = _call("GET", config, config.phone_number_id, query={"fields": "display_phone_number,verified_name"})
        return Account(str(found["display_phone_number"]), str(found.get("verified_name", "")))

    def send(self, config: WhatsAppConfig, message: Outgoing) -> Sent:
        """`POST /{phone_number_id}/messages`; `options["template"]` is a template object, sent as it stands."""
        receiver = "recipient" if _USER_ID.match(message.to) else "to"
        body = {"messaging_product": "whatsapp", "recipient_type": "individual", receiver: message.to}
        found = _call("POST", config, f"{config.phone_number_id}/messages", body={**body, **_content(message)})
        with calls.reading():
            return Sent(str(found["messages"][0]["id"]))

    def hear(self, config: WhatsAppConfig, callback: Callback) -> Heard:
        """Answer the verification of the address, or read statuses and messages."""
        if callback.method == "GET":
            return _verification(config, callback)
        given = callback.headers.get("x-hub-signature-256", "")
        if not callbacks.is_signed(callback.body, config.app_secret, given):
            raise Unverified
        number = config.phone_number_id
        [(statuses, messages)] = callbacks.readable(lambda body: _parts(body, number), [callback.body]) or [([], [])]
        return Heard(callbacks.readable(_change, statuses), callbacks.readable(_inbound, messages))


def _content(message: Outgoing) -> dict[str, Any]:
    if "template" in message.options:
        return {"type": "template", "template": message.options["template"]}
    if message.media is None:
        return {"type": "text", "text": {"body": message.text, "preview_url": False}}
    kind = _MEDIA[message.media.kind]
    if message.text and message.media.kind in WhatsApp.limits.uncaptioned:
        raise Permanent("no_caption", f"WhatsApp sends no text with {kind}")
    media: dict[str, Any] = {"link": message.media.url}
    if message.text:
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
    return _coded(told.get("code"), _words(told)) or calls.refused(answer, told.get("code"), told.get("message"))


def _words(told: Mapping[str, Any]) -> str:
    """What an error says: its details, where it has some."""
    details = told.get("error_data")
    more = details.get("details") if isinstance(details, dict) else None
    return str(more or told.get("message") or told.get("title") or "")


def _coded(code: Any, text: str) -> ProviderError | None:
    """What one of the API's own codes means."""
    if not isinstance(code, int):
        return None
    if code in _TEMPORARY:
        return Temporary(str(code), text)
    return Disabled(str(code), text) if code in _DISABLED else Permanent(str(code), text)


def _verification(config: WhatsAppConfig, callback: Callback) -> Heard:
    given = callback.query.get("hub.verify_token", "")
    if callback.query.get("hub.mode") != "subscribe" or not callbacks.is_secret(given, config.verify_token):
        raise Unverified
    return Heard(reply=callback.query.get("hub.challenge", "")[:256])


Part = tuple[dict[str, Any], dict[str, Any]]
"""A status or a message, and the value that it stands in."""


def _parts(body: bytes, phone_number_id: str) -> tuple[list[Part], list[Part]]:
    """The statuses and the messages of this number: an app's callbacks tell of all of its numbers."""
    changes = [change for entry in json.loads(body)["entry"] for change in entry["changes"]]
    values = [change["value"] for change in changes if change.get("field") == "messages"]
    own = [value for value in values if value["metadata"]["phone_number_id"] == phone_number_id]
    statuses = [(told, value) for value in own for told in value.get("statuses") or ()]
    return statuses, [(told, value) for value in own for told in value.get("messages") or ()]


def _change(part: Part) -> StatusChange | None:
    told, _ = part
    status = _STATUSES.get(told["status"])
    if status is None:
        return None
    error = None
    if status == "failed":
        first = (told.get("errors") or [{}])[0]
        text = _words(first) or "WhatsApp does not say why"
        error = _coded(first.get("code"), text) or Permanent(str(first.get("code", "failed")), text)
    return StatusChange(str(told["id"]), status, int(told["timestamp"]) * 1000, error)


def _inbound(part: Part) -> Inbound | None:
    """A message of a person; `None` for what WhatsApp itself tells of one: a new number, a chat that was opened."""
    told, value = part
    kind = told["type"]
    if kind in ("system", "request_welcome"):
        return None
    sender = told.get("from") or told["from_user_id"]
    names = {
        known: contact.get("profile", {}).get("name", "")
        for contact in value.get("contacts") or ()
        for known in (contact.get("user_id"), contact.get("wa_id"))
    }
    content = told.get(kind)
    return Inbound(
        id=str(told["id"]),
        sender=Contact(sender if _USER_ID.match(sender) else f"+{sender.removeprefix('+')}", names.get(sender, "")),
        text=_text(content) if isinstance(content, dict) else "",
        at=int(told["timestamp"]) * 1000,
        data={"type": kind, kind: content} if kind != "text" else {},
    )


def _text(content: Mapping[str, Any]) -> str:
    """What of a message can be read: its text, its caption, the button or the line of a list that was chosen."""
    chosen = content.get("button_reply") or content.get("list_reply") or {}
    found = (
        content.get("body"),
        content.get("caption"),
        content.get("text"),
        content.get("emoji"),
        chosen.get("title"),
    )
    return next((str(one) for one in found if one), "")


CONNECTOR = WhatsApp()
