"""Messages that were forwarded, without a KOOK and a target: their rows as the forwarder writes them."""

from dataclasses import replace
from typing import Any

import pytest

from functions.forwarding.messages import store
from functions.forwarding.messages.store import StoredMessage
from hub import ids, times
from tests.e2e.running import RunningStack


def forward(stack: RunningStack, tenant: str, content: str = "测试消息", **changes: Any) -> str:
    """Write a row of a message that was forwarded, as the forwarder does; answers with its id."""
    now = times.now_ms()
    row = StoredMessage(
        id=ids.new("msg"),
        mapping_id="0000000001",
        number=1,
        bot_id="0000000001",
        channel="9876543210",
        target_platform="discord",
        target_channel="discord_ch_789",
        sender_name="用户A",
        message_type="text",
        content=content,
        status="success",
        error=None,
        latency_ms=1200,
        attempts=1,
        provider_ids=["1"],
        created_at=now - 1200,
        updated_at=now,
    )
    row = replace(row, **changes)
    told = (store.failed if row.status == "failed" else store.succeeded)(tenant, row)
    with pytest.MonkeyPatch.context() as patched:
        for name in ("TABLE_NAME", "ACTIVITY_TABLE_NAME"):
            patched.setenv(name, stack.physical_ids["Table" if name == "TABLE_NAME" else "ActivityTable"])
        stack.data.put_item(**store.operation(tenant, None, row, told).parameters())
    return row.id
