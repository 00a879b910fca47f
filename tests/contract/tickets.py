"""What tests of tickets share: document 2's example, and a team's steps."""

from typing import Any

from tests.conftest import Answer, Deployment

TICKETS = "/v1/tickets"
EXAMPLE = {
    "title": "产品咨询",
    "description": "想了解产品价格和功能",
    "priority": "medium",
    "customer_email": "customer@example.com",
}
"""Document 2, "创建工单"."""

ENGLISH = {"accept-language": "en-US"}


def make(api: Deployment, **more: Any) -> dict[str, Any]:
    """Make a ticket."""
    answer = api.call("POST", TICKETS, EXAMPLE | more)
    assert answer.status == 201, answer.text
    return dict(answer.json["data"])


def change(api: Deployment, ticket: dict[str, Any], headers: dict[str, str] | None = None, **changes: Any) -> Answer:
    """Change a ticket."""
    return api.call("PATCH", f"{TICKETS}/{ticket['id']}", changes, headers=headers)


def comments(api: Deployment, ticket: dict[str, Any]) -> list[dict[str, Any]]:
    """The first page of the comments on a ticket."""
    return list(api.call("GET", f"{TICKETS}/{ticket['id']}/comments").json["data"]["items"])


def listed(api: Deployment, query: str = "") -> list[str]:
    """The ids of a page of tickets."""
    return [item["id"] for item in api.call("GET", TICKETS + query).json["data"]["items"]]


def refused(answer: Answer, status: int, message: str) -> dict[str, str]:
    """Check the shape of a refusal in document 2's style; answers with the reason of each field."""
    assert (answer.status, set(answer.json)) == (status, {"code", "message", "details"}), answer.text
    assert (answer.json["code"], answer.json["message"]) == (status, message)
    assert len(answer.text) < 1000, "an error does not throw back what was sent"
    return {error["field"]: error["reason"] for error in answer.json["details"]}
