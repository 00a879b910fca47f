"""What was missed is sent again, and what lost its worker goes on."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.concurrency import at_once
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.receiving import Answer, Receiver
from tests.e2e.running import Client, RunningStack
from tests.e2e.signatures import verify_standard

LONG = 210
"""Deliveries of a replay that runs for a while: a page at once, one in the next minute's slots, and some more."""


def test_what_was_missed_while_inactive_is_replayed(api: Client, receiver: OpenReceiver) -> None:
    since = datetime.now(UTC)
    inbox = receiver()
    webhook = api.new_webhook(inbox.url, "api_key.created")
    arrived = _made(api, "Arrived", 2)
    inbox.wait_for(2)
    _set_active(api, webhook, active=False)
    missed = _made(api, "Missed", 3)
    eventually(lambda: len(api.logs(webhook)) == 5, "a row for each that was missed")
    assert {row["attempts"][-1]["error"] for row in api.logs(webhook)} == {None, "webhook_inactive"}
    replay = f"/v1/webhooks/{webhook['id']}/replay"
    assert api.post(replay, {"since": since.isoformat()}).status_code == 422
    _set_active(api, webhook, active=True)
    assert len(inbox.received) == 2, "switching it on sends nothing by itself"

    ended = _replayed(api, webhook, since=since.isoformat(), status="failed")
    inbox.wait_for(5)
    assert (ended["status"], ended["queued"]) == ("succeeded", 3)
    assert sorted(one.event["data"]["api_key_id"] for one in inbox.received[:2]) == sorted(arrived)
    assert sorted(one.event["data"]["api_key_id"] for one in inbox.received[2:]) == sorted(missed)

    eventually(lambda: {row["status"] for row in api.logs(webhook)} == {"success"}, "five rows that succeeded")
    ended = _replayed(api, webhook, since=since.isoformat())
    received = inbox.wait_for(10)
    assert ended["queued"] == 5
    assert sorted(one.event["data"]["api_key_id"] for one in received[5:]) == sorted(arrived + missed)
    assert len({one.event["id"] for one in received}) == 5, "the same events, under the same ids"
    for request in received:
        verify_standard(request, webhook["secret"])


