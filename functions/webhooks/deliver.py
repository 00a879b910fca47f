"""From the queue to the receivers: the first attempt of every delivery, a batch at a time."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from typing import Any

from functions.webhooks import delivery, store
from functions.webhooks.store import StoredDelivery, StoredWebhook
from hub import queues
from hub.telemetry import count, lambda_handler

CONCURRENCY = 10
"""As many as a batch has messages: one receiver that takes its ten seconds delays no other of the batch."""


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch from SQS (`delivery.message` or `delivery.retry_message`)."""
    messages, broken = queues.read(event, "tenant", "webhook_id", "id")
    places = [_place(message) for message in messages.values()]
    stored = store.together(list(dict.fromkeys(places))) if places else {}
    due: dict[tuple[str, str, str], tuple[StoredWebhook, StoredDelivery]] = {}
    for message, place in zip(messages.values(), places, strict=True):
        webhook, row = stored[place]
        if webhook is None or not webhook.active:
            count("WebhookDeliveriesDropped")
        elif ready := _ready(message, webhook, row):
            due[place] = (webhook, ready)
    _attempt_all(list(due.values()))
    return queues.failures(broken)


def _place(message: dict[str, Any]) -> tuple[str, str, str]:
    return message["tenant"], message["webhook_id"], message["id"]


def _ready(message: dict[str, Any], webhook: StoredWebhook, row: StoredDelivery | None) -> StoredDelivery | None:
    """The delivery that a message asks to attempt now; `None` when another run has seen to it.

    A pending row of the message's own generation means that a run died before it started the state machine, or that
    the message came twice: starting it (again) is right in both cases.
    """
    generation = message.get("generation", 0)
    if row is None:
        return delivery.from_message(message) if generation == 0 else None
    if row.status == "pending" and row.generation == generation:
        delivery.keep_trying(webhook, row)
        return None
    if row.status == "failed" and row.generation == generation - 1 and store.claim(row):
        return replace(row, status="pending", generation=generation, tries=0)
    return None


def _attempt_all(due: list[tuple[StoredWebhook, StoredDelivery]]) -> None:
    """Attempt all at once; a failed one waits for its retry, not for the slowest of the batch."""
    attempts = {_pool().submit(delivery.attempt, webhook, row): (webhook, row) for webhook, row in due}
    settled: list[StoredDelivery] = []
    succeeded = 0
    for done in as_completed(attempts):
        webhook, row = attempts[done]
        outcome = done.result()
        status = delivery.status_after(outcome, row.tries + 1, webhook.retry_policy)
        after = delivery.with_attempt(row, outcome, status)
        if row.generation:
            store.record(row, outcome, status)
        elif status == "pending":
            store.put_deliveries([after])
        else:
            settled.append(after)
        if status == "pending":
            delivery.keep_trying(webhook, after)
        succeeded += status == "success"
    store.put_deliveries(settled)
    count("WebhookDeliveriesSucceeded", succeeded)
    count("WebhookAttemptsFailed", len(due) - succeeded)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CONCURRENCY)
