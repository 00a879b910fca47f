"""From the bus to the queues: one message for every webhook that subscribes to an event."""

from collections.abc import Iterator, Mapping
from typing import Any

from functions.webhooks import delivery, dispatch, filters, log, store
from functions.webhooks.log import StoredDelivery
from functions.webhooks.store import StoredWebhook
from hub import events, queues
from hub.telemetry import count, lambda_handler


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of events from SQS, as the bus carries them: what happened stands in `detail`."""
    messages, broken = queues.read(event, "id", "type", "timestamp", "tenant", "data", within="detail")
    webhooks = {tenant: store.of_tenant(tenant) for tenant in {message["tenant"] for message in messages.values()}}
    origins: dict[str, str] = {}
    wanted: list[StoredDelivery] = []
    for message_id, message in messages.items():
        for webhook, made in _deliveries(webhooks[message["tenant"]], message):
            origins[made.id] = message_id
            if not webhook.active:
                log.begin(delivery.unsent(made, delivery.INACTIVE))
            elif delivery.is_too_large(made):
                log.begin(delivery.unsent(made, delivery.TOO_LARGE))
                count("WebhookPayloadsTooLarge")
            else:
                wanted.append(made)
    groups = dispatch.by_endpoint([dispatch.first(made) for made in wanted])
    untaken = dispatch.queue([due for group in groups for due in dispatch.with_slots(group)])
    count("WebhookDeliveriesQueued", len(wanted) - len(untaken))
    # An event sent twice makes the same deliveries again, which are then told by their ids.
    return queues.failures([*broken, *{origins[due.message["id"]] for due in untaken}])


def _deliveries(
    webhooks: list[StoredWebhook], message: Mapping[str, Any]
) -> Iterator[tuple[StoredWebhook, StoredDelivery]]:
    for webhook in webhooks:
        subscribed = any(events.matches(pattern, message["type"]) for pattern in webhook.events)
        if subscribed and (webhook.filter is None or filters.matches(webhook.filter, message)):
            yield webhook, delivery.new(message["tenant"], webhook.id, message)
