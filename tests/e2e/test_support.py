"""The support desk on the running stack: an exchange from beginning to end, and what comes in over messaging."""

import json
from typing import Any

from hub import ids, times
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.receiving import Receiver
from tests.e2e.running import Client, RunningStack
from tests.e2e.signatures import verify_document_3

CONVERSATIONS = "/v1/conversations"


def _create(api: Client, **more: Any) -> dict[str, Any]:
    answer = api.post(CONVERSATIONS, {"user_id": "user_123", "channel": "web", **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


def _listed(api: Client, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(f"{CONVERSATIONS}?{query}")
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]["items"]
    return rows


def _heard(inbox: Receiver) -> list[str]:
    return sorted(one.event["type"] for one in inbox.received)


def test_a_conversation_from_its_beginning_to_its_end(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    secret = api.new_webhook(inbox.url, "conversation.*")["secret"]

    made = _create(api, initial_message="你好，我想咨询产品")
    one = f"{CONVERSATIONS}/{made['id']}"
    answered = api.post(f"{one}/messages", {"text": "您好", "sender": "agent", "sender_id": "agent_1"})
    assert answered.status_code == 201, answered.text
    assert answered.json()["data"]["response_seconds"] >= 0
    assert api.post(f"{one}/messages", {"text": "多少钱?", "sender": "customer"}).status_code == 201
    texts = [message["text"] for message in api.get(f"{one}/messages?order=asc").json()["data"]["items"]]
    assert texts == ["你好，我想咨询产品", "您好", "多少钱?"]

    shown = api.get(one)
    tag = shown.headers["ETag"]
    assert shown.json()["data"]["message_count"] == shown.json()["data"]["version"] == 3
    assert api.get(one, headers={"If-None-Match": tag}).status_code == 304
    closed = api.request("PATCH", one, json={"status": "closed", "satisfaction": 5}, headers={"If-Match": tag})
    assert (closed.status_code, closed.json()["data"]["status"]) == (200, "closed")
    late = api.request("PATCH", one, json={"status": "active"}, headers={"If-Match": tag})
    assert (late.status_code, late.json()["code"]) == (412, 412)
    assert api.post(f"{one}/messages", {"text": "在吗", "sender": "agent"}).status_code == 422

    expected = ["closed", "created", "message", "message", "message", "updated"]
    eventually(lambda: _heard(inbox) == [f"conversation.{name}" for name in expected], "every event of it")
    for request in inbox.received:
        verify_document_3(request, secret)
        assert request.event["data"]["conversation_id"] == made["id"]
    (ending,) = [one.event["data"] for one in inbox.received if one.event["type"] == "conversation.closed"]
    assert (ending["satisfaction"], ending["version"], ending["waiting_since"]) == (5, 4, None)


def test_every_filter_on_the_deployed_indexes(api: Client) -> None:
    made = _create(api)
    other = _create(api, user_id="user_456", channel="app")
    api.request("PATCH", f"{CONVERSATIONS}/{other['id']}", json={"status": "closed", "assignee_id": "agent_1"})
    for query, wanted in (
        ("", [other, made]),
        ("status=active", [made]),
        ("status=closed", [other]),
        ("channel=web", [made]),
        ("channel=app&status=closed", [other]),
        ("channel=app&status=active", []),
        ("user_id=user_456", [other]),
        ("user_id=user_456&channel=web", []),
        ("assignee_id=agent_1", [other]),
        ("assignee_id=agent_2", []),
        ("start_time=2024-01-01T10:00:00Z", [other, made]),
        ("end_time=2024-01-01T10:00:00Z", []),
        (f"status=active&start_time={made['created_at']}", [made]),
    ):
        found = [row["id"] for row in _listed(api, query)]
        assert found == [row["id"] for row in wanted], query
    first = api.get(f"{CONVERSATIONS}?user_id=user_456&limit=1&cursor=").json()["data"]
    assert ([row["id"] for row in first["items"]], first["next_cursor"]) == ([other["id"]], None)


def _receive(stack: RunningStack, tenant: str, message_id: str, text: str) -> None:
    data = {
        "integration_id": "int_e2e",
        "platform": "whatsapp",
        "contact": {"id": "+8613800138000", "name": "张三"},
        "message_id": message_id,
        "type": "text",
        "text": text,
        "attachments": [],
        "timestamp": times.iso_ms(times.now_ms()),
    }
    detail = {
        "id": ids.new("evt"),
        "type": "message.received",
        "timestamp": data["timestamp"],
        "tenant": tenant,
        "requestId": "req_inbound",
        "data": data,
    }
    entry: Any = {
        "EventBusName": stack.outputs["EventBusName"],
        "Source": "hub.messaging",
        "DetailType": "message.received",
        "Detail": json.dumps(detail, ensure_ascii=False),
    }
    # Twice, as the bus may.
    assert stack.bus.put_events(Entries=[entry, entry])["FailedEntryCount"] == 0


def test_what_messaging_receives_opens_a_conversation_and_is_answered(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    inbox, dead = receiver(), stack.waiting("SupportInboundDeadLetterQueue")
    api.new_webhook(inbox.url, "conversation.message")
    _receive(stack, api.tenant, "wamid.1", "你好")
    (made,) = eventually(lambda: _listed(api, "channel=whatsapp"), "the conversation")
    assert (made["user_id"], made["contact"]["name"], made["status"]) == ("+8613800138000", "张三", "active")
    one = f"{CONVERSATIONS}/{made['id']}"
    answered = api.post(f"{one}/messages", {"text": "您好", "sender": "agent"})
    assert answered.json()["data"]["response_seconds"] is not None
    _receive(stack, api.tenant, "wamid.2", "谢谢")
    eventually(lambda: api.get(one).json()["data"]["message_count"] == 3, "the second message")

    # Ended, the next message is another matter.
    api.request("PATCH", one, json={"status": "closed"})
    _receive(stack, api.tenant, "wamid.3", "还有一个问题")
    eventually(lambda: len(_listed(api)) == 2, "another conversation")
    eventually(lambda: stack.waiting("SupportInboundQueue") == 0, "the duplicates are done with")
    assert [(row["status"], row["message_count"]) for row in _listed(api)] == [("active", 1), ("closed", 3)]
    eventually(lambda: len(inbox.received) == 4, "the event of every message, once")
    replies = [one.event["data"]["reply_to"] for one in inbox.received if one.event["data"]["reply_to"]]
    assert replies == [{"integration_id": "int_e2e", "platform": "whatsapp", "contact_id": "+8613800138000"}]
    assert stack.waiting("SupportInboundDeadLetterQueue") == dead


def test_what_is_no_message_lies_among_the_dead_letters(stack: RunningStack, api: Client) -> None:
    before = stack.waiting("SupportInboundDeadLetterQueue")
    detail = {"id": ids.new("evt"), "type": "message.received", "tenant": api.tenant, "requestId": "r", "data": {}}
    queue = stack.physical_ids["SupportInboundQueue"]
    # Its visibility time, at which it would come again, is minutes: each failure is made visible at once.
    stack.queues.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    try:
        stack.queues.send_message(QueueUrl=queue, MessageBody=json.dumps({"detail": detail}))
        eventually(lambda: stack.waiting("SupportInboundDeadLetterQueue") > before, "the dead letter", seconds=60)
    finally:
        stack.queues.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "180"})
    assert _listed(api) == []
