"""A queue's batch, message by message: each is read by itself, and fails alone."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from pydantic import BaseModel, ValidationError

from hub import queues
from hub.errors import Unavailable
from hub.store import counters
from hub.store.counters import Fact
from hub.telemetry import count, logger

M = TypeVar("M", bound=BaseModel)


def take_each(event: Mapping[str, Any], shape: type[M], take: Callable[[M], None], within: str = "") -> dict[str, Any]:
    """Have each message of a Lambda's batch taken; answers so that SQS keeps those that were not.

    One that raises `Unavailable` comes again. One that is not of the shape, or that cannot be written, comes again too
    and ends among the dead letters; the log says what was wrong, without what people wrote. Of a message that has the
    field `within`, that field is the object.
    """
    required = [field.alias or name for name, field in shape.model_fields.items() if field.is_required()]
    messages, failed = queues.read(event, *required, within=within)
    for message_id, message in messages.items():
        try:
            take(shape.model_validate(message))
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False, include_context=False)
            logger().error("a message is not what was agreed", extra={"message_id": message_id, "problems": problems})
            count("BrokenMessages")
            failed.append(message_id)
        except Unavailable:
            logger().warning("a message is to come again", extra={"message_id": message_id})
            failed.append(message_id)
        except (ClientError, ValueError):
            logger().exception("a message cannot be written", extra={"message_id": message_id})
            count("BrokenMessages")
            failed.append(message_id)
    return queues.failures(failed)


def count_each(event: Mapping[str, Any], fact: Callable[[Mapping[str, Any]], Fact]) -> dict[str, Any]:
    """Count what the events of a Lambda's batch tell, all at once; answers as `take_each` does.

    `fact` tells what an event (`type`, `tenant`, `data`) counts for. One of which it raises `ValueError` goes to the
    dead letters alone.
    """
    messages, broken = queues.read(event, "type", "tenant", "data", within="detail")
    facts: list[Fact] = []
    for message_id, message in messages.items():
        try:
            facts.append(fact(message))
        except ValueError:
            logger().exception("an event cannot be counted", extra={"message_id": message_id})
            count("BrokenMessages")
            broken.append(message_id)
    counters.count(facts)
    return queues.failures(broken)
