"""Syncs of contacts: one at a time for each platform and user, whose item is also the lock and the checkpoint.

| item | table | pk | sk |
|---|---|---|---|
| the latest sync | ActivityTable | `T#<tenant>#CONTACT_SYNC#<platform>` | the user |

What runs renews `alive_until` with every page, so that one whose function was killed does not keep others away for
ever.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from functions.messaging.contacts.models import ContactSync, SyncStatus
from functions.messaging.platforms import Platform
from hub import executions, ids, settings, times
from hub.errors import Conflict
from hub.outcomes import Trouble
from hub.store import items, keys, table

KIND = "CONTACT_SYNC"
KEEP_SECONDS = 30 * 86_400

REQUEST_ALIVE_MS = 60_000
"""How long a request can be at it: longer than its function lives."""

ALIVE_MS = 60 * 60_000
"""How long a step in the background may take beyond its own waiting: longer than its tries with their waits."""


@dataclass(frozen=True)
class SyncSettings:
    """The state machine that goes on with a sync."""

    contact_sync_state_machine_arn: str


@dataclass(frozen=True, slots=True)
class StoredSync:
    """A sync. Times in epoch milliseconds, but for `ended_at`, which the state machine writes too (ISO 8601).

    The next page is `cursor`'s of the `connection`, while `phase` is `reading`; then what was not found is swept.
    `failures` are those in a row.
    """

    user_id: str
    id: str
    platform: Platform
    status: SyncStatus
    phase: Literal["reading", "sweeping"]
    connection: str
    cursor: str | None
    synced: int
    failures: int
    error: Trouble | None
    started_at: int
    ended_at: str | None
    alive_until: int
    request_id: str

    def at(self, now: int) -> "StoredSync":
        """As it stands at a time: what has not been heard of for too long has failed."""
        if self.status == "running" and self.alive_until < now:
            return replace(self, status="failed", ended_at=times.iso_ms(self.alive_until))
        return self


def begin(tenant: str, platform: Platform, user_id: str, request_id: str) -> StoredSync:
    """Write a new sync. Raises `Conflict` while another one of this platform and user runs."""
    now = times.now_ms()
    new = StoredSync(
        user_id=user_id,
        id=ids.new("sync", now),
        platform=platform,
        status="running",
        phase="reading",
        connection="",
        cursor=None,
        synced=0,
        failures=0,
        error=None,
        started_at=now,
        ended_at=None,
        alive_until=now + REQUEST_ALIVE_MS,
        request_id=request_id,
    )
    free = "attribute_not_exists(pk) OR #status <> :running OR #alive_until < :now"
    try:
        table.write(_put(tenant, new, free, {"running": "running", "now": now}))
    except table.ConditionFailed:
        raise Conflict("sync_running") from None
    return new


def note(tenant: str, sync: StoredSync) -> bool:
    """Write how far a sync is, or how it ended; `False` when it is no longer the one that runs."""
    try:
        table.write(_put(tenant, sync, "#id = :id AND #status = :running", {"id": sync.id, "running": "running"}))
    except table.ConditionFailed:
        return False
    return True


def get(tenant: str, platform: Platform, user_id: str, *, consistent: bool = False) -> StoredSync:
    """Read the latest sync of a platform and user. Raises `NotFound`."""
    item = table.required(table.activity(), _key(tenant, platform, user_id), consistent=consistent)
    return items.entity(StoredSync, item, id=item["id"], user_id=item["user_id"])


def hand_over(tenant: str, sync: StoredSync, wait_seconds: int) -> None:
    """Have the state machine go on with a sync; once, however often it is called."""
    executions.start(_settings().contact_sync_state_machine_arn, sync.id, state(tenant, sync, wait_seconds))


def state(tenant: str, sync: StoredSync, wait_seconds: int = 0) -> dict[str, Any]:
    """What the state machine knows of a sync when it begins; all else stands in its item."""
    return {
        "tenant": tenant,
        "platform": sync.platform,
        "user_id": sync.user_id,
        "user_key": keys.part(sync.user_id),
        "id": sync.id,
        "step": {"status": "running", "wait_seconds": wait_seconds, "number": 0},
    }


def shown(sync: StoredSync) -> ContactSync:
    """A sync as callers see it."""
    return {
        "id": sync.id,
        "platform": sync.platform,
        "userId": sync.user_id,
        "status": sync.status,
        "synced": sync.synced,
        "error": sync.error,
        "startedAt": times.iso_ms(sync.started_at),
        "endedAt": sync.ended_at,
    }


def _key(tenant: str, platform: Platform, user_id: str) -> keys.Key:
    return keys.belonging(tenant, KIND, platform, keys.part(user_id))


def _put(tenant: str, sync: StoredSync, condition: str, values: dict[str, Any]) -> table.Put:
    item = {
        **_key(tenant, sync.platform, sync.user_id),
        **items.attributes(sync),
        "id": sync.id,
        "ttl": times.now() + KEEP_SECONDS,
    }
    return table.Put(table.activity(), item, condition, values)


@cache
def _settings() -> SyncSettings:
    return settings.load(SyncSettings)
