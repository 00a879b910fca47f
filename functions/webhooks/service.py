"""What can be done with webhooks."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.webhooks import delivery, dispatch, endpoints, log, replays, statistics, store
from functions.webhooks.dispatch import Due
from functions.webhooks.log import StoredDelivery
from functions.webhooks.models import (
    Delivery,
    LogParameters,
    NewWebhook,
    Replay,
    ReplayRequest,
    ReplayStarted,
    Retried,
    StatisticsParameters,
    Webhook,
    WebhookChange,
    WebhookSecretRotation,
    WebhookStatistics,
    WebhookTestResult,
    WebhookWithSecret,
)
from functions.webhooks.store import StoredWebhook
from hub import ids, queues, rotation, secrets, signing, times
from hub.errors import Conflict, FieldError, InvalidRequest, Unavailable, Unprocessable
from hub.events import Caller
from hub.store import table
from hub.store.paging import Page
from hub.telemetry import logger
from hub.web.validation import PageParameters

MAX_WEBHOOKS = 100
"""Of a tenant: every event reads them all."""

MAX_RETRIED = 200
"""By one call: each is a write, of 150 units where a body is long and indexed twice."""

CLAIMS_AT_ONCE = 10

MAX_PAYLOADS_BYTES = 4_500_000
"""In one answer, which Lambda takes up to 6 MB of: as it counts them, and with room for the rows around them."""


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
        filter=wanted.filter,
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
    changes = wanted.changes()
    before = store.get(tenant, webhook_id)
    if "secret" in changes:
        changes["sealed_secret"] = store.seal_secret(tenant, webhook_id, changes.pop("secret"))
        # Replaced, not rotated: whoever wants an overlap rotates.
        changes |= {"sealed_previous_secret": None, "previous_secret_until": None}
    if "headers" in changes:
        headers = _unmasked(before, changes["headers"])
        changes["headers"], changes["sealed_headers"] = store.seal_headers(tenant, webhook_id, headers)
    is_switched_on = bool(changes.get("active")) and not before.active
    if is_switched_on:
        changes |= {"disabled_reason": None, "disabled_at": None}
    if is_switched_on or changes.get("url", before.url) != before.url:
        # First: once it is called, what its endpoint was before must not count against it. What waited for a slot
        # while it was off was dropped when its message came, at the latest when SQS could delay it no longer.
        was_off_ms = times.now_ms() - before.updated_at if is_switched_on else 0
        endpoints.forget(tenant, webhook_id, slots=was_off_ms > queues.MAX_DELAY_SECONDS * 1000)
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
    changes = rotation.replaced(before, store.seal_secret(tenant, webhook_id, secret), wanted.overlap_seconds)
    return {**shown(_saved(before, changes)), "secret": secret}


def delete(tenant: str, webhook_id: str) -> None:
    """Delete a webhook; what waits to be delivered to it is dropped."""
    store.remove(tenant, webhook_id)


def test(caller: Caller, webhook_id: str) -> WebhookTestResult:
    """Send a test event now, once, whether the webhook is active or not, and tell what came of it.

    It takes no slot of the endpoint's pace and waits for no `Retry-After`: somebody is waiting for the answer.
    """
    webhook = store.get(caller.tenant, webhook_id)
    event = {
        "id": ids.new("evt"),
        "type": log.TEST_EVENT,
        "timestamp": times.iso_ms(times.now_ms()),
        "data": {"webhook_id": webhook.id, "url": webhook.url, "request_id": caller.request_id},
    }
    sent = delivery.new(caller.tenant, webhook.id, event)
    outcome = delivery.attempt(webhook, sent)
    success = delivery.is_success(outcome)
    log.put([delivery.with_attempt(sent, outcome, "success" if success else "failed")])
    return {
        "success": success,
        "log_id": sent.id,
        "response_code": outcome["code"],
        "response_time": outcome["ms"],
        "error": outcome["error"],
    }


def logs(tenant: str, webhook_id: str, query: LogParameters) -> Page[Delivery]:
    """List the deliveries of a webhook, the newest first.

    `data` is `null` in payloads that an answer has no room for (`MAX_PAYLOADS_BYTES`).
    """
    store.get(tenant, webhook_id)
    found = log.page(tenant, webhook_id, query)
    return found.holding(_shown_within(found.items, MAX_PAYLOADS_BYTES))


def stats(tenant: str, webhook_id: str, query: StatisticsParameters) -> WebhookStatistics:
    """Tell how the deliveries of a webhook went, in all and by hour."""
    start, end = statistics.period(query)
    store.get(tenant, webhook_id)
    return statistics.read(tenant, webhook_id, start, end)


def retry(tenant: str, webhook_id: str, log_ids: list[str] | None) -> Retried:
    """Send failed deliveries again: the named ones, or all, the oldest first.

    What is accepted is pending from then on, so that asking again goes on with the rest. Raises `Unprocessable` where
    nothing is left, `Unavailable` where nothing could be claimed.
    """
    webhook = store.get(tenant, webhook_id)
    if not webhook.active:
        raise Unprocessable("webhook_inactive")
    found = _failed(tenant, webhook_id, log_ids)
    rows = found[:MAX_RETRIED]
    # Slots first: a claimed row has the time of its slot, by which the reaper finds it if all ends here.
    slots = dispatch.with_slots([dispatch.again(row) for row in rows])
    claimed, all_tried = _claim(rows, slots)
    has_more = len(found) > len(rows) or not all_tried
    if not claimed and not all_tried:
        raise Unavailable
    if not claimed and not has_more:
        raise Unprocessable("nothing_to_retry")
    untaken = dispatch.queue(claimed)
    if untaken:
        place = {"tenant": tenant, "webhook_id": webhook_id, "untaken": len(untaken)}
        logger().warning("retries were not queued: the reaper will find them", extra=place)
    return {"accepted": len(claimed), "has_more": has_more}


def replay(tenant: str, webhook_id: str, wanted: ReplayRequest) -> ReplayStarted:
    """Have the deliveries of a time sent again. Raises `Conflict` while a replay of the webhook is running."""
    # Who switches a webhook on again asks for what it missed in the next moment.
    if not store.get(tenant, webhook_id, consistent=True).active:
        raise Unprocessable("webhook_inactive")
    made = replays.begin(tenant, webhook_id, wanted)
    try:
        replays.start(made)
    except (BotoCoreError, ClientError):
        replays.end(tenant, webhook_id, made.id, 0, "failed")
        raise
    return replays.shown_as_started(made)


def get_replay(tenant: str, webhook_id: str, replay_id: str) -> Replay:
    """Show how a replay goes."""
    return replays.shown(replays.get(tenant, webhook_id, replay_id))


def shown(webhook: StoredWebhook) -> Webhook:
    """A webhook as callers see it."""
    ends = rotation.ends(webhook, times.now_ms())
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events,
        "headers": webhook.headers,
        "active": webhook.active,
        "description": webhook.description,
        "retry_policy": webhook.retry_policy,
        "filter": webhook.filter,
        "created_at": times.iso(webhook.created_at / 1000),
        "updated_at": times.iso(webhook.updated_at / 1000),
        "previous_secret_expires_at": times.iso(ends / 1000) if ends else None,
        "disabled_reason": webhook.disabled_reason,
        "disabled_at": times.iso(webhook.disabled_at / 1000) if webhook.disabled_at else None,
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
        return log.failed(tenant, webhook_id, MAX_RETRIED + 1)
    rows = log.named(tenant, webhook_id, log_ids)
    problems = []
    for position, log_id in enumerate(log_ids):
        row = rows.get(log_id)
        if row is None:
            problems.append(FieldError(f"log_ids.{position}", "does_not_exist"))
        elif row.event == log.TEST_EVENT:
            problems.append(FieldError(f"log_ids.{position}", "test_event"))
        elif row.status != "failed":
            problems.append(FieldError(f"log_ids.{position}", "not_failed"))
    if problems:
        raise InvalidRequest(problems)
    return list(rows.values())


def _claim(rows: Sequence[StoredDelivery], slots: Sequence[Due]) -> tuple[list[Due], bool]:
    """Start new generations, each due at its slot: those that this call has started, and whether it tried all.

    It stops where the table does not keep up, which the time of a request does not wait for.
    """
    unwell = Event()

    def claim(row: StoredDelivery, slot: Due) -> bool:
        try:
            return not unwell.is_set() and log.claim(row, slot.due)
        except (Unavailable, BotoCoreError, ClientError):
            unwell.set()
            logger().warning("a retry was not claimed", exc_info=True, extra={"log_id": row.id})
            return False

    with ThreadPoolExecutor(CLAIMS_AT_ONCE) as pool:
        claimed = list(pool.map(claim, rows, slots))
    return [slot for slot, own in zip(slots, claimed, strict=True) if own], not unwell.is_set()


def _shown_within(rows: Iterable[StoredDelivery], room: int) -> Iterator[Delivery]:
    for row in rows:
        shown = delivery.shown(row)
        # Lambda's answer is JSON with the body as a string of it, where every quote and backslash counts twice.
        size = len(json.dumps(row.body, ensure_ascii=False).encode(errors="surrogatepass"))
        if size > room:
            shown["payload"] = {**shown["payload"], "data": None}
        else:
            room -= size
        yield shown


def _unmasked(before: StoredWebhook, headers: Mapping[str, str]) -> dict[str, str]:
    if secrets.MASK not in headers.values():
        return dict(headers)
    kept = before.sent_headers()
    unknown = [name for name, value in headers.items() if value == secrets.MASK and name not in kept]
    if unknown:
        raise InvalidRequest([FieldError(f"headers.{name}", "missing") for name in unknown])
    return {name: kept[name] if value == secrets.MASK else value for name, value in headers.items()}
