"""What one delivery, event or endpoint suffers is its own; what waits has a row; nothing is attempted twice for us."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from functions.webhooks import delivery, endpoints, filters, health, log, payload, statistics
from hub import aws as clients
from hub import times
from hub.errors import Unavailable
from hub.store import table
from tests.conftest import Clock
from tests.contract import memory
from tests.unit.webhooks.conftest import Queued, Webhooks, failed

pytestmark = pytest.mark.usefixtures("clock")

THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "StartExecution")
TROUBLE = [
    Unavailable(),
    ClientError({"Error": {"Code": "InternalServerError"}}, "UpdateItem"),
    ConnectTimeoutError(endpoint_url="https://dynamodb.example.com"),
]


def raising(error: Exception) -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> Any:
        raise error

    return call


def url(name: str) -> str:
    return f"https://{name}.example.com/hook"


def new(webhooks: Webhooks, name: str, **more: Any) -> str:
    return str(webhooks.deployment.new_webhook(url=url(name), **more)["id"])


def next_slot(webhooks: Webhooks, hook: str) -> Any:
    return (table.get(table.activity(), endpoints.key(webhooks.deployment.tenant, hook)) or {}).get("next_at")


def troubled_for(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, hook: str) -> None:
    """Have a function fail for one webhook: its id is the second argument, or the row's that is the first."""
    real = getattr(module, name)

    def call(*given: Any, **more: Any) -> Any:
        if hook in (given[1] if isinstance(given[0], str) else given[0].webhook_id):
            raise Unavailable
        return real(*given, **more)

    monkeypatch.setattr(module, name, call)


# ---------------------------------------------------------------- fan-out


