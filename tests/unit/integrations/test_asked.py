"""Syncs that callbacks ask for: none too many, and what was told of is read, whatever runs, comes twice or dies."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from botocore.client import BaseClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.integrations import listen, service
from functions.integrations.models import IntegrationChange
from functions.integrations.syncs import asked
from functions.integrations.syncs import service as syncs
from functions.integrations.syncs.models import Sync
from hub import times
from hub.events import Caller
from hub.web.validation import PageParameters
from tests.conftest import Clock
from tests.contract import memory
from tests.unit.integrations.running import CALLER, Source, all_records, begin, integrate, run
from tests.unit.interruptions import Calls
from tests.unit.racing import race

pytestmark = pytest.mark.usefixtures("aws")

REDELIVERED_SECONDS = 360
"""The queue's visibility time-out."""


class World:
    """An integration, its provider, the queue between them and the time; `sent` counts messages."""

    def __init__(self, clock: Clock, source: Source) -> None:
        self.clock, self.source = clock, source
        self.one = integrate()
        self.queue: list[tuple[float, str]] = []
        self.sent = 0
        self.told = 0

    def send(self, parameters: Any) -> dict[str, Any]:
        """As SQS does it."""
        for entry in parameters["Entries"]:
            self.queue.append((self.clock.seconds + entry.get("DelaySeconds", 0), entry["MessageBody"]))
            self.sent += 1
        return {"Successful": [{"Id": entry["Id"]} for entry in parameters["Entries"]]}

    def tell(self) -> None:
        """A callback of the provider's."""
        asked.ask("default", self.one, "req_callback")

    def change(self) -> None:
        """Something changes at the provider, and it tells."""
        self.told += 1
        self.source.put("a", self.told, version=self.told)
        self.tell()

    def deliver(self) -> int:
        """Have the function hear what can be received by now; how much there was."""
        due = [one for one in self.queue if one[0] <= self.clock.seconds]
        for one in due:
            # While it is worked at nobody else gets it, and after that only where it was not removed.
            self.queue.remove(one)
            hidden = (self.clock.seconds + REDELIVERED_SECONDS, one[1])
            self.queue.append(hidden)
            assert hear(json.loads(one[1])) == []
            self.queue.remove(hidden)
        return len(due)

    def waiting(self) -> list[dict[str, Any]]:
        """The syncs that were begun and have not ended, as their machine has them."""
        states = memory.executions("IntegrationSyncStateMachine")
        open_ones = {sync["id"] for sync in self.syncs() if sync["ended_at"] is None}
        return [state for state in states if state["id"] in open_ones]

    def work(self) -> None:
        """Take the sync that runs to its end."""
        for state in self.waiting():
            run(state, self.clock)

    def settle(self) -> None:
        """Let everything come to rest; it must."""
        for _ in range(40):
            self.deliver()
            self.work()
            if not self.queue:
                return
            self.clock.advance(20)
        raise AssertionError("something goes round for ever")

    def syncs(self) -> list[Sync]:
        """Its syncs, the oldest first."""
        return list(reversed(syncs.listed("default", self.one, PageParameters(limit=100)).items))

    def triggers(self) -> list[str]:
        """By what its syncs were begun."""
        return [sync["trigger"] for sync in self.syncs()]

    def assert_read(self) -> None:
        """Whatever was told of has been read."""
        found = {name: row["data"] for name, row in all_records(self.one).items() if row["change"] != "deleted"}
        assert found == {name: row.data for name, row in self.source.rows.items()}


def hear(*bodies: Any) -> list[str]:
    records = [{"messageId": str(number), "body": json.dumps(body)} for number, body in enumerate(bodies)]
    return [one["itemIdentifier"] for one in listen.handler({"Records": records}, None)["batchItemFailures"]]


