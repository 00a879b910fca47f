"""A step of a sync of contacts in the background, as the state machine `sync.asl.yaml` asks for it."""

import time
from typing import Any

from functions.messaging.contacts import runs, service
from functions.messaging.contacts.service import Step
from hub.errors import Conflict, NotFound
from hub.telemetry import lambda_handler, logger

SECONDS = 40.0
"""How long a step begins pages."""


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Go on with a sync (`runs.state`) from its item: page after page for a while.

    Answers `{"status","wait_seconds","number"}`: `running` with the seconds to wait, or how it ended; `stopped` where
    another sync has taken its place. A step that dies is done again from the last page that was noted.
    """
    tenant, number = event["tenant"], event["step"]["number"] + 1
    try:
        sync = runs.get(tenant, event["platform"], event["user_id"], consistent=True)
    except NotFound:
        return _outcome("stopped", 0, number)
    if sync.id != event["id"]:
        return _outcome("stopped", 0, number)
    step, deadline = Step(sync), time.monotonic() + SECONDS
    try:
        while step.sync.status == "running" and not step.wait_seconds and time.monotonic() < deadline:
            step = service.advanced(tenant, step.sync, runs.ALIVE_MS)
    except Conflict:
        return _outcome("stopped", 0, number)
    if step.sync.status != "running":
        place = {"tenant": tenant, "sync_id": sync.id, "status": step.sync.status, "synced": step.sync.synced}
        logger().info("a sync of contacts has ended", extra=place)
    return _outcome(step.sync.status, step.wait_seconds, number)


def _outcome(status: str, wait_seconds: int, number: int) -> dict[str, Any]:
    return {"status": status, "wait_seconds": wait_seconds, "number": number}
