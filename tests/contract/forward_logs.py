"""Rows of forwarded messages as the forwarder writes them, with what it tells of them."""

import json
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from functions.forwarding.messages import store
from functions.forwarding.messages.store import StoredMessage
from functions.forwarding.statistics import count
from hub import times


def row(number: int, **changes: Any) -> StoredMessage:
    """A message that Discord has taken, as document 5 shows one."""
    made = StoredMessage(
        id=f"msg_{number}",
        mapping_id="000000000001",
        number=number,
        bot_id="000000000001",
        channel="channel_456",
        target_platform="discord",
        target_channel="discord_ch_789",
        sender_name="用户A",
        message_type="text",
        content="测试消息",
        status="success",
        error=None,
        latency_ms=1234,
        attempts=1,
        provider_ids=["1"],
        created_at=times.now_ms(),
        updated_at=times.now_ms(),
    )
    return replace(made, **changes)


def ended(tenant: str, message: StoredMessage) -> dict[str, Any]:
    """The event of a message that ended, as the bus has it."""
    event = (store.failed if message.status == "failed" else store.succeeded)(tenant, message)
    return {"detail-type": event["type"], "source": "hub.forwarding", "detail": event}


def write(tenant: str, *messages: StoredMessage) -> None:
    """Write rows, and count those that ended."""
    for message in messages:
        store.write(tenant, None, message, None)
    count_them(ended(tenant, message) for message in messages if message.status != "pending")


def count_them(told: Iterable[Any]) -> Any:
    """Hand events to the worker that counts, in one batch."""
    records = [{"messageId": str(number), "body": json.dumps(one)} for number, one in enumerate(told)]
    return count.handler({"Records": records}, SimpleNamespace(aws_request_id="an-invocation"))
