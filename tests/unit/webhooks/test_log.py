"""The log of deliveries: what is missed has a row too, and rows are found by what became of them."""

from typing import Any

import pytest

from functions.webhooks import log
from tests.contract import memory
from tests.unit.webhooks.conftest import Queued, Webhooks, failed

URL = "https://example.com/hook"


def switch(webhooks: Webhooks, hook: str, active: bool) -> None:
    answer = webhooks.deployment.call("PUT", f"/v1/webhooks/{hook}", {"active": active})
    assert answer.status == 200, answer.text


def errors(rows: list[Any]) -> list[list[Any]]:
    return [[attempt["error"] for attempt in row["attempts"]] for row in rows]


def test_what_an_inactive_webhook_misses_is_a_failed_row(webhooks: Webhooks, lanes: list[Queued]) -> None:
    hook = webhooks.deployment.new_webhook(active=False)["id"]
    event = webhooks.event()
    for _ in range(2):
        assert webhooks.fan_out(event) == failed()
    assert lanes == []
    rows = webhooks.logs(hook, "?status=failed")
    assert errors(rows) == [["webhook_inactive"]]
    assert rows[0]["payload"]["id"] == event["id"]
    assert (rows[0]["response_code"], rows[0]["response_time"]) == (None, 0)


def test_what_was_missed_can_be_sent_afterwards(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook(active=False)["id"]
    webhooks.fan_out(webhooks.event(), webhooks.event())
    switch(webhooks, hook, True)
    asked = webhooks.deployment.call("POST", f"/v1/webhooks/{hook}/retry", {})
    assert asked.json["data"] == {"accepted": 2, "has_more": False}
    assert webhooks.deliver(*webhooks.queued()) == failed()
    assert {row["status"] for row in webhooks.logs(hook)} == {"success"}
    assert len(webhooks.receivers.sent) == 2


def test_what_was_delivered_is_not_missed(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook()["id"]
    event = webhooks.event()
    webhooks.deliver(webhooks.message(hook, event))
    switch(webhooks, hook, False)
    assert webhooks.fan_out(event) == failed(), "the event comes a second time"
    assert webhooks.deliver(webhooks.message(hook, event)) == failed(), "and so does its message"
    assert [row["status"] for row in webhooks.logs(hook)] == ["success"]


def test_a_retry_by_hand_that_comes_after_the_webhook_was_switched_off_leaves_its_row(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook(active=False)["id"]
    webhooks.fan_out(webhooks.event())
    switch(webhooks, hook, True)
    webhooks.deployment.call("POST", f"/v1/webhooks/{hook}/retry", {})
    switch(webhooks, hook, False)
    assert webhooks.deliver(*webhooks.queued()) == failed()
    assert webhooks.receivers.sent == []
    assert [(row["status"], row["generation"]) for row in webhooks.rows(hook)] == [("failed", 0)]


def test_what_waits_for_its_retry_when_the_webhook_is_switched_off_ends(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook()["id"]
    message = webhooks.message(hook)
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(message)
    switch(webhooks, hook, False)
    assert webhooks.deliver(message) == failed(), "its message comes a second time"
    (row,) = webhooks.rows(hook)
    assert (row["status"], "gsi2_pk" in row) == ("failed", False)
    assert webhooks.retry(*memory.executions())["status"] == "gone"


@pytest.fixture
def hook(webhooks: Webhooks) -> str:
    """A webhook with two deliveries of each status, and one more failed one of another event."""
    hook_id: str = webhooks.deployment.new_webhook(url="https://example.com/mixed", retry_policy="extended")["id"]
    webhooks.deployment.new_webhook(active=False)
    for answer, status in ((200, "success"), (500, "pending"), (410, "failed")):
        for _ in range(2):
            webhooks.receivers.answers["https://example.com/mixed"] = [answer]
            webhooks.deliver(webhooks.message(hook_id))
            if status == "failed":
                switch(webhooks, hook_id, True)
    webhooks.receivers.answers["https://example.com/mixed"] = [410]
    webhooks.deliver(webhooks.message(hook_id, webhooks.event("user.created")))
    return hook_id


def test_rows_are_found_by_status(webhooks: Webhooks, hook: str) -> None:
    found = {status: webhooks.logs(hook, f"?status={status}") for status in ("success", "pending", "failed")}
    assert {status: len(rows) for status, rows in found.items()} == {"success": 2, "pending": 2, "failed": 3}
    assert all(row["status"] == status for status, rows in found.items() for row in rows)
    every = webhooks.logs(hook)
    assert [row["id"] for row in every] == sorted((row["id"] for rows in found.values() for row in rows), reverse=True)
    assert [row["event"] for row in webhooks.logs(hook, "?status=failed&event=user.created")] == ["user.created"]
    assert webhooks.logs(hook, "?status=success&event=user.created") == []


@pytest.mark.parametrize("status", ["success", "pending", "failed"])
def test_pages_of_a_status_hold_every_row_once(webhooks: Webhooks, hook: str, status: str) -> None:
    expected = [row["id"] for row in webhooks.logs(hook, f"?status={status}")]
    path = f"/v1/webhooks/{hook}/logs?status={status}&limit=1"
    by_number = [webhooks.deployment.call("GET", f"{path}&page={n}").json for n in range(1, len(expected) + 1)]
    assert [row["id"] for page in by_number for row in page["data"]] == expected
    assert {page["pagination"]["total"] for page in by_number} == {len(expected)}
    by_cursor: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = webhooks.deployment.call("GET", f"{path}&cursor={cursor}").json
        by_cursor += [row["id"] for row in page["data"]]
        cursor = page["pagination"]["next_cursor"]
    assert by_cursor == expected


def test_what_is_due_is_found_by_its_time_whatever_its_tenant(webhooks: Webhooks, hook: str) -> None:
    pending = {(row["sk"], int(row["gsi2_sk"].partition("#")[0])) for row in webhooks.rows(hook) if "gsi2_sk" in row}
    assert len(pending) == 2
    last = max(due for _, due in pending)

    def overdue(before: int) -> list[log.Place]:
        return [place for shard in range(log.SHARDS) for place in log.overdue(shard, before, 100)]

    assert sorted(overdue(last + 1)) == sorted(("default", hook, log_id) for log_id, _ in pending)
    assert overdue(min(due for _, due in pending) - 1) == []


def test_only_what_is_pending_stands_in_the_index_by_time(webhooks: Webhooks, hook: str) -> None:
    for row in webhooks.rows(hook):
        indexes = {name for name in ("gsi1_pk", "gsi1_sk", "gsi2_pk", "gsi2_sk") if name in row}
        wanted = {"success": 0, "failed": 2, "pending": 4}[row["status"]]
        assert len(indexes) == wanted


def test_a_row_that_was_taken_over_is_left_by_its_old_execution(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook()["id"]
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(webhooks.message(hook))
    (execution,) = memory.executions()
    (item,) = webhooks.rows(hook)
    row = log.from_item("default", hook, item)
    assert log.take_over(row, row.due_at)
    assert not log.take_over(row, row.due_at), "once"
    assert not log.postpone(row, row.due_at)
    log.record(row, {"at": 1, "code": 200, "ms": 1, "error": None}, "success")
    assert webhooks.retry(execution)["status"] == "gone"
    (after,) = webhooks.rows(hook)
    assert (after["status"], after["generation"], after["tries"]) == ("pending", 1, 1)
