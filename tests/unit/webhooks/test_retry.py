"""Later attempts, as the state machine asks for them."""

from typing import Any

import pytest

from functions.webhooks import delivery
from tests.conftest import Clock
from tests.contract import memory
from tests.unit.webhooks.conftest import Webhooks

URL = "https://example.com/hook"


@pytest.fixture
def hook(webhooks: Webhooks, clock: Clock) -> str:
    """A webhook whose first delivery was answered with 500."""
    hook_id: str = webhooks.deployment.new_webhook()["id"]
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(webhooks.message(hook_id))
    return hook_id


def place() -> dict[str, Any]:
    (started,) = memory.executions()
    return dict(started)


def test_three_retries_wait_one_five_and_thirty_seconds(
    webhooks: Webhooks, clock: Clock, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "JITTER", 0)
    webhooks.receivers.answers[URL] = [500, 500]
    (started,) = memory.executions()
    waits = [started["outcome"]["wait_seconds"]]
    for _ in range(2):
        clock.advance(waits[-1])
        waits.append(webhooks.retry(place())["wait_seconds"])
    assert waits == [1, 5, 30]
    clock.advance(30)
    assert webhooks.retry(place()) == {"status": "success", "wait_seconds": 0, "due": None}
    (row,) = webhooks.logs(hook)
    assert row["status"] == "success"
    assert [attempt["response_code"] for attempt in row["attempts"]] == [500, 500, 500, 200]
    assert len({headers["webhook-id"] for _, headers, _ in webhooks.receivers.sent}) == 1
    assert len({body for _, _, body in webhooks.receivers.sent}) == 1


def test_the_fourth_failure_is_the_last(webhooks: Webhooks, clock: Clock, hook: str) -> None:
    webhooks.receivers.answers[URL] = [500] * 10
    statuses = []
    for _ in range(3):
        clock.advance(60)
        statuses.append(webhooks.retry(place())["status"])
    assert statuses == ["pending", "pending", "failed"]
    assert webhooks.retry(place()) == {"status": "gone", "wait_seconds": 0, "due": None}
    assert len(webhooks.receivers.sent) == 4
    assert [row["status"] for row in webhooks.logs(hook, "?status=failed")] == ["failed"]


def test_the_extended_schedule_is_the_documented_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "JITTER", 0)
    failure = {"code": 500, "error": None}
    waits = [delivery.wait_after(failure, tries, "extended") for tries in range(1, 8)]
    assert waits == [5, 300, 1800, 7200, 18_000, 36_000, 36_000]
    assert [delivery.status_after(failure, tries, "extended") for tries in (7, 8)] == ["pending", "failed"]


@pytest.mark.parametrize(
    "wrong",
    [{"generation": 1}, {"generation": -1}, {"id": "log_other"}, {"webhook_id": "wh_other"}, {"tenant": "other"}],
)
@pytest.mark.usefixtures("hook")
def test_what_is_not_there_is_gone(webhooks: Webhooks, wrong: dict[str, Any]) -> None:
    assert webhooks.retry(place() | wrong)["status"] == "gone"
    assert len(webhooks.receivers.sent) == 1


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_a_webhook_that_ended_while_waiting_gets_nothing(webhooks: Webhooks, hook: str, method: str) -> None:
    body = {"active": False} if method == "PUT" else None
    webhooks.deployment.call(method, f"/v1/webhooks/{hook}", body)
    assert webhooks.retry(place())["status"] == "gone"
    assert len(webhooks.receivers.sent) == 1
    assert [row["status"] for row in webhooks.rows(hook)] == ["failed"]
