"""The worker that counts, tells how forwarding stands and clears the log; its sample, its permissions and its cost."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from botocore.client import BaseClient

from functions.forwarding import state
from functions.forwarding.accounts import store as accounts
from functions.forwarding.bots import store as bots
from functions.forwarding.logs import clearing
from functions.forwarding.mappings import store as mappings
from functions.forwarding.messages import store
from functions.forwarding.statistics import days
from functions.forwarding.statistics import service as statistics
from functions.forwarding.system import status
from hub import times
from hub.errors import Unavailable
from hub.store import keys, table
from tests.contract import memory
from tests.contract.forward_logs import count_them, ended, write
from tests.contract.memory import TEMPLATE
from tests.contract.sign_in_server import Server, running
from tests.forwarder import caller, new_account, new_bot, new_mapping, row
from tests.unit.granting import Work, granted
from tests.unit.samples import invoke

CALLER = caller()
NOTHING: dict[str, Any] = {"batchItemFailures": []}


def today() -> int:
    day = days.day_of(times.now_ms())
    return days.between("default", day, day).number()


def told() -> list[dict[str, Any]]:
    """The states that were told, in their order."""
    return [event["data"]["status"] for event in memory.told("forwarding.status")]


def changed(running: bool) -> dict[str, Any]:
    state.set_running(CALLER, running)
    return memory.told("forwarder.")[-1]


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


def test_each_change_of_a_count_is_told_and_no_other(aws: None) -> None:
    memory.bootstrap("default")
    rule = TEMPLATE["Resources"]["ForwardFiguresRule"]["Properties"]["EventPattern"]["detail-type"]
    seen: set[str] = set()
    counts = ("account_count", "active_accounts", "bot_count", "mapping_count")

    def pushed() -> list[tuple[int, ...]]:
        """What is pushed of the events that came since, as the rule lets them through."""
        before = len(told())
        for event in memory.told():
            if event["type"] in rule and event["id"] not in seen:
                assert count_them([{"detail": event}]) == NOTHING
            seen.add(event["id"])
        return [tuple(one[name] for name in counts) for one in told()[before:]]

    account = new_account()
    assert pushed() == [(1, 1, 0, 0)]
    accounts.note("default", account, "error", {"code": "401", "message": "gone"})
    assert pushed() == [(1, 0, 0, 0)]
    bot = new_bot()
    mapping = mappings.get("default", new_mapping(bot))
    assert pushed() == [(1, 0, 1, 1)], "two changes that are there when they are looked for are one"
    mappings.replace(CALLER, mapping, replace(mapping, enabled=False, version=2))
    bots.replace(CALLER, bot, replace(bot, name="新名", version=2))
    accounts.replace(
        CALLER, accounts.get("default", account.id), replace(account, version=3, login=b"x", status="error")
    )
    assert pushed() == []
    mappings.remove(CALLER, mappings.get("default", mapping.id))
    assert pushed() == [(1, 0, 1, 0)]
    bots.remove(CALLER, bots.get("default", bot.id))
    assert pushed() == [(1, 0, 0, 0)]
    accounts.remove(CALLER, accounts.get("default", account.id))
    assert pushed() == [(0, 0, 0, 0)]


def test_two_that_tell_at_once_tell_one_after_the_other(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.bootstrap("default")
    get = status.get
    calls: list[str] = []

    def meanwhile(tenant: str, **how: Any) -> Any:
        found = get(tenant, **how)
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
