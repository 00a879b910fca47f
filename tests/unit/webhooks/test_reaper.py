"""What nobody attends to any more is found and goes on; what somebody attends to is left alone."""

from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.webhooks import delivery, log, reaper
from functions.webhooks.log import StoredDelivery
from hub import aws as clients
from hub import times
from hub.store import keys, table
from tests.conftest import Clock
from tests.contract import memory
from tests.unit.webhooks.conftest import Webhooks, failed

pytestmark = pytest.mark.usefixtures("clock")

URL = "https://example.com/hook"
OVERDUE = reaper.OVERDUE_MS // 1000


@pytest.fixture
def hook(webhooks: Webhooks) -> str:
    hook_id: str = webhooks.deployment.new_webhook()["id"]
    return hook_id


def reap(webhooks: Webhooks) -> None:
    """Run it as its schedule does."""
    reaper.handler({"time": times.iso(times.now())}, None)


def pending(webhooks: Webhooks, hook: str, due_in: int = 0) -> StoredDelivery:
    """A delivery whose first attempt failed; nobody attends to its next one."""
    made = delivery.new(webhooks.deployment.tenant, hook, webhooks.event())
    outcome = {"at": times.now_ms(), "code": 500, "ms": 1, "error": None}
    row = delivery.with_attempt(made, outcome, "pending", times.now_ms() + due_in * 1000)
    log.put([row])
    return row


def stored(webhooks: Webhooks, row: StoredDelivery) -> StoredDelivery:
    (found,) = [one for one in webhooks.rows(row.webhook_id) if one["sk"] == row.id]
    return log.from_item(row.tenant, row.webhook_id, found)


def test_what_is_overdue_goes_on_as_its_next_generation(webhooks: Webhooks, hook: str, clock: Clock) -> None:
    row = pending(webhooks, hook, due_in=5)
    clock.advance(5 + OVERDUE + 1)
    reap(webhooks)
    (execution,) = memory.executions()
    place = {"tenant": row.tenant, "webhook_id": hook, "id": row.id, "generation": 1}
    assert execution == place | {"outcome": {"status": "pending", "wait_seconds": 0}}
    after = stored(webhooks, row)
    assert (after.status, after.generation, after.tries) == ("pending", 1, 1), "the tries go on where they stood"
    assert webhooks.retry(execution)["status"] == "success"
    reap(webhooks)
    assert stored(webhooks, row).status == "success"
    assert len(memory.executions()) == len(webhooks.receivers.sent) == 1


def test_what_is_left_of_the_old_generation_finds_itself_overtaken(webhooks: Webhooks, hook: str, clock: Clock) -> None:
    row = pending(webhooks, hook)
    clock.advance(OVERDUE + 1)
    reap(webhooks)
    old = {"tenant": row.tenant, "webhook_id": hook, "id": row.id, "generation": 0, "outcome": {"status": "pending"}}
    assert webhooks.retry(old)["status"] == "gone"
    assert webhooks.receivers.sent == []
    assert stored(webhooks, row).status == "pending"


@pytest.mark.parametrize("due_in", [0, 1, 36_000])
def test_what_is_not_overdue_is_left_alone(webhooks: Webhooks, hook: str, clock: Clock, due_in: int) -> None:
    row = pending(webhooks, hook, due_in)
    clock.advance(OVERDUE - 1)
    reap(webhooks)
    assert stored(webhooks, row) == row
    assert memory.executions() == []


def test_what_waits_for_its_slot_is_alive(webhooks: Webhooks, hook: str, clock: Clock) -> None:
    row = pending(webhooks, hook)
    clock.advance(OVERDUE + 1)
    assert log.postpone(row, times.now_ms() + 7_200_000)
    reap(webhooks)
    clock.advance(7200)
    reap(webhooks)
    assert stored(webhooks, row).generation == 0
    clock.advance(OVERDUE + 1)
    reap(webhooks)
    assert stored(webhooks, row).generation == 1


