"""One retry of a delivery, as the state machine `retry.asl.yaml` asks for it."""

from typing import Any

from functions.webhooks import delivery, store
from hub.telemetry import count, lambda_handler


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Attempt `{"tenant","webhook_id","id","generation"}` again.

    Answers `{"status","wait_seconds"}`: `pending` with the seconds until the next attempt, `success` or `failed`, or
    `gone` where there is nothing left to attempt (deleted, or sent anew meanwhile).
    """
    place = (event["tenant"], event["webhook_id"], event["id"])
    # The row may have been written a second ago: an old copy of it would end the delivery here.
    webhook, row = store.together([place], consistent=True)[place]
    if row is None or row.generation != event["generation"] or row.status != "pending":
        return _outcome("gone")
    if webhook is None or not webhook.active:
        store.record(row, None, "failed")
        return _outcome("gone")
    outcome = delivery.attempt(webhook, row)
    tries = row.tries + 1
    status = delivery.status_after(outcome, tries, webhook.retry_policy)
    store.record(row, outcome, status)
    count("WebhookRetriesSucceeded" if status == "success" else "WebhookAttemptsFailed")
    if status == "failed":
        count("WebhookDeliveriesGivenUp")
    return _outcome(status, delivery.wait_after(tries, webhook.retry_policy) if status == "pending" else 0)


def _outcome(status: str, wait_seconds: int = 0) -> dict[str, Any]:
    return {"status": status, "wait_seconds": wait_seconds}
