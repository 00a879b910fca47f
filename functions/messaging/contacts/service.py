"""Contacts: read from a platform's address book page by page, and found again by the platform's id."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from functions.messaging import platforms
from functions.messaging.contacts import people, runs, store
from functions.messaging.contacts.models import ContactParameters, ContactSync, ThirdPartyContact
from functions.messaging.contacts.runs import StoredSync
from functions.messaging.contacts.store import StoredContact
from functions.messaging.platforms import Platform
from functions.messaging.told import MAX_ID, MAX_NAME, MAX_URL
from hub import connections, connectors, ids, pacing, times
from hub.connections import Connection
from hub.connectors import protocol
from hub.connectors.protocol import ProviderError, Temporary
from hub.errors import Conflict, Unprocessable
from hub.events import Caller
from hub.store.paging import Page
from hub.telemetry import count
from hub.web.request import Accepted
from hub.web.validation import answer_bytes

SECONDS = 6.0
"""How long a request begins pages: what is left then goes on in the background."""

MAX_ANSWERED = 500
MAX_ANSWER_BYTES = 250_000
"""Contacts of an answer: with an `Idempotency-Key` it is kept in an item, which has 400 KB."""

MAX_FAILURES = 6
"""In a row; the waits between them are those of messages: 4 s, 16 s, 64 s … or what the platform asks for."""


class _Paced(Temporary):
    """Others read the same address book: no fault of the platform's."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step of a sync found, and how many seconds the next one is to wait."""

    sync: StoredSync
    contacts: Sequence[ThirdPartyContact] = ()
    wait_seconds: int = 0


def synced(caller: Caller, platform: str, user_id: str) -> list[ThirdPartyContact] | Accepted[list[ThirdPartyContact]]:
    """Sync a user's contacts: all of them where a request can read and tell them, else the first ones.

    Raises `Unprocessable` without a connection or where the platform refuses, `Conflict` while a sync is running.
    """
    known = platforms.known(platform)
    if not connections.of_type(caller.tenant, known, limit=1):
        raise Unprocessable("no_connection", platform=platform)
    sync = runs.begin(caller.tenant, known, user_id, caller.request_id)
    found: dict[str, ThirdPartyContact] = {}
    step, deadline = Step(sync), time.monotonic() + SECONDS
    while step.sync.status == "running" and not step.wait_seconds and time.monotonic() < deadline:
        step = advanced(caller.tenant, step.sync, runs.REQUEST_ALIVE_MS)
        found |= {one["platformUserId"]: one for one in step.contacts}
        if len(found) > MAX_ANSWERED:
            break
    if step.sync.status == "failed":
        raise _refused(step.sync)
    contacts, is_whole = _fitting(list(found.values()))
    if step.sync.status == "running":
        runs.hand_over(caller.tenant, step.sync, step.wait_seconds)
    elif is_whole:
        return contacts
    return Accepted(contacts, f"/third-party/{known}/contacts/sync?userId={quote(user_id, safe='')}")


def latest(tenant: str, platform: str, user_id: str) -> ContactSync:
    """Show the latest sync of a user's contacts."""
    return runs.shown(runs.get(tenant, platforms.known(platform), user_id).at(times.now_ms()))


def found(tenant: str, platform: str, query: ContactParameters) -> ThirdPartyContact | Page[ThirdPartyContact] | None:
    """A user's contact or `None`; without a contact's id, a page of all of them."""
    known = platforms.known(platform)
    if query.platformUserId is not None:
        contact = store.get(tenant, known, query.userId, query.platformUserId)
        return shown(known, query.userId, contact) if contact else None
    page = store.page(tenant, known, query.userId, query.page, query.limit, query.cursor)
    return page.holding(shown(known, query.userId, one) for one in page.items)


def advanced(tenant: str, sync: StoredSync, alive_ms: int) -> Step:
    """Do the next step of a sync, and note it. Raises `Conflict` where it is no longer the one that runs."""
    step = _swept(tenant, sync) if sync.phase == "sweeping" else _read(tenant, sync)
    after = replace(step.sync, alive_until=times.now_ms() + step.wait_seconds * 1000 + alive_ms)
    if not runs.note(tenant, after):
        raise Conflict("sync_running")
    return replace(step, sync=after)


def shown(platform: Platform, user_id: str, contact: StoredContact) -> ThirdPartyContact:
    """A contact as callers see it."""
    return {
        "id": ids.derived("contact", 0, platform, user_id, contact.id),
        "platform": platform,
        "platformUserId": contact.id,
        "name": contact.name,
        "avatar": contact.avatar,
        "userId": user_id,
        "syncedAt": times.iso_ms(contact.synced_at),
    }


