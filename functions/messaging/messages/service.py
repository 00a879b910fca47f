"""What can be done with messages that go out, and how their status moves: forward only."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from functions.messaging import platforms
from functions.messaging.messages import store
from functions.messaging.messages.models import MessageParameters, NewThirdPartyMessage, ThirdPartyMessage
from functions.messaging.messages.store import StoredMessage
from functions.messaging.platforms import Platform
from hub import connectors, events, ids, times
from hub.connectors import texts
from hub.errors import FieldError, InvalidRequest, NotFound, Unavailable
from hub.events import Caller
from hub.outcomes import RANK, Status, Trouble
from hub.store import table, versioned
from hub.store.paging import Page


def create(caller: Caller, platform: str, wanted: NewThirdPartyMessage) -> ThirdPartyMessage:
    """Make a message, which is queued with it."""
    known = platforms.known(platform)
    connection = platforms.connection(caller.tenant, known, wanted.sender)
    _check(known, wanted)
    now = times.now_ms()
    message = StoredMessage(
        id=ids.new("msg", now),
        platform=known,
        connection_id=connection.id,
        to=wanted.to,
        sender=wanted.sender,
        content=wanted.content,
        type=wanted.type,
        metadata=wanted.metadata,
        media={"url": wanted.media.url, "name": wanted.media.name} if wanted.media else None,
        template=wanted.template,
        status="pending",
        error=None,
        attempts=[],
        due_at=0,
        actor=caller.actor,
        request_id=caller.request_id,
        created_at=now,
        updated_at=now,
    )
    store.add(caller.tenant, message, created_event(caller, message))
    return shown(message)


def get(tenant: str, platform: str, message_id: str) -> ThirdPartyMessage:
    """Show a message."""
    return shown(store.get(tenant, platforms.known(platform), message_id))


def listed(tenant: str, platform: str, query: MessageParameters) -> Page[ThirdPartyMessage]:
    """List messages, of one status or all, the newest first."""
    found = store.page(tenant, platforms.known(platform), query.status, query.page, query.limit, query.cursor)
    return found.holding(map(shown, found.items))


def status(tenant: str, platform: str, message_id: str) -> Status:
    """What became of a message by now."""
    return store.get(tenant, platforms.known(platform), message_id).status


def move(tenant: str, platform: str, message_id: str, after: Status, error: Trouble | None = None) -> None:
    """Move a message's status forward; a step back changes nothing. A message that is gone is none to move."""
    for attempt in range(versioned.TRIES):
        table.back_off(attempt)
        try:
            before = store.get(tenant, platform, message_id, consistent=True)
        except NotFound:
            return
        if RANK[after] <= RANK[before.status]:
            return
        moved = replace(touched(before), status=after, error=error)
        event = sent_event(tenant, moved) if after == "sent" else status_event(tenant, moved)
        try:
            store.replace(tenant, before, moved, [event])
        except versioned.Changed:
            continue
        return
    raise Unavailable


def touched(before: StoredMessage) -> StoredMessage:
    """The next version of a message."""
    return replace(before, updated_at=max(times.now_ms(), before.updated_at), version=before.version + 1)


def created_event(caller: Caller, message: StoredMessage) -> dict[str, Any]:
    """The event of a new message, which queues it."""
    return events.event("message.created", caller, told(message))


def sent_event(tenant: str, message: StoredMessage) -> dict[str, Any]:
    """The event of a message that its provider took."""
    # By then its platform may have told more, which is another event's.
    taken = {**told(message), "status": "sent", "error": None}
    return events.event("message.sent", sender(tenant, message), taken)


def status_event(tenant: str, message: StoredMessage) -> dict[str, Any]:
    """The event of a message whose status changed otherwise."""
    return events.event("message.status", sender(tenant, message), told(message))


def sender(tenant: str, message: StoredMessage) -> Caller:
    """On whose behalf what becomes of a message happens."""
    return Caller(tenant, "", message.actor, message.request_id)


def shown(message: StoredMessage) -> ThirdPartyMessage:
    """A message as callers see it."""
    return {
        "id": message.id,
        "platform": message.platform,
        "to": message.to,
        "from": message.sender,
        "content": message.content,
        "type": message.type,
        "status": message.status,
        "metadata": dict(message.metadata),
        "media": message.media,
        "error": message.error,
        "createdAt": times.iso_ms(message.created_at),
        "updatedAt": times.iso_ms(message.updated_at),
    }


def told(message: StoredMessage) -> dict[str, Any]:
    """A message as events tell of it."""
    return {
        "message_id": message.id,
        "integration_id": message.connection_id,
        "platform": message.platform,
        "to": message.to,
        "from": message.sender,
        "type": message.type,
        "text": message.content,
        "status": message.status,
        "provider_ids": provider_ids(message.attempts),
        "error": message.error,
        "metadata": dict(message.metadata),
        "created_at": times.iso_ms(message.created_at),
        "updated_at": times.iso_ms(message.updated_at),
        "version": message.version,
    }


def _check(platform: Platform, wanted: NewThirdPartyMessage) -> None:
    """Refuse what the platform would not take. Raises `InvalidRequest`."""
    if wanted.type == "template" and platform not in platforms.TEMPLATES:
        raise InvalidRequest(FieldError("type", "not_on_platform", {"platform": platform}))
    if missing := [] if wanted.template is None else platforms.lacks(platform, wanted.template):
        raise InvalidRequest([FieldError(f"template.{name}", "missing") for name in missing])
    limits = connectors.connector(platform).limits
    if wanted.type in limits.uncaptioned and wanted.content:
        raise InvalidRequest(FieldError("content", "not_with_type", {"type": wanted.type}))
    most = (limits.caption if wanted.media else None) or limits.text
    said = platforms.said(platform, wanted.content, wanted.media.url if wanted.media else "")
    if texts.length(said, limits.unit) > most:
        shortest = texts.length(said, limits.unit) - texts.length(wanted.content, limits.unit)
        raise InvalidRequest(FieldError("content", "too_long", {"max_length": max(0, most - shortest)}))


def provider_ids(attempts: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the provider called a message, attempt by attempt."""
    return [attempt["provider_id"] for attempt in attempts if "provider_id" in attempt]
