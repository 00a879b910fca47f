"""One step of a sync, as the state machine `sync.asl.yaml` asks for it.

Where a sync is stands in its item. A step takes it, reads pages of the provider's list and keeps what they have, with a
checkpoint after each; then the records are held against what was met. It may die between any two calls: the next one
does the page again that was under way, and what that had written already is told by the page's number.
"""

import secrets as random
import time
from dataclasses import replace
from typing import Any

from functions.integrations import service
from functions.integrations import store as integrations
from functions.integrations.store import StoredIntegration
from functions.integrations.syncs import records, store
from functions.integrations.syncs.store import StoredSync
from hub import connections, connectors, executions, times
from hub.connectors.protocol import Config, Connector, Disabled, Page, Permanent, ProviderError, Record, Temporary
from hub.errors import NotFound, Unavailable
from hub.outcomes import Trouble
from hub.telemetry import count, lambda_handler, logger

STEP_SECONDS = 15
"""How long a step goes on to read; then the next one does."""

GUARD_MS = 5000
"""Of its claim a step must have so much left to write what it has read."""

STEPS_PER_EXECUTION = 2000
"""A step is nine events of an execution's history, which takes 25,000."""

MAX_PAGES = 100_000
MAX_READ = 1_000_000
"""What a step must hold in memory to tell what is gone is eight bytes a record."""

MAX_PAGE = 5000
"""Records of a page: so many are compared and written within a function's minute."""

MAX_CURSOR = 32_768
MAX_TROUBLES = 8
"""Refusals in a row after which a sync gives up."""

MAX_AGE_MS = 86_400_000
FIRST_WAIT_SECONDS = 5
"""Then 10 s, 20 s …, where the provider does not say how long."""

_MAX_WAIT_SECONDS = 900
"""A wait can be hours long; in between it is seen whether the integration is still to be synced."""

_GIVEN_UP: Trouble = {"code": "internal_error", "message": "the sync failed on every try"}
_GONE: Trouble = {"code": "integration_deleted", "message": "the integration was deleted"}
_INACTIVE: Trouble = {"code": "integration_inactive", "message": "the integration is not active"}
_CHANGED: Trouble = {"code": "config_changed", "message": "the config was changed meanwhile"}


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Do a step of `{"tenant","integration_id","id","step"}`; `step` is the last answer of this function.

    Answers `{"status","wait_seconds","number"}`: `running` or, to be waited for, `waiting`; `continued` likewise where
    the next step is another execution's; `ended`. With `gives_up` the sync is ended, because its steps only fail; that
    raises `Unavailable` while one of them may still be at it.
    """
    tenant, number = event["tenant"], event["step"]["number"]
    claim = random.token_hex(8)
    sync = store.claim(tenant, event["integration_id"], event["id"], claim)
    if sync is None:
        return {"status": "ended", "wait_seconds": 0, "number": number}
    gives_up = bool(event.get("gives_up"))
    if sync.claim != claim:
        if gives_up:
            raise Unavailable
        return _answer(number, sync.claimed_until)
    try:
        after = store.end(tenant, sync, _GIVEN_UP) if gives_up else _step(tenant, sync)
    except store.Overtaken:
        return _answer(number, times.now_ms() + 1000)
    if after.status in store.ENDED:
        told = {"tenant": tenant, "integration_id": after.integration_id, "sync_id": after.id, "error": after.error}
        logger().info("a sync has ended", extra=told)
        count("SyncsFailed" if after.error else "SyncsCompleted")
        return {"status": "ended", "wait_seconds": 0, "number": number}
    return _answer(number, after.retry_at)


def _answer(number: int, wait_until: int = 0) -> dict[str, Any]:
    following = number + 1
    wait = min(executions.seconds_until(wait_until), _MAX_WAIT_SECONDS) if wait_until else 0
    status = "waiting" if wait else "running"
    return {
        "status": status if following % STEPS_PER_EXECUTION else "continued",
        "wait_seconds": wait,
        "number": following,
    }


def _step(tenant: str, sync: StoredSync) -> StoredSync:
    """Bring a sync on, for a while or to its end. Raises `store.Overtaken`."""
    try:
        integration = integrations.get(tenant, sync.integration_id, consistent=True)
    except NotFound:
        return store.end(tenant, sync, _GONE)
    if integration.status != "active":
        return store.end(tenant, sync, _INACTIVE)
    # Half of what one account has and half of another's is what neither has.
    if service.fingerprint(integration) != sync.fingerprint:
        return store.end(tenant, sync, _CHANGED)
    if executions.seconds_until(sync.retry_at):
        return sync
    deadline = time.monotonic() + STEP_SECONDS
    if not sync.is_read:
        sync = _read(tenant, sync, integration, deadline)
    if sync.is_read and _goes_on(sync):
        sync = _swept(tenant, sync, deadline)
    return sync


def _goes_on(sync: StoredSync) -> bool:
    """Whether this step has more to do: it keeps its claim as long as it has time."""
    return sync.status not in store.ENDED and sync.claimed_until > 0


def _read(tenant: str, sync: StoredSync, integration: StoredIntegration, deadline: float) -> StoredSync:
    """Read the provider's list page by page, to its end or as long as there is time."""
    config = connections.opened(tenant, integration)
    connector = connectors.connector(integration.service_type)
    while not sync.is_read and _goes_on(sync):
        try:
            page = _page(connector, config, sync.cursor)
        except Temporary as error:
            return _postponed(tenant, sync, connections.trouble(error, config), error.retry_at)
        except ProviderError as error:
            trouble = connections.trouble(error, config)
            if isinstance(error, Disabled):
                service.note(sync.caller(tenant), integration, trouble)
            return store.end(tenant, sync, trouble)
        sync = _kept(tenant, _holding(tenant, sync), page, deadline)
    return sync


