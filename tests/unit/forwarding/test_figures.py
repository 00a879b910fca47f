"""The worker that counts, tells how forwarding stands and clears the log; its sample, its permissions and its cost."""

import json
from collections import Counter
from typing import Any

import pytest
from botocore.client import BaseClient

from functions.forwarding import state
from functions.forwarding.logs import clearing
from functions.forwarding.messages import store
from functions.forwarding.statistics import days
from functions.forwarding.statistics import service as statistics
from functions.forwarding.system import status
from hub import times
from hub.errors import Unavailable
from hub.events import Caller
from hub.store import keys, table
from tests.contract import memory
from tests.contract.forward_logs import count_them, ended, row, write
from tests.contract.sign_in_server import Server, running
from tests.unit.granting import Work, granted
from tests.unit.test_samples import invoke

CALLER = Caller("default", "enterprise", "user_1", "req_1")
NOTHING: dict[str, Any] = {"batchItemFailures": []}


def today() -> int:
    day = days.day_of(times.now_ms())
    return days.between("default", day, day).number()


def told() -> list[dict[str, Any]]:
    """The states that were told, in their order."""
    return [event["data"]["status"] for event in memory.told() if event["type"] == "forwarding.status"]


def changed(running: bool) -> dict[str, Any]:
    state.set_running(CALLER, running)
    return [event for event in memory.told() if event["type"].startswith("forwarder.")][-1]


@pytest.mark.usefixtures("aws")
def test_a_batch_costs_a_read_and_a_write_for_each_tenant_and_day(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def note(client: Any, operation: str, parameters: Any) -> Any:
        calls[operation] += 1
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", note)
    batch = [ended(tenant, row(number)) for tenant in ("default", "other") for number in range(50)]
    assert count_them(batch) == NOTHING
    assert calls == {"GetItem": 2, "PutItem": 2}
    assert today() == 50


@pytest.mark.usefixtures("aws")
def test_edits_and_deletions_do_not_count() -> None:
    edit = store.succeeded("default", row(1), "edit")
    assert count_them([{"detail": edit}, ended("default", row(1))]) == NOTHING
    assert today() == 1


@pytest.mark.usefixtures("aws")
def test_what_cannot_be_counted_now_comes_again_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    add = days.add

    def busy(tenant: str, *more: Any) -> None:
        if tenant == "busy":
            raise Unavailable
        add(tenant, *more)

    monkeypatch.setattr(days, "add", busy)
    answer = count_them([ended("busy", row(1)), ended("default", row(1))])
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert today() == 1


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "changes",
    [
        {"tenant": "A#B"},
        {"tenant": 1},
        {"id": 1},
        {"data": {}},
        {"data": None},
        {"data": {"status": "success#x"}},
        {"data": {"platform": "a b"}},
        {"data": {"latency_ms": "1"}},
        {"data": {"timestamp": "yesterday"}},
        {"type": "logs.clear"},
        {"type": "logs.clear", "data": {"before": "1", "after": ""}},
        {"type": "logs.clear", "data": {"before": 1, "after": "x"}},
    ],
)
def test_a_garbled_event_is_a_dead_letter_alone(changes: dict[str, Any]) -> None:
    good = ended("default", row(1))["detail"]
    broken = json.loads(json.dumps(good)) | {name: one for name, one in changes.items() if name != "data"}
    if "data" in changes:
        is_whole = not changes["data"] or "before" in changes["data"]
        broken["data"] = changes["data"] if is_whole else broken["data"] | changes["data"]
    assert count_them([broken, {"detail": good}]) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert today() == 1


def test_a_state_that_changed_is_told_once(aws: None) -> None:
    memory.bootstrap("default")
    stopped = changed(running=False)
    assert count_them([{"detail": stopped}, {"detail": stopped}]) == NOTHING
    assert count_them([{"detail": stopped}]) == NOTHING
    assert [one["service_running"] for one in told()] == [False]
    assert count_them([{"detail": changed(running=True)}]) == NOTHING
    assert [one["service_running"] for one in told()] == [False, True]
    assert told()[0] == {**status.get("default"), "service_running": False, "uptime_seconds": 0}


