"""One run: tenants with an endpoint each, changes that cause events at an even pace, and what became of them."""

import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack
from tests.load.receivers import Arrival, Behaviour, Receivers, receiving

EVENT = "api_key.created"
_SENDERS = 8
_COLLECT_EVERY = 100
_LOOK_SECONDS = 0.5
_WARM_UP_SECONDS = 60
_LOG_SECONDS = 30
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook of a tenant of its own; `hurry` is how much faster than the others its events come."""

    kind: str
    behaviour: Behaviour
    hurry: float = 1


ENDPOINTS: tuple[Endpoint, ...] = (
    *(Endpoint("healthy", Behaviour.ANSWERS) for _ in range(15)),
    Endpoint("healthy, twice as many a minute", Behaviour.ANSWERS, hurry=2),
    Endpoint("dead: refuses", Behaviour.REFUSES),
    Endpoint("dead: never answers", Behaviour.SILENT),
    Endpoint("slow: answers after 8 s", Behaviour.SLOW),
    Endpoint("busy: answers 429", Behaviour.BUSY),
)
"""Twenty, four of them bad."""

ALL_WELL: tuple[Endpoint, ...] = tuple(
    one if one.behaviour is Behaviour.ANSWERS else Endpoint("in the place of the four", Behaviour.ANSWERS)
    for one in ENDPOINTS
)
"""The same load without the bad four: in their place are four that answer."""


@dataclass(slots=True)
class Outcome:
    """What happened at one endpoint. `sent`: ids of the keys that were made; `rows`: its log, status to count."""

    endpoint: Endpoint
    sent: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    arrivals: list[Arrival] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    attempted: list[float] = field(default_factory=list)

    @property
    def requests(self) -> list[Arrival]:
        """Every request about an event that was sent (not that of the warm-up)."""
        return [arrival for arrival in self.arrivals if arrival.key_id in self.sent]

    @property
    def received(self) -> dict[str, Arrival]:
        """The first request about each event, by the key's id."""
        first: dict[str, Arrival] = {}
        for arrival in self.requests:
            first.setdefault(arrival.key_id, arrival)
        return first

    @property
    def missing(self) -> int:
        """Events that never came."""
        return len(self.sent) - len(self.received)

    @property
    def repeated(self) -> int:
        """Requests about an event that had come before."""
        return len(self.requests) - len({arrival.webhook_id for arrival in self.requests})

    @property
    def latencies(self) -> list[float]:
        """Seconds from the event's timestamp to its first request, sorted."""
        return sorted(arrival.at - arrival.told_at for arrival in self.received.values())

    @property
    def in_a_minute(self) -> int:
        """The most attempts within one minute of the clock, from the log or from what arrived, whichever is more."""
        seen = (self.attempted, [arrival.at for arrival in self.arrivals])
        return max((most for times in seen for most in Counter(int(at // 60) for at in times).values()), default=0)


@dataclass(slots=True)
class Run:
    """One run's outcomes, the seconds it took to send all and until the healthy had all, the machine's load."""

    outcomes: list[Outcome]
    sending_seconds: float = 0
    seconds: float = 0
    latest_start: float = 0
    load_before: float = 0
    load_after: float = 0

    @property
    def healthy(self) -> list[Outcome]:
        """The endpoints that answer."""
        return [one for one in self.outcomes if one.endpoint.behaviour is Behaviour.ANSWERS]


class _Traffic:
    """A run under way."""

    def __init__(self, callers: Sequence[Client], receivers: Receivers, made: Run, pool: Executor) -> None:
        self._callers = callers
        self._receivers = receivers
        self._made = made
        self._pool = pool

    def warm_up(self) -> None:
        """Some changes where the endpoint answers: no figure is that of a function's start, and no bad one is known."""
        for caller, outcome in zip(self._callers, self._made.outcomes, strict=True):
            if outcome.endpoint.behaviour is Behaviour.ANSWERS:
                caller.new_key("Warm-up")
        eventually(self._all_have_one, "an event at every healthy endpoint", _WARM_UP_SECONDS, _LOOK_SECONDS)

    def _all_have_one(self) -> bool:
        self.collect()
        return all(one.arrivals for one in self._made.healthy)

    def collect(self) -> None:
        """Note what has arrived."""
        for arrival in self._receivers.take():
            self._made.outcomes[arrival.endpoint].arrivals.append(arrival)

    def send(self, events: int, per_minute: float) -> None:
        """Make all changes, each at its time."""
        started = time.monotonic()
        schedule = _schedule([one.endpoint for one in self._made.outcomes], events, per_minute)
        changes: list[Future[None]] = []
        for number, (due, position) in enumerate(schedule):
            time.sleep(max(0, started + due - time.monotonic()))
            changes.append(self._pool.submit(self._change, position, started + due))
            if number % _COLLECT_EVERY == 0:
                self.collect()
        for change in changes:
            change.result()
        self._made.sending_seconds = time.monotonic() - started

    def _change(self, position: int, due: float) -> None:
        """Make an API key, which causes the event."""
        self._made.latest_start = max(self._made.latest_start, time.monotonic() - due)
        answer = self._callers[position].post("/v1/api-keys", {"name": "Load", "permissions": ["read"]})
        outcome = self._made.outcomes[position]
        if answer.status_code == 201:
            outcome.sent.add(answer.json()["id"])
        else:
            outcome.refused[f"{answer.status_code} {answer.text[:200]}"] += 1


def run(stack: RunningStack, endpoints: Sequence[Endpoint], events: int, per_minute: float, seconds: float) -> Run:
    """Send `events` to each endpoint, `per_minute` to each; ends when the healthy have all, or after `seconds`."""
    made = Run([Outcome(one) for one in endpoints])
    with receiving([one.behaviour for one in endpoints]) as receivers, ThreadPoolExecutor(_SENDERS) as pool:
        callers = list(pool.map(lambda _: stack.new_client(f"load-{secrets.token_hex(6)}"), endpoints))
        webhooks = [caller.new_webhook(url, EVENT) for caller, url in zip(callers, receivers.urls, strict=True)]
        traffic = _Traffic(callers, receivers, made, pool)
        traffic.warm_up()
        made.load_before = os.getloadavg()[0]
        started = time.monotonic()
        traffic.send(events, per_minute)
        traffic.collect()
        while any(one.missing for one in made.healthy) and time.monotonic() < started + seconds:
            time.sleep(_LOOK_SECONDS)
            traffic.collect()
        made.seconds = time.monotonic() - started
        made.load_after = os.getloadavg()[0]
        for caller, webhook, outcome in zip(callers, webhooks, made.outcomes, strict=True):
            _read_log(caller, webhook["id"], outcome)
        traffic.collect()
    return made


def _schedule(endpoints: Sequence[Endpoint], events: int, per_minute: float) -> list[tuple[float, int]]:
    """When, in seconds from the start, something changes in which tenant: each at an even pace, none at one moment."""
    pause = 60 / per_minute
    return sorted(
        ((number + position / len(endpoints)) * pause / one.hurry, position)
        for position, one in enumerate(endpoints)
        for number in range(events)
    )


def _read_log(caller: Client, webhook_id: str, outcome: Outcome) -> None:
    """Read what the API tells of each delivery; of an endpoint that answers, once it tells of all as done."""
    ends = time.monotonic() + _LOG_SECONDS
    while True:
        rows = list(_log(caller, webhook_id))
        done = sum(row["status"] != "pending" for row in rows)
        if (
            outcome.endpoint.behaviour is not Behaviour.ANSWERS
            or done > len(outcome.received)
            or time.monotonic() > ends
        ):
            break
        time.sleep(_LOOK_SECONDS)
    outcome.rows.update(row["status"] for row in rows)
    times = (one["attempted_at"] for row in rows for one in row["attempts"])
    outcome.attempted = [datetime.fromisoformat(text).timestamp() for text in times]


def _log(caller: Client, webhook_id: str) -> Iterator[dict[str, Any]]:
    """Every delivery of a webhook."""
    page = 1
    while True:
        answer = caller.get(f"/v1/webhooks/{webhook_id}/logs", params={"page": page, "limit": _PAGE})
        answer.raise_for_status()
        found = answer.json()
        yield from found["data"]
        if page >= found["pagination"]["total_pages"]:
            return
        page += 1
