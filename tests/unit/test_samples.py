"""Every Lambda takes its sample input in `events/`, as `make invoke` and `sam local invoke` hand it over."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest

from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.contract.memory import REGION, bootstrap, signing_keys
from tests.contract.serving import Prompt, serving
from tests.unit.samples import FUNCTIONS, ROOT, connect, invoke, sample, sample_name

pytestmark = pytest.mark.usefixtures("aws")


def messages(queue: str) -> list[dict[str, Any]]:
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in found]


@pytest.fixture
def sample_app() -> None:
    """The application that the samples of OAuth requests come from."""
    from functions.identity.oauth_apps import store
    from hub import auth

    form = dict(parse_qsl(sample("OAuthTokenFunction")["body"]))
    page = sample("OAuthPagesFunction")["queryStringParameters"]
    app = store.StoredApp(
        tenant="default",
        plan="enterprise",
        id="app_sample",
        name="我的应用",
        description="",
        client_id=form["client_id"],
        client_type="confidential",
        redirect_uris=[page["redirect_uri"]],
        scopes=page["scope"].split(),
        secrets=[(auth.credential_hash(form["client_secret"]), 0)],
        created_at=1,
        updated_at=1,
    )
    store.add(app, {})


@pytest.fixture
def received() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a receiver of webhooks, and what it gets."""
    bodies: list[dict[str, Any]] = []

    class Receiver(Prompt, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}/hook", bodies


def add_webhook(url: str) -> None:
    """The webhook that the samples of deliveries name, subscribed to what the sample of an event tells."""
    from functions.webhooks import store

    tenant, webhook_id = (sample("WebhookRetryFunction")[name] for name in ("tenant", "webhook_id"))
    store.add(
        store.StoredWebhook(
            tenant=tenant,
            id=webhook_id,
            url=url,
            events=["api_key.*"],
            headers={},
            active=True,
            description="",
            retry_policy="standard",
            created_at=1,
            updated_at=1,
            sealed_secret=store.seal_secret(tenant, webhook_id, "whsec_c2FtcGxl"),
            sealed_headers=None,
        )
    )


def test_every_function_has_one_sample_and_none_is_left_over() -> None:
    assert {file.name for file in (ROOT / "events").iterdir()} == {sample_name(name) for name in FUNCTIONS}


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if sample(name).get("version") == "2.0"])
def test_sample_of_a_request_names_a_route_of_its_function(function: str) -> None:
    assert memory.ROUTES[sample(function)["routeKey"]] == function
    assert sample(function)["requestContext"]["routeKey"] == sample(function)["routeKey"]


def test_api_keys(sample_key: None) -> None:
    answer = invoke("ApiKeysFunction")
    assert answer["statusCode"] == 201, answer["body"]
    assert json.loads(answer["body"])["name"] == "我的API密钥"
    assert answer["headers"]["X-Request-ID"] == "req_sample"


def test_webhooks(sample_key: None) -> None:
    answer = invoke("WebhooksFunction")
    assert answer["statusCode"] == 201, answer["body"]
    assert json.loads(answer["body"])["data"]["events"] == ["api_key.*"]


def test_requests_without_the_key_are_refused() -> None:
    assert invoke("ApiKeysFunction")["statusCode"] == invoke("WebhooksFunction")["statusCode"] == 401


def test_users(sample_key: None) -> None:
    # The sample's user administers nothing, so no tenant need stand there to count administrators.
    answer = invoke("UsersFunction")
    assert answer["statusCode"] == 201, answer["body"]
    assert json.loads(answer["body"])["data"]["email"] == "zhang@example.com"


def test_audit_log(sample_key: None) -> None:
    answer = invoke("AuditLogFunction")
    assert answer["statusCode"] == 200, answer["body"]
    assert json.loads(answer["body"])["data"] == []


def test_oauth_apps(sample_key: None) -> None:
    answer = invoke("OAuthAppsFunction")
    assert answer["statusCode"] == 201, answer["body"]
    assert json.loads(answer["body"])["client_secret"].startswith("secret_")


def test_oauth_token(sample_app: None) -> None:
    with signing_keys():
        answer = invoke("OAuthTokenFunction")
    assert answer["statusCode"] == 200, answer["body"]
    assert json.loads(answer["body"])["access_token"].startswith("eyJ")


