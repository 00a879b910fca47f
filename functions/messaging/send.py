"""First attempts of messages, a batch at a time, from the queue of each platform."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from functions.messaging.messages import sending, store
from functions.messaging.messages.store import StoredMessage
from hub import connectors, executions, pacing, queues, settings, times
from hub.errors import NotFound
from hub.telemetry import count, lambda_handler

EARLY_MS = 1000
"""SQS counts whole seconds."""


@dataclass(frozen=True)
class QueueSettings:
    """The queues, by platform."""

    whatsapp_queue_url: str
    telegram_queue_url: str
    wechat_queue_url: str
    signal_queue_url: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A message of the batch: SQS's id of it, whose and which it is, and the slot that it has waited for."""

    message_id: str
    tenant: str
    message: StoredMessage
    due: int


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch: events `message.created`, and what waited for its slot (`tenant`, `platform`, `id`, `due`)."""
    messages, broken = queues.read(event, "tenant", within="detail")
    wanted = [found for message_id, told in messages.items() if (found := _wanted(message_id, told))]
    wanted = [replace(one, due=0) if _needs_another(one) else one for one in wanted]
    now = times.now_ms()
    slots = _slots([one for one in wanted if not one.due])
    due = [one for one in wanted if max(one.due, slots.get(one.message_id, 0)) - now <= EARLY_MS]
    waiting = [one for one in wanted if one not in due]
    troubled = _wait(waiting, slots)
    with ThreadPoolExecutor(max(1, len(due))) as pool:
        ends = list(pool.map(_attempt, due))
    return queues.failures([*broken, *troubled, *(message_id for message_id in ends if message_id)])


def _wanted(message_id: str, told: dict[str, Any]) -> _Wanted | None:
    data = told.get("data", told)
    try:
        message = store.get(told["tenant"], data["platform"], data.get("message_id") or data["id"], consistent=True)
    except NotFound:
        count("MessagesGone")
        return None
    if message.status != "pending":
        return None
    if message.attempts:
        # The batch comes again: its first run noted how the attempt ended, and died before it could hand it on.
        sending.keep_trying(told["tenant"], message)
        return None
    return _Wanted(message_id, told["tenant"], message, told.get("due", 0))


def _needs_another(one: _Wanted) -> bool:
    """Whether the slot that a message waited for is not to be used any more."""
    return bool(one.due) and (pacing.is_stale(one.due) or pacing.is_paused(one.tenant, one.message.connection_id))


def _slots(wanted: Sequence[_Wanted]) -> dict[str, int]:
    """The time from which each message may be sent: the pace of its connection, and of its receiver."""
    slots: dict[str, int] = {}
    by_connection: dict[tuple[str, str], list[_Wanted]] = {}
    for one in wanted:
        by_connection.setdefault((one.tenant, one.message.connection_id), []).append(one)
    for (tenant, connection_id), some in by_connection.items():
        limits = connectors.connector(some[0].message.platform).limits
        for one, slot in zip(some, pacing.reserve(tenant, connection_id, len(some), limits.per_second), strict=True):
            slots[one.message_id] = slot
            if limits.per_second_each:
                name = f"{connection_id}#{one.message.to}"
                [own] = pacing.reserve(tenant, name, 1, limits.per_second_each)
                slots[one.message_id] = max(slot, own)
    return slots


def _wait(wanted: Sequence[_Wanted], slots: dict[str, int]) -> list[str]:
    """Send messages back to their queues until their slots; answers with those that SQS did not take."""
    untaken: list[str] = []
    for platform in {one.message.platform for one in wanted}:
        some = [one for one in wanted if one.message.platform == platform]
        failed = queues.send(getattr(_settings(), f"{platform}_queue_url"), [_again(one, slots) for one in some])
        untaken += [some[position].message_id for position in failed]
    return untaken


def _again(one: _Wanted, slots: dict[str, int]) -> queues.Message:
    due = one.due or slots[one.message_id]
    body = {"tenant": one.tenant, "platform": one.message.platform, "id": one.message.id, "due": due}
    return queues.Message(json.dumps(body), executions.seconds_until(due), one.message.connection_id)


def _attempt(one: _Wanted) -> str | None:
    """Attempt a message; answers with SQS's id of one that is to come again."""
    outcome, after = sending.attempt(one.tenant, one.message)
    if outcome == "pending":
        sending.keep_trying(one.tenant, after)
    return one.message_id if outcome == "taken" else None


@cache
def _settings() -> QueueSettings:
    return settings.load(QueueSettings)
