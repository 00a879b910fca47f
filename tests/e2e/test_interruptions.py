"""What is under way when the stack stops arrives after the next start."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from requests import RequestException

from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.receiving import Receiver
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

    # Deliveries wait in the queue of endpoints that never answered yet: nobody fetches them.
    other_tenant.new_webhook(inbox.url, "api_key.created")
    stack.set_polling("WebhookDeliverFunction", enabled=False)
    queued = {other_tenant.new_key(f"Queued {number}")["id"] for number in range(5)}
    eventually(lambda: stack.waiting("WebhookSlowDeliveryQueue") >= 5, "five deliveries in the queue")

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
        sent = {*queued, *burst.acknowledged}
        eventually(lambda: _told(inbox) >= sent, "what waited in queues", 150)
        ids = {(one.event["data"]["api_key_id"], one.headers["webhook-id"]) for one in inbox.received}
        assert len({key for key, _ in ids} & sent) == len(sent) == 5 + len(burst.acknowledged)
        assert len(ids) == len(_told(inbox)), "what came twice came under one id"
        eventually(lambda: unheard["id"] in _told(down), "what waited for its retry", 150)
        row = eventually(lambda: _row_of(api, waiting, unheard, "success"), "the end of its row")
        assert row["attempts"][0]["error"] == "unreachable"
        assert row["attempts"][-1]["response_code"] == 200


def _row_of(api: Client, webhook: Mapping[str, Any], key: Mapping[str, Any], status: str) -> dict[str, Any]:
    rows = [row for row in api.logs(webhook) if row["payload"]["data"]["api_key_id"] == key["id"]]
    return next((row for row in rows if row["status"] == status), {})
