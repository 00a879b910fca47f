"""Samples of the messaging gateway: its routes, and the workers that send, hear, answer and sync."""

import json
from collections.abc import Callable
from typing import Any

from hub import ids, times
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject
from tests.contract.messaging import CONFIGS, wrote

API, CALLBACKS = "functions.messaging.api", "functions.messaging.callbacks"
CONTACTS, SYNC = "functions.messaging.contacts.api", "functions.messaging.contacts.run"
SEND, RETRY = "functions.messaging.send", "functions.messaging.retry"
HEARD, REPLIES = "functions.messaging.heard", "functions.messaging.replies"
NEW_MESSAGE = {
    "to": "42",
    "from": "hub_bot",
    "content": "Hello from OpenChat!",
    "type": "text",
    "metadata": {"conversationId": "conv-001"},
}

_MESSAGES, _CONTACTS = "/third-party/{platform}/messages", "/third-party/{platform}/contacts"
_CALLBACK = "/third-party/{platform}/callback/{integration_id}"
Events = Callable[[Tenant, str], Callable[[], Any]]


def subjects() -> list[Subject]:
    """The routes."""
    return [
        Subject(f"POST {_MESSAGES}", API, _message(f"POST {_MESSAGES}", NEW_MESSAGE)),
        Subject(f"GET {_MESSAGES}", API, _message(f"GET {_MESSAGES}", made=20)),
        Subject(f"GET {_MESSAGES} (cursor)", API, _message(f"GET {_MESSAGES}", made=20, cursor="")),
        Subject(f"GET {_MESSAGES} (status)", API, _message(f"GET {_MESSAGES}", made=20, status="pending")),
        Subject(f"GET {_MESSAGES}/{{message_id}}", API, _message(f"GET {_MESSAGES}/{{message_id}}", made=1)),
        Subject(
            f"GET {_MESSAGES}/{{message_id}}/status", API, _message(f"GET {_MESSAGES}/{{message_id}}/status", made=1)
        ),
        Subject("GET /third-party/{platform}/received", API, _received),
        Subject(f"GET {_CALLBACK}", CALLBACKS, _verification),
        Subject(f"POST {_CALLBACK}", CALLBACKS, _callback),
        Subject(f"POST {_CONTACTS}/sync", CONTACTS, _contacts(f"POST {_CONTACTS}/sync", {"userId": "user-uuid"})),
        Subject(f"GET {_CONTACTS}/sync", CONTACTS, _contacts(f"GET {_CONTACTS}/sync", userId="user-uuid")),
        Subject(f"GET {_CONTACTS}", CONTACTS, _contacts(f"GET {_CONTACTS}", userId="user-uuid")),
        Subject(
            f"GET {_CONTACTS} (platformUserId)",
            CONTACTS,
            _contacts(f"GET {_CONTACTS}", userId="user-uuid", platformUserId="7"),
        ),
    ]


def workers() -> list[Subject]:
    """Batches of each queue, and a step of each state machine."""
    return [
        Subject("send, 10 messages", SEND, _send(10), 10),
        Subject("send, 1 message", SEND, _send(1)),
        Subject("message retry, succeeds", RETRY, _retry),
        Subject("heard, 10 messages of one person", HEARD, _heard(10), 10),
        Subject("heard, 1 status", HEARD, _status),
        Subject("replies, 10 answers", REPLIES, _replies(10), 10),
        Subject("replies, 1 answer", REPLIES, _replies(1)),
        Subject("contact sync, 500 who wrote", SYNC, _sync(500), 500),
    ]


def _bot(tenant: Tenant, receiver: str, **config: str) -> str:
    wanted = {**CONFIGS["telegram"], "base_url": f"{receiver}/telegram", **config}
    body = {"name": "客服机器人", "service_type": "telegram", "config": wanted}
    made: str = tenant.ask("functions.integrations.api", "POST /v1/integrations", body)["id"]
    return made


def _new(tenant: Tenant, to: str = "42") -> str:
    made: str = tenant.ask(API, f"POST {_MESSAGES}", NEW_MESSAGE | {"to": to}, platform="telegram")["id"]
    return made


def _message(route: str, body: Any = None, *, made: int = 0, **query: str) -> Events:
    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        _bot(tenant, receiver)
        found = [_new(tenant) for _ in range(made)]
        place: dict[str, Any] = {"message_id": found[-1]} if "{message_id}" in route else {}
        return lambda: tenant.event(route, body, query=query or None, platform="telegram", **place)

    return events_of


def _queued(event: dict[str, Any]) -> dict[str, Any]:
    return {"Records": [{"messageId": ids.new("m"), "body": json.dumps(event, ensure_ascii=False)}]}


