"""Deliveries whose worker died are found by the time they were due, and go on."""

from dataclasses import replace
from typing import Any

from functions.webhooks import delivery, log
from functions.webhooks.log import Place
from hub import times
from hub.telemetry import count, lambda_handler, logger

OVERDUE_MS = 20 * 60_000
"""Longer than an attempt takes with all tries of its step and the waits between them (`retry.asl.yaml`)."""

MAX_REAPED = 1000
"""Of a run: the next one takes the rest."""


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> None:
    """Take over what was due 20 minutes before `{"time": "2026-11-20T13:00:00Z"}`.

    Raises, once all others are seen to, for deliveries that could not be taken over: the next run tries them again.
    """
    before = times.epoch_ms(event["time"]) - OVERDUE_MS
    reaped = 0
    problems: list[Exception] = []
    for shard in range(log.SHARDS):
        for place in log.overdue(shard, before, MAX_REAPED // log.SHARDS):
            try:
                reaped += _reap(place, before)
            except Exception as problem:  # noqa: BLE001 - one row that is broken must not keep the others waiting
                logger().exception("a delivery could not be taken over", extra=_named(place))
                problems.append(problem)
    count("WebhookDeliveriesReaped", reaped)
    if problems:
        raise ExceptionGroup("deliveries could not be taken over", problems)


def _reap(place: Place, before: int) -> bool:
    """Take a delivery over; `False` where the index was late and somebody does attend to it."""
    standing = log.together([place], consistent=True)[place]
    row, webhook = standing.row, standing.webhook
    if row is None or row.status != "pending" or row.due_at > before:
        return False
    if webhook is None or not webhook.active:
        log.record(row, None, "failed")
        return True
    due_at = times.now_ms()
    if not log.take_over(row, due_at):
        return False
    delivery.keep_trying(replace(row, generation=row.generation + 1, due_at=due_at))
    logger().warning("a delivery was taken over", extra=_named(place))
    return True


def _named(place: Place) -> dict[str, str]:
    return dict(zip(("tenant", "webhook_id", "log_id"), place, strict=True))
