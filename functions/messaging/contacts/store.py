"""Contacts.

| item | table | pk | sk |
|---|---|---|---|
| contact of a user | Table | `T#<tenant>#CONTACT#<platform>#<user>` | the platform's id |
| somebody who wrote | Table | `T#<tenant>#HEARD#<platform>` | the platform's id |
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hub.connectors import protocol
from hub.store import items, keys, paging, table
from hub.store.items import Item

KIND = "CONTACT"
HEARD = "HEARD"


@dataclass(frozen=True, slots=True)
class StoredContact:
    """A contact; `id` is the platform's, `contact_id` ours. `synced_at` in epoch milliseconds."""

    id: str
    contact_id: str
    name: str
    avatar: str | None
    synced_at: int


def put_many(tenant: str, platform: str, user_id: str, contacts: Sequence[StoredContact]) -> None:
    """Write contacts of a user; one that stands is written over."""
    owner = keys.part(user_id)
    table.put_many(table.entities(), [_item(tenant, (KIND, platform, owner), one) for one in contacts])


def hear(tenant: str, platform: str, contacts: Iterable[StoredContact]) -> None:
    """Remember people who wrote."""
    table.put_many(table.entities(), [_item(tenant, (HEARD, platform), one) for one in contacts])


def get(tenant: str, platform: str, user_id: str, platform_user_id: str) -> StoredContact | None:
    """Find a user's contact by the platform's id."""
    place = keys.belonging(tenant, f"{KIND}#{platform}", keys.part(user_id), platform_user_id)
    item = table.get(table.entities(), place)
    return items.entity(StoredContact, item) if item else None


def page(tenant: str, platform: str, user_id: str, limit: int, cursor: str) -> paging.CursorPage[StoredContact]:
    """Read a page of a user's contacts, by the platform's id."""
    rows = table.Query(table.entities(), keys.partition(tenant, KIND, platform, keys.part(user_id)), newest_first=False)
    found = paging.by_cursor([rows], limit, cursor)
    return found.holding(items.entity(StoredContact, item) for item in found.items)


def heard(tenant: str, platform: str, cursor: str | None) -> protocol.Page[protocol.Contact]:
    """Read a page of those who wrote, as a connector reads an address book."""
    rows = table.Query(table.entities(), keys.partition(tenant, HEARD, platform), newest_first=False)
    found = paging.by_cursor([rows], 100, cursor or "")
    contacts = [protocol.Contact(item["sk"], item["name"], item.get("avatar")) for item in found.items]
    return protocol.Page(contacts, found.next)


def _item(tenant: str, kind: tuple[str, ...], contact: StoredContact) -> Item:
    return {"pk": keys.partition(tenant, *kind), "sk": contact.id, **items.attributes(contact)}
