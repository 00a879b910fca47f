"""What tests of conversations share: document 2's example, and a desk's steps."""

from typing import Any

from tests.conftest import Answer, Deployment

CONVERSATIONS = "/v1/conversations"
EXAMPLE = {"user_id": "user_123", "channel": "web", "initial_message": "你好，我想咨询产品"}
"""Document 2, "创建对话"."""


def create(deployment: Deployment, **changes: Any) -> dict[str, Any]:
    """Make a conversation."""
    answer = deployment.call("POST", CONVERSATIONS, {"user_id": "user_123", "channel": "web", **changes})
    assert answer.status == 201, answer.text
    return dict(answer.json["data"])


def say(deployment: Deployment, made: dict[str, Any], sender: str = "customer", **more: Any) -> Answer:
    """Add a message."""
    body = {"text": "你好", "sender": sender, **more}
    return deployment.call("POST", f"{CONVERSATIONS}/{made['id']}/messages", body)


def patch(deployment: Deployment, made: dict[str, Any], body: Any, **headers: str) -> Answer:
    """Change a conversation; headers under names with `_` for `-`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return deployment.call("PATCH", f"{CONVERSATIONS}/{made['id']}", body, headers=sent)


def show(deployment: Deployment, made: dict[str, Any]) -> dict[str, Any]:
    """A conversation as it is now."""
    return dict(deployment.call("GET", f"{CONVERSATIONS}/{made['id']}").json["data"])


def listed(deployment: Deployment, query: str = "") -> list[str]:
    """The ids of a page of conversations."""
    answer = deployment.call("GET", f"{CONVERSATIONS}?{query}")
    assert answer.status == 200, answer.text
    return [one["id"] for one in answer.json["data"]["items"]]


def failed_answer(tenant: str, conversation: str) -> str:
    """An agent's answer in a conversation, whose contact is on Telegram and got none of it."""
    from functions.support.conversations import service, store
    from functions.support.conversations.models import NewMessage
    from hub import ids
    from hub.events import Caller
    from hub.store import table

    caller = Caller(tenant, "enterprise", "agent_1", "req_1")
    contact: Any = {"integration_id": "int_1", "platform": "telegram", "id": "42", "name": "张三"}
    table.write(service.moved(caller, store.get(tenant, conversation, consistent=True), contact))
    message = service.add_message(caller, conversation, NewMessage(sender="agent", text="您好"))["id"]
    error = {"code": "403", "message": "Forbidden: bot was blocked by the user"}
    failed: Any = {"status": "failed", "error": error}
    store.deliver(tenant, conversation, message, ids.new("msg"), failed)
    return message
