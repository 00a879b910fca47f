"""Lets go what was held back when forwarding is started again: mapping by mapping, until nothing is left."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from functions.forwarding import captured, state
from functions.forwarding.captured import Captured
from functions.forwarding.delivery import held
from functions.forwarding.state import State
from hub import queues, settings, times
from hub.errors import Unavailable
from hub.store import versioned
from hub.telemetry import count, lambda_handler

MAX_DELAY_SECONDS = 60


@dataclass(frozen=True)
class ReleaseSettings:
    """The mappings' queue, and the one that has this looked after again."""

    forward_queue_url: str
    forward_release_queue_url: str


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of events `forwarder.started`, and of rounds that follow it (`tenant`, `round`)."""
    messages, broken = queues.read(event, "tenant", within="detail")
    again: list[str] = []
    for message_id, told in messages.items():
        try:
            release(str(told["tenant"]), int(told.get("round", 0)))
        except versioned.Changed:
            # It was stopped or started in this moment.
            again.append(message_id)
    return queues.failures([*broken, *again])


def release(tenant: str, turn: int) -> None:
    """Have each mapping's messages go that are held back, and look again later, until there are none."""
    now = state.get(tenant)
    if not now.is_running or now.held == "no":
        return
    waiting = list(held.mappings(tenant))
    if not waiting and _is_over(tenant, now):
        return
    _send(_settings().forward_queue_url, [_wake(tenant, mapping, now, turn) for mapping in waiting])
    body = json.dumps({"tenant": tenant, "round": turn + 1})
    _send(_settings().forward_release_queue_url, [queues.Message(body, min(2**turn, MAX_DELAY_SECONDS))])


def _is_over(tenant: str, now: State) -> bool:
    """Make sure that nothing is held back: while that is looked at, nothing can be. Raises `versioned.Changed`."""
    checking = now if now.held == "checking" else state.set_held(tenant, now, "checking")
    is_over = next(held.mappings(tenant), None) is None
    state.set_held(tenant, checking, "no" if is_over else "yes")
    return is_over


def _wake(tenant: str, mapping_id: str, now: State, turn: int) -> queues.Message:
    count("MappingsReleased")
    one = Captured(tenant, "release", mapping_id, "", "", f"{now.version}.{turn}", times.now_ms())
    return captured.message(one)


def _send(queue_url: str, messages: list[queues.Message]) -> None:
    if messages and queues.send(queue_url, messages):
        raise Unavailable


@cache
def _settings() -> ReleaseSettings:
    return settings.load(ReleaseSettings)
