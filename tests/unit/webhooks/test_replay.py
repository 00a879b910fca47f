"""Replays: what is sent again, page by page, one at a time, and what happens when a step dies."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.webhooks import delivery, endpoints, log, replay, replays
from functions.webhooks.log import StoredDelivery
from hub import aws as clients
from hub import times
from hub.errors import Unavailable
from hub.store import table
from tests.conftest import Answer, Clock
from tests.contract import memory
from tests.unit.webhooks.conftest import Queued, Webhooks

pytestmark = pytest.mark.usefixtures("clock")

MACHINE = "WebhookReplayStateMachine"
HOUR = 3600


@pytest.fixture
def hook(webhooks: Webhooks) -> str:
    hook_id: str = webhooks.deployment.new_webhook()["id"]
    return hook_id


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def happened(webhooks: Webhooks, hook: str, status: str, ago: float = 60, **more: Any) -> StoredDelivery:
    """A delivery of an event of some time ago; `missed` is one that an inactive webhook did not get."""
    event = webhooks.event() | {"timestamp": times.iso_ms(times.now_ms() - round(ago * 1000))}
    made = delivery.new(webhooks.deployment.tenant, hook, event)
    if status == "missed":
        row = delivery.unsent(made, delivery.INACTIVE)
    else:
        code = 200 if status == "success" else 500
        outcome = {"at": times.now_ms() - round(ago * 1000), "code": code, "ms": 1, "error": None, **more}
        row = delivery.with_attempt(made, outcome, status, times.now_ms() + 60_000)  # type: ignore[arg-type]
    log.put([row])
    return row


def ask(webhooks: Webhooks, hook: str, since_ago: float = HOUR, **more: Any) -> Answer:
    body = {"since": at(times.now() - since_ago), **more}
    return webhooks.deployment.call("POST", f"/v1/webhooks/{hook}/replay", body)


def begin(webhooks: Webhooks, hook: str, **more: Any) -> dict[str, Any]:
    """Begin a replay; the state that its machine starts with."""
    answer = ask(webhooks, hook, **more)
    assert answer.status == 202, answer.text
    state = memory.executions(MACHINE)[-1]
    assert state["id"] == answer.json["data"]["replay_id"]
    return state


def step(state: dict[str, Any]) -> dict[str, Any]:
    """One turn of the machine: its state with the function's answer in it."""
    return state | {"step": replay.handler(json.loads(json.dumps(state)), None)}


def run(state: dict[str, Any], clock: Clock) -> dict[str, Any]:
    """The machine to its end; answers with the last step."""
    for _ in range(50):
        state = step(state)
        if state["step"]["status"] not in {"running", "continued"}:
            return dict(state["step"])
        clock.advance(state["step"]["wait_seconds"])
    raise AssertionError(state)


def shown(webhooks: Webhooks, hook: str, replay_id: str) -> dict[str, Any]:
    answer = webhooks.deployment.call("GET", f"/v1/webhooks/{hook}/replays/{replay_id}")
    assert answer.status == 200, answer.text
    return dict(answer.json["data"])


def sent(lanes: list[Queued]) -> list[str]:
    return [one.message["id"] for one in lanes]


def test_all_that_ended_is_sent_again_the_missed_included(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock
) -> None:
    rows = [happened(webhooks, hook, status, ago) for ago, status in ((900, "missed"), (600, "failed"), (5, "success"))]
    happened(webhooks, hook, "pending", 300)
    state = begin(webhooks, hook)
    assert run(state, clock)["status"] == "succeeded"
    assert sent(lanes) == [row.id for row in rows]
    assert {one.message["generation"] for one in lanes} == {1}
    assert webhooks.deliver(*(one.message for one in lanes)) == {"batchItemFailures": []}
    assert len(webhooks.receivers.sent) == 3
    assert {row["status"] for row in webhooks.logs(hook)} == {"success", "pending"}
    told = shown(webhooks, hook, state["id"])
    assert (told["status"], told["queued"]) == ("succeeded", 3)
    assert told["ended_at"] == told["started_at"] == times.iso(times.now())


