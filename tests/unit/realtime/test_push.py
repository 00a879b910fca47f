"""What is forwarded reaches every open connection of its tenant, and no other."""

import json
from typing import Any

import pytest
from botocore.client import BaseClient

from functions.realtime import push, store
from functions.realtime.store import LiveConnection
from hub import auth, aws, events, times
from hub.errors import Unavailable
from hub.events import Caller
from hub.store import keys, table
from tests.conftest import Clock
from tests.contract import memory
from tests.forwarder import forwarded
from tests.unit.granting import CONTEXT
from tests.unit.realtime.conftest import Sockets

LOG = {
    "type": "log",
    "data": {
        "message_id": "msg_123",
        "status": "success",
        "content": "测试消息",
        "latency_ms": 1200,
        "platform": "discord",
        "timestamp": "2025-10-19T15:30:00",
    },
}


@pytest.fixture
def tenant(sockets: Sockets) -> str:
    """The hash of the tenant's key."""
    return auth.credential_hash(memory.bootstrap("acme").api_key)


def connect(credential: str, *ids: str, tenant: str = "acme", seconds: int = 60) -> None:
    for one in ids:
        store.add(tenant, LiveConnection(one, credential, times.now() + seconds))


def run(*bodies: Any) -> Any:
    records = [{"messageId": str(number), "body": json.dumps(body)} for number, body in enumerate(bodies)]
    return push.handler({"Records": records}, CONTEXT)


def test_a_push_is_as_documented(tenant: str, sockets: Sockets) -> None:
    connect(tenant, "c1")
    assert run(forwarded("acme")) == {"batchItemFailures": []}
    assert sockets.posted == {"c1": [LOG]}


def test_two_hundred_connections_get_every_push_in_order_and_no_other_tenants(tenant: str, sockets: Sockets) -> None:
    other = auth.credential_hash(memory.bootstrap("other").api_key)
    names = [f"c{number}" for number in range(200)]
    connect(tenant, *names)
    connect(other, "theirs", tenant="other")
    run(*(forwarded("acme", message_id=f"m{number}") for number in range(3)), forwarded("other", message_id="o"))
    assert sockets.posted.keys() == {*names, "theirs"}
    for name in names:
        assert [one["data"]["message_id"] for one in sockets.posted[name]] == ["m0", "m1", "m2"]
    assert [one["data"]["message_id"] for one in sockets.posted["theirs"]] == ["o"]
    assert sockets.together > 10, "one after the other would take as long as the slowest, so many times"


def test_one_that_is_gone_is_forgotten_and_those_that_fail_or_hang_harm_no_other(
    tenant: str, sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "LIVE_SECONDS", 0.3)
    connect(tenant, "gone", "failing", "hanging", "well")
    sockets.gone, sockets.failing, sockets.hanging = {"gone"}, {"failing"}, {"hanging"}
    assert run(forwarded("acme"), forwarded("acme")) == {"batchItemFailures": []}
    assert sockets.posted["well"] == [LOG, LOG]
    assert {one.id for one in store.of("acme")} == {"failing", "hanging", "well"}


def test_a_revoked_credential_gets_nothing_more_and_its_connections_end(tenant: str, sockets: Sockets) -> None:
    connect(tenant, "mine")
    connect("f" * 64, "revoked")
    run(forwarded("acme"))
    assert sockets.posted.keys() == {"mine"}
    assert sockets.closed == ["revoked"]
    assert [one.id for one in store.of("acme")] == ["mine"]


def test_so_does_one_that_may_no_longer_read(tenant: str, sockets: Sockets) -> None:
    connect(tenant, "mine")
    change = table.Update(
        table.activity(), keys.credential(tenant), "SET #permissions = :none", values={"none": ["webhooks:read"]}
    )
    table.write(change)
    run(forwarded("acme"))
    assert (sockets.posted, sockets.closed, store.of("acme")) == ({}, ["mine"], [])


def test_and_one_whose_time_is_up(tenant: str, sockets: Sockets) -> None:
    connect(tenant, "mine", seconds=-1)
    run(forwarded("acme"))
    assert (sockets.posted, sockets.closed, store.of("acme")) == ({}, ["mine"], [])


