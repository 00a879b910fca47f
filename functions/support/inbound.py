"""Messages that come in over messaging connections: each opens or continues its contact's conversation.

A closed conversation stays closed and the contact's next message opens another, as inboxes of Chatwoot do by default
(`lock_to_single_conversation` off).

| item | table | pk | sk |
|---|---|---|---|
| a contact's latest conversation | Table | `T#<tenant>#CONTACT_CONVERSATION` | `<integration id>#<contact id>` |
| a message that was received | ActivityTable | `T#<tenant>#RECEIVED_MESSAGE` | `msg_…` |
"""

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from functions.support.conversations import service, store
from functions.support.conversations.models import (
    CHANNELS,
    MAX_ATTACHMENTS,
    MAX_TEXT,
    MAX_USER_ID,
    Channel,
    FileUrl,
)
from functions.support.conversations.store import StoredConversation, StoredMessage
from hub import ids, queues, times
from hub.errors import NotFound, Unavailable
from hub.events import Caller
from hub.store import keys, table
from hub.telemetry import count, lambda_handler, logger
from hub.web.validation import not_blank

CONTACTS = "CONTACT_CONVERSATION"
RECEIVED = "RECEIVED_MESSAGE"
KEEP_SECONDS = 35 * 86_400
"""Longer than an event can wait in the queue and then among the dead letters."""

_CHANNELS: dict[str, Channel] = {name: name for name in CHANNELS}


class _Told(BaseModel):
    """A part of the event: fields that a later version adds are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, defer_build=True)


class _Contact(_Told):
    id: Annotated[str, Field(min_length=1, max_length=MAX_USER_ID), AfterValidator(not_blank)]
    name: str = ""


class _Attachment(_Told):
    url: FileUrl
    name: str = ""
    type: str = ""


class _Message(_Told):
    integration_id: Annotated[str, Field(min_length=1, max_length=128)]
    platform: Annotated[str, Field(min_length=1, max_length=50)]
    contact: _Contact
    message_id: Annotated[str, Field(min_length=1, max_length=512)]
    type: Annotated[str, Field(min_length=1, max_length=50)]
    text: str = ""
    attachments: list[_Attachment] = []
    timestamp: Annotated[AwareDatetime, Field(strict=False)]


class _Received(_Told):
    type: Literal["message.received"]
    tenant: Annotated[str, Field(pattern=keys.TENANT_PATTERN.pattern.replace(r"\A", "^").replace(r"\Z", "$"))]
    request_id: Annotated[str, Field(alias="requestId")]
    data: _Message


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of `message.received` from SQS, as the bus carries them; what is none goes to the dead letters."""
    messages, failed = queues.read(event, "type", "tenant", "requestId", "data", within="detail")
    for message_id, message in messages.items():
        try:
            _receive(_Received.model_validate(message))
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False, include_context=False)
            logger().error("a message is not what was agreed", extra={"message_id": message_id, "problems": problems})
            count("BrokenMessages")
            failed.append(message_id)
        except Unavailable:
            logger().warning("a message is to come again", extra={"message_id": message_id})
            failed.append(message_id)
    return queues.failures(failed)


def _receive(event: _Received) -> None:
    """Write a message, once however often it comes. Raises `Unavailable` where others were faster at every try."""
    caller = Caller(event.tenant, "", event.data.integration_id, event.request_id)
    message = _message(event.data)
    for attempt in range(service.TRIES):
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
    place = keys.entity(caller.tenant, CONTACTS, f"{told.integration_id}#{told.contact.id}")
    known = table.get(table.entities(), place, consistent=True)
    latest = _latest(caller.tenant, known["conversation_id"]) if known else None
    if latest is not None and latest.status == "active":
        message = replace(message, conversation_id=latest.id)
        return [_receipt(caller.tenant, message), *service.continuation(caller, latest, message)]
    conversation = _new_conversation(told)
    message = replace(message, conversation_id=conversation.id)
    opened = service.after_message(conversation, message)
    return [
        _receipt(caller.tenant, message),
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


def _receipt(tenant: str, message: StoredMessage) -> table.Put:
    item = {**keys.entity(tenant, RECEIVED, message.id), "ttl": times.now() + KEEP_SECONDS}
    return table.Put(table.activity(), item, "attribute_not_exists(pk)")


def _message(told: _Message) -> StoredMessage:
    """The message as it is kept; what is longer than a message of the desk stands whole with the connection."""
    sent = max(0, round(told.timestamp.timestamp() * 1000))
    attachments = told.attachments[:MAX_ATTACHMENTS]
    return StoredMessage(
        id=ids.derived("msg", sent, told.integration_id, told.message_id),
        conversation_id="",
        sender="customer",
        sender_id=told.contact.id,
        # An agent must see that something came, be it a sticker.
        text=told.text[:MAX_TEXT] if told.text or attachments else f"[{told.type}]",
        attachments=[{"url": one.url, "name": one.name[:255], "type": one.type[:100]} for one in attachments],
        created_at=sent,
    )


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
