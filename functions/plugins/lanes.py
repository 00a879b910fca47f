"""The two queues of runs: one for plugins that answer quickly, one for those that do not, or are not known to yet.

So one that hangs keeps nobody waiting but its like; and among these, fair queues hand out the others' messages first.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hub import queues, settings
from hub.telemetry import logger


@dataclass(frozen=True)
class LaneSettings:
    """The two lanes."""

    plugin_runs_queue_url: str
    plugin_slow_runs_queue_url: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """An event for one installation of a plugin, for which `tries` have ended; sent after `wait` seconds."""

    tenant: str
    plugin: str
    installation_id: str
    event: Mapping[str, Any]
    tries: int = 0
    slow: bool = True
    wait: int = 0


def queue(wanted: Sequence[Wanted]) -> list[Wanted]:
    """Send to the lanes; answers with what SQS did not take, or may not have taken."""
    untaken: list[Wanted] = []
    for slow, url in ((False, _settings().plugin_runs_queue_url), (True, _settings().plugin_slow_runs_queue_url)):
        lane = [one for one in wanted if one.slow is slow]
        if not lane:
            continue
        try:
            failed = queues.send(url, [_message(one) for one in lane])
        except (BotoCoreError, ClientError):
            logger().warning("runs may not have been queued", exc_info=True, extra={"runs": len(lane)})
            failed = set(range(len(lane)))
        untaken += [lane[position] for position in failed]
    return untaken


def read(body: Mapping[str, Any]) -> Wanted:
    """Read what `queue` wrote."""
    told = {name: body[name] for name in ("tenant", "plugin", "installation_id", "event")}
    return Wanted(**told, tries=body.get("tries", 0), slow=body.get("slow", True))


def _message(one: Wanted) -> queues.Message:
    body = {
        "tenant": one.tenant,
        "plugin": one.plugin,
        "installation_id": one.installation_id,
        "event": one.event,
        "tries": one.tries,
        "slow": one.slow,
    }
    return queues.Message(json.dumps(body, ensure_ascii=False), one.wait, one.installation_id)


@cache
def _settings() -> LaneSettings:
    return settings.load(LaneSettings)
