"""Real events of the outbox, counted in any order and number, and the rebuild, against what was really done."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from itertools import count as numbers
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.support import totals
from functions.support.conversations import service as conversations
from functions.support.conversations.models import ConversationChange, NewConversation, NewMessage
from functions.support.statistics import count, rebuild, service
from functions.support.statistics.models import StatisticsParameters
from functions.support.tickets import service as tickets
from functions.support.tickets.models import NewTicket, TicketChange
from hub import aws as clients
from hub import telemetry, times
from hub.errors import Unavailable
from hub.events import Caller
from hub.store import counters, keys, recounting, table
from hub.store.recounting import Recounted
from tests.conftest import Clock
from tests.contract import memory

_TENANTS = numbers()
"""Every example has a tenant of its own."""

CONTEXT = SimpleNamespace(aws_request_id="an-invocation")
STEPS = ["conversation", "customer", "agent", "close", "rate", "ticket", "move", "wait"]

pytestmark = pytest.mark.usefixtures("aws")


@dataclass
class Desk:
    """A tenant's support desk, and by its side a plain record of what happened."""

    clock: Clock
    tenant: str = field(default_factory=lambda: f"tenant-{next(_TENANTS)}")
    conversations: dict[str, dict[str, Any]] = field(default_factory=dict)
    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)

    @property
    def caller(self) -> Caller:
        """Who does it all."""
        return Caller(self.tenant, "enterprise", "ak_1", "req_1")

    def do(self, step: str, random: Random) -> None:
        """Do one thing, where it can be done."""
        self.clock.advance(random.choice([1, 600, 5000]))
        conversation = random.choice([*self.conversations]) if self.conversations else None
        ticket = random.choice([*self.tickets]) if self.tickets else None
        match step, conversation, ticket:
            case "conversation", _, _:
                channel = random.choice(["web", "app", "kook"])
                message = random.choice([None, "你好"])
                wanted = NewConversation(user_id="user_1", channel=channel, initial_message=message)  # type: ignore[arg-type]
                made = conversations.create(self.caller, wanted).data
                self.conversations[made["id"]] = dict(made)
            case (("customer" | "agent" as sender), str(one), _):
                if sender == "agent" and self.conversations[one]["status"] == "closed":
                    return
                said = conversations.add_message(self.caller, one, NewMessage(text="好", sender=sender))
                self.conversations[one]["status"] = "active"
                if said["response_seconds"] is not None:
                    self.answers.append(said["response_seconds"])
            case "close", str(one), _:
                self._change(one, status=random.choice(["closed", "active"]))
            case "rate", str(one), _:
                self._change(one, satisfaction=random.randint(1, 5))
            case "ticket", _, _:
                priority = random.choice(["low", "urgent"])
                made_ticket = tickets.create(self.caller, NewTicket(title="t", priority=priority)).data  # type: ignore[arg-type]
                self.tickets[made_ticket["id"]] = dict(made_ticket)
            case "move", _, str(one):
                status = random.choice([self.tickets[one]["status"], *tickets.MOVES[self.tickets[one]["status"]]])
                wanted_change = TicketChange(status=status, priority=random.choice(["low", "high"]))
                self.tickets[one] = dict(tickets.change(self.caller, one, wanted_change, lambda _: None).data)

    def _change(self, one: str, **changes: Any) -> None:
        changed = conversations.change(self.caller, one, ConversationChange(**changes), lambda _: None)
        self.conversations[one] = dict(changed.data)

    def events(self) -> list[dict[str, Any]]:
        """Everything of it that the rule queues to be counted, as the bus has it."""
        happened = memory.published("SupportStatisticsQueue")
        return [event for event in happened if event["detail"]["tenant"] == self.tenant]

    def statistics(self, **query: str) -> Any:
        """What the API tells."""
        return service.statistics(self.tenant, StatisticsParameters.model_validate(query))

    def told(self) -> dict[str, Any]:
        """Every total that is told of it."""
        return {
            "statistics": {name: value for name, value in self.statistics().items() if name != "trends"},
            "conversations": _counted(self.tenant, totals.CONVERSATIONS),
            "tickets": _counted(self.tenant, totals.TICKETS),
        }

    def expected(self) -> dict[str, Any]:
        """The same from the record."""
        ratings = [one["satisfaction"] for one in self.conversations.values() if one["satisfaction"]]
        return {
            "statistics": {
                "total_conversations": len(self.conversations),
                "total_tickets": len(self.tickets),
                "avg_response_time": round(sum(self.answers) / len(self.answers)) if self.answers else None,
                "satisfaction_rate": round(sum(one > 3 for one in ratings) / len(ratings), 4) if ratings else None,
            },
            "conversations": Counter(f"{one['status']}__{one['channel']}" for one in self.conversations.values()),
            "tickets": Counter(f"{one['status']}__{one['priority']}" for one in self.tickets.values()),
        }


