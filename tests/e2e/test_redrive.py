"""Dead letters: they die for real, an operator sees them, sends them back, and they arrive."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.contract.memory import TEMPLATE
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.running import ROOT, Client, RunningStack, without_proxy
from tests.unit.samples import sample

DELIVERIES, DEAD_DELIVERIES = "WebhookSlowDeliveryQueue", "WebhookSlowDeliveryDeadLetterQueue"
"""The lane of endpoints that nothing is known of yet."""


def redrive(stack: RunningStack, *arguments: str, status: int = 0) -> str:
    """`make redrive`, as its recipe calls it; answers what it printed."""
    command = [sys.executable, "-m", "operations", "redrive", "--state-dir", str(stack.state_dir), *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=without_proxy(), capture_output=True, text=True, check=False, timeout=90
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def put(stack: RunningStack, queue: str, body: Any, **more: Any) -> None:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    stack.queues.send_message(QueueUrl=stack.physical_ids[queue], MessageBody=text, **more)


def event(api: Client, name: str) -> dict[str, Any]:
    """An event of the caller's tenant, as the bus has it in `detail`."""
    told = {"id": f"evt_{name}", "type": "order.paid", "timestamp": "2026-11-20T13:00:00.000Z", "tenant": api.tenant}
    return {**told, "requestId": "req_1", "data": {"name": name, "总额": 12.5}}


@contextmanager
def nobody_delivers(stack: RunningStack) -> Iterator[None]:
    """Hold the deliver function back."""
    stack.set_polling("WebhookDeliverFunction", enabled=False)
    try:
        yield
    finally:
        stack.set_polling("WebhookDeliverFunction", enabled=True)


def receive_until_dead(stack: RunningStack, queue: str, dead: str) -> None:
    """Receive what a queue has, as a function does that fails every time, until SQS gives it up."""
    before = stack.waiting(dead)

    def died() -> bool:
        stack.queues.receive_message(
            QueueUrl=stack.physical_ids[queue], MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=0
        )
        return stack.waiting(dead) > before and stack.waiting(queue) == 0

    eventually(died, f"dead letters of {queue}")


@pytest.mark.slow
def test_a_delivery_that_died_is_listed_sent_back_and_delivered(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    inbox = receiver()
    webhook = api.new_webhook(inbox.url, "api_key.created")
    with nobody_delivers(stack):
        api.new_key("Died")
        eventually(lambda: stack.waiting(DELIVERIES) > 0, "the delivery in its queue")
        put(stack, DELIVERIES, {"tenant": api.tenant, "webhook_id": webhook["id"], "broken": True})
        receive_until_dead(stack, DELIVERIES, DEAD_DELIVERIES)

        listed = redrive(stack, "--show", "100")
        lines = [line for line in listed.splitlines() if webhook["id"] in line]
        assert f"{DEAD_DELIVERIES}: " in listed
        assert f"; back to {DELIVERIES}" in listed
        assert len(lines) == 2, listed
        (good,) = [line for line in lines if "api_key.created" in line]
        assert api.tenant in good
        assert " evt_" in good
        assert redrive(stack, "--show", "100").count(webhook["id"]) == 2, "looking takes nothing away"
        assert inbox.received == []

    printed = redrive(stack, "--send", DEAD_DELIVERIES)
    assert f" to {DELIVERIES}" in printed
    eventually(lambda: inbox.about("Died"), "the delivery")
    row = eventually(lambda: [one for one in api.logs(webhook) if one["status"] == "success"], "its row", pause=0.5)[0]
    assert row["event"] == "api_key.created"
    assert f"{DEAD_DELIVERIES}: none" in redrive(stack)
    # The broken one would die again, ten minutes from now.
    stack.queues.purge_queue(QueueUrl=stack.physical_ids[DELIVERIES])


@pytest.mark.slow
@pytest.mark.parametrize("queue", ["WebhookEventsDeadLetterQueue", "PoisonEventsQueue"])
def test_an_event_that_was_put_aside_arrives(
    stack: RunningStack, api: Client, receiver: OpenReceiver, queue: str
) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "order.*")
    told = event(api, queue)
    if queue == "PoisonEventsQueue":
        reason = "MalformedDetail"
        put(stack, queue, {"reason": reason, "record": told})
    else:
        reason = "EventBridge: NO_PERMISSIONS"
        on_the_bus = {"version": "0", "id": "1", "detail-type": told["type"], "source": "hub.crm", "detail": told}
        error: Any = {"ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"}}
        put(stack, queue, on_the_bus, MessageAttributes=error)

    listed = redrive(stack)
    assert f"{api.tenant}  -  {told['id']}  order.paid  {reason}" in listed
    redrive(stack, "--send", queue)
    (arrived,) = eventually(lambda: inbox.about(queue), "the event")
    assert arrived.event["data"] == told["data"]
    assert told["id"] not in redrive(stack)


def of_the_template() -> dict[str, tuple[str, str]]:
    """Of every dead-letter queue that functions have, the queue that fails into it and a message that is taken."""
    dead: dict[str, str] = {
        name: policy["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for name, resource in TEMPLATE["Resources"].items()
        if (policy := resource.get("Properties", {}).get("RedrivePolicy"))
    }
    found: dict[str, tuple[str, str]] = {}
    for function, resource in TEMPLATE["Resources"].items():
        for event_source in resource.get("Properties", {}).get("Events", {}).values():
            if event_source["Type"] == "SQS":
                queue = event_source["Properties"]["Queue"]["Fn::GetAtt"][0]
                found[dead[queue]] = (queue, sample(function)["Records"][0]["body"])
    assert found.keys() == {*dead.values()}
    return found


@pytest.mark.slow
def test_letters_of_every_queue_go_back_and_are_taken(stack: RunningStack) -> None:
    letters = of_the_template()
    for dead, (queue, body) in letters.items():
        fifo = {"MessageGroupId": "a", "MessageDeduplicationId": "a"} if queue == "ForwardQueue" else {}
        put(stack, dead, body, **fifo)
    printed = redrive(stack, "--send", *letters)
    for dead, (queue, _) in letters.items():
        assert f"{dead}: 1 to {queue}" in printed

    def left() -> list[str]:
        return [queue for queue, _ in letters.values() if stack.waiting(queue)]

    # What a function does not take stays in flight, until it dies again.
    eventually(lambda: left() == [], "every letter taken", seconds=120)
    assert [dead for dead in letters if stack.waiting(dead)] == []


def test_what_cannot_be_sent_back_stays_and_is_said(stack: RunningStack, api: Client) -> None:
    put(stack, "PoisonEventsQueue", {"reason": "too long", "record": {"id": f"evt_{api.tenant}", "tenant": api.tenant}})
    printed = redrive(stack, "--send", "PoisonEventsQueue", status=1)
    assert "1 stay" in printed
    assert f"evt_{api.tenant}" in redrive(stack)
    stack.queues.purge_queue(QueueUrl=stack.physical_ids["PoisonEventsQueue"])
