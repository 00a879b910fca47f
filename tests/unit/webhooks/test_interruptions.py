"""A Lambda that dies between any two of its calls: nothing is lost, nothing waits for what is not there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from functions.webhooks import delivery, dispatch, endpoints, log, service
from functions.webhooks.models import NewWebhook
from hub import ids, times
from hub.events import Caller
from tests.contract import memory
from tests.unit.webhooks.conftest import Webhooks


class Death(BaseException):
    """The end of a process, which no handler catches."""


class Calls:
    """Calls of AWS, the process dying before (or right after) one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._left = -1
        self._after = False
        self.made: list[str] = []
        real = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: Any, operation: str, parameters: Any) -> Any:
            if self._left < 0:
                return real(client, operation, parameters)
            self.made.append(operation)
            self._left -= 1
            if self._left < 0:
                if self._after:
                    with suppress(ClientError):
                        real(client, operation, parameters)
                # Whatever a thread of the dead process would still call is not called.
                self._left, self._after = 0, False
                raise Death
            return real(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    @contextmanager
    def dying(self, at: int, after: bool) -> Iterator[list[bool]]:
        """Die at a call (0: the first); tells afterwards whether it came so far."""
        died: list[bool] = []
        self._left, self._after, self.made = at, after, []
        try:
            yield died
        except Death:
            died.append(True)
        finally:
            self._left = -1


def survive(calls: Calls, after: bool, scene: Callable[[], Callable[[], object]], check: Callable[[], None]) -> int:
    """Set a scene and have its work die at its first call, its second and so on, then run whole; count its calls."""
    for at in range(100):
        work = scene()
        with calls.dying(at, after) as died:
            work()
        if died:
            work()
        check()
        if not died:
            return at
    raise AssertionError("it never ends")


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