def _counted(tenant: str, name: str) -> Counter[str]:
    return +Counter(counters.read(tenant, name))


def recounted(only: str | None = None) -> dict[str, Recounted]:
    return recounting.recount(rebuild.COUNTED, rebuild.is_counter, only)


@pytest.fixture
def desk(clock: Clock) -> Desk:
    return Desk(clock)


def busy(desk: Desk, steps: list[str] | None = None, seed: int = 1) -> list[dict[str, Any]]:
    """Let things happen; answers with the events."""
    random = Random(seed)
    for step in steps or ["conversation", "ticket", *random.choices(STEPS, k=25)]:
        desk.do(step, random)
    return desk.events()


def handle(bodies: list[Any]) -> list[str]:
    """Hand messages to the Lambda; answers with those that it could not count."""
    records = [
        {"messageId": str(number), "body": body if isinstance(body, str) else json.dumps(body)}
        for number, body in enumerate(bodies)
    ]
    failed = count.handler({"Records": records}, CONTEXT)["batchItemFailures"]
    return [one["itemIdentifier"] for one in failed]


@settings(max_examples=7, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(STEPS), min_size=3, max_size=20), st.randoms(use_true_random=False))
def test_events_twice_and_out_of_order_count_once(clock: Clock, steps: list[str], random: Random) -> None:
    clock.seconds = Clock.START
    desk = Desk(clock)
    happened = busy(desk, ["conversation", *steps], random.randint(0, 10_000))
    told = [*happened, *(event for event in happened if random.random() < 0.5)]
    random.shuffle(told)
    while told:
        size = random.randint(1, 10)
        assert handle(told[:size]) == []
        told = told[size:]
    assert desk.told() == desk.expected()
    (outcome,) = recounted(desk.tenant).values()
    assert [*outcome.differences()] == []
    assert desk.told() == desk.expected()


def test_what_came_before_and_after_a_rebuild_is_counted_once(desk: Desk) -> None:
    happened = busy(desk)
    half = len(happened) // 2
    handle(happened[:half])
    for one in range(25):
        desk.do(STEPS[one % len(STEPS)], Random(one))
    recounted(desk.tenant)
    assert desk.told() == desk.expected()
    happened = desk.events()
    for start in range(0, len(happened), 10):
        assert handle(happened[start : start + 10]) == []
    assert desk.told() == desk.expected()


def corrupt(tenant: str) -> None:
    """Spoil what was counted: wrong, missing and invented counters, wrong and missing rows of the ledger."""
    place = keys.entity(tenant, counters.COUNTERS, totals.TICKETS)
    table.write(table.Put(table.activity(), {**place, "open__low": 999, "gone__low": 3}))
    place = keys.entity(tenant, counters.COUNTERS, f"{count.HOURS}{times.hour_of(times.now())}")
    table.write(table.Put(table.activity(), {**place, "q0_tickets": 7, "q3_responses": 5, "q3_response_seconds": 1}))
    table.write(table.Delete(table.activity(), keys.entity(tenant, counters.COUNTERS, totals.CONVERSATIONS)))
    ledger = [*table.items(table.Query(table.activity(), keys.partition(tenant, counters.LEDGER)))]
    for number, row in enumerate(ledger):
        if number % 3 == 0:
            table.write(table.Delete(table.activity(), {"pk": row["pk"], "sk": row["sk"]}))
        elif number % 3 == 1:
            table.write(table.Put(table.activity(), {**row, "version": 1000}))


