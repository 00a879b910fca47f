"""Errors, limits and what every request goes through, on every route that needs a credential."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from functions.identity.api_keys import service
from functions.identity.oauth_apps import service as oauth_apps
from hub import aws as clients
from hub.auth import BUCKET_LIMITS
from hub.events import Caller
from hub.store import keys, table
from local.openapi.discovery import resolvers
from tests.conftest import ROOT, Answer, Clock, Deployment, handlers, new_tenant
from tests.contract import files, memory, orders, pristine

RESOLVERS = {route.key: (resolver.api, route) for resolver in resolvers(ROOT) for route in resolver.api.routes.values()}
PROTECTED = sorted(key for key, (_, route) in RESOLVERS.items() if not route.public)
WITH_AN_ID = [key for key in PROTECTED if "_id}" in key]
_MAPPING = {"kook_server_id": "1", "kook_channel_id": "2", "target_platform": "http", "target_bot_id": 1}
BODIES: dict[str, Any] = {
    "POST /v1/api-keys": {"name": "a"},
    "PUT /v1/api-keys/{api_key_id}": {"name": "b"},
    "POST /v1/oauth/apps": {"name": "a"},
    "PUT /v1/oauth/apps/{app_id}": {"name": "b"},
    "POST /v1/users": {"email": "a@example.com", "name": "a"},
    "PUT /v1/users/{user_id}": {"name": "b"},
    "PATCH /v1/users/{user_id}": {"name": "b"},
    "POST /api/auth/change-password": {"old_password": "a-password-of-mine", "new_password": "another-of-mine"},
    "POST /v1/conversations": {"user_id": "user_123", "channel": "web"},
    "PATCH /v1/conversations/{conversation_id}": {"status": "closed"},
    "POST /v1/conversations/{conversation_id}/messages": {"sender": "customer", "text": "a"},
    "POST /v1/integrations": {"name": "a", "service_type": "http", "config": {"url": "http://127.0.0.1:1/"}},
    "PUT /v1/integrations/{integration_id}": {"name": "b"},
    "POST /api/accounts": {"email": "a@example.com", "token": "1/MTA2MjE=/a-token"},
    "PUT /api/accounts/{account_id}": {"password": "b"},
    "PATCH /api/accounts/{account_id}": {"password": "b"},
    "POST /api/bots": {"platform": "http", "name": "a", "config": {"url": "http://127.0.0.1:1/"}},
    "PUT /api/bots/{bot_id}": {"name": "b"},
    "POST /api/mappings": _MAPPING,
    "POST /api/mappings/batch": {"mappings": [_MAPPING]},
    "POST /api/mappings/import": {"mappings": []},
    "PUT /api/mappings/{mapping_id}": {"enabled": 0},
    "POST /api/smart-mapping/auto-match": {"account_id": 1, "platform": "http"},
    "POST /api/smart-mapping/apply": {"matches": [_MAPPING]},
    "POST /api/smart-mapping/feedback": {"accepted": [{"kook_channel_name": "a", "target_name": "b"}]},
    "POST /api/backup/restore": {"backup_id": "backup_20251019_153000"},
    "POST /v1/plugins/install": {"plugin_id": "plugin_none_v1.0.0"},
    "PATCH /v1/plugins/{plugin_id}/status": {"status": "inactive"},
    "PUT /v1/plugins/{plugin_id}/config": {"config": {"default_city": "Beijing"}},
    "PUT /v1/plugins/{plugin_id}/version": {"version": "1.1.0"},
    "POST /v1/plugins/{plugin_id}/commands/{name}": {},
    "POST /v1/iot/devices": {"name": "a"},
    "PUT /v1/iot/devices/{device_id}": {"name": "b"},
    "PATCH /v1/iot/devices/{device_id}": {"name": "b"},
    "PATCH /v1/iot/devices/{device_id}/shadow": {"desired": {"on": True}},
    "POST /v1/iot/devices/{device_id}/commands": {"command": "turnOn"},
    "POST /v1/customers": {"name": "a"},
    "POST /v1/files": {"name": "a.csv", "size": 1},
    "POST /v1/customers/imports": {"fileId": "file_none"},
    "POST /v1/customers/batch": {"customers": [{"name": "a"}]},
    "PUT /v1/customers/{customer_id}": {"name": "b"},
    "PATCH /v1/customers/{customer_id}": {"name": "b"},
    "POST /v1/orders": {
        "customerId": "cust_none",
        "items": [{"name": "a", "quantity": 1, "unitPrice": 1}],
        "currency": "CNY",
    },
    "PATCH /v1/orders/{order_id}": {"note": "a"},
    "POST /third-party/{platform}/messages": {"to": "42", "from": "a", "content": "a"},
    "POST /third-party/{platform}/contacts/sync": {"userId": "user-uuid"},
    "POST /v1/tickets": {"title": "a"},
    "PATCH /v1/tickets/{ticket_id}": {"status": "closed"},
    "POST /v1/tickets/{ticket_id}/comments": {"text": "a"},
    "POST /v1/webhooks": {"url": "https://example.com/", "events": ["*"]},
    "PUT /v1/webhooks/{webhook_id}": {"active": False},
    "PATCH /v1/webhooks/{webhook_id}": {"active": False},
    "POST /v1/webhooks/{webhook_id}/replay": {"since": datetime.now(UTC).isoformat()},
}
"""A body for each route that cannot do without."""


CODES = {"UNAUTHORIZED": 40101, "FORBIDDEN": 40301, "NOT_FOUND": 40401, "INTERNAL_ERROR": 50000, "UNAVAILABLE": 50000}
"""Document 3's codes beside document 1's."""

STATUSES = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND", 500: "INTERNAL_ERROR", 503: "UNAVAILABLE"}
"""Document 2's codes are the statuses."""

