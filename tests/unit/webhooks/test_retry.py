"""Later attempts, as the state machine asks for them, and those asked for by hand."""

from typing import Any

import pytest

from functions.webhooks import delivery
from hub import aws as clients
from tests.contract import memory
from tests.unit.webhooks.conftest import Webhooks, failed

URL = "https://example.com/hook"


@pytest.fixture
def hook(webhooks: Webhooks) -> str:
    """A webhook whose first delivery was answered with 500."""
    hook_id: str = webhooks.deployment.new_webhook()["id"]
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(webhooks.message(hook_id))
    return hook_id


def place() -> dict[str, Any]:
    (started,) = memory.executions()
    return dict(started)


def ask(webhooks: Webhooks, hook: str, body: Any = None) -> Any:
    return webhooks.deployment.call("POST", f"/v1/webhooks/{hook}/retry", body)


def give_up(webhooks: Webhooks) -> None:
    webhooks.receivers.answers[URL] = [500, 500, 500]
    for _ in range(3):
        webhooks.retry(place())


def test_three_retries_wait_one_five_and_thirty_seconds(
    webhooks: Webhooks, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "JITTER", 0)
    webhooks.receivers.answers[URL] = [500, 500]
    (started,) = memory.executions()
    waits = [started["outcome"]["wait_seconds"]]
    outcomes = [webhooks.retry(place()) for _ in range(2)]
    waits += [outcome["wait_seconds"] for outcome in outcomes]
    assert waits == [1, 5, 30]
    assert webhooks.retry(place()) == {"status": "success", "wait_seconds": 0, "due": None}
    (row,) = webhooks.logs(hook)
    assert row["status"] == "success"
    assert [attempt["response_code"] for attempt in row["attempts"]] == [500, 500, 500, 200]
    assert len({headers["webhook-id"] for _, headers, _ in webhooks.receivers.sent}) == 1
    assert len({body for _, _, body in webhooks.receivers.sent}) == 1


def test_the_fourth_failure_is_the_last(webhooks: Webhooks, hook: str) -> None:
    webhooks.receivers.answers[URL] = [500] * 10
    assert [webhooks.retry(place())["status"] for _ in range(3)] == ["pending", "pending", "failed"]
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


def test_after_repair_what_failed_is_sent_again(webhooks: Webhooks, hook: str) -> None:
    give_up(webhooks)
    answer = ask(webhooks, hook)
    assert (answer.status, answer.json["data"]) == (202, {"accepted": 1, "has_more": False})
    assert webhooks.deliver(*webhooks.queued()) == failed()
    (row,) = webhooks.logs(hook)
    assert row["status"] == "success"
    assert [attempt["response_code"] for attempt in row["attempts"]] == [500, 500, 500, 500, 200]
    assert ask(webhooks, hook).status == 422


def test_asking_twice_sends_once(webhooks: Webhooks, hook: str) -> None:
    give_up(webhooks)
    for _ in range(2):
        assert ask(webhooks, hook).status == 202
    before = len(webhooks.receivers.sent)
    queued = webhooks.queued()
    assert len(queued) == 2
    webhooks.deliver(*queued)
    webhooks.deliver(*queued)
    assert len(webhooks.receivers.sent) == before + 1


def test_a_new_generation_that_fails_gets_its_own_retries(webhooks: Webhooks, hook: str) -> None:
    give_up(webhooks)
    ask(webhooks, hook)
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(*webhooks.queued())
    assert [execution["generation"] for execution in memory.executions()] == [0, 1]
    assert webhooks.logs(hook)[0]["status"] == "pending"
    assert ask(webhooks, hook).status == 422, "it is under way"


def test_an_old_execution_does_not_touch_a_new_generation(webhooks: Webhooks, hook: str) -> None:
    give_up(webhooks)
    old = place()
    ask(webhooks, hook)
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(*webhooks.queued())
    assert webhooks.retry(old)["status"] == "gone"
    assert webhooks.logs(hook)[0]["status"] == "pending"


def test_only_the_named_are_sent(webhooks: Webhooks, hook: str) -> None:
    give_up(webhooks)
    log_id = webhooks.logs(hook)[0]["id"]
    assert ask(webhooks, hook, {"log_ids": [log_id]}).json["data"]["accepted"] == 1
    assert [message["id"] for message in webhooks.queued()] == [log_id]


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
    give_up(webhooks)
    answer = ask(webhooks, hook, body)
    assert answer.status == 400
    assert answer.json["error"]["details"]["field"] == field
    assert webhooks.queued() == []


def test_a_delivery_that_is_not_failed_is_not_sent_again(webhooks: Webhooks, hook: str) -> None:
    log_id = webhooks.logs(hook)[0]["id"]
    answer = ask(webhooks, hook, {"log_ids": [log_id]})
    assert answer.status == 400
    assert answer.json["error"]["details"] == {"field": "log_ids.0", "reason": "不是失败的记录"}


def test_a_queue_that_does_not_take_it_is_said_so(
    webhooks: Webhooks, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(webhooks)
    monkeypatch.setattr(clients.sqs(), "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
    assert ask(webhooks, hook).status == 503
    monkeypatch.undo()
    assert webhooks.logs(hook)[0]["status"] == "failed", "so that it can be asked for again"