def test_a_rebuild_repairs_what_was_spoilt_and_tells_of_it(desk: Desk) -> None:
    handle(busy(desk))
    corrupt(desk.tenant)
    assert desk.told() != desk.expected()
    (outcome,) = recounted(desk.tenant).values()
    assert desk.told() == desk.expected()
    found = {(name, attribute): (was, now) for name, attribute, was, now in outcome.differences()}
    low = desk.expected()["tickets"]["open__low"]
    assert found[totals.TICKETS, "open__low"] == (999, low)
    assert found[totals.TICKETS, "gone__low"] == (3, 0)
    assert sum(outcome.things.values()) == len(desk.conversations) + len(desk.tickets) + len(desk.answers)
    assert [*recounted(desk.tenant)[desk.tenant].differences()] == []


def test_a_rebuild_of_one_tenant_leaves_the_others_and_other_counters(desk: Desk, clock: Clock) -> None:
    other = Desk(clock)
    for one in (desk, other):
        for step in ("conversation", "ticket", "rate"):
            one.do(step, Random(1))
        corrupt(one.tenant)
    elsewhere = counters.Fact(desk.tenant, "order_1", 1, {"ORDERS": {"paid": 1}})
    counters.count([elsewhere])
    spoilt = other.told()
    assert [*recounted(desk.tenant)] == [desk.tenant]
    assert desk.told() == desk.expected()
    assert other.told() == spoilt != other.expected()
    recounted()
    assert other.told() == other.expected()
    counters.count([elsewhere])
    assert counters.read(desk.tenant, "ORDERS") == {"paid": 1}


