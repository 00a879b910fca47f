"""Contacts of users, as the latest sync found them.

| item | table | pk | sk |
|---|---|---|---|
| contact | ActivityTable | `T#<tenant>#CONTACT#<platform>#<user>` | the platform's id |
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hub.store import items, keys, paging, table

KIND = "CONTACT"
SWEPT = 1000
"""Contacts that one step of a sync's end looks at."""


@dataclass(frozen=True, slots=True)
class StoredContact:
    """A contact; `id` is the platform's. `synced_at` in epoch milliseconds."""

    id: str
    name: str
    avatar: str | None
    synced_at: int


def put_many(tenant: str, platform: str, user_id: str, contacts: Sequence[StoredContact]) -> None:
    """Write contacts of a user; one that stands is written over."""
    place = _partition(tenant, platform, user_id)
    table.put_many(table.activity(), [{"pk": place, "sk": one.id, **items.attributes(one)} for one in contacts])


def get(tenant: str, platform: str, user_id: str, platform_user_id: str) -> StoredContact | None:
    """Find a user's contact by the platform's id."""
    item = table.get(table.activity(), {"pk": _partition(tenant, platform, user_id), "sk": platform_user_id})
    return items.entity(StoredContact, item) if item else None


def page(
    tenant: str, platform: str, user_id: str, number: int, size: int, cursor: str | None
) -> paging.Page[StoredContact]:
    """Read a page of a user's contacts, by the platform's id."""
    rows = table.Query(table.activity(), _partition(tenant, platform, user_id), newest_first=False)
    # Nothing shows how many there are, so nothing counts them.
    found = paging.read(rows, number, size, cursor, total=lambda: number * size + 1)
    return found.holding(items.entity(StoredContact, item) for item in found.items)


def sweep(tenant: str, platform: str, user_id: str, synced_before: int, cursor: str | None) -> str | None:
    """Remove those of a page of contacts that a sync did not find; answers with where the next page begins."""
    place = _partition(tenant, platform, user_id)
    rows = table.Query(table.activity(), place, newest_first=False)
    found = paging.by_cursor([rows], SWEPT, cursor or "")
    gone: list[keys.Key] = [
        {"pk": place, "sk": item["sk"]} for item in found.items if item["synced_at"] < synced_before
    ]
    table.delete_many(table.activity(), gone)
    return found.next


def _partition(tenant: str, platform: str, user_id: str) -> str:
    return keys.partition(tenant, KIND, platform, keys.part(user_id))
