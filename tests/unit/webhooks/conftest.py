"""A tenant with webhooks, and receivers that answer without a network."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

import pytest

from functions.webhooks import deliver, delivery, dispatch, endpoints, fan_out, retry, store
from functions.webhooks.endpoints import Endpoint
from functions.webhooks.store import StoredWebhook
from hub import aws as clients
from hub import events, outbound, times
from hub.store import keys, table
from tests.conftest import Deployment
from tests.contract import memory

Outcome = int | outbound.Response | BaseException


@dataclass
class Receivers:
    """What webhooks are sent to: statuses (or whole answers, or errors) by URL, used up in order, then 200."""

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
        return outbound.Response(answer, {}, b"", 12) if isinstance(answer, int) else answer


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
        """Take what waits for delivery in either lane, without what is yet to wait for its slot."""
        lanes = ("WebhookDeliveryQueue", "WebhookSlowDeliveryQueue")
        return [json.loads(body) for lane in lanes for body in memory.received(lane)]

    def deliver(self, *messages: Any) -> Any:
        """Have a batch delivered."""
        return deliver.handler(batch(*messages), None)

    def retry(self, place: dict[str, Any]) -> dict[str, Any]:
        """Make the attempt that the state machine asks for."""
        return dict(retry.handler(place, None))

    def message(self, webhook_id: str, event: dict[str, Any] | None = None) -> Any:
        """The first attempt of an event's delivery to a new webhook, as it stands in the queue when it is due."""
        made = delivery.new(self.deployment.tenant, webhook_id, event or self.event())
        return dispatch.first(made) | {"due": times.now_ms(), "slow": True}

    def webhook(self, webhook_id: str) -> StoredWebhook:
        """A webhook as it is stored."""
        return store.get(self.deployment.tenant, webhook_id)

    def endpoint(self, webhook_id: str) -> Endpoint:
        """What is known of a webhook's endpoint."""
        return endpoints.from_item(table.get(table.activity(), endpoints.key(self.deployment.tenant, webhook_id)))

    def told(self, webhook_id: str) -> list[Any]:
        """The events that were told of a webhook, each once."""
        told = {message["detail"]["id"]: message["detail"] for message in memory.published()}
        return [event for event in told.values() if event["data"].get("webhook_id") == webhook_id]

    def logs(self, webhook_id: str, query: str = "") -> list[Any]:
        """The rows that the API shows."""
        answer = self.deployment.call("GET", f"/v1/webhooks/{webhook_id}/logs{query}")
        assert answer.status == 200, answer.text
        return list(answer.json["data"])

    def rows(self, webhook_id: str) -> list[Any]:
        """The rows as they are stored."""
        partition = keys.partition(self.deployment.tenant, "DELIVERY", webhook_id)
        return list(table.items(table.Query(table.activity(), partition)))


@dataclass(frozen=True)
class Queued:
    """A message that was sent to a lane, and how long its body is."""

    message: dict[str, Any]
    lane: str
    delay: int
    group: str
    bytes: int


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


@pytest.fixture
def lanes(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> list[Queued]:
    """What is sent to the lanes from now on, whether it can be received yet or not; nothing reaches the queues."""
    sent: list[Queued] = []

    def send(**given: Any) -> dict[str, Any]:
        for entry in given["Entries"]:
            body, lane = entry["MessageBody"], given["QueueUrl"].rpartition("/")[2]
            delay, group = entry.get("DelaySeconds", 0), entry["MessageGroupId"]
            sent.append(Queued(json.loads(body), lane, delay, group, len(body.encode())))
        return {}

    monkeypatch.setattr(clients.sqs(), "send_message_batch", send)
    return sent