NOBODYS = {
    "account_id": "999",
    "backup_id": "backup_20251019_153000",
    "bot_id": "999",
    "mapping_id": "999",
    "api_key_id": "ak_none",
    "app_id": "app_none",
    "grant_id": "g_none",
    "replay_id": "replay_none",
    "conversation_id": "conv_none",
    "device_id": "device_none",
    "certificate_id": "0" * 64,
    "command_id": "cmd_none",
    "customer_id": "cust_none",
    "export_id": "export_none",
    "file_id": "file_none",
    "import_id": "import_none",
    "integration_id": "int_none",
    "message_id": "msg_none",
    "name": "current",
    "platform": "telegram",
    "plugin_id": "plugin_none_v1.0.0",
    "sync_id": "sync_none",
    "order_id": "order_none",
    "ticket_id": "ticket_none",
    "user_id": "u_none",
    "webhook_id": "wh_none",
}


def style(route: str) -> str:
    return type(RESOLVERS[route][0].style).__name__


def call(deployment: Deployment, route: str, ids: dict[str, str] | None = None, **more: Any) -> Answer:
    method, _, path = route.partition(" ")
    return deployment.call(method, path.format_map(ids or NOBODYS), BODIES.get(route), **more)


def error(answer: Answer, route: str) -> str:
    """The error's code in document 1's words, after a look at the shape that the route's document gives it."""
    body = answer.json
    found: set[str] = set()
    if style(route) in {"D3", "D12"}:
        assert {"code", "message", "errors", "requestId"} <= body.keys()
        assert body["requestId"] == answer.headers["X-Request-ID"]
        found |= {name for name, code in CODES.items() if code == body["code"]}
    if style(route) == "D2":
        assert body.keys() == {"code", "message", "details"}
        assert body["code"] == answer.status
        found = {STATUSES[body["code"]]}
    if style(route) in {"D1", "D12"}:
        assert "error" in body
        assert body["error"].keys() == {"code", "message", "details"}
        named = {body["error"]["code"]}
        found = found & named if found else named
    if style(route) == "D4":
        assert body.keys() == {"statusCode", "message", "error"}
        assert body["statusCode"] == answer.status
        found = {STATUSES[body["statusCode"]]}
    if style(route) == "D5":
        assert body.keys() == {"success", "error_code", "error_message", "solution", "timestamp"}
        found = {body["error_code"]}
    assert len(found) == 1, body
    return found.pop()


def test_every_route_of_the_template_is_tried_here() -> None:
    assert set(handlers()) == set(RESOLVERS)


NO_CREDENTIALS = (
    {"authorization": ""},
    {"authorization": "Basic YTpi"},
    {"authorization": "Bearer sk_live_1234567890abcdef"},
    {"authorization": "Bearer YOUR_API_KEY"},
    {"authorization": "", "x-api-token": "a"},
)


