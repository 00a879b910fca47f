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
"""An endpoint that takes longer gets its deliveries through the slow lane."""

DISABLED_AFTER_MS = 5 * 86_400_000
WARNED_AFTER_MS = DISABLED_AFTER_MS // 2


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
    failing_ms = times.now_ms() - endpoint.failing_since
    if failing_ms < WARNED_AFTER_MS or (failing_ms < DISABLED_AFTER_MS and endpoint.warned):
        return
    # A success and a failure at once can leave the time of the failure standing: the counters know better.
    if statistics.has_delivered_since(webhook.tenant, webhook.id, endpoint.failing_since):
        endpoints.change(webhook.tenant, webhook.id, failing_since=0)
    elif failing_ms >= DISABLED_AFTER_MS:
        _disable(webhook, "failing", endpoint.failing_since)
    else:
        _warn(webhook, endpoint.failing_since)


def _warn(webhook: StoredWebhook, since: int) -> None:
    """Tell that an endpoint has failed since a time (epoch ms), and when it will be switched off."""
    told = {
        "webhook_id": webhook.id,
        "url": webhook.url,
        "failing_since": times.iso(since / 1000),
        "disabled_from": times.iso((since + DISABLED_AFTER_MS) / 1000),
    }
    if _save(webhook, {}, events.event("webhook.failing", _caller(webhook), told)):
        endpoints.warned(webhook.tenant, webhook.id)
        count("WebhooksFailing")


def _disable(webhook: StoredWebhook, reason: DisabledReason, since: int | None) -> None:
    """Switch a webhook off and tell why; `since` is when its endpoint began to fail, where that is the reason."""
    now = times.now_ms()
    changes = {"active": False, "disabled_reason": reason, "disabled_at": now}
    told = {
        "webhook_id": webhook.id,
        "url": webhook.url,
        "reason": reason,
        "failing_since": times.iso(since / 1000) if since else None,
        "disabled_at": times.iso(now / 1000),
    }
    if _save(webhook, changes, events.event("webhook.disabled", _caller(webhook), told)):
        count("WebhooksDisabled")


def _save(webhook: StoredWebhook, changes: Mapping[str, Any], event: dict[str, Any]) -> bool:
    """Write a webhook with an event; `False` when it was changed meanwhile: the next failure asks again."""
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
