"""Messages that come in over messaging connections: each opens or continues its contact's conversation.

A closed conversation stays closed and the contact's next message opens another, as inboxes of Chatwoot do by default
(`lock_to_single_conversation` off).

| item | table | pk | sk |
|---|---|---|---|
| a contact's latest conversation | Table | `T#<tenant>#CONTACT_CONVERSATION` | `<integration id>#<contact id>` |
| a message that was received | ActivityTable | `T#<tenant>#RECEIVED_MESSAGE` | hash of integration id and message id |
"""

import hashlib
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.support.conversations import service, store
from functions.support.conversations.models import (
    CHANNELS,
    MAX_ATTACHMENTS,
    MAX_MESSAGE_BYTES,
    MAX_TEXT,
    Attachment,
    Channel,
    FileUrl,
    weight,
)
from functions.support.conversations.store import StoredConversation, StoredMessage
from functions.support.people import PersonId
from hub import batches, ids, times
from hub.errors import NotFound, Unavailable
from hub.events import Caller
from hub.store import keys, table
from hub.telemetry import count, lambda_handler, logger
from hub.web.validation import Time

CONTACTS = "CONTACT_CONVERSATION"
RECEIVED = "RECEIVED_MESSAGE"
KEEP_SECONDS = 35 * 86_400
"""Longer than an event can wait in the queue and then among the dead letters."""

TRIES = 3
"""Of a message that meets others: ten messages that do so every time are through before the function times out."""

_CHANNELS: dict[str, Channel] = {name: name for name in CHANNELS}


class _Told(BaseModel):
    """A part of the event: fields that a later version adds are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, defer_build=True)


class _Contact(_Told):
    id: PersonId
    name: str = ""


class _Attachment(_Told):
    url: FileUrl
    name: str = ""
    type: str = ""


class _Message(_Told):
    integration_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
    platform: Annotated[str, Field(min_length=1, max_length=50)]
    contact: _Contact
    message_id: Annotated[str, Field(min_length=1, max_length=512)]
    type: Annotated[str, Field(min_length=1, max_length=50)]
    text: str = ""
    attachments: list[Any] = []
    timestamp: Annotated[Time, Field(strict=False)]


class _Received(_Told):
    type: Literal["message.received"]
    tenant: Annotated[str, Field(pattern=keys.TENANT_PATTERN.pattern.replace(r"\A", "^").replace(r"\Z", "$"))]
    request_id: Annotated[str, Field(alias="requestId")]
    data: _Message


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of `message.received` from SQS, as the bus carries them; what is none goes to the dead letters."""
    return batches.take_each(event, _Received, _receive, within="detail")


def _receive(event: _Received) -> None:
    """Write a message, once however often it comes. Raises `Unavailable` where others were faster at every try."""
    caller = Caller(event.tenant, "", event.data.integration_id, event.request_id)
    message = _message(event.data)
    for attempt in range(TRIES):
        table.back_off(attempt)
        try:
            table.write(*_writes(caller, event.data, message))
        except table.ConditionFailed as failure:
            if failure.position == 0:
                count("DuplicateMessages")
                return
        except table.Contended:
            continue
        else:
            return
    raise Unavailable


def _writes(caller: Caller, told: _Message, message: StoredMessage) -> list[table.Operation]:
    """The record that it was received first, so that a duplicate is told from a race."""
    place = keys.entity(caller.tenant, CONTACTS, f"{told.integration_id}#{keys.part(told.contact.id)}")
    known = table.get(table.entities(), place, consistent=True)
    latest = _latest(caller.tenant, known["conversation_id"]) if known else None
    if latest is not None and latest.status == "active":
        message = replace(message, conversation_id=latest.id)
        return [_receipt(caller.tenant, told), *service.continuation(caller, latest, message)]
    conversation = _new_conversation(told)
    message = replace(message, conversation_id=conversation.id)
    opened = service.after_message(conversation, message)
    return [
        _receipt(caller.tenant, told),
        table.Put(
            table.entities(),
            {**place, "conversation_id": opened.id},
            "#conversation_id = :seen" if known else table.ABSENT,
            {"seen": known["conversation_id"]} if known else {},
        ),
        service.addition(caller, opened, message),
        service.creation(caller, opened),
    ]


def _latest(tenant: str, conversation_id: str) -> StoredConversation | None:
    try:
        return store.get(tenant, conversation_id, consistent=True)
    except NotFound:
        return None


def _receipt(tenant: str, told: _Message) -> table.Put:
    # Without the time: a platform that sends a message again may give it another.
    told_by = hashlib.sha256(f"{told.integration_id}\0{told.message_id}".encode()).hexdigest()
    item = {**keys.entity(tenant, RECEIVED, told_by), "ttl": times.now() + KEEP_SECONDS}
    return table.Put(table.activity(), item, "attribute_not_exists(pk)")


def _message(told: _Message) -> StoredMessage:
    """The message as it is kept; what is longer than a message of the desk stands whole with the connection."""
    # A platform's clock may be ahead: nothing was sent later than it came.
    sent = min(max(0, round(told.timestamp.timestamp() * 1000)), times.now_ms())
    text = told.text[:MAX_TEXT]
    if weight(text, []) > MAX_MESSAGE_BYTES:
        # Of a character come seven bytes at most.
        text = text[: MAX_MESSAGE_BYTES // 8]
    attachments = _attachments(told, text)
    return StoredMessage(
        id=ids.derived("msg", sent, told.integration_id, told.message_id),
        conversation_id="",
        sender="customer",
        sender_id=told.contact.id,
        # An agent must see that something came, be it a sticker.
        text=text if text or attachments else f"[{told.type}]",
        attachments=attachments,
        created_at=sent,
    )


def _attachments(told: _Message, text: str) -> list[Attachment]:
    """The attachments that a message of the desk holds: one that is garbled or too much is left out."""
    kept: list[Attachment] = []
    for place, sent in enumerate(told.attachments):
        if len(kept) == MAX_ATTACHMENTS:
            break
        try:
            one = _Attachment.model_validate(sent)
        except ValidationError:
            logger().warning("an attachment is left out", extra={"place": place})
            continue
        file: Attachment = {"url": one.url, "name": one.name[:255], "type": one.type[:100]}
        if weight(text, [*kept, file]) <= MAX_MESSAGE_BYTES:
            kept.append(file)
    return kept


def _new_conversation(told: _Message) -> StoredConversation:
    now = times.now_ms()
    return StoredConversation(
        id=ids.new("conv", now),
        user_id=told.contact.id,
        channel=_CHANNELS.get(told.platform, "other"),
        status="active",
        created_at=now,
        updated_at=now,
        version=0,
        contact={
            "integration_id": told.integration_id,
            "platform": told.platform,
            "id": told.contact.id,
            "name": told.contact.name[:255],
        },
    )
