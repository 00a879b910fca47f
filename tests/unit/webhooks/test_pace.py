"""The pace of an endpoint: slots, whoever takes them and whenever."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.webhooks import endpoints
from hub import ids, times
from hub.errors import Unavailable
from hub.store import table
from tests.conftest import Clock

MINUTE = 60_000
PACE = 100
SLOTS = st.integers(1, 130)
GAPS = st.sampled_from([0.0, 0.001, 0.3, 29.999, 30.0, 59.0, 61.0, 600.0]) | st.floats(0, 200)

calls = st.lists(st.tuples(GAPS, SLOTS), min_size=1, max_size=8)
anytime = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def data_plane(aws: None, clock: Clock) -> None:
    """Tables, and a clock in the test's hands."""


def reserve(webhook: str, slots: int = 1) -> list[int]:
    return endpoints.reserve("default", webhook, slots)[1]


def per_minute(due: list[int]) -> Counter[int]:
    return Counter(at // MINUTE for at in due)


@anytime
@given(calls=calls)
def test_no_minute_of_the_clock_sees_more_than_the_pace(clock: Clock, calls: list[tuple[float, int]]) -> None:
    webhook, due = ids.new("wh"), []
    for gap, slots in calls:
        clock.advance(gap)
        given_out = reserve(webhook, slots)
        assert len(given_out) == slots
        assert given_out == sorted(given_out)
        assert min(given_out) >= times.now_ms(), "a slot that is over helps nobody"
        due += given_out
    assert max(per_minute(due).values()) <= PACE
    minutes = [at // MINUTE for at in due]
    assert minutes == sorted(minutes), "who asks later goes later, but for what is due at once in the running minute"


@anytime
@given(calls=calls, pace=st.sampled_from([1, 7, 59, 60, 99, 1000, 60_000]))
def test_any_pace_is_kept(
    clock: Clock, calls: list[tuple[float, int]], pace: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook, due = ids.new("wh"), []
    with monkeypatch.context() as deployed:
        deployed.setattr(endpoints, "_settings", lambda: endpoints.PaceSettings(pace))
        for gap, slots in calls:
            clock.advance(gap)
            due += reserve(webhook, slots)
    assert max(per_minute(due).values()) <= pace


@anytime
@given(slots=st.integers(1, 500), second=st.floats(0, 59.9))
def test_a_burst_is_due_at_once_as_far_as_its_minute_goes(clock: Clock, slots: int, second: float) -> None:
    clock.seconds = Clock.START // 60 * 60 + second
    due = reserve(ids.new("wh"), slots)
    now = times.now_ms()
    assert due[:PACE] == [now] * min(slots, PACE)
    spread = due[PACE:]
    assert all(at // MINUTE > now // MINUTE for at in spread)
    assert all(later - earlier == MINUTE // PACE for earlier, later in pairwise(spread))


@anytime
@given(calls=calls, before=st.integers(0, 300), pause=st.integers(1, 4000), after=st.floats(0, 5000))
def test_nothing_is_due_before_a_pause_is_over(
    clock: Clock, calls: list[tuple[float, int]], before: int, pause: int, after: float
) -> None:
    webhook = ids.new("wh")
    due = reserve(webhook, before) if before else []
    until = times.now_ms() + pause * 1000
    endpoints.pause("default", webhook, until)
    for gap, slots in calls:
        clock.advance(gap)
        given_out = reserve(webhook, slots)
        assert min(given_out) >= max(until, times.now_ms())
        due += given_out
    clock.advance(after)
    due += reserve(webhook, 130)
    assert max(per_minute(due).values()) <= PACE


def test_a_shorter_pause_does_not_end_a_longer_one(clock: Clock) -> None:
    # Two answers of one batch: the endpoint means the longer.
    webhook, until = ids.new("wh"), times.now_ms() + 20_000
    endpoints.pause("default", webhook, until)
    endpoints.pause("default", webhook, times.now_ms() + 1000)
    clock.advance(5)
    endpoint, due = endpoints.reserve("default", webhook, 1)
    assert (endpoint.paused_until, due) == (until, [until])


def test_what_was_paced_before_a_pause_keeps_its_slot_behind_it(clock: Clock) -> None:
    webhook = ids.new("wh")
    last = reserve(webhook, 500)[-1]
    endpoints.pause("default", webhook, times.now_ms() + 2000)
    assert reserve(webhook)[0] > last, "the queue of the next minutes is not jumped"


def test_endpoints_do_not_share_their_pace() -> None:
    busy, other = ids.new("wh"), ids.new("wh")
    reserve(busy, 10_000)
    assert reserve(other) == [times.now_ms()]
    assert endpoints.reserve("other", busy, 1)[1] == [times.now_ms()], "nor do tenants"


def test_those_who_ask_at_once_get_different_slots() -> None:
    webhook = ids.new("wh")
    reserve(webhook, PACE)
    with ThreadPoolExecutor(8) as several:
        due = [at for taken in several.map(lambda _: reserve(webhook, 5), range(40)) for at in taken]
    assert len(set(due)) == 200
    assert set(per_minute(due).values()) == {PACE}


def test_the_first_of_a_minute_who_come_at_once_lose_no_slot() -> None:
    webhook = ids.new("wh")
    with ThreadPoolExecutor(8) as several:
        list(several.map(lambda _: reserve(webhook, 5), range(20)))
    assert reserve(webhook)[0] // MINUTE == times.now_ms() // MINUTE + 1, "the hundred of this minute are given out"


def test_an_endpoint_that_cannot_be_counted_gives_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    def contended(_: object) -> None:
        raise table.ConditionFailed(0, None)

    monkeypatch.setattr(table, "update", contended)
    with pytest.raises(Unavailable):
        reserve(ids.new("wh"))


def test_the_state_of_an_endpoint_that_is_no_longer_called_ends() -> None:
    webhook = ids.new("wh")
    reserve(webhook)
    item = table.get(table.activity(), endpoints.key("default", webhook))
    assert item
    assert item["ttl"] - times.now() == 30 * 86_400
