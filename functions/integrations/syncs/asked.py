"""Syncs that callbacks ask for: few, however many callbacks come, and none of these in vain.

A callback asks for a sync that begins after it: one that runs may have read already what has changed since. What is
asked goes over IntegrationEventsQueue, and a note says when it is due: a callback that comes before then has nothing to
do, since the sync that begins then reads what it tells of. The note is written behind the message: who dies between the
two leaves a message too many, never one too few.

| item | table | pk | sk |
|---|---|---|---|
| when the sync is due that callbacks asked for | ActivityTable | `T#<tenant>#SYNC_ASKED` | the integration's id |
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from functions.integrations.syncs import service, store
from functions.integrations.syncs.store import StoredSync
from hub import executions, queues, settings, times
from hub.errors import Unavailable
from hub.events import Caller
from hub.queues import Message
from hub.store import keys, table

KIND = "SYNC_ASKED"
APART_MS = 60_000
"""Between the beginnings of syncs that callbacks ask for, and how long one that runs is waited for at a time."""

KEEP_SECONDS = 86_400
_CLOCKS_DIFFER_SECONDS = 1
"""So much later than it is due a sync begins, lest one clock be behind the one that a callback came by."""


@dataclass(frozen=True)
class AskedSettings:
    """The queue that hears of it."""

    integration_events_queue_url: str


def ask(tenant: str, integration_id: str, request_id: str) -> None:
    """Ask for a sync that begins from now on: at once, or a minute after the last one. Raises `Unavailable`."""
    now, due = times.now_ms(), _due(tenant, integration_id)
    if due <= now:
        _queue(Caller(tenant, "", "callback", request_id), integration_id, max(now, due + APART_MS))


def begin(caller: Caller, integration_id: str, due: int) -> None:
    """Begin the sync that was asked for, unless one was begun since; behind the one that runs, ask again.

    Raises `NotFound`, `Unprocessable` where the integration is not active, `Unavailable`.
    """

    def serves(latest: StoredSync) -> bool:
        return latest.created_at >= due or _until(latest) > times.now_ms()

    sync, is_new = service.begin(caller, integration_id, "callback", serves)
    if is_new or sync.created_at >= due:
        return
    # Of several that wait for the same sync one is enough: the one that is due last reads what all were told.
    if _due(caller.tenant, integration_id) <= due:
        until = _until(sync) if sync.status in store.ENDED else times.now_ms() + APART_MS
        _queue(caller, integration_id, until)


def _until(latest: StoredSync) -> int:
    """Until when no callback begins another."""
    return latest.created_at + APART_MS if latest.trigger == "callback" else 0


def _due(tenant: str, integration_id: str) -> int:
    note = table.get(table.activity(), keys.entity(tenant, KIND, integration_id), consistent=True)
    return int(note["due"]) if note else 0


def _queue(caller: Caller, integration_id: str, due: int) -> None:
    wait = executions.seconds_until(due)
    body = {
        "do": "sync",
        "tenant": caller.tenant,
        "integration_id": integration_id,
        "due": due,
        "request_id": caller.request_id,
    }
    message = Message(json.dumps(body), wait + _CLOCKS_DIFFER_SECONDS if wait else 0)
    if queues.send(_settings().integration_events_queue_url, [message]):
        raise Unavailable
    note = table.Update(
        table.activity(),
        keys.entity(caller.tenant, KIND, integration_id),
        "SET #due = :due, #ttl = :ttl",
        "attribute_not_exists(pk) OR #due < :due",
        {"due": due, "ttl": due // 1000 + KEEP_SECONDS},
    )
    with suppress(table.ConditionFailed):
        table.write(note)


@cache
def _settings() -> AskedSettings:
    return settings.load(AskedSettings)
