"""Retries asked for by hand: what is accepted is claimed, once, and arrives whatever happens on the way."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.webhooks import endpoints, log, reaper, service
from functions.webhooks.delivery import INACTIVE, new, unsent
from functions.webhooks.log import StoredDelivery
from hub import aws as clients
from hub import queues, times
from hub.errors import Unavailable
from hub.store import table
from tests.conftest import Clock
from tests.contract import memory
from tests.unit.webhooks.conftest import Queued, Webhooks, failed

URL = "https://example.com/hook"
DAY = 86_400


@pytest.fixture
def hook(webhooks: Webhooks) -> str:
    hook_id: str = webhooks.deployment.new_webhook()["id"]
    return hook_id


def miss(webhooks: Webhooks, hook: str, number: int = 1) -> list[StoredDelivery]:
    """Failed deliveries, the oldest first."""
    rows = [unsent(new(webhooks.deployment.tenant, hook, webhooks.event()), INACTIVE) for _ in range(number)]
    log.put(rows)
    return sorted(rows, key=lambda row: row.id)


def ask(webhooks: Webhooks, hook: str, body: Any = None) -> Any:
    return webhooks.deployment.call("POST", f"/v1/webhooks/{hook}/retry", body)


def accepted(webhooks: Webhooks, hook: str, body: Any = None) -> tuple[int, bool]:
    answer = ask(webhooks, hook, body)
    assert answer.status == 202, answer.text
    return answer.json["data"]["accepted"], answer.json["data"]["has_more"]


def a_test(webhooks: Webhooks, hook: str) -> str:
    """A test that was answered with 500."""
    webhooks.receivers.answers[URL] = [500]
    answer = webhooks.deployment.call("POST", f"/v1/webhooks/{hook}/test")
    assert answer.json["data"]["success"] is False
    return str(answer.json["data"]["log_id"])


def slots_taken(webhooks: Webhooks, hook: str) -> int:
    """How many slots were taken of the running minute and those after it."""
    item = table.get(table.activity(), endpoints.key(webhooks.deployment.tenant, hook))
    return 0 if item is None else int(item["next_at"] - times.now_ms() // 60_000 * 60_000) // 600


def test_after_repair_what_failed_is_sent_again(webhooks: Webhooks, hook: str) -> None:
    miss(webhooks, hook)
    assert accepted(webhooks, hook) == (1, False)
    assert webhooks.deliver(*webhooks.queued()) == failed()
    (row,) = webhooks.logs(hook)
    assert row["status"] == "success"
    assert [attempt["response_code"] for attempt in row["attempts"]] == [None, 200]
    assert ask(webhooks, hook).status == 422


def test_what_is_accepted_is_pending_with_a_generation_of_its_own(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock
) -> None:
    rows = miss(webhooks, hook, 150)
    assert accepted(webhooks, hook) == (150, False)
    stored = {row["sk"]: row for row in webhooks.rows(hook)}
    assert [one.message["id"] for one in lanes] == [row.id for row in rows]
    for one in lanes:
        row = log.from_item("default", hook, stored[one.message["id"]])
        assert (row.status, row.generation, row.tries) == ("pending", one.message["generation"], 0)
        assert row.due_at == one.message["due"] >= times.now_ms(), "by which the reaper finds it"
        assert row.generation == 1


def test_who_asks_twice_is_told_that_nothing_is_left(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock
) -> None:
    miss(webhooks, hook, 30)
    assert accepted(webhooks, hook) == (30, False)
    again = ask(webhooks, hook)
    assert (again.status, again.json["message"]) == (422, "没有可重试的失败记录")
    assert len(lanes) == slots_taken(webhooks, hook) == 30


def test_who_follows_has_more_gets_all_of_them_once(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_RETRIED", 100)
    rows = miss(webhooks, hook, 250)
    assert [accepted(webhooks, hook) for _ in range(3)] == [(100, True), (100, True), (50, False)]
    assert [one.message["id"] for one in lanes] == [row.id for row in rows]
    assert slots_taken(webhooks, hook) == 250


def test_who_follows_has_more_goes_on_though_the_index_is_late(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_RETRIED", 20)
    rows = miss(webhooks, hook, 50)
    pages = table.pages
    copies: dict[str, Any] = {}

    def late(query: table.Query, **bounds: Any) -> Any:
        if query.index != "gsi1":
            return pages(query, **bounds)
        return copies.setdefault(query.pk, list(pages(query, limit=1000)))

    monkeypatch.setattr(table, "pages", late)
    assert [accepted(webhooks, hook) for _ in range(3)] == [(20, True), (20, True), (10, False)]
    assert [one.message["id"] for one in lanes] == [row.id for row in rows]
    assert slots_taken(webhooks, hook) == 50


def test_of_two_that_ask_at_once_each_is_told_of_what_is_its_own(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    miss(webhooks, hook, 30)
    claim = log.claim
    others: list[tuple[int, bool]] = []

    def other_first(row: StoredDelivery, due_at: int) -> bool:
        if not others:
            others.append((0, False))
            others.append(accepted(webhooks, hook, {"log_ids": named}))
        return claim(row, due_at)

    named = [row["sk"] for row in webhooks.rows(hook)[:10]]
    monkeypatch.setattr(service, "CLAIMS_AT_ONCE", 1)
    monkeypatch.setattr(log, "claim", other_first)
    assert accepted(webhooks, hook) == (20, False)
    assert others[1] == (10, False)
    assert len({one.message["id"] for one in lanes}) == len(lanes) == 30


def test_where_the_table_does_not_keep_up_the_rest_is_left_for_later(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    miss(webhooks, hook, 30)
    claim = log.claim
    claimed: list[str] = []

    def throttled(row: StoredDelivery, due_at: int) -> bool:
        if len(claimed) == 12:
            raise Unavailable
        claimed.append(row.id)
        return claim(row, due_at)

    monkeypatch.setattr(service, "CLAIMS_AT_ONCE", 1)
    with monkeypatch.context() as unwell:
        unwell.setattr(log, "claim", throttled)
        assert accepted(webhooks, hook) == (12, True)
        assert ask(webhooks, hook).status == 503
    assert [one.message["id"] for one in lanes] == claimed
    assert accepted(webhooks, hook) == (18, False)


@pytest.mark.parametrize("how", ["refused", "down", "killed"])
def test_what_was_claimed_and_never_queued_is_found_by_the_reaper(
    webhooks: Webhooks, hook: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: Any) -> Any:
        raise Killed

    down = ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessageBatch")

    def refuse(**_: Any) -> Any:
        raise down

    miss(webhooks, hook)
    with monkeypatch.context() as unwell:
        if how == "refused":
            unwell.setattr(clients.sqs(), "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
            assert accepted(webhooks, hook) == (1, False)
        elif how == "down":
            unwell.setattr(clients.sqs(), "send_message_batch", refuse)
            ask(webhooks, hook)
        else:
            unwell.setattr(queues, "send", kill)
            with pytest.raises(Killed):
                ask(webhooks, hook)
    assert webhooks.queued() == []
    assert [row["status"] for row in webhooks.rows(hook)] == ["pending"]
    clock.advance(reaper.OVERDUE_MS / 1000 + 1)
    reaper.handler({"time": times.iso(times.now())}, SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000))
    (execution,) = memory.executions()
    assert webhooks.retry(execution)["status"] == "success"
    assert len(webhooks.receivers.sent) == 1


def test_a_message_that_comes_twice_is_sent_once(webhooks: Webhooks, hook: str) -> None:
    miss(webhooks, hook)
    accepted(webhooks, hook)
    queued = webhooks.queued()
    webhooks.deliver(*queued)
    webhooks.deliver(*queued)
    assert len(webhooks.receivers.sent) == 1


def test_a_new_generation_that_fails_gets_its_own_retries(webhooks: Webhooks, hook: str) -> None:
    miss(webhooks, hook)
    ask(webhooks, hook)
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(*webhooks.queued())
    assert [execution["generation"] for execution in memory.executions()] == [1]
    assert webhooks.logs(hook)[0]["status"] == "pending"
    assert ask(webhooks, hook).status == 422, "it is under way"


def test_an_old_execution_does_not_touch_a_new_generation(webhooks: Webhooks, hook: str, clock: Clock) -> None:
    webhooks.receivers.answers[URL] = [500] * 4
    webhooks.deliver(webhooks.message(hook))
    (old,) = memory.executions()
    for _ in range(3):
        clock.advance(old["outcome"]["wait_seconds"])
        old["outcome"] = webhooks.retry(old)
    assert old["outcome"]["status"] == "failed"
    ask(webhooks, hook)
    assert webhooks.retry(old)["status"] == "gone"
    assert webhooks.logs(hook)[0]["status"] == "pending"
    assert len(webhooks.receivers.sent) == 4


def test_only_the_named_are_sent(webhooks: Webhooks, hook: str) -> None:
    _, wanted, _ = miss(webhooks, hook, 3)
    assert accepted(webhooks, hook, {"log_ids": [wanted.id]}) == (1, False)
    assert [message["id"] for message in webhooks.queued()] == [wanted.id]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"log_ids": ["log_none"]}, "log_ids.0"),
        ({"log_ids": []}, "log_ids"),
        ({"log_ids": "log_1"}, "log_ids"),
        ({"log_ids": [1]}, "log_ids.0"),
        ({"log_ids": ["a"] * 101}, "log_ids"),
        ({"ids": ["a"]}, "ids"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_request_sends_nothing(webhooks: Webhooks, hook: str, body: Any, field: str) -> None:
    miss(webhooks, hook)
    answer = ask(webhooks, hook, body)
    assert answer.status == 400
    assert answer.json["error"]["details"]["field"] == field
    assert webhooks.queued() == []


def arrived(webhooks: Webhooks, hook: str) -> str:
    webhooks.deliver(webhooks.message(hook))
    return str(webhooks.logs(hook)[0]["id"])


def under_way(webhooks: Webhooks, hook: str) -> str:
    (row,) = miss(webhooks, hook)
    accepted(webhooks, hook)
    return row.id


@pytest.mark.parametrize(
    ("make", "reason"),
    [(arrived, "不是失败的记录"), (under_way, "不是失败的记录"), (a_test, "是测试事件,不能重试")],
)
def test_what_cannot_be_sent_again_is_named(
    webhooks: Webhooks, hook: str, make: Callable[[Webhooks, str], str], reason: str
) -> None:
    log_id = make(webhooks, hook)
    webhooks.queued()
    (other,) = miss(webhooks, hook)
    answer = ask(webhooks, hook, {"log_ids": [other.id, log_id]})
    assert answer.status == 400
    assert answer.json["error"]["details"] == {"field": "log_ids.1", "reason": reason}
    assert webhooks.queued() == []


def test_tests_are_not_sent_again_with_the_others(webhooks: Webhooks, hook: str) -> None:
    a_test(webhooks, hook)
    assert ask(webhooks, hook).status == 422, "nothing else has failed"
    (row,) = miss(webhooks, hook)
    a_test(webhooks, hook)
    assert accepted(webhooks, hook) == (1, False)
    assert [message["id"] for message in webhooks.queued()] == [row.id]


def test_a_test_takes_no_slot_and_waits_for_no_pause(webhooks: Webhooks, hook: str, clock: Clock) -> None:
    endpoints.reserve(webhooks.deployment.tenant, hook, 1)
    endpoints.pause(webhooks.deployment.tenant, hook, times.now_ms() + 600_000)
    before = slots_taken(webhooks, hook)
    answer = webhooks.deployment.call("POST", f"/v1/webhooks/{hook}/test")
    assert (answer.json["data"]["success"], len(webhooks.receivers.sent)) == (True, 1)
    assert slots_taken(webhooks, hook) == before


def test_a_row_is_kept_for_as_long_after_a_retry_as_after_its_event(
    webhooks: Webhooks, hook: str, clock: Clock
) -> None:
    miss(webhooks, hook)
    clock.advance(29 * DAY)
    accepted(webhooks, hook)

    def days_left() -> float:
        return float(webhooks.rows(hook)[0]["ttl"] - times.now()) / DAY

    assert days_left() == 30
    clock.advance(DAY)
    (message,) = webhooks.queued()
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(message | {"due": times.now_ms()})
    assert days_left() == 30
