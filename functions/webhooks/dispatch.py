"""Queueing deliveries: no sooner than their slot, those to slow and to unknown endpoints in a lane of their own."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.webhooks import endpoints
from functions.webhooks.log import StoredDelivery
from hub import queues, settings, times
from hub.telemetry import logger

GRACE_MS = 60_000
"""How long a slot is good for: what comes later takes another, so that a backlog does not go out all at once."""

EARLY_MS = 1000
"""SQS counts whole seconds."""

AT_ONCE = 100
"""Messages that are written out at a time: a thousand long ones would take up the memory of a function."""


@dataclass(frozen=True)
class QueueSettings:
    """The two lanes."""

    webhook_delivery_queue_url: str
    webhook_slow_delivery_queue_url: str


@dataclass(frozen=True, slots=True)
class Due:
    """A message of the queues: a delivery's attempt that has a slot (`due`, epoch ms) in a lane."""

    message: Mapping[str, Any]
    due: int
    slow: bool


def first(delivery: StoredDelivery) -> dict[str, Any]:
    """What the queue says of a first attempt: the delivery itself, which needs no row before it waits."""
    wanted = ("tenant", "webhook_id", "id", "event_id", "event", "body", "created_at")
    return {name: getattr(delivery, name) for name in wanted}


def again(delivery: StoredDelivery) -> dict[str, Any]:
    """What the queue says of another generation of a delivery that has a row."""
    place = {"tenant": delivery.tenant, "webhook_id": delivery.webhook_id, "id": delivery.id}
    return place | {"generation": delivery.generation + 1}


def is_early(due: int, now: int) -> bool:
    """Whether a message came before its slot."""
    return due - now > EARLY_MS


def is_stale(due: int, now: int) -> bool:
    """Whether a message's slot is over."""
    return now - due > GRACE_MS


def with_slots(messages: Sequence[Mapping[str, Any]]) -> list[Due]:
    """Take slots for messages to one endpoint, in their order."""
    if not messages:
        return []
    endpoint, due = endpoints.reserve(messages[0]["tenant"], messages[0]["webhook_id"], len(messages))
    return [Due(message, at, endpoint.slow) for message, at in zip(messages, due, strict=True)]


def queue(messages: Sequence[Due]) -> list[Due]:
    """Send messages to their lanes; answers with those that SQS did not take, or may not have taken."""
    now = times.now_ms()
    untaken: list[Due] = []
    for slow, url in (
        (False, _settings().webhook_delivery_queue_url),
        (True, _settings().webhook_slow_delivery_queue_url),
    ):
        lane = [message for message in messages if message.slow is slow]
        for start in range(0, len(lane), AT_ONCE):
            some = lane[start : start + AT_ONCE]
            try:
                failed = queues.send(url, [_message(message, now) for message in some])
            except (BotoCoreError, ClientError):
                logger().warning("messages may not have been queued", exc_info=True, extra={"messages": len(some)})
                failed = set(range(len(some)))
            untaken += [some[position] for position in failed]
    return untaken


def by_endpoint(messages: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Sort messages by the endpoint they go to, their order kept."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for message in messages:
        groups.setdefault((message["tenant"], message["webhook_id"]), []).append(message)
    return list(groups.values())


def _message(one: Due, now: int) -> queues.Message:
    body = json.dumps({**one.message, "due": one.due, "slow": one.slow}, ensure_ascii=False)
    # Rounded up: what comes before its slot has to be sent once more.
    return queues.Message(body, delay_seconds=max(0, -(-(one.due - now) // 1000)), group=one.message["webhook_id"])


@cache
def _settings() -> QueueSettings:
    return settings.load(QueueSettings)
