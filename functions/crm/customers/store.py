"""Customers. Beside each stands an item that keeps its name to it alone.

| item | pk | sk | indexes |
|---|---|---|---|
| customer | `T#<tenant>#CUSTOMER` | `cust_…` | by status; by industry; by amount |
| name | `T#<tenant>#CUSTOMER_NAME` | the name | |
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.crm.customers.models import Customer, CustomerContact, CustomFieldValue, Status
from hub import times
from hub.errors import Conflict, FieldError, HubError, Unavailable
from hub.store import items, keys, plan, table, versioned
from hub.store.filters import FieldKind
from hub.store.items import Item
from hub.store.paging import Page
from hub.store.plan import Index, Listing
from hub.store.query import ListQuery, Schema

KIND = "CUSTOMER"
NAMES = "CUSTOMER_NAME"
PREFIX = "cust"

_READ = 100
"""Items that one call reads."""

_TOGETHER = 50
"""Customers that one transaction makes: an item and its name's each."""

_TRIES = 4
"""Of a transaction of new customers that settle nothing."""


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """A customer; times in epoch milliseconds. `version` grows by one with every change."""

    id: str
    name: str
    industry: str | None
    contact: CustomerContact | None
    status: Status
    amount: int | float | None
    tags: list[str]
    custom_fields: dict[str, CustomFieldValue]
    created_at: int
    updated_at: int
    version: int = 1


def shown(customer: StoredCustomer) -> Customer:
    """A customer as callers see it, and as lists find it."""
    return {
        "id": customer.id,
        "name": customer.name,
        "industry": customer.industry,
        "contact": customer.contact,
        "status": customer.status,
        "amount": customer.amount,
        "tags": customer.tags,
        "customFields": customer.custom_fields,
        "createdAt": times.iso(customer.created_at / 1000),
        "updatedAt": times.iso(customer.updated_at / 1000),
        "version": customer.version,
    }


LISTING = Listing(
    schema=Schema(
        {
            "id": FieldKind.TEXT,
            "name": FieldKind.TEXT,
            "industry": FieldKind.TEXT,
            "contact.name": FieldKind.TEXT,
            "contact.phone": FieldKind.TEXT,
            "contact.email": FieldKind.TEXT,
            "status": FieldKind.TEXT,
            "amount": FieldKind.NUMBER,
            "tags": FieldKind.TAGS,
            "createdAt": FieldKind.TIME,
            "updatedAt": FieldKind.TIME,
        },
        search=("name", "industry", "contact.name", "contact.phone", "contact.email", "tags"),
    ),
    kind=KIND,
    prefix=PREFIX,
    shown=lambda item: shown(items.entity(StoredCustomer, item)),
    equal={"industry": Index(2, "CUSTOMER_INDUSTRY"), "status": Index(1, "CUSTOMER_STATUS")},
    ordered={"amount": Index(3, "CUSTOMER_AMOUNT")},
    unique={"name": NAMES},
)


def get(tenant: str, customer_id: str, *, consistent: bool = False) -> StoredCustomer:
    """Read a customer. Raises `NotFound`."""
    item = table.required(table.entities(), keys.entity(tenant, KIND, customer_id), consistent=consistent)
    return items.entity(StoredCustomer, item)


def page(tenant: str, asked: ListQuery) -> Page[Customer]:
    """Read a page of customers."""
    return plan.read(LISTING, tenant, asked)


def add(tenant: str, customer: StoredCustomer, event: Mapping[str, Any]) -> None:
    """Write a new customer. Raises `Conflict` where the name is taken."""
    try:
        table.write(*_creation(tenant, customer, event))
    except table.ConditionFailed:
        raise taken() from None


def add_many(
    tenant: str,
    customers: Sequence[StoredCustomer],
    event: Callable[[StoredCustomer], Mapping[str, Any]],
) -> dict[str, StoredCustomer | HubError]:
    """Write new customers as far as their names are free; what became of each, by id.

    An id that stands already is that of a customer made before, whatever it is called by now: it is answered as it
    stands, one that was deleted since as it was wanted. `Conflict` where a name is taken, also by one before it;
    `Unavailable` where others were in the way to the last: nothing of that customer was written.
    """
    first: dict[str, str] = {}
    for customer in customers:
        first.setdefault(customer.name, customer.id)
    outcome: dict[str, StoredCustomer | HubError] = {one.id: taken() for one in customers if first[one.name] != one.id}
    wanted = [one for one in customers if one.id not in outcome]
    for start in range(0, len(wanted), _READ):
        free, settled = _sorted_out(tenant, wanted[start : start + _READ])
        outcome |= settled
        for begin in range(0, len(free), _TOGETHER):
            outcome |= _add_together(tenant, free[begin : begin + _TOGETHER], event)
    return outcome