def _page(connector: Connector[Any], config: Config, cursor: str | None) -> Page[Record]:
    """A page of what a provider has: its records or, where it knows nothing but people, its contacts."""
    if "records" in connector.abilities:
        page = connector.records(config, cursor)
    elif "contacts" in connector.abilities:
        found = connector.contacts(config, cursor)
        people = [Record(one.id, "contact", {"name": one.name, "avatar": one.avatar}) for one in found.items]
        page = Page(people, found.next)
    else:
        raise Permanent("not_readable", f"{connector.service_type} has nothing that could be read")
    if page.next is not None and page.next == cursor:
        raise Permanent("bad_answer", "the list goes on where it is")
    if len(page.items) > MAX_PAGE:
        raise Permanent("bad_answer", f"a page has more than {MAX_PAGE} records")
    if len(page.next or "") > MAX_CURSOR:
        raise Permanent("bad_answer", "where the list goes on is told at too great length")
    return page


def _holding(tenant: str, sync: StoredSync) -> StoredSync:
    """A sync whose claim lasts while a page is written. Raises `store.Overtaken`."""
    if sync.claimed_until - times.now_ms() > GUARD_MS:
        return sync
    return store.advance(tenant, sync)


def _kept(tenant: str, sync: StoredSync, page: Page[Record], deadline: float) -> StoredSync:
    """Keep a page, and note how far the list is read."""
    outcome = records.take(tenant, sync.integration_id, sync.id, sync.mark, sync.claim, page.items)
    after = replace(
        sync,
        cursor=page.next,
        is_read=page.next is None,
        pages=sync.pages + 1,
        read=sync.read + len(page.items),
        added=sync.added + outcome.added,
        updated=sync.updated + outcome.updated,
        troubles=0,
    )
    count("RecordsSynced", len(outcome.writes))
    if not after.is_read and (after.pages >= MAX_PAGES or after.read >= MAX_READ):
        told = f"the list has not ended after {after.read} records"
        return store.end(tenant, after, Trouble(code="too_many_records", message=told))
    return store.advance(tenant, after, keeps_claim=time.monotonic() < deadline)


def _swept(tenant: str, sync: StoredSync, deadline: float) -> StoredSync:
    """Hold the records against what was met, to the last one or as long as there is time; then the sync has ended."""
    met = records.seen(tenant, sync.id)
    while _goes_on(sync):
        sync = _holding(tenant, sync)
        place = (tenant, sync.integration_id, sync.id, sync.mark)
        outcome, following = records.sweep(*place, sync.swept_to, met)
        sync = replace(sync, swept_to=following, sweeps=sync.sweeps + 1, deleted=sync.deleted + outcome.deleted)
        if following is None:
            return store.end(tenant, sync, None)
        sync = store.advance(tenant, sync, keeps_claim=time.monotonic() < deadline)
    return sync


def _postponed(tenant: str, sync: StoredSync, trouble: Trouble, retry_at: int | None) -> StoredSync:
    """Wait as long as the provider asks, or longer each time; not for ever."""
    troubles, now = sync.troubles + 1, times.now_ms()
    until = now + FIRST_WAIT_SECONDS * 1000 * 2 ** (troubles - 1) if retry_at is None else max(retry_at, now + 1000)
    if troubles >= MAX_TROUBLES or until - sync.created_at > MAX_AGE_MS:
        return store.end(tenant, sync, trouble)
    return store.advance(tenant, replace(sync, troubles=troubles), wait_until=until, keeps_claim=False)
