"""What is done with messages that people sent to us: kept once, told of once, and who wrote becomes known."""

from functions.messaging import platforms
from functions.messaging.contacts import people
from functions.messaging.messages.models import ListParameters
from functions.messaging.platforms import Platform
from functions.messaging.received import store
from functions.messaging.received.models import ReceivedMessage
from functions.messaging.received.store import StoredReceived
from functions.messaging.told import Message
from hub import events, ids, times
from hub.events import Caller
from hub.store.paging import Page
from hub.telemetry import count


def keep(tenant: str, platform: Platform, connection_id: str, request_id: str, told: Message) -> None:
    """Keep a message and who wrote it, and tell of it once."""
    message = StoredReceived(
        id=ids.derived("msg", told.at, connection_id, told.id),
        platform=platform,
        connection_id=connection_id,
        provider_id=told.id,
        sender=told.sender.id,
        sender_name=told.sender.name,
        text=told.text,
        type=told.type,
        attachments=[{"url": one.url, "name": one.name} for one in told.attachments],
        data=told.data,
        created_at=told.at,
    )
    event = events.event("message.received", Caller(tenant, "", connection_id, request_id), _told(message))
    count("MessagesReceived" if store.add(tenant, message, event) else "DuplicateMessages")
    people.remember(tenant, connection_id, told.sender.id, told.sender.name, told.sender.avatar)


def listed(tenant: str, platform: str, query: ListParameters) -> Page[ReceivedMessage]:
    """List a platform's messages, the newest first."""
    found = store.page(tenant, platforms.known(platform), query.page, query.limit, query.cursor)
    return found.holding(map(shown, found.items))


def shown(message: StoredReceived) -> ReceivedMessage:
    """A message as callers see it."""
    return {
        "id": message.id,
        "platform": message.platform,
        "integrationId": message.connection_id,
        "messageId": message.provider_id,
        "from": message.sender,
        "name": message.sender_name,
        "content": message.text,
        "type": message.type,
        "attachments": list(message.attachments),
        "createdAt": times.iso_ms(message.created_at),
    }


def _told(message: StoredReceived) -> dict[str, object]:
    """A message as its event tells of it (`docs/events/message.received.schema.json`)."""
    return {
        "integration_id": message.connection_id,
        "platform": message.platform,
        "contact": {"id": message.sender, "name": message.sender_name},
        "message_id": message.provider_id,
        "type": message.type,
        "text": message.text,
        "attachments": [{**one, "type": ""} for one in message.attachments],
        "timestamp": times.iso_ms(message.created_at),
    }
