"""Each function may do exactly what it does: the calls of a whole round of its work are the actions of its policy.

The emulator enforces no IAM, so a permission that is missing would first be missed on AWS.
"""

import json
import re
import secrets as random
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.contract.conversations import failed_answer
from tests.contract.memory import TEMPLATE
from tests.contract.sign_in_server import App, Browser, Pkce, Server
from tests.unit.granting import Work, granted

NEW_APP = {"name": "a", "redirect_uris": ["https://myapp.com/callback"], "scopes": ["read", "write"]}


pytestmark = pytest.mark.usefixtures("server")


def add_webhook(url: str = "http://127.0.0.1:1/") -> str:
    from functions.webhooks import service
    from functions.webhooks.models import NewWebhook
    from hub.events import Caller

    wanted = NewWebhook(url=url, events=["*"], headers={"X-Token": "secret"})
    return service.create(Caller("default", "enterprise", "operator", "req"), wanted)["id"]


def fail_for_days(webhook_id: str, days: float) -> None:
    """Have an endpoint have done nothing but fail for so long."""
    from functions.webhooks import endpoints
    from hub import times

    endpoints.change("default", webhook_id, failing_since=times.now_ms() - round(days * 86_400_000))


def answering(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """Have every receiver answer so."""
    from hub import outbound

    monkeypatch.setattr(outbound, "send", lambda *_, **__: outbound.Response(status, {}, b"", 1))


def new_delivery(webhook_id: str) -> Any:
    from functions.webhooks import delivery
    from hub import events

    event = events.event("api_key.created", events.Caller("default", "enterprise", "operator", "req"), {"name": "键"})
    return delivery.new("default", webhook_id, event)


def test_api_keys(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("ApiKeysFunction", tenant, monkeypatch)
    key = work.request("POST /v1/api-keys", {"name": "a", "permissions": ["read"]})["id"]
    work.request("GET /v1/api-keys")
    work.request("GET /v1/api-keys/{api_key_id}", api_key_id=key)
    work.request("PUT /v1/api-keys/{api_key_id}", {"name": "b"}, api_key_id=key)
    work.request("GET /v1/api-keys/{api_key_id}/usage", api_key_id=key)
    work.request("POST /v1/api-keys/{api_key_id}/rotate", {}, api_key_id=key)
    work.request("DELETE /v1/api-keys/{api_key_id}", api_key_id=key)
    assert work.used == granted("ApiKeysFunction")


def granted_token(server: Server, app: App) -> str:
    """A token that a user allowed an application."""
    code = Browser(server).code(app.url(), server.user())
    return str(app.exchange(code).json()["access_token"])


def test_oauth_apps(tenant: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("OAuthAppsFunction", tenant, monkeypatch)
    made = work.request("POST /v1/oauth/apps", NEW_APP)
    app = App(server, made)
    granted_token(server, app)
    granted_token(server, app)
    work.request("GET /v1/oauth/apps")
    work.request("GET /v1/oauth/apps/{app_id}", app_id=app.id)
    work.request("PUT /v1/oauth/apps/{app_id}", {"name": "b"}, app_id=app.id)
    work.request("POST /v1/oauth/apps/{app_id}/rotate-secret", {}, app_id=app.id)
    grant, _ = work.request("GET /v1/oauth/grants")["data"]
    work.request("DELETE /v1/oauth/grants/{grant_id}", grant_id=grant["id"])
    work.request("DELETE /v1/oauth/apps/{app_id}", app_id=app.id)
    assert work.used == granted("OAuthAppsFunction")


def test_oauth_token(tenant: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("OAuthTokenFunction", tenant, monkeypatch)
    app, pkce = server.app(), Pkce()
    code = Browser(server).code(app.url(**pkce.asked), server.user())
    work.watch(server, monkeypatch)
    given = app.exchange(code, code_verifier=pkce.verifier).json()
    app.introspect(given["access_token"])
    refreshed = app.refresh(given["refresh_token"]).json()
    assert app.refresh(given["refresh_token"]).json() == refreshed, "answered again from what was sealed"
    assert app.exchange(code, code_verifier=pkce.verifier).status == 400
    assert app.revoke(refreshed["access_token"]).status == 200
    assert app.token(grant_type="client_credentials").status == 200
    assert app.token(grant_type="client_credentials", client_secret="wrong").status == 401
    for document in ("oauth-authorization-server", "jwks.json"):
        assert server.request("GET", f"/.well-known/{document}").status == 200
    assert work.used == granted("OAuthTokenFunction")


def test_oauth_pages(tenant: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.passwords.needs_rehash", lambda _: True)
    work = Work("OAuthPagesFunction", tenant, monkeypatch)
    app, browser, user = server.app(), Browser(server), server.user()
    work.watch(server, monkeypatch)
    browser.code(app.url(), user)
    browser.get(app.url())
    csrf = next(value for name, value in browser.cookies.items() if "csrf" in name)
    assert browser.post(app.url(), {"csrf": csrf, "action": "sign_out"}).status == 303
    asked = server.request("GET", app.url(), token=tenant, headers={"accept": "application/json"})
    assert "authorization_url" in asked.json()
    assert work.used == granted("OAuthPagesFunction")


def test_login(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.passwords.needs_rehash", lambda _: True)
    made = server.request("POST", "/api/auth/login", body={"password": server.password}).json()
    work = Work("LoginFunction", made["token"], monkeypatch)
    work.watch(server, monkeypatch)
    # Without an email the tenant's first administrator is looked for.
    assert server.request("POST", "/api/auth/login", body={"password": server.password}).status == 200
    assert server.request("POST", "/api/auth/verify", body={"token": made["token"]}).json()["valid"]
    Browser(server).code(server.app().url(), server.admin)
    changed = {"old_password": server.password, "new_password": random.token_urlsafe(12)}
    event = work.event("POST /api/auth/change-password", changed)
    assert work.run(event)["statusCode"] == 200
    again = server.request("POST", "/api/auth/login", body={"password": changed["new_password"]}).json()
    event["headers"]["authorization"] = f"Bearer {again['token']}"
    assert work.run(event)["headers"]["Idempotency-Replayed"] == "true"
    assert work.used == granted("LoginFunction")


def test_users(tenant: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("UsersFunction", tenant, monkeypatch)
    body = {"email": "one@example.com", "name": "a", "role": "admin", "password": random.token_urlsafe(12)}
    user = work.request("POST /v1/users", body)["data"]["id"]
    listed = work.run(work.event("GET /v1/users") | {"queryStringParameters": {"pageSize": "1"}})
    assert listed["statusCode"] == 200
    work.request("GET /v1/users/{user_id}", user_id=user)
    work.request("PUT /v1/users/{user_id}", {"email": "two@example.com"}, user_id=user)
    work.request("PATCH /v1/users/{user_id}", {"role": "member"}, user_id=user)
    member = server.user()
    Browser(server).code(server.app().url(), member)
    work.request("DELETE /v1/users/{user_id}", user_id=member.id)
    assert work.used == granted("UsersFunction")


def test_conversations(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("ConversationsFunction", tenant, monkeypatch)
    body = {"user_id": "user_1", "channel": "web", "initial_message": "a"}
    made, _ = (work.request("POST /v1/conversations", body)["data"]["id"] for _ in range(2))
    work.request("PATCH /v1/conversations/{conversation_id}", {"assignee_id": "agent_1"}, conversation_id=made)
    for name, value in (
        ("page", "1"),
        ("status", "active"),
        ("channel", "web"),
        ("user_id", "user_1"),
        ("assignee_id", "agent_1"),
    ):
        event = work.event("GET /v1/conversations") | {"queryStringParameters": {"limit": "1", name: value}}
        assert len(json.loads(work.run(event)["body"])["data"]["items"]) == 1
    work.request("GET /v1/conversations/{conversation_id}", conversation_id=made)
    message = {"sender": "agent", "text": "b"}
    work.request("POST /v1/conversations/{conversation_id}/messages", message, conversation_id=made)
    work.request("GET /v1/conversations/{conversation_id}/messages", conversation_id=made)
    retry = "POST /v1/conversations/{conversation_id}/messages/{message_id}/retry"
    work.request(retry, conversation_id=made, message_id=failed_answer("default", made))
    work.request("PATCH /v1/conversations/{conversation_id}", {"status": "closed"}, conversation_id=made)
    refused = work.run(work.event("POST /v1/conversations/{conversation_id}/messages", message, conversation_id=made))
    assert refused["statusCode"] == 422
    assert work.used == granted("ConversationsFunction")


def test_support_inbound(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("SupportInboundFunction", tenant, monkeypatch)
    sample = json.loads((Path(__file__).parents[2] / "events" / "support-inbound.json").read_text())
    (message,) = (json.loads(record["body"]) for record in sample["Records"])
    message["detail"]["data"]["message_id"] = "another"
    told = message["detail"]["data"]
    moved = {"integration_id": told["integration_id"], "contact_id": told["contact"]["id"], "new_contact_id": "+1"}
    metadata = {"conversationId": f"conv_{'0' * 26}", "messageId": f"msg_{'0' * 26}"}
    sent = {"message_id": f"msg_{'0' * 25}1", "status": "sent", "error": None, "metadata": metadata}
    others = [
        {"detail": {**message["detail"], "type": kind, "data": data}}
        for kind, data in (("contact.moved", moved), ("message.sent", sent))
    ]
    assert work.run(sample) == work.batch(message) == work.batch(message, *others) == {"batchItemFailures": []}
    assert work.used == granted("SupportInboundFunction")


def test_totals(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("TotalsFunction", tenant, monkeypatch)
    sample = json.loads((Path(__file__).parents[2] / "events" / "totals.json").read_text())
    assert work.run(sample) == {"batchItemFailures": []}
    assert work.used == granted("TotalsFunction")


def test_support_statistics(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("SupportStatisticsFunction", tenant, monkeypatch)
    sample = json.loads((Path(__file__).parents[2] / "events" / "support-statistics.json").read_text())
    assert work.run(sample) == {"batchItemFailures": []}
    assert work.used == granted("SupportStatisticsFunction")


def test_statistics(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("StatisticsFunction", tenant, monkeypatch)
    work.request("GET /v1/statistics")
    assert work.used == granted("StatisticsFunction")


def test_audit_log(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("AuditLogFunction", tenant, monkeypatch)
    work.request("GET /v1/audit-log")
    assert work.used == granted("AuditLogFunction")


def just_now() -> str:
    from hub import times

    return times.iso(times.now() - 60)


def test_webhooks(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.webhooks import delivery, endpoints, log, replays

    work = Work("WebhooksFunction", tenant, monkeypatch)
    body = {"url": "http://127.0.0.1:1/", "events": ["*"], "headers": {"X-Token": "secret"}}
    webhook = work.request("POST /v1/webhooks", body)["data"]["id"]
    work.request("GET /v1/webhooks")
    work.request("GET /v1/webhooks/{webhook_id}", webhook_id=webhook)
    work.request("PUT /v1/webhooks/{webhook_id}", {"headers": {"X-Token": "***"}}, webhook_id=webhook)
    work.request("PATCH /v1/webhooks/{webhook_id}", {"secret": "whsec_new_one"}, webhook_id=webhook)
    work.request("POST /v1/webhooks/{webhook_id}/rotate-secret", {"secret": "whsec_newer"}, webhook_id=webhook)
    work.request("POST /v1/webhooks/{webhook_id}/test", {}, webhook_id=webhook)
    work.request("GET /v1/webhooks/{webhook_id}/logs", webhook_id=webhook)
    work.request("GET /v1/webhooks/{webhook_id}/stats", webhook_id=webhook)
    missed, other = (delivery.unsent(new_delivery(webhook), delivery.INACTIVE) for _ in range(2))
    log.put([missed, other])
    work.request("POST /v1/webhooks/{webhook_id}/retry", {"log_ids": [missed.id]}, webhook_id=webhook)
    endpoints.change("default", webhook, slow=False)
    work.request("POST /v1/webhooks/{webhook_id}/retry", {}, webhook_id=webhook)
    for active in (False, True):
        work.request("PUT /v1/webhooks/{webhook_id}", {"active": active}, webhook_id=webhook)
    for _ in range(2):
        replay = work.request("POST /v1/webhooks/{webhook_id}/replay", {"since": just_now()}, webhook_id=webhook)
        replay_id = replay["data"]["replay_id"]
        work.request("GET /v1/webhooks/{webhook_id}/replays/{replay_id}", webhook_id=webhook, replay_id=replay_id)
        # With another one before it, a replay is written together with that.
        replays.end("default", webhook, replay_id, 0, "succeeded")
    work.request("DELETE /v1/webhooks/{webhook_id}", webhook_id=webhook)
    gone = work.run(work.event("POST /v1/webhooks/{webhook_id}/test", {}, webhook_id=webhook))
    assert gone["statusCode"] == 404
    assert work.used == granted("WebhooksFunction")


def new_message(url: str = "http://127.0.0.1:1/") -> str:
    from functions.integrations import service as integrations
    from functions.integrations.models import NewIntegration
    from functions.messaging.messages import service
    from functions.messaging.messages.models import NewThirdPartyMessage
    from hub.events import Caller

    caller = Caller("default", "enterprise", "operator", "req")
    config = {"bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "base_url": url}
    integrations.create(caller, NewIntegration(name="a", service_type="telegram", config=config))
    wanted = NewThirdPartyMessage.model_validate({"to": "42", "from": "a", "content": "a"})
    return service.create(caller, "telegram", wanted)["id"]


SENT_BY_TELEGRAM = {"ok": True, "result": {"message_id": 7, "chat": {"id": 42}}}
MOVED = {"ok": False, "error_code": 400, "description": "", "parameters": {"migrate_to_chat_id": -10042}}
SLOW_DOWN = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 0}}


def test_messaging_send(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.messaging.contacts import people
    from functions.messaging.messages import store
    from functions.messaging.platforms import PLATFORMS
    from hub import pacing, times

    answers = (told(MOVED, 400), told(SENT_BY_TELEGRAM), told(SENT_BY_TELEGRAM), told(SLOW_DOWN, 429))
    with Fake(*answers) as telegram:
        moved, sent, later = (new_message(telegram.url) for _ in range(3))
        people.remember("default", store.get("default", "telegram", moved).connection_id, "42", "a", None)
        work = Work("MessagingSendFunction", tenant, monkeypatch)
        for message in (moved, sent, later):
            assert work.batch({"tenant": "default", "platform": "telegram", "id": message, "due": 1}) == {
                "batchItemFailures": []
            }
    first = store.get("default", "telegram", sent)
    for platform in PLATFORMS:
        waiting = replace(first, id=f"{sent}{platform}", platform=platform, status="pending", attempts=[])
        store.add("default", waiting, {})
        pacing.pause("default", first.connection_id, times.now_ms() + 600_000)
        place = {"tenant": "default", "platform": platform, "id": waiting.id}
        assert work.batch(place) == {"batchItemFailures": []}
    assert work.used == granted("MessagingSendFunction")


def test_messaging_retry(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.messaging.contacts import people
    from functions.messaging.messages import store

    with Fake(told(SLOW_DOWN, 429), told(MOVED, 400), told(SENT_BY_TELEGRAM)) as telegram:
        message = new_message(telegram.url)
        people.remember("default", store.get("default", "telegram", message).connection_id, "42", "a", None)
        work = Work("MessagingRetryFunction", tenant, monkeypatch)
        place = {"tenant": "default", "platform": "telegram", "message_id": message, "outcome": {"status": "pending"}}
        assert work.run(place)["status"] == "pending"
        assert work.run(place)["status"] == "sent"
    assert work.used == granted("MessagingRetryFunction")


def test_tickets(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.support.conversations import service
    from functions.support.conversations.models import NewConversation
    from hub.events import Caller

    wanted = NewConversation(user_id="user_123", channel="web", initial_message="你好")
    conversation = service.create(Caller("default", "enterprise", "operator", "req"), wanted).data["id"]
    work = Work("TicketsFunction", tenant, monkeypatch)
    body = {"conversation_id": conversation, "assignee_id": "user_1"}
    ticket, _ = (work.request("POST /v1/tickets", body)["data"]["id"] for _ in range(2))
    assert work.run(work.event("POST /v1/tickets", {}))["statusCode"] == 400
    for filters in ({}, {"status": "open"}, {"priority": "medium"}, {"assignee_id": "user_1"}):
        event = work.event("GET /v1/tickets") | {"queryStringParameters": {"limit": "1", **filters}}
        assert len(json.loads(work.run(event)["body"])["data"]["items"]) == 1
    work.request("GET /v1/tickets/{ticket_id}", ticket_id=ticket)
    work.request("PATCH /v1/tickets/{ticket_id}", {"status": "resolved", "comment": "a"}, ticket_id=ticket)
    work.request("POST /v1/tickets/{ticket_id}/comments", {"text": "a"}, ticket_id=ticket)
    work.request("GET /v1/tickets/{ticket_id}/comments", ticket_id=ticket)
    assert work.used == granted("TicketsFunction")


def test_customers(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("CustomersFunction", tenant, monkeypatch)
    one = "/v1/customers/{customer_id}"
    customer = work.request("POST /v1/customers", {"name": "a", "industry": "b", "amount": 1})["data"]["id"]
    assert work.run(work.event("POST /v1/customers", {}))["statusCode"] == 400
    batch = work.request("POST /v1/customers/batch", {"customers": [{"name": "a"}, {"name": "c"}]})["data"]
    assert (batch["succeeded"], batch["failed"]) == (1, 1)
    orders = ("sort=name", "status=active", "industry=b", "sort=amount")
    for asked in ("pageSize=1", *(f"limit=1&{one}" for one in orders)):
        event = work.event("GET /v1/customers") | {"queryStringParameters": dict(parse_qsl(asked))}
        assert len(json.loads(work.run(event)["body"])["data"]["items"]) == 1
    work.request(f"GET {one}", customer_id=customer)
    for method in ("PUT", "PATCH"):
        work.request(f"{method} {one}", {"name": method}, customer_id=customer)
    work.request(f"DELETE {one}", customer_id=customer)
    assert work.used == granted("CustomersFunction")


def put_file(file_id: str, content: bytes) -> None:
    """Put a file where its address leads."""
    memory.client("s3").put_object(Bucket="files-bucket", Key=f"files/default/{file_id}", Body=content)


def test_files(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.crm.files import store

    work = Work("FilesFunction", tenant, monkeypatch)
    body = {"name": "a.csv", "size": 5}
    file, _ = (work.request("POST /v1/files", body)["data"]["id"] for _ in range(2))
    assert work.run(work.event("POST /v1/files", {}))["statusCode"] == 400
    store.note_upload("default", file, 5)
    numbered = work.event("GET /v1/files") | {"queryStringParameters": {"pageSize": "1"}}
    assert json.loads(work.run(numbered)["body"])["data"]["pagination"]["total"] == 2
    assert work.request("GET /v1/files/{file_id}", file_id=file)["data"]["downloadUrl"]
    work.request("DELETE /v1/files/{file_id}", file_id=file)
    assert work.used == granted("FilesFunction")


def test_file_uploads(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("FileUploadsFunction", tenant, monkeypatch)
    sample = json.loads((Path(__file__).parents[2] / "events" / "file-uploads.json").read_text())
    assert work.run(sample) == {"batchItemFailures": []}
    assert work.used == granted("FileUploadsFunction")


def test_imports(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.crm.files import service
    from functions.crm.files.models import NewFile

    content = b"name,status\na,active\nb,wrong\n"
    file = service.announce("default", NewFile(name="a.csv", size=len(content)))["id"]
    put_file(file, content)
    work = Work("ImportsFunction", tenant, monkeypatch)
    one = "/v1/customers/imports/{import_id}"
    made, _ = (work.request("POST /v1/customers/imports", {"fileId": file})["data"]["id"] for _ in range(2))
    assert work.run(work.event("POST /v1/customers/imports", {}))["statusCode"] == 400
    numbered = work.event("GET /v1/customers/imports") | {"queryStringParameters": {"pageSize": "1"}}
    assert json.loads(work.run(numbered)["body"])["data"]["pagination"]["total"] == 2
    work.request(f"GET {one}", import_id=made)
    work.request(f"GET {one}/errors", import_id=made)
    assert work.used == granted("ImportsFunction")
    worker = Work("ImportPageFunction", tenant, monkeypatch)
    assert worker.run(memory.executions("ImportStateMachine")[0])["status"] == "ended"
    put_file(file, content + b"\n")
    assert worker.run(memory.executions("ImportStateMachine")[1])["status"] == "ended"
    # A step that reads a file which is gone is told so, because it may look.
    assert worker.used | {("s3:ListBucket", "FilesBucket")} == granted("ImportPageFunction")


def test_exports(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.crm.customers import service
    from functions.crm.customers.models import NewCustomer
    from functions.crm.exports import part
    from hub.events import Caller

    monkeypatch.setattr(part, "STEP_SECONDS", -1)
    monkeypatch.setattr(part, "PAGE", 1)
    caller = Caller("default", "enterprise", "operator", "req")
    for name in "abc":
        service.create(caller, NewCustomer(name=name, industry="a", amount=1))
    api = Work("ExportsFunction", tenant, monkeypatch)
    worker = Work("ExportPartFunction", tenant, monkeypatch)
    for query in ("", "industry=a", "status=active", "sort=amount"):
        made = api.request("POST /v1/customers/exports", {"query": query})["data"]["id"]
        state = memory.executions("ExportStateMachine")[-1]
        while worker.run(state)["status"] != "ended":
            continue
        assert api.request("GET /v1/customers/exports/{export_id}", export_id=made)["data"]["downloadUrl"]
    assert api.run(api.event("POST /v1/customers/exports", {"query": "a=b"}))["statusCode"] == 400
    numbered = api.event("GET /v1/customers/exports") | {"queryStringParameters": {"pageSize": "1"}}
    assert json.loads(api.run(numbered)["body"])["data"]["pagination"]["total"] == 4
    assert api.used == granted("ExportsFunction")
    assert worker.used == granted("ExportPartFunction")


def test_orders(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.crm.customers import service
    from functions.crm.customers.models import NewCustomer
    from hub.events import Caller

    customer = service.create(Caller("default", "enterprise", "operator", "req"), NewCustomer(name="a")).data["id"]
    work = Work("OrdersFunction", tenant, monkeypatch)
    items = [{"name": "a", "quantity": 1, "unitPrice": 5}]
    body = {"customerId": customer, "items": items, "currency": "CNY"}
    one = "/v1/orders/{order_id}"
    order, other = (work.request("POST /v1/orders", body)["data"]["id"] for _ in range(2))
    assert work.run(work.event("POST /v1/orders", {}))["statusCode"] == 400
    for asked in ({}, {"status": "pending"}, {"customerId": customer}, {"sort": "amount"}):
        event = work.event("GET /v1/orders") | {"queryStringParameters": {"limit": "1", **asked}}
        assert len(json.loads(work.run(event)["body"])["data"]["items"]) == 1
    numbered = work.event("GET /v1/orders") | {"queryStringParameters": {"pageSize": "1"}}
    assert json.loads(work.run(numbered)["body"])["data"]["pagination"]["total"] == 2
    work.request(f"GET {one}", order_id=order)
    work.request(f"PATCH {one}", {"note": "a"}, order_id=order)
    work.request(f"POST {one}/pay", {}, order_id=order)
    work.request(f"POST {one}/refund", {}, order_id=order)
    work.request(f"POST {one}/cancel", {}, order_id=other)
    assert work.used == granted("OrdersFunction")


def test_reference(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("ReferenceFunction", tenant, monkeypatch)
    assert work.run({"routeKey": "GET /openapi.json"})["statusCode"] == 200
    assert work.run({"routeKey": "GET /docs"})["statusCode"] == 200
    assert work.used == granted("ReferenceFunction") == set()


def test_bootstrap(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("BootstrapFunction", tenant, monkeypatch)
    assert work.run({"tenant": "second"})["tenant"] == "second"
    assert work.used == granted("BootstrapFunction")


def test_publisher(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub import audit, events
    from hub.store.items import to_item

    work = Work("PublisherFunction", tenant, monkeypatch)
    event = new_delivery("wh").body
    told = audit.record("api_key.created", events.Caller("default", "enterprise", "operator", "req"), "ak_1")
    item = {"events": [json.loads(event) | {"tenant": "default", "requestId": "req"}], "audit": told}
    changed = {"Keys": to_item({"pk": "a", "sk": "b"}), "NewImage": to_item(item)}
    work.run({"Records": [{"dynamodb": changed}, {"dynamodb": {"NewImage": {"events": "broken"}}}]})
    assert work.used == granted("PublisherFunction")


def test_webhook_fan_out(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.webhooks import endpoints, service
    from functions.webhooks.models import WebhookChange

    quick, _, inactive = (add_webhook() for _ in range(3))
    endpoints.change("default", quick, slow=False)
    service.change("default", inactive, WebhookChange(active=False))
    work = Work("WebhookFanOutFunction", tenant, monkeypatch)
    event = json.loads(new_delivery("wh").body) | {"tenant": "default", "requestId": "req"}
    assert work.batch(event) == {"batchItemFailures": []}
    assert work.used == granted("WebhookFanOutFunction")


def test_webhook_deliver(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.webhooks import delivery, dispatch, log
    from hub import times

    def first(webhook: str, due: int = 0) -> dict[str, Any]:
        return dispatch.first(new_delivery(webhook)) | {"due": due or times.now_ms(), "slow": True}

    webhook, moved, dead = (add_webhook() for _ in range(3))
    work = Work("WebhookDeliverFunction", tenant, monkeypatch)
    failed = delivery.with_attempt(new_delivery(webhook), {"at": 1, "code": 500, "ms": 1, "error": None}, "failed")
    log.put([failed])
    again = dispatch.again(failed) | {"due": times.now_ms(), "slow": True}
    assert work.batch(first(webhook), again) == {"batchItemFailures": []}
    answering(monkeypatch, 200)
    assert work.batch(first(webhook)) == {"batchItemFailures": []}
    waiting = first(webhook, times.now_ms() + 10_000)
    assert work.batch(first(moved) | {"slow": False}, waiting) == {"batchItemFailures": []}
    answering(monkeypatch, 500)
    fail_for_days(dead, 5)
    assert work.batch(first(dead)) == {"batchItemFailures": []}
    assert work.used == granted("WebhookDeliverFunction")


def test_webhook_retry(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.webhooks import delivery, log
    from hub import times

    webhook = add_webhook()
    failure = {"at": 1, "code": 500, "ms": 1, "error": None}
    pending = delivery.with_attempt(new_delivery(webhook), failure, "pending", times.now_ms())
    log.put([pending])
    work = Work("WebhookRetryFunction", tenant, monkeypatch)
    fail_for_days(webhook, 5)
    outcome = {"status": "pending", "wait_seconds": 0}
    place = {"tenant": "default", "webhook_id": webhook, "id": pending.id, "generation": 0, "outcome": outcome}
    assert work.run(place)["status"] == "pending"
    assert work.used == granted("WebhookRetryFunction")


def test_webhook_replay(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.webhooks import delivery, endpoints, log, replays
    from functions.webhooks.models import ReplayRequest

    webhook = add_webhook()
    log.put([delivery.unsent(new_delivery(webhook), delivery.INACTIVE)])
    work = Work("WebhookReplayFunction", tenant, monkeypatch)
    for status in (None, "failed"):
        endpoints.change("default", webhook, slow=status is None)
        wanted = {"since": just_now(), "status": status}
        replays.start(replays.begin("default", webhook, ReplayRequest.model_validate_json(json.dumps(wanted))))
        state = memory.executions("WebhookReplayStateMachine")[-1]
        assert work.run(state)["status"] == "succeeded"
    assert work.used == granted("WebhookReplayFunction")


def test_webhook_reaper(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.webhooks import delivery, log
    from hub import times

    webhook = add_webhook()
    outcome = {"at": 1, "code": 500, "ms": 1, "error": None}
    log.put([delivery.with_attempt(new_delivery(webhook), outcome, "pending", times.now_ms())])
    work = Work("WebhookReaperFunction", tenant, monkeypatch)
    work.run({"time": times.iso(times.now() + 1800)})
    assert work.used == granted("WebhookReaperFunction")


def test_every_function_is_tried_here_or_with_its_room() -> None:
    functions = {name for name, one in TEMPLATE["Resources"].items() if one["Type"] == "AWS::Serverless::Function"}
    tests = "".join(file.read_text() for file in Path(__file__).parent.rglob("test_*.py"))
    assert functions == set(re.findall(r'Work\("(\w+)"', tests))