def test_all_is_forgotten_before_anything_is_counted(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    desks = [desk, Desk(clock), Desk(clock)]
    for one in desks:
        handle(busy(one))
    pages, add = recounting._pages, counters.count
    found: list[list[str]] = []

    def add_and_look(facts: Any) -> None:
        found.append([name for one in desks for name, _ in counters.all_of(one.tenant)])
        add(facts)

    monkeypatch.setattr(recounting, "_pages", lambda *told: ([item] for page in pages(*told) for item in page))
    monkeypatch.setattr(counters, "count", add_and_look)
    recounted()
    assert found[0] == []
    assert all(one.told() == one.expected() for one in desks)


def test_a_tenant_that_is_made_during_a_rebuild_is_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = recounting._pages

    def made_after_the_first_scan(kinds: Any, only: str | None, read: Any) -> Iterator[Any]:
        yield from pages(kinds, only, read)
        if read == ["pk"]:
            desk.do("ticket", Random(1))

    monkeypatch.setattr(recounting, "_pages", made_after_the_first_scan)
    assert [*recounted()] == [desk.tenant]
    assert desk.told() == desk.expected()


def test_a_tenant_that_has_nothing_any_more_has_no_figures_either(desk: Desk) -> None:
    table.write(table.Put(table.entities(), {**keys.entity(desk.tenant, "TENANT", desk.tenant), "name": "a"}))
    corrupt(desk.tenant)
    recounted()
    assert desk.told() == desk.expected()


def test_a_straggler_is_counted_whole_or_not_at_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was still at it when the rebuild began counts between any two of its deletions."""
    happened = busy(desk)
    handle(happened)
    delete = table.delete_many
    for early in range(4):
        calls = numbers()

        def interrupted(name: str, items: Any, calls: Iterator[int] = calls, early: int = early) -> None:
            if next(calls) == early:
                counters.count([count.fact(event["detail"]) for event in happened])
            delete(name, items)

        with monkeypatch.context() as patched:
            patched.setattr(table, "delete_many", interrupted)
            recounted(desk.tenant)
        assert desk.told() == desk.expected()


def test_forgetting_ends_where_somebody_never_stops_counting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    delete, versions = table.delete_many, numbers(1)

    def never(name: str, items: Any) -> None:
        delete(name, items)
        counters.count([counters.Fact(desk.tenant, "t", next(versions), {totals.TICKETS: {"open__low": 1}})])

    monkeypatch.setattr(table, "delete_many", never)
    with pytest.raises(Unavailable):
        counters.forget(desk.tenant, lambda _: True)


GOOD = {
    "conversation_id": "conv_1",
    "version": 1,
    "status": "active",
    "channel": "web",
    "created_at": "2026-11-20T13:00:00Z",
    "satisfaction": None,
    "rated_at": None,
}


def on_the_bus(name: str = "conversation.created", tenant: Any = "acme", **changes: Any) -> dict[str, Any]:
    return {"detail": {"id": "evt_1", "type": name, "tenant": tenant, "data": {**GOOD, **changes}}}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        {"detail": "text"},
        {"detail": {"type": "ticket.created", "tenant": "acme"}},
        {"detail": {"type": "ticket.created", "tenant": "acme", "data": None}},
        on_the_bus("ticket.created"),
        on_the_bus("ticket.exploded"),
        on_the_bus("order.paid"),
        on_the_bus("conversation.message", message_id="msg_1", response_seconds=-1),
        on_the_bus("conversation.message", message_id="msg_1"),
        on_the_bus("conversation.message", message_id="msg_1", response_seconds=None),
        on_the_bus(tenant=None),
        on_the_bus(tenant=["acme"]),
        on_the_bus(tenant="a#b"),
        on_the_bus(version=0),
        on_the_bus(version="one"),
        on_the_bus(version=10**40),
        on_the_bus(status="lost"),
        on_the_bus(channel="a b"),
        on_the_bus(created_at="2026-11-20"),
        on_the_bus(created_at="2026-11-20T13:00:00"),
        on_the_bus(satisfaction=6, rated_at="2026-11-20T13:00:00Z"),
        on_the_bus(conversation_id="c" * 2000),
        {"detail": {"type": {"a": 1}, "tenant": "acme", "data": GOOD}},
    ],
)
def test_what_cannot_be_counted_goes_alone(body: Any) -> None:
    assert handle([on_the_bus(conversation_id="conv_2"), body, on_the_bus()]) == ["1"]
    assert _counted("acme", totals.CONVERSATIONS) == {"active__web": 2}


@pytest.mark.parametrize(
    "data",
    [
        {"reply_to": {"contact_id": "+8613800138000"}, "text": "+8613800138000", "message_id": None},
        {"message_id": "msg_1", "response_seconds": "+8613800138000"},
        {"message_id": "+8613800138000" * 20, "response_seconds": 1},
        {"message_id": "msg_1", "response_seconds": 1, "created_at": "tel:+8613800138000"},
        "+8613800138000",
    ],
)
def test_a_customers_number_is_not_logged(monkeypatch: pytest.MonkeyPatch, data: Any) -> None:
    log = StringIO()
    (handler,) = telemetry.logger().handlers
    monkeypatch.setattr(handler, "stream", log)
    event = {"detail": {"id": "evt_1", "type": "conversation.message", "tenant": "acme", "data": data}}
    assert handle([event]) == ["0"]
    assert "an event cannot be counted" in log.getvalue()
    assert "13800138000" not in log.getvalue()


def test_an_answer_is_remembered_for_thirty_days(clock: Clock) -> None:
    told = on_the_bus("conversation.message", message_id="msg_1", response_seconds=5)
    assert handle([told]) == []
    row = table.get(table.activity(), keys.entity("acme", counters.LEDGER, "msg_1"))
    assert row
    assert row["ttl"] == times.epoch_ms(GOOD["created_at"]) // 1000 + 30 * 86_400  # type: ignore[arg-type]


def test_a_batch_is_one_read_and_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    call = clients.dynamodb()._make_api_call  # type: ignore[attr-defined]

    def record(operation: str, parameters: Any) -> Any:
        made.append(operation)
        return call(operation, parameters)

    hours = [
        {"created_at": f"2026-11-{day}T13:00:00Z", "rated_at": f"2026-11-{day}T15:00:00Z"} for day in range(10, 20)
    ]
    batch = [on_the_bus(conversation_id=f"conv_{number}", satisfaction=5, **hour) for number, hour in enumerate(hours)]
    monkeypatch.setattr(clients.dynamodb(), "_make_api_call", record)
    assert handle(batch) == []
    assert made == ["BatchGetItem", "TransactWriteItems"]


def test_a_batch_that_cannot_be_written_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(counters, "count", refuse)
        with pytest.raises(Unavailable):
            handle([on_the_bus()])
    assert handle([on_the_bus()]) == []
    assert _counted("acme", totals.CONVERSATIONS) == {"active__web": 1}
