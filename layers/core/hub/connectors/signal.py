"""Signal, through a signal-cli-rest-api that the operator runs (https://github.com/bbernhard/signal-cli-rest-api).

Signal has no key against a second copy of a message.
"""

import base64
import json
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from pydantic import Field

from hub.connectors import callbacks, calls, files
from hub.connectors.protocol import (
    SECRET,
    Account,
    Callback,
    Config,
    Connector,
    Contact,
    Disabled,
    Heard,
    Inbound,
    Limits,
    Media,
    MediaKind,
    Outgoing,
    Page,
    Permanent,
    ProviderError,
    Record,
    Sent,
    StatusChange,
    Temporary,
    Unverified,
)

MAX_ATTACHMENT = 3 * 1024 * 1024
GROUP = "group."
"""Before the name of a group, as the API takes it: signal-cli's own, in base64 once more."""

_KINDS: dict[str, MediaKind] = {"image": "image", "video": "video", "audio": "audio"}


class SignalConfig(Config):
    """`base_url` is where the API runs; `token` where a proxy before it asks for one; `callback_secret` is in the
    address that it calls back (`?secret=…`), as it signs nothing."""

    base_url: Annotated[str, Field(max_length=2048, pattern=r"^https?://\S+$")]
    number: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{4,14}$")]
    token: Annotated[str, SECRET] = ""
    callback_secret: Annotated[str, SECRET] = ""


class Signal(Connector[SignalConfig]):
    """A number."""

    service_type = "signal"
    config = SignalConfig
    limits: ClassVar[Limits] = Limits(
        text=2000,
        unit="bytes",
        per_second=1,
        files={"image": MAX_ATTACHMENT, "video": MAX_ATTACHMENT, "audio": MAX_ATTACHMENT, "file": MAX_ATTACHMENT},
    )
    abilities: ClassVar = frozenset({"send", "contacts", "records", "callbacks"})

    def test(self, config: SignalConfig) -> Account:
        """`GET /v1/about`, and whether the number is registered there."""
        if "versions" not in _call("GET", config, "/v1/about").fields:
            raise Temporary("bad_answer", "the answer names no versions")
        if config.number not in _list("/v1/accounts", config):
            raise Disabled("unregistered", f"{config.number} is not registered at this signal-cli")
        return Account(config.number, config.number)

    def send(self, config: SignalConfig, message: Outgoing) -> Sent:
        """`POST /v2/send`; the time it answers with is the message's id. A file goes along as it is read now."""
        body: dict[str, Any] = {"number": config.number, "recipients": [message.to], "message": message.text}
        if message.media is not None:
            body["base64_attachments"] = [_attachment(message.media)]
        return Sent(str(_call("POST", config, "/v2/send", body=body).fields["timestamp"]))

    def contacts(self, config: SignalConfig, cursor: str | None) -> Page[Contact]:
        """`GET /v1/contacts/{number}`, all at once."""
        return Page([_contact(one) for one in _listed(config) if _number(one)])

    def records(self, config: SignalConfig, cursor: str | None) -> Page[Record]:
        """The contacts as records."""
        return Page([Record(_number(one), "contact", one) for one in _listed(config) if _number(one)])

    def hear(self, config: SignalConfig, callback: Callback) -> Heard:
        """Read a receipt or a message that signal-cli's json-rpc mode posts."""
        if not callbacks.is_secret(callback.query.get("secret", ""), config.callback_secret):
            raise Unverified
        [heard] = callbacks.readable(lambda body: _heard(config.number, body), [callback.body]) or [Heard()]
        return heard


def _call(method: str, config: SignalConfig, path: str, body: Any = None) -> calls.Answer:
    headers = {"Authorization": f"Bearer {config.token}"} if config.token else {}
    answer = calls.call(method, config.base_url.rstrip("/") + path, body=body, headers=headers)
    if answer.ok:
        return answer
    raise _error(answer)


def _error(answer: calls.Answer) -> ProviderError:
    text = str(answer.fields.get("error", ""))
    if answer.status == 429:
        # A person must solve a captcha: trying again makes it worse.
        return Disabled("429", text or "Signal asks for a captcha")
    if answer.status == 400:
        return Permanent("400", text)
    return calls.refused(answer, answer.status, text)


def _attachment(media: Media) -> str:
    with files.fetched(media, MAX_ATTACHMENT) as file:
        return f"data:{file.type};filename={quote(file.name)};base64,{base64.b64encode(file.content).decode()}"


def _listed(config: SignalConfig) -> list[dict[str, Any]]:
    found = _list(f"/v1/contacts/{quote(config.number)}", config)
    return [one for one in found if isinstance(one, dict)]


def _list(path: str, config: SignalConfig) -> list[Any]:
    found = _call("GET", config, path).json
    if not isinstance(found, list):
        raise Temporary("bad_answer", "the answer is no list")
    return found


def _number(one: dict[str, Any]) -> str:
    return str(one.get("number") or one.get("uuid") or "")


def _contact(one: dict[str, Any]) -> Contact:
    return Contact(_number(one), str(one.get("name") or one.get("profile_name") or ""))


def _heard(number: str, body: bytes) -> Heard | None:
    """What signal-cli's `receive` tells; `None` for what it tells another of its numbers, and what is no message."""
    told = json.loads(body)
    received = told.get("params") or told
    received = received.get("result") or received
    if received.get("account", number) != number:
        return None
    envelope = received["envelope"]
    if receipt := envelope.get("receiptMessage"):
        return Heard(changes=_changes(receipt, int(envelope["timestamp"])))
    message = envelope.get("dataMessage")
    if not message or not (message.get("message") or message.get("attachments")):
        return None
    return Heard(messages=[_inbound(envelope, message)])


def _changes(receipt: dict[str, Any], at: int) -> list[StatusChange]:
    is_read = receipt.get("isRead") or receipt.get("isViewed")
    return [StatusChange(str(one), "read" if is_read else "delivered", at) for one in receipt["timestamps"]]


def _inbound(envelope: dict[str, Any], message: dict[str, Any]) -> Inbound:
    """A message; one of a group comes from the group, which is where an answer belongs."""
    person = envelope.get("sourceNumber") or envelope.get("sourceUuid") or envelope["source"]
    at = int(message["timestamp"])
    group = message.get("groupInfo")
    sender = GROUP + base64.b64encode(group["groupId"].encode()).decode() if group else str(person)
    attached = message.get("attachments") or []
    kind = _kind(attached[0]) if attached else "text"
    return Inbound(
        id=f"{person}:{at}",
        sender=Contact(sender, str(envelope.get("sourceName") or "")),
        text=message.get("message") or "",
        at=at,
        data={"type": kind, "attachments": attached} if attached else {},
    )


def _kind(attachment: dict[str, Any]) -> MediaKind:
    family = str(attachment.get("contentType", "")).partition("/")[0]
    return _KINDS.get(family, "file")


CONNECTOR = Signal()