def test_an_index_that_is_late_disturbs_nobody(
    webhooks: Webhooks, hook: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, postponed, gone = (pending(webhooks, hook) for _ in range(3))
    clock.advance(OVERDUE + 1)
    log.record(ended, {"at": times.now_ms(), "code": 200, "ms": 1, "error": None}, "success")
    log.postpone(postponed, times.now_ms())
    table.write(table.Delete(table.activity(), keys.belonging(gone.tenant, "DELIVERY", hook, gone.id)))
    before = webhooks.rows(hook)
    places = {0: [row.place for row in (ended, postponed, gone)]}
    monkeypatch.setattr(log, "overdue", lambda shard, *_: places.get(shard, []))
    reap(webhooks)
    assert webhooks.rows(hook) == before
    assert memory.executions() == []


def test_of_two_runs_at_once_one_takes_it(
    webhooks: Webhooks, hook: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = pending(webhooks, hook)
    clock.advance(OVERDUE + 1)
    together = log.together

    def overtaken(*arguments: Any, **more: Any) -> Any:
        found = together(*arguments, **more)
        monkeypatch.setattr(log, "together", together)
        reap(webhooks)
        return found

    monkeypatch.setattr(log, "together", overtaken)
    reap(webhooks)
    assert [execution["generation"] for execution in memory.executions()] == [1]
    assert stored(webhooks, row).generation == 1


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_a_webhook_that_is_gone_or_inactive_ends_it(webhooks: Webhooks, hook: str, clock: Clock, method: str) -> None:
    row = pending(webhooks, hook)
    webhooks.deployment.call(method, f"/v1/webhooks/{hook}", {"active": False} if method == "PUT" else None)
    clock.advance(OVERDUE + 1)
    reap(webhooks)
    assert stored(webhooks, row).status == "failed"
    assert memory.executions() == []


def test_a_run_that_dies_half_way_is_made_good_by_a_later_one(
    webhooks: Webhooks, hook: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken over, and no execution."""
    row = pending(webhooks, hook)
    clock.advance(OVERDUE + 1)
    refused = ClientError({"Error": {"Code": "ServiceUnavailable"}}, "StartExecution")

    def refuse(**_: Any) -> Any:
        raise refused

    with monkeypatch.context() as unwell:
        unwell.setattr(clients.stepfunctions(), "start_execution", refuse)
        with pytest.raises(ExceptionGroup):
            reap(webhooks)
    assert (stored(webhooks, row).generation, memory.executions()) == (1, [])
    clock.advance(OVERDUE + 1)
    reap(webhooks)
    assert [execution["generation"] for execution in memory.executions()] == [2]


def test_a_broken_row_keeps_no_other_waiting(
    webhooks: Webhooks, hook: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [pending(webhooks, hook) for _ in range(20)]
    broken = rows[7]
    place = keys.belonging(broken.tenant, "DELIVERY", hook, broken.id)
    table.write(table.Update(table.activity(), place, "REMOVE #attempts"))
    clock.advance(OVERDUE + 1)
    with pytest.raises(ExceptionGroup) as raised:
        reap(webhooks)
    assert len(raised.value.exceptions) == 1
    assert {execution["id"] for execution in memory.executions()} == {row.id for row in rows if row is not broken}


def test_a_run_is_bounded_and_the_next_takes_the_rest(
    webhooks: Webhooks, hook: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaper, "MAX_REAPED", log.SHARDS)
    for _ in range(20):
        pending(webhooks, hook)
    clock.advance(OVERDUE + 1)
    counts: list[int] = []
    while not counts or len(memory.executions()) > counts[-1]:
        counts.append(len(memory.executions()))
        assert len(counts) <= 21
        reap(webhooks)
    assert counts[-1] == 20
    assert all(later - earlier <= log.SHARDS for earlier, later in pairwise(counts))


def test_all_tenants_are_seen_to(webhooks: Webhooks, other_tenant: Any, hook: str, clock: Clock) -> None:
    others = Webhooks(other_tenant, webhooks.receivers)
    theirs = pending(others, other_tenant.new_webhook()["id"])
    mine = pending(webhooks, hook)
    clock.advance(OVERDUE + 1)
    reap(webhooks)
    assert {(one["tenant"], one["id"]) for one in memory.executions()} == {
        (row.tenant, row.id) for row in (mine, theirs)
    }
    for execution in memory.executions():
        assert webhooks.retry(execution)["status"] == "success"


def test_a_worker_that_dies_after_its_attempt_was_noted(
    webhooks: Webhooks, hook: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deliver function's own case: its row is pending, its execution was never started, its message is gone."""
    webhooks.receivers.answers[URL] = [500]
    with monkeypatch.context() as dead:
        dead.setattr(delivery, "keep_trying", lambda row: None)
        assert webhooks.deliver(webhooks.message(hook)) == failed()
    assert memory.executions() == []
    clock.advance(OVERDUE + 10)
    reap(webhooks)
    (execution,) = memory.executions()
    assert webhooks.retry(execution)["status"] == "success"
    assert [row["status"] for row in webhooks.logs(hook)] == ["success"]
