"""What can be done with webhooks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from functions.webhooks import delivery, signing, store
from functions.webhooks.models import (
    Delivery,
    LogParameters,
    NewWebhook,
    Retried,
    Webhook,
    WebhookChange,
    WebhookSecretRotation,
    WebhookTestResult,
    WebhookWithSecret,
)
from functions.webhooks.store import StoredDelivery, StoredWebhook
from hub import ids, queues, secrets, settings, times
from hub.errors import Conflict, FieldError, InvalidRequest, Unavailable, Unprocessable
from hub.events import Caller
from hub.store import table
from hub.store.paging import Page
from hub.web.validation import PageParameters

MAX_WEBHOOKS = 100
"""Of a tenant: every event reads them all."""

MAX_RETRIED = 1000


@dataclass(frozen=True)
class WebhookSettings:
    """The queue of deliveries."""

    webhook_delivery_queue_url: str


def create(caller: Caller, wanted: NewWebhook) -> WebhookWithSecret:
    """Make a webhook; its secret is in the answer and never again. Raises `Unprocessable` over the tenant's quota."""
    if store.count(caller.tenant, MAX_WEBHOOKS) >= MAX_WEBHOOKS:
        raise Unprocessable("quota_exceeded", limit=MAX_WEBHOOKS)
    webhook_id = ids.new("wh")
    secret = wanted.secret or signing.new_secret()
    shown_headers, sealed_headers = store.seal_headers(caller.tenant, webhook_id, wanted.headers)
    now = times.now_ms()
    webhook = StoredWebhook(
        tenant=caller.tenant,
        id=webhook_id,
        url=wanted.url,
        events=wanted.events,
        headers=shown_headers,
        active=wanted.active,
        description=wanted.description,
        retry_policy=wanted.retry_policy,
        created_at=now,
        updated_at=now,
        sealed_secret=store.seal_secret(caller.tenant, webhook_id, secret),
        sealed_headers=sealed_headers,
    )
    store.add(webhook)
    return {**shown(webhook), "secret": secret}


def listed(tenant: str, query: PageParameters) -> Page[Webhook]:
    """List webhooks, the newest first."""
    found = store.page(tenant, query.page, query.limit, query.cursor)
    return found.holding(shown(webhook) for webhook in found.items)


def get(tenant: str, webhook_id: str) -> Webhook:
    """Show one webhook."""
    return shown(store.get(tenant, webhook_id))


def change(tenant: str, webhook_id: str, wanted: WebhookChange) -> Webhook:
    """Change the fields that were sent. Raises `Conflict` when the webhook was changed at the same time."""
    changes: dict[str, Any] = wanted.model_dump(exclude_unset=True)
    if not changes:
        raise InvalidRequest(FieldError("body", "nothing_to_change"))
    before = store.get(tenant, webhook_id)
    if "secret" in changes:
        changes["sealed_secret"] = store.seal_secret(tenant, webhook_id, changes.pop("secret"))
        # Replaced, not rotated: whoever wants an overlap rotates.
        changes |= {"sealed_previous_secret": None, "previous_secret_until": None}
    if "headers" in changes:
        headers = _unmasked(before, changes["headers"])
        changes["headers"], changes["sealed_headers"] = store.seal_headers(tenant, webhook_id, headers)
    return shown(_saved(before, changes))


def rotate_secret(tenant: str, webhook_id: str, wanted: WebhookSecretRotation) -> WebhookWithSecret:
    """Give a webhook a new secret, shown in this answer only; the one it had signs beside it for the overlap.

    Rotating again during an overlap drops the older of the two at once. Raises `InvalidRequest` for the secret that it
    has already, which would be such a second rotation, `Conflict` when the webhook was changed at the same time.
    """
    before = store.get(tenant, webhook_id)
    if wanted.secret is not None and wanted.secret == before.secret():
        raise InvalidRequest(FieldError("secret", "current_secret"))
    secret = wanted.secret or signing.new_secret()
    overlaps = wanted.overlap_seconds > 0
    changes = {
        "sealed_secret": store.seal_secret(tenant, webhook_id, secret),
        "sealed_previous_secret": before.sealed_secret if overlaps else None,
        "previous_secret_until": (times.now() + wanted.overlap_seconds) * 1000 if overlaps else None,
    }
    return {**shown(_saved(before, changes)), "secret": secret}


