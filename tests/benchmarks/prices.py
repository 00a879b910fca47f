"""Dollars per million, every part added, from a dated price file."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.calls import Call, Calls
from tests.benchmarks.cpu import Timing
from tests.benchmarks.deployment import ROOT, functions
from tests.benchmarks.measure import Sample

DIRECTORY = Path(__file__).with_name("prices")
GB = 1_000_000_000
HTTP_API_METERED = 512 * 1024
BATCH = 10

_HEARING = {
    "fan_out, 10 events": 10,
    "plugins' fan_out, 10 events nobody listens to": 10,
    "listen, 10 events that nobody forwards": 10,
    "figures, 100 messages": 100,
    "live push, 10 events, nobody listens": 10,
}
"""The workers that events of forwarding go to, and how many of them at a time."""

Parts = dict[str, float]
"""Dollars per million by part."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a million of something costs; `target` where DESIGN sets one."""

    name: str
    parts: Parts
    target: float | None = None
    note: str = ""

    @property
    def total(self) -> float:
        """All parts together."""
        return sum(self.parts.values())


class Prices:
    """The price list, and what follows from it for one invocation."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.content: dict[str, Any] = json.loads(path.read_text())
        self.assumptions: dict[str, Any] = self.content["assumptions"]
        self._memory = {one.module: one.memory_mb for one in functions()}

    def million(self, what: str) -> float:
        """Dollars of a million requests, units or transitions."""
        dollars: float = self.content["per_million"][what]["dollars"]
        return dollars

    def bytes(self, what: str, count: float) -> float:
        """Dollars of a million times so many bytes."""
        dollars: float = self.content["per_unit"][what]["dollars"]
        return count * 1_000_000 / GB * dollars

    def duration_ms(self, sample: Sample, timing: Timing) -> int:
        """Milliseconds that Lambda bills: CPU at the function's share of a vCPU, and the waiting for each call."""
        waits: dict[str, float] = self.assumptions["call_ms"]
        share = self._memory[sample.module] / float(self.assumptions["lambda_mb_per_vcpu"])
        waiting = sum(
            waits["dynamodb_transaction" if call.operation == "TransactWriteItems" else call.service]
            for call in sample.steady.made
        )
        if sample.name.startswith(("deliver", "retry")) or sample.name.endswith("/test"):
            # A batch's deliveries go out together.
            waiting += self.assumptions["receiver_ms"]
        if sample.name.startswith("forward,"):
            # A mapping's messages go one after the other.
            waiting += self.assumptions["receiver_ms"] * sample.pieces
        return ceil(timing.with_botocore / share + waiting)

    def invocation(self, sample: Sample, timing: Timing) -> Parts:
        """A million of a sample's requests, or of the pieces of its batches."""
        gb_seconds = self.duration_ms(sample, timing) / 1000 * self._memory[sample.module] / 1024
        parts = {
            "Lambda requests": self.million("lambda_request"),
            "Lambda duration": gb_seconds
            * 1_000_000
            * float(self.content["per_unit"]["lambda_gb_second_arm64"]["dollars"]),
            "logs": self.bytes(
                "cloudwatch_logs_ingested_gb", sample.log_bytes + self.assumptions["lambda_platform_log_bytes"]
            ),
            **self._calls(sample.steady),
        }
        if sample.is_endpoint:
            parts["gateway"] = ceil(sample.sent_bytes / HTTP_API_METERED) * self.million("http_api_request")
            parts["transfer out"] = self.bytes("data_transfer_out_gb", sample.sent_bytes)
        return {name: dollars / sample.pieces for name, dollars in parts.items()}

    def _calls(self, calls: Calls) -> Parts:
        sent = sum(call.entries for call in calls.of("events"))
        return {
            "DynamoDB writes": calls.write_units * self.million("dynamodb_write_unit"),
            "DynamoDB reads": calls.read_units * self.million("dynamodb_read_unit"),
            "bus": sent * self.million("eventbridge_custom_event"),
            "queues": len(calls.of("sqs")) * self.million("sqs_standard_request"),
            "KMS": len(calls.of("kms")) * self.million("kms_request"),
            "devices": sum(self._of_devices(call) for call in calls.made),
            "live channel": len(calls.of("live_connections")) * self.million("websocket_message"),
            "files": sum(self._object(call.operation) for call in calls.of("s3")),
        }

    def _of_devices(self, call: Call) -> float:
        if call.service not in ("iot", "iot_data"):
            return 0
        return self.million("iot_message" if call.operation == "Publish" else "iot_operation")

    def _object(self, operation: str) -> float:
        match operation:
            case "GetObject" | "HeadObject":
                return self.million("s3_get_request")
            case "DeleteObject":
                return 0
        return self.million("s3_put_request")


def latest() -> Prices:
    """The newest price file."""
    return Prices(max(DIRECTORY.glob("*.json"), key=lambda path: path.stem.rpartition(".")[2]))


