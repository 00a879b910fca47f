"""Answers of the support desk's agents, as the bus tells of them: each becomes messages to the contact who wrote, once,
and what failed of it another message each time it is asked for again.

They go out as any other: paced, retried, `failed` where their connection is gone or switched off or their platform
refuses them; `metadata` names conversation and message.
"""

import mimetypes
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from functions.messaging.messages import service, store
from functions.messaging.messages.models import Kind, Media
from functions.messaging.messages.store import StoredMessage
from functions.messaging.platforms import Platform
from functions.messaging.told import PlatformId
from hub import batches, ids, times
from hub.events import Caller
from hub.store import keys, table
from hub.telemetry import count, lambda_handler

MAX_SENDINGS = 100
"""Of an answer: the support desk asks for no more."""

_KINDS: dict[str, Kind] = {"image": "image", "video": "video", "audio": "audio"}


class _Told(BaseModel):
    """A part of the event: fields that a later version adds are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, defer_build=True, hide_input_in_errors=True)


class _Address(_Told):
    integration_id: PlatformId
    platform: Platform
    contact_id: PlatformId


class _Attachment(_Told):
    url: str
    name: str
    type: str

    @property
    def kind(self) -> Kind:
        family = (self.type or mimetypes.guess_type(self.name or self.url)[0] or "").partition("/")[0]
        return _KINDS.get(family, "file")


class _Sender(_Told):
    id: str


class _Answer(_Told):
    conversation_id: str
    message_id: Annotated[str, Field(pattern=r"^msg_[0-9A-HJKMNP-TV-Z]{26}$")]
    sender: _Sender
    text: str
    attachments: list[_Attachment]
    reply_to: _Address

    failed_message_ids: list[str] = []


class _Event(_Told):
    type: Literal["conversation.message", "conversation.message_retried"]
    tenant: Annotated[str, Field(pattern=keys.TENANT_PATTERN.pattern.replace(r"\A", "^").replace(r"\Z", "$"))]
    request_id: Annotated[str, Field(alias="requestId")]
    data: _Answer


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of answers from SQS, as the bus carries them; what is none becomes a dead letter."""
    return batches.take_each(event, _Event, _answer, within="detail")


def _answer(event: _Event) -> None:
    """Queue an answer; what of it is queued already is so once."""
    caller = Caller(event.tenant, "", event.data.sender.id, event.request_id)
    for message in _messages(event):
        try:
            store.add(event.tenant, message, service.created_event(caller, message))
        except table.ConditionFailed:
            count("DuplicateMessages")


def _messages(event: _Event) -> Iterator[StoredMessage]:
    """The messages that an answer makes: its text, and each of its files; again, those that failed."""
    told = event.data
    parts: list[tuple[int, str, Kind, Media | None]] = [(0, told.text, "text", None)] if told.text.strip() else []
    for number, file in enumerate(told.attachments, start=1):
        parts.append((number, "", file.kind, {"url": file.url, "name": file.name}))
    for number, text, kind, media in parts:
        message_id: str | None = _derived(told, str(number))
        if event.type == "conversation.message_retried":
            message_id = _following(told, _derived(told, str(number)))
        if message_id is not None:
            yield _message(event, message_id, text, kind, media)


def _derived(told: _Answer, *parts: str) -> str:
    # By the answer's own time: what comes again has the same id.
    return ids.derived("msg", ids.milliseconds(told.message_id), told.message_id, *parts)


def _following(told: _Answer, message_id: str) -> str | None:
    """The id of the message that follows one that failed, which may itself have followed another."""
    for _ in range(MAX_SENDINGS):
        following = _derived(told, message_id)
        if message_id in told.failed_message_ids:
            return following
        message_id = following
    return None


def _message(event: _Event, message_id: str, text: str, kind: Kind, media: Media | None) -> StoredMessage:
    told, now = event.data, times.now_ms()
    return StoredMessage(
        id=message_id,
        platform=told.reply_to.platform,
        connection_id=told.reply_to.integration_id,
        to=told.reply_to.contact_id,
        sender=told.reply_to.integration_id,
        content=text,
        type=kind,
        metadata={"conversationId": told.conversation_id, "messageId": told.message_id},
        media=media,
        template=None,
        status="pending",
        error=None,
        attempts=[],
        due_at=0,
        actor=event.data.sender.id,
        request_id=event.request_id,
        created_at=now,
        updated_at=now,
    )
