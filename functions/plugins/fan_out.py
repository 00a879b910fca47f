"""From the bus to the lanes: one message for every installed plugin that listens to an event."""

import json
from collections.abc import Mapping
from typing import Any

from functions.plugins import lanes, store
from functions.plugins.lanes import Wanted
from functions.plugins.store import Listener
from hub import events, queues
from hub.telemetry import count, lambda_handler, logger

MAX_EVENT_BYTES = 131_072
"""An event and what is said beside it must fit a message; what is longer goes on without its data, and fails."""


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of events from SQS, as the bus carries them: what happened stands in `detail`.

    The listeners of a tenant are read once a batch; where there are none that is all.
    """
    messages, broken = queues.read(event, "id", "type", "timestamp", "tenant", "requestId", "data", within="detail")
    failed = set(broken)
    listeners: dict[str, list[Listener]] = {}
    wanted: list[tuple[str, Wanted]] = []
    for message_id, message in messages.items():
        try:
            tenant = message["tenant"]
            if tenant not in listeners:
                listeners[tenant] = store.listeners(tenant)
            wanted += [(message_id, one) for one in _wanted(listeners[tenant], message)]
        except Exception:  # noqa: BLE001 - whatever is wrong with one event must not take its batch along
            logger().exception("an event could not be fanned out", extra={"event_id": message["id"]})
            failed.add(message_id)
    untaken = lanes.queue([one for _, one in wanted])
    failed |= {message_id for message_id, one in wanted if one in untaken}
    count("PluginRunsQueued", len(wanted) - len(untaken))
    return queues.failures(sorted(failed))


def _wanted(listeners: list[Listener], message: Mapping[str, Any]) -> list[Wanted]:
    heard = [one for one in listeners if any(events.matches(pattern, message["type"]) for pattern in one.subscriptions)]
    if not heard:
        return []
    told = {name: message[name] for name in ("id", "type", "timestamp", "requestId", "data")}
    if len(json.dumps(told, ensure_ascii=False).encode(errors="replace")) > MAX_EVENT_BYTES:
        told["data"] = None
    return [Wanted(message["tenant"], one.id, one.installation_id, told, slow=one.slow) for one in heard]
