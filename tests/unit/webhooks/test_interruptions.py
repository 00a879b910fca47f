"""A Lambda that dies between any two of its calls: nothing is lost, nothing waits for what is not there."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.webhooks import delivery, dispatch, endpoints, log, service
from functions.webhooks.models import NewWebhook
from hub import ids, times
from hub.events import Caller
from tests.contract import memory
from tests.unit.interruptions import Calls, survive
from tests.unit.webhooks.conftest import Webhooks


@pytest.fixture
def calls(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Calls of AWS, from now on."""
    monkeypatch.setattr(service, "MAX_WEBHOOKS", 1000)
    return Calls(monkeypatch)


def drain(webhooks: Webhooks) -> None:
    while queued := webhooks.queued():
        for start in range(0, len(queued), 10):
            webhooks.deliver(*queued[start : start + 10])


def new(webhooks: Webhooks, name: str, *answers: Any, **more: Any) -> str:
    """A webhook whose receiver answers always so."""
    url = f"https://{name}.example.com/{ids.new('hook')}"
    wanted = NewWebhook(url=url, events=["*"], **more)
    hook = service.create(Caller("default", "enterprise", "operator", "req"), wanted)["id"]
    webhooks.receivers.answers[url] = list(answers) * 20
    return hook


def attended(row: Any) -> bool:
    """Whether a row has ended or an execution of its generation attends to it."""
    running = {(one["id"], one["generation"]) for one in memory.executions()}
    return row["status"] != "pending" or (row["sk"], row["generation"]) in running


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_deliveries_survive_the_death_of_their_worker(webhooks: Webhooks, calls: Calls, after: bool) -> None:
    scene: dict[str, tuple[str, str]] = {}

    def set_scene() -> Callable[[], object]:
        webhooks.receivers.sent.clear()
        hooks = {
            "taken": new(webhooks, "taken"),
            "refused": new(webhooks, "refused", 500),
            "gone": new(webhooks, "gone", 410),
            "slow": new(webhooks, "slow"),
            "again": new(webhooks, "again", 500),
            "off": new(webhooks, "off", active=False),
        }
        messages = {name: webhooks.message(hook) for name, hook in hooks.items()}
        messages["slow"] |= {"slow": False}
        failure = {"at": times.now_ms(), "code": 500, "ms": 1, "error": None}
        before = delivery.with_attempt(delivery.from_message(messages["again"]), failure, "failed")
        log.put([before])
        messages["again"] = dispatch.again(before) | {"due": times.now_ms(), "slow": True}
        scene.clear()
        scene.update({name: (hook, messages[name]["id"]) for name, hook in hooks.items()})
        return lambda: webhooks.deliver(*messages.values())

    def check() -> None:
        drain(webhooks)
        rows = {name: log.named("default", hook, [log_id])[log_id] for name, (hook, log_id) in scene.items()}
        assert {name: row.status for name, row in rows.items()} == {
            "taken": "success",
            "refused": "pending",
            "gone": "failed",
            "slow": "success",
            "again": "pending",
            "off": "failed",
        }, calls.made
        assert rows["again"].generation == 1
        assert all(attended(row) for hook, _ in scene.values() for row in webhooks.rows(hook)), calls.made
        received = {url.split("//")[1].split(".")[0] for url, _, _ in webhooks.receivers.sent}
        # An execution that attends to what its worker had just claimed makes the attempt in its place.
        assert {"taken", "refused", "gone", "slow"} <= received <= scene.keys() - {"off"}

    assert survive(calls, after, set_scene, check) > 10


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_events_survive_the_death_of_the_fan_out(webhooks: Webhooks, calls: Calls, after: bool) -> None:
    active, slow, off = (new(webhooks, name, active=name != "off") for name in ("active", "slow", "off"))
    endpoints.change("default", active, slow=False)
    event: dict[str, Any] = {}

    def set_scene() -> Callable[[], object]:
        event.clear()
        event.update(webhooks.event())
        return lambda: webhooks.fan_out(event)

    def check() -> None:
        queued = {(message["webhook_id"], message["event_id"]) for message in webhooks.queued()}
        assert {(active, event["id"]), (slow, event["id"])} <= queued, calls.made
        assert sum(row["event_id"] == event["id"] for row in webhooks.rows(off)) == 1

    assert survive(calls, after, set_scene, check) >= 5


@pytest.mark.parametrize("answer", [200, 500])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_retry_survives_the_death_of_its_function(webhooks: Webhooks, calls: Calls, after: bool, answer: int) -> None:
    scene: dict[str, str] = {}

    def set_scene() -> Callable[[], object]:
        hook = new(webhooks, "retried", 500)
        message = webhooks.message(hook)
        webhooks.deliver(message)
        webhooks.receivers.answers[webhooks.webhook(hook).url] = [answer] * 20
        (execution,) = (one for one in memory.executions() if one["id"] == message["id"])
        scene["hook"] = hook
        return lambda: webhooks.retry(execution)

    def check() -> None:
        (row,) = webhooks.rows(scene["hook"])
        assert row["status"] == ("success" if answer == 200 else "pending")
        assert len(row["attempts"]) >= 2, calls.made
        assert ("gsi2_pk" in row) == (row["status"] == "pending"), "the reaper sees it as long as it waits"

    assert survive(calls, after, set_scene, check) >= 4


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_five_days_of_failure_end_in_disabling_whoever_dies(webhooks: Webhooks, calls: Calls, after: bool) -> None:
    hooks: list[str] = []

    def set_scene() -> Callable[[], object]:
        hooks.append(new(webhooks, "dead", 500))
        endpoints.change("default", hooks[-1], failing_since=times.now_ms() - 5 * 86_400_000)
        endpoints.note_warning("default", hooks[-1], times.now_ms() - 2 * 86_400_000)
        return lambda: webhooks.deliver(webhooks.message(hooks[-1]))

    def check() -> None:
        drain(webhooks)
        assert webhooks.webhook(hooks[-1]).disabled_reason == "failing", calls.made
        assert sum(event["type"] == "webhook.disabled" for event in webhooks.told(hooks[-1])) == 1

    assert survive(calls, after, set_scene, check) >= 5