def costs(prices: Prices, samples: Mapping[str, Sample], timings: Mapping[str, Timing]) -> list[Cost]:
    """What DESIGN sets targets for, and what belongs beside it."""

    def of(name: str) -> Parts:
        return prices.invocation(samples[name], timings[name])

    def failing(prefix: str, retries: int, *, succeeds: bool) -> Parts:
        again = [of("retry, fails again")] * (retries - 1) + [
            of("retry, succeeds" if succeeds else "retry, fails again")
        ]
        machine = {"state machine": transitions(retries) * prices.million("step_functions_transition")}
        return _sum(_path(prices, of, BATCH), _less(of("deliver, 10 that fail"), of(prefix)), *again, machine)

    publishing, alone = _publishing(prices, of, BATCH), _publishing(prices, of, 1)
    read, key = "GET /v1/webhooks/{webhook_id}", "POST /v1/api-keys"
    return [
        Cost("authenticated read", of(read), 2.30, f"`{read}`: one item"),
        Cost("read of an API key", of("GET /v1/api-keys/{api_key_id}"), None, "with its counters, a second read"),
        Cost("create", of("POST /v1/webhooks"), 3.20, "`POST /v1/webhooks`: counts against the quota, writes one item"),
        Cost(
            "create in a transaction", of(key), None, f"`{key}`: the key and its credential, two items, units doubled"
        ),
        Cost("an event to the bus and to fan-out", publishing, None, "batches of ten; no subscriber"),
        Cost("the same, one at a time", alone, None, "a change every few seconds"),
        Cost("create in a transaction, with its event", _sum(of(key), publishing), None, f"`{key}` and the line above"),
        Cost("successful webhook delivery", _path(prices, of, BATCH), 4.00, "from the change on, batches of ten"),
        Cost("the same, one at a time", _path(prices, of, 1), None, "every Lambda is invoked for one message"),
        Cost("forwarded message", _forwarded(prices, of, BATCH), 5.00, "KOOK's callback, one mapping, batches of ten"),
        Cost("the same, one at a time", _forwarded(prices, of, 1), None, "a message every few seconds"),
        Cost("who hears of its event", _heard(prices, of), None, "beside it, with nobody subscribed or listening"),
        Cost(
            "delivery that fails once",
            failing("deliver, 10 messages", 1, succeeds=True),
            None,
            "second attempt succeeds",
        ),
        Cost(
            "delivery that fails for good",
            failing("deliver, 10 messages", 3, succeeds=False),
            None,
            "four attempts of the standard policy",
        ),
    ]


def transitions(retries: int) -> int:
    """States that the retry machine enters for so many retries: what Step Functions charges."""
    machine = yaml.safe_load((ROOT / "functions/webhooks/retry.asl.yaml").read_text())
    states, name, entered = machine["States"], machine["StartAt"], 0
    while name:
        state = states[name]
        entered += 1
        retries -= state["Type"] == "Task"
        name = (state["Choices"][0]["Next"] if retries else state["Default"]) if state["Type"] == "Choice" else None
        name = name or state.get("Next")
    return entered


def _publishing(prices: Prices, of: Any, size: int) -> Parts:
    """Stream to bus, bus to queue, queue to fan-out. The stream's reads by Lambda cost nothing."""
    request = prices.million("sqs_standard_request")
    publisher, fan_out = (
        ("publisher, 10 changes", "fan_out, 10 events") if size > 1 else ("publisher, 1 change", "fan_out, 1 event")
    )
    # A call of the bus for every event; one to receive a batch and one to delete it.
    polling = {"queues": request + 2 * request / size}
    # The batches' messages to the delivery queue are the delivery's.
    return _sum(of(publisher), of(fan_out) | {"queues": 0.0}, polling)


def _path(prices: Prices, of: Any, size: int) -> Parts:
    """An event and its one delivery."""
    request = prices.million("sqs_standard_request") + prices.million("sqs_fair_queue_surcharge")
    deliver = "deliver, 10 messages" if size > 1 else "deliver, 1 message"
    queue = {"queues": 3 * request / size}  # sent in a batch, received, deleted
    sent = {"transfer out": prices.bytes("data_transfer_out_gb", 900)}
    return _sum(_publishing(prices, of, size), of(deliver), queue, sent)


def _forwarded(prices: Prices, of: Any, size: int) -> Parts:
    """A callback of KOOK's, its message through the FIFO queue to one target, and its event to the bus."""
    request = prices.million("sqs_fifo_request")
    # KOOK calls for each message, so each is put into the queue by itself; then received and deleted in batches.
    queue = {"queues": request + 2 * request / size}
    callback, forward = of("POST /kook/callback/{callback_id}"), of(_batched("forward", "message", size))
    published = of("publisher, 10 changes" if size > 1 else "publisher, 1 change")
    sent = {"transfer out": prices.bytes("data_transfer_out_gb", 900)}
    return _sum(callback | {"queues": 0.0}, forward, published, queue, sent)


def _heard(prices: Prices, of: Any) -> Parts:
    """An event of forwarding on its way from the bus through the queues of all whom the bus tells of it."""
    request = prices.million("sqs_standard_request")
    # Sent by the bus, then received and deleted in batches; the fan-out's own messages are the deliveries'.
    return _sum(*(of(name) | {"queues": request + 2 * request / size} for name, size in _HEARING.items()))


def _batched(worker: str, what: str, size: int) -> str:
    return f"{worker}, {size} {what}{'s' if size > 1 else ''}"


def _sum(*summands: Parts) -> Parts:
    names: Iterable[str] = dict.fromkeys(name for parts in summands for name in parts)
    return {name: sum(parts.get(name, 0.0) for parts in summands) for name in names}


def _less(parts: Parts, without: Parts) -> Parts:
    return {name: dollars - without.get(name, 0.0) for name, dollars in parts.items()}
