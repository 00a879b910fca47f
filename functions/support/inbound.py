"""What messaging connections tell: messages, what became of answers, and contacts that have another id.

Each message opens or continues its contact's conversation.

A closed conversation stays closed and the contact's next message opens another, as inboxes of Chatwoot do by default
(`lock_to_single_conversation` off).

| item | table | pk | sk |
|---|---|---|---|
| a contact's latest conversation | Table | `T#<tenant>#CONTACT_CONVERSATION` | `<integration id>#<contact id>` |
| a message that was received | ActivityTable | `T#<tenant>#RECEIVED_MESSAGE` | hash of integration id and message id |
"""

import hashlib
import re
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
    Contact,
    FileUrl,
    MessageDelivery,
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

_MESSAGE_ID = r"^msg_[0-9A-HJKMNP-TV-Z]{26}$"
_CONVERSATION_ID = r"^conv_[0-9A-HJKMNP-TV-Z]{26}$"

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


IntegrationId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]


class _Message(_Told):
    integration_id: IntegrationId
    platform: Annotated[str, Field(min_length=1, max_length=50)]
    contact: _Contact
    message_id: Annotated[str, Field(min_length=1, max_length=512)]
    type: Annotated[str, Field(min_length=1, max_length=50)]
    text: str = ""
    attachments: list[Any] = []
    timestamp: Annotated[Time, Field(strict=False)]


class _Error(_Told):
    code: str
    message: str


class _Status(_Told):
    message_id: Annotated[str, Field(pattern=_MESSAGE_ID)]
    status: Literal["sent", "delivered", "read", "failed"]
    error: _Error | None
    metadata: dict[str, Any]


class _Move(_Told):
    integration_id: IntegrationId
    contact_id: PersonId
    new_contact_id: PersonId


class _Event(_Told):
    type: Literal["message.received", "message.sent", "message.status", "contact.moved"]
    tenant: Annotated[str, Field(pattern=keys.TENANT_PATTERN.pattern.replace(r"\A", "^").replace(r"\Z", "$"))]
    request_id: Annotated[str, Field(alias="requestId")]
    data: dict[str, Any]


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of events from SQS, as the bus carries them; what is none of them goes to the dead letters."""
    return batches.take_each(event, _Event, _take, within="detail")


def _take(event: _Event) -> None:
    match event.type:
        case "message.received":
            _receive(event, _Message.model_validate(event.data))
        case "contact.moved":
            _move(event, _Move.model_validate(event.data))
        case _:
            _deliver(event.tenant, _Status.model_validate(event.data))


def _deliver(tenant: str, told: _Status) -> None:
    """Note what became of an answer. Whoever sends messages by themselves names in `metadata` what they like."""
    conversation, message = (str(told.metadata.get(name)) for name in ("conversationId", "messageId"))
    if not re.fullmatch(_CONVERSATION_ID, conversation) or not re.fullmatch(_MESSAGE_ID, message):
        return
    # What an answer goes out as has an id of the answer's own time, what others send one of theirs.
    if ids.milliseconds(told.message_id) != ids.milliseconds(message):
        return
    now: MessageDelivery = {"status": told.status, "error": None}
    if told.error is not None:
        now["error"] = {"code": told.error.code, "message": told.error.message}
    store.deliver(tenant, conversation, message, told.message_id, now)


def _move(event: _Event, told: _Move) -> None:
    """Have a contact's latest conversation go on under another id, unless that has one of its own."""
    caller = Caller(event.tenant, "", told.integration_id, event.request_id)
    before, after = (_place(event.tenant, told.integration_id, one) for one in (told.contact_id, told.new_contact_id))
    for attempt in range(TRIES):
        table.back_off(attempt)
        known = table.get(table.entities(), before, consistent=True)
        latest = _latest(event.tenant, known["conversation_id"]) if known else None
        if latest is None or latest.contact is None or latest.contact["id"] != told.contact_id:
            return
        contact: Contact = {**latest.contact, "id": told.new_contact_id}
        writes: list[table.Operation] = [service.moved(caller, latest, contact)]
        if table.get(table.entities(), after, consistent=True) is None:
            # The former one stays, for what was written before the move and comes after it.
            pointer = {**after, "conversation_id": latest.id}
            writes.append(table.Put(table.entities(), pointer, table.ABSENT))
        try:
            table.write(*writes)
        except (table.ConditionFailed, table.Contended):
            continue
        return
    raise Unavailable


def _receive(event: _Event, told: _Message) -> None:
    """Write a message, once however often it comes. Raises `Unavailable` where others were faster at every try."""
    caller = Caller(event.tenant, "", told.integration_id, event.request_id)
    message = _message(told)
    for attempt in range(TRIES):
        table.back_off(attempt)
        try:
            table.write(*_writes(caller, told, message))
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
    place = _place(caller.tenant, told.integration_id, told.contact.id)
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


def _place(tenant: str, integration_id: str, contact_id: str) -> keys.Key:
    """Where it stands which conversation is a contact's latest."""
    return keys.entity(tenant, CONTACTS, f"{integration_id}#{keys.part(contact_id)}")


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
