"""One retry of a delivery, as the state machine `retry.asl.yaml` asks for it."""

from typing import Any

from functions.webhooks import delivery, dispatch, endpoints, health, log, statistics
from functions.webhooks.log import StoredDelivery
from hub import times
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
        log.give_up(row)
        return _outcome("gone")
    due = _slot(row, event["outcome"].get("due"), standing.endpoint)
    if dispatch.is_early(due, times.now_ms()):
        log.postpone(row, due)
        return _outcome("pending", delivery.seconds_until(due), due)
    outcome = delivery.attempt(webhook, row)
    tries = row.tries + 1
    status = delivery.status_after(outcome, tries, webhook.retry_policy)
    wait = delivery.wait_after(outcome, tries, webhook.retry_policy) if status == "pending" else 0
    log.record(row, outcome, status, times.now_ms() + wait * 1000)
    statistics.add(webhook.tenant, webhook.id, [(outcome, status)])
    health.learn(webhook, standing.endpoint, [outcome])
    count("WebhookRetriesSucceeded" if status == "success" else "WebhookAttemptsFailed")
    if status == "failed":
        count("WebhookDeliveriesGivenUp")
    return _outcome(status, wait)


def _slot(row: StoredDelivery, due: int | None, endpoint: endpoints.Endpoint) -> int:
    """When the attempt is due: the slot it has waited for, or another where that is over or the endpoint pauses."""
    now = times.now_ms()
    if due is not None and not dispatch.is_stale(due, now) and endpoint.paused_until <= now:
        return due
    _, [slot] = endpoints.reserve(row.tenant, row.webhook_id, 1)
    return slot


def _outcome(status: str, wait_seconds: int = 0, due: int | None = None) -> dict[str, Any]:
    return {"status": status, "wait_seconds": wait_seconds, "due": due}
