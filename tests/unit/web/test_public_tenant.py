"""Requests without a credential, where a deployment opens a group to them."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from functions.identity import bootstrap
from hub import auth, times
from hub.store import keys, table
from hub.web import request as web_request
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D5
from tests.contract.memory import ROUTES, TEMPLATE, data_plane

api = Api("forwarding", D5())


@api.get("/api/things")
def read_things(request: Request) -> dict[str, Any]:
    return {"tenant": request.caller.tenant, "actor": request.caller.actor}


@api.post("/api/things")
def make_thing(request: Request) -> dict[str, Any]:
    return {"tenant": request.caller.tenant}


@api.post("/api/stop", permission="admin")
def stop(request: Request) -> dict[str, Any]:
    return {"tenant": request.caller.tenant}


closed = Api("webhooks", D5())
closed.get("/api/hooks")(read_things)


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with data_plane():
        bootstrap.handler({"tenant": "acme"}, SimpleNamespace(aws_request_id="a-request"))
        open_as("acme", monkeypatch)
        yield
    web_request._settings.cache_clear()


def open_as(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_TENANT", tenant)
    web_request._settings.cache_clear()


def ask(route: str, of: Api = api, **headers: str) -> tuple[int, Any]:
    event = {
        "routeKey": route,
        "rawPath": route.partition(" ")[2],
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"domainName": "api.example.com", "http": {"sourceIp": "192.0.2.1"}},
    }
    answer = of.resolve(event)
    return answer["statusCode"], json.loads(answer["body"])


def test_a_request_without_a_credential_acts_as_the_tenant_that_is_opened() -> None:
    assert ask("GET /api/things") == (200, {"success": True, "tenant": "acme", "actor": "public"})
    assert ask("POST /api/things") == (200, {"success": True, "tenant": "acme"})
    assert ask("POST /api/things", idempotency_key="one")[0] == 200


def test_what_only_administrators_may_needs_a_credential_all_the_same() -> None:
    assert ask("POST /api/stop")[0] == 401


def test_a_group_that_its_permissions_do_not_name_is_forbidden() -> None:
    assert ask("GET /api/hooks", closed)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sk_live_wrong"},
        {"authorization": ""},
        {"authorization": "Basic eDp5"},
        {"x_api_token": "wrong"},
        {"x_api_token": ""},
    ],
)
def test_a_wrong_credential_is_not_as_good_as_none(headers: dict[str, str]) -> None:
    assert ask("GET /api/things", api, **headers)[0] == 401


@pytest.mark.parametrize("tenant", ["", "nobody"])
def test_nothing_is_open_by_default_or_as_a_tenant_that_is_not_there(
    tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_as(tenant, monkeypatch)
    assert ask("GET /api/things")[0] == 401


def test_all_of_them_have_one_limit() -> None:
    place = keys.credential(auth.public_credential("acme"))
    used = {"minute": times.now() // 60, "n": auth.LIMITS["api_key"]}
    # Of the next minute too: the clock may go on meanwhile.
    for minute in (used["minute"], used["minute"] + 1):
        item = table.get(table.activity(), place) or {}
        table.write(table.Put(table.activity(), item | used | {"minute": minute}))
        if minute == times.now() // 60:
            assert ask("GET /api/things")[0] == 429


def test_the_forwarders_functions_are_open_where_that_is_asked_for_but_for_sign_in() -> None:
    served = {function for route, function in ROUTES.items() if route.partition(" ")[2].startswith("/api/")}
    opened = {
        name
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
        and resource["Properties"]["Environment"]["Variables"].get("PUBLIC_TENANT") == {"Ref": "PublicForwarderTenant"}
    }
    assert opened == served - {"LoginFunction"} | {"LiveConnectionsFunction"}


def test_no_api_key_leads_to_it() -> None:
    assert ask("GET /api/things", authorization=f"Bearer {auth.public_credential('acme')}")[0] == 401
