"""Syncs, and which of an integration's is under way.

| item | table | pk | sk |
|---|---|---|---|
| sync | Table | `T#<tenant>#SYNC#<integration>` | `sync_…` |
| which one runs | ActivityTable | `T#<tenant>#SYNCING` | the integration's id |

The second names the sync that was begun last; no other is begun while that one has not ended and was heard of within
half an hour (`alive_until`). A step of a sync first takes `claim` for 20 seconds, and writes only while it has it: of
two that are at the same step one waits, and what a dead one held is free again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from functions.integrations.syncs.models import Sync, SyncStatus, Trigger
from hub import events, executions, ids, settings, times
from hub.errors import Unavailable
from hub.events import Caller
from hub.outcomes import Trouble
from hub.store import items, keys, paging, table
from hub.store.items import Item
from hub.store.versioned import TRIES

KIND = "SYNC"
SYNCING = "SYNCING"
PREFIX = "sync"
ENDED: frozenset[SyncStatus] = frozenset({"completed", "failed"})

KEEP_SECONDS = 30 * 86_400
ALIVE_MS = 30 * 60_000
"""How long a sync is waited for that is not heard of: longer than a step's tries, with the waits between them, take."""

CLAIM_MS = 20_000
UNHEARD_MS = 30_000
"""After so long, one that no step has begun is handed to the state machine again: whoever began it may have died."""


@dataclass(frozen=True)
class SyncSettings:
    """The state machine that takes a sync from step to step."""

    sync_state_machine_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSync:
    """A sync; times in epoch milliseconds, `ttl` in seconds.

    `cursor` is where the provider's list goes on, `is_read` that it has ended, `swept_to` how far the records were then
    held against what it had. `fingerprint` is of the config that it began with. `troubles` counts refusals in a row.
    """

    id: str
    integration_id: str
    trigger: Trigger
    plan: str
    actor: str
    request_id: str
    fingerprint: str
    created_at: int
    alive_until: int
    ttl: int
    status: SyncStatus = "pending"
    steps: int = 0
    cursor: str | None = None
    is_read: bool = False
    swept_to: str | None = None
    pages: int = 0
    sweeps: int = 0
    read: int = 0
    added: int = 0
    updated: int = 0
    deleted: int = 0
    troubles: int = 0
    retry_at: int = 0
    claim: str = ""
    claimed_until: int = 0
    ended_at: int = 0
    error: Trouble | None = None

    @property
    def mark(self) -> int:
        """The number of the page that is under way, of the list or of the records."""
        return self.pages + self.sweeps

    def caller(self, tenant: str) -> Caller:
        """On whose behalf it reads."""
        return Caller(tenant, self.plan, self.actor, self.request_id)


def begin(
    caller: Caller, integration_id: str, fingerprint: str, trigger: Trigger, serves: Callable[[StoredSync], bool]
) -> tuple[StoredSync, bool]:
    """Begin a sync, or answer with the one that runs or with the one that ended last, where it `serves`.

    Answers with the sync and whether it is new. Raises `Unavailable`.
    """
    for attempt in range(TRIES):
        table.back_off(attempt)
        latest = _latest(caller.tenant, integration_id)
        if latest is not None and (serves(latest) if latest.status in ENDED else latest.alive_until > times.now_ms()):
            if latest.status == "pending" and latest.created_at + UNHEARD_MS < times.now_ms():
                start(caller.tenant, latest)
            return latest, False
        now = times.now_ms()
        new = StoredSync(
            id=ids.new(PREFIX, now),
            integration_id=integration_id,
            trigger=trigger,
            plan=caller.plan,
            actor=caller.actor,
            request_id=caller.request_id,
            fingerprint=fingerprint,
            created_at=now,
            alive_until=now + ALIVE_MS,
            ttl=now // 1000 + KEEP_SECONDS,
        )
        try:
            table.write(*_beginning(caller.tenant, latest, new))
        except (table.ConditionFailed, table.Contended):
            continue
        start(caller.tenant, new)
        return new, True
    raise Unavailable


def start(tenant: str, sync: StoredSync) -> None:
    """Hand a sync to the state machine, whose steps are `functions.integrations.sync`'s; once, however often called."""
    state = {
        "tenant": tenant,
        "integration_id": sync.integration_id,
        "id": sync.id,
        "step": {"status": "running", "wait_seconds": 0, "number": 0},
    }
    executions.start(_settings().sync_state_machine_arn, sync.id, state)


def get(tenant: str, integration_id: str, sync_id: str) -> StoredSync:
    """Read a sync as it stands by now. Raises `NotFound`."""
    return _current(items.entity(StoredSync, table.required(table.entities(), _key(tenant, integration_id, sync_id))))


def page(tenant: str, integration_id: str, number: int, size: int, cursor: str | None) -> paging.Page[StoredSync]:
    """Read a page of an integration's syncs, the newest first."""
    query = table.Query(table.entities(), keys.partition(tenant, KIND, integration_id))
    found = paging.read(query, number, size, cursor)
    return found.holding(_current(items.entity(StoredSync, item)) for item in found.items)


def claim(tenant: str, integration_id: str, sync_id: str, name: str) -> StoredSync | None:
    """Take a sync for a step: it has the claim `name` where that worked, another's where not; `None` once it ended."""
    now = times.now_ms()
    taken = table.Update(
        table.entities(),
        _key(tenant, integration_id, sync_id),
        "SET #claim = :claim, #claimed_until = :until, #status = :running",
        "#status IN (:pending, :running) AND #claimed_until <= :now",
        {"claim": name, "until": now + CLAIM_MS, "now": now, "pending": "pending", "running": "running"},
    )
    try:
        found: Item | None = table.update(taken)
    except table.ConditionFailed as failure:
        found = failure.item
    sync = items.entity(StoredSync, found) if found and "deleted_at" not in found else None
    return None if sync is None or sync.status in ENDED else sync


