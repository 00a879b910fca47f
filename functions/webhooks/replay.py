"""One step of a replay, as the state machine `replay.asl.yaml` asks for it."""

from typing import Any

from functions.webhooks import delivery, dispatch, log, replays, store
from functions.webhooks.log import StoredDelivery
from functions.webhooks.models import ReplayStatus
from hub import executions, ids, times
from hub.errors import NotFound, Unavailable
from hub.telemetry import count, lambda_handler, logger

PAGE = 100
"""Deliveries of a step: at the usual pace a minute of the endpoint's slots, which is about what new events wait."""

READS = 20
"""Pages of a step that may turn out to hold nothing to send."""

LEAD_MS = 5000
"""The next page takes its slots this long before the last one of this page, so that the endpoint's pace is kept."""

MAX_WAIT_SECONDS = 900
"""A page can wait for hours where its endpoint is busy or pauses; in between it is seen whether to stop."""

STEPS_PER_EXECUTION = 2000
"""A step is nine events of an execution's history, which takes 25,000."""


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Send a page of a replay again (`replays.start`'s state); `step` is the last answer of this function.

    Answers `{"status","wait_seconds","after","due","queued","number"}`: `running` with the seconds to wait, the row
    that the next page begins behind, the page's last slot and the counts so far; `continued` likewise where the next
    page is another execution's; or how it ended. Run twice with the same input, it queues the same generations of the
    same rows again, which are claimed once, and leaves out those that were sent since the replay began.
    """
    step = event["step"]
    if not _is_wanted(event):
        return _ended(event, step, "stopped")
    if _seconds_until_next(step["due"]):
        return _going_on(event, step)
    rows, after = _next_page(event, step["after"])
    slots = dispatch.with_slots([dispatch.again(row) for row in rows])
    if dispatch.queue(slots):
        raise Unavailable
    count("WebhookDeliveriesReplayed", len(slots))
    due = max((slot.due for slot in slots), default=0)
    step = {**step, "after": after, "due": due, "queued": step["queued"] + len(slots)}
    return _going_on(event, step) if after else _ended(event, step, "succeeded")


def _is_wanted(event: dict[str, Any]) -> bool:
    try:
        # It may have been switched on a moment ago: an old copy would end the replay here.
        return store.get(event["tenant"], event["webhook_id"], consistent=True).active
    except NotFound:
        return False


def _next_page(event: dict[str, Any], after: str | None) -> tuple[list[StoredDelivery], str | None]:
    """Read on until there is something to send, or nothing more, or enough was read for a step."""
    last = ids.first("log", event["until"])
    rows: list[StoredDelivery] = []
    for _ in range(READS):
        # No id lies between an id and the same with a character more.
        first = f"{after}0" if after else ids.first("log", event["since"])
        found, after = log.ended(event["tenant"], event["webhook_id"], (first, last), event["wanted"], PAGE)
        rows = [row for row in found if not _was_sent_since(row, event["started_at"])]
        if rows or after is None:
            break
    return rows, after


def _was_sent_since(row: StoredDelivery, time: int) -> bool:
    last = row.attempts[-1] if row.attempts else None
    return last is not None and last["at"] >= time and last["error"] != delivery.INACTIVE


def _going_on(event: dict[str, Any], step: dict[str, Any]) -> dict[str, Any]:
    wait = min(_seconds_until_next(step["due"]), MAX_WAIT_SECONDS)
    alive_until = times.now_ms() + wait * 1000 + replays.ALIVE_MS
    if not replays.go_on(event["tenant"], event["webhook_id"], event["id"], step["queued"], alive_until):
        return _outcome("stopped", step)
    number = step["number"] + 1
    status = "running" if number % STEPS_PER_EXECUTION else "continued"
    return _outcome(status, {**step, "number": number}, wait)


def _ended(event: dict[str, Any], step: dict[str, Any], status: ReplayStatus) -> dict[str, Any]:
    if not replays.end(event["tenant"], event["webhook_id"], event["id"], step["queued"], status):
        return _outcome("stopped", step)
    place = {"tenant": event["tenant"], "webhook_id": event["webhook_id"], "replay_id": event["id"]}
    logger().info("a replay has ended", extra=place | {"status": status, "queued": step["queued"]})
    return _outcome(status, step)


def _seconds_until_next(due: int) -> int:
    return executions.seconds_until(due - LEAD_MS)


def _outcome(status: str, step: dict[str, Any], wait_seconds: int = 0) -> dict[str, Any]:
    return {**step, "status": status, "wait_seconds": wait_seconds}
