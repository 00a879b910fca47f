"""Rows of forwarded messages as the forwarder writes them, with what it tells of them."""

import json
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from functions.forwarding.messages import store
from functions.forwarding.messages.store import StoredMessage
from functions.forwarding.statistics import count


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
