"""What can be done with customers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from functions.crm.customers import store
from functions.crm.customers.models import (
    Customer,
    CustomerBatch,
    CustomerBatchRow,
    CustomerChange,
    NewCustomer,
    NewCustomerContact,
)
from functions.crm.customers.store import StoredCustomer, shown
from hub import events, ids, times
from hub.errors import HubError, InvalidRequest
from hub.events import Caller
from hub.store import versioned
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.store.versioned import Expects
from hub.web.localisation import Language
from hub.web.request import Versioned
from hub.web.styles import D3

_ROW_ERRORS = 5
_ROW_PLACE = 50
"""What a batch tells of a row that is wrong in many places: the answer is kept for 24 hours in an item of 400 KB."""


def create(caller: Caller, wanted: NewCustomer) -> Versioned[Customer]:
    """Make a customer. Raises `Conflict` where the name is taken."""
    customer = _new(ids.new(store.PREFIX), wanted)
    store.add(caller.tenant, customer, _created(caller, customer))
    return Versioned(shown(customer), customer.version)


def create_many(caller: Caller, rows: Sequence[NewCustomer], ids: Sequence[str]) -> list[HubError | Customer]:
    """Make customers with given ids, no two alike; what became of each: the customer, or why there is none.

    May be done again with the same ids: one that stands already is the customer that was made of its row before, which
    is answered as it is by now. `Conflict`: the name is another's, or that of a row before; `Unavailable`: nothing of
    this row was written, and it can be sent again.
    """
    customers = [_new(one, row) for one, row in zip(ids, rows, strict=True)]
    outcome = store.add_many(caller.tenant, customers, lambda customer: _created(caller, customer))
    found = (outcome[one] for one in ids)
    return [one if isinstance(one, HubError) else shown(one) for one in found]


def create_batch(caller: Caller, rows: Sequence[NewCustomer | InvalidRequest], language: Language) -> CustomerBatch:
    """Make customers, whether or not others of the batch can be made; tells of each row by its number from 0."""
    good = [row for row in rows if isinstance(row, NewCustomer)]
    made = iter(create_many(caller, good, [ids.new(store.PREFIX) for _ in good]))
    outcome = [next(made) if isinstance(row, NewCustomer) else row for row in rows]
    told = [_told_row(index, one, language) for index, one in enumerate(outcome)]
    failed = sum(isinstance(one, HubError) for one in outcome)
    return {"items": told, "succeeded": len(told) - failed, "failed": failed}


def listed(tenant: str, asked: ListQuery) -> Page[Customer]:
    """Answer document 3's query language over the tenant's customers."""
    return store.page(tenant, asked)


def get(tenant: str, customer_id: str) -> Versioned[Customer]:
    """Show a customer."""
    customer = store.get(tenant, customer_id)
    return Versioned(shown(customer), customer.version)


def change(caller: Caller, customer_id: str, wanted: CustomerChange, expects: Expects) -> Versioned[Customer]:
    """Change the fields that were sent, whatever others change meanwhile.

    Raises `PreconditionFailed` where the customer is not the one that the caller `expects`, `Conflict` where the name
    is taken.
    """
    changes = {_SNAKE.get(name, name): _stored(getattr(wanted, name)) for name in wanted.changes()}

    def once() -> Versioned[Customer]:
        before = store.get(caller.tenant, customer_id, consistent=True)
        expects(before.version)
        real = {name: value for name, value in changes.items() if getattr(before, name) != value}
        if not real:
            return Versioned(shown(before), before.version)
        now = max(times.now_ms(), before.updated_at)
        after = replace(before, **real, updated_at=now, version=before.version + 1)
        event = events.event("customer.updated", caller, _told(after) | {"changes": sorted(real)})
        store.replace(caller.tenant, before, after, event)
        return Versioned(shown(after), after.version)

    return versioned.retried(once)


def delete(caller: Caller, customer_id: str) -> None:
    """Delete a customer; its name is free again."""

    def once() -> None:
        customer = store.get(caller.tenant, customer_id, consistent=True)
        store.remove(caller.tenant, customer, events.event("customer.deleted", caller, _told(customer)))

    versioned.retried(once)


def _new(customer_id: str, wanted: NewCustomer) -> StoredCustomer:
    # Lists by time go by the ids, of which those of an import tell when it began.
    now = ids.milliseconds(customer_id)
    return StoredCustomer(
        id=customer_id,
        name=wanted.name,
        industry=wanted.industry,
        contact=_stored(wanted.contact),
        status=wanted.status,
        amount=wanted.amount,
        tags=wanted.tags,
        custom_fields=wanted.customFields,
        created_at=now,
        updated_at=now,
    )


def _stored(value: Any) -> Any:
    return value.model_dump() if isinstance(value, NewCustomerContact) else value


def _created(caller: Caller, customer: StoredCustomer) -> dict[str, Any]:
    return events.event("customer.created", caller, _told(customer))


_SNAKE = {"id": "customer_id", "customFields": "custom_fields", "createdAt": "created_at", "updatedAt": "updated_at"}


def _told(customer: StoredCustomer) -> dict[str, Any]:
    return {_SNAKE.get(name, name): value for name, value in shown(customer).items()}


def _told_row(index: int, outcome: HubError | Mapping[str, Any], language: Language) -> CustomerBatchRow:
    if not isinstance(outcome, HubError):
        return {"index": index, "status": 201, "id": outcome["id"]}
    outcome.fields = tuple(replace(one, field=_place(one.field)) for one in outcome.fields[:_ROW_ERRORS])
    told = D3().error(outcome, language, "")
    return {
        "index": index,
        "status": outcome.status,
        "code": told["code"],
        "message": told["message"],
        "errors": told["errors"],
    }


def _place(field: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in field[:_ROW_PLACE])
