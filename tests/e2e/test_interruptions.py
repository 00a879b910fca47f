"""What is under way when something dies arrives all the same."""

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from requests import RequestException

from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.receiving import Answer, Receiver
from tests.e2e.running import Client, RunningStack


class _Burst:
    """Makes keys, one after the other, until the stack is gone; `acknowledged` are those that were answered 201."""

    def __init__(self, api: Client) -> None:
        self.acknowledged: list[str] = []
        self._api = api
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def wait_for_end(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            try:
                answer = self._api.post("/v1/api-keys", {"name": f"Burst {len(self.acknowledged)}"})
            except RequestException:
                return
            if answer.status_code != 201:
                assert answer.status_code == 503, "what the front door says while it closes"
                return
            self.acknowledged.append(answer.json()["id"])


def _told(receiver: Receiver) -> set[str]:
    return {one.event["data"]["api_key_id"] for one in receiver.received}


@pytest.mark.slow
def test_what_waits_when_the_stack_stops_arrives_after_the_next_start(
    stack: RunningStack, api: Client, other_tenant: Client, receiver: OpenReceiver
) -> None:
    before = stack.description
    down, inbox = receiver(), receiver()
    down.close()

    # A retry waits in the state machine: its receiver is down.
    api.new_key("Awake")  # so that nothing cold stands between the calls below
    waiting = api.new_webhook(down.url, "api_key.created")
    unheard = api.new_key("Unheard")
    eventually(lambda: _row_of(api, waiting, unheard, "pending"), "its failed attempt", pause=0.5)

    # Deliveries wait in the queue: nobody fetches them.
    other_tenant.new_webhook(inbox.url, "api_key.created")
    stack.set_polling("WebhookDeliverFunction", enabled=False)
    queued = {other_tenant.new_key(f"Queued {number}")["id"] for number in range(5)}
    eventually(lambda: stack.waiting("WebhookDeliveryQueue") >= 5, "five deliveries in the queue")

    # And changes are made up to the moment it stops.
    burst = _Burst(other_tenant)
    burst.start()
    eventually(lambda: len(burst.acknowledged) >= 20, "20 changes")
    stack.stop()
    burst.wait_for_end()
    assert not _told(inbox) & queued

    with down:
        stack.start()
        stack.set_polling("WebhookDeliverFunction", enabled=True)
        assert stack.description == before
        # What the stop cut short comes back when its queue's visibility timeout is over, two minutes at most.
        eventually(lambda: _told(inbox) >= {*queued, *burst.acknowledged}, "what waited in queues", 150)
        eventually(lambda: unheard["id"] in _told(down), "what waited for its retry", 150)
        row = eventually(lambda: _row_of(api, waiting, unheard, "success"), "the end of its row")
        assert row["attempts"][0]["error"] == "unreachable"
        assert row["attempts"][-1]["response_code"] == 200


def _row_of(api: Client, webhook: Mapping[str, Any], key: Mapping[str, Any], status: str) -> dict[str, Any]:
    rows = [row for row in api.logs(webhook) if row["payload"]["data"]["api_key_id"] == key["id"]]
    return next((row for row in rows if row["status"] == status), {})


@contextmanager
def _visibility(stack: RunningStack, queue: str, seconds: int) -> Iterator[None]:
    """Let a queue give messages back after fewer seconds than the template says."""
    url = stack.physical_ids[queue]
    before = stack.queues.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    stack.queues.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})
    try:
        yield
    finally:
        stack.queues.set_queue_attributes(QueueUrl=url, Attributes=before)


@pytest.mark.slow
def test_a_batch_whose_worker_is_killed_is_delivered_again(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    inbox = receiver(Answer(after=4))
    webhook = api.new_webhook(inbox.url, "webhook.disabled", "api_key.deleted")
    key = api.new_key("Killed")
    with _visibility(stack, "WebhookDeliveryQueue", 6):
        assert api.request("DELETE", f"/v1/api-keys/{key['id']}").status_code == 204
        inbox.wait_for(1)
        for worker in stack.workers("WebhookDeliverFunction"):
            os.kill(worker, signal.SIGKILL)
        first, second = inbox.wait_for(2, seconds=40)
    assert first.event["id"] == second.event["id"]
    eventually(lambda: [row["status"] for row in api.logs(webhook)] == ["success"], "the row", pause=0.5)
