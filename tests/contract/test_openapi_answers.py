"""What the handlers answer is what the description says, operation by operation."""

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from functions.webhooks import delivery, log, payload
from hub import events, times
from local.openapi.deliveries import event_schemas
from local.openapi.examples import EXAMPLES
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, Reply
from tests.contract.conversations import failed_answer
from tests.contract.described import DESCRIPTION, OPERATIONS, RESOLVERS, validator
from tests.contract.described_devices import use_devices
from tests.contract.described_figures import use_forward_figures
from tests.contract.described_files import use_files
from tests.contract.described_plugins import use_plugins
from tests.contract.messaging import CONFIGS, wrote
from tests.contract.serving import Prompt, serving
from tests.contract.sign_in_server import Browser, Pkce, Server, route_of, running
from tests.kook import TOKEN, Kook
from tests.unit.connectors.configs import CONFIGS as EVERY_CONFIG
from tests.unit.connectors.test_slack import signed


@dataclass(frozen=True)
class Exchange:
    """A request that was made of the real handlers, and its answer."""

    route: str
    status: int
    headers: dict[str, str]
    body: str


class Client:
    """Sends requests as API Gateway would, and keeps what came back."""

    def __init__(self, api_key: str) -> None:
        self.api_key = api_key
        self.exchanges: list[Exchange] = []

    def __call__(
        self,
        route: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **ids: str,
    ) -> Any:
        handler = next(resolver for resolver in RESOLVERS if route in resolver.api.routes).module
        path = route.partition(" ")[2].format_map(ids)
        gateway = {"domainName": "api.example.com", "http": {"sourceIp": "192.0.2.1"}}
        sent = {"authorization": f"Bearer {self.api_key}", "content-type": "application/json"} | dict(headers or {})
        event: dict[str, Any] = {"routeKey": route, "rawPath": path, "headers": sent, "pathParameters": ids}
        event["requestContext"] = gateway
        if query:
            event |= {"queryStringParameters": dict(query), "rawQueryString": urlencode(query)}
        if body is not None:
            event["body"] = body if isinstance(body, str) else json.dumps(body)
        answer = importlib.import_module(handler).handler(event, None)
        self.exchanges.append(Exchange(route, answer["statusCode"], answer["headers"], answer.get("body", "")))
        return json.loads(answer["body"]) if answer.get("body", "").startswith("{") else None

    def watch(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """Keep what a server is asked and answers."""
        request = server.request

        def watched(method: str, url: str, **more: Any) -> Any:
            answer = request(method, url, **more)
            _, route, _ = route_of(method, urlsplit(url).path)
            self.exchanges.append(Exchange(route, answer.status, dict(answer.headers), answer.text))
            return answer

        monkeypatch.setattr(server, "request", watched)


BODIES = {"POST /v1/api-keys": "NewApiKey", "POST /v1/webhooks": "NewWebhook"}


class Receiver(Prompt, BaseHTTPRequestHandler):
    """Takes every webhook."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()


@pytest.fixture
def receiver() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}/"


@pytest.fixture
def server() -> Iterator[Server]:
    with running():
        yield Server("acme")


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client(server.api_key)
    client.watch(server, monkeypatch)
    return client


def test_real_answers_are_what_the_description_says(
    client: Client, server: Server, receiver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_api_keys(client)
    use_webhooks(client, receiver)
    use_users(client)
    use_conversations(client)
    use_tickets(client)
    use_customers(client)
    use_files(client)
    use_orders(client)
    use_devices(client)
    use_integrations(client, receiver)
    use_plugins(client, receiver)
    use_messaging(client, receiver)
    use_accounts(client)
    use_mappings(client)
    use_smart_mapping(client)
    use_backups(client)
    use_statistics(client)
    use_forward_figures(client, monkeypatch)
    use_oauth(server)
    use_oauth_wrongly(server)
    use_sign_in(server)
    memory.published()
    client("GET /v1/audit-log", query={"action": "user.created", "from": "2026-01-01T00:00:00Z"})
    assert client.exchanges[-1].body.count('"action":"user.created"') > 1
    client("GET /v1/audit-log", query={"from": "yesterday"})
    use_wrongly(client)
    client("GET /openapi.json")
    client("GET /docs")
    for exchange in client.exchanges:
        check(exchange)
    pages = {route for route in OPERATIONS if route.startswith("POST ") and route.endswith("/authorize")}
    succeeded = {
        exchange.route for exchange in client.exchanges if exchange.status < (304 if exchange.route in pages else 300)
    }
    assert succeeded == set(OPERATIONS), "each operation is seen answering"
    failures = {exchange.status for exchange in client.exchanges if exchange.status >= 400}
    assert failures == {400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503}, "503: a bot's platform does not answer"


def use_api_keys(client: Client) -> None:
    key = "/v1/api-keys/{api_key_id}"
    made = client("POST /v1/api-keys", EXAMPLES["NewApiKey"])
    made_id = made["id"]
    client("GET /v1/api-keys", query={"page": "1", "limit": "1"})
    client("GET /v1/api-keys", query={"cursor": "", "limit": "1"})
    client(f"GET {key}", api_key_id=made_id)
    client(f"PUT {key}", {"expires_at": None}, api_key_id=made_id)
    client("GET /v1/webhooks", headers=bearer(made["key"]))
    assert client.exchanges[-1].status == 200
    client("GET /v1/api-keys", headers=bearer(made["key"]))
    assert client.exchanges[-1].status == 403
    client(f"POST {key}/rotate", {"overlap_seconds": 60}, api_key_id=made_id)
    for period in ("day", "week", "month"):
        client(f"GET {key}/usage", query={"period": period}, api_key_id=made_id)
    client(f"DELETE {key}", api_key_id=made_id)


def use_webhooks(client: Client, receiver: str) -> None:
    webhook = "/v1/webhooks/{webhook_id}"
    made_id = client("POST /v1/webhooks", EXAMPLES["NewWebhook"] | {"url": receiver})["data"]["id"]
    client("GET /v1/webhooks")
    client("GET /v1/webhooks", query={"cursor": ""})
    client(f"GET {webhook}", webhook_id=made_id)
    client(f"POST {webhook}/test", webhook_id=made_id)
    client(f"PATCH {webhook}", {"description": "一"}, webhook_id=made_id)
    client(f"PUT {webhook}", {"url": "http://127.0.0.1:1/"}, webhook_id=made_id)
    client(f"POST {webhook}/rotate-secret", {"overlap_seconds": 60}, webhook_id=made_id)
    assert client(f"POST {webhook}/test", webhook_id=made_id)["data"]["success"] is False
    client(f"GET {webhook}/logs", webhook_id=made_id)
    client(f"GET {webhook}/stats", query={"hours": "2"}, webhook_id=made_id)
    client(f"GET {webhook}/stats", query={"hours": "2", "end": "late"}, webhook_id=made_id)
    client(f"GET {webhook}/logs", query={"status": "failed", "cursor": ""}, webhook_id=made_id)
    missed = events.event("api_key.created", events.Caller("acme", "enterprise", "ak_1", "req_1"), {})
    log.put([delivery.unsent(delivery.new("acme", made_id, missed), delivery.INACTIVE)])
    for status in (202, 422):
        client(f"POST {webhook}/retry", webhook_id=made_id)
        assert client.exchanges[-1].status == status
    client(f"POST {webhook}/retry", {"log_ids": ["log_none"]}, webhook_id=made_id)
    replay = client(f"POST {webhook}/replay", {"since": times.iso(times.now())}, webhook_id=made_id)["data"][
        "replay_id"
    ]
    client(f"POST {webhook}/replay", {"since": times.iso(times.now())}, webhook_id=made_id)
    assert client.exchanges[-1].status == 409
    client(f"POST {webhook}/replay", EXAMPLES["ReplayRequest"], webhook_id=made_id)
    client(f"GET {webhook}/replays/{{replay_id}}", webhook_id=made_id, replay_id=replay)
    client(f"GET {webhook}/replays/{{replay_id}}", webhook_id=made_id, replay_id="replay_none")
    client(f"DELETE {webhook}", webhook_id=made_id)


def use_users(client: Client) -> None:
    user = "/v1/users/{user_id}"
    made_id = client("POST /v1/users", EXAMPLES["NewUser"])["data"]["id"]
    client("POST /v1/users", EXAMPLES["NewUser"])
    assert client.exchanges[-1].status == 409
    for asked in (
        {},
        {"page": "1", "pageSize": "1", "sort": "email", "order": "asc", "role[in]": "admin,member"},
        {"limit": "1"},
        {"fields": "id,email", "search": "张", "createdAt[gte]": "2024-01-01"},
        {"colour": "red", "createdAt": "late"},
    ):
        client("GET /v1/users", query=asked)
    client(f"GET {user}", user_id=made_id)
    client(f"PUT {user}", {"name": "李四"}, user_id=made_id)
    client(f"PATCH {user}", {"status": "inactive", "password": "a-good-long-password"}, user_id=made_id)
    client(f"PATCH {user}", {"password": "password123"}, user_id=made_id)
    client(f"DELETE {user}", user_id=made_id)
    client(f"DELETE {user}", user_id=made_id)


def use_conversations(client: Client) -> None:
    one = "/v1/conversations/{conversation_id}"
    made = client("POST /v1/conversations", EXAMPLES["NewConversation"])["data"]
    made_id = made["id"]
    for asked in ({}, {"cursor": "", "limit": "1"}, {"status": "active", "channel": "web"}, {"start_time": "late"}):
        client("GET /v1/conversations", query=asked)
    client(f"GET {one}", conversation_id=made_id)
    client(f"GET {one}", headers={"if-none-match": '"1"'}, conversation_id=made_id)
    assert client.exchanges[-1].status == 304
    client(f"POST {one}/messages", EXAMPLES["NewMessage"], conversation_id=made_id)
    for asked in ({"order": "asc"}, {"cursor": ""}, {"order": "up"}):
        client(f"GET {one}/messages", query=asked, conversation_id=made_id)
    other = client("POST /v1/conversations", EXAMPLES["NewConversation"])["data"]["id"]
    failed = failed_answer("acme", other)
    for _ in range(2):
        client(f"POST {one}/messages/{{message_id}}/retry", conversation_id=other, message_id=failed)
    assert client.exchanges[-1].status == 422
    client(f"PATCH {one}", EXAMPLES["ConversationChange"], headers={"if-match": '"1"'}, conversation_id=made_id)
    assert client.exchanges[-1].status == 412
    client(f"PATCH {one}", EXAMPLES["ConversationChange"], headers={"if-match": '"2"'}, conversation_id=made_id)
    assert client.exchanges[-1].status == 200
    client(f"PATCH {one}", {"status": "gone"}, conversation_id=made_id)
    client(f"POST {one}/messages", EXAMPLES["NewMessage"], conversation_id=made_id)
    assert client.exchanges[-1].status == 422
    client(f"GET {one}", conversation_id="conv_none")


def use_tickets(client: Client) -> None:
    one = "/v1/tickets/{ticket_id}"
    made_id = client("POST /v1/tickets", EXAMPLES["NewTicket"])["data"]["id"]
    for asked in ({}, {"cursor": "", "limit": "1"}, {"status": "open", "priority": "medium"}, {"status": "done"}):
        client("GET /v1/tickets", query=asked)
    client(f"GET {one}", ticket_id=made_id)
    client(f"GET {one}", headers={"if-none-match": '"1"'}, ticket_id=made_id)
    assert client.exchanges[-1].status == 304
    client(f"PATCH {one}", EXAMPLES["TicketChange"], headers={"if-match": '"1"'}, ticket_id=made_id)
    client(f"PATCH {one}", EXAMPLES["TicketChange"], headers={"if-match": '"1"'}, ticket_id=made_id)
    assert client.exchanges[-1].status == 412
    client(f"PATCH {one}", {"status": "pending"}, ticket_id=made_id)
    assert client.exchanges[-1].status == 422
    client(f"POST {one}/comments", EXAMPLES["NewComment"], ticket_id=made_id)
    for asked in ({}, {"cursor": ""}, {"page": "0"}):
        client(f"GET {one}/comments", query=asked, ticket_id=made_id)
    client("POST /v1/tickets", {})
    client(f"GET {one}", ticket_id="ticket_none")


def use_customers(client: Client) -> None:
    one = "/v1/customers/{customer_id}"
    made_id = client("POST /v1/customers", EXAMPLES["NewCustomer"])["data"]["id"]
    client("POST /v1/customers", EXAMPLES["NewCustomer"])
    assert client.exchanges[-1].status == 409
    client("POST /v1/customers", {"name": ""})
    batch = [{"name": "客户C", "amount": 1.5, "customFields": {"a": 1}}, EXAMPLES["NewCustomer"], 5, {"name": 5}]
    client("POST /v1/customers/batch", {"customers": batch})
    client("POST /v1/customers/batch", {"customers": []})
    for asked in ({}, {"limit": "1"}, {"fields": "id,contact.phone", "search": "科技"}, {"colour": "red"}):
        client("GET /v1/customers", query=asked)
    client(f"GET {one}", customer_id=made_id)
    client(f"GET {one}", headers={"if-none-match": '"1"'}, customer_id=made_id)
    assert client.exchanges[-1].status == 304
    for method in ("PUT", "PATCH"):
        client(f"{method} {one}", EXAMPLES["CustomerChange"] | {"name": method}, customer_id=made_id)
    client(f"PATCH {one}", {"name": "客户C"}, customer_id=made_id)
    assert client.exchanges[-1].status == 409
    client(f"PATCH {one}", {"name": "客户D"}, headers={"if-match": '"1"'}, customer_id=made_id)
    assert client.exchanges[-1].status == 412
    client(f"DELETE {one}", customer_id=made_id)
    client(f"DELETE {one}", customer_id=made_id)


def use_orders(client: Client) -> None:
    one = "/v1/orders/{order_id}"
    customer = client("POST /v1/customers", {"name": "订货有限公司"})["data"]["id"]
    wanted = EXAMPLES["NewOrder"] | {"customerId": customer}
    made_id, other_id = (client("POST /v1/orders", wanted)["data"]["id"] for _ in range(2))
    for wrong in ({}, {"currency": "RMB"}, {"amount": 1}, {"amount": 1.5}, {"customerId": "cust_none"}):
        client("POST /v1/orders", wanted | wrong if wrong else {})
    for asked in (
        {},
        {"page": "1", "pageSize": "1", "sort": "amount", "status[in]": "pending,paid"},
        {"limit": "1", "customerId": customer},
        {"fields": "id,amount", "search": "加急", "createdAt[gte]": "2024-01-01"},
        {"amount[like]": "1"},
    ):
        client("GET /v1/orders", query=asked)
    client(f"GET {one}", order_id=made_id)
    client(f"GET {one}", headers={"if-none-match": '"1"'}, order_id=made_id)
    client(f"GET {one}", order_id="order_none")
    client(f"PATCH {one}", EXAMPLES["OrderChange"], headers={"if-match": '"2"'}, order_id=made_id)
    assert client.exchanges[-1].status == 412
    client(f"PATCH {one}", EXAMPLES["OrderChange"], headers={"if-match": '"1"'}, order_id=made_id)
    client(f"POST {one}/refund", EXAMPLES["NewRefund"], order_id=made_id)
    assert client.exchanges[-1].status == 422
    client(f"POST {one}/pay", EXAMPLES["Payment"], order_id=made_id)
    client(f"POST {one}/cancel", order_id=made_id)
    client(f"POST {one}/refund", EXAMPLES["NewRefund"], order_id=made_id)
    client(f"POST {one}/refund", {"amount": 0}, order_id=made_id)
    client(f"POST {one}/refund", order_id=made_id)
    client(f"POST {one}/cancel", EXAMPLES["Cancellation"], order_id=other_id)


def use_integrations(client: Client, receiver: str) -> None:
    one, config = "/v1/integrations/{integration_id}", {"url": receiver, "token": "a-token"}
    made = client("POST /v1/integrations", {"name": "一", "service_type": "http", "config": config})
    client("POST /v1/integrations", EXAMPLES["NewIntegration"])
    client("POST /v1/integrations", {"name": "一", "service_type": "http", "config": {}})
    assert [one.status for one in client.exchanges[-3:]] == [201, 201, 400]
    client("GET /v1/integrations", query={"service_type": "http", "status": "active"})
    client("GET /v1/integrations", query={"cursor": ""})
    client(f"GET {one}", integration_id=made["id"])
    client(f"PUT {one}", EXAMPLES["IntegrationChange"], integration_id=made["id"])
    client(f"PUT {one}", {"config": {"token": "another"}}, integration_id=made["id"])
    client(f"POST {one}/test", integration_id=made["id"])
    sync = client(f"POST {one}/sync", integration_id=made["id"])
    client(f"GET {one}/syncs", integration_id=made["id"])
    client(f"GET {one}/syncs", query={"cursor": ""}, integration_id=made["id"])
    client(f"GET {one}/syncs/{{sync_id}}", integration_id=made["id"], sync_id=sync["id"])
    client(f"GET {one}/records", query={"change": "added"}, integration_id=made["id"])
    use_callback_of_changes(client, f"{one}/callback")
    for method in ("DELETE", "DELETE", "GET"):
        client(f"{method} {one}", integration_id=made["id"])


def use_callback_of_changes(client: Client, callback: str) -> None:
    slack = {"name": "一", "service_type": "slack", "config": EVERY_CONFIG["slack"]}
    place = {"integration_id": client("POST /v1/integrations", slack)["id"]}
    for told in (b'{"type":"url_verification","challenge":"3eZbrw1a"}', b'{"type":"event_callback"}'):
        headers = signed(told, EVERY_CONFIG["slack"]["signing_secret"])
        client(f"POST {callback}", told.decode(), headers=headers, **place)
    client(f"POST {callback}", "{}", **place)
    client(f"POST {callback}", "{}", integration_id="int_none")
    client(f"POST {callback}", "x" * 1_048_577, **place)
    assert [one.status for one in client.exchanges[-5:]] == [200, 200, 403, 404, 413]


def use_accounts(client: Client) -> None:
    one = "/api/accounts/{account_id}"
    client("POST /api/accounts", EXAMPLES["NewKookAccount"])
    client("POST /api/accounts", {"email": "a@example.com", "cookie": "{}"})
    client("POST /api/accounts", EXAMPLES["NewKookAccount"])
    assert [one.status for one in client.exchanges[-3:]] == [201, 400, 409]
    for action in ("start", "stop"):
        client(f"POST {one}/{action}", account_id="1")
    with Kook() as kook:
        kook.server("1234567890", "游戏公会", ("9876543210", "公告频道"))
        made = {"email": "bot@example.com", "token": TOKEN, "base_url": kook.base_url, "verify_token": "a-token"}
        found = str(client("POST /api/accounts", made)["account_id"])
        shown = client(f"GET {one}", account_id=found)
        told = {
            "s": 0,
            "d": {"type": 255, "channel_type": "WEBHOOK_CHALLENGE", "challenge": "a", "verify_token": "a-token"},
        }
        place = shown["data"]["callback_url"].rpartition("/")[2].partition("?")[0]
        client("POST /kook/callback/{callback_id}", told, callback_id=place)
        for action in ("start", "stop"):
            client(f"POST {one}/{action}", account_id=found)
        client(f"GET {one}/servers", account_id=found)
        client(f"GET {one}/channels", query={"server_id": "1234567890"}, account_id=found)
        client(f"GET {one}/channels", account_id=found)
        for method in ("PUT", "PATCH"):
            client(f"{method} {one}", EXAMPLES["KookAccountChange"], account_id=found)
    client(f"GET {one}/servers", account_id=found)
    client("GET /api/accounts")
    client("GET /api/accounts", query={"page": "1", "limit": "1"})
    for method in ("GET", "DELETE", "GET"):
        client(f"{method} {one}", account_id=found)


def use_mappings(client: Client) -> None:
    bot, one, wanted = "/api/bots/{bot_id}", "/api/mappings/{mapping_id}", EXAMPLES["NewMapping"]
    client("POST /api/mappings", wanted)
    client("POST /api/bots", EXAMPLES["NewBot"])
    with Fake(Reply(), Reply()) as target:
        http = str(
            client("POST /api/bots", {"platform": "http", "name": "一", "config": {"url": target.url}})["bot_id"]
        )
        client(f"POST {bot}/test", bot_id=http)
    client("POST /api/bots", {"platform": "kook", "name": "一", "config": {}})
    client("POST /api/mappings", wanted)
    client("POST /api/mappings", wanted)
    assert [one.status for one in client.exchanges[-7:]] == [422, 201, 201, 200, 400, 201, 409]
    client(f"POST {bot}/test", bot_id=http)
    client("GET /api/bots", query={"platform": "discord"})
    client(f"GET {bot}", bot_id="1")
    client(f"PUT {bot}", EXAMPLES["BotChange"], bot_id="1")
    for made in ("1", http, http):
        client(f"DELETE {bot}", bot_id=made)
    client("POST /api/mappings/batch", {"mappings": [wanted, {**wanted, "kook_channel_id": "2"}, {}]})
    told = client("GET /api/mappings/export")
    client("POST /api/mappings/import", told)
    client("POST /api/mappings/import", {"mappings": [{**wanted, "target_bot_id": 99}]})
    client(f"PUT {one}", EXAMPLES["MappingChange"], mapping_id="1")
    client("GET /api/mappings", query={"platform": "discord", "limit": "1"})
    for method in ("GET", "DELETE", "GET"):
        client(f"{method} {one}", mapping_id="1")


def use_smart_mapping(client: Client) -> None:
    place = "/api/smart-mapping"
    with Kook() as kook:
        kook.server("1234567890", "游戏公会", ("9876543210", "公告频道"))
        made = {"email": "smart@example.com", "token": TOKEN, "base_url": kook.base_url}
        account = client("POST /api/accounts", made)["account_id"]
        bot = {"platform": "http", "name": "announcements", "config": {"url": kook.url}}
        client("POST /api/bots", bot)
        client(f"GET {place}/kook-servers", query={"account_id": str(account)})
        client(f"GET {place}/kook-channels", query={"account_id": str(account), "server_id": "1234567890"})
        found = client(f"POST {place}/auto-match", {"account_id": account, "platform": "http"})
    client(f"POST {place}/apply", {"matches": found["matches"]})
    client(f"POST {place}/apply", EXAMPLES["ChosenMatches"])
    client(f"POST {place}/feedback", EXAMPLES["Feedback"])
    client(f"POST {place}/feedback", {})
    for account in ("1", "99"):
        client(f"GET {place}/kook-servers", query={"account_id": account})
        client(f"GET {place}/kook-channels", query={"account_id": account, "server_id": "1"})
        client(f"POST {place}/auto-match", EXAMPLES["AutoMatch"] | {"account_id": int(account)})


def use_backups(client: Client) -> None:
    one = "/api/backup/{backup_id}"
    made = client("POST /api/backup/create")["backup_id"]
    client("GET /api/backup/list")
    client(f"GET {one}/download", backup_id=made)
    client("POST /api/backup/restore", {"backup_id": made})
    client("POST /api/backup/restore", EXAMPLES["Restore"])
    for _ in range(2):
        client(f"DELETE {one}", backup_id=made)


def use_messaging(client: Client, receiver: str) -> None:
    place, asked = "/third-party/{platform}/messages", EXAMPLES["NewThirdPartyMessage"]
    client(f"POST {place}", asked, platform="telegram")
    config = {"bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "base_url": receiver}
    client("POST /v1/integrations", {"name": "一", "service_type": "telegram", "config": config})
    made = client(f"POST {place}", asked, platform="telegram")
    client(f"POST {place}", asked | {"content": ""}, platform="telegram")
    assert [one.status for one in client.exchanges[-4:]] == [422, 201, 201, 400]
    for message in (made["id"], "msg_none"):
        client(f"GET {place}/{{message_id}}", platform="telegram", message_id=message)
        client(f"GET {place}/{{message_id}}/status", platform="telegram", message_id=message)
    for query in ({}, {"status": "pending", "cursor": ""}, {"status": "gone"}):
        client(f"GET {place}", query=query, platform="telegram")
    client("GET /third-party/{platform}/received", platform="telegram")
    client(f"GET {place}", platform="line")
    contacts, user = "/third-party/{platform}/contacts", {"userId": "user-uuid"}
    for platform in ("telegram", "wechat"):
        client(f"POST {contacts}/sync", user, platform=platform)
    for query in (user, {**user, "cursor": ""}, {**user, "platformUserId": "+8613800138000"}, {}):
        client(f"GET {contacts}", query=query, platform="telegram")
    for query in (user, {"userId": "another"}):
        client(f"GET {contacts}/sync", query=query, platform="telegram")
    assert [one.status for one in client.exchanges[-8:]] == [200, 422, 200, 200, 200, 400, 200, 404]
    use_callbacks(client)


def use_callbacks(client: Client) -> None:
    callback = "/third-party/{platform}/callback/{integration_id}"
    place: dict[str, Any] = {"platform": "whatsapp", "integration_id": connect(client, "whatsapp")}
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "whatsapp-verify-token"}
    for query in (asked, {}):
        client(f"GET {callback}", query=query, **place)
    told = wrote("whatsapp", "您好")
    for headers in (told.headers, {}):
        client(f"POST {callback}", told.body.decode(), headers=headers, **place)
    client(f"POST {callback}", "x" * 1_048_577, **place)
    assert [one.status for one in client.exchanges[-5:]] == [200, 403, 200, 403, 413]
    for platform in ("telegram", "line"):
        client(f"POST {callback}", told.body.decode(), **place | {"platform": platform})


def connect(client: Client, platform: str) -> str:
    wanted = {"name": "一", "service_type": platform, "config": CONFIGS[platform]}
    made: str = client("POST /v1/integrations", wanted)["id"]
    return made


def use_statistics(client: Client) -> None:
    for asked in ({}, {"group_by": "week", "timezone": "Asia/Shanghai"}, {"type": "satisfaction", "group_by": "month"}):
        client("GET /v1/statistics", query=asked)
        assert client.exchanges[-1].status == 200
    client("GET /v1/statistics", query={"start_date": "yesterday"})
    assert client.exchanges[-1].status == 400


def use_oauth(server: Server) -> None:
    """Every OAuth endpoint at both of its mounts, by those whom it is for."""
    app, pkce, user, browser = server.app(), Pkce(), server.user(), Browser(server)
    public = server.app(client_type="public")
    for path in ("", f"/{app.id}"):
        server.call("GET", f"/v1/oauth/apps{path}")
    server.call("PUT", f"/v1/oauth/apps/{app.id}", {"description": "一"})
    code = browser.code(app.url(**pkce.asked), user)
    given = app.exchange(code, code_verifier=pkce.verifier).json()
    app.refresh(given["refresh_token"])
    assert app.token(grant_type="client_credentials").status == 200
    json_caller = {"accept": "application/json"}
    for mount in ("", "/v1"):
        server.request("GET", mount + public.url(**pkce.asked), token=server.api_key, headers=json_caller)
        page = browser.get(mount + public.url(**pkce.asked))
        browser.submit(mount + public.url(**pkce.asked), page, action="deny")
        for name, more in (("introspect", {}), ("token", {"grant_type": "client_credentials"}), ("revoke", {})):
            sent = {**app.credentials, "token": given["access_token"], **more}
            assert server.request("POST", f"{mount}/oauth/{name}", form=sent).status == 200
            assert server.request("POST", f"{mount}/oauth/{name}", body=sent).status == 200
    for document in ("oauth-authorization-server", "jwks.json"):
        server.request("GET", f"/.well-known/{document}")
    grant, *_ = server.call("GET", "/v1/oauth/grants")["data"]
    server.call("DELETE", f"/v1/oauth/grants/{grant['id']}")
    server.call("POST", f"/v1/oauth/apps/{app.id}/rotate-secret", {"overlap_seconds": 60})
    assert server.request("POST", f"/v1/oauth/apps/{public.id}/rotate-secret", token=server.api_key).status == 422
    server.call("DELETE", f"/v1/oauth/apps/{app.id}")


def use_oauth_wrongly(server: Server) -> None:
    app, browser = server.app(), Browser(server)
    json_caller = {"accept": "application/json"}
    for wrong in ({"client_id": "client_none"}, {"redirect_uri": "https://elsewhere.example/"}, {"scope": "admin"}):
        url = app.url(**wrong)
        browser.get(url)
        browser.post(url, {})
        server.request("GET", url, token=server.api_key, headers=json_caller)
    server.request("GET", app.url(), token="sk_live_none", headers=json_caller)
    server.request("POST", app.url(), body={})
    server.request("POST", app.url(), form="a=" + "x" * 2_000_000)
    for name in ("token", "revoke", "introspect"):
        path = f"/oauth/{name}"
        for form in ("", "grant_type=a&grant_type=b", "a=" + "x" * 2_000_000, app.credentials):
            server.request("POST", path, form=form)
        server.request("POST", path, form={**app.credentials, "client_secret": "wrong"})
        server.request("POST", path, headers={"content-type": "text/plain"}, form="a")
    browser.submit(app.url(), browser.get(app.url()), email="nobody@example.com", password="wrong")


def use_sign_in(server: Server) -> None:
    user = server.user()
    login = {"email": user.email, "password": user.password, "tenant": server.tenant}
    token = server.request("POST", "/api/auth/login", body=login).json()["token"]
    for sent in (token, "nonsense"):
        server.request("POST", "/api/auth/verify", body={"token": sent})
    change = {"old_password": user.password, "new_password": "a-new-password-of-mine"}
    server.request("POST", "/api/auth/change-password", body=change)
    server.request("POST", "/api/auth/change-password", body=change, token=server.api_key)
    server.request("POST", "/api/auth/change-password", body={}, token=token)
    server.request("POST", "/api/auth/change-password", body=change, token=token)
    for body in ({}, login, {"password": "x" * 2_000_000}):
        server.request("POST", "/api/auth/login", body=body)
    # Two windows' worth, because one may turn on the way.
    assert 429 in [server.request("POST", "/api/auth/login", body=login).status for _ in range(21)]


def use_wrongly(client: Client) -> None:
    for route in ("POST /v1/api-keys", "POST /v1/webhooks"):
        for body in ({}, {"name": 1, "url": 1, "events": 1}, "{", '{"a": "' + "x" * 2_000_000 + '"}'):
            client(route, body)
        client(route, {}, headers=bearer("sk_live_none"))
        client(route, "name=a", headers={"content-type": "application/x-www-form-urlencoded"})
        client(route, EXAMPLES[BODIES[route]], headers={"idempotency-key": "1"})
        client(route, {}, headers={"idempotency-key": "1"})
    client("GET /v1/api-keys/{api_key_id}", api_key_id="ak_none")
    client("GET /v1/webhooks/{webhook_id}", webhook_id="wh_none")
    client("GET /v1/webhooks", query={"page": "0", "colour": "red"})
    # Two minutes' worth and more, because the minute may turn on the way.
    for _ in range(250):
        client("GET /v1/webhooks/{webhook_id}", webhook_id="wh_none")
        if client.exchanges[-1].status == 429:
            break


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def check(exchange: Exchange) -> None:
    """Hold an answer against its operation: the status, the headers, the body and nothing beside."""
    response = OPERATIONS[exchange.route]["responses"][str(exchange.status)]
    if "$ref" in response:
        response = DESCRIPTION["components"]["responses"][response["$ref"].rpartition("/")[2]]
    optional = {"Idempotency-Replayed", "Link", "Retry-After"}
    assert set(response["headers"]) - optional <= set(exchange.headers)
    if "content" not in response:
        assert exchange.body == ""
        return
    media_type = exchange.headers["Content-Type"].partition(";")[0]
    content = response["content"][media_type]
    if "schema" in content:
        validator(content["schema"], closed=True).validate(json.loads(exchange.body))


def test_a_delivery_is_what_the_description_says(client: Client) -> None:
    hooks = DESCRIPTION["webhooks"]
    assert set(hooks) == set(event_schemas(memory.ROOT))
    for event in memory.published():
        body = json.loads(payload.serialize(event["detail"]))
        content = hooks[event["detail-type"]]["post"]["requestBody"]["content"]
        validator(content["application/json"]["schema"], closed=True).validate(body)
