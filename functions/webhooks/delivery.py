"""One delivery: what it sends, one attempt at it, and what follows from its outcome."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

from functions.webhooks import log, payload
from functions.webhooks.log import StoredDelivery
from functions.webhooks.models import Delivery, Status
from functions.webhooks.store import StoredWebhook
from hub import executions, ids, outbound, settings, signing, times
from hub.telemetry import logger

SCHEDULES: dict[str, tuple[int, ...]] = {
    "standard": (1, 5, 30),
    "extended": (5, 300, 1800, 7200, 18_000, 36_000, 36_000),
}
"""Seconds before each retry, by policy; up to a fifth more, so that what failed together does not return together."""

JITTER = 0.2
MAX_RETRY_AFTER = 3600
"""Seconds: an endpoint can ask for this much patience and no more (RFC 9110 section 10.2.3)."""

GONE = 410
_ASKING_FOR_PATIENCE = {429, 503}

MAX_PAYLOAD_BYTES = 49_152
"""Of a delivery's body: a page of 100 rows has to fit the 6 MB of Lambda's answer."""

TOO_LARGE = "payload_too_large"
INACTIVE = "webhook_inactive"
GIVEN_UP = "given_up"

MAX_ANSWER_BYTES = 1024


@dataclass(frozen=True)
class RetrySettings:
    """The state machine that waits and tries again."""

    webhook_retry_state_machine_arn: str


def new(tenant: str, webhook_id: str, event: Mapping[str, Any], body: str | None = None) -> StoredDelivery:
    """The delivery of an event to a webhook: always the same one for the same two, however often it is made.

    `body` is the event as `payload.serialize` writes it, where it was written before.
    """
    return StoredDelivery(
        tenant=tenant,
        webhook_id=webhook_id,
        id=ids.derived("log", times.epoch_ms(event["timestamp"]), event["id"], webhook_id),
        event_id=event["id"],
        event=event["type"],
        body=payload.serialize(event) if body is None else body,
        status="pending",
        created_at=times.now_ms(),
        due_at=0,
        generation=0,
        tries=0,
        attempts=[],
    )


def from_message(message: Mapping[str, Any], due_at: int = 0) -> StoredDelivery:
    """Read what `dispatch.first` wrote."""
    wanted = ("tenant", "webhook_id", "id", "event_id", "event", "body", "created_at")
    told = {name: message[name] for name in wanted}
    return StoredDelivery(**told, status="pending", due_at=due_at, generation=0, tries=0, attempts=[])


def unsent(delivery: StoredDelivery, reason: str) -> StoredDelivery:
    """A delivery that ends without an attempt, for a reason its row tells."""
    return with_attempt(delivery, refusal(reason), "failed")


def refusal(reason: str) -> dict[str, Any]:
    """What the row keeps in place of an attempt that was not made."""
    return {"at": times.now_ms(), "code": None, "ms": 0, "error": reason}


def is_too_large(body: str) -> bool:
    """Whether a body is longer than receivers are asked to take."""
    return len(body.encode()) > MAX_PAYLOAD_BYTES


def attempt(webhook: StoredWebhook, delivery: StoredDelivery) -> dict[str, Any]:
    """Send a delivery once, signed for this moment; never raises for what the receiver or the network does.

    Answers with the attempt as the row keeps it: `at` (epoch ms), `code`, `ms`, `error`.
    """
    if any(tried["error"] == TOO_LARGE for tried in delivery.attempts):
        # Its row keeps the envelope only.
        return refusal(TOO_LARGE)
    body = delivery.body.encode()
    started = times.now_ms()
    headers = {
        **webhook.sent_headers(),
        **signing.headers(body, delivery.event_id, delivery.event, started // 1000, webhook.signing_secrets(started)),
        "Content-Type": "application/json; charset=utf-8",
    }
    outcome: dict[str, Any]
    try:
        answer = outbound.send("POST", webhook.url, headers=headers, body=body, max_response_bytes=MAX_ANSWER_BYTES)
    except outbound.OutboundError as error:
        outcome = {"at": started, "code": None, "ms": times.now_ms() - started, "error": error.reason}
    else:
        outcome = {"at": started, "code": answer.status, "ms": answer.milliseconds, "error": None}
        if answer.status in _ASKING_FOR_PATIENCE:
            outcome["retry_after"] = _seconds(answer.headers.get("Retry-After"))
    if not is_success(outcome):
        place = {"tenant": delivery.tenant, "webhook_id": delivery.webhook_id, "log_id": delivery.id}
        logger().warning("a delivery was not taken", extra=place | {"outcome": outcome})
    return outcome


def is_success(outcome: Mapping[str, Any]) -> bool:
    """Whether the receiver took the delivery."""
    return outcome["code"] is not None and 200 <= outcome["code"] < 300


def status_after(outcome: Mapping[str, Any], tries: int, retry_policy: str) -> Status:
    """What a delivery is after its attempt number `tries` (of this generation)."""
    if is_success(outcome):
        return "success"
    is_last = tries > len(SCHEDULES[retry_policy]) or outcome["code"] == GONE or outcome["error"] == TOO_LARGE
    return "failed" if is_last else "pending"


def wait_after(outcome: Mapping[str, Any], tries: int, retry_policy: str) -> int:
    """Seconds until the attempt that follows attempt number `tries`: the policy's, or more where it was asked for."""
    wait = max(SCHEDULES[retry_policy][tries - 1], outcome.get("retry_after") or 0)
    return wait + round(wait * random.uniform(0, JITTER))  # noqa: S311 - jitter, no secret