def test_an_expired_credential_does_not_stand(tenant: str) -> None:
    def expire(at: int) -> None:
        change = table.Update(table.activity(), keys.credential(tenant), "SET #expires_at = :at", values={"at": at})
        table.write(change)

    expire(times.now() + 100)
    assert auth.standing([tenant, "unknown"]) == {tenant: frozenset({"admin", "read", "write"})}
    expire(times.now())
    assert auth.standing([tenant]) == {}


def standing(version: int, tenant: str = "acme") -> dict[str, Any]:
    """How forwarding stands, with as many bots as versions."""
    told = {"status": {"service_running": False, "bot_count": version}, "version": version}
    event = events.event("forwarding.status", Caller(tenant, "", "", "req_1"), told)
    return {"detail-type": "forwarding.status", "source": "hub.forwarding", "detail": event}


def test_the_state_of_forwarding_is_pushed_as_it_is(tenant: str, sockets: Sockets) -> None:
    connect(tenant, "c1")
    run(standing(1))
    assert sockets.posted == {"c1": [{"type": "status", "data": {"service_running": False, "bot_count": 1}}]}


def test_whatever_comes_first_the_latest_state_is_the_last_that_is_pushed(
    tenant: str, sockets: Sockets, clock: Clock
) -> None:
    other = auth.credential_hash(memory.bootstrap("other").api_key)
    connect(tenant, "c1", seconds=10_000)
    connect(other, "theirs", tenant="other", seconds=10_000)
    for batch in ([standing(2), forwarded("acme"), standing(1), standing(1, "other")], [standing(1)], [standing(2)]):
        assert run(*batch) == {"batchItemFailures": []}
    counts = [one["data"]["bot_count"] for one in sockets.posted["c1"] if one["type"] == "status"]
    assert counts == [2, 2], "what comes again is pushed again, what is older is not"
    assert [one["type"] for one in sockets.posted["c1"]].count("log") == 1
    assert len(sockets.posted["theirs"]) == 1
    # A table that was restored tells of versions that were there before.
    clock.advance(store.KEEP_SECONDS + 1)
    run(standing(1))
    assert sockets.posted["c1"][-1]["data"]["bot_count"] == 1


def test_what_was_done_to_a_message_later_is_no_push(tenant: str, sockets: Sockets) -> None:
    connect(tenant, "c1")
    run(forwarded("acme", change="edit"), forwarded("acme", change="delete"))
    assert sockets.posted == {}


def test_a_tenant_without_connections_costs_one_query(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def note(client: Any, operation: str, parameters: Any) -> Any:
        calls.append(operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", note)
    run(*(forwarded("acme") for _ in range(10)))
    assert calls == ["Query"]


def test_a_tenant_that_cannot_be_looked_up_now_comes_again_alone(
    tenant: str, sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tenant, "c1")
    of = store.of

    def busy(name: str) -> Any:
        if name == "busy":
            raise Unavailable
        return of(name)

    monkeypatch.setattr(store, "of", busy)
    answer = run(forwarded("busy"), forwarded("acme"), forwarded("busy"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "2"}]}
    assert sockets.posted == {"c1": [LOG]}


@pytest.mark.parametrize(
    "broken",
    [
        {"detail": {"type": "forward.succeeded", "tenant": "acme", "data": {}}},
        {"detail": {"type": "forward.succeeded", "tenant": "acme", "data": None}},
        {"detail": {"type": "forward.succeeded", "tenant": "A#B", "data": forwarded("acme")["detail"]["data"]}},
        {"detail": {"type": "forward.succeeded", "tenant": 1, "data": forwarded("acme")["detail"]["data"]}},
        {"detail": {"type": "forwarding.status", "tenant": "acme", "data": {"status": "good", "version": 1}}},
        {"detail": {"type": "forwarding.status", "tenant": "acme", "data": {"status": {}, "version": "1"}}},
        forwarded("acme", timestamp="yesterday"),
        "nothing",
    ],
)
def test_what_cannot_be_pushed_is_a_dead_letter_alone(tenant: str, sockets: Sockets, broken: Any) -> None:
    connect(tenant, "c1")
    assert run(broken, forwarded("acme")) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert sockets.posted == {"c1": [LOG]}
