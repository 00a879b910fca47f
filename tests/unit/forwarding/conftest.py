"""What tests of forwarding share."""

from dataclasses import replace
from typing import Any

from functions.forwarding.messages.store import StoredMessage
from hub import times
from hub.events import Caller

CALLER = Caller("default", "enterprise", "user_1", "req_1")


def row(number: int = 1, **changes: Any) -> StoredMessage:
    """A forwarded message's row."""
    made = StoredMessage(
        id=f"msg_{number}",
        mapping_id="000000000001",
        number=number,
        bot_id="000000000001",
        channel="9876543210",
        target_platform="discord",
        target_channel="",
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
