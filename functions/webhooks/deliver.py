"""From the queues to the receivers: the first attempt of every delivery, a batch at a time."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError

from functions.webhooks import delivery, dispatch, endpoints, health, log, statistics
from functions.webhooks.dispatch import Due
from functions.webhooks.log import Place, Standing, StoredDelivery
from functions.webhooks.models import Status
from functions.webhooks.store import StoredWebhook
from hub import queues, times
from hub.errors import Unavailable
from hub.telemetry import count, lambda_handler, logger

CONCURRENCY = 10
"""As many as a batch has messages: one receiver that takes its ten seconds delays no other of the batch."""


@dataclass(frozen=True, slots=True)
class _Ready:
    webhook: StoredWebhook
    endpoint: endpoints.Endpoint
    row: StoredDelivery


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch from either lane (`dispatch.first` or `dispatch.again`, with `due` and `slow`)."""
    messages, broken = queues.read(event, "tenant", "webhook_id", "id", "due")
    places = {message_id: _place(message) for message_id, message in messages.items()}
    # A message of a later generation follows a write of a moment ago.
    consistent = any(message.get("generation") for message in messages.values())
    standings = log.together(list(dict.fromkeys(places.values())), consistent=consistent) if places else {}
    waiting = _waiting(messages, standings)
    due: dict[Place, _Ready] = {}
    for message_id, message in messages.items():
        standing = standings[places[message_id]]
        if standing.webhook is None or not standing.webhook.active:
            _drop(message, standing)
        elif message_id not in waiting and (row := _row_to_attempt(message, standing)):
            due[row.place] = _Ready(standing.webhook, standing.endpoint, row)
    untaken = {due.message["id"] for due in dispatch.queue(list(waiting.values()))}
    unsent = _attempt_all(due)
    again = [
        message_id
        for message_id, place in places.items()
        if place in unsent or (message_id in waiting and place[2] in untaken)
    ]
    return queues.failures([*broken, *again])


def _place(message: dict[str, Any]) -> Place:
    return message["tenant"], message["webhook_id"], message["id"]


def _waiting(messages: dict[str, dict[str, Any]], standings: dict[Place, Standing]) -> dict[str, Due]:
    """What is not to be attempted here and now: too early for its slot, without one, or in the wrong lane."""
    now = times.now_ms()
    waiting: dict[str, Due] = {}
    for message_id, message in messages.items():
        standing = standings[_place(message)]
        if standing.webhook is None or not standing.webhook.active:
            continue
        one = Due(message, message["due"], standing.endpoint.slow)
        if dispatch.is_stale(one.due, now) or standing.endpoint.paused_until > now:
            [one] = dispatch.with_slots([message])
        if dispatch.is_early(one.due, now) or (one.slow and not message.get("slow")):
            waiting[message_id] = one
    return waiting


def _drop(message: dict[str, Any], standing: Standing) -> None:
    """Note what a webhook that is switched off misses; of one that is gone there is nothing to note."""
    row = standing.row
    if row is None and standing.webhook is not None and "body" in message:
        log.begin(delivery.unsent(delivery.from_message(message), delivery.INACTIVE))
    elif row is not None and row.status == "pending" and row.generation == message.get("generation", 0):
        log.give_up(row)
    count("WebhookDeliveriesDropped")


def _row_to_attempt(message: dict[str, Any], standing: Standing) -> StoredDelivery | None:
    """The delivery that a message asks to attempt now; `None` when another run has seen to it.

    A pending row of the message's own generation means that a run died before it started the state machine, or that
    the message came twice: starting it (again) is right in both cases.
    """
    generation = message.get("generation", 0)
    row = standing.row
    if row is None:
        return delivery.from_message(message) if generation == 0 else None
    if row.status == "pending" and row.generation == generation:
        delivery.keep_trying(row)
        return None
    if row.status != "pending" and row.generation == generation - 1 and log.claim(row, times.now_ms()):
        return replace(row, status="pending", generation=generation, tries=0)
    return None


