"""Who may open a WebSocket, with which credential and from where it is taken; its end."""

import json
from typing import Any

import pytest

from functions.identity.api_keys import service as api_keys
from functions.identity.api_keys.models import NewApiKey
from functions.realtime import connections, store
from hub import auth, events, times
from hub.store import keys, table
from tests.contract import memory
from tests.contract.memory import Tenant
from tests.unit.granting import CONTEXT
from tests.unit.realtime.conftest import opening

pytestmark = pytest.mark.usefixtures("aws_in_memory")


@pytest.fixture
def tenant() -> Tenant:
    return memory.bootstrap("acme")


def new_key(tenant: Tenant, *permissions: str) -> str:
    caller = events.Caller(tenant.name, "enterprise", "ak_1", "req_1")
    return str(api_keys.create(caller, NewApiKey(name="k", permissions=list(permissions)))["key"])


def run(event: dict[str, Any]) -> Any:
    return connections.handler(event, CONTEXT)


def open_(connection_id: str = "c1", **more: Any) -> Any:
    return run(opening(connection_id, **more))


@pytest.mark.parametrize(
    "name", ["Authorization", "authorization", "AUTHORIZATION", "X-API-Token", "x-api-token", "token", "protocol"]
)
def test_the_credential_may_come_in_four_ways(tenant: Tenant, name: str) -> None:
    key = tenant.api_key
    match name.lower():
        case "authorization":
            answer = open_(headers={name: f"Bearer {key}"})
        case "token":
            answer = open_(query={"token": key})
        case "protocol":
            answer = open_(headers={"Sec-WebSocket-Protocol": f"bearer, {key}"})
        case _:
            answer = open_(headers={name: key})
    assert answer["statusCode"] == 200
    assert [one.id for one in store.of("acme")] == ["c1"]
    assert store.of("acme")[0].credential == auth.credential_hash(key)
    assert key not in str(memory.stored()), "of a key only its hash is kept"


def test_a_subprotocol_is_answered_and_the_token_not_repeated(tenant: Tenant) -> None:
    answer = open_(headers={"sec-websocket-protocol": f"bearer,{tenant.api_key}"})
    assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "bearer"}}
    alone = open_("c2", headers={"Sec-WebSocket-Protocol": tenant.api_key})
    assert alone["headers"] == {"Sec-WebSocket-Protocol": tenant.api_key}


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, {}),
        ({"Authorization": ""}, {}),
        ({"Authorization": "Basic eDp5"}, {}),
        ({"Authorization": "Bearer"}, {}),
        ({"Authorization": "Bearer sk_live_wrong"}, {}),
        ({"X-API-Token": ""}, {}),
        ({}, {"token": ""}),
        ({}, {"token": "a.b.c"}),
        ({"Sec-WebSocket-Protocol": "bearer"}, {}),
        ({"Sec-WebSocket-Protocol": "graphql-ws"}, {}),
        ({"Sec-WebSocket-Protocol": "bearer, x"}, {}),
    ],
)
def test_without_a_good_credential_it_is_a_401(tenant: Tenant, headers: Any, query: Any) -> None:
    assert open_(headers=headers, query=query) == {"statusCode": 401}
    assert store.of("acme") == []


def test_a_permission_to_read_what_is_forwarded_is_needed(tenant: Tenant) -> None:
    for number, (permission, status) in enumerate(
        [("webhooks:read", 403), ("write", 403), ("forwarding:write", 403), ("forwarding:read", 200), ("read", 200)]
    ):
        answer = open_(f"c{number}", headers={"X-API-Token": new_key(tenant, permission)})
        assert answer["statusCode"] == status, permission
    assert {one.id for one in store.of("acme")} == {"c3", "c4"}


def test_a_credential_that_is_revoked_opens_nothing(tenant: Tenant) -> None:
    key = new_key(tenant, "read")
    table.write(table.Delete(table.activity(), keys.credential(auth.credential_hash(key))))
    assert open_(headers={"X-API-Token": key}) == {"statusCode": 401}


def test_a_connection_counts_as_a_request(tenant: Tenant) -> None:
    open_(headers={"X-API-Token": tenant.api_key})
    item = table.get(table.activity(), keys.credential(auth.credential_hash(tenant.api_key)))
    assert item is not None
    assert item["n"] == 1


def test_without_a_credential_it_acts_as_the_tenant_that_the_deployment_opens(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_TENANT", "acme")
    connections._settings.cache_clear()
    assert open_() == {"statusCode": 200}
    assert [one.id for one in store.of("acme")] == ["c1"]
    assert open_("c2", headers={"X-API-Token": "wrong"}) == {"statusCode": 401}, "a wrong one is not as good as none"


def test_a_tenant_has_a_thousand_at_most_and_those_that_are_over_do_not_count(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    store.add("acme", store.LiveConnection("old", "x", times.now() - 1))
    statuses = [open_(f"c{n}", headers={"X-API-Token": tenant.api_key})["statusCode"] for n in range(3)]
    assert statuses == [200, 200, 429]
    run({"requestContext": {"eventType": "DISCONNECT", "connectionId": "c0"}})
    assert open_("c4", headers={"X-API-Token": tenant.api_key})["statusCode"] == 200


def test_the_items_end_by_themselves_when_api_gateway_ends_the_connection(tenant: Tenant) -> None:
    open_(headers={"X-API-Token": tenant.api_key})
    ends = [item["ttl"] for item in memory.stored() if "LIVE_CONNECTION" in item["pk"]["S"]]
    assert [0 <= times.now() + connections.SECONDS - int(end["N"]) < 10 for end in ends] == [True, True]


def test_a_connection_outlives_no_access_token(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = times.now() + 60
    shown = auth.Presented(auth.credential_hash(tenant.api_key), 500, frozenset({"read"}), ends)
    monkeypatch.setattr(auth, "presented", lambda *_: shown)
    assert open_(headers={"X-API-Token": "a.b.c"})["statusCode"] == 200
    assert store.of("acme")[0].ttl == ends


def test_a_closed_connection_is_forgotten_also_when_its_end_is_told_twice(tenant: Tenant) -> None:
    open_(headers={"X-API-Token": tenant.api_key})
    for _ in range(2):
        closing = {"requestContext": {"eventType": "DISCONNECT", "connectionId": "c1"}}
        assert run(closing) == {"statusCode": 200}
    assert not [item for item in memory.stored() if "LIVE_CONNECTION" in item["pk"]["S"]]


@pytest.mark.parametrize("body", ["ping", ' {"type": "ping"} '])
def test_a_ping_is_answered(body: str) -> None:
    answer = run({"requestContext": {"eventType": "MESSAGE", "connectionId": "c1"}, "body": body})
    assert json.loads(answer["body"]) == {"type": "pong"}


@pytest.mark.parametrize("body", ["", "hello", "[]", "{}", '{"type": 1}', "[" * 100_000, None])
def test_all_else_is_taken_without_a_word(body: str | None) -> None:
    answer = run({"requestContext": {"eventType": "MESSAGE", "connectionId": "c1"}, "body": body})
    assert answer == {"statusCode": 200}


def test_no_token_is_logged(tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
    key = tenant.api_key
    open_("c1", headers={"Authorization": f"Bearer {key}"})
    open_("c2", query={"token": key})
    open_("c3", headers={"Sec-WebSocket-Protocol": f"bearer, {key}x"})
    printed = capsys.readouterr()
    assert key not in printed.out + printed.err
