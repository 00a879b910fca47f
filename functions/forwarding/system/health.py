"""A look at what forwarding stands on: each part is asked, and the answer timed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from functions.forwarding import state
from functions.forwarding.accounts import store as accounts
from functions.forwarding.state import State
from functions.forwarding.system import status
from functions.forwarding.system.models import HealthCheck
from hub import aws, settings, times
from hub.errors import Unavailable

T = TypeVar("T")


@dataclass(frozen=True)
class QueueSettings:
    """The queue that messages are forwarded from."""

    forward_queue_url: str


@dataclass(frozen=True, slots=True)
class _Look:
    is_up: bool
    milliseconds: int

    @property
    def word(self) -> Literal["up", "down"]:
        return "up" if self.is_up else "down"


def check(tenant: str) -> HealthCheck:
    """Look at the store of queues and cache, the table, the worker and the accounts."""
    queue, _ = _look(lambda: _ask(tenant))
    database, found = _look(lambda: (state.get(tenant), accounts.everything(tenant)))
    now, everyone = found or (State(is_running=False), [])
    started, active = sum(account.is_started for account in everyone), status.active(everyone)
    return {
        "status": _word(queue.is_up and database.is_up, now.is_running and active >= started),
        "components": {
            "redis": {"status": queue.word, "latency_ms": queue.milliseconds},
            "database": {"status": database.word, "latency_ms": database.milliseconds},
            "worker": {"status": "running" if now.is_running else "stopped"},
            "scrapers": {"total": len(everyone), "active": active},
        },
        "timestamp": times.iso_without_zone(times.now()),
    }


def _word(is_up: bool, works: bool) -> Literal["healthy", "degraded", "unhealthy"]:
    if not is_up:
        return "unhealthy"
    return "healthy" if works else "degraded"


def _ask(tenant: str) -> None:
    """Ask the queue and the cache's table."""
    aws.sqs().get_queue_attributes(QueueUrl=_settings().forward_queue_url, AttributeNames=["QueueArn"])
    if not status.answers(tenant):
        raise Unavailable


def _look(ask: Callable[[], T]) -> tuple[_Look, T | None]:
    started = time.perf_counter()
    answer: T | None = None
    try:
        answer = ask()
        is_up = True
    except (BotoCoreError, ClientError, Unavailable):
        is_up = False
    return _Look(is_up, round((time.perf_counter() - started) * 1000)), answer


@cache
def _settings() -> QueueSettings:
    return settings.load(QueueSettings)