@pytest.fixture
def worlds(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    """Makes worlds, of which the last one made is the one that there is."""
    made: list[World] = []
    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "SendMessageBatch" and parameters["QueueUrl"].endswith("/IntegrationEventsQueue"):
            return made[-1].send(parameters)
        return real(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    monkeypatch.setattr("hub.connectors.connector", lambda _: made[-1].source if made else Source())

    def make(kind: type[World] = World) -> World:
        clock.advance(3600)
        made.append(kind(clock, Source()))
        return made[-1]

    return make


@pytest.fixture
def world(worlds: Callable[..., World]) -> World:
    return worlds()


def test_a_callback_begins_a_sync_at_once(world: World) -> None:
    world.change()
    assert [at for at, _ in world.queue] == [world.clock.seconds], "without delay"
    world.deliver()
    (sync,) = world.syncs()
    assert (sync["trigger"], sync["status"]) == ("callback", "pending")
    world.settle()
    world.assert_read()
    [event] = [event for event in memory.told() if event["type"] == "integration.synced"]
    assert (event["data"]["trigger"], event["requestId"]) == ("callback", "req_callback")


def test_a_thousand_callbacks_begin_two_syncs_and_cost_two_messages(world: World) -> None:
    for number in range(1000):
        world.change()
        world.clock.advance(0.01)
        if number % 100 == 99:
            world.deliver()
    assert world.sent == 2
    assert len(world.syncs()) == 1
    world.settle()
    assert world.triggers() == ["callback", "callback"]
    world.assert_read()


def test_a_callback_that_has_nothing_to_do_costs_one_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.change()
    world.clock.advance(1)
    world.change()
    calls = Calls(monkeypatch)
    with calls.dying(99, after=False):
        world.change()
    assert calls.made == ["GetItem"]


def test_callbacks_that_go_on_begin_a_sync_a_minute(world: World) -> None:
    for _ in range(120):
        world.change()
        world.deliver()
        world.work()
        world.clock.advance(5)
    world.settle()
    assert 9 <= len(world.syncs()) <= 11
    assert_apart(world)
    world.assert_read()


def assert_apart(world: World) -> None:
    """No two syncs that callbacks began are less than a minute apart."""
    begun = [times.epoch_ms(sync["created_at"]) for sync in world.syncs() if sync["trigger"] == "callback"]
    # What is shown is cut to the second.
    assert all(later - sooner > asked.APART_MS - 1000 for sooner, later in pairwise(begun)), begun


def test_behind_a_sync_that_runs_there_is_exactly_one_more(world: World) -> None:
    by_hand = begin(world.one)
    world.source.put("a", 0, version=0)
    for _ in range(30):
        world.clock.advance(10)
        world.change()
        world.deliver()
    assert world.triggers() == ["manual"], "it still runs"
    assert len(world.queue) == 1
    run(by_hand, world.clock)
    world.settle()
    assert world.triggers() == ["manual", "callback"]
    world.assert_read()


def test_what_changes_behind_the_place_that_a_sync_has_read_is_read_by_the_next(world: World) -> None:
    for name in "abcd":
        world.source.put(name, 0, version=0)

    def change_what_was_read() -> None:
        if world.source.asked[-1] is not None:
            world.source.before_page = lambda: None
            world.clock.advance(1)
            world.change()

    world.source.before_page = change_what_was_read
    world.tell()
    world.deliver()
    world.work()
    assert all_records(world.one)["a"]["data"] == {"version": 0}, "the first one had passed it"
    world.settle()
    assert world.triggers() == ["callback", "callback"]
    world.assert_read()


def test_a_sync_that_was_begun_since_is_the_one(world: World) -> None:
    world.change()
    world.clock.advance(1)
    by_hand = begin(world.one)
    world.deliver()
    run(by_hand, world.clock)
    world.settle()
    assert world.triggers() == ["manual"]
    world.assert_read()


def test_one_that_was_begun_and_never_started_is_started(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.change()
    [(_, body)] = world.queue
    calls = Calls(monkeypatch)
    started: list[str] = []
    for at in range(20):
        with calls.dying(at, after=False) as died:
            hear(json.loads(body))
        started = calls.made
        if died and started[-1] == "StartExecution":
            break
    assert started[-1] == "StartExecution"
    assert memory.executions("IntegrationSyncStateMachine") == []
    world.clock.advance(REDELIVERED_SECONDS)
    world.settle()
    assert world.triggers() == ["callback"]
    world.assert_read()


def test_a_message_that_comes_twice_begins_nothing_twice(world: World) -> None:
    world.change()
    world.clock.advance(5)
    world.change()
    copies = [json.loads(body) for _, body in world.queue]
    world.settle()
    assert world.triggers() == ["callback", "callback"]
    for _ in range(2):
        assert hear(*copies, *reversed(copies)) == []
        world.settle()
        world.clock.advance(3600)
    assert world.triggers() == ["callback", "callback"]


def test_copies_that_wait_for_the_same_sync_become_one(world: World) -> None:
    by_hand = begin(world.one)
    world.clock.advance(1)
    world.change()
    [(_, body)] = world.queue
    world.queue *= 4
    for _ in range(5):
        world.deliver()
        world.clock.advance(17)
    assert len(world.queue) <= 2
    hear(json.loads(body))
    run(by_hand, world.clock)
    world.settle()
    assert world.triggers() == ["manual", "callback"]
    world.assert_read()


def test_of_one_that_was_switched_off_or_is_gone_nothing_is_begun(world: World) -> None:
    world.change()
    service.change(CALLER, world.one, IntegrationChange(status="inactive"))
    world.settle()
    assert world.triggers() == []
    world.clock.advance(100)
    world.change()
    service.delete(CALLER, world.one)
    assert world.deliver() == 1
    assert not world.queue
    assert memory.executions("IntegrationSyncStateMachine") == []


def test_callbacks_at_the_same_moment_begin_one_sync(world: World) -> None:
    race(20, lambda _: world.tell())
    bodies = [json.loads(body) for _, body in world.queue]
    world.queue.clear()
    assert 1 <= len(bodies) <= 20
    assert race(len(bodies), lambda number: hear(bodies[number])) == [[]] * len(bodies)
    assert world.triggers() == ["callback"]
    assert len(memory.executions("IntegrationSyncStateMachine")) == 1


def test_callbacks_and_syncs_at_the_same_moment_are_few_and_miss_nothing(worlds: Callable[..., World]) -> None:
    for _ in range(5):
        world = worlds()
        world.source.put("a", 1, version=1)

        def act(number: int, world: World = world) -> None:
            world.tell()
            if number % 2:
                for _, body in list(world.queue):
                    hear(json.loads(body))

        race(8, act)
        world.settle()
        assert 1 <= len(world.syncs()) <= 2
        world.assert_read()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("is_first", [True, False])
def test_wherever_the_callback_s_function_dies_a_callback_that_was_answered_is_heeded(
    worlds: Callable[..., World], monkeypatch: pytest.MonkeyPatch, after: bool, is_first: bool
) -> None:
    calls = Calls(monkeypatch)
    for at in range(20):
        world = worlds()
        if not is_first:
            world.change()
            world.deliver()
            world.work()
            world.clock.advance(1)
        with calls.dying(at, after) as died:
            world.change()
        # Whoever comes next finds what the dead one has left.
        world.clock.advance(0.5)
        world.change()
        world.settle()
        world.assert_read()
        assert len(world.syncs()) <= 2
        if not died:
            assert at == 3, "a read, a message, a note"
            return
    raise AssertionError("it never ends")


def test_one_that_was_asked_for_at_the_same_moment_waits_for_its_minute(world: World) -> None:
    world.change()
    world.deliver()
    world.work()
    world.clock.advance(0.2)
    world.source.put("a", 7, version=7)
    # It came when there was no note, and its message comes when the first sync has ended.
    asked._queue(Caller("default", "", "callback", "req_1"), world.one, times.now_ms())
    world.deliver()
    assert len(world.syncs()) == 1
    world.settle()
    assert world.triggers() == ["callback", "callback"]
    assert_apart(world)
    world.assert_read()


def test_a_note_that_comes_late_takes_none_back(world: World) -> None:
    world.change()
    world.clock.advance(1)
    world.change()
    later = asked._due("default", world.one)
    asked._queue(Caller("default", "", "callback", "req_1"), world.one, times.now_ms())
    assert asked._due("default", world.one) == later


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("is_running", [False, True])
def test_wherever_the_function_that_begins_it_dies_it_is_begun(
    worlds: Callable[..., World], monkeypatch: pytest.MonkeyPatch, after: bool, is_running: bool
) -> None:
    calls = Calls(monkeypatch)
    for at in range(30):
        world = worlds()
        if is_running:
            begin(world.one)
            world.clock.advance(1)
        world.change()
        with calls.dying(at, after) as died:
            world.deliver()
        assert len(world.queue) == 1 or not died or len(world.queue) == 2
        # What is told meanwhile is not held up by the message that comes again only in minutes.
        world.clock.advance(70)
        world.change()
        world.settle()
        world.assert_read()
        assert len(world.syncs()) <= 3 + is_running
        if not died:
            return
    raise AssertionError("it never ends")


waits = st.sampled_from([0.0, 0.4, 1.0, 7.0, 31.0, 59.9, 60.0, 61.0, 200.0])
acts = st.sampled_from([*["change"] * 3, "tell", "deliver", "work", "work_amid", "begin_by_hand", "copy", "drop"])


class BusyWorld(World):
    """One that acts at random."""

    def work_amid(self) -> None:
        """Something changes while a sync reads."""

        def amid() -> None:
            self.source.before_page = lambda: None
            self.clock.advance(0.3)
            self.change()

        self.source.before_page = amid
        self.work()
        self.source.before_page = lambda: None

    def begin_by_hand(self) -> None:
        """Somebody asks for a sync."""
        syncs.start(CALLER, self.one)

    def copy(self) -> None:
        """A message comes twice."""
        self.queue += self.queue[:1]

    def drop(self) -> None:
        """The provider loses the row, and tells."""
        if "a" in self.source.rows:
            self.source.drop("a")
        self.tell()


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=st.lists(st.tuples(acts, waits), max_size=25))
def test_whatever_happens_what_was_told_of_is_read_in_the_end(
    worlds: Callable[..., BusyWorld], script: list[tuple[str, float]]
) -> None:
    world = worlds(BusyWorld)
    for name in "bcde":
        world.source.put(name, 0, version=0)
    for act, wait in script:
        world.clock.advance(wait)
        getattr(world, act)()
    world.clock.advance(0.1)
    world.tell()
    world.settle()
    world.assert_read()
    assert_apart(world)
