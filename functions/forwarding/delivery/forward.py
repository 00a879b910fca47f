"""Forwards a batch of captured things: mapping by mapping at the same time, in order within each.

What has to wait goes back to the queue with all that is behind it, and is seen again when its wait is over.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.forwarding import captured, state
from functions.forwarding.bots import store as bots
from functions.forwarding.captured import Captured
from functions.forwarding.delivery import leases
from functions.forwarding.delivery.groups import Group, Standing, target_of
from functions.forwarding.delivery.leases import Received
from functions.forwarding.mappings import store as mappings
from functions.forwarding.mappings.store import StoredMapping
from functions.forwarding.messages import store
from hub import queues, times
from hub.errors import Unavailable
from hub.store import items, keys, sequences, table
from hub.telemetry import lambda_handler

BUDGET_MS = 12_000
"""After which a run begins nothing more. What it has begun ends within a minute, an upload included."""

PATIENCE_SECONDS = 1.0
"""After which mappings that are done do not wait for those of the same batch that are not: their next messages come."""

_CHUNK = 100


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of a FIFO queue."""
    until = times.now_ms() + BUDGET_MS
    messages, broken = queues.read(event, "tenant", "mapping_id", "kind")
    records = {record["messageId"]: record for record in event["Records"]}
    groups: dict[tuple[str, str], list[Received]] = {}
    for message_id, told in messages.items():
        one = captured.read(told)
        groups.setdefault((one.tenant, one.mapping_id), []).append(leases.received(records[message_id], one))
    everyone = [received for some in groups.values() for received in some]
    try:
        standings = _standings([received.one for received in everyone])
    except (Unavailable, BotoCoreError, ClientError):
        leases.fail(everyone)
        raise
    numbers = _Numbers(standings, groups)
    with ThreadPoolExecutor(max(1, len(groups))) as pool:
        running = {
            pool.submit(_go, Group(standings[place], numbers.of(place[0]), _wake_again, until), some): some
            for place, some in groups.items()
        }
        again = _ended(running)
    return queues.failures([*broken, *again])


@dataclass(frozen=True, slots=True)
class _Gone:
    """How a group has gone: what of it is done, and what waits until a time (epoch ms)."""

    done: Sequence[Received]
    waiting: Sequence[Received]
    until: int


def _go(group: Group, some: Sequence[Received]) -> _Gone:
    done, until = group.go([received.one for received in some])
    return _Gone(some[:done], some[done:], until)


def _ended(running: Mapping[Future[_Gone], Sequence[Received]]) -> list[str]:
    """Wait for all groups; tells which messages come again. One that fails keeps no other from being done.

    All that is told to SQS is told here, one after the other: a renewal must not undo what was put off.
    """
    again: list[str] = []
    failed: list[BaseException] = []
    renewed = float("-inf")
    finished, others = wait(running, timeout=PATIENCE_SECONDS)
    # None may have ended by then: each is asked what became of its messages, or they would count as done.
    while finished or others:
        done: list[Received] = []
        for one in finished:
            error = one.exception()
            if error is not None:
                failed.append(error)
                leases.fail(running[one])
                continue
            gone = one.result()
            done += gone.done
            if gone.waiting:
                leases.put_off(gone.waiting, gone.until)
            again += [received.id for received in gone.waiting]
        if others or failed:
            leases.end(done)
        if others and time.monotonic() - renewed >= leases.RENEWED_SECONDS:
            leases.renew([received for one in others for received in running[one]])
            renewed = time.monotonic()
        rest = renewed + leases.RENEWED_SECONDS - time.monotonic()
        finished, others = wait(others, timeout=rest, return_when=FIRST_COMPLETED) if others else (set(), set())
    if failed:
        raise failed[0]
    return again


def _wake_again(one: Captured) -> None:
    """Have what is held back go on in another run: behind what came meanwhile, which is held back until then."""
    if queues.send(leases.queue_url(), [captured.message(one)]):
        raise Unavailable


def _standings(things: Sequence[Captured]) -> dict[tuple[str, str], Standing]:
    """What each mapping's group has to know: rows, mappings, bots and states, as they stand now, in one call."""
    wanted: dict[str, keys.Key] = {}
    for one in things:
        own = [keys.entity(one.tenant, mappings.KIND, one.mapping_id), state.key(one.tenant)]
        if one.kind != "release":
            own.append(keys.entity(one.tenant, bots.KIND, one.bot_id))
        if one.kind == "message":
            own.append(store.key(one.tenant, one.mapping_id, one.message_id))
        wanted |= {_name(place): place for place in own}
    found = _read(list(wanted.values()))
    standings: dict[tuple[str, str], Standing] = {}
    for one in things:
        group = (one.tenant, one.mapping_id)
        if group not in standings:
            standings[group] = _standing(one, found)
        row = found.get(_name(store.key(one.tenant, one.mapping_id, one.message_id)))
        if row is not None:
            standings[group].rows[one.place] = store.read(row)
    return standings


def _standing(one: Captured, found: Mapping[str, Mapping[str, Any]]) -> Standing:
    item = found.get(_name(keys.entity(one.tenant, mappings.KIND, one.mapping_id)))
    mapping = items.entity(StoredMapping, item) if item else None
    now = state.read(found.get(_name(state.key(one.tenant))))
    bot = None
    if mapping is not None:
        bot_id = sequences.padded(mapping.target_bot_id)
        told = found.get(_name(keys.entity(one.tenant, bots.KIND, bot_id)))
        # The mapping may have got another bot since this was captured.
        bot = items.entity(bots.StoredBot, told) if told else bots.get_many(one.tenant, [bot_id]).get(bot_id)
    return Standing(one.tenant, mapping, target_of(one.tenant, mapping, bot, now), now, {})


def _read(places: Sequence[keys.Key]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(places), _CHUNK):
        read = table.get_many({table.entities(): places[start : start + _CHUNK]}, consistent=True)
        found |= {f"{item['pk']} {item['sk']}": item for item in read.values()}
    return found


def _name(place: keys.Key) -> str:
    return f"{place['pk']} {place['sk']}"


class _Numbers:
    """Numbers of rows that are new: of a batch's taken together, when the first is needed."""

    def __init__(
        self, standings: Mapping[tuple[str, str], Standing], groups: Mapping[tuple[str, str], Iterable[Received]]
    ) -> None:
        self._lock = Lock()
        self._expected: dict[str, int] = {}
        self._taken: dict[str, list[int]] = {}
        for place, some in groups.items():
            new = sum(received.one.place not in standings[place].rows for received in some)
            self._expected[place[0]] = self._expected.get(place[0], 0) + new

    def of(self, tenant: str) -> Any:
        """What gives the next number of a tenant's."""
        return lambda: self._next(tenant)

    def _next(self, tenant: str) -> int:
        with self._lock:
            left = self._taken.setdefault(tenant, [])
            if not left:
                number = max(1, self._expected[tenant])
                self._expected[tenant] = 1
                first = store.numbered(tenant, number)
                left += range(first, first + number)
            return left.pop(0)
