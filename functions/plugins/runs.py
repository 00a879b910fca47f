"""The log of what plugins were asked: one row per command, and per event and installation.

| item | table | pk | sk |
|---|---|---|---|
| run | ActivityTable | `T#<tenant>#PLUGIN_RUN#<installation id>` | `run_…` |
| the same, failed or to be tried again | ActivityTable, `gsi1` | `…_PENDING#…`, `…_FAILED#…` | `run_…` |

A row is kept for 30 days from its latest change. The row of an event is also its claim: whoever writes it first, or
takes it over when the lease of whoever died over it has ended, runs the event; all others leave it alone.
"""

from dataclasses import dataclass, replace
from typing import Any

from functions.plugins.models import Run, RunKind, RunStatus
from hub import ids, times
from hub.outcomes import Trouble
from hub.store import items, keys, paging, table
from hub.store.items import Item

KIND = "PLUGIN_RUN"
KEEP_SECONDS = 30 * 86_400
LEASE_MS = 60_000
MAX_NOTE = 200


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run; times in epoch milliseconds. `tries` have ended, the one until `leased_until` has not."""

    id: str
    kind: RunKind
    name: str
    event_id: str | None
    status: RunStatus
    tries: int
    note: str
    error: Trouble | None
    response_time: int | None
    created_at: int
    updated_at: int
    next_try_at: int | None = None
    leased_until: int = 0

    @property
    def is_taken(self) -> bool:
        """Whether somebody is at it."""
        return self.leased_until > times.now_ms()


def of_event(installation_id: str, event: dict[str, Any]) -> StoredRun:
    """The run of an event by an installation: always the same one for the same two."""
    run_id = ids.derived("run", times.epoch_ms(event["timestamp"]), event["id"], installation_id)
    now = times.now_ms()
    return StoredRun(run_id, "event", event["type"], event["id"], "pending", 0, "", None, None, now, now)


def key(tenant: str, installation_id: str, run_id: str) -> keys.Key:
    """Where a run is."""
    return keys.belonging(tenant, KIND, installation_id, run_id)


def add(tenant: str, installation_id: str, run: StoredRun) -> None:
    """Write a command's run."""
    table.write(table.Put(table.activity(), _item(tenant, installation_id, run)))


def claim(tenant: str, installation_id: str, run: StoredRun) -> StoredRun | None:
    """Take an event's run, as it was read or made, for one try; `None` where another has it, or it has ended."""
    now = times.now_ms()
    taken = replace(run, status="pending", leased_until=now + LEASE_MS, updated_at=now)
    condition = "attribute_not_exists(pk) OR (#status = :pending AND #tries = :tries AND #leased_until <= :now)"
    values = {"pending": "pending", "tries": run.tries, "now": now}
    try:
        table.write(table.Put(table.activity(), _item(tenant, installation_id, taken), condition, values))
    except table.ConditionFailed:
        return None
    return taken


def end(tenant: str, installation_id: str, taken: StoredRun, after: StoredRun) -> bool:
    """Note how a try ended; `False` where another had taken it over."""
    condition = "#status = :pending AND #tries = :tries AND #leased_until = :mine"
    values = {"pending": "pending", "tries": taken.tries, "mine": taken.leased_until}
    try:
        table.write(table.Put(table.activity(), _item(tenant, installation_id, after), condition, values))
    except table.ConditionFailed:
        return False
    return True


def page(
    tenant: str, installation_id: str, status: RunStatus | None, number: int, size: int, cursor: str | None
) -> paging.Page[StoredRun]:
    """Read a page of an installation's runs, the newest first; those failed or waiting stand in an index."""
    rows = table.Query(table.activity(), keys.partition(tenant, KIND, installation_id))
    if status is not None:
        rows = table.Query(table.activity(), _by_status(tenant, installation_id, status), index="gsi1")
    found = paging.read(rows, number, size, cursor)
    return found.holding(map(from_item, found.items))


def shown(run: StoredRun) -> Run:
    """A run as callers see it."""
    return {
        "id": run.id,
        "kind": run.kind,
        "name": run.name,
        "event_id": run.event_id,
        "status": run.status,
        "tries": run.tries,
        "note": run.note,
        "error": run.error,
        "response_time": run.response_time,
        "created_at": times.iso_ms(run.created_at),
        "updated_at": times.iso_ms(run.updated_at),
        "next_try_at": None if run.next_try_at is None else times.iso_ms(run.next_try_at),
    }


def from_item(item: Item) -> StoredRun:
    """Read a run's row."""
    return items.entity(StoredRun, item)


def _by_status(tenant: str, installation_id: str, status: RunStatus) -> str:
    return keys.partition(tenant, f"{KIND}_{status.upper()}", installation_id)


def _item(tenant: str, installation_id: str, run: StoredRun) -> Item:
    indexed: Item = {}
    # Most runs succeed at once: they have no place in the index, neither before nor after.
    if run.status == "failed" or run.next_try_at is not None:
        indexed = {"gsi1_pk": _by_status(tenant, installation_id, run.status), "gsi1_sk": run.id}
    kept = {"ttl": times.now() + KEEP_SECONDS}
    return {**key(tenant, installation_id, run.id), **indexed, **items.attributes(run), **kept}
