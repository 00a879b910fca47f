"""Samples of the customers' routes."""

from collections.abc import Callable
from typing import Any

from hub import ids
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject

CUSTOMERS = "functions.crm.customers.api"

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
