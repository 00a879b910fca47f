"""Every AWS call that a function makes, with its capacity units and its raw answer, seen through botocore's events."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

from botocore.session import Session

from hub import aws
from tests.benchmarks import capacity
from tests.benchmarks.capacity import Index, Item

SERVICES: dict[str, Callable[[], Any]] = {
    "dynamodb": aws.dynamodb,
    "events": aws.events,
    "iot": aws.iot,
    "iot_data": aws.iot_data,
    "kms": aws.kms,
    "live_connections": aws.live_connections,
    "s3": aws.s3,
    "scheduler": aws.scheduler,
    "sqs": aws.sqs,
    "stepfunctions": aws.stepfunctions,
}
STREAMS = ("payload", "Body")
_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}


@dataclass(slots=True)
class Call:
    """One AWS call: its units, what botocore made of the answer (`parsed`) and the answer itself.

    What an answer streams stands in `parsed` as bytes, under one of `STREAMS`.
    """

    service: str
    operation: str
    parsed: dict[str, Any] = field(default_factory=dict)
    read_units: float = 0
    write_units: int = 0
    entries: int = 1
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def failed(self) -> bool:
        """Whether AWS answered with an error, such as a condition that did not hold."""
        return self.status >= 300


@dataclass(slots=True)
class Calls:
    """The calls of one invocation."""

    made: list[Call] = field(default_factory=list)

    @property
    def read_units(self) -> float:
        """DynamoDB read units."""
        return sum(call.read_units for call in self.made)

    @property
    def write_units(self) -> int:
        """DynamoDB write units."""
        return sum(call.write_units for call in self.made)

    def without_answers(self) -> "Calls":
        """What they cost, without what came back."""
        return Calls([replace(call, parsed={}, headers={}, body=b"") for call in self.made])

    def of(self, service: str) -> list[Call]:
        """Those to one service."""
        return [call for call in self.made if call.service == service]

    def summary(self, *, dynamodb: bool) -> str:
        """`2 UpdateItem, 1 GetItem`, of DynamoDB or of all others; what failed is marked."""
        counted = Counter(
            call.operation + (" (refused)" if call.failed else "") if dynamodb else f"{call.service}:{call.operation}"
            for call in self.made
            if (call.service == "dynamodb") == dynamodb
        )
        return ", ".join(f"{number} {name}" for name, number in counted.items()) or "–"


class Recorder:
    """Watches the clients of `hub.aws`; to be made once they lead to where the benchmark's tables are."""

    def __init__(self) -> None:
        self._calls: Calls | None = None
        # Looks at items before and after a write without being seen itself.
        self._plain: Any = Session().create_client("dynamodb")
        self._indexes: dict[str, list[Index]] = {}
        self._answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        for name, client in SERVICES.items():
            events = client().meta.events
            events.register("provide-client-params", self._begin)
            events.register("before-parse", self._answered)
            events.register("after-call", self._named(name))

    @contextmanager
    def recording(self) -> Iterator[Calls]:
        """Record the calls made inside."""
        self._calls = Calls()
        try:
            yield self._calls
        finally:
            self._calls = None

    def _begin(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if self._calls is not None:
            context["hub_benchmark"] = (params, [self._item(*place) for place in _written(model.name, params)])

    def _answered(self, response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
        if self._calls is not None:
            headers = {str(name): str(value) for name, value in response_dict["headers"].items()}
            self._answers[operation_model.name] = (response_dict["status_code"], headers, response_dict["body"])

    def _named(self, service: str) -> Callable[..., None]:
        def ended(parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
            if self._calls is None:
                return
            call = Call(service, model.name, parsed)
            call.status, call.headers, call.body = self._answers[model.name]
            for name in STREAMS:
                if model.has_streaming_output and name in parsed:
                    call.body = parsed[name].read()
                    call.parsed = {**parsed, name: call.body}
                    parsed[name] = BytesIO(call.body)
            params, before = context["hub_benchmark"]
            if service == "dynamodb":
                self._charge(call, params, before)
            else:
                call.entries = len(params.get("Entries", [call]))
            self._calls.made.append(call)

        return ended

    def _charge(self, call: Call, params: Mapping[str, Any], before: list[Item | None]) -> None:
        match call.operation:
            case "GetItem":
                size = capacity.item_size(call.parsed.get("Item"))
                call.read_units = capacity.read_units(size, consistent=params.get("ConsistentRead", False))
            case "BatchGetItem":
                found = call.parsed.get("Responses", {})
                call.entries = sum(len(wanted["Keys"]) for wanted in params["RequestItems"].values())
                for table, wanted in params["RequestItems"].items():
                    consistent = wanted.get("ConsistentRead", False)
                    sizes = [capacity.item_size(item) for item in found.get(table, [])]
                    sizes += [0] * (len(wanted["Keys"]) - len(sizes))
                    call.read_units += sum(capacity.read_units(size, consistent=consistent) for size in sizes)
            case "Query":
                call.read_units = capacity.page_units(self._read(params))
            case _:
                places = _written(call.operation, params)
                factor = 2 if call.operation == "TransactWriteItems" else 1
                call.entries = len(places)
                for place, old in zip(places, before, strict=True):
                    new = self._item(*place)
                    units = capacity.write_units(old, new, self._of(place[0]), done=not call.failed)
                    call.write_units += factor * units

    def _read(self, params: Mapping[str, Any]) -> list[Item]:
        """The items a query read, those included that its filter dropped or that it only counted."""
        condition = params["KeyConditionExpression"]
        names = {name: value for name, value in params.get("ExpressionAttributeNames", {}).items() if name in condition}
        values = {
            name: value
            for name, value in params["ExpressionAttributeValues"].items()
            if any(word.rstrip("),") == name for word in condition.replace("(", " ").split())
        }
        left = {"FilterExpression", "Select", "ExpressionAttributeNames", "ExpressionAttributeValues"}
        plain = {name: value for name, value in params.items() if name not in left}
        answer = self._plain.query(**plain, ExpressionAttributeNames=names, ExpressionAttributeValues=values)
        items: list[Item] = answer["Items"]
        return items

    def _item(self, table: str, key: Mapping[str, Any]) -> Item | None:
        item: Item | None = self._plain.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return item

    def _of(self, table: str) -> list[Index]:
        if table not in self._indexes:
            described = self._plain.describe_table(TableName=table)["Table"]
            self._indexes[table] = [
                _index(one, [part["AttributeName"] for part in described["KeySchema"]])
                for one in described.get("GlobalSecondaryIndexes", [])
            ]
        return self._indexes[table]


def _index(described: Mapping[str, Any], table_key: list[str]) -> Index:
    own_key = [part["AttributeName"] for part in described["KeySchema"]]
    projection = described["Projection"]
    held = None
    if projection["ProjectionType"] != "ALL":
        held = frozenset([*table_key, *own_key, *projection.get("NonKeyAttributes", [])])
    return Index(described["IndexName"], own_key[0], own_key[1], held)


def _written(operation: str, params: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Table and key of every item that a call writes."""
    if operation in _WRITES:
        return [(params["TableName"], _key(params.get("Key") or params["Item"]))]
    if operation == "TransactWriteItems":
        entries = [next(iter(entry.values())) for entry in params["TransactItems"]]
        return [(entry["TableName"], _key(entry.get("Key") or entry["Item"])) for entry in entries]
    if operation == "BatchWriteItem":
        return [
            (table, _key(entry["PutRequest"]["Item"] if "PutRequest" in entry else entry["DeleteRequest"]["Key"]))
            for table, entries in params["RequestItems"].items()
            for entry in entries
        ]
    return []


def _key(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"pk": item["pk"], "sk": item["sk"]}
