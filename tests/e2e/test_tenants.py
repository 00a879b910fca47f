"""Nothing crosses tenants."""

import secrets
from datetime import UTC, datetime
from typing import Any

import pytest
from requests import Response

from tests.e2e.browsing import Browser, Person
from tests.e2e.conftest import OpenReceiver
from tests.e2e.files import EXPORTS, IMPORTS, finished, uploaded
from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack

BODIES: dict[str, Any] = {
    "GET /api/accounts/{account_id}": None,
    "PUT /api/accounts/{account_id}": {"password": "stolen"},
    "PATCH /api/accounts/{account_id}": {"password": "stolen"},
    "DELETE /api/accounts/{account_id}": None,
    "POST /api/accounts/{account_id}/start": None,
    "POST /api/accounts/{account_id}/stop": None,
    "GET /api/accounts/{account_id}/servers": None,
    "GET /api/accounts/{account_id}/channels?server_id=1": None,
    "GET /api/backup/{backup_id}/download": None,
    "DELETE /api/backup/{backup_id}": None,
    "GET /api/bots/{bot_id}": None,
    "PUT /api/bots/{bot_id}": {"name": "stolen"},
    "DELETE /api/bots/{bot_id}": None,
    "POST /api/bots/{bot_id}/test": {},
    "GET /api/mappings/{mapping_id}": None,
    "PUT /api/mappings/{mapping_id}": {"enabled": 0},
    "DELETE /api/mappings/{mapping_id}": None,
    "GET /third-party/{platform}/messages/{message_id}": None,
    "GET /third-party/{platform}/messages/{message_id}/status": None,
    "GET /v1/api-keys/{api_key_id}": None,
    "PUT /v1/api-keys/{api_key_id}": {"name": "stolen"},
    "DELETE /v1/api-keys/{api_key_id}": None,
    "GET /v1/api-keys/{api_key_id}/usage": None,
    "POST /v1/api-keys/{api_key_id}/rotate": {},
    "GET /v1/conversations/{conversation_id}": None,
    "PATCH /v1/conversations/{conversation_id}": {"status": "closed"},
    "GET /v1/conversations/{conversation_id}/messages": None,
    "POST /v1/conversations/{conversation_id}/messages": {"sender": "agent", "text": "stolen"},
    "POST /v1/conversations/{conversation_id}/messages/{message_id}/retry": None,
    "GET /v1/customers/exports/{export_id}": None,
    "GET /v1/customers/imports/{import_id}": None,
    "GET /v1/customers/imports/{import_id}/errors": None,
    "GET /v1/customers/{customer_id}": None,
    "PUT /v1/customers/{customer_id}": {"name": "stolen"},
    "PATCH /v1/customers/{customer_id}": {"status": "inactive"},
    "DELETE /v1/customers/{customer_id}": None,
    "GET /v1/files/{file_id}": None,
    "DELETE /v1/files/{file_id}": None,
    "GET /v1/integrations/{integration_id}": None,
    "PUT /v1/integrations/{integration_id}": {"name": "stolen"},
    "DELETE /v1/integrations/{integration_id}": None,
    "POST /v1/integrations/{integration_id}/test": None,
    "POST /v1/integrations/{integration_id}/sync": None,
    "GET /v1/integrations/{integration_id}/syncs": None,
    "GET /v1/integrations/{integration_id}/syncs/{sync_id}": None,
    "GET /v1/integrations/{integration_id}/records": None,
    "GET /v1/iot/devices/{device_id}": None,
    "PUT /v1/iot/devices/{device_id}": {"name": "stolen"},
    "PATCH /v1/iot/devices/{device_id}": {"name": "stolen"},
    "DELETE /v1/iot/devices/{device_id}": None,
    "POST /v1/iot/devices/{device_id}/certificates": {},
    "DELETE /v1/iot/devices/{device_id}/certificates/{certificate_id}": None,
    "POST /v1/iot/devices/{device_id}/commands": {"command": "stolen"},
    "GET /v1/iot/devices/{device_id}/commands": None,
    "GET /v1/iot/devices/{device_id}/commands/{command_id}": None,
    "GET /v1/iot/devices/{device_id}/alerts": None,
    "GET /v1/iot/devices/{device_id}/shadow": None,
    "PATCH /v1/iot/devices/{device_id}/shadow": {"desired": {"stolen": True}},
    "GET /v1/oauth/apps/{app_id}": None,
    "PUT /v1/oauth/apps/{app_id}": {"name": "stolen"},
    "POST /v1/oauth/apps/{app_id}/rotate-secret": {},
    "DELETE /v1/oauth/apps/{app_id}": None,
    "DELETE /v1/oauth/grants/{grant_id}": None,
    "GET /v1/orders/{order_id}": None,
    "PATCH /v1/orders/{order_id}": {"note": "stolen"},
    "POST /v1/orders/{order_id}/pay": {},
    "POST /v1/orders/{order_id}/cancel": {"reason": "stolen"},
    "POST /v1/orders/{order_id}/refund": {"amount": 1},
    "GET /v1/plugins/{plugin_id}": None,
    "DELETE /v1/plugins/{plugin_id}": None,
    "PATCH /v1/plugins/{plugin_id}/status": {"status": "inactive"},
    "PUT /v1/plugins/{plugin_id}/config": {"config": {"default_city": "Stolen"}},
    "PUT /v1/plugins/{plugin_id}/version": {"version": "1.1.0"},
    "POST /v1/plugins/{plugin_id}/rotate-secret": None,
    "POST /v1/plugins/{plugin_id}/commands/{name}": {},
    "GET /v1/plugins/{plugin_id}/runs": None,
    "GET /v1/tickets/{ticket_id}": None,
    "PATCH /v1/tickets/{ticket_id}": {"status": "closed", "comment": "stolen"},
    "GET /v1/tickets/{ticket_id}/comments": None,
    "POST /v1/tickets/{ticket_id}/comments": {"text": "stolen"},
    "GET /v1/users/{user_id}": None,
    "PUT /v1/users/{user_id}": {"role": "admin"},
    "PATCH /v1/users/{user_id}": {"password": "a-password-of-mine"},
    "DELETE /v1/users/{user_id}": None,
    "GET /v1/webhooks/{webhook_id}": None,
    "PUT /v1/webhooks/{webhook_id}": {"active": False},
    "PATCH /v1/webhooks/{webhook_id}": {"active": False},
    "DELETE /v1/webhooks/{webhook_id}": None,
    "POST /v1/webhooks/{webhook_id}/test": None,
    "GET /v1/webhooks/{webhook_id}/logs": None,
    "GET /v1/webhooks/{webhook_id}/stats": None,
    "POST /v1/webhooks/{webhook_id}/retry": {},
    "POST /v1/webhooks/{webhook_id}/replay": {"since": datetime.now(UTC).isoformat()},
    "GET /v1/webhooks/{webhook_id}/replays/{replay_id}": None,
    "POST /v1/webhooks/{webhook_id}/rotate-secret": {},
}
"""Every route that takes an id, with a body that its owner could send."""

