"""Figures by the hour against plain arithmetic over everything that was counted."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.webhooks import statistics
from functions.webhooks.models import StatisticsParameters, Status
from hub import aws, ids, times
from hub.errors import FieldError, InvalidRequest
from hub.store import keys, table
from hub.web.localisation import Language, text
from hub.web.validation import parse_parameters
from tests.conftest import Clock
from tests.contract import memory

LANGUAGES: tuple[Language, ...] = ("zh-CN", "en-US")

Settled = tuple[dict[str, Any], Status]

TENANT = "default"
FIRST = 1_795_132_800
"""2026-11-20T00:00:00Z, the start of an hour."""

HOURS = 3
RESPONSE_TIMES = st.one_of(st.integers(0, 30), st.integers(0, 1000), st.integers(0, 10_000), st.just(10_000))


@pytest.fixture(scope="module", autouse=True)
def tables() -> Iterator[None]:
    """One for all: every test has a webhook of its own."""
    with memory.data_plane():
        yield


def attempt(at: int, code: int | None = 200, ms: int = 12) -> dict[str, Any]:
    return {"at": at, "code": code, "ms": ms, "error": None if code else "timed_out"}


SETTLED = st.tuples(
    st.builds(
        attempt,
        st.integers(FIRST * 1000, (FIRST + HOURS * statistics.HOUR) * 1000 - 1),
        st.sampled_from([200, 204, 404, 500, None]),
        RESPONSE_TIMES,
    ),
    st.sampled_from(["success", "failed", "pending"]),
)


def rank(values: list[int], percent: int) -> int:
    """The nearest-rank percentile: the smallest value that so many per cent of all are not above."""
    return next(one for one in sorted(values) if sum(value <= one for value in values) * 100 >= percent * len(values))


def check(figures: Any, settled: list[Settled]) -> None:
    """Hold figures against what was counted."""
    ended = {status: sum(one == status for _, one in settled) for status in ("success", "failed")}
    assert figures["attempts"] == len(settled)
    assert (figures["delivered"], figures["failed"]) == (ended["success"], ended["failed"])
    all_ended = ended["success"] + ended["failed"]
    assert figures["success_rate"] == (ended["success"] / all_ended if all_ended else None)
    answered = [outcome["ms"] for outcome, _ in settled if outcome["code"] is not None]
    for name, percent in (("p50", 50), ("p95", 95)):
        shown = figures["response_time"][name]
        if not answered:
            assert shown is None
        else:
            exact = rank(answered, percent)
            assert abs(shown - exact) * 10 <= exact, (shown, exact)


def read(webhook: str, hours: int = HOURS) -> Any:
    return statistics.read(TENANT, webhook, FIRST, FIRST + hours * statistics.HOUR)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(SETTLED, max_size=12), max_size=8))
def test_sums_are_exact_and_percentiles_to_a_tenth(batches: list[list[Settled]]) -> None:
    webhook = ids.new("wh")
    by_hour: dict[int, list[Settled]] = defaultdict(list)
    for batch in batches:
        statistics.add(TENANT, webhook, batch)
        for outcome, status in batch:
            by_hour[outcome["at"] // 3_600_000].append((outcome, status))
    told = read(webhook)
    check(told, [one for batch in batches for one in batch])
    assert [hour["hour"] for hour in told["hours"]] == [f"2026-11-20T{hour:02}:00:00Z" for hour in range(HOURS)]
    for position, hour in enumerate(told["hours"]):
        check(hour, by_hour[FIRST // statistics.HOUR + position])


def test_every_response_time_is_counted_as_one_at_most_a_tenth_off() -> None:
    shown = []
    for ms in range(10_001):
        (counter,) = counters(attempt(FIRST * 1000, ms=ms))
        shown.append(int(counter.removeprefix("ms_")))
        assert abs(shown[-1] - ms) * 10 <= ms
    assert all(before <= after for before, after in pairwise(shown))
    assert len(set(shown)) < 50, "an hour's item stays below a kilobyte"
    assert counters(attempt(FIRST * 1000, ms=60_000)) == {f"ms_{shown[-1]}"}


def counters(outcome: dict[str, Any]) -> set[str]:
    """The counters of response times that an attempt goes to."""
    written: list[table.Update] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(table, "write", written.append)
        statistics.add(TENANT, "wh_1", [(outcome, "pending")])
    (change,) = written
    return {name for name in change.values if name.startswith("ms_")}


def test_a_batch_is_one_write_for_every_hour_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[Any] = []
    monkeypatch.setattr(table, "write", writes.append)
    end = (FIRST + statistics.HOUR) * 1000
    statistics.add(TENANT, "wh_1", [(attempt(end - number, ms=number), "success") for number in range(1, 11)])
    assert len(writes) == 1
    statistics.add(TENANT, "wh_1", [(attempt(end - 1), "success"), (attempt(end), "success")])
    assert [write.key["sk"] for write in writes[1:]] == ["2026-11-20T00", "2026-11-20T01"]
    statistics.add(TENANT, "wh_1", [])
    assert len(writes) == 3


def test_the_longest_period_is_read_by_one_query_however_much_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    webhook, hours = ids.new("wh"), statistics.DAYS * 24 + 1
    ms = {name for length in range(10_001) for name in counters(attempt(FIRST * 1000, ms=length))}
    counts = dict.fromkeys([*ms, "attempts", "delivered", "failed"], 999_999_999_999)
    starts = [FIRST + hour * statistics.HOUR for hour in range(hours)]
    places = [keys.belonging(TENANT, statistics.KIND, webhook, times.hour_of(start)) for start in starts]
    table.put_many(table.activity(), [{**place, **counts, "ttl": FIRST} for place in places])
    queries: list[dict[str, Any]] = []
    client = aws.dynamodb()

    def query(**parameters: Any) -> Any:
        queries.append(parameters)
        return client.query(**parameters)

    monkeypatch.setattr(aws, "dynamodb", lambda: SimpleNamespace(query=query))
    assert read(webhook, hours)["attempts"] == hours * 999_999_999_999
    assert len(queries) == 1


def ask(parameters: dict[str, str]) -> tuple[int, int] | tuple[FieldError, ...]:
    """The period that a query asks for, or what is wrong with the query."""
    try:
        return statistics.period(parse_parameters(StatisticsParameters, parameters))
    except InvalidRequest as error:
        return error.fields


@pytest.mark.parametrize("second", [0, 1, 1800, 3599])
def test_an_hour_is_kept_until_no_period_reaches_back_to_it(clock: Clock, second: int) -> None:
    clock.seconds = FIRST + second
    thirty_days = statistics.DAYS * 86_400
    reached = set()
    for back in range(thirty_days - 3600, thirty_days + 10_800, 450):
        answer = ask({"start": times.iso(clock.seconds - back)})
        if isinstance(answer[0], FieldError):
            assert (answer[0].field, answer[0].reason) == ("start", "not_recent")
            assert back > thirty_days
        else:
            reached.add(answer[0])
    assert min(reached) + statistics.KEEP_SECONDS > clock.seconds


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ({}, "2026-11-19T14", "2026-11-20T13"),
        ({"hours": "1"}, "2026-11-20T13", "2026-11-20T13"),
        ({"hours": "720"}, "2026-10-21T14", "2026-11-20T13"),
        ({"start": "2026-11-20T12:59:59Z"}, "2026-11-20T12", "2026-11-20T13"),
        ({"start": "2026-11-20T13:00:00Z"}, "2026-11-20T13", "2026-11-20T13"),
        ({"start": "2026-11-20T13:59:00Z"}, "2026-11-20T13", "2026-11-20T13"),
        ({"start": "2026-11-20T08:00:00Z", "end": "2026-11-20T10:00:00Z"}, "2026-11-20T08", "2026-11-20T09"),
        ({"start": "2026-11-20T08:30:00Z", "end": "2026-11-20T10:00:00.001Z"}, "2026-11-20T08", "2026-11-20T10"),
        ({"start": "2026-11-20T08:30:00+05:30", "end": "2026-11-20T08:31:00+05:30"}, "2026-11-20T03", "2026-11-20T03"),
        ({"start": "2026-11-20T00:00:00Z", "end": "2026-11-21T00:00:00Z"}, "2026-11-20T00", "2026-11-20T23"),
        ({"start": "2026-10-21T13:00:30Z", "end": "2026-11-20T13:00:30Z"}, "2026-10-21T13", "2026-11-20T13"),
    ],
)
@pytest.mark.usefixtures("clock")
def test_a_period_is_the_hours_it_touches(query: dict[str, str], first: str, last: str) -> None:
    start, end = ask(query)
    assert isinstance(start, int)
    assert isinstance(end, int)
    assert (times.hour_of(start), times.hour_of(end - 1)) == (first, last)
    assert start % statistics.HOUR == end % statistics.HOUR == 0


MOMENTS = st.one_of(
    st.builds(
        datetime.fromtimestamp,
        st.integers(Clock.START - 40 * 86_400, Clock.START + 5 * 86_400),
        st.sampled_from([UTC, timezone(timedelta(hours=14))]),
    ),
    st.datetimes(timezones=st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))),
).map(datetime.isoformat)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "hours": st.integers(-1, 800).map(str) | st.text(max_size=5),
        "start": MOMENTS | st.text("0123456789-T:+. Z", max_size=30),
        "end": MOMENTS | st.text("0123456789-T:+. Z", max_size=30),
    },
)


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PARAMETERS)
@pytest.mark.usefixtures("clock")
def test_whatever_is_asked_is_a_period_or_refused(parameters: dict[str, str]) -> None:
    answer = ask(parameters)
    wrong = [one for one in answer if isinstance(one, FieldError)]
    hours = [one for one in answer if isinstance(one, int)]
    if hours:
        assert not wrong
        assert not any(hour % statistics.HOUR for hour in hours)
        assert 1 <= (hours[1] - hours[0]) // statistics.HOUR <= statistics.DAYS * 24 + 2
    else:
        assert wrong
        assert {one.field for one in wrong} <= {"hours", "start", "end"}
        assert all(text(one.reason, language, one.values) for one in wrong for language in LANGUAGES)


def test_a_delivery_counts_as_later_from_the_next_hour_on(clock: Clock) -> None:
    clock.seconds = FIRST + 5 * statistics.HOUR
    webhook, failing_since = ids.new("wh"), FIRST * 1000 + 1
    statistics.add(TENANT, webhook, [(attempt(FIRST * 1000 + 2), "success")])
    statistics.add(TENANT, webhook, [(attempt((FIRST + statistics.HOUR) * 1000, 500), "failed")])
    assert not statistics.has_delivered_since(TENANT, webhook, failing_since)
    statistics.add(TENANT, webhook, [(attempt((FIRST + statistics.HOUR) * 1000), "success")])
    assert statistics.has_delivered_since(TENANT, webhook, failing_since)
    assert not statistics.has_delivered_since(TENANT, webhook, times.now_ms())
