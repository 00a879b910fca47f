"""A tenant with webhooks, and receivers that answer without a network."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

import pytest

from functions.webhooks import deliver, delivery, fan_out, retry
from hub import events, outbound
from hub.store import keys, table
from tests.conftest import Deployment
from tests.contract import memory

Outcome = int | outbound.OutboundError | BaseException


@dataclass
class Receivers:
    """What webhooks are sent to: statuses (or errors) by URL, used up in order, then 200."""

    answers: dict[str, list[Outcome]] = default(default_factory=dict)
    sent: list[tuple[str, dict[str, str], bytes]] = default(default_factory=list)
    meanwhile: Callable[[str], object] = lambda url: None

    def send(self, method: str, url: str, *, headers: Any, body: bytes, **_: Any) -> outbound.Response:
        """As `outbound.send`."""
        assert method == "POST"
        self.meanwhile(url)
        self.sent.append((url, dict(headers), body))
        waiting = self.answers.get(url, [])
        answer = waiting.pop(0) if waiting else 200
        if isinstance(answer, BaseException):
            raise answer
        return outbound.Response(answer, {}, b"", 12)


@dataclass(frozen=True)
class Webhooks:
    """A tenant's webhooks and the Lambdas that serve them."""

    deployment: Deployment
    receivers: Receivers

    def event(self, name: str = "api_key.created", **data: Any) -> dict[str, Any]:
        """An event of the tenant's."""
        return events.event(name, events.Caller(self.deployment.tenant, "enterprise", "ak_1", "req_1"), data)

    def fan_out(self, *messages: Any) -> Any:
        """Have a batch of events fanned out, as the bus carries them; a message that is text goes as it is."""
        return fan_out.handler(batch(*(one if isinstance(one, str) else {"detail": one} for one in messages)), None)

    def queued(self) -> list[Any]:
        """Take what waits for delivery."""
        return [json.loads(body) for body in memory.received("WebhookDeliveryQueue")]

    def deliver(self, *messages: Any) -> Any:
        """Have a batch delivered."""
        return deliver.handler(batch(*messages), None)

    def retry(self, place: dict[str, Any]) -> dict[str, Any]:
        """Make the attempt that the state machine asks for."""
        return dict(retry.handler(place, None))

    def message(self, webhook_id: str, event: dict[str, Any] | None = None) -> Any:
        """The first attempt of an event's delivery, as it stands in the queue."""
        return json.loads(delivery.message(delivery.new(self.deployment.tenant, webhook_id, event or self.event())))

    def logs(self, webhook_id: str, query: str = "") -> list[Any]:
        """The rows that the API shows."""
        answer = self.deployment.call("GET", f"/v1/webhooks/{webhook_id}/logs{query}")
        assert answer.status == 200, answer.text
        return list(answer.json["data"])

    def rows(self, webhook_id: str) -> list[Any]:
        """The rows as they are stored."""
        partition = keys.partition(self.deployment.tenant, "DELIVERY", webhook_id)
        return list(table.items(table.Query(table.activity(), partition)))


def batch(*messages: Any) -> dict[str, Any]:
    """A batch of SQS's; a message that is text goes as it is."""
    bodies = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in messages]
    return {"Records": [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


def failed(*message_ids: int) -> dict[str, Any]:
    """What keeps these messages in their queue."""
    return {"batchItemFailures": [{"itemIdentifier": str(number)} for number in message_ids]}


@pytest.fixture
def webhooks(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Webhooks:
    """A tenant's webhooks; nothing is sent over a network."""
    receivers = Receivers()
    monkeypatch.setattr(outbound, "send", receivers.send)
    return Webhooks(deployment, receivers)
