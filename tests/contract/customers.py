"""What tests of customers share: document 3's example, and what its answers look like."""

from typing import Any

from tests.conftest import Answer, Deployment

CUSTOMERS, BATCH = "/v1/customers", "/v1/customers/batch"
EXAMPLE = {
    "name": "示例科技有限公司",
    "industry": "互联网",
    "contact": {"name": "张经理", "phone": "13800138000"},
}
"""Document 3, "请求体"."""

ENGLISH = {"accept-language": "en-US"}
INVALID, WRONG_TYPE, TAKEN = "参数验证失败", "参数类型错误", "数据已存在"


def make(api: Deployment, **more: Any) -> dict[str, Any]:
    """Make a customer."""
    answer = api.call("POST", CUSTOMERS, EXAMPLE | more)
    assert answer.status == 201, answer.text
    return dict(answer.json["data"])


def batch(api: Deployment, *rows: Any) -> dict[str, Any]:
    """Make customers in a batch."""
    answer = api.call("POST", BATCH, {"customers": rows})
    assert answer.status == 200, answer.text
    return dict(answer.json["data"])


def at(customer: dict[str, Any]) -> str:
    """Where a customer is found."""
    return f"{CUSTOMERS}/{customer['id']}"


def shown(api: Deployment, customer: dict[str, Any]) -> dict[str, Any]:
    """A customer as it stands."""
    return dict(api.call("GET", at(customer)).json["data"])


def listed(api: Deployment, query: str = "") -> list[str]:
    """The names on a page of customers."""
    answer = api.call("GET", f"{CUSTOMERS}?{query}")
    assert answer.status == 200, answer.text
    return [item["name"] for item in answer.json["data"]["items"]]


def refused(answer: Answer, status: int, code: int, message: str) -> dict[str, str]:
    """Check the shape of a refusal in document 3's style; answers with the message of each field."""
    assert (answer.status, set(answer.json)) == (status, {"code", "message", "errors", "requestId"}), answer.text
    assert (answer.json["code"], answer.json["message"]) == (code, message)
    assert answer.json["requestId"] == answer.headers["X-Request-ID"]
    assert len(answer.text) < 1000, "an error does not throw back what was sent"
    return {error["field"]: error["message"] for error in answer.json["errors"]}
