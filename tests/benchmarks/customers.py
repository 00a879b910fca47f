"""Samples of the customers' routes and of the worker that counts them; a tenant with as many as wanted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from hub import events, ids, times
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.rows import copies, stored
from tests.benchmarks.subject import Subject

CUSTOMERS, TOTALS = "functions.crm.customers.api", "functions.outbox.totals"
ROUTE = "GET /v1/customers"

_ONE = "/v1/customers/{customer_id}"


def new_customer() -> dict[str, Any]:
    """A customer as document 3 has it, by a name that no other has."""
    return {
        "name": f"示例科技有限公司 {ids.new('n')}",
        "industry": "互联网",
        "contact": {"name": "张经理", "phone": "13800138000"},
        "amount": 10000,
    }


def subjects() -> list[Subject]:
    """All of them."""
    return [
        Subject("POST /v1/customers", CUSTOMERS, _create),
        Subject("POST /v1/customers/batch", CUSTOMERS, _batch(100)),
        Subject("POST /v1/customers/batch (1)", CUSTOMERS, _batch(1)),
        _list(),
        _list(limit="20"),
        _list(limit="20", industry="互联网"),
        _list(limit="20", sort="amount"),
        _list(limit="20", sort="name"),
        _list(limit="20", search="科技"),
        _on_customer(f"GET {_ONE}"),
        _on_customer(f"PUT {_ONE}", lambda: {"status": "inactive"}),
        _on_customer(f"PATCH {_ONE}", lambda: {"status": "inactive"}),
        _on_customer(f"PATCH {_ONE}", lambda: {"name": ids.new("n")}, note=" (name)"),
        _on_customer(f"DELETE {_ONE}"),
    ]


def _create(tenant: Tenant, _: str) -> Callable[[], Any]:
    return lambda: tenant.event("POST /v1/customers", new_customer())


def _batch(rows: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        def event() -> Any:
            return tenant.event("POST /v1/customers/batch", {"customers": [new_customer() for _ in range(rows)]})

        return event

    return events_of


def _new(tenant: Tenant) -> str:
    made: str = tenant.ask(CUSTOMERS, "POST /v1/customers", new_customer())["data"]["id"]
    return made


def _list(**query: str) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        for _number in range(20):
            _new(tenant)
        return lambda: tenant.event("GET /v1/customers", query=query)

    told = [name if name != "sort" else f"sort={query[name]}" for name in query]
    note = f" ({', '.join(told)})" if told else ""
    return Subject(f"GET /v1/customers{note}", CUSTOMERS, events_of)


def _on_customer(route: str, body: Callable[[], Any] | None = None, *, note: str = "") -> Subject:
    """A request about a customer, each time another one: a change that changes nothing is not written."""

    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        return lambda: tenant.event(route, body() if body else None, customer_id=_new(tenant))

    return Subject(route + note, CUSTOMERS, events_of)


def told(tenant: Tenant) -> dict[str, Any]:
    """The event of a new customer."""
    shown = {"customer_id": ids.new("cust"), **new_customer(), "created_at": times.iso(times.now()), "version": 1}
    return events.event("customer.created", events.Caller(tenant.name, "enterprise", "ak_1", ids.new("req")), shown)


@dataclass(frozen=True, slots=True)
class Book:
    """A tenant with so many customers, and the row in the middle of them as lists have it."""

    tenant: Tenant
    middle: dict[str, Any]

    def page(self, *, deep: bool = False, **query: str) -> Any:
        """A request for a page by cursor of 20: the first, or the one that follows the middle."""
        from functions.crm.customers.store import LISTING
        from hub.store.query import parse

        asked = {"limit": "20", **query}
        cursor = parse(asked, LISTING.schema).cursor_after(self.middle) if deep else ""
        return self.tenant.event(ROUTE, query={**asked, "cursor": cursor})


def fill(tenant: Tenant, rows: int) -> Book:
    """Copy one real customer `rows` times, each with a name, a place in every index, and counted."""
    from functions.crm.customers import store
    from functions.crm.customers.models import Status
    from hub.store import counters, keys, table, totals
    from hub.store.items import to_item

    _new(tenant)
    partition = keys.partition(tenant.name, store.KIND)
    original, name = (stored(table.entities(), one) for one in (partition, keys.partition(tenant.name, store.NAMES)))
    start, statuses = times.now_ms(), get_args(Status)
    changes, names, middle = [], [], dict[str, Any]()
    for number in range(rows):
        made = start + number
        one = {"name": f"示例科技有限公司 {number:06}", "amount": number * 7919 % rows, "status": statuses[number % 3]}
        row = {"id": ids.derived("cust", made, tenant.name), "industry": "互联网", **one}
        # The middle by time; by amount and by name it stands elsewhere, with as many behind it.
        if number == rows // 2 - rows // 2 % 3:
            middle = {**row, "createdAt": times.iso(made / 1000)}
        place = store.LISTING.index_keys(tenant.name, row)
        changes.append(to_item({"sk": row["id"], "created_at": made, **one, **place}))
        names.append(to_item({"sk": one["name"], "entity_id": row["id"]}))
    copies(table.entities(), original, changes)
    copies(table.entities(), name, names)
    counter = keys.entity(tenant.name, counters.COUNTERS, totals.COUNTER)
    table.write(table.Put(table.activity(), {**counter, store.KIND: rows}))
    return Book(tenant, middle)
