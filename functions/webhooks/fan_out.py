"""From the bus to the queue: one message for every webhook that subscribes to an event."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from functions.webhooks import delivery, store
from hub import events, queues, settings
from hub.telemetry import count, lambda_handler


@dataclass(frozen=True)
class FanOutSettings:
    """The queue of deliveries."""

    webhook_delivery_queue_url: str


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of events from SQS (each body is the event, the bus's `detail`)."""
    messages, broken = queues.read(event, "id", "type", "timestamp", "tenant", "data")
    webhooks = {tenant: store.of_tenant(tenant) for tenant in {message["tenant"] for message in messages.values()}}
    origins: list[str] = []
    bodies: list[str] = []
    for message_id, message in messages.items():
        for webhook in webhooks[message["tenant"]]:
            if webhook.active and any(events.matches(pattern, message["type"]) for pattern in webhook.events):
                origins.append(message_id)
                bodies.append(delivery.message(delivery.new(message["tenant"], webhook.id, message)))
    failed = queues.send(_settings().webhook_delivery_queue_url, bodies)
    count("WebhookDeliveriesQueued", len(bodies) - len(failed))
    # An event sent twice makes the same deliveries again, which are then told by their ids.
    return queues.failures([*broken, *{origins[position] for position in failed}])


@cache
def _settings() -> FanOutSettings:
    return settings.load(FanOutSettings)
