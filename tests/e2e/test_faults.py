"""What fails on the way loses no event: after each fault, what was sent is counted against what was received.

Duplicates are allowed, and told by the id that every delivery of an event carries.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.e2e import misbehaving
from tests.e2e.conftest import OpenReceiver
from tests.e2e.misbehaving import Misbehaving
from tests.e2e.polling import eventually
from tests.e2e.receiving import Answer, Receiver
from tests.e2e.running import Client, RunningStack
from tests.e2e.throttling import Throttle, throttled

pytestmark = pytest.mark.slow

EVENTS = 50
FEW = 15
NAME = "Fault"
"""Of the keys whose creation is counted: the tenant's first key is told of too."""
DELIVER = "WebhookDeliverFunction"
LANES = ("WebhookDeliveryQueue", "WebhookSlowDeliveryQueue")


def _send(api: Client, count: int = EVENTS) -> set[str]:
    """Cause events, a few at a time; answers with what each is about."""
    with ThreadPoolExecutor(4) as pool:
        return {key["id"] for key in pool.map(lambda number: api.new_key(f"{NAME} {number}"), range(count))}


def _ids(inbox: Receiver) -> dict[str, set[str]]:
    """What was received: the ids that came for each thing that was sent."""
    ids = defaultdict(set)
    for one in inbox.received:
        if one.event["data"]["name"].startswith(NAME):
            ids[one.event["data"]["api_key_id"]].add(one.headers["webhook-id"])
    return ids


def _assert_all_arrive(inbox: Receiver, sent: set[str], seconds: float = 90) -> None:
    """Sent = received, and one id for each event however often it came."""
    eventually(lambda: set(_ids(inbox)) >= sent, f"{len(sent)} events", seconds, pause=0.2)
    received = _ids(inbox)
    assert set(received) == sent
    assert all(len(ids) == 1 for ids in received.values())
    assert len(set().union(*received.values())) == len(sent)


def _rows(api: Client, webhook: Mapping[str, Any]) -> list[dict[str, Any]]:
    answer = api.get(f"/v1/webhooks/{webhook['id']}/logs", params={"limit": 100})
    assert answer.status_code == 200, answer.text
    return [row for row in answer.json()["data"] if row["payload"]["data"]["name"].startswith(NAME)]


def _assert_all_rows_end(api: Client, webhook: Mapping[str, Any], count: int = EVENTS) -> None:
    def succeeded() -> bool:
        return [row["status"] for row in _rows(api, webhook)] == ["success"] * count

    eventually(succeeded, f"{count} rows that tell of success", 40, pause=0.5)


@contextmanager
def _visibility(stack: RunningStack, seconds: int, *queues: str) -> Iterator[None]:
    """Let queues give messages back after fewer seconds than the template says."""
    urls = [stack.physical_ids[queue] for queue in queues]
    found = [stack.queues.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"]) for url in urls]
    try:
        for url in urls:
            stack.queues.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})
        yield
    finally:
        for url, before in zip(urls, found, strict=True):
            stack.queues.set_queue_attributes(QueueUrl=url, Attributes=before["Attributes"])


def test_a_batch_whose_worker_is_killed_is_delivered_again(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    inbox = receiver(otherwise=Answer(after=0.4))
    webhook = api.new_webhook(inbox.url, "api_key.created")
    with _visibility(stack, 6, *LANES):
        sent = _send(api)
        for count in (1, 15, 30):
            inbox.wait_for(count)
            eventually(lambda: stack.kill(DELIVER), "a worker to kill")
        _assert_all_arrive(inbox, sent)
        _assert_all_rows_end(api, webhook)
    assert len(inbox.received) > EVENTS, "the kills met deliveries that were under way"


@pytest.mark.parametrize("function", ["PublisherFunction", "WebhookFanOutFunction"])
def test_a_worker_killed_between_change_and_queue_loses_no_event(
    stack: RunningStack, api: Client, receiver: OpenReceiver, function: str
) -> None:
    inbox = receiver()
    webhook = api.new_webhook(inbox.url, "api_key.created")
    with _visibility(stack, 6, "WebhookEventsQueue"):
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(_send, api)
            killed: list[int] = []

            def killed_until_all_is_sent() -> bool:
                killed.append(stack.kill(function))
                return sending.done() and sum(killed) >= 3

            eventually(killed_until_all_is_sent, "three workers killed", 30, pause=0.3)
            _assert_all_arrive(inbox, sending.result())
        _assert_all_rows_end(api, webhook)


def test_no_event_is_lost_while_the_tables_are_throttled(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    inbox = receiver()
    webhook = api.new_webhook(inbox.url, "api_key.created")
    # One call is made five times by the SDK before it counts as failed.
    throttles = {name: Throttle(all_of=8) for name in ("PublisherFunction", "WebhookFanOutFunction", DELIVER)}
    with _visibility(stack, 6, "WebhookEventsQueue", *LANES), throttled(stack, throttles):
        _assert_all_arrive(inbox, _send(api))
        _assert_all_rows_end(api, webhook)
    assert all(throttle.refused >= 8 for throttle in throttles.values())


def test_endpoints_that_misbehave_are_told_and_delay_no_other(api: Client, receiver: OpenReceiver) -> None:
    healthy = receiver()
    with ExitStack() as opened:
        wrong = {
            reason: opened.enter_context(Misbehaving(script))
            for reason, script in (
                ("timed_out", misbehaving.silent),
                ("closed_early", misbehaving.closing),
                (None, misbehaving.flooding),
            )
        }
        webhooks = {reason: api.new_webhook(one.url, "api_key.created") for reason, one in wrong.items()}
        taken = api.new_webhook(healthy.url, "api_key.created")
        # Each of theirs that fails becomes a state machine's run, which costs the emulator a process.
        _assert_all_arrive(healthy, _send(api, FEW))
        _assert_all_rows_end(api, taken, FEW)
        for reason, webhook in webhooks.items():
            code = None if reason else 500
            eventually(_told(api, webhook, code, reason), f"{FEW} rows that tell of {reason or code}", 60, pause=1)
        assert wrong[None].connections >= FEW
        assert wrong[None].sent < wrong[None].connections * misbehaving.GIGABYTE / 20


def _told(api: Client, webhook: Mapping[str, Any], code: int | None, reason: str | None) -> Callable[[], bool]:
    """Whether every delivery has failed once or more, each time for this reason, and none was given up or forgotten."""

    def told() -> bool:
        rows = _rows(api, webhook)
        assert {row["status"] for row in rows} <= {"pending", "failed"}
        tries = [(one["response_code"], one["error"]) for row in rows for one in row["attempts"]]
        assert set(tries) <= {(code, reason)}
        return len(rows) == FEW and all(row["attempts"] for row in rows)

    return told
