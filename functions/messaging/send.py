"""First attempts of messages, a batch at a time, from the queue of each platform."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from functions.messaging.messages import pace, sending, store
from functions.messaging.messages.store import StoredMessage
from hub import pacing, queues, settings, times
from hub.errors import NotFound
from hub.telemetry import count, lambda_handler


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
    new = [one for one in wanted if not one.due]
    slots = dict(
        zip((one.message_id for one in new), pace.reserve((one.tenant, one.message) for one in new), strict=True)
    )
    wanted = [replace(one, due=slots.get(one.message_id, one.due)) for one in wanted]
    now = times.now_ms()
    due = [one for one in wanted if one.due - now <= pace.EARLY_MS]
    troubled = _wait([one for one in wanted if one.due - now > pace.EARLY_MS])
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


def _wait(wanted: Sequence[_Wanted]) -> list[str]:
    """Send messages back to their queues until their slots; answers with those that SQS did not take."""
    untaken: list[str] = []
    for platform in {one.message.platform for one in wanted}:
        some = [one for one in wanted if one.message.platform == platform]
        failed = queues.send(getattr(_settings(), f"{platform}_queue_url"), [_again(one) for one in some])
        untaken += [some[position].message_id for position in failed]
    return untaken


def _again(one: _Wanted) -> queues.Message:
    body = {"tenant": one.tenant, "platform": one.message.platform, "id": one.message.id, "due": one.due}
    # SQS counts whole seconds: what is left of the last one is waited for here.
    return queues.Message(json.dumps(body), (one.due - times.now_ms()) // 1000, one.message.connection_id)


def _attempt(one: _Wanted) -> str | None:
    """Attempt a message; answers with SQS's id of one that is to come again."""
    pace.wait(one.due)
    outcome, after = sending.attempt(one.tenant, one.message)
    if outcome == "pending":
        sending.keep_trying(one.tenant, after)
    return one.message_id if outcome == "taken" else None


@cache
def _settings() -> QueueSettings:
    return settings.load(QueueSettings)
