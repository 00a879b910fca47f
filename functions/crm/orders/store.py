"""Orders.

| item | pk | sk | indexes |
|---|---|---|---|
| order | `T#<tenant>#ORDER` | `order_…` | by status; by customer; by amount |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from functions.crm.customers import store as customers
from functions.crm.orders.models import Order, Status
from hub import times
from hub.errors import NotFound
from hub.store import items, keys, plan, table, versioned
from hub.store.filters import FieldKind
from hub.store.items import Item
from hub.store.paging import Page
from hub.store.plan import Index, Listing
from hub.store.query import ListQuery, Schema

KIND = "ORDER"


class NoCustomer(Exception):
    """The customer that an order is to be of does not exist."""


class StoredItem(TypedDict):
    """A line of an order; `unit_price` in minor units."""

    name: str
    sku: str | None
    quantity: int
    unit_price: int


class StoredRefund(TypedDict):
    """A refund; `amount` in minor units, `created_at` in epoch milliseconds."""

    amount: int
    reason: str | None
    created_at: int


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order; amounts in minor units, times in epoch milliseconds. `version` grows by one with every change."""

    id: str
    customer_id: str
    customer_name: str
    items: list[StoredItem]
    amount: int
    currency: str
    note: str | None
    metadata: dict[str, str]
    created_at: int
    updated_at: int
    status: Status = "pending"
    payment_method: str | None = None
    payment_reference: str | None = None
    cancel_reason: str | None = None
    refunds: list[StoredRefund] = field(default_factory=list)
    refunded_amount: int = 0
    paid_at: int | None = None
    cancelled_at: int | None = None
    refunded_at: int | None = None
    version: int = 1


def shown(order: StoredOrder) -> Order:
    """An order as callers see it, and as lists find it."""
    return {
        "id": order.id,
        "customerId": order.customer_id,
        "customerName": order.customer_name,
        "items": [
            {"name": one["name"], "sku": one["sku"], "quantity": one["quantity"], "unitPrice": one["unit_price"]}
            for one in order.items
        ],
        "amount": order.amount,
        "currency": order.currency,
        "note": order.note,
        "metadata": order.metadata,
        "status": order.status,
        "paymentMethod": order.payment_method,
        "paymentReference": order.payment_reference,
        "cancelReason": order.cancel_reason,
        "refunds": [
            {"amount": one["amount"], "reason": one["reason"], "createdAt": times.iso(one["created_at"] / 1000)}
            for one in order.refunds
        ],
        "refundedAmount": order.refunded_amount,
        "createdAt": times.iso(order.created_at / 1000),
        "updatedAt": times.iso(order.updated_at / 1000),
        "paidAt": versioned.iso(order.paid_at),
        "cancelledAt": versioned.iso(order.cancelled_at),
        "refundedAt": versioned.iso(order.refunded_at),
        "version": order.version,
    }


LISTING = Listing(
    schema=Schema(
        {
            "id": FieldKind.TEXT,
            "customerId": FieldKind.TEXT,
            "customerName": FieldKind.TEXT,
            "amount": FieldKind.NUMBER,
            "currency": FieldKind.TEXT,
            "note": FieldKind.TEXT,
            "status": FieldKind.TEXT,
            "paymentMethod": FieldKind.TEXT,
            "paymentReference": FieldKind.TEXT,
            "refundedAmount": FieldKind.NUMBER,
            "createdAt": FieldKind.TIME,
            "updatedAt": FieldKind.TIME,
            "paidAt": FieldKind.TIME,
            "cancelledAt": FieldKind.TIME,
            "refundedAt": FieldKind.TIME,
        },
        search=("customerName", "note", "paymentReference"),
    ),
    kind=KIND,
    prefix="order",
    shown=lambda item: shown(items.entity(StoredOrder, item)),
    equal={"customerId": Index(2, "ORDER_CUSTOMER"), "status": Index(1, "ORDER_STATUS")},
    ordered={"amount": Index(3, "ORDER_AMOUNT")},
)


def add(tenant: str, order: StoredOrder, event: Mapping[str, Any]) -> None:
    """Write a new order."""
    table.write(table.Put(table.entities(), _item(tenant, order, [event]), table.ABSENT))


def replace(tenant: str, before: StoredOrder, after: StoredOrder, events: Sequence[Mapping[str, Any]]) -> None:
    """Write a changed order. Raises `versioned.Changed`."""
    versioned.write(before.version, versioned.replacement(_item(tenant, after, events), before.version))


def get(tenant: str, order_id: str, *, consistent: bool = False) -> StoredOrder:
    """Read an order. Raises `NotFound`."""
    item = table.required(table.entities(), keys.entity(tenant, KIND, order_id), consistent=consistent)
    return items.entity(StoredOrder, item)


def customer_name(tenant: str, customer_id: str) -> str:
    """The name of the customer that an order is to be of. Raises `NoCustomer`."""
    try:
        return customers.get(tenant, customer_id, consistent=True).name
    except NotFound:
        raise NoCustomer from None


def page(tenant: str, asked: ListQuery) -> Page[Order]:
    """Read a page of orders."""
    return plan.read(LISTING, tenant, asked)


def _item(tenant: str, order: StoredOrder, events: Sequence[Mapping[str, Any]]) -> Item:
    return {
        **keys.entity(tenant, KIND, order.id),
        **items.attributes(order),
        **LISTING.index_keys(tenant, shown(order)),
        "events": list(events),
    }
