"""Orders against a plain model, in races, and over what DynamoDB may do between a reading and a writing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from threading import Barrier
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.crm.customers import service as customers
from functions.crm.customers.models import NewCustomer
from functions.crm.orders import service, store
from functions.crm.orders.currencies import CURRENCIES
from functions.crm.orders.models import Cancellation, NewOrder, NewRefund, OrderChange, Payment, Status
from hub import ids
from hub.errors import HubError, InvalidRequest, Unavailable, Unprocessable
from hub.events import Caller
from hub.store import table, versioned
from hub.web.validation import parse_body
from tests.conftest import Clock
from tests.contract import memory

_TENANTS = count()
"""Every example has its own."""

PRICE = 10

small = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def caller() -> Caller:
    return Caller(f"tenant-{next(_TENANTS)}", "enterprise", "user_1", "req_1")


def customer(who: Caller) -> str:
    return customers.create(who, NewCustomer(name="示例科技有限公司")).data["id"]


def wanted(customer_id: str, price: int = PRICE) -> NewOrder:
    body = f'{{"customerId": "{customer_id}", "currency": "CNY", "items": [{{"name": "a", "quantity": 1, "unitPrice": '
    return parse_body(NewOrder, f"{body}{price}}}]}}".encode())


def new(who: Caller, price: int = PRICE) -> str:
    return service.create(who, wanted(customer(who), price)).data["id"]


def pay(who: Caller, order_id: str) -> Any:
    return service.pay(who, order_id, Payment()).data


def cancel(who: Caller, order_id: str) -> Any:
    return service.cancel(who, order_id, Cancellation()).data


def refund(who: Caller, order_id: str, amount: int | None = None) -> Any:
    return service.refund(who, order_id, NewRefund(amount=amount)).data


def work(who: Caller, order_id: str, way: str, amount: int | None) -> Any:
    """Pay, cancel or refund."""
    if way == "refund":
        return refund(who, order_id, amount)
    return pay(who, order_id) if way == "pay" else cancel(who, order_id)


def note(who: Caller, order_id: str, text: str) -> Any:
    return service.change(who, order_id, OrderChange(note=text), lambda _: None).data


def told(who: Caller) -> list[str]:
    """The names of the events of a tenant's orders."""
    events = (one["detail"] for one in memory.published())
    return sorted(one["type"] for one in events if one["tenant"] == who.tenant and one["type"].startswith("order."))


@dataclass
class Model:
    """An order as a shop thinks of it."""

    paid: bool = False
    cancelled: bool = False
    refunds: list[int] = field(default_factory=list)

    @property
    def status(self) -> str:
        if self.cancelled:
            return "cancelled"
        if not self.paid:
            return "pending"
        left = PRICE - sum(self.refunds)
        return "paid" if not self.refunds else "partially_refunded" if left else "refunded"

    def step(self, way: str, amount: int | None) -> bool:
        """Make a step; tells whether it could be made."""
        left = PRICE - sum(self.refunds)
        if way == "refund":
            able = self.paid and left > 0 and (amount or left) <= left
            if able:
                self.refunds.append(amount or left)
            return able
        if self.paid or self.cancelled:
            return False
        self.paid, self.cancelled = way == "pay", way == "cancel"
        return True


steps = st.tuples(st.sampled_from(["pay", "cancel", "refund"]), st.sampled_from([None, 1, 4, 9, 10, 11]))


@pytest.mark.usefixtures("aws")
@small
@given(st.lists(steps, max_size=8), st.booleans())
def test_an_order_moves_as_a_shop_thinks(taken: list[tuple[str, int | None]], paid_first: bool) -> None:
    who, model = caller(), Model()
    order = new(who)
    for way, amount in [("pay", None), *taken] if paid_first else taken:
        before = service.get(who.tenant, order)
        if model.step(way, amount):
            assert work(who, order, way, amount)["version"] == before.version + 1
        else:
            with pytest.raises(Unprocessable):
                work(who, order, way, amount)
            assert service.get(who.tenant, order) == before
        shown = service.get(who.tenant, order).data
        assert (shown["status"], [one["amount"] for one in shown["refunds"]]) == (model.status, model.refunds)
        assert shown["refundedAmount"] == sum(model.refunds) <= shown["amount"]
        assert (shown["paidAt"] is not None, shown["cancelledAt"] is not None) == (model.paid, model.cancelled)
        assert (shown["refundedAt"] is not None) == bool(model.refunds)


def test_every_status_has_its_moves_and_two_are_final() -> None:
    assert set(service.MOVES) == set(get_args(Status))
    assert {one for one, legal in service.MOVES.items() if not legal} == {"refunded", "cancelled"}
    assert {one for legal in service.MOVES.values() for one in legal} == set(get_args(Status)) - {"pending"}


def test_currencies_are_those_that_people_pay_in() -> None:
    assert {"CNY", "USD", "EUR", "JPY", "XCG", "ZWG"} <= CURRENCIES
    # Withdrawn, funds, metals, for testing, for none.
    assert not CURRENCIES & {"BGN", "HRK", "ANG", "ZWL", "DEM", "CLF", "CHE", "XAU", "XDR", "XTS", "XXX"}
    assert all(len(one) == 3 and one.isascii() and one.isupper() for one in CURRENCIES)