LISTS = (
    "/api/accounts",
    "/api/bots",
    "/api/mappings",
    "/v1/api-keys",
    "/v1/conversations",
    "/v1/customers",
    "/v1/customers/exports",
    "/v1/customers/imports",
    "/v1/files",
    "/v1/integrations",
    "/v1/iot/devices",
    "/v1/oauth/apps",
    "/v1/oauth/grants",
    "/v1/orders",
    "/v1/plugins",
    "/v1/tickets",
    "/v1/users",
    "/v1/webhooks",
)


@pytest.fixture
def ids(stack: RunningStack, api: Client, receiver: OpenReceiver) -> dict[str, str]:
    """One of everything that has an id, of the tenant of `api`."""
    email, password = "mine@example.com", secrets.token_urlsafe(12)
    user = api.post("/v1/users", {"email": email, "name": "Mine", "password": password}).json()["data"]["id"]
    app = api.post("/v1/oauth/apps", {"name": "Mine", "redirect_uris": ["https://myapp.com/callback"]}).json()
    base_url = stack.description["base_url"]
    with Browser(base_url) as browser:
        browser.authorize(f"{base_url}/oauth/authorize?client_id={app['client_id']}", Person(user, email, password))
    webhook = api.new_webhook(receiver().url, "api_key.created")["id"]
    replay = api.post(f"/v1/webhooks/{webhook}/replay", {"since": datetime.now(UTC).isoformat()}).json()["data"][
        "replay_id"
    ]
    customer = api.post("/v1/customers", {"name": "Mine"}).json()["data"]["id"]
    connected = {"name": "Mine", "service_type": "http", "config": {"url": receiver().url}}
    items = [{"name": "Mine", "quantity": 1, "unitPrice": 1}]
    device = api.post("/v1/iot/devices", {"name": "Mine"}).json()["data"]
    command = api.post(f"/v1/iot/devices/{device['id']}/commands", {"command": "turnOn"}).json()["data"]["id"]
    order = {"customerId": customer, "items": items, "currency": "CNY"}
    file = uploaded(api, b"name\nMine too\n")
    integration = api.post("/v1/integrations", connected).json()["id"]
    forwarded = {"platform": "http", "name": "Mine", "config": {"url": receiver().url}}
    bot = api.post("/api/bots", forwarded).json()["bot_id"]
    mapping = {"kook_server_id": "1", "kook_channel_id": "2", "kook_channel_name": "Mine", "target_platform": "http"}
    weather = {"plugin_id": "plugin_weather_v1.0.0", "config": {"api_key": "k", "default_city": "Beijing"}}
    return {
        "{account_id}": str(api.post("/api/accounts", {"email": email}).json()["account_id"]),
        "{bot_id}": str(bot),
        "{mapping_id}": str(
            api.post("/api/mappings", {**mapping, "target_bot_id": bot, "target_channel_id": "3"}).json()["mapping_id"]
        ),
        "{backup_id}": api.post("/api/backup/create").json()["backup_id"],
        "{plugin_id}": api.post("/v1/plugins/install", weather).json()["id"],
        "{sync_id}": _synced(api, integration),
        "{api_key_id}": api.new_key("Mine")["id"],
        "{app_id}": app["id"],
        "{conversation_id}": _conversation(api),
        "{customer_id}": customer,
        "{device_id}": device["id"],
        "{certificate_id}": device["certificates"][0]["id"],
        "{command_id}": command,
        "{export_id}": finished(api, EXPORTS, {})["id"],
        "{file_id}": file,
        "{import_id}": finished(api, IMPORTS, {"fileId": file})["id"],
        "{integration_id}": integration,
        "{message_id}": _message(api),
        "{order_id}": api.post("/v1/orders", order).json()["data"]["id"],
        "{ticket_id}": api.post("/v1/tickets", {"title": "Mine"}).json()["data"]["id"],
        "{grant_id}": api.get("/v1/oauth/grants").json()["data"][0]["id"],
        "{user_id}": user,
        "{webhook_id}": webhook,
        "{replay_id}": replay,
    }