def after(delivery: StoredDelivery, outcome: dict[str, Any], retry_policy: str) -> StoredDelivery:
    """What an attempt's outcome makes of a delivery: one that has ended, or one whose next attempt is due."""
    tries = delivery.tries + 1
    status = status_after(outcome, tries, retry_policy)
    if status != "pending":
        return with_attempt(delivery, outcome, status)
    wait = wait_after(outcome, tries, retry_policy)
    return with_attempt(delivery, outcome, status, times.now_ms() + wait * 1000)


def with_attempt(delivery: StoredDelivery, outcome: dict[str, Any], status: Status, due_at: int = 0) -> StoredDelivery:
    """The delivery after an attempt."""
    attempts = [*delivery.attempts, outcome]
    return replace(delivery, status=status, tries=delivery.tries + 1, attempts=attempts, due_at=due_at)


def shown(delivery: StoredDelivery) -> Delivery:
    """A delivery as callers see it."""
    last = delivery.attempts[-1] if delivery.attempts else {"code": None, "ms": None}
    return {
        "id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "event": delivery.event,
        "status": delivery.status,
        "response_code": last["code"],
        "response_time": last["ms"],
        "created_at": times.iso(delivery.created_at / 1000),
        "payload": json.loads(delivery.body),
        "attempts": [
            {
                "attempted_at": times.iso_ms(tried["at"]),
                "response_code": tried["code"],
                "response_time": tried["ms"],
                "error": tried["error"],
            }
            for tried in delivery.attempts
        ],
    }


def keep_trying(delivery: StoredDelivery) -> None:
    """Hand a pending delivery to the state machine; once per generation, however often it is called."""
    start = {
        "tenant": delivery.tenant,
        "webhook_id": delivery.webhook_id,
        "id": delivery.id,
        "generation": delivery.generation,
        "outcome": {"status": "pending", "wait_seconds": executions.seconds_until(delivery.due_at)},
    }
    executions.start(_settings().webhook_retry_state_machine_arn, f"{delivery.id}-{delivery.generation}", start)


def end_without_webhook(delivery: StoredDelivery) -> None:
    """End a pending delivery whose webhook is gone or switched off; one that was never attempted says so."""
    if delivery.attempts:
        log.give_up(delivery)
    else:
        log.record(delivery, refusal(INACTIVE), "failed")


def _seconds(retry_after: str | None) -> int:
    """The patience a `Retry-After` asks for, in seconds or until a date, bounded; 0 where it says nothing."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:10]), MAX_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(text)
        # A date without a zone is meant in UTC (RFC 5322's "-0000").
        seconds = until.replace(tzinfo=until.tzinfo or UTC).timestamp() - times.now()
    except (ValueError, OverflowError):
        return 0
    return min(max(0, round(seconds)), MAX_RETRY_AFTER)


@cache
def _settings() -> RetrySettings:
    return settings.load(RetrySettings)
