"""From the bus to the open WebSockets of a tenant: each forwarded message, and the state of forwarding as it changes.

At least once, as everything is: a message that comes again is pushed again, with the same `message_id`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.realtime import sockets, store
from functions.realtime.connections import GROUP, PERMISSION
from hub import auth, queues, times
from hub.errors import Unavailable
from hub.store import keys
from hub.telemetry import count, lambda_handler, logger

STATUS = "forwarding.status"
_MAX_CREDENTIALS = 100


@dataclass(slots=True)
class Wanted:
    """What a tenant is to be pushed, by SQS's id of it; of several states of a batch the latest, of `version`."""

    texts: dict[str, str] = field(default_factory=dict)
    version: int = 0
    state: dict[str, str] = field(default_factory=dict)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Push a batch of events from SQS; what is none that can be pushed goes to the dead letters alone."""
    messages, broken = queues.read(event, "type", "tenant", "data", within="detail")
    by_tenant: dict[str, Wanted] = {}
    for message_id, message in messages.items():
        try:
            if (text := pushed(message)) is None:
                continue
            wanted, version = by_tenant.setdefault(_tenant(message), Wanted()), _version(message)
            if version is None:
                wanted.texts[message_id] = text
            elif version >= wanted.version:
                wanted.version, wanted.state = version, {message_id: text}
        except (KeyError, TypeError, ValueError):
            logger().exception("an event cannot be pushed", extra={"message_id": message_id})
            count("BrokenMessages")
            broken.append(message_id)
    again = [message_id for tenant, wanted in by_tenant.items() for message_id in _push(tenant, wanted)]
    return queues.failures([*broken, *again])


def _push(tenant: str, wanted: Wanted) -> list[str]:
    """Push a tenant's messages; answers with those that come again: no other tenant's do for it."""
    try:
        push(tenant, wanted)
    except Unavailable:
        return [*wanted.texts, *wanted.state]
    return []


def push(tenant: str, wanted: Wanted) -> None:
    """Send messages to every connection of a tenant whose credential still stands; end the others.

    A state goes unless a later one was pushed: the bus and the queue keep no order.
    """
    connections = store.of(tenant)
    if not connections:
        return
    texts = list(wanted.texts.values())
    if wanted.state and store.is_latest(tenant, wanted.version):
        texts += wanted.state.values()
    standing = _standing({one.credential for one in connections if not one.is_over})
    listening = [one.id for one in connections if not one.is_over and one.credential in standing]
    ended = sorted({one.id for one in connections} - {*listening})
    gone = sockets.send(listening, texts)
    sockets.close(ended)
    if forgotten := [*ended, *sorted(gone)]:
        store.remove(tenant, forgotten)


def pushed(event: Mapping[str, Any]) -> str | None:
    """An event as document 5 pushes it; `None` of what was done to a message later, as the document knows no such."""
    data = event["data"]
    if event["type"] == STATUS:
        return _text("status", dict(data["status"]))
    if data["change"] != "message":
        return None
    return _text(
        "log",
        {
            "message_id": data["message_id"],
            "status": data["status"],
            "content": data["content"],
            "latency_ms": data["latency_ms"],
            "platform": data["platform"],
            "timestamp": times.iso_without_zone(times.epoch_ms(data["timestamp"]) / 1000),
        },
    )


def _text(kind: str, data: Mapping[str, Any]) -> str:
    return json.dumps({"type": kind, "data": data}, ensure_ascii=False, separators=(",", ":"))


def _version(message: Mapping[str, Any]) -> int | None:
    """Which of the tenant's states an event tells; `None` of one that tells none."""
    if message["type"] != STATUS:
        return None
    if not isinstance(version := message["data"]["version"], int):
        raise TypeError(version)
    return version


def _tenant(message: Mapping[str, Any]) -> str:
    tenant = message["tenant"]
    if not isinstance(tenant, str) or not keys.TENANT_PATTERN.match(tenant):
        raise ValueError(tenant)
    return tenant


def _standing(credentials: set[str]) -> set[str]:
    """Those credentials that may still read: one that was revoked a moment ago reads nothing any more."""
    asked = sorted(credentials)
    found: dict[str, frozenset[str]] = {}
    for start in range(0, len(asked), _MAX_CREDENTIALS):
        found |= auth.standing(asked[start : start + _MAX_CREDENTIALS])
    wanted = {"admin", PERMISSION, f"{GROUP}:{PERMISSION}"}
    return {one for one, permissions in found.items() if not permissions.isdisjoint(wanted)}