def _batch(bodies: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Records": [record for body in bodies for record in _queued(body)["Records"]]}


def _told(tenant: Tenant, bot: str, **more: Any) -> dict[str, Any]:
    place = {"tenant": tenant.name, "platform": "telegram", "connection_id": bot, "request_id": ids.new("req")}
    return {**place, **more, "tries": 0}


def _written() -> dict[str, Any]:
    who = {"id": "42", "name": "张三"}
    at = times.now_ms()
    return {"id": ids.new("m"), "sender": who, "type": "text", "text": "您好", "attachments": [], "data": "", "at": at}


def _received(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    bot = _bot(tenant, receiver)
    for _ in range(2):
        tenant.deployment.run(HEARD, _batch([_told(tenant, bot, message=_written()) for _number in range(10)]))
    return lambda: tenant.event("GET /third-party/{platform}/received", platform="telegram")


def _verification(tenant: Tenant, _: str) -> Callable[[], Any]:
    body = {"name": "号码", "service_type": "whatsapp", "config": CONFIGS["whatsapp"]}
    number = tenant.ask("functions.integrations.api", "POST /v1/integrations", body)["id"]
    asked = {"hub.mode": "subscribe", "hub.challenge": "7", "hub.verify_token": CONFIGS["whatsapp"]["verify_token"]}
    return lambda: tenant.event(f"GET {_CALLBACK}", query=asked, platform="whatsapp", integration_id=number)


def _callback(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    bot = _bot(tenant, receiver)
    told = wrote("telegram", "您好")
    body, headers = json.loads(told.body), dict(told.headers)
    return lambda: tenant.event(f"POST {_CALLBACK}", body, headers=headers, platform="telegram", integration_id=bot)


def _people(tenant: Tenant, bot: str, number: int) -> None:
    from functions.messaging.contacts import people

    for one in range(number):
        people.remember(tenant.name, bot, str(one), "张三", None)


def _contacts(route: str, body: Any = None, **query: str) -> Events:
    """Of twenty people who wrote."""

    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        _people(tenant, _bot(tenant, receiver), 20)
        tenant.ask(CONTACTS, f"POST {_CONTACTS}/sync", {"userId": "user-uuid"}, platform="telegram")
        return lambda: tenant.event(route, body, query=query or None, platform="telegram")

    return events_of


def _send(size: int) -> Events:
    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        _bot(tenant, receiver)

        def event() -> Any:
            made = [_new(tenant, ids.new("chat")) for _ in range(size)]
            place = {"tenant": tenant.name, "platform": "telegram", "due": times.now_ms()}
            return _batch([{**place, "id": one} for one in made])

        return event

    return events_of


def _retry(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    _bot(tenant, receiver)

    def event() -> Any:
        place = {"tenant": tenant.name, "platform": "telegram", "message_id": _new(tenant, ids.new("chat"))}
        return {**place, "outcome": {"status": "pending", "wait_seconds": 0, "due": times.now_ms()}}

    return event


def _heard(size: int) -> Events:
    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        bot = _bot(tenant, receiver)
        return lambda: _batch([_told(tenant, bot, message=_written()) for _ in range(size)])

    return events_of


def _status(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    bot = _bot(tenant, receiver)

    def event() -> Any:
        from functions.messaging.messages import store

        provider_id = ids.new("m")
        store.name_at_provider(tenant.name, store.get(tenant.name, "telegram", _new(tenant)), [provider_id])
        change = {"provider_id": provider_id, "status": "delivered", "at": times.now_ms()}
        return _batch([_told(tenant, bot, change=change)])

    return event


def _answer(tenant: Tenant, bot: str) -> dict[str, Any]:
    reply_to = {"integration_id": bot, "platform": "telegram", "contact_id": "42"}
    data = {
        "conversation_id": ids.new("conv"),
        "message_id": ids.new("msg"),
        "sender": {"type": "agent", "id": "agent_1"},
        "text": "您好，请问需要什么帮助？",
        "attachments": [],
        "reply_to": reply_to,
    }
    event = {"type": "conversation.message", "tenant": tenant.name, "requestId": ids.new("req"), "data": data}
    return {"detail-type": "conversation.message", "source": "hub.support", "detail": event}


def _replies(size: int) -> Events:
    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        bot = _bot(tenant, receiver)
        return lambda: _batch([_answer(tenant, bot) for _ in range(size)])

    return events_of


def _sync(size: int) -> Events:
    """Each time another user's."""

    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        from functions.messaging.contacts import runs

        _people(tenant, _bot(tenant, receiver), size)
        return lambda: runs.state(tenant.name, runs.begin(tenant.name, "telegram", ids.new("user"), "req_1"))

    return events_of