def advance(tenant: str, sync: StoredSync, *, wait_until: int = 0, keeps_claim: bool = True) -> StoredSync:
    """Write how far a step has brought a sync. Raises `Overtaken` where its claim is another's by now."""
    now = times.now_ms()
    moved = replace(
        sync,
        steps=sync.steps + 1,
        alive_until=max(now, wait_until) + ALIVE_MS,
        retry_at=wait_until,
        claimed_until=now + CLAIM_MS if keeps_claim else 0,
    )
    _write(tenant, sync.claim, moved, [])
    return moved


def end(tenant: str, sync: StoredSync, error: Trouble | None) -> StoredSync:
    """Write that a sync has ended, and tell. Raises `Overtaken`."""
    ended = _ended(sync, error)
    _write(tenant, sync.claim, ended, [_event(tenant, ended)])
    return ended


class Overtaken(Exception):
    """Another step has the sync by now, or it has ended: nothing was written."""


def shown(sync: StoredSync) -> Sync:
    """A sync as callers see it."""
    return {
        "id": sync.id,
        "integration_id": sync.integration_id,
        "trigger": sync.trigger,
        "status": sync.status,
        "pages": sync.pages,
        "records_read": sync.read,
        "added": sync.added,
        "updated": sync.updated,
        "deleted": sync.deleted,
        "error": sync.error,
        "created_at": times.iso(sync.created_at / 1000),
        "retry_at": times.iso(sync.retry_at / 1000) if sync.retry_at and sync.status not in ENDED else None,
        "ended_at": times.iso(sync.ended_at / 1000) if sync.ended_at else None,
    }


STOPPED: Trouble = {"code": "stopped", "message": "nothing was heard of this sync for half an hour"}


def _current(sync: StoredSync) -> StoredSync:
    """A sync as it stands by now: one that nobody has heard of for too long has failed."""
    if sync.status in ENDED or sync.alive_until > times.now_ms():
        return sync
    return replace(sync, status="failed", error=STOPPED, ended_at=sync.alive_until)


def _latest(tenant: str, integration_id: str) -> StoredSync | None:
    pointer = table.get(table.activity(), keys.entity(tenant, SYNCING, integration_id), consistent=True)
    if pointer is None:
        return None
    item = table.get(table.entities(), _key(tenant, integration_id, pointer["sync_id"]), consistent=True)
    return items.entity(StoredSync, item) if item else _gone(integration_id, pointer["sync_id"])


def _gone(integration_id: str, sync_id: str) -> StoredSync:
    """One that time to live has removed: it has ended, and is what the pointer names."""
    nothing = {"trigger": "manual", "plan": "", "actor": "", "request_id": "", "fingerprint": "", "status": "failed"}
    nobody: dict[str, Any] = {**nothing, "created_at": 0, "alive_until": 0, "ttl": 0}
    return StoredSync(id=sync_id, integration_id=integration_id, **nobody)


def _beginning(tenant: str, latest: StoredSync | None, new: StoredSync) -> list[table.Operation]:
    place = keys.entity(tenant, SYNCING, new.integration_id)
    pointer = {**place, "sync_id": new.id, "ttl": new.ttl}
    if latest is None:
        own = table.Put(table.activity(), pointer, "attribute_not_exists(pk)")
    else:
        own = table.Put(table.activity(), pointer, "#sync_id = :seen", {"seen": latest.id})
    operations: list[table.Operation] = [own, table.Put(table.entities(), _item(tenant, new, []), table.ABSENT)]
    if latest is not None and latest.status not in ENDED:
        lost = _ended(latest, STOPPED)
        unmoved = f"{table.PRESENT} AND #steps = :steps AND #status IN (:pending, :running)"
        seen = {"steps": latest.steps, "pending": "pending", "running": "running"}
        operations.append(table.Put(table.entities(), _item(tenant, lost, [_event(tenant, lost)]), unmoved, seen))
    return operations


def _ended(sync: StoredSync, error: Trouble | None) -> StoredSync:
    status: SyncStatus = "failed" if error else "completed"
    return replace(
        sync, status=status, error=error, steps=sync.steps + 1, retry_at=0, claimed_until=0, ended_at=times.now_ms()
    )


def _event(tenant: str, sync: StoredSync) -> dict[str, Any]:
    told = {name: value for name, value in shown(sync).items() if name not in ("id", "retry_at", "status")}
    data = {"sync_id": sync.id, **told}
    caller = sync.caller(tenant)
    if sync.error:
        return events.event("integration.sync_failed", caller, data)
    del data["error"]
    return events.event("integration.synced", caller, data)


def _write(tenant: str, claimed: str, sync: StoredSync, told: Sequence[Mapping[str, Any]]) -> None:
    own = f"{table.PRESENT} AND #claim = :claim AND #status = :running"
    put = table.Put(table.entities(), _item(tenant, sync, told), own, {"claim": claimed, "running": "running"})
    try:
        table.write(put)
    except table.ConditionFailed:
        raise Overtaken from None


def _item(tenant: str, sync: StoredSync, told: Sequence[Mapping[str, Any]]) -> Item:
    own = {"events": list(told)} if told else {}
    return {**_key(tenant, sync.integration_id, sync.id), **items.attributes(sync), **own}


def _key(tenant: str, integration_id: str, sync_id: str) -> keys.Key:
    return keys.belonging(tenant, KIND, integration_id, sync_id)


@cache
def _settings() -> SyncSettings:
    return settings.load(SyncSettings)
