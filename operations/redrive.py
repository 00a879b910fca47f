"""`redrive`: list what lies in the dead-letter queues, and send it back where it came from.

Nothing is lost on the way: a letter leaves its queue after its destination has it. If the command dies between the
two, it comes a second time, which events and deliveries stand: they are told by their ids.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from operations import dead_letters
from operations.dead_letters import DeadLetterQueue, Letter, Queue
from operations.stack import OperationError, Stack

PUBLISHER = "PublisherFunction"
ALL = "all"

_MOVED_PER_SECOND = 50
"""What failed once must not come back all at once."""

_HIDDEN_SECONDS = 300
_TASK_SECONDS = 60


def show(stack: Stack, limit: int) -> int:
    """Print every dead-letter queue and `limit` letters of each; answers the exit status."""
    found = dead_letters.of(stack)
    print(f"Dead letters of {stack.name}" + (" on this machine" if stack.is_embedded else ""))
    for one, letters in zip(found, dead_letters.look_into(stack, found, limit), strict=True):
        # The count lags behind by up to a minute.
        number = max(one.queue.waiting + one.queue.in_flight, len(letters))
        back = one.source.name if one.source else PUBLISHER
        print(f"\n{one.queue.name}: " + (f"{_summary(number, letters)}; back to {back}" if number else "none"))
        for letter in letters:
            print(f"  {line(letter)}")
    return 0


def line(letter: Letter) -> str:
    """A letter in one line: sent at, tenant, webhook, event, its type, and why it lies there."""
    told = dead_letters.told(letter)
    sent = datetime.fromtimestamp(letter.sent_at // 1000, UTC).isoformat().replace("+00:00", "Z")
    return f"{sent}  {told.tenant}  {told.webhook}  {told.event}  {told.type}  {told.why}"


def send_back(stack: Stack, names: Sequence[str]) -> int:
    """Send the letters of the named queues back; answers the exit status, 1 where some could not be."""
    found = dead_letters.of(stack)
    unknown = set(names) - {ALL} - {one.queue.name for one in found}
    if unknown:
        known = ", ".join(one.queue.name for one in found)
        raise OperationError(f"{stack.name} has no dead-letter queue {', '.join(sorted(unknown))}; it has {known}")
    complete = True
    for one in found:
        if one.queue.name in names or ALL in names:
            complete = _sent_back(stack, one) and complete
    return 0 if complete else 1


def _sent_back(stack: Stack, one: DeadLetterQueue) -> bool:
    source = one.source
    if source is None:
        publisher = stack.resources("AWS::Lambda::Function")[PUBLISHER]
        return _carry(stack, one.queue, PUBLISHER, lambda letter: _published(stack, publisher, letter))
    if not stack.is_embedded:
        return _move(stack, one.queue, source)
    return _carry(stack, one.queue, source.name, lambda letter: _queued(stack, source, letter))


def _carry(stack: Stack, queue: Queue, to: str, take: Callable[[Letter], bool]) -> bool:
    """Carry as many letters as the queue had at the start: those that come back meanwhile stay for another time."""
    carried, left = 0, list[Letter]()
    try:
        for letters in dead_letters.receive(stack, queue, queue.waiting, _HIDDEN_SECONDS):
            left += letters
            for letter in letters:
                if take(letter):
                    stack.queues.delete_message(QueueUrl=queue.url, ReceiptHandle=letter.receipt)
                    left.remove(letter)
                    carried += 1
    finally:
        dead_letters.put_back(stack, queue, left)
    stays = f"; {len(left)} stay, see docs/operations.md" if left else ""
    print(f"{queue.name}: {carried} to {to}{stays}")
    return not left


def _queued(stack: Stack, source: Queue, letter: Letter) -> bool:
    group: dict[str, Any] = {"MessageGroupId": letter.group} if letter.group else {}
    if source.is_fifo:
        # The letter's own, not the one it was first sent with: who died within five minutes would be dropped as known.
        group["MessageDeduplicationId"] = letter.id
    attributes = dict(letter.attributes)
    stack.queues.send_message(QueueUrl=source.url, MessageBody=letter.body, MessageAttributes=attributes, **group)
    return True


def _published(stack: Stack, publisher: str, letter: Letter) -> bool:
    """Have the publisher read the change anew; what it cannot publish this time it puts aside again."""
    change = _change(letter)
    return change is not None and _took(stack, publisher, change)


def _took(stack: Stack, publisher: str, change: Mapping[str, Any]) -> bool:
    answer = stack.functions.invoke(FunctionName=publisher, Payload=json.dumps({"Records": [change]}))
    told = json.loads(answer["Payload"].read())
    return not answer.get("FunctionError") and not told["batchItemFailures"]


def _change(letter: Letter) -> dict[str, Any] | None:
    """The change of the table that a letter of the publisher tells of, as the stream has it, if it does."""
    try:
        record = json.loads(letter.body, parse_float=Decimal)["record"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(record, dict):
        return None
    if "Keys" in record:
        image = {name: record[name] for name in ("events", "audit") if name in record}
        keys = record["Keys"]
    else:
        # An event that the bus refused. Whose item it was matters only beside other changes of it.
        image = {"events": TypeSerializer().serialize([record])} if record.keys() >= {"data", "id"} else {}
        keys = {}
    if not image:
        return None
    return {"eventName": "MODIFY", "dynamodb": {"Keys": keys, "NewImage": image, "SequenceNumber": letter.id}}


def _move(stack: Stack, queue: Queue, source: Queue) -> bool:
    """Have SQS move the letters; the destination is named because those of EventBridge came from no queue."""
    stack.queues.start_message_move_task(
        SourceArn=queue.arn, DestinationArn=source.arn, MaxNumberOfMessagesPerSecond=_MOVED_PER_SECOND
    )
    deadline = time.monotonic() + _TASK_SECONDS
    while True:
        task = stack.queues.list_message_move_tasks(SourceArn=queue.arn)["Results"][0]
        moved = task.get("ApproximateNumberOfMessagesMoved", 0)
        if task["Status"] != "RUNNING":
            reason = f" ({task['FailureReason']})" if "FailureReason" in task else ""
            print(f"{queue.name}: {moved} to {source.name}, {task['Status'].lower()}{reason}")
            return task["Status"] == "COMPLETED"
        if time.monotonic() > deadline:
            print(f"{queue.name}: {moved} to {source.name} so far; SQS goes on by itself")
            return True
        time.sleep(1)


def _summary(number: int, letters: Sequence[Letter]) -> str:
    messages = f"{number} message{'s' if number > 1 else ''}"
    if not letters:
        return messages
    age = round(time.time()) - letters[0].sent_at // 1000
    of_those = "" if len(letters) == number else f" of the {len(letters)} below"
    return f"{messages}, the oldest{of_those} sent {_lapse(age)} ago"


def _lapse(seconds: int) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{max(0, seconds)} seconds"
