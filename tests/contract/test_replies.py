"""What somebody writes comes to the support desk, and what an agent answers goes out to them, once."""

import json
from typing import Any

import pytest

from functions.messaging import replies, send
from functions.support import inbound
from tests.conftest import Deployment
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.contract.messaging import CONTEXT, connect, hear, moved, tell, wrote

TAKEN = told({"ok": True, "result": {"message_id": 7, "chat": {"id": 16505551234}}})
MESSAGES = "/third-party/telegram/messages"


def batch(bodies: list[Any]) -> dict[str, Any]:
    records = [
        {"messageId": str(place), "body": one if isinstance(one, str) else json.dumps(one)}
        for place, one in enumerate(bodies)
    ]
    return {"Records": records}


def conversation(deployment: Deployment, integration: str) -> str:
    """The conversation that a message from Telegram opens."""
    tell(deployment, "telegram", integration, wrote("telegram", "您好"))
    assert hear() == []
    received = [one for one in memory.published() if one["detail-type"] == "message.received"]
    assert inbound.handler(batch(received), CONTEXT) == {"batchItemFailures": []}
    (found,) = deployment.call("GET", "/v1/conversations").json["data"]["items"]
    return str(found["id"])


def answer(deployment: Deployment, conversation_id: str, **message: Any) -> list[str]:
    """An agent's answer; what MessagingRepliesQueue gets of it."""
    body = {"sender": "agent", "sender_id": "agent_1", **message}
    path = f"/v1/conversations/{conversation_id}/messages"
    answered = deployment.call("POST", path, body)
    assert answered.status in (200, 201), answered.text
    memory.published()
    return memory.received("MessagingRepliesQueue")


def reply(bodies: list[Any]) -> list[str]:
    return [one["itemIdentifier"] for one in replies.handler(batch(bodies), CONTEXT)["batchItemFailures"]]


def sent() -> None:
    """Run the sender over what is queued for Telegram."""
    memory.published()
    assert send.handler(batch(list(memory.received("TelegramMessagesQueue"))), CONTEXT) == {"batchItemFailures": []}


def test_an_agents_answer_goes_out_once_however_often_it_is_told(deployment: Deployment) -> None:
    with Fake(TAKEN) as telegram:
        integration = connect(deployment, "telegram", base_url=telegram.url)
        opened = conversation(deployment, integration)
        queued = answer(deployment, opened, text="请问需要什么帮助？")
        assert reply(queued) == reply(queued) == []
        sent()
        (asked,) = telegram.asked
    assert asked.json == {"chat_id": "16505551234", "text": "请问需要什么帮助？"}
    (message,) = deployment.call("GET", MESSAGES).json
    assert (message["status"], message["to"], message["from"]) == ("sent", "16505551234", integration)
    assert message["metadata"]["conversationId"] == opened
    assert message["metadata"]["messageId"].startswith("msg_")


def test_files_go_out_as_messages_of_their_own(deployment: Deployment) -> None:
    with Fake(TAKEN, TAKEN, TAKEN) as telegram:
        integration = connect(deployment, "telegram", base_url=telegram.url)
        opened = conversation(deployment, integration)
        files = [
            {"url": "https://example.com/a.png", "name": "a.png", "type": "image/png"},
            {"url": "https://example.com/b.mp4", "name": "b.mp4"},
            {"url": "https://example.com/c", "name": "c", "type": "application/pdf"},
        ]
        assert reply(answer(deployment, opened, attachments=files)) == []
    made = deployment.call("GET", MESSAGES).json
    assert sorted((one["type"], one["media"]["name"]) for one in made) == [
        ("file", "c"),
        ("image", "a.png"),
        ("video", "b.mp4"),
    ]


def test_what_is_no_answer_to_a_contact_is_not_queued(deployment: Deployment) -> None:
    integration = connect(deployment, "telegram")
    opened = conversation(deployment, integration)
    own = deployment.call("POST", "/v1/conversations", {"user_id": "user_1", "channel": "web"}).json["data"]["id"]
    assert answer(deployment, own, text="没有联系人") == []
    customer = {"sender": "customer", "text": "还在吗"}
    deployment.call("POST", f"/v1/conversations/{opened}/messages", customer)
    memory.published()
    assert memory.received("MessagingRepliesQueue") == []