def test_a_replay_takes_what_happened_in_its_time(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    webhook = api.new_webhook(inbox.url, "api_key.created")
    _made(api, "Before", 1)
    inbox.wait_for(1)
    since = datetime.now(UTC)
    (wanted,) = _made(api, "Within", 1)
    inbox.wait_for(2)
    until = datetime.now(UTC)
    _made(api, "After", 1)
    inbox.wait_for(3)
    eventually(lambda: [row["status"] for row in api.logs(webhook)] == ["success"] * 3, "three rows")

    ended = _replayed(api, webhook, since=since.isoformat(), until=until.isoformat())
    received = inbox.wait_for(4)
    assert ended["queued"] == 1
    assert received[3].event["data"]["api_key_id"] == wanted


@pytest.mark.slow
def test_one_replay_at_a_time_and_none_of_an_inactive_webhook(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    inbox = receiver()
    webhook, body = _long_replay(stack, api, inbox)
    path = f"/v1/webhooks/{webhook['id']}/replay"

    answers = at_once(4, lambda: api.post(path, body))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    (started,) = (answer.json()["data"] for answer in answers if answer.status_code == 202)
    inbox.wait_for(50)
    running = _replay(api, webhook, started["replay_id"])
    assert (running["status"], running["ended_at"]) == ("running", None)
    assert 100 <= running["queued"] < LONG
    assert api.post(path, body).status_code == 409

    _set_active(api, webhook, active=False)
    ended = _ended(api, webhook, started["replay_id"])
    assert ended["status"] == "stopped"
    _set_active(api, webhook, active=True)
    again = api.post(path, body)
    assert again.status_code == 202
    assert again.json()["data"]["replay_id"] != started["replay_id"]
    assert _replay(api, webhook, started["replay_id"]) == ended, "kept beside the newer one"
    _set_active(api, webhook, active=False)


@pytest.mark.slow
def test_a_replay_begins_anew_where_it_was_killed_and_goes_on_in_further_executions(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    """What a step has queued already is queued again, and sent once; as after 2000 steps, another execution follows."""
    inbox = receiver()
    webhook, body = _long_replay(stack, api, inbox)
    replay_id = api.post(f"/v1/webhooks/{webhook['id']}/replay", body).json()["data"]["replay_id"]
    eventually(lambda: _replay(api, webhook, replay_id)["queued"] == 200, "two pages")
    machine = _Machine(stack, "WebhookReplayStateMachine")
    state = json.loads(machine.execution(replay_id)["input"])
    machine.stop(replay_id)
    assert _replay(api, webhook, replay_id)["status"] == "running", "so far as anybody knows"

    state["step"]["number"] = 1999
    machine.start(f"{replay_id}-by-hand", state)
    assert machine.end(f"{replay_id}-by-hand")["status"] == "SUCCEEDED"
    ended = _ended(api, webhook, replay_id)
    assert ended["status"] == "succeeded"
    following = hashlib.md5(f"{replay_id}-by-hand-2000".encode(), usedforsecurity=False).hexdigest()
    assert machine.end(f"{replay_id}-{following}")["status"] == "SUCCEEDED"
    inbox.wait_for(LONG, seconds=180)
    eventually(lambda: _total(api, webhook, "?status=success") == LONG, "the rows' end", pause=1)
    lanes = ("WebhookDeliveryQueue", "WebhookSlowDeliveryQueue")
    eventually(lambda: not any(map(stack.waiting, lanes)), "empty queues", seconds=60, pause=1)
    assert len(inbox.received) == LONG, "each once"


def test_a_replay_whose_function_fails_for_good_has_failed(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    inbox = receiver()
    webhook, body = _long_replay(stack, api, inbox)
    replay_id = api.post(f"/v1/webhooks/{webhook['id']}/replay", body).json()["data"]["replay_id"]
    machine = _Machine(stack, "WebhookReplayStateMachine")
    state = json.loads(machine.execution(replay_id)["input"])
    machine.stop(replay_id)
    broken = machine.changed(lambda definition: _without_function(definition, "Send"))
    broken.start(replay_id, state)
    assert broken.end(replay_id)["status"] == "FAILED"
    ended = _replay(api, webhook, replay_id)
    assert ended["status"] == "failed"
    assert ended["ended_at"] is not None
    assert api.post(f"/v1/webhooks/{webhook['id']}/replay", body).status_code == 202
    _set_active(api, webhook, active=False)


@pytest.mark.parametrize("lost", ["stopped", "never started"])
def test_a_delivery_that_lost_its_execution_arrives(
    stack: RunningStack, api: Client, receiver: OpenReceiver, lost: str
) -> None:
    inbox, other = receiver(Answer(500)), receiver(Answer(500))
    webhook, waiting = (api.new_webhook(one.url, "api_key.created", retry_policy="extended") for one in (inbox, other))
    machine = _Machine(stack, "WebhookRetryStateMachine")
    _made(api, "Lost", 1)
    row = _row(api, webhook, "pending")
    machine.stop(f"{row['id']}-0")
    if lost == "never started":
        # What a reaper leaves that dies between taking a delivery over and starting its execution.
        _take_over(stack, api, webhook, row)
    other.wait_for(2)
    assert _row(api, waiting, "success")
    assert len(inbox.received) == 1

    _reap(stack, minutes_ahead=5)
    assert _row(api, webhook, "pending"), "it is not overdue yet"
    _reap(stack, minutes_ahead=30)
    inbox.wait_for(2)
    row = _row(api, webhook, "success")
    assert [attempt["response_code"] for attempt in row["attempts"]] == [500, 200]
    _reap(stack, minutes_ahead=30)
    assert (len(inbox.received), len(other.received)) == (2, 2)


def test_what_an_inactive_webhook_left_is_ended(stack: RunningStack, api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver(Answer(500))
    webhook = api.new_webhook(inbox.url, "api_key.created", retry_policy="extended")
    _made(api, "Lost", 1)
    row = _row(api, webhook, "pending")
    _Machine(stack, "WebhookRetryStateMachine").stop(f"{row['id']}-0")
    _set_active(api, webhook, active=False)
    _reap(stack, minutes_ahead=30)
    assert _row(api, webhook, "failed")
    assert len(inbox.received) == 1


def test_a_retry_whose_function_fails_for_good_stays_pending_and_is_resumed(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    """The machine as it is deployed, but for its tries and a function that is not there."""
    inbox = receiver(Answer(500))
    webhook = api.new_webhook(inbox.url, "api_key.created", retry_policy="extended")
    machine = _Machine(stack, "WebhookRetryStateMachine")
    _made(api, "Broken", 1)
    row = _row(api, webhook, "pending")
    state = json.loads(machine.execution(f"{row['id']}-0")["input"])
    machine.stop(f"{row['id']}-0")
    broken = machine.changed(lambda definition: _without_function(definition, "Attempt"))
    broken.start("broken", state)
    assert broken.end("broken")["status"] == "FAILED"
    assert _row(api, webhook, "pending"), "what is our own fault ends no delivery"
    _reap(stack, minutes_ahead=30)
    inbox.wait_for(2)
    assert _row(api, webhook, "success")


class _Machine:
    """A state machine of the stack's and its executions, through the emulator's Step Functions."""

    def __init__(self, stack: RunningStack, logical_id: str, arn: str = "") -> None:
        self._stack = stack
        self._logical_id = logical_id
        self._arn = arn or stack.physical_ids[logical_id]

    def execution(self, name: str) -> Any:
        """An execution, once it is there."""

        def found() -> Any:
            with suppress(self._stack.machines.exceptions.ExecutionDoesNotExist):
                return self._stack.machines.describe_execution(executionArn=self._execution(name))
            return None

        return eventually(found, f"the execution {name}")

    def start(self, name: str, state: Any) -> None:
        """Start an execution."""
        self._stack.machines.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(state))

    def stop(self, name: str) -> None:
        """Kill an execution."""
        self.execution(name)
        self._stack.machines.stop_execution(executionArn=self._execution(name), error="Killed")

    def end(self, name: str) -> Any:
        """An execution that has ended."""

        def ended() -> Any:
            found = self.execution(name)
            return found if found["status"] != "RUNNING" else None

        return eventually(ended, f"the end of {name}", seconds=180, pause=0.5)

    def changed(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> "_Machine":
        """Another machine beside it, whose definition differs."""
        told = self._stack.machines.describe_state_machine(stateMachineArn=self._arn)
        definition = json.dumps(change(json.loads(told["definition"])))
        name = f"changed-{secrets.token_hex(6)}"
        made = self._stack.machines.create_state_machine(name=name, definition=definition, roleArn=told["roleArn"])
        return _Machine(self._stack, self._logical_id, made["stateMachineArn"])

    def _execution(self, name: str) -> str:
        return f"{self._arn.replace(':stateMachine:', ':execution:')}:{name}"


def _without_function(definition: dict[str, Any], state: str) -> dict[str, Any]:
    task = {name: value for name, value in definition["States"][state].items() if name != "Retry"}
    gone = {**task, "Resource": "arn:aws:lambda:us-east-1:000000000000:function:gone"}
    return {**definition, "States": {**definition["States"], state: gone}}


def _long_replay(stack: RunningStack, api: Client, inbox: Receiver) -> tuple[Mapping[str, Any], dict[str, str]]:
    """A webhook that has missed more than two pages, and the body that asks for them."""
    webhook = api.new_webhook(inbox.url, "order.paid", active=False)
    since = datetime.now(UTC) - timedelta(hours=1)
    for start in range(0, LONG, 10):
        stack.bus.put_events(Entries=[_order(stack, api, since, number) for number in range(start, start + 10)])
    eventually(lambda: _total(api, webhook) == LONG, "rows of what was missed", seconds=60, pause=0.5)
    _set_active(api, webhook, active=True)
    # Slots of the running minute are due at once: a page that meets its end and one that meets the next one's beginning
    # are the whole replay in a second.
    if (late := datetime.now(UTC).second - 45) > 0:
        time.sleep(15 - late)
    return webhook, {"since": since.isoformat()}


def _order(stack: RunningStack, api: Client, since: datetime, number: int) -> Any:
    at = (since + timedelta(seconds=number)).isoformat()
    event = {"id": f"evt_{secrets.token_hex(8)}", "type": "order.paid", "timestamp": at, "tenant": api.tenant}
    return {
        "EventBusName": stack.outputs["EventBusName"],
        "Source": "hub.crm",
        "DetailType": "order.paid",
        "Detail": json.dumps(event | {"requestId": "req_1", "data": {"name": f"Order {number}"}}),
    }


def _made(api: Client, name: str, count: int) -> list[str]:
    return [api.new_key(f"{name} {number}")["id"] for number in range(count)]


def _set_active(api: Client, webhook: Mapping[str, Any], *, active: bool) -> None:
    answer = api.request("PATCH", f"/v1/webhooks/{webhook['id']}", json={"active": active})
    assert answer.status_code == 200, answer.text


def _replay(api: Client, webhook: Mapping[str, Any], replay_id: str) -> dict[str, Any]:
    answer = api.get(f"/v1/webhooks/{webhook['id']}/replays/{replay_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


def _ended(api: Client, webhook: Mapping[str, Any], replay_id: str) -> dict[str, Any]:
    def ended() -> dict[str, Any]:
        found = _replay(api, webhook, replay_id)
        return found if found["status"] != "running" else {}

    return eventually(ended, f"the end of {replay_id}", seconds=180, pause=1)


def _replayed(api: Client, webhook: Mapping[str, Any], **body: str) -> dict[str, Any]:
    """Replay, and what it has come to."""
    answer = api.post(f"/v1/webhooks/{webhook['id']}/replay", body)
    assert answer.status_code == 202, answer.text
    return _ended(api, webhook, answer.json()["data"]["replay_id"])


def _total(api: Client, webhook: Mapping[str, Any], query: str = "") -> int:
    total: int = api.get(f"/v1/webhooks/{webhook['id']}/logs{query}").json()["pagination"]["total"]
    return total


def _row(api: Client, webhook: Mapping[str, Any], status: str) -> dict[str, Any]:
    """The one row of a webhook, once it has this status."""
    rows = eventually(
        lambda: [row for row in api.logs(webhook) if row["status"] == status], f"a row that is {status}", seconds=40
    )
    assert len(rows) == 1
    return rows[0]


def _reap(stack: RunningStack, *, minutes_ahead: int) -> None:
    """Run the reaper as at a later time."""
    at = (datetime.now(UTC) + timedelta(minutes=minutes_ahead)).isoformat()
    function = stack.physical_ids["WebhookReaperFunction"]
    answer = stack.functions.invoke(FunctionName=function, Payload=json.dumps({"time": at}))
    assert answer.get("FunctionError") is None, answer["Payload"].read()


def _take_over(stack: RunningStack, api: Client, webhook: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    stack.data.update_item(
        TableName=stack.outputs["ActivityTableName"],
        Key={"pk": {"S": f"T#{api.tenant}#DELIVERY#{webhook['id']}"}, "sk": {"S": row["id"]}},
        UpdateExpression="SET generation = generation + :one",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
