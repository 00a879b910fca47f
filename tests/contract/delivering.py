"""From the bus to the receivers: fan-out and delivery in process."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from hub import outbound
from tests.conftest import Clock
from tests.contract import memory


def delivered(clock: Clock, monkeypatch: pytest.MonkeyPatch, *, wanted: int) -> list[tuple[str, dict[str, str], bytes]]:
    """Run fan-out and delivery over what was published; answers with what went out."""
    from functions.webhooks import deliver, fan_out

    sent: list[tuple[str, dict[str, str], bytes]] = []

    def send(method: str, url: str, *, headers: Any, body: bytes, **_: Any) -> outbound.Response:
        assert method == "POST"
        sent.append((url, dict(headers), body))
        return outbound.Response(200, {}, b"", 1)

    monkeypatch.setattr(outbound, "send", send)
    context = SimpleNamespace(aws_request_id="an-invocation", get_remaining_time_in_millis=lambda: 60_000)
    _run(fan_out.handler, [json.dumps(event) for event in memory.published()], context)
    for _ in range(2 * wanted):
        clock.advance(1)
        queues = ("WebhookDeliveryQueue", "WebhookSlowDeliveryQueue")
        _run(deliver.handler, [body for queue in queues for body in memory.received(queue)], context)
    return sent


def _run(handler: Callable[[Any, Any], Any], bodies: list[str], context: Any) -> None:
    """Hand messages to a worker as its queue does, ten at a time."""
    for start in range(0, len(bodies), 10):
        attributes = {"ApproximateReceiveCount": "1"}
        batch = [
            {"messageId": str(number), "body": body, "attributes": attributes}
            for number, body in enumerate(bodies[start : start + 10])
        ]
        assert handler({"Records": batch}, context) == {"batchItemFailures": []}