def _attempt_all(due: dict[Place, _Ready]) -> set[Place]:
    """Attempt all at once; a failed one waits for its retry, not for the slowest of the batch.

    Answers with those that, for a reason of ours, could not be attempted or whose outcome could not be noted: their
    messages come again.
    """
    attempts = {_pool().submit(delivery.attempt, ready.webhook, ready.row): place for place, ready in due.items()}
    settled: list[StoredDelivery] = []
    unsent: set[Place] = set()
    learned: dict[tuple[str, str], list[tuple[dict[str, Any], Status]]] = {}
    for done in _as_they_end(attempts, due):
        ready = due[attempts[done]]
        try:
            outcome = done.result()
            after = _settle(ready, outcome)
        except Exception:  # noqa: BLE001 - whatever is wrong with one delivery must not take its batch along
            place = {"log_id": ready.row.id, "webhook_id": ready.webhook.id}
            logger().exception("a delivery could not be attempted or its outcome not noted", extra=place)
            unsent.add(attempts[done])
            continue
        if after.generation == 0 and after.status == "success":
            settled.append(after)
        learned.setdefault(ready.row.place[:2], []).append((outcome, after.status))
    log.put(settled)
    _learn(due, learned)
    return unsent


def _settle(ready: _Ready, outcome: dict[str, Any]) -> StoredDelivery:
    """Note an attempt's end, at once where it is to be tried again; a first success is written with its batch's."""
    webhook, row = ready.webhook, ready.row
    tries = row.tries + 1
    status = delivery.status_after(outcome, tries, webhook.retry_policy)
    wait = delivery.wait_after(outcome, tries, webhook.retry_policy) if status == "pending" else 0
    after = delivery.with_attempt(row, outcome, status, times.now_ms() + wait * 1000)
    if row.generation:
        log.record(row, outcome, status, after.due_at)
    elif status != "success" and not log.begin(after):
        return after
    if status == "pending":
        delivery.keep_trying(after)
    return after


def _as_they_end(
    attempts: dict[Future[dict[str, Any]], Place], due: dict[Place, _Ready]
) -> Iterator[Future[dict[str, Any]]]:
    """The attempts as they end; endpoints that let the batch wait are known as slow while they still do."""
    running = set(attempts)
    try:
        for done in as_completed(attempts, timeout=health.SLOW_MS / 1000):
            running.discard(done)
            yield done
    except TimeoutError:
        slow = {due[attempts[one]].row.place[:2]: due[attempts[one]] for one in running if not one.done()}
        for ready in slow.values():
            _mark_slow(ready)
        yield from as_completed(running)


def _mark_slow(ready: _Ready) -> None:
    if ready.endpoint.slow:
        return
    try:
        endpoints.change(ready.webhook.tenant, ready.webhook.id, slow=True)
    except (Unavailable, BotoCoreError):
        # Its outcome tells the same in a few seconds; to fail here would send the whole batch again.
        logger().warning("a slow endpoint was not noted", exc_info=True, extra={"webhook_id": ready.webhook.id})


def _learn(due: dict[Place, _Ready], learned: dict[tuple[str, str], list[tuple[dict[str, Any], Status]]]) -> None:
    known = {place[:2]: ready for place, ready in due.items()}
    succeeded = failed = 0
    for endpoint, ended in learned.items():
        ready = known[endpoint]
        statistics.add(ready.webhook.tenant, ready.webhook.id, ended)
        health.learn(ready.webhook, ready.endpoint, [outcome for outcome, _ in ended])
        succeeded += sum(delivery.is_success(outcome) for outcome, _ in ended)
        failed += sum(not delivery.is_success(outcome) for outcome, _ in ended)
    count("WebhookDeliveriesSucceeded", succeeded)
    count("WebhookAttemptsFailed", failed)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CONCURRENCY)