def test_two_that_tell_at_once_tell_one_after_the_other(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.bootstrap("default")
    get = status.get
    calls: list[str] = []

    def meanwhile(tenant: str) -> Any:
        found = get(tenant)
        if not calls:
            calls.append("")
            status.tell(CALLER)
        return found

    monkeypatch.setattr(status, "get", meanwhile)
    status.tell(CALLER)
    assert len(told()) == 1, "the other one said it already"


def test_a_store_that_does_not_answer_is_told(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(table, "get", away)
    assert status.answers("default") is False


@pytest.mark.usefixtures("aws")
def test_the_sum_of_days_that_are_over_is_made_anew_after_a_clearing() -> None:
    memory.bootstrap("default")
    old = times.now_ms() - 3 * 86_400_000
    write("default", row(1, created_at=old, updated_at=old), row(2))
    assert statistics.ended("default").number() == 2
    statistics.clear("default", days.day_of(times.now_ms() - 86_400_000))
    assert statistics.ended("default").number() == 1


@pytest.fixture
def token() -> Any:
    """An access token of the tenant's administrator."""
    with running():
        server = Server("default")
        made = server.request("POST", "/api/auth/login", body={"email": server.email, "password": server.password})
        yield str(made.json()["token"])


def old_rows(*numbers: int) -> None:
    old = times.now_ms() - 40 * 86_400_000
    for number in numbers:
        store.write("default", None, row(number, created_at=old, updated_at=old), None)


def test_forward_logs(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write("default", *(row(number) for number in range(1, 4)), row(4, status="failed", latency_ms=None))
    work = Work("ForwardLogsFunction", token, monkeypatch)
    for query in ({}, {"limit": "1"}, {"limit": "1", "status": "failed"}, {"platform": "discord", "cursor": ""}):
        answer = work.run(work.event("GET /api/logs") | {"queryStringParameters": query})
        assert answer["statusCode"] == 200, answer
    work.request("GET /api/logs/stats")
    work.request("POST /api/logs/clear")
    bad = work.event("POST /api/logs/clear") | {"queryStringParameters": {"days": "0"}}
    assert work.run(bad)["statusCode"] == 400
    assert work.used == granted("ForwardLogsFunction")


def test_forward_system(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("ForwardSystemFunction", token, monkeypatch)
    monkeypatch.setenv("UPDATES_URL", "http://127.0.0.1:1/")
    for path in ("/api/system/status", "/api/cache/stats", "/api/health/check", "/health"):
        work.request(f"GET {path}")
    assert work.run(work.event("GET /api/updates/check"))["statusCode"] == 503
    for name in ("stop", "start", "restart"):
        work.request(f"POST /api/system/{name}")
    monkeypatch.setattr(state, "set_running", _refuse)
    assert work.run(work.event("POST /api/system/stop"))["statusCode"] == 503
    assert work.used == granted("ForwardSystemFunction")


def _refuse(*_: Any, **__: Any) -> None:
    raise Unavailable


def test_forward_figures(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old_rows(*range(1, 103))
    monkeypatch.setattr(clearing, "ROWS", 100)
    stopped = changed(running=False)
    work = Work("ForwardFiguresFunction", token, monkeypatch)
    clear = {"type": clearing.TYPE, "tenant": "default", "data": {"before": times.now_ms(), "after": ""}}
    assert work.batch(ended("default", row(200)), {"detail": stopped}, clear) == NOTHING
    assert work.used == granted("ForwardFiguresFunction")


def test_the_samples(aws: None) -> None:
    assert invoke("ForwardFiguresFunction") == NOTHING
    assert days.between("default", "2026-11-20", "2026-11-20").number() == 1
    for function in ("ForwardLogsFunction", "ForwardSystemFunction"):
        assert invoke(function)["statusCode"] == 401
    assert table.get(table.activity(), keys.entity("default", days.KIND, "2026-11-20")) is not None
