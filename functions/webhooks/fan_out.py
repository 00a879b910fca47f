"""From the bus to the queues: one message for every webhook that subscribes to an event."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from functions.webhooks import delivery, dispatch, filters, log, payload, store
from functions.webhooks.dispatch import Due
from functions.webhooks.log import StoredDelivery
from functions.webhooks.store import StoredWebhook
from hub import events, queues, times
from hub.telemetry import count, lambda_handler, logger

CONCURRENCY = 10
"""A batch can have a thousand rows to write, and a hundred endpoints to take slots of."""


@dataclass(frozen=True)
class _Wanted:
    """What a batch asks for, each delivery once: those to send and those that only get a row, and whose they are."""

    to_send: dict[str, StoredDelivery] = field(default_factory=dict)
    unsent: dict[str, StoredDelivery] = field(default_factory=dict)
    origins: dict[str, set[str]] = field(default_factory=dict)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of events from SQS, as the bus carries them: what happened stands in `detail`."""
    messages, broken = queues.read(event, "id", "type", "timestamp", "tenant", "data", within="detail")
    failed = set(broken)
    wanted = _Wanted()
    webhooks: dict[str, list[StoredWebhook]] = {}
    for message_id, message in messages.items():
        try:
            if message["tenant"] not in webhooks:
                webhooks[message["tenant"]] = store.of_tenant(message["tenant"])
            made = list(_deliveries(webhooks[message["tenant"]], message))
        except Exception:  # noqa: BLE001 - whatever is wrong with one event must not take its batch along
            logger().exception("an event could not be fanned out", extra={"event_id": message["id"]})
            failed.add(message_id)
            continue
        for one in made:
            (wanted.to_send if one.status == "pending" else wanted.unsent)[one.id] = one
            wanted.origins.setdefault(one.id, set()).add(message_id)
    ready, lost = _prepared(wanted)
    lost |= {due.message["id"] for due in dispatch.queue(ready)}
    count("WebhookDeliveriesQueued", len(wanted.to_send.keys() - lost))
    # An event sent twice makes the same deliveries again, which are then told by their ids.
    return queues.failures(sorted(failed.union(*(wanted.origins[log_id] for log_id in lost))))


def _deliveries(webhooks: list[StoredWebhook], message: Mapping[str, Any]) -> Iterator[StoredDelivery]:
    """An event's deliveries, `failed` where they are not to be sent."""
    subscribers = [one for one in webhooks if any(events.matches(pattern, message["type"]) for pattern in one.events)]
    if not subscribers:
        return
    body = payload.serialize(message)
    # Before the filters, which take their time with what is long.
    if delivery.is_too_large(body):
        envelope = payload.serialize({**message, "data": None})
        for webhook in subscribers:
            made = delivery.new(message["tenant"], webhook.id, message, envelope)
            yield delivery.unsent(made, delivery.TOO_LARGE)
        count("WebhookPayloadsTooLarge", len(subscribers))
        return
    for webhook in subscribers:
        if webhook.filter is None or filters.matches(webhook.filter, message):
            made = delivery.new(message["tenant"], webhook.id, message, body)
            yield made if webhook.active else delivery.unsent(made, delivery.INACTIVE)


def _prepared(wanted: _Wanted) -> tuple[list[Due], set[str]]:
    """Write the rows and take the slots: what can be queued, and the ids of deliveries that had trouble."""
    groups = dispatch.by_endpoint([dispatch.first(made) for made in wanted.to_send.values()])
    work: dict[Future[list[Due]], list[str]] = {
        _pool().submit(_with_slots, group): [message["id"] for message in group] for group in groups
    }
    work |= {_pool().submit(_with_row, made): [made.id] for made in wanted.unsent.values()}
    ready: list[Due] = []
    lost: set[str] = set()
    for done, log_ids in work.items():
        try:
            ready += done.result()
        except Exception:  # noqa: BLE001 - whatever is wrong with one endpoint must not take the others along
            logger().exception("deliveries could not be prepared", extra={"log_ids": log_ids})
            lost.update(log_ids)
    return ready, lost


def _with_slots(messages: list[Mapping[str, Any]]) -> list[Due]:
    """Messages to one endpoint as they are queued; one that will wait has its row before it has its message."""
    ready = dispatch.with_slots(messages)
    now = times.now_ms()
    for one in ready:
        if dispatch.is_early(one.due, now):
            log.begin(delivery.from_message(one.message, one.due))
    return ready


def _with_row(made: StoredDelivery) -> list[Due]:
    log.begin(made)
    return []


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CONCURRENCY)
