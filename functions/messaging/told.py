"""What platforms told us, as it goes over MessagingHeardQueue: one status, one message or one move each.

Whatever a platform sends is cut to what SQS, the table and the bus take, and what can be none of ours is left out: so a
message of this queue that cannot be read is a fault of ours.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from functions.messaging.platforms import Platform
from hub.connectors.protocol import Inbound
from hub.outcomes import Status, Trouble
from hub.store import keys
from hub.telemetry import count
from hub.web.validation import refused

MAX_ID = 128
MAX_NAME = 255
MAX_URL = 2048
MAX_TEXT = 16_000
"""Characters. The longest that a platform documents are Telegram's and WhatsApp's 4,096; of a character come seven
bytes at most, and an event has 256 KB."""

MAX_DATA_BYTES = 64_000
LATEST_MS = 253_402_300_799_000
"""The end of the year 9999: no clock is later, and no time beyond it can be written."""


def printable(value: str) -> str:
    """Refuse an id that no key and no cursor could hold, as a validator of a field does."""
    if not value.isprintable():
        raise refused("malformed")
    return value


class _Told(BaseModel):
    """A part of a message of the queue. What an error tells of it goes to the log: without people's words."""

    model_config = ConfigDict(extra="ignore", defer_build=True, hide_input_in_errors=True, frozen=True)


PlatformId = Annotated[str, Field(min_length=1, max_length=MAX_ID), AfterValidator(printable)]
MessageId = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(printable)]
Time = Annotated[int, Field(ge=0, le=LATEST_MS)]


class Sender(_Told):
    """Who wrote, as the platform knows them."""

    id: PlatformId
    name: Annotated[str, Field(max_length=MAX_NAME)]
    avatar: Annotated[str, Field(max_length=MAX_URL)] | None = None


class Attachment(_Told):
    """What came along, at an address."""

    url: Annotated[str, Field(max_length=MAX_URL)]
    name: Annotated[str, Field(max_length=MAX_NAME)]


class Message(_Told):
    """A message of a person's. `data` is what the platform tells beyond it, as JSON; `at` in epoch milliseconds."""

    id: MessageId
    sender: Sender
    type: Annotated[str, Field(min_length=1, max_length=50)]
    text: Annotated[str, Field(max_length=MAX_TEXT)]
    attachments: Annotated[list[Attachment], Field(max_length=10)]
    data: str
    at: Time


class Failure(_Told):
    """Why a message failed, in the platform's words."""

    code: str
    message: str

    @property
    def trouble(self) -> Trouble:
        """As a message keeps it."""
        return {"code": self.code, "message": self.message}


class Change(_Told):
    """The status of a message of ours."""

    provider_id: MessageId
    status: Status
    at: Time
    error: Failure | None = None


class Move(_Told):
    """Somebody who has another id from now on."""

    before: PlatformId
    after: PlatformId


class Heard(_Told):
    """A message of the queue. `tries` counts how often a status came before its message was known."""

    tenant: Annotated[str, Field(pattern=keys.TENANT_PATTERN.pattern.replace(r"\A", "^").replace(r"\Z", "$"))]
    platform: Platform
    connection_id: PlatformId
    request_id: str
    change: Change | None = None
    message: Message | None = None
    move: Move | None = None
    tries: Annotated[int, Field(ge=0)] = 0


def changed(provider_id: str, status: Status, at: int, error: Trouble | None) -> Iterator[Change]:
    """The status as the queue carries it; none where no message of ours can be called so."""
    try:
        failure = Failure(**error) if error else None
        yield Change(provider_id=provider_id, status=status, at=_time(at), error=failure)
    except ValidationError:
        count("UnreadableCallbacks")


def written(message: Inbound) -> Iterator[Message]:
    """A message as the queue carries it: long parts are cut. None where its ids can be no message's or person's."""
    kind = message.data.get("type") or (message.media[0].kind if message.media else "text")
    files = [Attachment(url=one.url, name=_text(one.name, MAX_NAME)) for one in message.media if len(one.url) < MAX_URL]
    who = message.sender
    try:
        yield Message(
            id=message.id,
            sender=Sender(
                id=who.id,
                name=_text(who.name, MAX_NAME),
                avatar=who.avatar if who.avatar and len(who.avatar) <= MAX_URL else None,
            ),
            type=_text(str(kind), 50),
            text=_text(message.text, MAX_TEXT),
            attachments=files[:10],
            data=_json(message.data),
            at=_time(message.at),
        )
    except ValidationError:
        count("UnreadableCallbacks")


def moved(before: str, after: str) -> Iterator[Move]:
    """A move as the queue carries it; none where its ids can be nobody's."""
    try:
        yield Move(before=before, after=after)
    except ValidationError:
        count("UnreadableCallbacks")


def _time(at: int) -> int:
    return min(max(at, 0), LATEST_MS)


def _text(text: str, longest: int) -> str:
    """As much of a text as is kept, in Unicode: half of a surrogate pair is none."""
    return text[:longest].encode(errors="replace").decode()


def _json(data: Mapping[str, Any]) -> str:
    """What a platform tells beyond a message, whole or not at all."""
    if not data:
        return ""
    try:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    except (ValueError, RecursionError):
        return ""
    return text.decode() if len(text) <= MAX_DATA_BYTES else ""
