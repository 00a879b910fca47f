"""Ends changes of the configuration whose makers died: ForwardingChangesQueue → here."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.forwarding import changes, objects
from hub import queues
from hub.errors import HubError
from hub.telemetry import lambda_handler, logger


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """End the changes of a batch that have not ended; those that cannot be ended now come again."""
    messages, broken = queues.read(event, "tenant", "change_id")
    for message_id, message in messages.items():
        try:
            changes.finish(message["tenant"], message["change_id"])
        except (HubError, ClientError, BotoCoreError, objects.Gone):
            logger().exception("a change could not be ended", extra={"message_id": message_id})
            broken.append(message_id)
    return queues.failures(broken)