def test_oauth_pages(sample_app: None) -> None:
    answer = invoke("OAuthPagesFunction")
    assert answer["statusCode"] == 200, answer["body"]
    assert "登录后继续访问 我的应用" in answer["body"]


def test_login() -> None:
    from functions.identity.users import service, store
    from hub.events import Caller

    bootstrap("default")
    admin = store.by_email("default", "admin@example.com")
    assert admin
    password = json.loads(sample("LoginFunction")["body"])["password"]
    service.set_password(Caller("default", "enterprise", admin.id, "req"), admin.id, password)
    with signing_keys():
        answer = invoke("LoginFunction")
    assert answer["statusCode"] == 200, answer["body"]
    assert json.loads(answer["body"])["expires_in"] == 2_592_000


def test_tickets(sample_key: None) -> None:
    answer = invoke("TicketsFunction")
    assert answer["statusCode"] == 201, answer["body"]
    assert json.loads(answer["body"])["data"]["title"] == "产品咨询"


def test_customers(sample_key: None) -> None:
    answer = invoke("CustomersFunction")
    assert answer["statusCode"] == 201, answer["body"]
    assert json.loads(answer["body"])["data"]["name"] == "示例科技有限公司"


def rename(kind: str, before: str, after: str) -> None:
    """Give an entity the id that a sample names."""
    from hub.store import keys, table

    item = table.get(table.entities(), keys.entity("default", kind, before))
    table.write(table.Put(table.entities(), {**(item or {}), "sk": after}))


def test_files_and_imports(sample_key: None) -> None:
    from functions.crm import jobs
    from functions.crm.files import store as files
    from functions.crm.imports import store

    answer = invoke("FilesFunction")
    assert answer["statusCode"] == 201, answer["body"]
    announced = json.loads(answer["body"])["data"]
    content = "name,industry\n示例科技,IT\n".encode()
    assert announced["size"] == len(content)
    file_id = json.loads(sample("ImportsFunction")["body"])["fileId"]
    rename(files.KIND, announced["id"], file_id)
    assert invoke("FileUploadsFunction") == {"batchItemFailures": []}
    assert files.get("default", file_id).status == "uploaded"

    boto3.client("s3", region_name=REGION).put_object(
        Bucket="files-bucket", Key=files.object_key("default", file_id), Body=content
    )
    answer = invoke("ImportsFunction")
    assert answer["statusCode"] == 202, answer["body"]
    import_id = sample("ImportPageFunction")["id"]
    rename(store.KIND, json.loads(answer["body"])["data"]["id"], import_id)
    assert invoke("ImportPageFunction") == {"status": "ended", "number": 0}
    done = jobs.get(store.KIND, store.StoredImport, "default", import_id)
    assert (done.status, done.created) == ("completed", 1)


def test_exports(sample_key: None) -> None:
    from functions.crm import jobs
    from functions.crm.exports import store

    answer = invoke("ExportsFunction")
    assert answer["statusCode"] == 202, answer["body"]
    export_id = sample("ExportPartFunction")["id"]
    rename(store.KIND, json.loads(answer["body"])["data"]["id"], export_id)
    assert [invoke("ExportPartFunction")["status"] for _ in range(3)] == ["running", "running", "ended"]
    done = jobs.get(store.KIND, store.StoredExport, "default", export_id)
    assert (done.status, done.rows) == ("completed", 0)


def test_orders(sample_key: None) -> None:
    from functions.crm.customers import service as customers
    from functions.crm.customers.models import NewCustomer
    from functions.crm.orders import service
    from functions.crm.orders.models import NewOrder, NewOrderItem
    from hub.events import Caller

    caller = Caller("default", "enterprise", "operator", "req")
    customer = customers.create(caller, NewCustomer(name="示例科技有限公司")).data["id"]
    items = [NewOrderItem(name="企业版年费", quantity=2, unitPrice=499_900)]
    made = service.create(caller, NewOrder(customerId=customer, items=items, currency="CNY")).data
    answer = invoke("OrdersFunction")
    assert answer["statusCode"] == 200, answer["body"]
    assert json.loads(answer["body"])["data"]["items"] == [made]


