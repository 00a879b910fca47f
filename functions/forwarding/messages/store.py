"""Forwarded messages: one row per mapping and KOOK message, which is also what keeps it from being forwarded twice.

| item | table | pk | sk |
|---|---|---|---|
| forwarded message | Table, `gsi1`, `gsi2` | `T#<tenant>#FORWARD#<mapping id>` | KOOK's `msg_id` |

`gsi1` (`FORWARD_LOG`) has all of a tenant in the order of their numbers, `gsi2` (`FORWARD_STATUS#<status>`) those that
are `pending` or `failed`. Both hold keys and the KOOK channel, no more: `keys_only`. A row is written when its message
has ended, or has to wait; kept 90 days.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hub import events, times
from hub.events import Caller
from hub.outcomes import Trouble
from hub.store import items, keys, sequences, table, versioned
from hub.store.items import Item

KIND = "FORWARD"
LOG = "FORWARD_LOG"
BY_STATUS = "FORWARD_STATUS"

KEEP_SECONDS = 90 * 86_400
MAX_CONTENT = 500
"""Characters of a message that its row shows."""

Status = Literal["success", "failed", "pending"]
Type = Literal["text", "kmarkdown", "card", "image", "video", "audio", "file"]
Change = Literal["message", "edit", "delete"]
"""What a forwarded thing is: a message, or what was done to one later."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A forwarded message; `id` is KOOK's, `number` counts in the tenant (document 5's `id`). Times in epoch ms.

    `channel` is KOOK's, `target_channel` the target's. `content` is cut. `latency_ms` runs from KOOK's own time of the
    message to when the target had taken all of it. `provider_ids` are the target's, a message in parts has several.
    `error` of a success is why a later change of it could not be carried out. `edited_at` and `withdrawn_at` are of
    changes that the target carried out. Of `provider_ids`, the first `texts` are of messages with a text.
    """

    id: str
    mapping_id: str
    number: int
    bot_id: str
    channel: str
    target_platform: str
    target_channel: str
    sender_name: str
    message_type: Type
    content: str
    status: Status
    error: Trouble | None
    latency_ms: int | None
    attempts: int
    provider_ids: Sequence[str]
    created_at: int
    updated_at: int
    texts: int = 0
    edited_at: int | None = None
    withdrawn_at: int | None = None
    version: int = 1


def key(tenant: str, mapping_id: str, message_id: str) -> keys.Key:
    """Where a message's row is."""
    return keys.belonging(tenant, KIND, mapping_id, message_id)


def numbered(tenant: str, count: int) -> int:
    """The first of the next `count` numbers of a tenant's rows."""
    return sequences.following(tenant, LOG, count)


def read(item: Mapping[str, Any]) -> StoredMessage:
    """A row as it was read by `key`."""
    return items.entity(StoredMessage, item)


def get_many(tenant: str, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredMessage]:
    """Read up to 100 rows by mapping and message id, as they stand now; those that are not there are left out."""
    wanted = [key(tenant, *place) for place in places]
    found = table.get_many({table.entities(): wanted}, consistent=True)
    rows = map(read, found.values())
    return {(row.mapping_id, row.id): row for row in rows}


def rows(tenant: str, status: Status | None = None, channel: str | None = None) -> table.Query:
    """All rows of a tenant, the newest first: for `paging.read`. Of `success`, which no index has, ask without it."""
    places = (LOG,) if status is None else (BY_STATUS, status)
    return table.Query(
        table.entities(),
        keys.partition(tenant, *places),
        index="gsi1" if status is None else "gsi2",
        keys_only=True,
        condition="#channel = :channel" if channel else "",
        values={"channel": channel} if channel else {},
    )


def write(tenant: str, before: StoredMessage | None, after: StoredMessage, event: Mapping[str, Any] | None) -> None:
    """Write a row, new or changed, with what it tells. Raises `versioned.Changed` where it is not as it was read."""
    versioned.write(before.version if before else 0, operation(tenant, before, after, event))


def operation(
    tenant: str, before: StoredMessage | None, after: StoredMessage, event: Mapping[str, Any] | None
) -> table.Put:
    """The write of a row, on condition that it is as it was read."""
    item = _item(tenant, after, event)
    if before is None:
        return table.Put(table.entities(), item, table.ABSENT)
    return versioned.replacement(item, before.version)


def remove(places: Sequence[keys.Key]) -> None:
    """Remove rows, without a word: what is cleared from the log is as if it had never been forwarded."""
    table.delete_many(table.entities(), places)


def told(message: StoredMessage, change: Change = "message") -> dict[str, Any]:
    """A message as events tell of it. Only those with `change: message` say how a message ended."""
    return {
        "message_id": message.id,
        "number": message.number,
        "change": change,
        "status": message.status,
        "platform": message.target_platform,
        "mapping_id": int(message.mapping_id),
        "bot_id": int(message.bot_id),
        "kook_channel_id": message.channel,
        "target_channel": message.target_channel,
        "sender_name": message.sender_name,
        "message_type": message.message_type,
        "content": message.content,
        "latency_ms": message.latency_ms,
        "attempts": message.attempts,
        "provider_ids": list(message.provider_ids),
        "error": message.error,
        "timestamp": times.iso_ms(message.updated_at),
        "version": message.version,
    }


def succeeded(tenant: str, message: StoredMessage, change: Change = "message") -> dict[str, Any]:
    """The event of a message that its target has taken, or of a change that it carried out."""
    return events.event("forward.succeeded", _caller(tenant, message), told(message, change))


def failed(tenant: str, message: StoredMessage, change: Change = "message") -> dict[str, Any]:
    """The event of a message that its target will not take, or of a change that it cannot carry out."""
    return events.event("forward.failed", _caller(tenant, message), told(message, change))


def _caller(tenant: str, message: StoredMessage) -> Caller:
    """Nobody's request: what is traced is KOOK's message."""
    return Caller(tenant, "", "", message.id)


def _item(tenant: str, message: StoredMessage, event: Mapping[str, Any] | None) -> Item:
    number = sequences.padded(message.number)
    item = {
        **key(tenant, message.mapping_id, message.id),
        **items.attributes(message),
        **keys.index(1, tenant, LOG, item_id=number),
        "ttl": message.created_at // 1000 + KEEP_SECONDS,
    }
    if message.status != "success":
        item |= keys.index(2, tenant, BY_STATUS, message.status, item_id=number)
    return item | {"events": [event]} if event else item
