"""What platforms told us, from the queue: statuses move forward, messages and people who wrote are kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from functions.messaging import inbound
from functions.messaging.messages import service, store
from hub import queues, settings
from hub.connections import Trouble
from hub.connectors.protocol import Status
from hub.errors import Unavailable
from hub.telemetry import count, lambda_handler, logger

MAX_TRIES = 5
FIRST_DELAY_SECONDS = 2
"""Then twice as long each time: a status can be told before the answer to the sending was noted."""


@dataclass(frozen=True)
class HeardSettings:
    """The queue itself, for what comes too early."""

    messaging_heard_queue_url: str


class _Told(BaseModel):
    """Of a message of the queue. What an error tells of it goes to the log, so without people's words."""

    model_config = ConfigDict(defer_build=True, hide_input_in_errors=True, extra="ignore")


class Change(_Told):
    """A status that a provider told."""

    provider_id: str
    status: Status
    at: int
    error: Trouble | None = None


class Heard(_Told):
    """A message of the queue: a status or an inbound message, and over which connection it came."""

    tenant: str
    platform: str
    connection_id: str
    request_id: str
    change: Change | None = None
    message: inbound.Told | None = None
    tries: Annotated[int, Field(ge=0)] = 0


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch from SQS; what is none of ours goes to the dead letters alone."""
    messages, failed = queues.read(event, "tenant", "platform", "connection_id")
    for message_id, told in messages.items():
        try:
            _take(Heard.model_validate(told), told)
        except ValueError:
            logger().exception("what was heard cannot be read", extra={"message_id": message_id})
            count("BrokenMessages")
            failed.append(message_id)
        except Unavailable:
            logger().warning("what was heard comes again", exc_info=True, extra={"message_id": message_id})
            failed.append(message_id)
    return queues.failures(failed)


def _take(heard: Heard, told: Mapping[str, Any]) -> None:
    if heard.message is not None:
        inbound.keep(heard.tenant, heard.platform, heard.connection_id, heard.request_id, heard.message)
    if heard.change is None:
        return
    found = store.by_provider_id(heard.tenant, heard.connection_id, heard.change.provider_id)
    if found is not None:
        service.move(heard.tenant, *found, heard.change.status, heard.change.error)
    elif heard.tries < MAX_TRIES:
        later = queues.Message(
            json.dumps({**told, "tries": heard.tries + 1}),
            delay_seconds=FIRST_DELAY_SECONDS << heard.tries,
            group=heard.connection_id,
        )
        if queues.send(_settings().messaging_heard_queue_url, [later]):
            raise Unavailable
    else:
        count("UnknownProviderMessages")


@cache
def _settings() -> HeardSettings:
    return settings.load(HeardSettings)