@pytest.mark.parametrize("change", ["deleted", "inactive"])
def test_an_answer_over_a_connection_that_is_gone_or_off_fails_for_all_to_see(
    deployment: Deployment, change: str
) -> None:
    integration = connect(deployment, "telegram")
    opened = conversation(deployment, integration)
    if change == "deleted":
        deployment.call("DELETE", f"/v1/integrations/{integration}")
    else:
        deployment.call("PUT", f"/v1/integrations/{integration}", {"status": "inactive"})
    assert reply(answer(deployment, opened, text="在")) == []
    sent()
    (message,) = deployment.call("GET", f"{MESSAGES}?status=failed").json
    code = {"deleted": "no_connection", "inactive": "connection_inactive"}[change]
    assert (message["content"], message["error"]["code"]) == ("在", code)
    told = [one["detail"]["data"] for one in memory.published() if one["detail-type"] == "message.status"]
    assert [(one["status"], one["metadata"]["conversationId"]) for one in told] == [("failed", opened)]


def inform(kinds: tuple[str, ...] = ("message.sent", "message.status", "contact.moved")) -> list[str]:
    """Have the support desk hear what messaging has told."""
    told = [one for one in memory.published() if one["detail-type"] in kinds]
    answered = inbound.handler(batch(told), CONTEXT)
    return [one["itemIdentifier"] for one in answered["batchItemFailures"]]


def test_an_answer_shows_in_its_conversation_what_became_of_it(deployment: Deployment) -> None:
    refused = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}
    with Fake(TAKEN, told(refused, 403)) as telegram:
        integration = connect(deployment, "telegram", base_url=telegram.url)
        opened = conversation(deployment, integration)
        for text in ("在", "还在吗"):
            assert reply(answer(deployment, opened, text=text)) == []
            sent()
            assert inform() == []
    shown = deployment.call("GET", f"/v1/conversations/{opened}/messages").json["data"]["items"]
    failed = {"status": "failed", "error": {"code": "403", "message": refused["description"]}}
    assert [one["delivery"] for one in shown] == [failed, {"status": "sent", "error": None}, None]


