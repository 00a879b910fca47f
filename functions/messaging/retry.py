"""One retry of a message, as the state machine `retry.asl.yaml` asks for it."""

from typing import Any

from functions.messaging.messages import pace, sending, store
from hub import executions, pacing, times
from hub.errors import NotFound
from hub.telemetry import count, lambda_handler


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Attempt `{"tenant","platform","message_id","outcome"}` again; `outcome` is this function's last answer.

    Answers `{"status","wait_seconds","due"}`: `pending` with the seconds until it is to be asked again (with `due`, the
    time of the slot that the attempt waits for), else what the message is now, or `gone`.
    """
    tenant, slot = event["tenant"], event["outcome"].get("due") or 0
    try:
        message = store.get(tenant, event["platform"], event["message_id"], consistent=True)
    except NotFound:
        return _outcome("gone")
    if message.status != "pending":
        return _outcome("gone")
    if message.due_at - times.now_ms() > pace.EARLY_MS:
        # The step is repeated: its first run has attempted, and died before it could answer.
        return _outcome("pending", message.due_at)
    if not slot or pacing.is_stale(slot) or pacing.is_paused(tenant, message.connection_id):
        [slot] = pace.reserve([(tenant, message)])
    if slot - times.now_ms() > pace.EARLY_MS:
        return _outcome("pending", slot, slot)
    pace.wait(slot)
    outcome, after = sending.attempt(tenant, message)
    if outcome == "taken":
        return _outcome("pending", times.now_ms() + store.LEASE_SECONDS * 1000)
    count("MessagesRetried")
    return _outcome("pending", after.due_at) if outcome == "pending" else _outcome(outcome)


def _outcome(status: str, until: int = 0, due: int | None = None) -> dict[str, Any]:
    return {"status": status, "wait_seconds": executions.seconds_until(until) if until else 0, "due": due}
