"""What can be done with conversations."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions.support.conversations import store
from functions.support.conversations.models import (
    Contact,
    Conversation,
    ConversationChange,
    ConversationParameters,
    Message,
    MessageDelivery,
    MessageParameters,
    NewConversation,
    NewMessage,
)
from functions.support.conversations.store import StoredConversation, StoredMessage
from hub import events, ids, times
from hub.errors import Conflict, Unprocessable
from hub.events import Caller
from hub.outcomes import RANK
from hub.store import table, versioned
from hub.store.paging import Page
from hub.store.versioned import Expects
from hub.web.request import Versioned

CHANGEABLE = tuple(ConversationChange.model_fields)


def create(caller: Caller, wanted: NewConversation) -> Versioned[Conversation]:
    """Make a conversation, with its first message if there is one."""
    now = times.now_ms()
    conversation = StoredConversation(
        id=ids.new("conv", now),
        user_id=wanted.user_id,
        channel=wanted.channel,
        status="active",
        created_at=now,
        updated_at=now,
    )
    if wanted.initial_message is None:
        table.write(creation(caller, conversation))
        return Versioned(shown(conversation), conversation.version)
    message = StoredMessage(
        id=ids.new("msg", now),
        conversation_id=conversation.id,
        sender="customer",
        sender_id=wanted.user_id,
        text=wanted.initial_message,
        attachments=[],
        created_at=now,
    )
    opened = after_message(replace(conversation, version=0), message)
    table.write(addition(caller, opened, message), creation(caller, opened))
    return Versioned(shown(opened), opened.version)


def listed(tenant: str, wanted: ConversationParameters) -> Page[Conversation]:
    """List conversations, the newest first."""
    found = store.page(tenant, wanted)
    return found.holding(shown(conversation) for conversation in found.items)


def get(tenant: str, conversation_id: str) -> Versioned[Conversation]:
    """Show a conversation."""
    found = store.get(tenant, conversation_id)
    return Versioned(shown(found), found.version)


def change(
    caller: Caller, conversation_id: str, wanted: ConversationChange, expects: Expects
) -> Versioned[Conversation]:
    """Change the fields that were sent; what changes nothing is written nowhere.

    `expects` holds a version against the caller's. Raises `Conflict` when the conversation changed at the same time.
    """
    changes = wanted.changes()
    before = store.get(caller.tenant, conversation_id, consistent=True)
    expects(before.version)
    after = _changed(before, changes)
    if after == before:
        return Versioned(shown(before), before.version)
    told = [_update(caller, before, after)]
    if after.status == "closed" != before.status:
        told.append(events.event("conversation.closed", caller, _told(after)))
    try:
        versioned.write(before.version, store.replacement(caller.tenant, after, before.version, told))
    except versioned.Changed as race:
        expects(race.version)
        raise Conflict from None
    return Versioned(shown(after), after.version)


def messages(tenant: str, conversation_id: str, wanted: MessageParameters) -> Page[Message]:
    """List the messages of a conversation."""
    found = store.messages(tenant, conversation_id, wanted)
    return found.holding(shown_message(message) for message in found.items)


def add_message(caller: Caller, conversation_id: str, wanted: NewMessage) -> Message:
    """Add a message; a customer's reopens a closed conversation.

    Raises `Unprocessable` for an agent's in a closed one, `Unavailable` where others were faster at every try.
    """

    def once() -> Message:
        before = store.get(caller.tenant, conversation_id, consistent=True)
        if wanted.sender == "agent" and before.status == "closed":
            raise Unprocessable("conversation_closed")
        message = _new_message(caller, before, wanted)
        versioned.write(before.version, *continuation(caller, before, message))
        return shown_message(message)

    return versioned.retried(once)


def retry(caller: Caller, conversation_id: str, message_id: str) -> Message:
    """Have what failed of an answer sent again: all of it, or those of its files that did.

    Raises `Unprocessable` where nothing failed, or where the conversation is closed.
    """
    conversation = store.get(caller.tenant, conversation_id, consistent=True)
    message = store.message(caller.tenant, conversation_id, message_id)
    sendings = message.sendings or {}
    failed = [name for name, one in sendings.items() if one["status"] == "failed" and not one["is_retried"]]
    if not failed:
        raise Unprocessable("delivery_not_failed")
    if conversation.status == "closed":
        raise Unprocessable("conversation_closed")
    if len(sendings) + len(failed) > store.MAX_SENDINGS:
        raise Unprocessable("quota_exceeded", limit=store.MAX_SENDINGS)
    told = {**_told_message(conversation, message), "failed_message_ids": failed}
    try:
        store.retry(caller.tenant, message, failed, events.event("conversation.message_retried", caller, told))
    except table.ConditionFailed:
        raise Conflict from None
    left = {name: one for name, one in sendings.items() if name not in failed}
    return shown_message(replace(message, sendings=left))


def after_message(before: StoredConversation, message: StoredMessage) -> StoredConversation:
    """A conversation with one more message: a customer's begins the waiting, an agent's ends it; either is activity."""
    now = times.now_ms()
    waiting_since = None
    if message.sender == "customer":
        # A message may come late, and a platform's clock may be ahead.
        waiting_since = min(message.created_at, now, before.waiting_since or now)
    return replace(
        before,
        version=before.version + 1,
        status="active",
        closed_at=None,
        updated_at=max(now, before.updated_at),
        message_count=before.message_count + 1,
        last_message_at=max(message.created_at, before.last_message_at or 0),
        waiting_since=waiting_since,
    )


def continuation(caller: Caller, before: StoredConversation, message: StoredMessage) -> tuple[table.Put, table.Put]:
    """The writes of a message and of the conversation that it continues, which must be as it was read."""
    after = after_message(before, message)
    told = [_update(caller, before, after)] if after.status != before.status else []
    return store.replacement(caller.tenant, after, before.version, told), addition(caller, after, message)


def moved(caller: Caller, before: StoredConversation, contact: Contact) -> table.Put:
    """The write of a conversation whose contact has another id, which must be as it was read."""
    now = max(times.now_ms(), before.updated_at)
    after = replace(before, contact=contact, version=before.version + 1, updated_at=now)
    return store.replacement(caller.tenant, after, before.version, [_update(caller, before, after)])


def creation(caller: Caller, conversation: StoredConversation) -> table.Put:
    """The write of a new conversation."""
    event = events.event("conversation.created", caller, _told(conversation))
    return store.creation(caller.tenant, conversation, [event])


def addition(caller: Caller, conversation: StoredConversation, message: StoredMessage) -> table.Put:
    """The write of a message; an agent's over a messaging connection says where it is to go."""
    told = events.event("conversation.message", caller, _told_message(conversation, message))
    return store.addition(caller.tenant, message, told)


