"""What can be done with orders: how they move, how much can be refunded, and what is told of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from functions.crm.orders import store
from functions.crm.orders.models import (
    Cancellation,
    NewOrder,
    NewRefund,
    Order,
    OrderChange,
    Payment,
    Status,
)
from functions.crm.orders.store import StoredOrder, StoredRefund
from hub import events, ids, times
from hub.errors import FieldError, InvalidRequest, Unprocessable
from hub.events import Caller
from hub.store import items, versioned
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.store.versioned import Expects
from hub.web.request import Versioned

MOVES: Mapping[Status, tuple[Status, ...]] = {
    "pending": ("paid", "cancelled"),
    "paid": ("partially_refunded", "refunded"),
    "partially_refunded": ("partially_refunded", "refunded"),
    "refunded": (),
    "cancelled": (),
}
"""Where an order can go from a status."""

MAX_REFUNDS = 20

_Change = Callable[[StoredOrder, int], StoredOrder]
"""Makes an order into what it is to be, at a time (epoch ms)."""

_Telling = Callable[[StoredOrder, StoredOrder], dict[str, Any]]
"""Makes the event of a changed order, from what it was and what it is."""


def create(caller: Caller, wanted: NewOrder) -> Versioned[Order]:
    """Make an order. Raises `InvalidRequest` for a customer who does not exist."""
    try:
        name = store.customer_name(caller.tenant, wanted.customerId)
    except store.NoCustomer:
        raise InvalidRequest(FieldError("customerId", "does_not_exist")) from None
    now = times.now_ms()
    order = StoredOrder(
        id=ids.new("order", now),
        customer_id=wanted.customerId,
        customer_name=name,
        items=[
            {"name": one.name, "sku": one.sku, "quantity": one.quantity, "unit_price": one.unitPrice}
            for one in wanted.items
        ],
        amount=wanted.total,
        currency=wanted.currency,
        note=wanted.note,
        metadata=wanted.metadata,
        created_at=now,
        updated_at=now,
    )
    store.add(caller.tenant, order, events.event("order.created", caller, _told(order)))
    return _versioned(order)


def get(tenant: str, order_id: str) -> Versioned[Order]:
    """Show an order."""
    return _versioned(store.get(tenant, order_id))


def listed(tenant: str, asked: ListQuery) -> Page[Order]:
    """List orders."""
    return store.page(tenant, asked)


def change(caller: Caller, order_id: str, wanted: OrderChange, expects: Expects) -> Versioned[Order]:
    """Change the fields that were sent. Raises `PreconditionFailed` where it is not the order the caller `expects`."""
    changes = wanted.changes()

    def changed(before: StoredOrder, now: int) -> StoredOrder:
        expects(before.version)
        after = replace(before, **changes)
        return before if after == before else replace(after, updated_at=now)

    def updated(before: StoredOrder, after: StoredOrder) -> dict[str, Any]:
        names = sorted(name for name in changes if getattr(before, name) != getattr(after, name))
        return events.event("order.updated", caller, {**_told(after), "changes": names})

    return _write(caller, order_id, changed, updated)


def pay(caller: Caller, order_id: str, payment: Payment) -> Versioned[Order]:
    """Note that an order was paid. Raises `Unprocessable` for an illegal move."""

    def paid(before: StoredOrder, now: int) -> StoredOrder:
        after = _moved(before, "paid", now)
        return replace(after, paid_at=now, payment_method=payment.method, payment_reference=payment.reference)

    return _write(caller, order_id, paid, lambda _, after: events.event("order.paid", caller, _told(after)))


def cancel(caller: Caller, order_id: str, wanted: Cancellation) -> Versioned[Order]:
    """Cancel an order that was not paid. Raises `Unprocessable` for an illegal move."""

    def cancelled(before: StoredOrder, now: int) -> StoredOrder:
        return replace(_moved(before, "cancelled", now), cancelled_at=now, cancel_reason=wanted.reason)

    return _write(caller, order_id, cancelled, lambda _, after: events.event("order.cancelled", caller, _told(after)))


def refund(caller: Caller, order_id: str, wanted: NewRefund) -> Versioned[Order]:
    """Refund a part of what was paid, or all that is left. Raises `Unprocessable` for more, and an illegal move."""

    def refunded(before: StoredOrder, now: int) -> StoredOrder:
        rest = before.amount - before.refunded_amount
        amount = rest if wanted.amount is None else wanted.amount
        after = _moved(before, "partially_refunded" if amount < rest else "refunded", now)
        if amount > rest:
            raise _refused("amount", "more_than_rest", limit=rest)
        if amount < rest and len(before.refunds) + 1 >= MAX_REFUNDS:
            raise _refused("amount", "last_refund", limit=MAX_REFUNDS, rest=rest)
        made: StoredRefund = {"amount": amount, "reason": wanted.reason, "created_at": now}
        total = before.refunded_amount + amount
        return replace(after, refunds=[*before.refunds, made], refunded_amount=total, refunded_at=now)

    return _write(caller, order_id, refunded, lambda _, after: events.event("order.refunded", caller, _told(after)))


def _moved(before: StoredOrder, status: Status, now: int) -> StoredOrder:
    """The order in another status. Raises `Unprocessable` for an illegal move."""
    legal = MOVES[before.status]
    if status in legal:
        return replace(before, status=status, updated_at=now)
    if legal:
        raise _refused("status", "illegal_move", before=before.status, after=status, legal=", ".join(legal))
    raise _refused("status", "final_status", before=before.status)


def _write(caller: Caller, order_id: str, make: _Change, tell: _Telling) -> Versioned[Order]:
    """Change an order, whatever else of it changes meanwhile: who comes second changes what the first left."""

    def once() -> Versioned[Order]:
        before = store.get(caller.tenant, order_id, consistent=True)
        after = make(before, max(times.now_ms(), before.updated_at))
        if after is before:
            return _versioned(before)
        after = replace(after, version=before.version + 1)
        store.replace(caller.tenant, before, after, [tell(before, after)])
        return _versioned(after)

    return versioned.retried(once)


def _refused(field: str, reason: str, **values: Any) -> Unprocessable:
    error = Unprocessable()
    error.fields = (FieldError(field, reason, values),)
    return error


def _versioned(order: StoredOrder) -> Versioned[Order]:
    return Versioned(store.shown(order), order.version)


def _told(order: StoredOrder) -> dict[str, Any]:
    """An order as events show it."""
    told = items.attributes(order) | {
        "refunds": [{**one, "created_at": times.iso(one["created_at"] / 1000)} for one in order.refunds]
    }
    shown = {name: versioned.iso(value) if name.endswith("_at") else value for name, value in told.items()}
    return {"order_id": order.id, **shown}
