"""Replays of webhooks: the latest of a webhook is one item of ActivityTable, earlier ones stand under their ids.

The latest one is also the lock: it is written only where none is running, in one conditional write. What runs renews
`alive_until` with every step, so that one whose execution was killed does not keep others away for ever.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from functions.webhooks import store
from functions.webhooks.models import Replay, ReplayRequest, ReplayStarted, ReplayStatus, Status
from hub import executions, ids, settings, times
from hub.errors import Conflict, FieldError, InvalidRequest, NotFound
from hub.store import items, keys, table
from hub.store.items import Item

KIND = "REPLAY"
LATEST = "LATEST"
KEEP_SECONDS = 30 * 86_400

ALIVE_MS = 30 * 60_000
"""How long a step may take beyond its own waiting: longer than its tries, with the waits between them, ever do."""


@dataclass(frozen=True)
class ReplaySettings:
    """The state machine that goes through the log."""

    webhook_replay_state_machine_arn: str


@dataclass(frozen=True, slots=True)
class StoredReplay:
    """A replay. Times in epoch milliseconds, but for `ended_at`, which the state machine can write too (ISO 8601)."""

    tenant: str
    webhook_id: str
    id: str
    since: int
    until: int
    wanted: Status | None
    status: ReplayStatus
    queued: int
    started_at: int
    ended_at: str | None
    alive_until: int

    def at(self, now: int) -> "StoredReplay":
        """As it stands at a time: what has not been heard of for too long has failed."""
        if self.status == "running" and self.alive_until < now:
            return replace(self, status="failed", ended_at=times.iso_ms(self.alive_until))
        return self


def begin(tenant: str, webhook_id: str, wanted: ReplayRequest) -> StoredReplay:
    """Write a new replay.

    Raises `InvalidRequest` for a time that is to come or was before the log begins, `Conflict` while another replay of
    the webhook is running.
    """
    now = times.now_ms()
    since, until = _period(wanted, now)
    new = StoredReplay(
        tenant=tenant,
        webhook_id=webhook_id,
        id=ids.new("replay", now),
        since=since,
        until=until,
        wanted=wanted.status,
        status="running",
        queued=0,
        started_at=now,
        ended_at=None,
        alive_until=now + ALIVE_MS,
    )
    before = table.get(table.activity(), _key(tenant, webhook_id, LATEST), consistent=True)
    if before is None:
        operations = [_put(new, LATEST, "attribute_not_exists(pk)", {})]
    else:
        previous = _from_item(tenant, webhook_id, before).at(now)
        if previous.status == "running":
            raise Conflict("replay_running")
        free = "#id = :seen AND (#status <> :running OR #alive_until < :now)"
        values = {"seen": previous.id, "running": "running", "now": now}
        operations = [_put(new, LATEST, free, values), _put(previous, previous.id, "", {})]
    try:
        table.write(*operations)
    except (table.ConditionFailed, table.Contended):
        raise Conflict("replay_running") from None
    return new


def start(replay: StoredReplay) -> None:
    """Hand a new replay to the state machine, whose steps are `replay.handler`'s."""
    executions.start(_settings().webhook_replay_state_machine_arn, replay.id, state(replay))


def state(replay: StoredReplay) -> dict[str, Any]:
    """What the state machine knows of a replay when it begins."""
    return {
        "tenant": replay.tenant,
        "webhook_id": replay.webhook_id,
        "id": replay.id,
        "since": replay.since,
        "until": replay.until,
        "wanted": replay.wanted,
        "started_at": replay.started_at,
        "step": {"status": "running", "wait_seconds": 0, "after": None, "due": 0, "queued": 0, "number": 0},
    }


def go_on(tenant: str, webhook_id: str, replay_id: str, queued: int, alive_until: int) -> bool:
    """Note how far a replay is; `False` when it is no longer the one that runs."""
    expression = "SET #queued = :queued, #alive_until = :alive_until"
    return _change(tenant, webhook_id, replay_id, expression, {"queued": queued, "alive_until": alive_until})


def end(tenant: str, webhook_id: str, replay_id: str, queued: int, status: ReplayStatus) -> bool:
    """Note that a replay has ended, and how; `False` when it was no longer the one that runs."""
    expression = "SET #queued = :queued, #status = :status, #ended_at = :ended_at"
    values = {"queued": queued, "status": status, "ended_at": times.iso_ms(times.now_ms())}
    return _change(tenant, webhook_id, replay_id, expression, values)


def get(tenant: str, webhook_id: str, replay_id: str) -> StoredReplay:
    """Read a replay of a webhook. Raises `NotFound`, also where the webhook is gone."""
    webhook, *places = store.key(tenant, webhook_id), *(_key(tenant, webhook_id, one) for one in (LATEST, replay_id))
    found = table.get_many({table.entities(): [webhook], table.activity(): places})
    if (table.entities(), webhook["pk"], webhook["sk"]) not in found:
        raise NotFound
    for place in places:
        item = found.get((table.activity(), place["pk"], place["sk"]))
        if item is not None and item["id"] == replay_id:
            return _from_item(tenant, webhook_id, item).at(times.now_ms())
    raise NotFound


def shown_as_started(replay: StoredReplay) -> ReplayStarted:
    """A new replay as callers see it."""
    return {"replay_id": replay.id, "since": times.iso_ms(replay.since), "until": times.iso_ms(replay.until)}


def shown(replay: StoredReplay) -> Replay:
    """A replay as callers see it."""
    return {
        **shown_as_started(replay),
        "status": replay.status,
        "queued": replay.queued,
        "started_at": times.iso(replay.started_at / 1000),
        "ended_at": times.iso(times.epoch_ms(replay.ended_at) / 1000) if replay.ended_at else None,
    }


def _period(wanted: ReplayRequest, now: int) -> tuple[int, int]:
    since = _milliseconds(wanted.since)
    until = now if wanted.until is None else _milliseconds(wanted.until)
    # An hour more than is kept by name, for a caller whose clock is a little late.
    if since < now - (KEEP_SECONDS + 3600) * 1000:
        raise InvalidRequest(FieldError("since", "not_recent", {"days": KEEP_SECONDS // 86_400}))
    for field, time in (("since", since), ("until", until)):
        if time > now:
            raise InvalidRequest(FieldError(field, "in_the_future"))
    return since, until


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _change(tenant: str, webhook_id: str, replay_id: str, expression: str, values: dict[str, Any]) -> bool:
    owned = "#id = :id AND #status = :running"
    key = _key(tenant, webhook_id, LATEST)
    values = {**values, "id": replay_id, "running": "running"}
    try:
        table.write(table.Update(table.activity(), key, expression, owned, values))
    except table.ConditionFailed:
        return False
    return True


def _key(tenant: str, webhook_id: str, sort_key: str) -> keys.Key:
    return keys.belonging(tenant, KIND, webhook_id, sort_key)


def _put(replay: StoredReplay, sort_key: str, condition: str, values: dict[str, Any]) -> table.Put:
    item = {
        **_key(replay.tenant, replay.webhook_id, sort_key),
        **items.attributes(replay, "tenant", "webhook_id"),
        "id": replay.id,
        "ttl": replay.started_at // 1000 + KEEP_SECONDS,
    }
    return table.Put(table.activity(), item, condition, values)


def _from_item(tenant: str, webhook_id: str, item: Item) -> StoredReplay:
    return items.entity(StoredReplay, item, tenant=tenant, webhook_id=webhook_id, id=item["id"])


@cache
def _settings() -> ReplaySettings:
    return settings.load(ReplaySettings)
