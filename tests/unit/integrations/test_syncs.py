"""Syncs against a provider in memory: whatever it does meanwhile, and wherever the function dies."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.client import BaseClient
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from functions.integrations import service, sync
from functions.integrations.models import IntegrationChange
from functions.integrations.syncs import records, store
from functions.integrations.syncs import service as syncs
from hub import times
from hub.connectors.protocol import Disabled, Permanent, Record, Temporary
from hub.errors import Unavailable, Unprocessable
from tests.conftest import Clock
from tests.contract import memory
from tests.unit.integrations.running import (
    CALLER,
    People,
    Source,
    all_records,
    begin,
    figures,
    integrate,
    run,
    step,
)
from tests.unit.interruptions import Calls
from tests.unit.racing import race

pytestmark = pytest.mark.usefixtures("aws")
small = settings(
    max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Source:
    """A provider that every integration reads."""
    made = Source()
    monkeypatch.setattr("hub.connectors.connector", lambda _: made)
    return made


def told() -> list[dict[str, Any]]:
    """What the events of ended syncs tell."""
    names = ("integration.synced", "integration.sync_failed")
    return [event for event in memory.told() if event["type"] in names]


def test_records_are_added_changed_deleted_and_come_back(source: Source, clock: Clock) -> None:
    one = integrate()
    for name in "abcde":
        source.put(name, 1, title=name)
    first = run(begin(one), clock)
    assert (first["status"], first["pages"], first["records_read"], figures(first)) == ("completed", 3, 5, (5, 0, 0))
    assert {row["change"] for row in all_records(one).values()} == {"added"}

    clock.advance(60)
    source.put("b", 2, title="b!")
    source.drop("d")
    source.put("f", 2, title="f")
    second = run(begin(one), clock)
    assert figures(second) == (1, 1, 1)
    found = all_records(one)
    assert {name: row["change"] for name, row in found.items()} == {
        "a": "added", "b": "updated", "c": "added", "d": "deleted", "e": "added", "f": "added",
    }  # fmt: skip
    assert (found["b"]["data"], found["d"]["data"]) == ({"title": "b!"}, {"title": "d"})
    since = {name: row["changed_at"] for name, row in found.items()}
    assert since["a"] == first["created_at"] != since["b"] == since["d"] == second["created_at"]

    clock.advance(60)
    source.put("d", 3, title="d again")
    third = run(begin(one), clock)
    assert figures(third) == (1, 0, 0)
    assert all_records(one)["d"]["change"] == "added"
    assert [event["type"] for event in told()] == ["integration.synced"] * 3
    assert [event["data"]["sync_id"] for event in told()] == [run_["id"] for run_ in (first, second, third)]


def test_what_is_gone_is_deleted_once_and_forgotten_later(source: Source, clock: Clock) -> None:
    one = integrate()
    source.put("a", 1)
    run(begin(one), clock)
    source.drop("a")
    assert [figures(run(begin(one), clock)) for _ in range(2)] == [(0, 0, 1), (0, 0, 0)]
    (item,) = (item for item in memory.stored() if item["pk"]["S"] == f"T#default#RECORD#{one}")
    assert int(item["ttl"]["N"]) == times.now() + records.KEEP_DELETED_SECONDS


def test_a_record_that_is_as_it_was_costs_no_write(
    source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = integrate()
    source.page = 100
    for number in range(250):
        source.put(f"{number}", 1, title="标题" * 50)
    written: list[str] = []
    make = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "BatchWriteItem":
            written.extend(put["PutRequest"]["Item"]["pk"]["S"] for put in parameters["RequestItems"]["ActivityTable"])
        return make(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    run(begin(one), clock)
    assert written == [f"T#default#RECORD#{one}"] * 250
    written.clear()
    again = run(begin(one), clock)
    assert written == [f"T#default#SYNC_SEEN#{again['id']}"] * 3
    assert figures(again) == (0, 0, 0)


def test_contacts_are_read_where_a_provider_has_no_records(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr("hub.connectors.connector", lambda _: People())
    one = integrate()
    assert figures(run(begin(one), clock)) == (1, 0, 0)
    (row,) = all_records(one).values()
    assert (row["id"], row["kind"], row["data"]) == ("6", "contact", {"name": "李四", "avatar": None})


def test_a_provider_that_has_nothing_to_read_fails_the_sync(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    class Deaf(Source):
        abilities = frozenset({"send"})

    monkeypatch.setattr("hub.connectors.connector", lambda _: Deaf())
    ended = run(begin(integrate()), clock)
    assert ended["error"] == {"code": "not_readable", "message": "http has nothing that could be read"}


@pytest.mark.parametrize(
    "trouble",
    [Permanent("400", "bad"), Disabled("401", "revoked")],
)
def test_a_run_that_fails_deletes_nothing(source: Source, clock: Clock, trouble: Permanent) -> None:
    one = integrate()
    for name in "abcd":
        source.put(name, 1)
    run(begin(one), clock)
    for name in "cd":
        source.drop(name)
    source.put("e", 1)
    source.put("f", 1)
    source.troubles = [None, trouble]
    ended = run(begin(one), clock)
    assert (ended["status"], ended["error"]) == ("failed", {"code": trouble.code, "message": trouble.message})
    assert {name: row["change"] for name, row in all_records(one).items()} == dict.fromkeys("abcd", "added")
    assert [event["type"] for event in told()] == ["integration.synced", "integration.sync_failed"]
    assert told()[-1]["data"]["error"] == ended["error"]
    status = service.get("default", one)["status"]
    assert status == ("error" if isinstance(trouble, Disabled) else "active")
    if status == "error":
        with pytest.raises(Unprocessable):
            syncs.start(CALLER, one)


def test_a_provider_s_limit_is_waited_for(source: Source, clock: Clock) -> None:
    one = integrate()
    for name in "abcd":
        source.put(name, 1)
    source.troubles = [None, Temporary("429", "slow down", times.now_ms() + 2_000_000), None]
    state = step(begin(one))
    assert state["step"] == {"status": "waiting", "wait_seconds": sync._MAX_WAIT_SECONDS, "number": 1}
    shown = syncs.get("default", one, state["id"])
    assert (shown["status"], shown["pages"]) == ("running", 1)
    assert shown["retry_at"] == times.iso(times.now() + 2000)
    asked = len(source.asked)
    clock.advance(state["step"]["wait_seconds"])
    assert step(state)["step"]["wait_seconds"] == sync._MAX_WAIT_SECONDS
    assert len(source.asked) == asked, "the provider is not asked before its time"
    assert figures(run(state, clock)) == (4, 0, 0)
    assert times.now() >= clock.START + 2000


def test_patience_has_an_end(source: Source, clock: Clock) -> None:
    one = integrate()
    source.troubles = [Temporary("503", "later")] * 20
    ended = run(begin(one), clock)
    assert (ended["status"], ended["error"]) == ("failed", {"code": "503", "message": "later"})
    assert len(source.asked) == sync.MAX_TROUBLES
    source.troubles = [Temporary("429", "tomorrow", times.now_ms() + 90_000_000)]
    assert run(begin(one), clock)["status"] == "failed"


def test_refusals_that_come_to_nothing_do_not_add_up(source: Source, clock: Clock) -> None:
    one = integrate()
    for number in range(20):
        source.put(f"{number:02}", 1)
    source.troubles = [Temporary("503", "later"), None] * 20
    assert run(begin(one), clock)["status"] == "completed"


def test_there_is_one_sync_at_a_time_and_a_dead_one_holds_nobody_up(source: Source, clock: Clock) -> None:
    one = integrate()
    source.put("a", 1)
    ids = {made["id"] for made in race(6, lambda _: syncs.start(CALLER, one))}
    assert len(ids) == 1
    assert [state["id"] for state in memory.executions("IntegrationSyncStateMachine")] == list(ids)
    first = {"tenant": "default", "integration_id": one, "id": ids.pop(), "step": {"number": 0}}
    clock.advance(store.ALIVE_MS / 1000 + 1)
    assert syncs.get("default", one, first["id"])["error"] == store.STOPPED
    second = begin(one)
    assert second["id"] != first["id"]
    assert step(first)["step"]["status"] == "ended", "it may not go on where another has begun"
    assert run(second, clock)["status"] == "completed"
    assert [(event["type"], event["data"]["sync_id"]) for event in told()] == [
        ("integration.sync_failed", first["id"]),
        ("integration.synced", second["id"]),
    ]
    assert begin(one)["id"] != second["id"]


def test_a_start_that_was_lost_is_made_up_for(source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    one = integrate()
    calls = Calls(monkeypatch)
    source.put("a", 1)
    for at in range(10):
        with calls.dying(at, after=False) as died:
            begin(one)
        if not died:
            break
    machine = "IntegrationSyncStateMachine"
    clock.advance(60)
    state = begin(one)
    assert [started["id"] for started in memory.executions(machine)] == [state["id"]]
    assert syncs.start(CALLER, one)["id"] == state["id"]
    assert run(state, clock)["status"] == "completed"


def test_of_two_at_one_step_one_waits(source: Source, clock: Clock) -> None:
    one = integrate()
    for name in "abc":
        source.put(name, 1)
    state = begin(one)
    meanwhile: list[dict[str, Any]] = []
    source.before_page = lambda: meanwhile.append(step(state)["step"])
    assert figures(run(state, clock)) == (3, 0, 0)
    assert {told["status"] for told in meanwhile} == {"waiting"}
    assert {told["wait_seconds"] for told in meanwhile} == {store.CLAIM_MS // 1000}


def test_a_step_that_lost_its_claim_writes_nothing(source: Source, clock: Clock) -> None:
    one = integrate()
    source.put("a", 1)
    state = begin(one)

    def stall() -> None:
        source.before_page = lambda: None
        clock.advance(store.CLAIM_MS / 1000 + 1)
        assert run(state, clock)["status"] == "completed"
        source.put("a", 2)

    source.before_page = stall
    assert step(state)["step"]["status"] == "waiting"
    assert all_records(one)["a"]["updated_at"] == times.iso_ms(1)


def test_a_slow_provider_keeps_its_sync(source: Source, clock: Clock) -> None:
    one = integrate()
    source.put("a", 1)
    source.before_page = lambda: clock.advance(store.CLAIM_MS / 1000 + 1)
    assert figures(run(begin(one), clock)) == (1, 0, 0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"config": {"records_url": "http://127.0.0.1:1/other", "token": "another"}}, "config_changed"),
        ({"status": "inactive"}, "integration_inactive"),
        (None, "integration_deleted"),
    ],
)
def test_a_sync_ends_where_its_integration_does(source: Source, clock: Clock, change: Any, code: str) -> None:
    one = integrate()
    source.put("a", 1)
    state = begin(one)
    if change:
        service.change(CALLER, one, IntegrationChange.model_validate(change))
    else:
        service.delete(CALLER, one)
    assert step(state)["step"]["status"] == "ended"
    assert store.get("default", one, state["id"]).error["code"] == code  # type: ignore[index]


def test_a_name_that_changes_meanwhile_changes_nothing(source: Source, clock: Clock) -> None:
    one = integrate()
    state = begin(one)
    service.change(CALLER, one, IntegrationChange(name="新的名称"))
    assert run(state, clock)["status"] == "completed"


def test_a_list_without_end_is_given_up(source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "MAX_READ", 6)
    one = integrate()
    for number in range(20):
        source.put(f"{number:02}", 1)
    ended = run(begin(one), clock)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "too_many_records")  # type: ignore[index]
    assert figures(ended) == (6, 0, 0)


def test_a_page_or_a_cursor_without_measure_is_refused(
    source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = integrate()
    source.page = 100
    for number in range(20):
        source.put(f"{number:02}", 1)
    for bound in ("MAX_PAGE", "MAX_CURSOR"):
        with monkeypatch.context() as patch:
            patch.setattr(sync, bound, 0)
            source.page = 100 if bound == "MAX_PAGE" else 2
            ended = run(begin(one), clock)
        assert (ended["status"], ended["error"]["code"]) == ("failed", "bad_answer")  # type: ignore[index]
    assert not all_records(one)


def test_a_function_that_only_fails_is_given_up(source: Source, clock: Clock) -> None:
    state = begin(integrate())

    def broken() -> None:
        raise RuntimeError

    source.before_page = broken
    with pytest.raises(RuntimeError):
        step(state)
    with pytest.raises(Unavailable):
        step({**state, "gives_up": True})
    clock.advance(store.CLAIM_MS / 1000 + 1)
    assert step({**state, "gives_up": True})["step"]["status"] == "ended"
    (event,) = told()
    assert (event["type"], event["data"]["error"]["code"]) == ("integration.sync_failed", "internal_error")


def test_a_long_sync_goes_on_in_another_execution(
    source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "STEP_SECONDS", 0)
    monkeypatch.setattr(sync, "STEPS_PER_EXECUTION", 3)
    for number in range(10):
        source.put(f"{number:02}", 1)
    state, statuses = begin(integrate()), []
    while state["step"]["status"] != "ended":
        state = step(state)
        statuses.append(state["step"]["status"])
    assert statuses == ["running", "running", "continued", "running", "running", "ended"]


@pytest.mark.parametrize(
    ("kind", "told_id"),
    [("a#b", "1"), ("a", "b#1"), ("a", "x" * 256), ("a", "长" * 256), ("a", "\ud800"), ("a", "\n"), ("a", "%0")],
)
def test_any_id_can_be_kept_and_listed(source: Source, clock: Clock, kind: str, told_id: str) -> None:
    one = integrate()
    source.put("0", 1)
    source.put("1", 1)
    source.rows["1"] = Record(told_id, kind, {"text": "\ud800", "n": 1.5}, None)
    assert [figures(run(begin(one), clock)) for _ in range(2)] == [(2, 0, 0), (0, 0, 0)]
    found = all_records(one, limit=1)
    assert len(found) == 2
    source.drop("1")
    run(begin(one), clock)
    (gone,) = all_records(one, change="deleted", limit=1).values()
    assert gone["kind"] == kind
    assert gone["data"] == {"text": "?", "n": 1.5}


def test_what_is_too_long_is_kept_without_its_data(source: Source, clock: Clock) -> None:
    one = integrate()
    source.put("a", 1, text="x" * records.MAX_DATA_BYTES)
    assert [figures(run(begin(one), clock)) for _ in range(2)] == [(1, 0, 0), (0, 0, 0)]
    assert all_records(one)["a"]["data"] is None


def test_records_are_listed_by_kind_and_change(source: Source, clock: Clock) -> None:
    one = integrate()
    for number in range(9):
        source.put(f"{number}", 1)
    source.rows["8"] = Record("8", "pull_request", {}, 1)
    run(begin(one), clock)
    source.put("2", 2)
    source.drop("3")
    run(begin(one), clock)
    assert set(all_records(one, kind="issue", limit=2)) == set("01234567")
    assert set(all_records(one, kind="pull_request")) == {"8"}
    assert set(all_records(one, change="added", limit=2)) == set("0145678")
    assert set(all_records(one, change="updated")) == {"2"}
    assert set(all_records(one, change="deleted", kind="issue")) == {"3"}
    assert not all_records(one, change="deleted", kind="pull_request")


def test_a_request_looks_at_a_bound_of_rows(source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_PASSED", 4)
    one = integrate()
    for number in range(30):
        source.put(f"{number:02}", 1)
    source.page = 100
    run(begin(one), clock)
    for number in range(29):
        source.put(f"{number:02}", 2)
    run(begin(one), clock)
    from functions.integrations.syncs.models import RecordParameters

    first = records.listed("default", one, RecordParameters(change="added", limit=1))
    assert (first.items, first.next is None) == ([], False)
    assert set(all_records(one, change="added", limit=1)) == {"29"}


def test_records_of_a_deleted_integration_are_forgotten_some_at_a_time(source: Source, clock: Clock) -> None:
    one, other = integrate(), integrate()
    source.page = 100
    for number in range(30):
        source.put(f"{number:02}", 1)
    for each in (one, other):
        run(begin(each), clock)
    ends: list[bool] = []
    while True not in ends:
        ends.append(records.forget("default", one, 10))
    assert 3 <= len(ends) <= 5
    assert (len(all_records(one)), len(all_records(other))) == (0, 30)


# What the provider does between two pages, or to a version; and where the function dies.
deeds = st.lists(
    st.tuples(st.sampled_from(["put", "stale", "drop"]), st.sampled_from("abcdefgh"), st.integers(1, 5)), max_size=4
)
deaths = st.one_of(st.none(), st.tuples(st.integers(0, 12), st.booleans()))


@small
@given(
    rounds=st.lists(st.tuples(st.lists(deeds, max_size=5), st.lists(deaths, max_size=5)), min_size=1, max_size=3),
    page=st.integers(1, 3),
    repeats=st.integers(0, 2),
    seconds=st.sampled_from([0, 1000]),
)
def test_whatever_happens_meanwhile_records_are_what_was_read(
    source: Source,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    rounds: list[tuple[list[list[tuple[str, str, int]]], list[tuple[int, bool] | None]]],
    page: int,
    repeats: int,
    seconds: int,
) -> None:
    """Live are those that the run was served, each in its newest version; what ends early deletes nothing."""
    assume(rounds)
    monkeypatch.setattr(sync, "STEP_SECONDS", seconds)
    calls = Calls(monkeypatch)
    source.rows.clear()
    source.places.clear()
    source.page, source.repeats = page, repeats
    one = integrate()
    newest: dict[str, Record] = {}
    for between, dying in rounds:
        pending = [*between]
        source.before_page = _doing(source, pending)
        source.served = []
        ended = _run_dying(begin(one), clock, calls, [*dying])
        assert ended["status"] == "completed"
        served = {row.id for row in source.served}
        found = all_records(one)
        live = {name for name, row in found.items() if row["change"] != "deleted"}
        if not any(dying):
            assert live == served
        assert live <= served, "nothing lives that this run was not served"
        for row in source.served:
            if row.id not in newest or (newest[row.id].updated_at or 0) <= (row.updated_at or 0):
                newest[row.id] = row
        if not any(dying):
            for name in live:
                assert found[name]["updated_at"] == times.iso_ms(newest[name].updated_at or 0)
        clock.advance(60)
    # At rest two runs more: the first brings all that was missed, the second finds nothing to do.
    source.before_page = lambda: None
    before = {name: row for name, row in all_records(one).items() if row["change"] != "deleted"}
    last = run(begin(one), clock)
    found = all_records(one)
    live = {name for name, row in found.items() if row["change"] != "deleted"}
    assert live == set(source.rows)
    assert (last["added"], last["deleted"]) == (len(live - before.keys()), len(before.keys() - live))
    assert figures(run(begin(one), clock)) == (0, 0, 0)
    assert all_records(one) == found, "unchanged is unchanged since then"


def _doing(source: Source, pending: list[list[tuple[str, str, int]]]) -> Callable[[], None]:
    """What the provider does before each of its pages."""

    def do() -> None:
        for deed in pending.pop(0) if pending else []:
            _do(source, deed)

    return do


def _do(source: Source, deed: tuple[str, str, int]) -> None:
    what, name, version = deed
    match what:
        case "put":
            known = source.rows.get(name)
            source.put(name, max(version, known.updated_at or 0 if known else 0), version=version)
        case "stale" if name in source.rows:
            source.rows[name] = replace(source.rows[name], updated_at=version, data={"stale": version})
        case "drop" if name in source.rows:
            source.drop(name)


def _run_dying(state: dict[str, Any], clock: Clock, calls: Calls, dying: list[tuple[int, bool] | None]) -> Any:
    for _ in range(300):
        death = dying.pop(0) if dying else None
        if death is None:
            state = step(state)
        else:
            with calls.dying(*death) as died:
                state = step(state)
            if died:
                clock.advance(1)
                continue
        if state["step"]["status"] == "ended":
            return syncs.get("default", state["integration_id"], state["id"])
        clock.advance(state["step"]["wait_seconds"])
    raise AssertionError("it never ends")
