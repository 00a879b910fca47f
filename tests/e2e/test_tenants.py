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
    return {
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
        "{integration_id}": api.post("/v1/integrations", connected).json()["id"],
        "{message_id}": _message(api),
        "{order_id}": api.post("/v1/orders", order).json()["data"]["id"],
        "{ticket_id}": api.post("/v1/tickets", {"title": "Mine"}).json()["data"]["id"],
        "{grant_id}": api.get("/v1/oauth/grants").json()["data"][0]["id"],
        "{user_id}": user,
        "{webhook_id}": webhook,
        "{replay_id}": replay,
    }


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
    return told["statusCode"] if "statusCode" in told else told.get("error", told)["code"]


def _call(caller: Client, route: str, ids: dict[str, str]) -> Response:
    method, path = route.replace("{platform}", "telegram").split()
    for name, value in ids.items():
        path = path.replace(name, value)
    return caller.request(method, path, json=BODIES[route])


OF_NO_TENANT = {f"{method} /third-party/{{platform}}/callback/{{integration_id}}" for method in ("GET", "POST")}
"""Platforms call them, whosever the connection is."""


def test_every_route_with_an_id_is_known_here(api: Client) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    described = {
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method in operations
        if "_id}" in path and method in {"get", "put", "post", "patch", "delete"}
    }
    assert described - OF_NO_TENANT == set(BODIES)


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
    return answer.json() | {"requestId": None}
