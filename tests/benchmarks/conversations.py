"""Samples of the conversations' routes, and of what comes in over messaging connections."""

from collections.abc import Callable
from typing import Any

from hub import events, ids, times
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject, request
from tests.contract.conversations import failed_answer

CONVERSATIONS = "functions.support.conversations.api"
INBOUND = "functions.support.inbound"

_ONE = "/v1/conversations/{conversation_id}"
_RETRY = f"POST {_ONE}/messages/{{message_id}}/retry"
_NEW = {"user_id": "user_123", "channel": "web", "initial_message": "你好，我想咨询产品"}
_MESSAGE = {"text": "您好，请问需要什么帮助？", "sender": "agent", "sender_id": "agent_1"}


def subjects() -> list[Subject]:
    """All of them."""
    return [
        request(CONVERSATIONS, "POST /v1/conversations", _NEW),
        request(
            CONVERSATIONS,
            "POST /v1/conversations",
            {name: _NEW[name] for name in ("user_id", "channel")},
            note=" (without a message)",
        ),
        _list(),
        _list(cursor=""),
        _list(status="active"),
        _list(user_id="user_123"),
        _list(start_time="2024-01-01T00:00:00Z", limit="10"),
        _on_conversation(f"GET {_ONE}"),
        # Each time another one: a change that changes nothing is not written.
        _on_conversation(f"PATCH {_ONE}", {"status": "closed"}, anew=True),
        _on_conversation(f"GET {_ONE}/messages"),
        _on_conversation(f"POST {_ONE}/messages", _MESSAGE),
        Subject(_RETRY, CONVERSATIONS, _retry),
    ]


def received(tenant: Tenant, contact: str) -> dict[str, Any]:
    """The event of a contact's message."""
    told = {
        "integration_id": "int_01M7WGNP40DE3B4WZZ6KYE37BD",
        "platform": "whatsapp",
        "contact": {"id": contact, "name": "张三"},
        "message_id": ids.new("wamid"),
        "type": "text",
        "text": "你好，我想咨询产品",
        "attachments": [],
        "timestamp": times.iso_ms(times.now_ms()),
    }
    return events.event("message.received", events.Caller(tenant.name, "", "int", ids.new("req")), told)


def _new(tenant: Tenant) -> str:
    made: str = tenant.ask(CONVERSATIONS, "POST /v1/conversations", _NEW)["data"]["id"]
    return made


def _list(**query: str) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        for _number in range(20):
            _new(tenant)
        return lambda: tenant.event("GET /v1/conversations", query={"limit": "20", **query})

    note = f" ({', '.join(query)})" if query else ""
    return Subject(f"GET /v1/conversations{note}", CONVERSATIONS, events_of)


def _retry(tenant: Tenant, _: str) -> Callable[[], Any]:
    one = _new(tenant)
    return lambda: tenant.event(_RETRY, conversation_id=one, message_id=failed_answer(tenant.name, one))


def _on_conversation(route: str, body: Any = None, *, anew: bool = False) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        one = _new(tenant)
        return lambda: tenant.event(route, body, conversation_id=_new(tenant) if anew else one)

    return Subject(route, CONVERSATIONS, events_of)