def test_devices(sample_key: None) -> None:
    answer = invoke("DevicesFunction")
    assert answer["statusCode"] == 201, answer["body"]
    made = json.loads(answer["body"])["data"]
    assert (made["name"], made["status"]) == ("客厅灯", "offline")
    assert made["credentials"]["privateKey"]


def add_device() -> Any:
    """The device that the samples name."""
    from functions.iot.devices import store

    place = sample("DeviceCommandsFunction")["pathParameters"]["device_id"]
    device = store.StoredDevice(
        id=place, name="灯", type=None, tags=[], attributes={}, certificates=[], created_at=1, updated_at=1
    )
    store.add("default", device, {})
    return device


def test_device_commands(sample_key: None) -> None:
    device = add_device()
    answer = invoke("DeviceCommandsFunction")
    assert answer["statusCode"] == 201, answer["body"]
    made = json.loads(answer["body"])["data"]
    assert (made["deviceId"], made["command"], made["params"]) == (device.id, "turnOn", {"brightness": 80})


def test_device_events() -> None:
    from functions.iot.alerts import service as alerts
    from functions.iot.alerts.store import LISTING
    from functions.iot.commands import store as commands
    from functions.iot.devices import store
    from hub.store import query

    device = add_device()
    told = base64.b64decode(json.loads(sample("DeviceEventsFunction")["Records"][2]["body"])["base64OriginalPayload"])
    command = commands.StoredCommand(
        id=json.loads(told)["id"], device_id=device.id, command="turnOn", created_at=1, expires_at=2
    )
    commands.add("default", command)
    for _ in range(2):
        assert invoke("DeviceEventsFunction") == {"batchItemFailures": []}
    assert store.get("default", device.id).status == "online"
    acknowledged = commands.find("default", device.id, command.id)
    assert acknowledged
    assert (acknowledged.status, acknowledged.result) == ("succeeded", {"brightness": 80})
    (alert,) = alerts.listed("default", device.id, query.parse({}, LISTING.schema)).items
    assert (alert["level"], alert["message"]) == ("warning", "温度过高")


def test_integrations(sample_key: None) -> None:
    answer = invoke("IntegrationsFunction")
    assert answer["statusCode"] == 201, answer["body"]
    made = json.loads(answer["body"])
    assert (made["name"], made["config"]["webhook_url"]) == ("Slack集成", "***")


def waiting_message(url: str) -> None:
    """The message that the samples of sending name, to go over a bot whose API is there."""
    from functions.messaging.messages import service, store
    from functions.messaging.messages.models import NewThirdPartyMessage
    from hub.events import Caller

    connect("telegram", bot_token="110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", base_url=url)
    wanted = NewThirdPartyMessage.model_validate({"to": "42", "from": "hub_bot", "content": "Hello from OpenChat!"})
    made = service.create(Caller("default", "enterprise", "operator", "req"), "telegram", wanted)["id"]
    named = sample("MessagingRetryFunction")["message_id"]
    store.add("default", replace(store.get("default", "telegram", made), id=named), {})


def status_of_the_message() -> str:
    from functions.messaging.messages import service

    return service.status("default", "telegram", sample("MessagingRetryFunction")["message_id"])


SENT_BY_TELEGRAM = told({"ok": True, "result": {"message_id": 7, "chat": {"id": 42}}})


def test_messaging(sample_key: None) -> None:
    connect("whatsapp", phone_number_id="106540352242922", access_token="EAAJB-whatsapp-access-token")
    answer = invoke("MessagingFunction")
    assert answer["statusCode"] == 201, answer["body"]
    assert json.loads(answer["body"])["metadata"] == {"conversationId": "conv-001"}


def test_messaging_send() -> None:
    with Fake(SENT_BY_TELEGRAM) as telegram:
        waiting_message(telegram.url)
        assert invoke("MessagingSendFunction") == invoke("MessagingSendFunction") == {"batchItemFailures": []}
        assert [asked.json for asked in telegram.asked] == [{"chat_id": "42", "text": "Hello from OpenChat!"}]
    assert status_of_the_message() == "sent"


