"""What tests of orders share: a customer and an order, and what becomes of an order."""

from typing import Any

from tests.conftest import Answer, Deployment

CUSTOMERS, ORDERS = "/v1/customers", "/v1/orders"
CUSTOMER = {
    "name": "示例科技有限公司",
    "industry": "互联网",
    "contact": {"name": "张经理", "phone": "13800138000"},
}
"""Document 3, "请求体"."""

ITEMS = [
    {"name": "企业版年费", "sku": "ENT-1Y", "quantity": 2, "unitPrice": 499_900},
    {"name": "上门培训", "quantity": 1, "unitPrice": 100},
]
AMOUNT = 999_900
"""What they come to, in fen."""

ENGLISH = {"accept-language": "en-US"}


def make_customer(api: Deployment, name: str = "示例科技有限公司") -> dict[str, Any]:
    """Make a customer."""
    answer = api.call("POST", CUSTOMERS, CUSTOMER | {"name": name})
    assert answer.status == 201, answer.text
    return dict(answer.json["data"])


def new_order(customer: str, **more: Any) -> dict[str, Any]:
    """A body that makes an order."""
    return {"customerId": customer, "items": ITEMS, "currency": "CNY", **more}


def make(api: Deployment, customer: str = "", **more: Any) -> dict[str, Any]:
    """Make an order, by default of a customer of its own."""
    of = customer or make_customer(api, f"客户 {more.get('note', '')}")["id"]
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


def refused(answer: Answer, status: int, code: int, message: str) -> dict[str, str]:
    """Check the shape of a refusal in document 3's style; answers with the message of each field."""
    assert (answer.status, set(answer.json)) == (status, {"code", "message", "errors", "requestId"}), answer.text
    assert (answer.json["code"], answer.json["message"]) == (code, message)
    assert answer.json["requestId"] == answer.headers["X-Request-ID"]
    assert len(answer.text) < 1000, "an error does not throw back what was sent"
    return {error["field"]: error["message"] for error in answer.json["errors"]}