def shown(conversation: StoredConversation) -> Conversation:
    """A conversation as callers see it."""
    return {
        "id": conversation.id,
        "user_id": conversation.user_id,
        "channel": conversation.channel,
        "status": conversation.status,
        "created_at": times.iso(conversation.created_at / 1000),
        "updated_at": times.iso(conversation.updated_at / 1000),
        "assignee_id": conversation.assignee_id,
        "satisfaction": conversation.satisfaction,
        "rated_at": versioned.iso(conversation.rated_at),
        "message_count": conversation.message_count,
        "last_message_at": versioned.iso(conversation.last_message_at),
        "waiting_since": versioned.iso(conversation.waiting_since),
        "closed_at": versioned.iso(conversation.closed_at),
        "contact": conversation.contact,
        "version": conversation.version,
    }


def shown_message(message: StoredMessage) -> Message:
    """A message as callers see it."""
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "sender": message.sender,
        "sender_id": message.sender_id,
        "text": message.text,
        "attachments": message.attachments,
        "response_seconds": message.response_seconds,
        "delivery": _delivery(message),
        "created_at": times.iso(message.created_at / 1000),
    }


def _delivery(message: StoredMessage) -> MessageDelivery | None:
    if message.sendings is None:
        return None
    told: list[MessageDelivery] = [
        {"status": one["status"], "error": one["error"]} for one in message.sendings.values() if not one["is_retried"]
    ]
    if len(told) < bool(message.text.strip()) + len(message.attachments):
        told.append({"status": "pending", "error": None})
    return next((one for one in told if one["status"] == "failed"), min(told, key=lambda one: RANK[one["status"]]))


def _changed(before: StoredConversation, changes: Mapping[str, Any]) -> StoredConversation:
    now = times.now_ms()
    after = replace(before, **changes)
    if after == before:
        return before
    if after.status != before.status:
        closed = after.status == "closed"
        after = replace(after, closed_at=now if closed else None, waiting_since=None)
    if after.satisfaction != before.satisfaction:
        after = replace(after, rated_at=now)
    return replace(after, version=before.version + 1, updated_at=max(now, before.updated_at))


def _new_message(caller: Caller, conversation: StoredConversation, wanted: NewMessage) -> StoredMessage:
    now = times.now_ms()
    by_default = conversation.user_id if wanted.sender == "customer" else caller.actor
    waited = None
    if wanted.sender == "agent" and conversation.waiting_since is not None:
        waited = max(0, now - conversation.waiting_since) // 1000
    return StoredMessage(
        id=ids.new("msg", now),
        conversation_id=conversation.id,
        sender=wanted.sender,
        sender_id=wanted.sender_id or by_default,
        text=wanted.text,
        attachments=wanted.files,
        created_at=now,
        response_seconds=waited,
        sendings={} if wanted.sender == "agent" and conversation.contact else None,
    )


def _update(caller: Caller, before: StoredConversation, after: StoredConversation) -> dict[str, Any]:
    changes = [name for name in (*CHANGEABLE, "contact") if getattr(after, name) != getattr(before, name)]
    return events.event("conversation.updated", caller, {**_told(after), "changes": changes})


def _told(conversation: StoredConversation) -> dict[str, Any]:
    """A conversation as its events show it."""
    data: dict[str, Any] = {**shown(conversation)}
    return {"conversation_id": data.pop("id"), **data}


def _told_message(conversation: StoredConversation, message: StoredMessage) -> dict[str, Any]:
    """A message as its events show it."""
    contact = conversation.contact if message.sender == "agent" else None
    return {
        "conversation_id": conversation.id,
        "message_id": message.id,
        "sender": {"type": message.sender, "id": message.sender_id},
        "text": message.text,
        "attachments": message.attachments,
        "channel": conversation.channel,
        "created_at": times.iso(message.created_at / 1000),
        "response_seconds": message.response_seconds,
        "reply_to": None if contact is None else _address(contact),
    }


def _address(contact: Contact) -> dict[str, str]:
    return {
        "integration_id": contact["integration_id"],
        "platform": contact["platform"],
        "contact_id": contact["id"],
    }
