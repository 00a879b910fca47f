"""Dead-letter queues of a stack: which there are, what is in them, and what a letter says."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from operations.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

POISON_EVENTS = "PoisonEventsQueue"
"""Where the publisher of the outbox puts what it cannot publish; no queue fails into it."""

_AT_ONCE = 10
"""Queues that are asked at the same time: an empty one takes as long as a receive waits."""

_BATCH = 10
_WAIT_SECONDS = 1
_LOOK_SECONDS = 60
"""How long letters stay hidden while they are looked at, should the command die."""

_MAX_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue by its logical id, and how many messages it has: to receive, and in somebody's hands."""

    name: str
    url: str
    arn: str
    waiting: int
    in_flight: int

    @property
    def is_fifo(self) -> bool:
        """Whether it keeps the order of each group."""
        return self.arn.endswith(".fifo")


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    """A dead-letter queue and the queue its letters go back to; `None`: to the publisher of the outbox."""

    queue: Queue
    source: Queue | None


@dataclass(frozen=True, slots=True)
class Letter:
    """A received message. `sent_at` in epoch milliseconds; `attributes` are those that the sender gave it."""

    id: str
    receipt: str
    body: str
    sent_at: int
    received: int
    group: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What a letter says: whose it is, the webhook, the event, and why it lies here."""

    tenant: str
    webhook: str
    event: str
    type: str
    why: str


def of(stack: Stack) -> list[DeadLetterQueue]:
    """The dead-letter queues of a stack."""
    queues: dict[str, Queue] = {}
    sources: dict[str, Queue] = {}
    urls = dict(sorted(stack.resources("AWS::SQS::Queue").items()))
    client = stack.queues  # Made here: a session makes one client at a time.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        attributes = pool.map(lambda url: _attributes(client, url), urls.values())
        for (name, url), told in zip(urls.items(), attributes, strict=True):
            waiting, in_flight = told["ApproximateNumberOfMessages"], told["ApproximateNumberOfMessagesNotVisible"]
            queue = queues[told["QueueArn"]] = Queue(name, url, told["QueueArn"], int(waiting), int(in_flight))
            if policy := told.get("RedrivePolicy"):
                sources[json.loads(policy)["deadLetterTargetArn"]] = queue
    return [
        DeadLetterQueue(queue, sources.get(arn))
        for arn, queue in queues.items()
        if arn in sources or queue.name == POISON_EVENTS
    ]


def _attributes(client: "SQSClient", url: str) -> Mapping[str, str]:
    told = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {str(name): value for name, value in told.items()}


def receive(stack: Stack, queue: Queue, limit: int, hidden_seconds: int) -> Iterator[list[Letter]]:
    """Receive letters, `limit` at most, in batches; they stay in the queue, hidden from others for that long."""
    while limit > 0:
        answer = stack.queues.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=min(limit, _BATCH),
            VisibilityTimeout=hidden_seconds,
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        letters = [_letter(message) for message in answer.get("Messages", [])]
        if not letters:
            return
        limit -= len(letters)
        yield letters


def look(stack: Stack, queue: Queue, limit: int) -> list[Letter]:
    """Letters of a queue, `limit` at most, the oldest first; they are put back at once."""
    letters: list[Letter] = []
    try:
        for batch in receive(stack, queue, limit, _LOOK_SECONDS):
            letters += batch
    finally:
        put_back(stack, queue, letters)
    return sorted(letters, key=lambda letter: letter.sent_at)


def look_into(stack: Stack, dead: Sequence[DeadLetterQueue], limit: int) -> list[list[Letter]]:
    """Letters of each queue, as `look` has them."""
    if limit <= 0:
        return [[] for _ in dead]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda one: look(stack, one.queue, limit), dead))


def put_back(stack: Stack, queue: Queue, letters: Sequence[Letter]) -> None:
    """Let received letters be received again at once; one that SQS does not put back comes when its time is over."""
    for start in range(0, len(letters), _BATCH):
        batch = letters[start : start + _BATCH]
        stack.queues.change_message_visibility_batch(
            QueueUrl=queue.url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                for number, letter in enumerate(batch)
            ],
        )


def told(letter: Letter) -> Told:
    """Read what a letter says, whatever it is."""
    code = letter.attributes.get("ERROR_CODE", {}).get("StringValue")
    why = f"EventBridge: {code}" if code else f"received {letter.received} times"
    try:
        body = json.loads(letter.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Told("-", "-", "-", "-", _shown(f"no message of ours: {letter.body}"))
    if isinstance(batch := body.get("DDBStreamBatchInfo"), dict):
        place = f"{batch.get('batchSize')} changes from {batch.get('startSequenceNumber')} on in {batch.get('shardId')}"
        return Told("-", "-", "-", "-", _shown(place))
    if "base64OriginalPayload" in body:
        return _told_by_device(body, why)
    if isinstance(body.get("Records"), list):
        return _told_by_bucket(body["Records"], why)
    if isinstance(record := body.get("record"), dict):
        return _told_of(record, _shown(body.get("reason", why)))
    return _told_of(body["detail"] if isinstance(body.get("detail"), dict) else body, why)


def _told_of(message: Mapping[str, Any], why: str) -> Told:
    """A message of deliveries, an event, or the keys of the item that an event came with."""
    if isinstance(keys := message.get("Keys"), dict):
        partition, item = (
            _shown(value.get("S") if isinstance(value, dict) else value) for value in map(keys.get, ("pk", "sk"))
        )
        tenant, _, kind = partition.removeprefix("T#").partition("#")
        return Told(tenant, "-", item, kind or "-", why)
    return Told(
        tenant=_shown(message.get("tenant")),
        webhook=_shown(message.get("webhook_id")),
        event=_shown(message.get("event_id", message.get("id"))),
        type=_shown(message.get("event", message.get("type"))),
        why=why,
    )


def _told_by_device(message: Mapping[str, Any], why: str) -> Told:
    """What a rule of IoT Core's wrote, or where it could not, what it tells of that; its topic stands for the type."""
    topic = str(message.get("topic"))
    tenant = next((part.partition(":")[0] for part in topic.split("/") if ":device_" in part), None)
    match message.get("failures"):
        case [{"errorMessage": reason}, *_]:
            why = _shown(reason)
    return Told(_shown(tenant), "-", _shown(message.get("id", message.get("cloudwatchTraceId"))), _shown(topic), why)


def _told_by_bucket(records: Sequence[Any], why: str) -> Told:
    """What S3 tells of the first object, whose key has tenant and file: `files/<tenant>/<file id>`."""
    match records:
        case [{"eventName": name, "s3": {"object": {"key": key}}}, *_]:
            _, _, place = str(key).partition("/")
            tenant, _, file = place.partition("/")
            return Told(_shown(tenant or None), "-", _shown(file or None), _shown(name), why)
    return Told("-", "-", "-", "-", why)


def _shown(value: object) -> str:
    """Fit for a terminal: what a broken message holds could write anything there."""
    text = "-" if value is None else str(value)
    return "".join(character if character.isprintable() else "?" for character in text)[:_MAX_SHOWN]


def _letter(message: Mapping[str, Any]) -> Letter:
    told = message["Attributes"]
    return Letter(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        sent_at=int(told["SentTimestamp"]),
        received=int(told["ApproximateReceiveCount"]),
        group=told.get("MessageGroupId", ""),
        attributes=message.get("MessageAttributes", {}),
    )