def _read(tenant: str, sync: StoredSync) -> Step:
    """Read a page, keep it, and tell where to go on: in this address book, the next connection's, or at the end."""
    # By their ids, so by age: one that came or went meanwhile shifts no other.
    left = [one for one in connections.of_type(tenant, sync.platform) if one.id >= sync.connection]
    if not left:
        return Step(replace(sync, phase="sweeping", cursor=None))
    connection = left[0]
    cursor = sync.cursor if connection.id == sync.connection else None
    try:
        page = _page(tenant, connection, cursor)
    except ProviderError as error:
        return _troubled(tenant, replace(sync, connection=connection.id, cursor=cursor), connection, error)
    kept = _kept(tenant, sync, page.items)
    after = replace(sync, connection=connection.id, cursor=page.next, synced=sync.synced + len(kept), failures=0)
    if page.next is None:
        following = left[1].id if len(left) > 1 else None
        after = replace(after, connection=following) if following else replace(after, phase="sweeping")
    return Step(replace(after, error=None), kept)


def _page(tenant: str, connection: Connection, cursor: str | None) -> protocol.Page[protocol.Contact]:
    """A page of an address book; of those who wrote, where the platform keeps none. Raises `ProviderError`."""
    connector = connectors.connector(connection.service_type)
    if "contacts" not in connector.abilities:
        return people.page(tenant, connection.id, cursor)
    # Apart from its messages, whose slots may be taken for hours.
    [slot] = pacing.reserve(tenant, f"{connection.id}@contacts", 1, connector.limits.per_second)
    if (ahead := slot - times.now_ms()) > 0:
        if ahead > 1000:
            raise _Paced("paced", "others read this address book", slot)
        time.sleep(ahead / 1000)
    return connector.contacts(connections.opened(tenant, connection), cursor)


def _troubled(tenant: str, sync: StoredSync, connection: Connection, error: ProviderError) -> Step:
    trouble = connections.trouble(error, connections.opened(tenant, connection))
    failures = sync.failures + (not isinstance(error, _Paced))
    if not isinstance(error, Temporary) or failures >= MAX_FAILURES:
        return Step(replace(sync, status="failed", error=trouble, ended_at=times.iso_ms(times.now_ms())))
    wait = 4**failures if error.retry_at is None else -(-(error.retry_at - times.now_ms()) // 1000)
    return Step(replace(sync, failures=failures, error=trouble), wait_seconds=max(1, wait))


def _swept(tenant: str, sync: StoredSync) -> Step:
    """Remove those that no address book has any more."""
    following = store.sweep(tenant, sync.platform, sync.user_id, sync.started_at, sync.cursor)
    if following is not None:
        return Step(replace(sync, cursor=following))
    return Step(replace(sync, status="succeeded", cursor=None, ended_at=times.iso_ms(times.now_ms())))


def _kept(tenant: str, sync: StoredSync, contacts: Sequence[protocol.Contact]) -> list[ThirdPartyContact]:
    now = max(times.now_ms(), sync.started_at)
    distinct = {one.id: one for one in contacts if 1 <= len(one.id) <= MAX_ID and one.id.isprintable()}
    if left_out := len({one.id for one in contacts}) - len(distinct):
        count("ContactsLeftOut", left_out)
    kept = [
        StoredContact(
            one.id,
            one.name[:MAX_NAME].encode(errors="replace").decode(),
            one.avatar if one.avatar and len(one.avatar) <= MAX_URL and one.avatar.isprintable() else None,
            now,
        )
        for one in distinct.values()
    ]
    store.put_many(tenant, sync.platform, sync.user_id, kept)
    return [shown(sync.platform, sync.user_id, one) for one in kept]


def _refused(sync: StoredSync) -> Unprocessable:
    """Why a sync failed, in its platform's words."""
    told = sync.error or {"code": "", "message": ""}
    return Unprocessable("provider_refused", platform=sync.platform, reason=told["code"], text=told["message"])


def _fitting(contacts: list[ThirdPartyContact]) -> tuple[list[ThirdPartyContact], bool]:
    """As many contacts as an answer holds, and whether these are all."""
    fitting, size = [], 0
    for one in contacts[:MAX_ANSWERED]:
        size += answer_bytes(one)
        if size > MAX_ANSWER_BYTES:
            break
        fitting.append(one)
    return fitting, len(fitting) == len(contacts)