@pytest.mark.parametrize(("status", "wanted"), [("failed", {"failed", "missed"}), ("success", {"success"})])
def test_only_a_status(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock, status: str, wanted: set[str]
) -> None:
    rows = {kind: happened(webhooks, hook, kind) for kind in ("missed", "failed", "success", "pending")}
    run(begin(webhooks, hook, status=status), clock)
    assert set(sent(lanes)) == {rows[kind].id for kind in wanted}


def test_from_a_time_on_and_before_another(webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock) -> None:
    rows = {ago: happened(webhooks, hook, "success", ago) for ago in (1000.001, 1000, 600, 500.001, 500, 10)}
    run(begin(webhooks, hook, since_ago=1000, until=at(times.now() - 500)), clock)
    assert sent(lanes) == [rows[ago].id for ago in (1000, 600, 500.001)]


def test_another_webhooks_deliveries_are_not_sent(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock
) -> None:
    happened(webhooks, webhooks.deployment.new_webhook()["id"], "failed")
    assert run(begin(webhooks, hook), clock) | {"number": 0} == {
        "status": "succeeded",
        "wait_seconds": 0,
        "after": None,
        "due": 0,
        "queued": 0,
        "number": 0,
    }
    assert lanes == []


@pytest.mark.parametrize("status", [None, "failed", "success"])
def test_page_by_page_at_the_endpoints_pace(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock, status: str | None
) -> None:
    kind = status or "missed"
    rows = [happened(webhooks, hook, kind, 2000 - number) for number in range(250)]
    more = {"status": status} if status else {}
    state = begin(webhooks, hook, **more)
    ahead = []
    while state["step"]["status"] == "running":
        state = step(state)
        ahead.append(max(one.message["due"] for one in lanes) - times.now_ms())
        # A failed row leaves its index once it is claimed, between one page and the next.
        webhooks.deliver(*[one.message for one in lanes if one.message["due"] <= times.now_ms()][-10:])
        clock.advance(state["step"]["wait_seconds"])
    assert sent(lanes) == [row.id for row in rows], "each once, in the order of their events"
    assert max(ahead) <= 90_000, "no more than the endpoint takes in the next minute and a half"
    by_minute: dict[int, int] = {}
    for one in lanes:
        by_minute[one.message["due"] // 60_000] = by_minute.get(one.message["due"] // 60_000, 0) + 1
    assert max(by_minute.values()) <= 100


def test_new_events_get_slots_in_between(webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock) -> None:
    for number in range(400):
        happened(webhooks, hook, "missed", 2000 - number)
    state = begin(webhooks, hook)
    waits = []
    while state["step"]["status"] == "running":
        state = step(state)
        _, [due] = endpoints.reserve(webhooks.deployment.tenant, hook, 1)
        waits.append(due - times.now_ms())
        clock.advance(state["step"]["wait_seconds"])
    assert max(waits) <= 91_000


def test_a_page_that_comes_again_is_sent_once(webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock) -> None:
    """Its Lambda died: before all was queued, after all was, after some was delivered."""
    rows = [happened(webhooks, hook, "failed", 500 - number) for number in range(30)]
    state = begin(webhooks, hook)
    first = step(state)
    early = [one.message for one in lanes]
    lanes.clear()
    clock.advance(1)
    webhooks.deliver(*early[:10])
    webhooks.receivers.answers["https://example.com/hook"] = [500] * 5
    webhooks.deliver(*early[10:15])
    again = step(state)
    assert sent(lanes) == [row.id for row in rows[15:]], "what was sent since it began is left out"
    assert first["step"]["status"] == again["step"]["status"] == "succeeded" or again["step"]["status"] == "stopped"
    webhooks.deliver(*early, *(one.message for one in lanes))
    webhooks.deliver(*(one.message for one in lanes))
    assert len(webhooks.receivers.sent) == 30
    assert {one["generation"] for one in webhooks.rows(hook)} == {1}


def test_what_the_queue_does_not_take_comes_again(
    webhooks: Webhooks, hook: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened(webhooks, hook, "failed")
    state = begin(webhooks, hook)
    with monkeypatch.context() as unwell:
        unwell.setattr(clients.sqs(), "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
        with pytest.raises(Unavailable):
            step(state)
    assert shown(webhooks, hook, state["id"])["status"] == "running"
    assert run(state, clock)["status"] == "succeeded"
    assert len(webhooks.queued()) == 1


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_it_stops_when_the_webhook_is_gone_or_inactive(
    webhooks: Webhooks, hook: str, lanes: list[Queued], method: str
) -> None:
    for number in range(150):
        happened(webhooks, hook, "failed", 500 - number)
    state = step(begin(webhooks, hook))
    webhooks.deployment.call(method, f"/v1/webhooks/{hook}", {"active": False} if method == "PUT" else None)
    assert step(state)["step"]["status"] == "stopped"
    assert len(lanes) == 100
    if method == "PUT":
        told = shown(webhooks, hook, state["id"])
        assert (told["status"], told["queued"], told["ended_at"]) == ("stopped", 100, times.iso(times.now()))
    else:
        answer = webhooks.deployment.call("GET", f"/v1/webhooks/{hook}/replays/{state['id']}")
        assert answer.status == 404


def test_a_wait_of_hours_looks_in_between_whether_to_stop(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock
) -> None:
    for number in range(101):
        happened(webhooks, hook, "failed", 500 - number)
    endpoints.pause(webhooks.deployment.tenant, hook, times.now_ms() + HOUR * 1000)
    state = begin(webhooks, hook)
    waited = []
    while len(lanes) <= 100:
        state = step(state)
        assert shown(webhooks, hook, state["id"])["status"] in {"running", "succeeded"}
        waited.append(state["step"]["wait_seconds"])
        clock.advance(state["step"]["wait_seconds"])
    assert max(waited) == 900
    assert HOUR < sum(waited) < HOUR + 120


def test_rows_that_are_not_wanted_cost_no_step_each_page(
    webhooks: Webhooks, hook: str, lanes: list[Queued], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PAGE", 10)
    for number in range(250):
        happened(webhooks, hook, "pending", 2000 - number)
    wanted = happened(webhooks, hook, "success", 1)
    state = step(begin(webhooks, hook))
    assert (state["step"]["status"], state["step"]["wait_seconds"], lanes) == ("running", 0, [])
    state = step(state)
    while state["step"]["status"] == "running":
        state = step(state)
    assert sent(lanes) == [wanted.id]
    assert state["step"]["number"] <= 2


def test_a_long_replay_goes_on_in_another_execution(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "STEPS_PER_EXECUTION", 2)
    for number in range(450):
        happened(webhooks, hook, "success", 2000 - number)
    state = begin(webhooks, hook)
    statuses = []
    while state["step"]["status"] in {"running", "continued"}:
        state = step(state)
        statuses.append(state["step"]["status"])
        clock.advance(state["step"]["wait_seconds"])
    assert statuses[:4] == ["running", "continued", "running", "continued"]
    assert statuses[-1] == "succeeded"
    assert len(set(sent(lanes))) == len(lanes) == 450


def test_one_at_a_time(webhooks: Webhooks, hook: str, clock: Clock) -> None:
    first = begin(webhooks, hook)
    answer = ask(webhooks, hook)
    assert (answer.status, answer.json["code"]) == (409, 40901)
    assert ask(webhooks, webhooks.deployment.new_webhook()["id"]).status == 202, "of another webhook"
    run(first, clock)
    second = begin(webhooks, hook)
    assert second["id"] != first["id"]
    assert ask(webhooks, hook).status == 409
    assert shown(webhooks, hook, first["id"])["status"] == "succeeded"
    assert shown(webhooks, hook, second["id"])["status"] == "running"


@pytest.mark.parametrize("ended", [False, True])
def test_of_two_requests_at_once_one_begins(
    webhooks: Webhooks, hook: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, ended: bool
) -> None:
    if ended:
        run(begin(webhooks, hook), clock)
    get = table.get
    answers = []

    def other_first(name: str, key: Any, **more: Any) -> Any:
        found = get(name, key, **more)
        if key["sk"] == replays.LATEST:
            monkeypatch.setattr(table, "get", get)
            answers.append(ask(webhooks, hook).status)
        return found

    monkeypatch.setattr(table, "get", other_first)
    answers.append(ask(webhooks, hook).status)
    assert answers == [202, 409]
    assert len(memory.executions(MACHINE)) == 1 + ended


def test_one_that_was_killed_keeps_others_away_for_a_while_only(
    webhooks: Webhooks, hook: str, lanes: list[Queued], clock: Clock
) -> None:
    for number in range(150):
        happened(webhooks, hook, "failed", 500 - number)
    killed = step(begin(webhooks, hook))
    clock.advance(replays.ALIVE_MS / 1000 - 1)
    assert ask(webhooks, hook).status == 409
    clock.advance(2)
    told = shown(webhooks, hook, killed["id"])
    assert (told["status"], told["queued"]) == ("failed", 100)
    other = begin(webhooks, hook, since_ago=2 * HOUR)
    assert shown(webhooks, hook, killed["id"]) == told
    lanes.clear()
    assert step(killed)["step"]["status"] == "stopped", "it was alive after all, and finds itself overtaken"
    assert run(other, clock)["status"] == "succeeded"
    assert shown(webhooks, hook, other["id"])["status"] == "succeeded"


def test_one_that_cannot_be_started_has_failed(webhooks: Webhooks, hook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ClientError({"Error": {"Code": "ServiceUnavailable"}}, "StartExecution")

    def refuse(**_: Any) -> Any:
        raise refused

    with monkeypatch.context() as unwell:
        unwell.setattr(clients.stepfunctions(), "start_execution", refuse)
        assert ask(webhooks, hook).status == 500
    assert ask(webhooks, hook).status == 202, "and keeps no other away"


def test_an_idempotency_key_begins_one(webhooks: Webhooks, hook: str) -> None:
    body = {"since": at(times.now() - 60)}
    path, headers = f"/v1/webhooks/{hook}/replay", {"idempotency-key": "one"}
    first, second = (webhooks.deployment.call("POST", path, body, headers=headers) for _ in range(2))
    assert (first.status, first.json) == (second.status, second.json)
    assert first.status == 202
    assert len(memory.executions(MACHINE)) == 1


def test_an_inactive_webhook_is_not_replayed(webhooks: Webhooks, hook: str) -> None:
    webhooks.deployment.call("PATCH", f"/v1/webhooks/{hook}", {"active": False})
    answer = ask(webhooks, hook)
    assert (answer.status, answer.json["message"]) == (422, "Webhook 未启用")
    assert memory.executions(MACHINE) == []


@pytest.mark.parametrize("replay_id", ["LATEST", "replay_none", "%20"])
def test_what_is_no_replay_does_not_exist(webhooks: Webhooks, hook: str, replay_id: str) -> None:
    begin(webhooks, hook)
    assert webhooks.deployment.call("GET", f"/v1/webhooks/{hook}/replays/{replay_id}").status == 404


def test_another_webhooks_replay_does_not_exist(webhooks: Webhooks, hook: str, other_tenant: Any) -> None:
    replay_id = begin(webhooks, hook)["id"]
    other = webhooks.deployment.new_webhook()["id"]
    for caller, one in (
        (webhooks.deployment, other),
        (other_tenant, hook),
        (other_tenant, other_tenant.new_webhook()["id"]),
    ):
        assert caller.call("GET", f"/v1/webhooks/{one}/replays/{replay_id}").status == 404