def _synced(api: Client, integration: str) -> str:
    """A sync that has ended, so that it changes nothing any more."""
    sync: str = api.post(f"/v1/integrations/{integration}/sync").json()["id"]
    place = f"/v1/integrations/{integration}/syncs/{sync}"
    eventually(lambda: api.get(place).json()["ended_at"] is not None, "the sync's end")
    return sync


def _message(api: Client) -> str:
    config = {"bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "base_url": "http://127.0.0.1:1"}
    bot = api.post("/v1/integrations", {"name": "Mine", "service_type": "telegram", "config": config}).json()["id"]
    listed = "/v1/integrations?service_type=telegram"
    eventually(lambda: bot in [row["id"] for row in api.get(listed).json()["data"]], "the bot is listed")
    message = {"to": "42", "from": bot, "content": "Mine"}
    return str(api.post("/third-party/telegram/messages", message).json()["id"])


def _code(answer: Response) -> Any:
    """The error's code, wherever the route's document has it."""
    told = answer.json()
    for name in ("statusCode", "error_code"):
        if name in told:
            return told[name]
    return told.get("error", told)["code"]


def _call(caller: Client, route: str, ids: dict[str, str]) -> Response:
    method, path = route.replace("{platform}", "telegram").replace("{name}", "current").split()
    for name, value in ids.items():
        path = path.replace(name, value)
    return caller.request(method, path, json=BODIES[route])


OF_NO_TENANT = {f"{method} /third-party/{{platform}}/callback/{{integration_id}}" for method in ("GET", "POST")} | {
    "POST /kook/callback/{callback_id}",
    "POST /v1/integrations/{integration_id}/callback",
}
"""Platforms call them, whosever the connection is."""


def test_every_route_with_an_id_is_known_here(api: Client) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    described = {
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method in operations
        if "_id}" in path and method in {"get", "put", "post", "patch", "delete"}
    }
    assert described - OF_NO_TENANT == {route.partition("?")[0] for route in BODIES}


def test_another_tenants_ids_do_not_exist(api: Client, other_tenant: Client, ids: dict[str, str]) -> None:
    before = [_rows(api, path) for path in LISTS]
    assert all(before)

    for route in BODIES:
        answer = _call(other_tenant, route, ids)
        assert answer.status_code == 404, route
        assert _code(answer) in {"NOT_FOUND", 404, 40401}
        unknown = _call(other_tenant, route, {name: "x" + value[1:] for name, value in ids.items()})
        assert _without_request_id(unknown) == _without_request_id(answer), "it must not even be told that it exists"

    assert [_rows(api, path) for path in LISTS] == before


def test_lists_hold_the_callers_own_only(api: Client, other_tenant: Client, ids: dict[str, str]) -> None:
    assert ids["{api_key_id}"] in [key["id"] for key in api.get("/v1/api-keys").json()["data"]]
    theirs = other_tenant.get("/v1/api-keys").json()["data"]
    assert [key["name"] for key in theirs] == ["first key"]
    assert [user["name"] for user in _rows(other_tenant, "/v1/users")] == ["Administrator"]
    for path in (
        "/api/accounts",
        "/api/bots",
        "/api/mappings",
        "/v1/conversations",
        "/v1/customers",
        "/v1/customers/exports",
        "/v1/customers/imports",
        "/v1/files",
        "/v1/integrations",
        "/v1/iot/devices",
        "/v1/oauth/apps",
        "/v1/oauth/grants",
        "/v1/orders",
        "/v1/plugins",
        "/v1/tickets",
        "/v1/webhooks",
    ):
        assert _rows(other_tenant, path) == []


def test_events_reach_their_own_tenants_webhooks_only(
    api: Client, other_tenant: Client, receiver: OpenReceiver
) -> None:
    mine, theirs = receiver(), receiver()
    api.new_webhook(mine.url, "*")
    other_tenant.new_webhook(theirs.url, "*")

    api.new_key("Mine")
    other_tenant.new_key("Theirs")
    eventually(lambda: mine.about("Mine") and theirs.about("Theirs"), "both events")

    assert mine.about("Theirs") == []
    assert theirs.about("Mine") == []


def _conversation(api: Client) -> str:
    made = api.post("/v1/conversations", {"user_id": "user_1", "channel": "web", "initial_message": "Mine"})
    conversation: str = made.json()["data"]["id"]
    return conversation


def _rows(caller: Client, path: str) -> list[dict[str, Any]]:
    """A list's rows, without the figures that each call of the API changes."""
    data = caller.get(path).json()["data"]
    rows = data["items"] if isinstance(data, dict) else data
    return [{**row, "usage_count": 0, "last_used_at": None} for row in rows]


def _without_request_id(answer: Response) -> Any:
    return answer.json() | {"requestId": None, "timestamp": None}
