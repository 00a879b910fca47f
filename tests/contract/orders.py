"""What tests of orders share: a customer and an order, and what becomes of an order."""

from itertools import count
from typing import Any

from tests.conftest import Answer, Deployment
from tests.contract import customers

ORDERS = "/v1/orders"

ITEMS = [
    {"name": "企业版年费", "sku": "ENT-1Y", "quantity": 2, "unitPrice": 499_900},
    {"name": "上门培训", "quantity": 1, "unitPrice": 100},
]
AMOUNT = 999_900
"""What they come to, in fen."""

_NUMBERS = count()


def new_order(customer: str, **more: Any) -> dict[str, Any]:
    """A body that makes an order."""
    return {"customerId": customer, "items": ITEMS, "currency": "CNY", **more}


def make(api: Deployment, customer: str = "", **more: Any) -> dict[str, Any]:
    """Make an order, by default of a customer of its own."""
    of = customer or customers.make(api, name=f"客户 {next(_NUMBERS)}")["id"]
    answer = api.call("POST", ORDERS, new_order(of, **more))
    assert answer.status == 201, answer.text
    return dict(answer.json["data"])


def move(api: Deployment, order: dict[str, Any], how: str, **body: Any) -> Answer:
    """Pay, cancel or refund an order."""
    return api.call("POST", f"{ORDERS}/{order['id']}/{how}", body)


def moved(api: Deployment, order: dict[str, Any], *ways: str) -> dict[str, Any]:
    """An order after each of these succeeded: `pay`, `cancel`, `refund`, and `part` for a refund of one fen."""
    for way in ways:
        answer = move(api, order, "refund", amount=1) if way == "part" else move(api, order, way)
        assert answer.status == 200, answer.text
        order = answer.json["data"]
    return order


def shown(api: Deployment, order: dict[str, Any]) -> dict[str, Any]:
    """An order as it stands."""
    return dict(api.call("GET", f"{ORDERS}/{order['id']}").json["data"])


def listed(api: Deployment, query: str = "") -> list[str]:
    """The ids of a page of orders."""
    answer = api.call("GET", ORDERS + query)
    assert answer.status == 200, answer.text
    return [item["id"] for item in answer.json["data"]["items"]]
