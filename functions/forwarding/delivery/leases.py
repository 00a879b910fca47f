"""How long the messages of a batch are this function's, by the time for which the queue shows them to nobody else.

The queue's own time is six times the function's, for batches that wait for a function. One that is at work for longer
than a moment holds its messages for half a minute at a time, again and again: where it dies, they come again soon.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.forwarding.captured import Captured
from hub import aws, settings, times
from hub.telemetry import count, logger

SECONDS = 30
RENEWED_SECONDS = 10.0
"""How often a lease is renewed: two renewals may fail before it is over."""

MAX_WAIT_SECONDS = 900
MAX_FAILED_SECONDS = 450


@dataclass(frozen=True)
class QueueSettings:
    """The queue that the messages come from."""

    forward_queue_url: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message of the batch: SQS's id of it, what deletes it, how often it came, and what it says."""

    id: str
    receipt: str
    times: int
    one: Captured


def received(record: Mapping[str, Any], one: Captured) -> Received:
    """A record of Lambda's."""
    return Received(
        record["messageId"], record["receiptHandle"], int(record["attributes"]["ApproximateReceiveCount"]), one
    )


def renew(some: Sequence[Received]) -> None:
    """Hold messages on. Where that fails, the next renewal comes before the lease is over."""
    with _passing("a lease is not renewed"):
        _show_in([(one, SECONDS) for one in some])


def put_off(some: Sequence[Received], until: int) -> None:
    """Have messages come again at a time (epoch ms), the later ones not before the first.

    Where that fails, they come when their lease is over.
    """
    count("ForwardsPutOff", len(some))
    seconds = min(max(0, -(-(until - times.now_ms()) // 1000)), MAX_WAIT_SECONDS)
    with _passing("messages that wait come again at another time"):
        _show_in([(one, seconds) for one in some])


def fail(some: Sequence[Received]) -> None:
    """Have messages come again that could not be worked on: later each time, as a day of it is not to lose them.

    Where that fails, they come when their lease is over.
    """
    with _passing("messages that failed come again at another time"):
        _show_in([(one, min(SECONDS * one.times, MAX_FAILED_SECONDS)) for one in some])


def end(done: Sequence[Received]) -> None:
    """Delete messages now, which Lambda does only when the whole batch has ended; where that fails it does it then."""
    if done:
        entries: Any = [{"Id": str(position), "ReceiptHandle": one.receipt} for position, one in enumerate(done)]
        with _passing("messages that are done are not deleted yet"):
            aws.sqs().delete_message_batch(QueueUrl=queue_url(), Entries=entries)


@cache
def queue_url() -> str:
    """The queue's address."""
    return settings.load(QueueSettings).forward_queue_url


@contextmanager
def _passing(warning: str) -> Iterator[None]:
    """Go on where SQS does not answer: others are at work, whose leases must not end by it."""
    try:
        yield
    except (BotoCoreError, ClientError):
        logger().warning(warning, exc_info=True)


def _show_in(waits: Sequence[tuple[Received, int]]) -> None:
    """What cannot be changed comes again when its time is up."""
    if waits:
        entries: Any = [
            {"Id": str(position), "ReceiptHandle": one.receipt, "VisibilityTimeout": seconds}
            for position, (one, seconds) in enumerate(waits)
        ]
        aws.sqs().change_message_visibility_batch(QueueUrl=queue_url(), Entries=entries)
