"""One retry of a delivery, as the state machine `retry.asl.yaml` asks for it."""

from typing import Any

from functions.webhooks import delivery, dispatch, endpoints, learning, log
from functions.webhooks.log import StoredDelivery
from hub import executions, times
from hub.telemetry import count, lambda_handler


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Attempt `{"tenant","webhook_id","id","generation","outcome"}` again; `outcome` is this function's last answer.

    Answers `{"status","wait_seconds","due"}`: `pending` with the seconds until it is to be asked again (with `due`, the
    time of the attempt's slot, where the attempt waits for one), `success` or `failed`, or `gone` where nothing is left
    to attempt (deleted, or sent anew meanwhile).
    """
    place = (event["tenant"], event["webhook_id"], event["id"])
    # The row may have been written a second ago: an old copy of it would end the delivery here.
    standing = log.together([place], consistent=True)[place]
    webhook, row = standing.webhook, standing.row
    if row is None or row.generation != event["generation"] or row.status != "pending":
        return _outcome("gone")
    if webhook is None or not webhook.active:
        delivery.end_without_webhook(row)
        return _outcome("gone")
    slot = event["outcome"].get("due")
    if dispatch.is_early(row.due_at, times.now_ms()):
        # The step is repeated: its first run has attempted, and died before it could answer.
        return _waiting(row.due_at, slot if slot == row.due_at else None)
    due = _slot(row, slot, standing.endpoint)
    if dispatch.is_early(due, times.now_ms()):
        log.postpone(row, due)
        return _waiting(due, due)
    outcome = delivery.attempt(webhook, row)
    after = delivery.after(row, outcome, webhook.retry_policy)
    noted = log.record(row, outcome, after.status, after.due_at)
    learning.learn(webhook, standing.endpoint, [(outcome, after.status)])
    count("WebhookRetriesSucceeded" if after.status == "success" else "WebhookAttemptsFailed")
    if after.status == "pending" or not noted:
        # Whoever was first has noted what is next: the row says it.
        return _waiting(after.due_at, None)
    if after.status == "failed":
        count("WebhookDeliveriesGivenUp")
    return _outcome(after.status)


def _slot(row: StoredDelivery, due: int | None, endpoint: endpoints.Endpoint) -> int:
    """When the attempt is due: the slot it has waited for, or another where that is over or the endpoint pauses."""
    now = times.now_ms()
    if due is not None and not dispatch.is_stale(due, now) and endpoint.paused_until <= now:
        return due
    _, [slot] = endpoints.reserve(row.tenant, row.webhook_id, 1)
    return slot


def _waiting(until: int, due: int | None) -> dict[str, Any]:
    return _outcome("pending", executions.seconds_until(until), due)


def _outcome(status: str, wait_seconds: int = 0, due: int | None = None) -> dict[str, Any]:
    return {"status": status, "wait_seconds": wait_seconds, "due": due}