def test_an_event_is_written_once_however_many_webhooks_want_it(
    webhooks: Webhooks, lanes: list[Queued], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        new(webhooks, f"h{number}")
    written: list[Any] = []
    serialize = payload.serialize

    def counted(event: Any) -> str:
        written.append(event)
        return serialize(event)

    monkeypatch.setattr(payload, "serialize", counted)
    assert webhooks.fan_out(webhooks.event(), webhooks.event()) == failed()
    assert (len(lanes), len(written)) == (10, 2)


def test_no_filter_is_asked_about_what_is_too_large(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = new(webhooks, "filtering", filter={"data": {"text": ["short"]}})
    monkeypatch.setattr(filters, "matches", raising(AssertionError("it is asked")))
    assert webhooks.fan_out(webhooks.event(text="x" * delivery.MAX_PAYLOAD_BYTES)) == failed()
    assert [row["attempts"][0]["error"] for row in webhooks.logs(hook)] == ["payload_too_large"]


@pytest.mark.parametrize("wrong", [{"timestamp": "yesterday"}, {"timestamp": 1}, {"tenant": ["a"]}])
def test_an_event_that_is_wrong_comes_again_alone(webhooks: Webhooks, lanes: list[Queued], wrong: Any) -> None:
    hook = new(webhooks, "any", events=["*"])
    good = webhooks.event()
    assert webhooks.fan_out(webhooks.event() | wrong, good) == failed(0)
    assert [(queued.group, queued.message["event_id"]) for queued in lanes] == [(hook, good["id"])]


def test_an_endpoint_without_slots_holds_up_no_other(
    webhooks: Webhooks, lanes: list[Queued], monkeypatch: pytest.MonkeyPatch
) -> None:
    fine, unwell = new(webhooks, "fine"), new(webhooks, "unwell", events=["user.created"])
    troubled_for(monkeypatch, endpoints, "reserve", unwell)
    assert webhooks.fan_out(webhooks.event(), webhooks.event("user.created")) == failed(1)
    assert {queued.group for queued in lanes} == {fine}


def test_a_row_that_cannot_be_written_brings_back_its_event_alone(
    webhooks: Webhooks, lanes: list[Queued], monkeypatch: pytest.MonkeyPatch
) -> None:
    off = new(webhooks, "off", active=False, events=["user.created"])
    new(webhooks, "fine")
    troubled_for(monkeypatch, log, "begin", off)
    assert webhooks.fan_out(webhooks.event("user.created"), webhooks.event()) == failed(0)
    assert len(lanes) == 2, "the other webhook has both"


def test_what_waits_for_its_slot_is_seen_and_found_by_the_reaper(webhooks: Webhooks, lanes: list[Queued]) -> None:
    hook = new(webhooks, "busy")
    endpoints.reserve("default", hook, 99)
    assert webhooks.fan_out(*(webhooks.event() for _ in range(3))) == failed()
    waiting = {queued.message["id"]: queued.message["due"] for queued in lanes if queued.delay}
    assert len(waiting) == 2
    assert {row["id"] for row in webhooks.logs(hook, "?status=pending")} == waiting.keys()
    found = {row["sk"]: (int(row["gsi2_sk"].partition("#")[0]), row["tries"]) for row in webhooks.rows(hook)}
    assert found == {log_id: (due, 0) for log_id, due in waiting.items()}


# ---------------------------------------------------------------- deliver


@pytest.mark.parametrize("answer", [200, 500])
def test_what_waited_with_a_row_is_attempted_and_noted_in_it(
    webhooks: Webhooks, clock: Clock, lanes: list[Queued], answer: int
) -> None:
    hook = new(webhooks, "busy")
    endpoints.reserve("default", hook, 100)
    webhooks.fan_out(webhooks.event())
    (waiting,) = lanes
    clock.advance(waiting.delay)
    webhooks.receivers.answers[url("busy")] = [answer]
    for _ in range(2):
        assert webhooks.deliver(waiting.message) == failed()
    (row,) = webhooks.rows(hook)
    assert (row["status"], row["tries"]) == ("success" if answer == 200 else "pending", 1)
    assert [attempt["code"] for attempt in row["attempts"]] == [answer]
    assert len(webhooks.receivers.sent) == 1
    assert len(memory.executions()) == (answer == 500)


def test_what_is_put_off_has_its_new_time_in_its_row(webhooks: Webhooks, clock: Clock, lanes: list[Queued]) -> None:
    hook = new(webhooks, "patient")
    endpoints.pause("default", hook, times.now_ms() + 100_000)
    webhooks.deliver(webhooks.message(hook))
    for _ in range(2):
        (row,) = webhooks.rows(hook)
        assert int(row["gsi2_sk"].partition("#")[0]) == lanes[-1].message["due"]
        assert (row["status"], row["tries"]) == ("pending", 0)
        clock.advance(99)
        endpoints.pause("default", hook, times.now_ms() + 700_000)
        webhooks.deliver(lanes[-1].message)


def test_a_row_that_was_written_unseen_takes_the_failure(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first read is a second old: the row of what waited is not in it yet."""
    hook = new(webhooks, "dead")
    message = webhooks.message(hook)
    webhooks.receivers.answers[url("dead")] = [500]
    webhooks.receivers.meanwhile = lambda _: log.begin(delivery.from_message(message, times.now_ms()))
    assert webhooks.deliver(message) == failed()
    (row,) = webhooks.rows(hook)
    assert ([attempt["code"] for attempt in row["attempts"]], row["tries"]) == ([500], 1)
    assert len(memory.executions()) == 1


def test_what_comes_late_and_is_done_takes_no_slot(webhooks: Webhooks, clock: Clock) -> None:
    hook = new(webhooks, "fine")
    message = webhooks.message(hook)
    webhooks.deliver(message)
    clock.advance(120)
    before = next_slot(webhooks, hook)
    assert webhooks.deliver(message) == failed()
    assert next_slot(webhooks, hook) == before


def test_a_message_without_a_time_is_late(webhooks: Webhooks) -> None:
    hook = new(webhooks, "fine")
    message = {name: value for name, value in webhooks.message(hook).items() if name != "due"}
    assert webhooks.deliver(message) == failed()
    assert len(webhooks.receivers.sent) == 1
    assert next_slot(webhooks, hook)


def test_an_execution_that_cannot_be_started_holds_up_nobody(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, fine = new(webhooks, "dead"), new(webhooks, "fine")
    message = webhooks.message(dead)
    webhooks.receivers.answers[url("dead")] = [500]
    monkeypatch.setattr(clients.stepfunctions(), "start_execution", raising(THROTTLED))
    assert webhooks.deliver(message) == failed(0)
    assert webhooks.deliver(message, webhooks.message(fine)) == failed(0)
    assert [row["status"] for row in webhooks.rows(fine)] == ["success"]


@pytest.mark.parametrize("name", ["reserve", "claim", "begin"])
def test_a_message_with_trouble_holds_up_nobody(
    webhooks: Webhooks, clock: Clock, lanes: list[Queued], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    unwell, fine = new(webhooks, "unwell"), new(webhooks, "fine")
    late = webhooks.message(unwell) | {"due": times.now_ms() - 120_000}
    made = delivery.unsent(delivery.from_message(late), delivery.INACTIVE)
    again = {"tenant": "default", "webhook_id": unwell, "id": late["id"], "generation": 1}
    again |= {"due": times.now_ms(), "slow": True}
    early = late | {"due": times.now_ms() + 9000}
    if name == "claim":
        log.put([made])
    message = {"reserve": late, "claim": again, "begin": early}[name]
    troubled_for(monkeypatch, endpoints if name == "reserve" else log, name, unwell)
    assert webhooks.deliver(message, webhooks.message(fine)) == failed(0)
    assert [row["status"] for row in webhooks.rows(fine)] == ["success"]


@pytest.mark.parametrize("old", ["absent", "inactive"])
def test_what_an_old_read_does_not_know_is_looked_up_again(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch, old: str
) -> None:
    hook = new(webhooks, "young")
    read = table.get_many

    def stale(wanted: Any, *, consistent: bool = False) -> Any:
        found = read(wanted, consistent=consistent)
        if consistent:
            return found
        if old == "absent":
            return {key: item for key, item in found.items() if key[0] != table.entities()}
        return {key: item | ({"active": False} if key[0] == table.entities() else {}) for key, item in found.items()}

    monkeypatch.setattr(table, "get_many", stale)
    assert webhooks.deliver(webhooks.message(hook)) == failed()
    assert [row["status"] for row in webhooks.rows(hook)] == ["success"]
    assert len(webhooks.receivers.sent) == 1


def test_what_waited_for_a_webhook_that_was_switched_off_was_missed(
    webhooks: Webhooks, clock: Clock, lanes: list[Queued]
) -> None:
    hook = new(webhooks, "busy")
    endpoints.reserve("default", hook, 100)
    webhooks.fan_out(webhooks.event())
    webhooks.deployment.call("PUT", f"/v1/webhooks/{hook}", {"active": False})
    clock.advance(60)
    assert webhooks.deliver(lanes[0].message) == failed()
    (row,) = webhooks.logs(hook)
    assert (row["status"], [attempt["error"] for attempt in row["attempts"]]) == ("failed", ["webhook_inactive"])


def test_a_late_failure_does_not_write_over_a_success(webhooks: Webhooks) -> None:
    hook = new(webhooks, "twice")
    message = webhooks.message(hook)
    log.begin(delivery.from_message(message, times.now_ms()))

    def meanwhile(_url: str) -> None:
        webhooks.receivers.meanwhile = lambda _: None
        webhooks.deliver(message)

    webhooks.receivers.meanwhile = meanwhile
    webhooks.receivers.answers[url("twice")] = [200, 500]
    assert webhooks.deliver(message) == failed()
    assert [row["status"] for row in webhooks.logs(hook)] == ["success"]
    assert memory.executions() == []


# ---------------------------------------------------------------- what attempts tell


@pytest.mark.parametrize("error", TROUBLE, ids=repr)
@pytest.mark.parametrize(
    ("module", "name", "metric"),
    [(statistics, "add", "WebhookStatisticsLost"), (health, "learn", "WebhookHealthLost")],
)
def test_what_attempts_tell_is_forgone_and_counted(
    webhooks: Webhooks, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: Any, error: Exception, module: Any,
    name: str, metric: str,
) -> None:  # fmt: skip
    hook = new(webhooks, "dead")
    webhooks.receivers.answers[url("dead")] = [500, 500]
    monkeypatch.setattr(module, name, raising(error))
    assert webhooks.deliver(webhooks.message(hook)) == failed()
    clock.advance(2)
    assert webhooks.retry(*memory.executions())["status"] == "pending"
    assert len(webhooks.receivers.sent) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [line[metric] for line in lines if metric in line] == [[1.0], [1.0]]


def test_a_step_that_is_repeated_after_its_attempt_waits(webhooks: Webhooks, clock: Clock) -> None:
    hook = new(webhooks, "dead", retry_policy="extended")
    webhooks.receivers.answers[url("dead")] = [500] * 9
    webhooks.deliver(webhooks.message(hook))
    (execution,) = memory.executions()
    clock.advance(6)
    first = webhooks.retry(execution)
    for passed in range(5, 30, 5):
        clock.advance(5)
        wait = first["wait_seconds"] - passed
        assert webhooks.retry(execution) == {"status": "pending", "wait_seconds": wait, "due": None}
    assert len(webhooks.receivers.sent) == 2
