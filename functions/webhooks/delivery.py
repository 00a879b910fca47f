"""One delivery: what a message of the queue says, one attempt at it, and what follows from its outcome."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from functions.webhooks import payload, signing
from functions.webhooks.models import Delivery, Status
from functions.webhooks.store import StoredDelivery, StoredWebhook
from hub import aws, ids, outbound, settings, times
from hub.telemetry import logger

SCHEDULES: dict[str, tuple[int, ...]] = {
    "standard": (1, 5, 30),
    "extended": (5, 300, 1800, 7200, 18_000, 36_000, 36_000),
}
"""Seconds before each retry, by policy."""

MAX_ANSWER_BYTES = 1024


@dataclass(frozen=True)
class RetrySettings:
    """The state machine that waits and tries again."""

    webhook_retry_state_machine_arn: str


def new(tenant: str, webhook_id: str, event: Mapping[str, Any]) -> StoredDelivery:
    """The delivery of an event to a webhook: always the same one for the same two, however often it is made."""
    return StoredDelivery(
        tenant=tenant,
        webhook_id=webhook_id,
        id=ids.derived("log", times.epoch_ms(event["timestamp"]), event["id"], webhook_id),
        event_id=event["id"],
        event=event["type"],
        body=payload.serialize(event),
        status="pending",
        created_at=times.now_ms(),
        generation=0,
        tries=0,
        attempts=[],
    )


def message(delivery: StoredDelivery) -> str:
    """A first attempt, as it stands in the queue."""
    wanted = ("tenant", "webhook_id", "id", "event_id", "event", "body", "created_at")
    return json.dumps({name: getattr(delivery, name) for name in wanted}, ensure_ascii=False)


def retry_message(delivery: StoredDelivery) -> str:
    """Another generation of a failed delivery, as it stands in the queue."""
    place = {"tenant": delivery.tenant, "webhook_id": delivery.webhook_id, "id": delivery.id}
    return json.dumps(place | {"generation": delivery.generation + 1})


def from_message(body: Mapping[str, Any]) -> StoredDelivery:
    """Read what `message` wrote."""
    return StoredDelivery(**body, status="pending", generation=0, tries=0, attempts=[])


def attempt(webhook: StoredWebhook, delivery: StoredDelivery) -> dict[str, Any]:
    """Send a delivery once, signed for this moment; never raises for what the receiver or the network does.

    Answers with the attempt as the row keeps it: `at` (epoch ms), `code`, `ms`, `error`.
    """
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
    return "failed" if tries > len(SCHEDULES[retry_policy]) else "pending"


def wait_after(tries: int, retry_policy: str) -> int:
    """Seconds until the attempt that follows attempt number `tries`."""
    return SCHEDULES[retry_policy][max(0, tries - 1)]


def with_attempt(delivery: StoredDelivery, outcome: dict[str, Any], status: Status) -> StoredDelivery:
    """The delivery after an attempt."""
    return replace(delivery, status=status, tries=delivery.tries + 1, attempts=[*delivery.attempts, outcome])


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


def keep_trying(webhook: StoredWebhook, delivery: StoredDelivery) -> None:
    """Hand a pending delivery to the state machine; once per generation, however often it is called."""
    start = {
        "tenant": delivery.tenant,
        "webhook_id": delivery.webhook_id,
        "id": delivery.id,
        "generation": delivery.generation,
        "outcome": {"status": "pending", "wait_seconds": wait_after(delivery.tries, webhook.retry_policy)},
    }
    try:
        aws.stepfunctions().start_execution(
            stateMachineArn=_settings().webhook_retry_state_machine_arn,
            name=f"{delivery.id}-{delivery.generation}",
            input=json.dumps(start),
        )
    except ClientError as error:
        # At least once: a message that comes again finds the execution that its first run started.
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise


@cache
def _settings() -> RetrySettings:
    return settings.load(RetrySettings)
