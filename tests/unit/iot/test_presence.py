"""Whether a device is online, by every order in which its lifecycle events can come."""

import random
from dataclasses import dataclass, field
from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.iot.presence import MAX_APART_MS, Lifecycle, is_later, latest

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
START = 1_795_179_630_000
INACCURACY = 2 * MINUTE


@dataclass
class Broker:
    """IoT Core and a device, as its developer guide tells of both: what happens, and what is told of it."""

    told: list[Lifecycle] = field(default_factory=list)
    now: int = START
    number: int = 0
    connections: int = 0
    open: tuple[int, str] | None = None
    closed_at: int = START - HOUR

    def connect(self, wrong: int) -> None:
        """A connection; one that is open is taken over, and its end is told after the other's beginning."""
        taken_over = self.open
        if taken_over is None and self.now - self.closed_at >= HOUR:
            self.number = 0
        self.connections += 1
        self.open = (self.number, f"session-{self.connections}")
        self.number += 1
        self._tell(connected=True, of=self.open, wrong=wrong)
        if taken_over:
            self._tell(connected=False, of=taken_over, wrong=-wrong, reason="DUPLICATE_CLIENTID")

    def disconnect(self, wrong: int) -> None:
        """The end of the connection that is open."""
        if self.open:
            self._tell(connected=False, of=self.open, wrong=wrong, reason="CONNECTION_LOST")
            self.open, self.closed_at = None, self.now

    def _tell(self, *, connected: bool, of: tuple[int, str], wrong: int, reason: str | None = None) -> None:
        number, session = of
        self.told.append(Lifecycle(connected, number, self.now + wrong, session, reason))


STEPS = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from([0, SECOND, 30 * SECOND, 3 * MINUTE, 5 * MINUTE, 50 * MINUTE, HOUR, 9 * HOUR]),
        st.integers(-INACCURACY, INACCURACY),
    ),
    min_size=1,
    max_size=9,
)


def history(steps: list[tuple[bool, int, int]]) -> Broker:
    broker = Broker()
    for connects, passed, wrong in steps:
        broker.now += passed
        (broker.connect if connects else broker.disconnect)(wrong)
    return broker


def arrive(batches: list[list[Lifecycle]]) -> tuple[Lifecycle | None, list[bool]]:
    """What is known after the last batch, and whether the device came or went, one after the other."""
    known: Lifecycle | None = None
    turns: list[bool] = []
    for batch in batches:
        known, new = latest(known, batch)
        turns += [turn.connected for turn in new]
    return known, turns


@given(STEPS, st.randoms(use_true_random=False))
@settings(max_examples=600, deadline=None)
def test_every_order_with_duplicates_ends_where_the_true_one_does(
    steps: list[tuple[bool, int, int]], chance: random.Random
) -> None:
    broker = history(steps)
    in_order, _ = arrive([[event] for event in broker.told])
    assert (in_order is not None and in_order.connected) == (broker.open is not None), "the truth"
    for _ in range(5):
        shuffled = [*broker.told, *chance.sample(broker.told, chance.randint(0, len(broker.told)))]
        chance.shuffle(shuffled)
        cuts = sorted(chance.sample(range(1, len(shuffled)), min(len(shuffled) - 1, 3))) if shuffled else []
        batches = [shuffled[start:end] for start, end in pairwise([0, *cuts, len(shuffled)])]
        known, turns = arrive(batches)
        assert known == in_order
        assert all(one != other for one, other in pairwise(turns)), "online and offline take turns"
        assert turns[:1] in ([], [True]), "nobody goes offline who was not online"
        assert (turns[-1] if turns else False) == (known is not None and known.connected)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_of_two_events_of_a_true_history_one_is_the_later(steps: list[tuple[bool, int, int]]) -> None:
    told = history(steps).told
    for one, other in permutations(told, 2):
        assert is_later(one, other) != is_later(other, one)
    for event in told:
        assert not is_later(event, event)


def test_an_evening_of_a_device_in_all_its_orders() -> None:
    broker = Broker()
    broker.connect(0)
    broker.now += SECOND
    broker.connect(0)
    broker.now += MINUTE
    broker.disconnect(0)
    assert [(event.connected, event.number) for event in broker.told] == [
        (True, 0),
        (True, 1),
        (False, 0),
        (False, 1),
    ]
    for order in permutations(broker.told):
        known, _ = arrive([[event] for event in order])
        assert known == broker.told[-1]


def event(*, connected: bool, number: int, at: int) -> Lifecycle:
    return Lifecycle(connected, number, START + at, "session")


@pytest.mark.parametrize(
    ("later", "known", "why"),
    [
        ((False, 0, 0), (True, 0, 0), "a connection ends after it began, also within a millisecond"),
        ((False, 0, -2 * MINUTE), (True, 0, 2 * MINUTE), "whatever their inaccurate times say"),
        ((True, 7, 0), (False, 3, MINUTE), "numbers may be left out"),
        ((True, 0, HOUR), (False, 9, 0), "after an hour they begin anew"),
        ((False, 0, 9 * HOUR), (True, 9, 0), "also where two events between were not heard of"),
        ((True, 1, 0), (False, 0, 1), "a takeover: the end of the one before is told last"),
        ((True, 0, MAX_APART_MS + 1), (True, 5, 0), "times that cannot both be wrong"),
        ((True, 5, 0), (True, 0, MAX_APART_MS), "times that can"),
    ],
)
def test_which_is_the_later(later: tuple[bool, int, int], known: tuple[bool, int, int], why: str) -> None:
    one, other = (event(connected=connected, number=number, at=at) for connected, number, at in (later, known))
    assert is_later(one, other), why
    assert not is_later(other, one), why


def test_the_first_event_that_is_heard_of_is_the_latest() -> None:
    end = event(connected=False, number=4, at=0)
    assert latest(None, [end]) == (end, []), "it was offline before, as far as is known"
    assert latest(end, [event(connected=True, number=4, at=0)]) == (end, []), "its beginning comes too late"


def test_a_batch_is_taken_in_the_order_of_time() -> None:
    began, ended = event(connected=True, number=0, at=0), event(connected=False, number=0, at=SECOND)
    assert latest(None, [ended, began, began]) == (ended, [began, ended])
    assert latest(None, []) == (None, [])
