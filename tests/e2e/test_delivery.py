"""From a change to a receiver: signed, in the documented shape, and again until it is taken."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.concurrency import at_once
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.receiving import Answer
from tests.e2e.running import Client, RunningStack
from tests.e2e.signatures import verify_document_3, verify_standard

NAME = "支付密钥 🔑 “Zürich”"
DATA: Mapping[str, Any] = {
    "金额": 1234.50,
    "10": "ten",
    "9": "nine",
    "备注": '已付款 ✅ 👩‍👩‍👧 \u2028 </script> \\ " \u0001',
    "tiny": 1e-7,
    "huge": 1e21,
    "beyond": 9007199254740993,
    "whole": 5.0,
    "minus": -0.0,
    "nested": [{"2": None, "1": True, "b": [0.1, 1.10]}],
    "empty": {},
}


def test_a_signed_event_arrives(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    secret = api.new_webhook(inbox.url, "api_key.created")["secret"]

    key = api.new_key(NAME, permissions=["read"])
    request = eventually(lambda: inbox.about(NAME), "the event")[0]

    assert list(request.event) == ["id", "event", "type", "timestamp", "data"]
    assert request.event["event"] == request.event["type"] == "api_key.created"
    assert request.event["data"]["api_key_id"] == key["id"]
    assert key["key"] not in request.body.decode()
    assert NAME in request.body.decode(), "UTF-8 as it is, not escaped"
    assert request.headers["x-webhook-event"] == "api_key.created"
    assert request.headers["x-webhook-id"] == request.headers["webhook-id"] == request.event["id"]
    verify_standard(request, secret)
    verify_document_3(request, secret)


def test_document_3s_verifier_accepts_every_kind_of_data(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    inbox = receiver()
    secret = api.new_webhook(inbox.url, "order.*", secret="document-3-secret")["secret"]
    event = {"id": "evt_data", "type": "order.paid", "timestamp": "2026-01-15T10:30:00.000Z", "tenant": api.tenant}

    stack.bus.put_events(
        Entries=[
            {
                "EventBusName": stack.outputs["EventBusName"],
                "Source": "hub.crm",
                "DetailType": "order.paid",
                "Detail": json.dumps({**event, "requestId": "req_1", "data": DATA}, ensure_ascii=False),
            }
        ]
    )
    request = inbox.wait_for(1)[0]

    assert request.event["data"] == {**DATA, "beyond": 9007199254740992}
    verify_document_3(request, secret)
    verify_standard(request, secret)


def test_many_events_arrive_each_once(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "api_key.created")
    with ThreadPoolExecutor(5) as pool:
        keys = list(pool.map(lambda number: api.new_key(f"Many {number}"), range(50)))

    def told() -> list[str]:
        return [one.event["data"]["api_key_id"] for one in inbox.received if "Many" in one.event["data"]["name"]]

    eventually(lambda: len(told()) >= 50, "50 events")
    assert sorted(told()) == sorted(key["id"] for key in keys)


def test_the_test_call_tells_what_came_of_it(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver(Answer(503))
    webhook = api.new_webhook(inbox.url, "user.created", active=False, headers={"X-Custom-Header": "value"})

    first, second = (api.post(f"/v1/webhooks/{webhook['id']}/test").json()["data"] for _ in range(2))

    assert (first["success"], first["response_code"]) == (False, 503)
    assert (second["success"], second["response_code"]) == (True, 200)
    assert {one.headers["x-custom-header"] for one in inbox.received} == {"value"}
    for request in inbox.received:
        verify_standard(request, webhook["secret"])
    assert [row["id"] for row in api.logs(webhook)] == [second["log_id"], first["log_id"]]


def test_statistics_tell_of_first_attempts_and_retries(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver(Answer(500))
    webhook = api.new_webhook(inbox.url, "api_key.created")
    path = f"/v1/webhooks/{webhook['id']}/stats"
    api.new_key("Counted")
    inbox.wait_for(2)
    api.post(f"/v1/webhooks/{webhook['id']}/test")

    eventually(lambda: api.get(path).json()["data"]["delivered"] == 1, "the figures of a delivery")
    told = api.get(path).json()["data"]

    assert (told["attempts"], told["delivered"], told["failed"], told["success_rate"]) == (2, 1, 0, 1.0)
    assert 0 <= told["response_time"]["p50"] <= told["response_time"]["p95"]
    assert len(told["hours"]) == 24
    assert sum(hour["attempts"] for hour in told["hours"]) == 2
    assert sum(hour["delivered"] for hour in told["hours"]) == 1


@pytest.mark.slow
def test_failed_deliveries_are_tried_again_and_then_by_hand(
    stack: RunningStack, api: Client, receiver: OpenReceiver
) -> None:
    recovering = receiver(Answer(500), Answer(500), Answer(500))
    broken = receiver(otherwise=Answer(500))
    elsewhere = receiver()
    odd = receiver(Answer(302, headers={"Location": elsewhere.url}), Answer(broken=True))
    # Longer than the ten seconds that a delivery waits.
    slow = receiver(Answer(after=12))
    webhooks = {inbox: api.new_webhook(inbox.url, "api_key.created") for inbox in (recovering, broken, odd, slow)}
    api.new_key("Retried")

    for inbox, count in ((slow, 2), (odd, 3), (recovering, 4), (broken, 4)):
        inbox.wait_for(count, seconds=75)
    rows = {inbox: _finished(api, webhook) for inbox, webhook in webhooks.items()}

    assert _attempts(rows[recovering]) == [(500, None), (500, None), (500, None), (200, None)]
    assert _attempts(rows[broken]) == [(500, None), (500, None), (500, None), (500, None)]
    assert _attempts(rows[odd]) == [(302, None), (None, "closed_early"), (200, None)]
    assert _attempts(rows[slow]) == [(None, "timed_out"), (200, None)]
    assert [rows[inbox]["status"] for inbox in (recovering, broken, odd, slow)] == [
        "success",
        "failed",
        "success",
        "success",
    ]
    assert rows[recovering]["response_code"] == 200
    assert elsewhere.received == []
    for inbox, row in rows.items():
        assert all(gap >= wanted for gap, wanted in zip(_gaps(row), (1, 5, 30), strict=False))
        assert {one.event["id"] for one in inbox.received} == {inbox.received[0].event["id"]}
        for request in inbox.received:
            verify_standard(request, webhooks[inbox]["secret"])

    broken.otherwise = Answer(200)
    retry = f"/v1/webhooks/{webhooks[broken]['id']}/retry"
    answers = [answer.status_code for answer in at_once(2, lambda: api.post(retry))]
    assert 202 in answers
    assert set(answers) <= {202, 422}, "the second call may find nothing left to send"
    row = _finished(api, webhooks[broken])
    assert (row["status"], row["response_code"], len(row["attempts"])) == ("success", 200, 5)
    eventually(lambda: stack.waiting("WebhookSlowDeliveryQueue") == 0, "an empty queue")
    assert len(broken.received) == 5, "asking twice sends once"
    assert api.post(retry).status_code == 422


def _finished(api: Client, webhook: Mapping[str, Any]) -> dict[str, Any]:
    """The one row of a webhook, once it is no longer pending."""

    def finished() -> list[dict[str, Any]]:
        rows = api.logs(webhook)
        assert len(rows) <= 1
        return [row for row in rows if row["status"] != "pending"]

    return eventually(finished, f"the end of {webhook['id']}'s delivery", pause=0.5)[0]


def _attempts(row: Mapping[str, Any]) -> list[tuple[int | None, str | None]]:
    return [(attempt["response_code"], attempt["error"]) for attempt in row["attempts"]]


def _gaps(row: Mapping[str, Any]) -> list[float]:
    times = [datetime.fromisoformat(attempt["attempted_at"]) for attempt in row["attempts"]]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
