"""From the queue to the receivers: the first attempt of every delivery, a batch at a time."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from typing import Any

from functions.webhooks import delivery, store
from functions.webhooks.store import StoredDelivery, StoredWebhook
from hub import queues
from hub.telemetry import count, lambda_handler, logger

CONCURRENCY = 10
"""As many as a batch has messages: one receiver that takes its ten seconds delays no other of the batch."""


Place = tuple[str, str, str]
"""Tenant, webhook, delivery."""


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch from SQS (`delivery.message` or `delivery.retry_message`)."""
    messages, broken = queues.read(event, "tenant", "webhook_id", "id")
    places = [_place(message) for message in messages.values()]
    # A message of a later generation follows a write of a moment ago.
    consistent = any(message.get("generation") for message in messages.values())
    stored = store.together(list(dict.fromkeys(places)), consistent=consistent) if places else {}
    due: dict[Place, tuple[StoredWebhook, StoredDelivery]] = {}
    for message, place in zip(messages.values(), places, strict=True):
        webhook, row = stored[place]
        if webhook is None or not webhook.active:
            _drop(message, row)
        elif ready := _ready(message, webhook, row):
            due[place] = (webhook, ready)
    unsent = _attempt_all(due)
    again = [message_id for message_id, place in zip(messages, places, strict=True) if place in unsent]
    return queues.failures([*broken, *again])


def _drop(message: dict[str, Any], row: StoredDelivery | None) -> None:
    """Leave a delivery whose webhook is gone or switched off; one that a dead run left pending ends here."""
    if row is not None and row.status == "pending" and row.generation == message.get("generation", 0):
        store.record(row, None, "failed")
    count("WebhookDeliveriesDropped")


def _place(message: dict[str, Any]) -> Place:
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


def _attempt_all(due: dict[Place, tuple[StoredWebhook, StoredDelivery]]) -> set[Place]:
    """Attempt all at once; a failed one waits for its retry, not for the slowest of the batch.

    Answers with those that could not even be attempted, for a reason of ours: their messages come again.
    """
    attempts = {_pool().submit(delivery.attempt, *pair): place for place, pair in due.items()}
    settled: list[StoredDelivery] = []
    unsent: set[Place] = set()
    succeeded = 0
    for done in as_completed(attempts):
        webhook, row = due[attempts[done]]
        try:
            outcome = done.result()
        except Exception:  # noqa: BLE001 - whatever is wrong with one delivery must not take its batch along
            logger().exception("a delivery could not be attempted", extra={"log_id": row.id, "webhook_id": webhook.id})
            unsent.add(attempts[done])
            continue
        status = delivery.status_after(outcome, row.tries + 1, webhook.retry_policy)
        after = delivery.with_attempt(row, outcome, status)
        if row.generation:
            store.record(row, outcome, status)
        elif status == "pending" and not store.begin(after):
            continue
        elif status != "pending":
            settled.append(after)
        if status == "pending":
            delivery.keep_trying(webhook, after)
        succeeded += status == "success"
    store.put_deliveries(settled)
    count("WebhookDeliveriesSucceeded", succeeded)
    count("WebhookAttemptsFailed", len(due) - succeeded)
    return unsent


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CONCURRENCY)
