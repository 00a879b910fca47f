"""Messages that go out.

| item | table | pk | sk | index |
|---|---|---|---|---|
| message | Table | `T#<tenant>#MESSAGE_OUT#<platform>` | `msg_…` | by status |
| what a provider calls it | ActivityTable | `T#<tenant>#PROVIDER_MESSAGE#<connection>` | the provider's id | |
| an attempt that is under way | ActivityTable | `T#<tenant>#SENDING#<message>` | its number | |
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.messaging.messages.models import Kind, Media
from functions.messaging.platforms import Platform
from hub import times
from hub.outcomes import Status, Trouble
from hub.store import items, keys, paging, table, versioned
from hub.store.items import Item

KIND = "MESSAGE_OUT"
BY_STATUS = "MESSAGE_OUT_STATUS"
OF_PROVIDER = "PROVIDER_MESSAGE"
SENDING = "SENDING"

KEEP_SECONDS = 90 * 86_400
LEASE_SECONDS = 75
"""How long an attempt can be under way: longer than a function of ours lives."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message; times in epoch milliseconds. Each of `attempts` has `at`, `provider_id` or `error`."""

    id: str
    platform: Platform
    connection_id: str
    to: str
    sender: str
    content: str
    type: Kind
    metadata: Mapping[str, Any]
    media: Media | None
    template: Mapping[str, Any] | None
    status: Status
    error: Trouble | None
    attempts: Sequence[Mapping[str, Any]]
    due_at: int
    actor: str
    request_id: str
    created_at: int
    updated_at: int
    version: int = 1


def key(tenant: str, platform: str, message_id: str) -> keys.Key:
    """Where a message is."""
    return keys.belonging(tenant, KIND, platform, message_id)


def add(tenant: str, message: StoredMessage, event: Mapping[str, Any]) -> None:
    """Write a new message, with the event that queues it. Raises `ConditionFailed` where it stands already."""
    table.write(table.Put(table.entities(), _item(tenant, message, [event]), table.ABSENT))


def replace(tenant: str, before: StoredMessage, after: StoredMessage, events: Sequence[Mapping[str, Any]]) -> None:
    """Write a changed message. Raises `versioned.Changed`."""
    versioned.write(before.version, versioned.replacement(_item(tenant, after, events), before.version))


def get(tenant: str, platform: str, message_id: str, *, consistent: bool = False) -> StoredMessage:
    """Read a message. Raises `NotFound`."""
    item = table.required(table.entities(), key(tenant, platform, message_id), consistent=consistent)
    return items.entity(StoredMessage, item)


def page(
    tenant: str, platform: Platform, status: Status | None, number: int, size: int, cursor: str | None
) -> paging.Page[StoredMessage]:
    """Read a page of a platform's messages, of one status or all, the newest first."""
    rows = table.Query(table.entities(), keys.partition(tenant, KIND, platform))
    if status is not None:
        place = keys.partition(tenant, BY_STATUS, platform, status)
        rows = table.Query(table.entities(), place, index="gsi1", keys_only=True)
    # Nothing shows how many there are, so nothing counts them.
    found = paging.read(rows, number, size, cursor, total=lambda: number * size + 1)
    return found.holding(items.entity(StoredMessage, item) for item in found.items)


def take(tenant: str, message_id: str, number: int) -> bool:
    """Take an attempt: `False` while somebody else has it. One whose function died is free again after a minute."""
    now = times.now()
    lease = {**keys.belonging(tenant, SENDING, message_id, str(number)), "until": now + LEASE_SECONDS}
    put = table.Put(
        table.activity(),
        {**lease, "ttl": now + KEEP_SECONDS},
        "attribute_not_exists(pk) OR #until < :now",
        {"now": now},
    )
    try:
        table.write(put)
    except table.ConditionFailed:
        return False
    return True


def name_at_provider(tenant: str, message: StoredMessage, provider_ids: Iterable[str]) -> None:
    """Remember what a provider calls a message, for its callbacks."""
    told = {"platform": message.platform, "message_id": message.id, "ttl": times.now() + KEEP_SECONDS}
    places = [keys.belonging(tenant, OF_PROVIDER, message.connection_id, one) for one in provider_ids]
    table.put_many(table.activity(), [{**place, **told} for place in places])


def by_provider_id(tenant: str, connection_id: str, provider_id: str) -> tuple[str, str] | None:
    """The platform and id of the message that a provider calls so; `None` while it is not known."""
    item = table.get(table.activity(), keys.belonging(tenant, OF_PROVIDER, connection_id, provider_id), consistent=True)
    return (item["platform"], item["message_id"]) if item else None


def _item(tenant: str, message: StoredMessage, events: Sequence[Mapping[str, Any]]) -> Item:
    return {
        **key(tenant, message.platform, message.id),
        **keys.index(1, tenant, BY_STATUS, message.platform, message.status, item_id=message.id),
        **items.attributes(message),
        "ttl": message.created_at // 1000 + KEEP_SECONDS,
        "events": list(events),
    }
