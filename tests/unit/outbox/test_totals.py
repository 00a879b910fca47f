"""Totals of lists: real events, counted in any order and number and half-way, against what there is in the end."""

import json
from collections import Counter
from itertools import count as numbers
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.crm.customers import service as customers
from functions.crm.customers import store as stored_customers
from functions.crm.customers.models import NewCustomer
from functions.crm.orders import service as orders
from functions.crm.orders import store as stored_orders
from functions.crm.orders.models import NewOrder, NewOrderItem
from functions.identity.users import service as users
from functions.identity.users import store as stored_users
from functions.identity.users.models import NewUser
from functions.iot.devices import service as devices
from functions.iot.devices import store as stored_devices
from functions.iot.devices.models import NewDevice
from functions.outbox import totals as worker
from hub import events
from hub.events import Caller
from hub.store import counters, keys, recounting, table, totals
from hub.store.recounting import Recounted
from tests.contract import memory
from tests.unit.interruptions import Calls, survive

RULE = memory.TEMPLATE["Resources"]["TotalsRule"]["Properties"]["EventPattern"]
CONTEXT = SimpleNamespace(aws_request_id="an-invocation")
THINGS = sorted(worker.KINDS)

_TENANTS = numbers()
_MAILS = numbers()

pytestmark = pytest.mark.usefixtures("aws")


def caller(tenant: str) -> Caller:
    return Caller(tenant, "enterprise", "ak_1", "req_1")


def new_tenant() -> str:
    return f"tenant-{next(_TENANTS)}"


def handle(told: list[Any]) -> list[str]:
    """Hand messages to the Lambda; answers with those that it could not count."""
    records = [
        {"messageId": str(number), "body": one if isinstance(one, str) else json.dumps(one)}
        for number, one in enumerate(told)
    ]
    failed = worker.handler({"Records": records}, CONTEXT)["batchItemFailures"]
    return [one["itemIdentifier"] for one in failed]


def on_the_bus(name: str, tenant: Any, thing_id: Any) -> dict[str, Any]:
    told = events.event(name, caller("acme"), {f"{name.partition('.')[0]}_id": thing_id})
    return {"detail": told | {"tenant": tenant}}


def counted(tenant: str) -> dict[str, int]:
    return +Counter(counters.read(tenant, totals.COUNTER))


def recounted(tenant: str) -> Recounted:
    return recounting.recount(worker.COUNTED, worker.is_counter, tenant)[tenant]


lives = st.lists(st.tuples(st.sampled_from(THINGS), st.booleans()), max_size=12)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(lives, st.randoms(use_true_random=False))
def test_events_twice_and_out_of_order_count_once(things: list[tuple[str, bool]], dice: Random) -> None:
    tenant = new_tenant()
    happened = [on_the_bus(f"{name}.created", tenant, f"{name}_{number}") for number, (name, _) in enumerate(things)]
    for number, (name, stays) in enumerate(things):
        if not stays and name != "order":
            happened.append(on_the_bus(f"{name}.deleted", tenant, f"{name}_{number}"))
    told = [*happened, *(one for one in happened if dice.random() < 0.5)]
    dice.shuffle(told)
    while told:
        size = dice.randint(1, 10)
        assert handle(told[:size]) == []
        told = told[size:]
    there = Counter(worker.KINDS[name] for name, stays in things if stays or name == "order")
    assert counted(tenant) == there
    assert all(totals.total(tenant, kind) == there[kind] for kind in worker.KINDS.values())


def live(tenant: str) -> dict[str, int]:
    """Make some of everything, and delete some of it again."""
    who = caller(tenant)
    for number in range(3):
        user = users.create(who, NewUser(email=f"u{next(_MAILS)}@example.com", name="某人"))
        customer = customers.create(who, NewCustomer(name=f"客户 {number}")).data
        lines = [NewOrderItem(name="年费", quantity=1, unitPrice=100)]
        orders.create(who, NewOrder(customerId=customer["id"], items=lines, currency="CNY"))
        device = devices.create(who, NewDevice(name="灯")).data
        if number == 0:
            users.delete(who, user["id"])
            customers.delete(who, customer["id"])
            devices.delete(who, device["id"])
    customers.create_many(who, [NewCustomer(name=f"批 {number}") for number in range(2)], ["cust_1", "cust_2"])
    return {"USER": 2, "CUSTOMER": 4, "ORDER": 3, "DEVICE": 2}


