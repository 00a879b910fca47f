"""What attempts tell of an endpoint: that it is slow, asks for patience, is gone, or has long done nothing but fail."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from functions.webhooks import delivery, endpoints, statistics, store
from functions.webhooks.endpoints import Endpoint
from functions.webhooks.models import DisabledReason
from functions.webhooks.store import StoredWebhook
from hub import events, times
from hub.events import Caller
from hub.store import table
from hub.telemetry import count, logger

SLOW_MS = 1000
"""An endpoint that takes longer gets its deliveries through the slow lane, until it succeeds within this time."""

DISABLED_AFTER_MS = 5 * 86_400_000
WARNED_AFTER_MS = DISABLED_AFTER_MS // 2
NOTICE_MS = 86_400_000
"""Between the warning and the end, also where an endpoint is so rarely called that the warning comes late."""

_TRIES = 3


def learn(webhook: StoredWebhook, endpoint: Endpoint, outcomes: Sequence[Mapping[str, Any]]) -> None:
    """Take note of attempts at an endpoint; writes only where they tell something new.

    What was never sent, as it is too large, tells nothing.
    """
    outcomes = [outcome for outcome in outcomes if outcome["error"] != delivery.TOO_LARGE]
    if not outcomes:
        return
    successes = [outcome for outcome in outcomes if delivery.is_success(outcome)]
    slow = any(outcome["ms"] > SLOW_MS for outcome in outcomes)
    quick = bool(successes) and not slow
    is_new = slow if not endpoint.slow else quick
    failing_since: int | None = None
    if successes:
        failing_since = 0 if endpoint.failing_since else None
    elif not endpoint.failing_since:
        failing_since = min(outcome["at"] for outcome in outcomes)
    if is_new or failing_since is not None:
        endpoints.change(webhook.tenant, webhook.id, slow=slow if is_new else None, failing_since=failing_since)
    patience = max(outcome["at"] + outcome.get("retry_after", 0) * 1000 for outcome in outcomes)
    if patience > times.now_ms():
        endpoints.pause(webhook.tenant, webhook.id, patience)
    if any(outcome["code"] == delivery.GONE for outcome in outcomes):
        _disable(webhook, "gone", None)
    elif not successes and endpoint.failing_since:
        _consider(webhook, endpoint)


def _consider(webhook: StoredWebhook, endpoint: Endpoint) -> None:
    """Warn of an endpoint that has failed for half of the time it is given; switch off one that has for all of it."""
    now = times.now_ms()
    ends = _ends(endpoint.failing_since, endpoint.warned_at)
    if now < (ends if endpoint.warned_at else endpoint.failing_since + WARNED_AFTER_MS):
        return
    # A success and a failure at once can leave the time of the failure standing: the counters know better.
    if statistics.has_delivered_since(webhook.tenant, webhook.id, endpoint.failing_since):
        endpoints.change(webhook.tenant, webhook.id, failing_since=0)
    elif endpoint.warned_at:
        _disable(webhook, "failing", endpoint.failing_since)
    else:
        _warn(webhook, endpoint.failing_since, now)


def _ends(failing_since: int, warned_at: int) -> int:
    return max(failing_since + DISABLED_AFTER_MS, warned_at + NOTICE_MS)


def _warn(webhook: StoredWebhook, since: int, now: int) -> None:
    """Tell that an endpoint has failed since a time (epoch ms), and when it will be switched off."""
    told = {
        "webhook_id": webhook.id,
        "host": webhook.host,
        "failing_since": times.iso(since / 1000),
        "disabled_from": times.iso(_ends(since, now) / 1000),
    }
    if _save(webhook, {}, events.event("webhook.failing", _caller(webhook), told)):
        endpoints.note_warning(webhook.tenant, webhook.id, now)
        count("WebhooksFailing")


def _disable(webhook: StoredWebhook, reason: DisabledReason, since: int | None) -> None:
    """Switch a webhook off and tell why; `since` is when its endpoint began to fail, where that is the reason."""
    now = times.now_ms()
    changes = {"active": False, "disabled_reason": reason, "disabled_at": now}
    told = {
        "webhook_id": webhook.id,
        "host": webhook.host,
        "reason": reason,
        "failing_since": times.iso(since / 1000) if since else None,
        "disabled_at": times.iso(now / 1000),
    }
    event = events.event("webhook.disabled", _caller(webhook), told)
    current: StoredWebhook | None = webhook
    for _ in range(_TRIES):
        # What its owner changed meanwhile stays; another address is another endpoint, which has not failed.
        if current is None or not current.active or current.url != webhook.url:
            return
        if _save(current, changes, event):
            count("WebhooksDisabled")
            return
        current = store.find(webhook.tenant, webhook.id)


def _save(webhook: StoredWebhook, changes: Mapping[str, Any], event: dict[str, Any]) -> bool:
    """Write a webhook with an event; `False` when it was changed meanwhile."""
    now = max(times.now_ms(), webhook.updated_at + 1)
    try:
        store.replace(replace(webhook, **changes, updated_at=now), webhook.updated_at, [event])
    except table.ConditionFailed:
        return False
    logger().warning(event["type"], extra={"tenant": webhook.tenant, "webhook_id": webhook.id, "event": event["data"]})
    return True


def _caller(webhook: StoredWebhook) -> Caller:
    """Hub itself."""
    return Caller(tenant=webhook.tenant, plan="", actor="hub", request_id=f"health/{webhook.id}")
