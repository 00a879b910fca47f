"""From the bus to the figures: messages that ended are counted, a state that changed is told, a log is cleared.

A batch is counted with one write for each tenant and day in it. What cannot be counted now comes again alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from functions.forwarding.logs import clearing
from functions.forwarding.statistics import days
from functions.forwarding.statistics.days import Ending
from functions.forwarding.system import status
from hub import queues, times
from hub.errors import Unavailable
from hub.events import Caller
from hub.store import keys
from hub.telemetry import count, lambda_handler, logger

ENDED = ("forward.succeeded", "forward.failed")

_Day = tuple[str, str]
_Message = tuple[str, Mapping[str, Any]]


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch: events of the bus, and clearings that are under way (`logs.clear`)."""
    messages, broken = queues.read(event, "type", "tenant", "data", within="detail")
    by_day: dict[_Day, list[tuple[str, Ending]]] = {}
    others: list[_Message] = []
    for message_id, message in messages.items():
        try:
            _check(message)
            if message["type"] not in ENDED:
                others.append((message_id, message))
            elif message["data"]["change"] == "message":
                day = days.day_of(times.epoch_ms(message["data"]["timestamp"]))
                by_day.setdefault((message["tenant"], day), []).append((message_id, _ending(message)))
        except (KeyError, TypeError, ValueError):
            logger().exception("an event cannot be counted", extra={"message_id": message_id})
            count("BrokenMessages")
            broken.append(message_id)
    again = [message_id for place, some in by_day.items() for message_id in _count(place, some)]
    return queues.failures([*broken, *again, *_do(others)])


def _count(place: _Day, some: Sequence[tuple[str, Ending]]) -> list[str]:
    """Count messages of a day; answers with SQS's ids of those that are to come again."""
    try:
        days.add(*place, [ending for _, ending in some])
    except Unavailable:
        return [message_id for message_id, _ in some]
    return []


def _do(others: Sequence[_Message]) -> list[str]:
    """Tell states that may have changed, and clear logs; answers with SQS's ids of those that are to come again."""
    again: list[str] = []
    clearings = [one for one in others if one[1]["type"] == clearing.TYPE]
    # Two changes of one batch are one to be told.
    changes = {one[1]["tenant"]: one for one in others if one[1]["type"] != clearing.TYPE}
    for message_id, message in [*changes.values(), *clearings]:
        try:
            if message["type"] == clearing.TYPE:
                clearing.go_on(clearing.read(message))
            else:
                status.tell(Caller(message["tenant"], "", "", str(message.get("requestId", ""))))
        except Unavailable:
            again.append(message_id)
    return again


def _check(message: Mapping[str, Any]) -> None:
    if not keys.TENANT_PATTERN.match(message["tenant"]):
        raise ValueError(message["tenant"])
    if message["type"] == clearing.TYPE:
        clearing.read(message)


def _ending(message: Mapping[str, Any]) -> Ending:
    data, latency = message["data"], message["data"]["latency_ms"]
    if not isinstance(message["id"], str) or not isinstance(latency, int | None):
        raise TypeError(latency)
    if not (str(data["status"]).isidentifier() and str(data["platform"]).isidentifier()):
        raise ValueError(data["platform"])
    return Ending(message["id"], data["status"], data["platform"], latency)
