"""The delivery log by status, event, page and cursor, against a list in memory."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.webhooks import delivery, log, service
from functions.webhooks.log import StoredDelivery
from functions.webhooks.models import Status
from hub import events, times
from hub.events import Caller
from tests.conftest import Clock, Deployment, new_tenant
from tests.contract import memory

STATUSES: tuple[Status, ...] = ("success", "failed", "pending")
EVENTS = ("api_key.created", "user.created")
ATTEMPT = {"at": Clock.START * 1000, "code": 500, "ms": 12, "error": None}


class Log:
    """A webhook whose rows are also kept in memory. Every request has a minute of its own, for the rate limit."""

    def __init__(self, deployment: Deployment, clock: Clock) -> None:
        self._deployment = deployment
        self._clock = clock
        self._id = deployment.new_webhook()["id"]
        self._rows: dict[str, StoredDelivery] = {}

    def add(self, event: str, status: Status) -> None:
        """Write a row as the workers do."""
        made = events.event(event, Caller(self._deployment.tenant, "enterprise", "ak_1", "req_1"), {})
        row = delivery.with_attempt(delivery.new(self._deployment.tenant, self._id, made), ATTEMPT, status)
        log.put([row])
        self._rows[row.id] = row

    def move(self, number: int, status: Status) -> None:
        """Give a row another status by the ways there are: it is sent anew, and its attempt ends."""
        row = self._rows[sorted(self._rows)[number % len(self._rows)]]
        if row.status != "pending":
            assert log.claim(row, times.now_ms())
        if status != "pending" or row.status == "pending":
            log.record(self._stored(row.id), ATTEMPT, status, times.now_ms())
        self._rows[row.id] = self._stored(row.id)
        assert self._rows[row.id].status == status

    def expected(self, query: dict[str, str]) -> list[str]:
        """The ids of all rows that a query is for, the newest first."""
        wanted = query.get("status"), query.get("event")
        rows = sorted(self._rows.values(), key=lambda row: row.id, reverse=True)
        return [row.id for row in rows if wanted[0] in (None, row.status) and wanted[1] in (None, row.event)]

    def page(self, query: dict[str, str]) -> Any:
        """What the API answers."""
        self._clock.advance(60)
        answer = self._deployment.call("GET", f"/v1/webhooks/{self._id}/logs?{urlencode(query)}")
        assert answer.status == 200, answer.text
        for row in answer.json["data"]:
            stored = self._rows[row["id"]]
            assert (row["status"], row["event"]) == (stored.status, stored.event)
        return answer.json

    def by_number(self, query: dict[str, str], size: int) -> list[str]:
        """Read all numbered pages, and one beyond."""
        expected, found = self.expected(query), []
        last = max(1, -(-len(expected) // size))
        for number in range(1, last + 2):
            told = self.page(query | {"page": str(number), "limit": str(size)})
            assert told["pagination"] == {
                "page": number,
                "limit": size,
                "total": len(expected),
                "total_pages": -(-len(expected) // size),
            }
            assert len(told["data"]) <= size
            found += [row["id"] for row in told["data"]]
        return found

    def by_cursor(self, query: dict[str, str], size: int) -> list[str]:
        """Follow the cursors."""
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            told = self.page(query | {"cursor": cursor, "limit": str(size)})
            cursor = told["pagination"]["next_cursor"]
            assert told["pagination"]["has_more"] is (cursor is not None)
            assert len(told["data"]) == size or cursor is None
            found += [row["id"] for row in told["data"]]
            assert len(found) <= len(self._rows), "the same rows come again"
        return found

    def _stored(self, log_id: str) -> StoredDelivery:
        return log.named(self._deployment.tenant, self._id, [log_id])[log_id]


@pytest.fixture(scope="module")
def tenant() -> Iterator[Deployment]:
    """One for all examples."""
    with memory.data_plane(), patch.object(service, "MAX_WEBHOOKS", 10_000):
        yield new_tenant("default")


ROWS = st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(STATUSES)), max_size=9)
MOVES = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(STATUSES)), max_size=4)
QUERIES = st.fixed_dictionaries({}, optional={"status": st.sampled_from(STATUSES), "event": st.sampled_from(EVENTS)})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, MOVES, st.lists(st.tuples(QUERIES, st.integers(1, 4)), min_size=1, max_size=3))
def test_pages_and_cursors_give_the_rows_asked_for(
    tenant: Deployment,
    clock: Clock,
    rows: list[tuple[str, Status]],
    moves: list[tuple[int, Status]],
    asked: list[tuple[dict[str, str], int]],
) -> None:
    tested, other = Log(tenant, clock), Log(tenant, clock)
    for event, status in rows:
        tested.add(event, status)
        other.add(event, status)
    for number, status in moves:
        if rows:
            tested.move(number, status)
    for query, size in asked:
        assert tested.by_number(query, size) == tested.by_cursor(query, size) == tested.expected(query)


def test_every_status_and_event_over_several_pages(tenant: Deployment, clock: Clock) -> None:
    tested = Log(tenant, clock)
    for _ in range(3):
        for event in EVENTS:
            for status in STATUSES:
                tested.add(event, status)
    for by_status in ({}, *({"status": status} for status in STATUSES)):
        for by_event in ({}, *({"event": event} for event in EVENTS)):
            query: dict[str, str] = {**by_status, **by_event}
            assert tested.by_number(query, 4) == tested.by_cursor(query, 4) == tested.expected(query)
