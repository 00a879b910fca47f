"""Messages that people sent to us.

| item | table | pk | sk |
|---|---|---|---|
| received message | Table | `T#<tenant>#MESSAGE_IN#<platform>` | `msg_…`, made of the platform's own id and time |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from functions.messaging.received.models import ReceivedAttachment
from hub import times
from hub.store import items, keys, paging, table

KIND = "MESSAGE_IN"
KEEP_SECONDS = 90 * 86_400


@dataclass(frozen=True, slots=True)
class StoredReceived:
    """A received message. `data` is what the platform tells beyond it, as JSON; `created_at` in epoch milliseconds."""

    id: str
    platform: str
    connection_id: str
    provider_id: str
    sender: str
    sender_name: str
    text: str
    type: str
    attachments: Sequence[ReceivedAttachment]
    data: str
    created_at: int


def add(tenant: str, message: StoredReceived, event: Mapping[str, object]) -> bool:
    """Write a message with its event; `False` where it stands already."""
    item = {
        **keys.belonging(tenant, KIND, message.platform, message.id),
        **items.attributes(message),
        # By our own clock: a platform's may be wrong by years.
        "ttl": times.now() + KEEP_SECONDS,
        "events": [event],
    }
    try:
        table.write(table.Put(table.entities(), item, "attribute_not_exists(pk)"))
    except table.ConditionFailed:
        return False
    return True


def page(tenant: str, platform: str, number: int, size: int, cursor: str | None) -> paging.Page[StoredReceived]:
    """Read a page of a platform's messages, the newest first."""
    rows = table.Query(table.entities(), keys.partition(tenant, KIND, platform))
    # Nothing shows how many there are, so nothing counts them.
    found = paging.read(rows, number, size, cursor, total=lambda: number * size + 1)
    return found.holding(items.entity(StoredReceived, item) for item in found.items)
