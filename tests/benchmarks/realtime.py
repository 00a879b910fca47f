"""Samples of the live channel. What it posts to open WebSockets is API Gateway's, which nothing here stands for."""

import json
from collections.abc import Callable
from typing import Any

from hub import ids, times
from tests import forwarder
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject

CONNECTIONS, PUSH = "functions.realtime.connections", "functions.realtime.push"


def workers() -> list[Subject]:
    """All of them."""
    return [
        Subject("live connection, opened", CONNECTIONS, lambda tenant, _: lambda: _opening(tenant)),
        Subject("live connection, a ping", CONNECTIONS, lambda *_: lambda: _said("MESSAGE", "c1", '{"type": "ping"}')),
        Subject("live push, 10 events, nobody listens", PUSH, _push(10), 10),
    ]


def _said(kind: str, connection_id: str, body: str = "") -> dict[str, Any]:
    return {"requestContext": {"eventType": kind, "connectionId": connection_id}, "body": body}


def _opening(tenant: Tenant) -> dict[str, Any]:
    return {**_said("CONNECT", ids.new("c")), "headers": {"X-API-Token": tenant.key}}


def _push(count: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    return lambda tenant, _: lambda: {"Records": [forwarded(tenant.name, number) for number in range(count)]}


def forwarded(tenant: str, number: int) -> dict[str, Any]:
    """A message of a queue: the event of one that was forwarded."""
    platform = ("discord", "telegram", "feishu")[number % 3]
    event = forwarder.forwarded(
        tenant, message_id=ids.new("msg"), platform=platform, timestamp=times.iso_ms(times.now_ms())
    )
    return {"messageId": str(number), "body": json.dumps(event)}
