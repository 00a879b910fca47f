"""From the queues to the receivers: the first attempt of every delivery, a batch at a time."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from functions.webhooks import delivery, dispatch, endpoints, health, learning, log
from functions.webhooks.dispatch import Due
from functions.webhooks.log import Place, Standing, StoredDelivery
from functions.webhooks.models import Status
from functions.webhooks.store import StoredWebhook
from hub import queues, times
from hub.telemetry import count, lambda_handler, logger

CONCURRENCY = 10
"""As many as a batch has messages: one receiver that takes its ten seconds delays no other of the batch."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A delivery to attempt now; `is_stored` where it has a row already."""

    webhook: StoredWebhook
    endpoint: endpoints.Endpoint
    row: StoredDelivery
    is_stored: bool


_Decision = _Ready | Due | StoredDelivery | None
"""What a message asks for: an attempt, to wait, a row whose state machine is to be started, or nothing any more."""


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch from either lane (`dispatch.first` or `dispatch.again`, with `due` and `slow`)."""
    messages, broken = queues.read(event, "tenant", "webhook_id", "id")
    places = {message_id: _place(message) for message_id, message in messages.items()}
    # A message of a later generation follows a write of a moment ago.
    consistent = any(message.get("generation") for message in messages.values())
    standings = log.together(list(dict.fromkeys(places.values())), consistent=consistent) if places else {}
    decided: dict[Place, _Decision] = {}
    troubled: set[Place] = set()
    for message_id, message in messages.items():
        place = places[message_id]
        if decided.get(place) is None:
            with _sparing_others(troubled, place):
                decided[place] = _decide(message, standings[place])
    untaken = dispatch.queue([one for one in decided.values() if isinstance(one, Due)])
    troubled |= {_place(one.message) for one in untaken}
    troubled |= _attempt_all(
        {place: one for place, one in decided.items() if isinstance(one, _Ready)},
        [one for one in decided.values() if isinstance(one, StoredDelivery)],
    )
    again = [message_id for message_id, place in places.items() if place in troubled]
    return queues.failures([*broken, *again])


def _place(message: Mapping[str, Any]) -> Place:
    return message["tenant"], message["webhook_id"], message["id"]


@contextmanager
def _sparing_others(troubled: set[Place], *places: Place) -> Iterator[None]:
    """Have the messages of these deliveries come again, and no others, when something goes wrong."""
    try:
        yield
    except Exception:  # noqa: BLE001 - whatever is wrong with one delivery must not take its batch along
        named = [{"webhook_id": webhook_id, "log_id": log_id} for _, webhook_id, log_id in places]
        logger().exception("a delivery could not be attempted or its outcome not noted", extra={"deliveries": named})
        troubled.update(places)


def _decide(message: dict[str, Any], standing: Standing) -> _Decision:
    if standing.webhook is None or not standing.webhook.active:
        # It may have been made or switched on a moment ago, and what is dropped does not come again.
        standing = log.together([_place(message)], consistent=True)[_place(message)]
    webhook, row = standing.webhook, standing.row
    if webhook is None or not webhook.active:
        _drop(message, standing)
        return None
    if not _is_open(message, row):
        return None
    if row is not None and row.status == "pending" and row.tries:
        # A run died before it started the state machine, or the message came twice: starting it (again) is right.
        return row
    slot = _slot(message, standing.endpoint)
    is_early = dispatch.is_early(slot.due, times.now_ms())
    if is_early:
        _note_wait(message, row, slot.due)
    if is_early or (slot.slow and not message.get("slow")):
        return slot
    if row is not None and row.status != "pending":
        if not log.claim(row, times.now_ms()):
            return None
        row = replace(row, status="pending", generation=row.generation + 1, tries=0)
    return _Ready(webhook, standing.endpoint, row or delivery.from_message(message), row is not None)


def _is_open(message: dict[str, Any], row: StoredDelivery | None) -> bool:
    """Whether no other run has seen to what a message asks for."""
    generation = message.get("generation", 0)
    if row is None:
        return generation == 0 and "body" in message
    return bool(generation == (row.generation if row.status == "pending" else row.generation + 1))


def _drop(message: dict[str, Any], standing: Standing) -> None:
    """Note what a webhook that is switched off misses; of one that is gone there is nothing to note."""
    row = standing.row
    if row is None and standing.webhook is not None and "body" in message:
        log.begin(delivery.unsent(delivery.from_message(message), delivery.INACTIVE))
    elif row is not None and row.status == "pending" and row.generation == message.get("generation", 0):
        delivery.end_without_webhook(row)
    count("WebhookDeliveriesDropped")


def _slot(message: dict[str, Any], endpoint: endpoints.Endpoint) -> Due:
    """When and where a message is due: in its slot, or in another where that is over or the endpoint pauses."""
    now = times.now_ms()
    due = message.get("due", 0)
    if dispatch.is_stale(due, now) or endpoint.paused_until > now:
        [other] = dispatch.with_slots([message])
        return other
    return Due(message, due, endpoint.slow)


def _note_wait(message: dict[str, Any], row: StoredDelivery | None, due: int) -> None:
    """Let the log and the reaper know until when a delivery waits; one that is to be sent anew has ended as yet."""
    if row is None:
        log.begin(delivery.from_message(message, due))
    elif row.status == "pending" and row.due_at != due:
        log.postpone(row, due)


def _attempt_all(due: dict[Place, _Ready], resumed: Sequence[StoredDelivery]) -> set[Place]:
    """Attempt all at once; a failed one waits for its retry, not for the slowest of the batch.

    Answers with those that, for a reason of ours, could not be attempted or whose outcome could not be noted: their
    messages come again.
    """
    notes: dict[Future[None], Place] = {_pool().submit(delivery.keep_trying, row): row.place for row in resumed}
    attempts = {_pool().submit(delivery.attempt, ready.webhook, ready.row): place for place, ready in due.items()}
    troubled: set[Place] = set()
    succeeded: list[StoredDelivery] = []
    ended: list[tuple[_Ready, dict[str, Any], Status]] = []
    for done in _as_they_end(attempts, due):
        ready = due[attempts[done]]
        with _sparing_others(troubled, ready.row.place):
            outcome = done.result()
            after = delivery.after(ready.row, outcome, ready.webhook.retry_policy)
            ended.append((ready, outcome, after.status))
            if after.status == "success" and not ready.is_stored:
                succeeded.append(after)
            else:
                notes[_pool().submit(_note, ready, after)] = ready.row.place
    with _sparing_others(troubled, *(row.place for row in succeeded)):
        log.put(succeeded)
    _learn(ended)
    for noted, place in notes.items():
        with _sparing_others(troubled, place):
            noted.result()
    return troubled


def _note(ready: _Ready, after: StoredDelivery) -> None:
    """Note an attempt's end and have it tried again; of two runs of a delivery that both failed, the first one's."""
    outcome = after.attempts[-1]
    # A row that was not seen may have been written while it waited.
    noted = (not ready.is_stored and log.begin(after)) or log.record(ready.row, outcome, after.status, after.due_at)
    if noted and after.status == "pending":
        delivery.keep_trying(after)


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
            learning.note_slow(ready.webhook, ready.endpoint)
        yield from as_completed(running)


def _learn(ended: Sequence[tuple[_Ready, dict[str, Any], Status]]) -> None:
    by_endpoint: dict[tuple[str, ...], list[tuple[_Ready, dict[str, Any], Status]]] = {}
    for one in ended:
        by_endpoint.setdefault(one[0].row.place[:2], []).append(one)
    for told in by_endpoint.values():
        ready = told[0][0]
        learning.learn(ready.webhook, ready.endpoint, [(outcome, status) for _, outcome, status in told])
    successes = sum(delivery.is_success(outcome) for _, outcome, _ in ended)
    count("WebhookDeliveriesSucceeded", successes)
    count("WebhookAttemptsFailed", len(ended) - successes)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CONCURRENCY)