@pytest.mark.parametrize("route", PROTECTED)
def test_no_credential_is_401_in_the_groups_style(deployment: Deployment, route: str) -> None:
    for headers in NO_CREDENTIALS:
        answer = call(deployment, route, headers=headers)
        assert answer.status == 401, headers
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert error(answer, route) == "UNAUTHORIZED"
        assert "X-RateLimit-Limit" not in answer.headers


def allowed(group: str, permission: str) -> set[str]:
    return {"admin", permission, f"{group}:{permission}"}


HELD = ("read", "write", "admin", "webhooks:read", "webhooks:write", "tickets:read")


@pytest.mark.parametrize("route", PROTECTED)
def test_a_route_needs_its_permission(deployment: Deployment, route: str) -> None:
    api, declared = RESOLVERS[route]
    for held in HELD:
        answer = call(deployment, route, key=deployment.new_key(held)["key"])
        if held in allowed(api.group, declared.permission) and route != "POST /api/auth/change-password":
            assert answer.status not in (401, 403), held
        else:
            assert answer.status == 403, held
            assert error(answer, route) == "FORBIDDEN"
            assert "X-RateLimit-Limit" in answer.headers


READING = {"POST /v1/customers/exports"}
"""What makes nothing but a copy of what may be read."""


def test_reads_need_read_changes_write_and_administration_admin() -> None:
    administration = ("/v1/api-keys", "/v1/audit-log", "/v1/oauth/apps", "/v1/users", *_OF_THE_SYSTEM)
    for key, (_, route) in RESOLVERS.items():
        if route.public or key == "POST /api/auth/change-password":
            continue
        expected = "read" if route.method == "GET" or key in READING else "write"
        assert (key, route.permission) == (key, "admin" if route.path.startswith(administration) else expected)


_OF_THE_SYSTEM = (
    "/api/backup/create",
    "/api/backup/restore",
    "/api/backup/{backup_id}",
    "/api/logs/clear",
    "/api/system/start",
    "/api/system/stop",
    "/api/system/restart",
)


def _made(deployment: Deployment, path: str) -> str:
    made: str = deployment.call("POST", path, BODIES[f"POST {path}"]).json["data"]["id"]
    return made


def _sent(deployment: Deployment) -> str:
    config = {"bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"}
    connected = {"name": "a", "service_type": "telegram", "config": config}
    assert deployment.call("POST", "/v1/integrations", connected).status == 201
    made: str = call(deployment, "POST /third-party/{platform}/messages").json["id"]
    return made


@pytest.fixture
def ids(deployment: Deployment) -> dict[str, str]:
    """Things of the first tenant's."""
    return pristine.once(_things, deployment)


def _things(deployment: Deployment) -> dict[str, str]:
    user = deployment.call("POST", "/v1/users", BODIES["POST /v1/users"]).json["data"]["id"]
    app = deployment.call("POST", "/v1/oauth/apps", BODIES["POST /v1/oauth/apps"]).json["id"]
    oauth_apps.remember_consent(Caller("default", "enterprise", user, "req"), user, app, ["read"])
    webhook = deployment.new_webhook()["id"]
    replay = call(deployment, "POST /v1/webhooks/{webhook_id}/replay", {"webhook_id": webhook})
    device = deployment.call("POST", "/v1/iot/devices", BODIES["POST /v1/iot/devices"]).json["data"]
    command = call(deployment, "POST /v1/iot/devices/{device_id}/commands", {"device_id": device["id"]})
    order = orders.make(deployment)
    file = files.make(deployment)["id"]
    integration = deployment.call("POST", "/v1/integrations", BODIES["POST /v1/integrations"]).json["id"]
    weather = {"plugin_id": "plugin_weather_v1.0.0", "config": {"api_key": "a", "default_city": "Beijing"}}
    forwarding = {
        f"{kind}_id": str(deployment.call("POST", f"/api/{kind}s", BODIES[f"POST /api/{kind}s"]).json[f"{kind}_id"])
        for kind in ("account", "bot", "mapping")
    }
    return forwarding | {
        "backup_id": deployment.call("POST", "/api/backup/create").json["backup_id"],
        "api_key_id": deployment.new_key("read")["id"],
        "app_id": app,
        "grant_id": f"{user}.{app}",
        "conversation_id": _made(deployment, "/v1/conversations"),
        "device_id": device["id"],
        "certificate_id": device["certificates"][0]["id"],
        "command_id": command.json["data"]["id"],
        "customer_id": order["customerId"],
        "order_id": order["id"],
        "export_id": deployment.call("POST", files.EXPORTS, {}).json["data"]["id"],
        "file_id": file,
        "import_id": deployment.call("POST", files.IMPORTS, {"fileId": file}).json["data"]["id"],
        "integration_id": integration,
        "name": "current",
        "plugin_id": deployment.call("POST", "/v1/plugins/install", weather).json["id"],
        "sync_id": call(
            deployment, "POST /v1/integrations/{integration_id}/sync", {"integration_id": integration}
        ).json["id"],
        "message_id": _sent(deployment),
        "platform": "telegram",
        "ticket_id": _made(deployment, "/v1/tickets"),
        "user_id": user,
        "webhook_id": webhook,
        "replay_id": replay.json["data"]["replay_id"],
    }


