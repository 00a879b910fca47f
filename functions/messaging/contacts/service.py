"""Contacts: read from a provider's address book page by page, found again by the platform's id."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from functions.messaging import platforms
from functions.messaging.contacts import store
from functions.messaging.contacts.models import Contact, ContactParameters
from functions.messaging.contacts.store import StoredContact
from functions.messaging.platforms import Platform
from hub import connections, connectors, ids, times
from hub.connections import Connection
from hub.connectors import protocol
from hub.store.paging import CursorPage

SECONDS = 8.0
"""How long a request reads: what is left then goes on in the background."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where reading an address book stands: the connection's place in the list, and the provider's cursor."""

    connection: int = 0
    cursor: str | None = None


def synced(tenant: str, platform: str, user_id: str) -> tuple[list[Contact], Progress | None]:
    """Read as much of the tenant's address books as a request can, and where to go on (`None`: all was read)."""
    known = platforms.known(platform)
    found: list[Contact] = []
    progress: Progress | None = Progress()
    deadline = time.monotonic() + SECONDS
    while progress is not None and time.monotonic() < deadline:
        contacts, progress = step(tenant, known, user_id, progress)
        found += contacts
    return found, progress


def step(tenant: str, platform: Platform, user_id: str, progress: Progress) -> tuple[list[Contact], Progress | None]:
    """Read one page, keep it, and tell where to go on. Raises `ProviderError`."""
    found = connections.of_type(tenant, platform)
    if progress.connection >= len(found):
        return [], None
    page = _page(tenant, platform, found[progress.connection], progress.cursor)
    kept = _kept(tenant, platform, user_id, page.items)
    if page.next is not None:
        return kept, Progress(progress.connection, page.next)
    following = progress.connection + 1
    return kept, Progress(following) if following < len(found) else None


def get(tenant: str, platform: str, query: ContactParameters) -> Contact | None:
    """A user's contact, or `None`."""
    known = platforms.known(platform)
    found = store.get(tenant, known, query.user_id, query.platform_user_id or "")
    return shown(known, query.user_id, found) if found else None


def listed(tenant: str, platform: str, query: ContactParameters) -> CursorPage[Contact]:
    """A page of a user's contacts."""
    known = platforms.known(platform)
    found = store.page(tenant, known, query.user_id, query.limit, query.cursor)
    return found.holding(shown(known, query.user_id, one) for one in found.items)


def shown(platform: str, user_id: str, contact: StoredContact) -> Contact:
    """A contact as callers see it."""
    return {
        "id": contact.contact_id,
        "platform": platform,
        "platformUserId": contact.id,
        "name": contact.name,
        "avatar": contact.avatar,
        "userId": user_id,
        "syncedAt": times.iso_ms(contact.synced_at),
    }


def _page(
    tenant: str, platform: Platform, connection: Connection, cursor: str | None
) -> protocol.Page[protocol.Contact]:
    """A page of an address book; of those who wrote, where the provider keeps none."""
    connector = connectors.connector(platform)
    if "contacts" not in connector.abilities:
        return store.heard(tenant, platform, cursor)
    return connector.contacts(connections.opened(tenant, connection), cursor)


def _kept(tenant: str, platform: Platform, user_id: str, contacts: Sequence[protocol.Contact]) -> list[Contact]:
    now = times.now_ms()
    kept = [
        StoredContact(one.id, ids.derived("contact", 0, platform, user_id, one.id), one.name, one.avatar, now)
        for one in {one.id: one for one in contacts if one.id}.values()
    ]
    store.put_many(tenant, platform, user_id, kept)
    return [shown(platform, user_id, one) for one in kept]
