"""SQS: sending in batches, and reading a Lambda's batch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hub import aws
from hub.telemetry import count, logger

MAX_ENTRIES = 10
MAX_BATCH_BYTES = 262_144
MAX_DELAY_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: a body of JSON, after how many seconds it can be received, and its group in a fair queue or, in
    order, in a FIFO queue, which takes what has the same `once` once in five minutes.

    Fair queues: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
    """

    body: str
    delay_seconds: int = 0
    group: str = ""
    once: str = ""


def send(queue_url: str, messages: Sequence[Message]) -> set[int]:
    """Send messages, as few calls as SQS allows; answers with the positions of those it did not take."""
    messages = [replace(message, body=_accepted(message.body)) for message in messages]
    failed: set[int] = set()
    for batch in _batches(messages):
        entries: Any = [_entry(position, messages[position]) for position in batch]
        answer = aws.sqs().send_message_batch(QueueUrl=queue_url, Entries=entries)
        failed |= {int(entry["Id"]) for entry in answer.get("Failed", [])}
    return failed


def read(event: Mapping[str, Any], *required: str, within: str = "") -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Read a Lambda's batch: the JSON objects by message id, and the ids of messages that are none.

    An object that lacks a `required` field is none either: it goes to the dead letters alone, not with its batch.
    Of a message that has the field `within`, that field is the object.
    """
    messages: dict[str, dict[str, Any]] = {}
    broken: list[str] = []
    for record in event["Records"]:
        try:
            body = json.loads(record["body"])
        except (ValueError, RecursionError):
            body = None
        if isinstance(body, dict) and within:
            body = body.get(within, body)
        if isinstance(body, dict) and body.keys() >= set(required):
            messages[record["messageId"]] = body
        else:
            logger().error("a message is not what this queue carries", extra={"message_id": record["messageId"]})
            count("BrokenMessages")
            broken.append(record["messageId"])
    return messages, broken


def failures(message_ids: Sequence[str]) -> dict[str, Any]:
    """What a Lambda answers so that SQS keeps these messages of its batch and drops the others."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}


def _accepted(body: str) -> str:
    """The same JSON without the two characters of it that SQS refuses (SQS quotas, "Message content")."""
    return body.replace("\ufffe", r"\ufffe").replace("\uffff", r"\uffff")


def _entry(position: int, message: Message) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": str(position), "MessageBody": message.body}
    if message.delay_seconds:
        entry["DelaySeconds"] = min(message.delay_seconds, MAX_DELAY_SECONDS)
    if message.group:
        entry["MessageGroupId"] = message.group
    if message.once:
        entry["MessageDeduplicationId"] = message.once
    return entry


def _batches(messages: Sequence[Message]) -> Iterator[list[int]]:
    batch: list[int] = []
    size = 0
    for position, message in enumerate(messages):
        length = len(message.body.encode())
        if batch and (len(batch) == MAX_ENTRIES or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(position)
        size += length
    if batch:
        yield batch
