"""The samples of what platforms tell us (as `tests/unit/test_samples.py` has it)."""

import json

import pytest

from functions.messaging.contacts import people, runs, store
from functions.messaging.messages import service
from functions.messaging.messages.models import ListParameters, MessageParameters
from functions.messaging.received import service as received
from hub import ids
from tests.contract import memory
from tests.unit.samples import connect, invoke, sample

pytestmark = pytest.mark.usefixtures("aws")


def test_messaging_callbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    event = sample("MessagingCallbacksFunction")
    secret = event["headers"]["x-telegram-bot-api-secret-token"]
    named = event["pathParameters"]["integration_id"]
    new = ids.new
    monkeypatch.setattr(ids, "new", lambda prefix, at=None: named if prefix == "int" else new(prefix, at))
    connect("telegram", bot_token="110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", webhook_secret=secret)
    answer = invoke("MessagingCallbacksFunction")
    assert (answer["statusCode"], answer["body"]) == (200, "")
    (queued,) = (json.loads(body) for body in memory.received("MessagingHeardQueue"))
    assert (queued["connection_id"], queued["message"]["text"]) == (named, "您好")


def test_messaging_heard() -> None:
    assert invoke("MessagingHeardFunction") == invoke("MessagingHeardFunction") == {"batchItemFailures": []}
    (kept,) = received.listed("default", "whatsapp", ListParameters()).items
    assert (kept["from"], kept["content"]) == ("+8613800138000", "你好，我想咨询产品")


def test_messaging_replies() -> None:
    assert invoke("MessagingRepliesFunction") == invoke("MessagingRepliesFunction") == {"batchItemFailures": []}
    (made,) = service.listed("default", "whatsapp", MessageParameters()).items
    assert (made["to"], made["content"], made["status"]) == ("+8613800138000", "您好，请问需要什么帮助？", "pending")


@pytest.fixture
def somebody(aws: None) -> None:
    """A WhatsApp number that somebody wrote to."""
    number = connect("whatsapp", phone_number_id="106540352242922", access_token="EAAJB-whatsapp-access-token")
    people.remember("default", number, "+8613800138000", "张三", "https://example.com/avatar.jpg")


@pytest.mark.usefixtures("aws", "sample_key", "somebody")
def test_messaging_contacts() -> None:
    answer = invoke("MessagingContactsFunction")
    assert answer["statusCode"] == 200, answer["body"]
    (found,) = json.loads(answer["body"])
    assert (found["platformUserId"], found["name"], found["userId"]) == ("+8613800138000", "张三", "user-uuid")


@pytest.mark.usefixtures("aws", "somebody")
def test_contact_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "new", lambda *_: sample("ContactSyncFunction")["id"])
    runs.begin("default", "whatsapp", "user-uuid", "req_sample")
    assert invoke("ContactSyncFunction") == {"status": "succeeded", "wait_seconds": 0, "number": 1}
    assert invoke("ContactSyncFunction")["status"] == "succeeded", "the step is repeated"
    found = store.get("default", "whatsapp", "user-uuid", "+8613800138000")
    assert found is not None
    assert found.avatar == "https://example.com/avatar.jpg"
