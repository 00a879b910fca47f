"""The functions of messaging may do exactly what they do (as `tests/unit/test_permissions.py` has it)."""

import json

import pytest

from functions.messaging.contacts import runs
from functions.messaging.contacts import store as store_of_contacts
from functions.messaging.contacts.store import StoredContact
from functions.messaging.messages import service, store
from tests.conftest import Deployment
from tests.contract.connectors.fakes import Fake, told
from tests.contract.messaging import became, connect, moved, wechat_query, wrote
from tests.unit.granting import Work, granted
from tests.unit.samples import sample


def test_messaging(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(Deployment("default", tenant), "telegram")
    work = Work("MessagingFunction", tenant, monkeypatch)
    body = {"to": "42", "from": "a", "content": "a"}
    messages = "/third-party/{platform}/messages"
    made = work.request(f"POST {messages}", body, platform="telegram")["id"]
    assert work.request(f"GET {messages}/{{message_id}}/status", platform="telegram", message_id=made) == "pending"
    assert work.request(f"GET {messages}/{{message_id}}", platform="telegram", message_id=made)["id"] == made
    for query in ({}, {"status": "pending"}):
        listed = work.run(work.event(f"GET {messages}", platform="telegram") | {"queryStringParameters": query})
        assert len(json.loads(listed["body"])) == 1
    assert work.request("GET /third-party/{platform}/received", platform="telegram") == []
    assert work.run(work.event(f"POST {messages}", body, platform="signal"))["statusCode"] == 422
    assert work.used == granted("MessagingFunction")


def test_messaging_callbacks(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = Deployment("default", tenant)
    work = Work("MessagingCallbacksFunction", tenant, monkeypatch)
    route = "/third-party/{platform}/callback/{integration_id}"
    bot, account = connect(caller, "telegram"), connect(caller, "wechat")
    told = wrote("telegram", "a")
    event = work.event(f"POST {route}", platform="telegram", integration_id=bot)
    answer = work.run(event | {"headers": told.headers, "body": told.body.decode()})
    assert answer["statusCode"] == 200
    query = "&".join(f"{name}={value}" for name, value in {**wechat_query(), "echostr": "7"}.items())
    event = work.event(f"GET {route}", platform="wechat", integration_id=account)
    assert work.run(event | {"rawQueryString": query})["body"] == "7"
    assert work.used == granted("MessagingCallbacksFunction")


def test_messaging_heard(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.contract.messaging import queued, tell

    caller = Deployment("default", tenant)
    number = connect(caller, "whatsapp")
    made = caller.call("POST", "/third-party/whatsapp/messages", {"to": "+1", "from": "a", "content": "a"}).json["id"]
    store.name_at_provider("default", store.get("default", "whatsapp", made), ["wamid.1"])
    for callback in (
        wrote("whatsapp", "a"),
        became("whatsapp", "wamid.1", "read"),
        became("whatsapp", "wamid.2", "read"),
    ):
        tell(caller, "whatsapp", number, callback)
    bot = connect(caller, "telegram")
    for callback in (wrote("telegram", "a", person="42"), moved(42, -100123)):
        tell(caller, "telegram", bot, callback)
    bodies = queued()
    work = Work("MessagingHeardFunction", tenant, monkeypatch)
    assert work.batch(*bodies) == {"batchItemFailures": []}
    assert service.status("default", "whatsapp", made) == "read"
    assert work.used == granted("MessagingHeardFunction")


def test_messaging_contacts(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(Deployment("default", tenant), "whatsapp")
    work = Work("MessagingContactsFunction", tenant, monkeypatch)
    contacts = "/third-party/{platform}/contacts"
    for user in ("a", "b"):
        store_of_contacts.put_many("default", "whatsapp", user, [StoredContact("gone", "a", None, 1)])
        assert work.request(f"POST {contacts}/sync", {"userId": user}, platform="whatsapp") == []
    for query in ({"userId": "a"}, {"userId": "a", "platformUserId": "b"}):
        event = work.event(f"GET {contacts}", platform="whatsapp") | {"queryStringParameters": query}
        assert work.run(event)["statusCode"] == 200
    assert work.run(work.event(f"POST {contacts}/sync", {"userId": "a"}, platform="telegram"))["statusCode"] == 422
    # Which goes on in the background.
    monkeypatch.setattr("functions.messaging.contacts.service.SECONDS", 0)
    assert work.request(f"POST {contacts}/sync", {"userId": "a"}, platform="whatsapp") == []
    with Fake(told([{"number": "+49"}])) as fake:
        connect(Deployment("default", tenant), "signal", base_url=fake.url)
        monkeypatch.undo()
        other = Work("MessagingContactsFunction", tenant, monkeypatch)
        assert len(other.request(f"POST {contacts}/sync", {"userId": "a"}, platform="signal")) == 1
    assert work.used | other.used == granted("MessagingContactsFunction")


def test_contact_sync(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Fake(told([{"number": "+49"}])) as fake:
        connect(Deployment("default", tenant), "signal", base_url=fake.url)
        begun = runs.begin("default", "signal", "a", "req_1")
        work = Work("ContactSyncFunction", tenant, monkeypatch)
        assert work.run(runs.state("default", begun))["status"] == "succeeded"
    assert work.used == granted("ContactSyncFunction")


def test_messaging_replies(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("MessagingRepliesFunction", tenant, monkeypatch)
    for _ in range(2):
        assert work.run(sample("MessagingRepliesFunction")) == {"batchItemFailures": []}
    assert work.used == granted("MessagingRepliesFunction")
