"""What platforms told us, from the queue: statuses move forward, messages and people are kept, also under new ids."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from functions.messaging.contacts import moves
from functions.messaging.messages import service, store
from functions.messaging.received import service as received
from functions.messaging.told import Change, Heard
from hub import batches, queues, settings
from hub.errors import Unavailable
from hub.events import Caller
from hub.telemetry import count, lambda_handler

WAITS = (2, 10, 60)
"""Seconds after which a status is looked at again: it can be told before the answer to the sending was noted."""


@dataclass(frozen=True)
class HeardSettings:
    """The queue itself, for what comes too early."""

    messaging_heard_queue_url: str


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of `told.Heard` from SQS; one that cannot be kept comes again, and at last to the dead letters."""
    return batches.take_each(event, Heard, _take)


def _take(heard: Heard) -> None:
    if heard.message is not None:
        received.keep(heard.tenant, heard.platform, heard.connection_id, heard.request_id, heard.message)
    if heard.change is not None:
        _change(heard, heard.change)
    if heard.move is not None:
        caller = Caller(heard.tenant, "", heard.connection_id, heard.request_id)
        moves.note(caller, heard.platform, heard.connection_id, heard.move.before, heard.move.after)


def _change(heard: Heard, change: Change) -> None:
    found = store.by_provider_id(heard.tenant, heard.connection_id, change.provider_id)
    if found is not None:
        service.move(heard.tenant, *found, change.status, change.error.trouble if change.error else None)
        return
    if heard.tries >= len(WAITS):
        # Of what was sent by another program over the same account, or is forgotten by now.
        count("UnknownProviderMessages")
        return
    again = heard.model_copy(update={"tries": heard.tries + 1})
    later = queues.Message(again.model_dump_json(exclude_none=True), WAITS[heard.tries], heard.connection_id)
    if queues.send(_settings().messaging_heard_queue_url, [later]):
        raise Unavailable


@cache
def _settings() -> HeardSettings:
    return settings.load(HeardSettings)