def test_everything_that_rooms_make_and_delete_is_counted() -> None:
    tenant = new_tenant()
    there = live(tenant)
    happened = [one for one in memory.published("TotalsQueue") if one["detail"]["tenant"] == tenant]
    assert handle(happened) == []
    assert counted(tenant) == there
    assert recounted(tenant).things == Counter(there)
    assert counted(tenant) == there


def test_the_rule_lets_through_what_is_counted_and_no_more() -> None:
    wanted = {f"{name}.{happened}" for name in worker.KINDS for happened in ("created", "deleted")} & set(events.AREAS)
    assert set(RULE["detail-type"]) == wanted
    assert set(RULE["source"]) == {f"hub.{events.AREAS[name]}" for name in wanted}
    kinds = [stored.KIND for stored in (stored_customers, stored_devices, stored_orders, stored_users)]
    assert sorted(worker.KINDS.values()) == sorted(kinds)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_it_may_die_at_any_call(monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    calls, tenant = Calls(monkeypatch), ""

    def scene() -> Any:
        nonlocal tenant
        tenant = new_tenant()
        happened = [on_the_bus("customer.created", tenant, f"cust_{number}") for number in range(3)]
        assert handle(happened) == []
        told = [*happened, on_the_bus("customer.deleted", tenant, "cust_0"), on_the_bus("user.created", tenant, "u")]
        return lambda: handle(told)

    def check() -> None:
        assert counted(tenant) == {"CUSTOMER": 2, "USER": 1}

    assert survive(calls, after, scene, check) >= 2


def test_what_is_no_event_that_counts_goes_to_the_dead_letters_alone() -> None:
    tenant = new_tenant()
    good = on_the_bus("user.created", tenant, "user_1")
    bad = [
        "",
        "[]",
        {"detail": "text"},
        {"detail": {"type": "user.created", "tenant": tenant}},
        {"detail": {"type": "user.created", "tenant": tenant, "data": None}},
        {"detail": {"type": "user.created", "tenant": tenant, "data": {"customer_id": "cust_1"}}},
        {"detail": {"type": {"a": 1}, "tenant": tenant, "data": {"user_id": "user_1"}}},
        on_the_bus("user.updated", tenant, "user_2"),
        on_the_bus("order.paid", tenant, "order_1"),
        on_the_bus("ticket.created", tenant, "ticket_1"),
        on_the_bus("user.created", "a#b", "user_2"),
        on_the_bus("user.created", ["acme"], "user_2"),
        on_the_bus("user.created", None, "user_2"),
        on_the_bus("user.created", tenant, ""),
        on_the_bus("user.created", tenant, 5),
        on_the_bus("user.created", tenant, "u" * 2000),
    ]
    assert handle([*bad, good]) == [str(number) for number in range(len(bad))]
    assert counted(tenant) == {"USER": 1}


def test_a_deletion_is_forgotten_once_nobody_can_tell_it_again() -> None:
    tenant = new_tenant()
    handle([on_the_bus("user.created", tenant, "user_1"), on_the_bus("user.created", tenant, "user_2")])
    handle([on_the_bus("user.deleted", tenant, "user_1")])
    rows = table.items(table.Query(table.activity(), keys.partition(tenant, counters.LEDGER)))
    assert {row["sk"]: "ttl" in row for row in rows} == {"user_1": True, "user_2": False}


def test_a_recount_repairs_and_tells_what_differed() -> None:
    tenant, other = new_tenant(), new_tenant()
    there = live(tenant)
    handle([on_the_bus("user.created", other, "user_1")])
    place = keys.entity(tenant, counters.COUNTERS, totals.COUNTER)
    table.write(table.Put(table.activity(), {**place, "CUSTOMER": 999, "GONE": 3}))
    found = recounted(tenant)
    assert counted(tenant) == there
    assert ("TOTALS", "CUSTOMER", 999, 4) in found.differences()
    assert ("TOTALS", "GONE", 3, 0) in found.differences()
    assert not found.broken
    assert counted(other) == {"USER": 1}, "another tenant's are left alone"
    assert [*recounted(tenant).differences()] == []


def test_what_was_told_before_and_after_a_recount_counts_once() -> None:
    tenant = new_tenant()
    there = live(tenant)
    happened = [one for one in memory.published("TotalsQueue") if one["detail"]["tenant"] == tenant]
    handle(happened[::2])
    recounted(tenant)
    assert counted(tenant) == there
    handle(list(reversed(happened)))
    assert counted(tenant) == there
    for user in happened:
        if user["detail"]["type"] == "user.created":
            handle([on_the_bus("user.deleted", tenant, user["detail"]["data"]["user_id"])])
    assert counted(tenant) == {name: number for name, number in there.items() if name != "USER"}