def test_messaging_retry() -> None:
    with Fake(SENT_BY_TELEGRAM) as telegram:
        waiting_message(telegram.url)
        assert invoke("MessagingRetryFunction") == {"status": "sent", "wait_seconds": 0, "due": None}
    assert status_of_the_message() == "sent"


def test_conversations(sample_key: None) -> None:
    answer = invoke("ConversationsFunction")
    assert answer["statusCode"] == 201, answer["body"]
    assert json.loads(answer["body"])["data"]["user_id"] == "user_123"


def test_support_inbound() -> None:
    from functions.support.conversations import service
    from functions.support.conversations.models import ConversationParameters

    assert invoke("SupportInboundFunction") == invoke("SupportInboundFunction") == {"batchItemFailures": []}
    (made,) = service.listed("default", ConversationParameters()).items
    assert (made["user_id"], made["channel"], made["message_count"]) == ("+8613800138000", "whatsapp", 1)


def test_totals() -> None:
    from hub.store import totals

    assert invoke("TotalsFunction") == invoke("TotalsFunction") == {"batchItemFailures": []}
    assert totals.total("default", "USER") == 0, "one was made and deleted"
    assert totals.total("default", "CUSTOMER") == 1


def test_statistics(sample_key: None) -> None:
    for _ in range(2):
        assert invoke("SupportStatisticsFunction") == {"batchItemFailures": []}
    answer = invoke("StatisticsFunction")
    assert answer["statusCode"] == 200, answer["body"]
    told = json.loads(answer["body"])["data"]
    assert told["trends"][-1] == {"date": "2026-11-16", "week": "2026-W47", "conversations": 1, "tickets": 1}
    assert (told["avg_response_time"], told["satisfaction_rate"]) == (120, 1.0)


def test_reference() -> None:
    answer = invoke("ReferenceFunction")
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["openapi"].startswith("3.1")


def test_bootstrap() -> None:
    answer = invoke("BootstrapFunction")
    assert answer["tenant"] == "default"
    assert answer["admin_email"] == "admin@example.com"
    assert answer["api_key"].startswith("sk_live_")


def test_publisher() -> None:
    assert invoke("PublisherFunction") == {"batchItemFailures": []}
    # The record between the two changes a name only: its event is the one that was told before.
    assert [message["detail"]["type"] for message in messages("Subscriber")] == ["api_key.created", "api_key.deleted"]
    assert messages("PoisonEventsQueue") == []


def test_webhook_fan_out() -> None:
    add_webhook("https://example.com/hook")
    assert invoke("WebhookFanOutFunction") == {"batchItemFailures": []}
    # Nobody knows its endpoint yet.
    queued = messages("WebhookSlowDeliveryQueue")
    assert [message["event"] for message in queued] == ["api_key.created", "api_key.deleted"]
    # What the fan-out queues is what the sample of the deliver function holds.
    expected = json.loads(sample("WebhookDeliverFunction")["Records"][0]["body"])
    now = {"created_at": 0, "due": 0}
    assert queued[0] | now == expected | now


def test_webhook_deliver(received: tuple[str, list[dict[str, Any]]]) -> None:
    from functions.webhooks import log

    url, bodies = received
    add_webhook(url)
    assert invoke("WebhookDeliverFunction") == {"batchItemFailures": []}
    assert [body["type"] for body in bodies] == ["api_key.created"]
    wanted = sample("WebhookRetryFunction")
    rows = log.named(wanted["tenant"], wanted["webhook_id"], [wanted["id"]])
    assert rows[wanted["id"]].status == "success"


def test_webhook_retry(received: tuple[str, list[dict[str, Any]]]) -> None:
    from functions.webhooks import delivery, log
    from hub import times

    url, bodies = received
    add_webhook(url)
    message = json.loads(sample("WebhookDeliverFunction")["Records"][0]["body"])
    failed = {"at": 1, "code": 500, "ms": 1, "error": None}
    pending = delivery.with_attempt(delivery.from_message(message), failed, "pending", times.now_ms())
    log.put([pending])
    assert invoke("WebhookRetryFunction") == {"status": "success", "wait_seconds": 0, "due": None}
    assert [body["type"] for body in bodies] == ["api_key.created"]
