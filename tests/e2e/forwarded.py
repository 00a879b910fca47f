"""Messages that were forwarded, without a KOOK and a target: their rows as the forwarder writes them."""

from typing import Any

import pytest

from functions.forwarding.messages import store
from hub import ids, times
from tests import forwarder
from tests.e2e.running import RunningStack
from tests.forwarder import CHANNEL


def forward(stack: RunningStack, tenant: str, content: str = "测试消息", **changes: Any) -> str:
    """Write a row of a message that was forwarded, as the forwarder does; answers with its id."""
    now = times.now_ms()
    made = {"id": ids.new("msg"), "channel": CHANNEL, "latency_ms": 1200, "created_at": now - 1200, "updated_at": now}
    row = forwarder.row(content=content, **{**made, **changes})
    told = (store.failed if row.status == "failed" else store.succeeded)(tenant, row)
    with pytest.MonkeyPatch.context() as patched:
        for name in ("TABLE_NAME", "ACTIVITY_TABLE_NAME"):
            patched.setenv(name, stack.physical_ids["Table" if name == "TABLE_NAME" else "ActivityTable"])
        stack.data.put_item(**store.operation(tenant, None, row, told).parameters())
    return row.id
