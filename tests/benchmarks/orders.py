"""Samples of the orders' routes."""

from collections.abc import Callable
from typing import Any

from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject

ORDERS = "functions.crm.orders.api"

_ONE = "/v1/orders/{order_id}"
_ITEMS = [
    {"name": "企业版年费", "sku": "ENT-1Y", "quantity": 2, "unitPrice": 499_900},
    {"name": "上门培训", "quantity": 1, "unitPrice": 100},
]


def subjects() -> list[Subject]:
    """All of them."""
    return [
        Subject("POST /v1/orders", ORDERS, _create),
        _list(page="1"),
        _list(limit="20"),
        _list(limit="20", customerId=""),
        _list(limit="20", status="pending"),
        _list(limit="20", sort="amount"),
        _on_order(f"GET {_ONE}"),
        # Each time another one: a change that changes nothing is not written, and an order is paid once.
        _on_order(f"PATCH {_ONE}", {"note": "加急"}, anew=True),
        _on_order(f"POST {_ONE}/pay", {"method": "alipay"}, anew=True),
        _on_order(f"POST {_ONE}/cancel", {}, anew=True),
        _on_order(f"POST {_ONE}/refund", {"amount": 100}, anew=True, paid=True),
    ]


def _customer(tenant: Tenant) -> str:
    wanted = {"name": "示例科技有限公司", "contact": {"name": "张经理", "phone": "13800138000"}}
    made: str = tenant.ask("functions.crm.customers.api", "POST /v1/customers", wanted)["data"]["id"]
    return made


def _wanted(customer: str) -> dict[str, Any]:
    return {"customerId": customer, "items": _ITEMS, "currency": "CNY"}


def _new(tenant: Tenant, customer: str) -> str:
    made: str = tenant.ask(ORDERS, "POST /v1/orders", _wanted(customer))["data"]["id"]
    return made


def _create(tenant: Tenant, _: str) -> Callable[[], Any]:
    customer = _customer(tenant)
    return lambda: tenant.event("POST /v1/orders", _wanted(customer))


def _list(**query: str) -> Subject:
    """A list of twenty orders; an empty `customerId` is that of their customer."""

    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        customer = _customer(tenant)
        for _number in range(20):
            _new(tenant, customer)
        asked = {name: value or customer for name, value in query.items()}
        return lambda: tenant.event("GET /v1/orders", query=asked)

    return Subject(f"GET /v1/orders ({', '.join(query)})", ORDERS, events_of)


def _on_order(route: str, body: Any = None, *, anew: bool = False, paid: bool = False) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        customer = _customer(tenant)
        one = _new(tenant, customer)

        def event() -> Any:
            order = _new(tenant, customer) if anew else one
            if paid:
                tenant.ask(ORDERS, f"POST {_ONE}/pay", {}, order_id=order)
            return tenant.event(route, body, order_id=order)

        return event

    return Subject(route, ORDERS, events_of)