def replace(tenant: str, before: StoredCustomer, after: StoredCustomer, event: Mapping[str, Any]) -> None:
    """Write a changed customer. Raises `versioned.Changed`, `Conflict` where the name is taken."""
    own = versioned.replacement(_item(tenant, after, event), before.version)
    if after.name == before.name:
        versioned.write(before.version, own)
        return
    try:
        table.write(own, _name(tenant, after), _freed(tenant, before))
    except table.ConditionFailed as failure:
        if failure.position == 1:
            raise taken() from None
        raise versioned.Changed((failure.item or {}).get("version", 0)) from None
    except table.Contended:
        raise versioned.Changed(before.version) from None


def remove(tenant: str, customer: StoredCustomer, event: Mapping[str, Any]) -> None:
    """Delete a customer and free its name. Raises `versioned.Changed`."""
    tombstone = table.tombstone(keys.entity(tenant, KIND, customer.id), [event], times.now())
    own = versioned.replacement(tombstone.item, customer.version)
    versioned.write(customer.version, own, _freed(tenant, customer))


def taken() -> Conflict:
    """The name is another customer's."""
    error = Conflict()
    error.fields = (FieldError("name", "taken"),)
    return error


_Outcome = dict[str, StoredCustomer | HubError]


def _sorted_out(tenant: str, wanted: Sequence[StoredCustomer]) -> tuple[list[StoredCustomer], _Outcome]:
    """Those of up to 100 customers whose names are free, and what became of the others."""
    found = _entities(tenant, NAMES, [one.name for one in wanted])
    held = [one for one in wanted if one.name in found]
    made = _entities(tenant, KIND, [one.id for one in held])
    settled: _Outcome = {
        one.id: items.entity(StoredCustomer, made[one.id]) if one.id in made else taken() for one in held
    }
    return [one for one in wanted if one.name not in found], settled


def _entities(tenant: str, kind: str, ids: Sequence[str]) -> dict[str, Item]:
    found = table.get_many({table.entities(): [keys.entity(tenant, kind, one) for one in ids]}, consistent=True)
    return {sk: item for (_, _, sk), item in found.items()}


def _add_together(
    tenant: str, wanted: Sequence[StoredCustomer], event: Callable[[StoredCustomer], Mapping[str, Any]]
) -> _Outcome:
    """Write up to 50 customers in one transaction; what keeps it from being written is left out of the next try."""
    outcome: _Outcome = {}
    stalled = 0
    while wanted and stalled < _TRIES:
        table.back_off(stalled)
        try:
            table.write(*_creations(tenant, wanted, event))
        except table.ConditionFailed as failure:
            place, of_name = divmod(failure.position, 2)
            if not of_name:
                outcome[wanted[place].id] = _standing(wanted[place], failure.item)
        except Unavailable:
            pass  # Throttled, or in the way of others: who may have taken the same names by now.
        else:
            return outcome | {one.id: one for one in wanted}
        left, settled = _sorted_out(tenant, [one for one in wanted if one.id not in outcome])
        outcome |= settled
        stalled += len(left) == len(wanted)
        wanted = left
    return outcome | {one.id: Unavailable() for one in wanted}


def _standing(wanted: StoredCustomer, item: Item | None) -> StoredCustomer:
    return wanted if item is None or "deleted_at" in item else items.entity(StoredCustomer, item)


def _creations(
    tenant: str, customers: Sequence[StoredCustomer], event: Callable[[StoredCustomer], Mapping[str, Any]]
) -> Iterator[table.Put]:
    for customer in customers:
        yield from _creation(tenant, customer, event(customer))


def _creation(tenant: str, customer: StoredCustomer, event: Mapping[str, Any]) -> tuple[table.Put, table.Put]:
    # Not `ABSENT`: an id that was deleted is not made again by an import that goes on.
    own = table.Put(table.entities(), _item(tenant, customer, event), "attribute_not_exists(pk)")
    return own, _name(tenant, customer)


def _name(tenant: str, customer: StoredCustomer) -> table.Put:
    item = {**keys.entity(tenant, NAMES, customer.name), "entity_id": customer.id}
    return table.Put(table.entities(), item, table.ABSENT)


def _freed(tenant: str, customer: StoredCustomer) -> table.Delete:
    name = keys.entity(tenant, NAMES, customer.name)
    return table.Delete(table.entities(), name, "#entity_id = :id", {"id": customer.id})


def _item(tenant: str, customer: StoredCustomer, event: Mapping[str, Any]) -> Item:
    return {
        **keys.entity(tenant, KIND, customer.id),
        **items.attributes(customer),
        **LISTING.index_keys(tenant, shown(customer)),
        "events": [event],
    }