@pytest.mark.parametrize("route", WITH_AN_ID)
def test_another_tenants_thing_does_not_exist(
    deployment: Deployment, other_tenant: Deployment, ids: dict[str, str], route: str
) -> None:
    def things() -> list[Any]:
        kinds = (
            "API_KEY",
            "CONSENT",
            "CONVERSATION",
            "CUSTOMER",
            "DEVICE",
            "EXPORT",
            "FILE",
            "FORWARD_BACKUP",
            "FORWARD_BOT",
            "FORWARD_MAPPING",
            "IMPORT",
            "INTEGRATION",
            "KOOK_ACCOUNT",
            "MESSAGE_OUT#telegram",
            "OAUTH_APP",
            "ORDER",
            "TICKET",
            "USER",
            "WEBHOOK",
        )
        partitions = {f"T#default#{kind}" for kind in kinds}
        return sorted((item for item in memory.stored() if item["pk"]["S"] in partitions), key=str)

    before = things()
    same = {"x-request-id": "req_same"}
    answer = call(other_tenant, route, ids, headers=same)
    assert answer.status == 404
    assert error(answer, route) == "NOT_FOUND"
    never = call(other_tenant, route, headers=same)
    # Document 5's errors tell the time.
    assert {**answer.json, "timestamp": ""} == {**never.json, "timestamp": ""}, "as one that never was"
    assert things() == before


@pytest.mark.usefixtures("ids")
def test_another_tenants_list_is_empty_of_it(other_tenant: Deployment) -> None:
    for path in ("/v1/integrations", "/v1/oauth/apps", "/v1/oauth/grants", "/v1/webhooks"):
        assert other_tenant.call("GET", path).json["data"] == []
    for path in ("/api/accounts", "/api/backup/list", "/api/bots", "/api/mappings"):
        assert other_tenant.call("GET", path).json["data"] == []
    for path in ("/v1/conversations", "/v1/customers", "/v1/iot/devices", "/v1/orders", "/v1/tickets"):
        assert other_tenant.call("GET", path).json["data"]["items"] == []
    users = other_tenant.call("GET", "/v1/users").json["data"]["items"]
    assert [user["email"] for user in users] == ["admin@example.com"]
    assert [key["name"] for key in other_tenant.call("GET", "/v1/api-keys").json["data"]] == ["first key"]


@pytest.mark.parametrize("route", WITH_AN_ID)
def test_an_odd_id_does_not_exist(deployment: Deployment, route: str) -> None:
    for odd in ("", "x" * 129, "密钥", "a b", "#", "' OR 1=1"):
        ids = {name: odd if name.endswith("_id") else known for name, known in NOBODYS.items()}
        assert call(deployment, route, ids).status == 404, odd