def test_what_failed_of_an_answer_is_sent_again_and_nothing_else(deployment: Deployment) -> None:
    refused = told({"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}, 403)
    with Fake(refused, TAKEN, refused, TAKEN) as telegram:
        integration = connect(deployment, "telegram", base_url=telegram.url)
        opened = conversation(deployment, integration)
        path = f"/v1/conversations/{opened}/messages"
        files = [{"url": "https://example.com/a.png", "name": "a.png", "type": "image/png"}]
        assert reply(answer(deployment, opened, text="在", attachments=files)) == []
        sent()
        assert inform() == []
        [message, _] = deployment.call("GET", path).json["data"]["items"]
        assert message["delivery"]["status"] == "failed"
        for seen in ("failed", "sent"):
            again = deployment.call("POST", f"{path}/{message['id']}/retry")
            assert again.status == 200, again.text
            assert again.json["data"] == message | {"delivery": {"status": "pending", "error": None}}
            assert again.json["data"] == deployment.call("GET", path).json["data"]["items"][0]
            memory.published()
            queued = memory.received("MessagingRepliesQueue")
            assert reply(queued) == reply(queued) == []
            sent()
            # What was told of those that failed may come once more.
            assert inform() == inform() == []
            assert deployment.call("GET", path).json["data"]["items"][0]["delivery"]["status"] == seen
    assert len({(asked.path, asked.body) for asked in telegram.asked}) == 2
    assert len(telegram.asked) == 4
    (refusal,) = {deployment.call("POST", f"{path}/{message['id']}/retry").status for _ in range(2)}
    assert refusal == 422


def test_what_has_not_failed_is_not_sent_again(deployment: Deployment, other_tenant: Deployment) -> None:
    integration = connect(deployment, "telegram")
    opened = conversation(deployment, integration)
    path = f"/v1/conversations/{opened}/messages"
    answer(deployment, opened, text="在")
    answered, customers = deployment.call("GET", path).json["data"]["items"]
    for message in (answered, customers):
        refused = deployment.call("POST", f"{path}/{message['id']}/retry")
        assert (refused.status, refused.json["message"]) == (422, "消息没有发送失败,无需重发")
    english = deployment.call("POST", f"{path}/{answered['id']}/retry", headers={"accept-language": "en"})
    assert english.json["message"] == "The message has not failed: there is nothing to send again"
    for caller, missing in ((deployment, f"{path}/msg_1/retry"), (other_tenant, f"{path}/{answered['id']}/retry")):
        assert caller.call("POST", missing).status == 404
    assert deployment.call("POST", "/v1/conversations/conv_1/messages/msg_1/retry").status == 404


def test_a_closed_conversation_sends_nothing_again(deployment: Deployment) -> None:
    integration = connect(deployment, "telegram")
    opened = conversation(deployment, integration)
    assert reply(answer(deployment, opened, text="在")) == []
    deployment.call("DELETE", f"/v1/integrations/{integration}")
    sent()
    assert inform() == []
    deployment.call("PATCH", f"/v1/conversations/{opened}", {"status": "closed"})
    [message, _] = deployment.call("GET", f"/v1/conversations/{opened}/messages").json["data"]["items"]
    refused = deployment.call("POST", f"/v1/conversations/{opened}/messages/{message['id']}/retry")
    assert (refused.status, refused.json["message"]) == (422, "对话已关闭,客服需先重新打开")


@pytest.mark.parametrize("noticed", ["heard", "sent"])
def test_a_group_that_became_a_supergroup_keeps_its_conversation(deployment: Deployment, noticed: str) -> None:
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    body = {"ok": False, "error_code": 400, "description": words, "parameters": {"migrate_to_chat_id": -100123}}
    with Fake(*[told(body, 400)] * (noticed == "sent"), TAKEN, TAKEN) as telegram:
        integration = connect(deployment, "telegram", base_url=telegram.url)
        opened = conversation(deployment, integration)
        if noticed == "heard":
            tell(deployment, "telegram", integration, moved(16505551234, -100123))
            assert hear() == []
            assert inform() == []
        for text in ("在", "还在"):
            assert reply(answer(deployment, opened, text=text)) == []
            sent()
            assert inform() == []
        former = ["16505551234"] * (noticed == "sent")
        assert [asked.json["chat_id"] for asked in telegram.asked] == [*former, "-100123", "-100123"]
    tell(deployment, "telegram", integration, wrote("telegram", "谢谢", number=2, person="-100123"))
    assert hear() == []
    assert inform(("message.received",)) == []
    (found,) = deployment.call("GET", "/v1/conversations").json["data"]["items"]
    assert (found["id"], found["contact"]["id"]) == (opened, "-100123")
    asked = {"userId": "user_1"}
    (contact,) = deployment.call("POST", "/third-party/telegram/contacts/sync", asked).json
    assert contact["platformUserId"] == "-100123"


def test_what_was_not_agreed_is_put_aside_alone(deployment: Deployment) -> None:
    integration = connect(deployment, "telegram")
    (good,) = (json.loads(one) for one in answer(deployment, conversation(deployment, integration), text="好"))
    data = good["detail"]["data"]
    broken = [
        {**good, "detail": {**good["detail"], "data": {**data, **change}}}
        for change in (
            {"reply_to": {**data["reply_to"], "platform": "line"}},
            {"reply_to": None},
            {"message_id": "msg_1"},
            {"text": None},
        )
    ]
    assert sorted(reply(["{", *broken, good])) == ["0", "1", "2", "3", "4"]
    assert len(deployment.call("GET", MESSAGES).json) == 1