def race(*work: Any) -> list[Any]:
    """Do things in as many threads at once; what is raised of Hub's errors is answered."""
    start = Barrier(len(work))

    def one(call: Any) -> Any:
        start.wait(10)
        try:
            return call()
        except HubError as error:
            return error

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(one, work))


def test_of_a_payment_and_a_cancellation_at_once_exactly_one_is_done(aws: None) -> None:
    done = []
    for _ in range(10):
        who = caller()
        order = new(who)
        answers = race(lambda: pay(who, order), lambda: cancel(who, order))  # noqa: B023 - awaited at once
        (won,) = (answer for answer in answers if isinstance(answer, dict))
        (lost,) = (answer for answer in answers if not isinstance(answer, dict))
        assert isinstance(lost, Unprocessable)
        assert [(one.field, one.values["before"]) for one in lost.fields] == [("status", won["status"])]
        shown = service.get(who.tenant, order).data
        assert shown == won
        assert shown["version"] == 2
        assert (shown["paidAt"] is None) != (shown["cancelledAt"] is None)
        done.append((who.tenant, f"order.{won['status']}"))
    events = [one["detail"] for one in memory.published()]
    ended = [(one["tenant"], one["type"]) for one in events if one["type"] in ("order.paid", "order.cancelled")]
    assert sorted(ended) == sorted(done)


def test_an_order_is_paid_once_however_many_pay(aws: None) -> None:
    who = caller()
    order = new(who)
    answers = race(*[lambda: pay(who, order)] * 6)
    assert sum(isinstance(answer, dict) for answer in answers) == 1
    assert {type(answer) for answer in answers} == {dict, Unprocessable}
    assert told(who) == ["order.created", "order.paid"]


def test_refunds_at_once_never_come_to_more_than_was_paid(aws: None) -> None:
    who = caller()
    order = new(who)
    pay(who, order)
    answers = race(*[lambda: refund(who, order, 4)] * 3)
    done = [answer for answer in answers if isinstance(answer, dict)]
    assert {type(answer) for answer in answers if not isinstance(answer, dict)} <= {Unprocessable, Unavailable}
    shown = service.get(who.tenant, order).data
    assert (shown["refundedAmount"], len(shown["refunds"])) == (4 * len(done), len(done))
    assert 1 <= len(done) <= 2
    assert told(who) == ["order.created", "order.paid", *["order.refunded"] * len(done)]


def overtaken(monkeypatch: pytest.MonkeyPatch, meanwhile: Any) -> None:
    """Have something else happen between the next reading of an order and its writing."""
    read = store.get

    def read_and_be_overtaken(*place: Any, **more: Any) -> Any:
        found = read(*place, **more)
        monkeypatch.setattr(store, "get", read)
        meanwhile()
        return found

    monkeypatch.setattr(store, "get", read_and_be_overtaken)


def test_a_move_is_made_of_what_another_left(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    who = caller()
    order = new(who)
    overtaken(monkeypatch, lambda: note(who, order, "a"))
    shown = pay(who, order)
    assert (shown["status"], shown["note"], shown["version"]) == ("paid", "a", 3)
    overtaken(monkeypatch, lambda: refund(who, order, 4))
    assert note(who, order, "b")["refundedAmount"] == 4
    overtaken(monkeypatch, lambda: refund(who, order, 1))
    shown = refund(who, order)
    assert ([one["amount"] for one in shown["refunds"]], shown["status"]) == ([4, 1, 5], "refunded")


def test_a_move_that_another_made_impossible_is_refused(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    who = caller()
    order = new(who)
    overtaken(monkeypatch, lambda: cancel(who, order))
    with pytest.raises(Unprocessable):
        pay(who, order)
    assert told(who) == ["order.cancelled", "order.created"]


def test_a_change_that_always_comes_second_is_told_so(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    who = caller()
    order = new(who)
    monkeypatch.setattr(table, "back_off", lambda _: None)
    tries = count(1)

    def changed(*_: Any) -> None:
        next(tries)
        raise versioned.Changed(7)

    monkeypatch.setattr(store, "replace", changed)
    with pytest.raises(Unavailable):
        pay(who, order)
    assert next(tries) == versioned.TRIES + 1


def test_a_customer_who_is_deleted_between_the_looks_gets_no_order(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    who = caller()
    one = customer(who)
    read = store.customer_name

    def read_and_delete(*place: Any) -> str:
        name = read(*place)
        customers.delete(who, one)
        return name

    monkeypatch.setattr(store, "customer_name", read_and_delete)
    with pytest.raises(InvalidRequest) as caught:
        service.create(who, wanted(one))
    assert [(error.field, error.reason) for error in caught.value.fields] == [("customerId", "does_not_exist")]
    assert told(who) == []


def test_an_id_that_is_taken_is_no_missing_customer(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    who = caller()
    of = customer(who)
    order = service.create(who, wanted(of)).data
    monkeypatch.setattr(ids, "new", lambda kind, *_: order["id"] if kind == "order" else "evt_1")
    with pytest.raises(table.ConditionFailed) as caught:
        service.create(who, wanted(of, 99))
    assert caught.value.position == 0
    assert service.get(who.tenant, order["id"]).data == order


def test_time_never_goes_back(aws: None, clock: Clock) -> None:
    who = caller()
    order = new(who)
    clock.advance(-3600)
    shown = pay(who, order)
    assert shown["paidAt"] == shown["createdAt"]