def delete(tenant: str, webhook_id: str) -> None:
    """Delete a webhook; what waits to be delivered to it is dropped."""
    store.remove(tenant, webhook_id)


def test(caller: Caller, webhook_id: str) -> WebhookTestResult:
    """Send a test event now, once, whether the webhook is active or not, and tell what came of it."""
    webhook = store.get(caller.tenant, webhook_id)
    event = {
        "id": ids.new("evt"),
        "type": "webhook.test",
        "timestamp": times.iso_ms(times.now_ms()),
        "data": {"webhook_id": webhook.id, "url": webhook.url, "request_id": caller.request_id},
    }
    sent = delivery.new(caller.tenant, webhook.id, event)
    outcome = delivery.attempt(webhook, sent)
    success = delivery.is_success(outcome)
    store.put_deliveries([delivery.with_attempt(sent, outcome, "success" if success else "failed")])
    return {
        "success": success,
        "log_id": sent.id,
        "response_code": outcome["code"],
        "response_time": outcome["ms"],
        "error": outcome["error"],
    }


def logs(tenant: str, webhook_id: str, query: LogParameters) -> Page[Delivery]:
    """List the deliveries of a webhook, the newest first."""
    store.get(tenant, webhook_id)
    found = store.deliveries(tenant, webhook_id, query)
    return found.holding(delivery.shown(row) for row in found.items)


def retry(tenant: str, webhook_id: str, log_ids: list[str] | None) -> Retried:
    """Send failed deliveries again: the named ones, or all, the oldest first.

    Asking twice sends once: a delivery that is under way is not failed, and its next generation starts only once.
    """
    webhook = store.get(tenant, webhook_id)
    if not webhook.active:
        raise Unprocessable("webhook_inactive")
    rows = _failed(tenant, webhook_id, log_ids)
    if not rows:
        raise Unprocessable("nothing_to_retry")
    accepted = rows[:MAX_RETRIED]
    if queues.send(_settings().webhook_delivery_queue_url, [delivery.retry_message(row) for row in accepted]):
        raise Unavailable
    return {"accepted": len(accepted), "has_more": len(rows) > len(accepted)}


def shown(webhook: StoredWebhook) -> Webhook:
    """A webhook as callers see it."""
    ends = webhook.previous_secret_ends(times.now_ms())
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events,
        "headers": webhook.headers,
        "active": webhook.active,
        "description": webhook.description,
        "retry_policy": webhook.retry_policy,
        "created_at": times.iso(webhook.created_at / 1000),
        "updated_at": times.iso(webhook.updated_at / 1000),
        "previous_secret_expires_at": times.iso(ends / 1000) if ends else None,
    }


def _saved(before: StoredWebhook, changes: Mapping[str, Any]) -> StoredWebhook:
    # A later time even within a millisecond: it is what the next change is checked against.
    after = replace(before, **changes, updated_at=max(times.now_ms(), before.updated_at + 1))
    try:
        store.replace(after, before.updated_at)
    except table.ConditionFailed:
        raise Conflict from None
    return after


def _failed(tenant: str, webhook_id: str, log_ids: list[str] | None) -> list[StoredDelivery]:
    if log_ids is None:
        return store.failed_deliveries(tenant, webhook_id, MAX_RETRIED + 1)
    rows = store.rows(tenant, webhook_id, log_ids)
    problems = []
    for position, log_id in enumerate(log_ids):
        row = rows.get(log_id)
        if row is None:
            problems.append(FieldError(f"log_ids.{position}", "unknown_log"))
        elif row.status != "failed":
            problems.append(FieldError(f"log_ids.{position}", "not_failed"))
    if problems:
        raise InvalidRequest(problems)
    return list(rows.values())


def _unmasked(before: StoredWebhook, headers: Mapping[str, str]) -> dict[str, str]:
    if secrets.MASK not in headers.values():
        return dict(headers)
    kept = before.sent_headers()
    unknown = [name for name, value in headers.items() if value == secrets.MASK and name not in kept]
    if unknown:
        raise InvalidRequest([FieldError(f"headers.{name}", "missing") for name in unknown])
    return {name: kept[name] if value == secrets.MASK else value for name, value in headers.items()}


@cache
def _settings() -> WebhookSettings:
    return settings.load(WebhookSettings)