@pytest.mark.parametrize("route", PROTECTED)
def test_every_answer_has_its_headers(deployment: Deployment, clock: Clock, route: str) -> None:
    answer = call(deployment, route, headers={"x-request-id": "req_mine", "accept-language": "en-US"})
    assert answer.headers["X-Request-ID"] == "req_mine"
    assert answer.headers["Cache-Control"] == "no-store"
    limit, remaining, reset = (int(answer.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))
    expected = BUCKET_LIMITS.get(RESOLVERS[route][1].bucket or "", 1000)
    assert (limit, remaining) == (expected, expected - 1)
    assert reset == (clock.START // 60 + 1) * 60
    if answer.json is not None:
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert answer.headers["Content-Language"] == "en-US"
        assert answer.text.isascii() or answer.status < 300


def exhaust(deployment: Deployment, clock: Clock, **counts: int) -> None:
    """Set how often the key was used in this minute."""
    from hub import auth

    key = keys.credential(auth.credential_hash(deployment.api_key))
    values = {"minute": int(clock.seconds) // 60, **counts}
    changes = ", ".join(f"#{name} = :{name}" for name in values)
    table.write(table.Update(table.activity(), key, f"SET {changes}", values=values))


def test_the_1001st_request_is_429_in_document_1s_style(deployment: Deployment, clock: Clock) -> None:
    exhaust(deployment, clock, n=999)
    last, over = (deployment.call("GET", "/v1/api-keys") for _ in range(2))
    assert (last.status, last.headers["X-RateLimit-Remaining"]) == (200, "0")
    assert over.status == 429
    assert over.json == {"error": {"code": "RATE_LIMITED", "message": "请求频率超限", "details": {}}}
    assert over.headers["Retry-After"] == "30"
    assert {name: over.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")} == {
        "Limit": "1000",
        "Remaining": "0",
        "Reset": str((clock.START // 60 + 1) * 60),
    }
    clock.advance(30)
    assert deployment.call("GET", "/v1/api-keys").status == 200


def test_the_101st_webhook_request_is_429_in_both_styles(deployment: Deployment, clock: Clock) -> None:
    exhaust(deployment, clock, n=100, n_webhooks=100)
    over = deployment.call("GET", "/v1/webhooks")
    assert over.status == 429
    assert (over.json["code"], over.json["message"]) == (42901, "请求过于频繁,请稍后重试")
    assert over.json["retryAfter"] == int(over.headers["Retry-After"]) == 30
    assert over.json["error"]["code"] == "RATE_LIMITED"
    assert over.headers["X-RateLimit-Limit"] == "100"
    assert deployment.call("GET", "/v1/api-keys").status == 200


@pytest.mark.parametrize("route", ["GET /v1/conversations", "GET /v1/tickets"])
@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("plan", "limit"), [("free", 100), ("enterprise", 1000)])
def test_a_plans_limit_is_429_in_document_2s_style(clock: Clock, route: str, plan: str, limit: int) -> None:
    deployment = new_tenant("small", plan)
    exhaust(deployment, clock, n=limit - 1, n_support=limit - 1)
    last, over = (call(deployment, route) for _ in range(2))
    assert (last.status, last.headers["X-RateLimit-Limit"]) == (200, str(limit))
    assert (over.status, over.json) == (429, {"code": 429, "message": "请求频率超限", "details": []})
    assert over.headers["Retry-After"] == "30"


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


_THROTTLED: Any = {"Error": {"Code": "ThrottlingException", "Message": "secret detail"}}
_DENIED: Any = {"Error": {"Code": "AccessDeniedException", "Message": "secret detail"}}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (ClientError(_THROTTLED, "Query"), 503),
        (ClientError(_DENIED, "Query"), 500),
        (EndpointConnectionError(endpoint_url="https://secret detail"), 503),
    ],
    ids=["throttled", "denied", "unreachable"],
)
@pytest.mark.parametrize("route", ["GET /v1/api-keys", "GET /v1/webhooks"])
def test_a_fault_of_ours_tells_no_detail(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, route: str, fault: Exception, status: int
) -> None:
    monkeypatch.setattr(clients.dynamodb(), "query", failing(fault))
    answer = call(deployment, route)
    assert answer.status == status
    assert error(answer, route) == ("INTERNAL_ERROR" if status == 500 else "UNAVAILABLE")
    assert "detail" not in answer.text.replace("details", "")
    assert "X-RateLimit-Limit" in answer.headers


def test_an_unforeseen_fault_is_document_1s_500(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "listed", failing(ZeroDivisionError("secret detail")))
    answer = deployment.call("GET", "/v1/api-keys")
    assert answer.status == 500
    assert answer.json == {"error": {"code": "INTERNAL_ERROR", "message": "服务器内部错误", "details": {}}}
