"""The two tables: reads by key, writes one or many at once, all or none.

In an expression `#name` stands for the attribute `name` and `:value` for an entry of `values`.
"""

import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from hub import aws, settings
from hub.errors import NotFound, Unavailable
from hub.store.items import Item, from_item, to_item
from hub.store.keys import Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.literals import ReturnValueType

ATTEMPTS = 4
"""Tries of a batch or a transaction that DynamoDB answers only in part or postpones."""

_FIRST, _LAST = " ", "\U0010ffff"
"""No sort key lies outside of them."""

_NAME = re.compile(r"#(\w+)")
_THROTTLED = {
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "TransactionInProgressException",
}


@dataclass(frozen=True)
class TableSettings:
    """The names of the tables."""

    table_name: str
    activity_table_name: str


@cache
def names() -> TableSettings:
    """The names of the tables of this deployment."""
    return settings.load(TableSettings)


def entities() -> str:
    """`Table`: entities, with their events, on a stream."""
    return names().table_name


def activity() -> str:
    """`ActivityTable`: what is much or short-lived; no stream."""
    return names().activity_table_name


class ConditionFailed(Exception):
    """A write's condition did not hold: nothing was written.

    `position` tells which of several operations failed (the first), `item` what is stored there (`None`: nothing).
    """

    def __init__(self, position: int, item: Item | None) -> None:
        self.position = position
        self.item = item
        super().__init__(position)


class Contended(Unavailable):
    """Transactions on the same item were in each other's way: nothing was written, a later try may succeed."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole item."""

    table: str
    item: Mapping[str, Any]
    condition: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """As DynamoDB takes it."""
        return {"Item": to_item(self.item)} | _expressions(self.table, self.values, ConditionExpression=self.condition)


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes of an item, or make it."""

    table: str
    key: Key
    expression: str
    condition: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """As DynamoDB takes it."""
        return {"Key": to_item(self.key)} | _expressions(
            self.table, self.values, UpdateExpression=self.expression, ConditionExpression=self.condition
        )


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an item."""

    table: str
    key: Key
    condition: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """As DynamoDB takes it."""
        return {"Key": to_item(self.key)} | _expressions(self.table, self.values, ConditionExpression=self.condition)


@dataclass(frozen=True, slots=True)
class ConditionCheck:
    """Write nothing, but let the other writes be made only while an item is as it was read."""

    table: str
    key: Key
    condition: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """As DynamoDB takes it."""
        return {"Key": to_item(self.key)} | _expressions(self.table, self.values, ConditionExpression=self.condition)


Operation = Put | Update | Delete | ConditionCheck

ABSENT = "attribute_not_exists(pk) OR attribute_exists(#deleted_at)"
"""Condition of making an entity: nothing stands there, or what did is deleted."""

PRESENT = "attribute_exists(pk) AND attribute_not_exists(#deleted_at)"
"""Condition of changing an entity."""


def tombstone(
    key: Key, events: Sequence[Mapping[str, Any]], seconds: int, audit: Mapping[str, Any] | None = None
) -> Put:
    """Delete an entity that has events or an audit record to tell of it: the last image on the stream carries them.

    The tombstone keeps the order of the entity's events and costs one write; time to live removes it, and until then
    every read of this module passes it over. Fails where there is nothing to delete.
    """
    told = {"events": list(events), "audit": audit}
    return Put(entities(), {**key, **told, "deleted_at": seconds, "ttl": seconds}, condition=PRESENT)


def get(table: str, key: Key, *, consistent: bool = False) -> Item | None:
    """Read one item; `None` where there is none or a deleted one."""
    with _translated():
        answer = aws.dynamodb().get_item(TableName=table, Key=to_item(key), ConsistentRead=consistent)
    return _living(answer.get("Item"))


def required(table: str, key: Key, *, consistent: bool = False) -> Item:
    """Read one item. Raises `NotFound` where there is none or a deleted one."""
    item = get(table, key, consistent=consistent)
    if item is None:
        raise NotFound
    return item


def get_many(wanted: Mapping[str, Sequence[Key]], *, consistent: bool = False) -> dict[tuple[str, str, str], Item]:
    """Read up to 100 items of both tables in one call: `{table: keys}` gives `{(table, pk, sk): item}`."""
    pending: dict[str, Any] = {
        table: {"Keys": [to_item(key) for key in _distinct(keys)], "ConsistentRead": consistent}
        for table, keys in wanted.items()
        if keys
    }
    found: dict[tuple[str, str, str], Item] = {}
    for attempt in range(ATTEMPTS):
        if not pending:
            return found
        back_off(attempt)
        with _translated():
            answer = aws.dynamodb().batch_get_item(RequestItems=pending)
        for table, items in answer["Responses"].items():
            for raw in items:
                item = _living(raw)
                if item is not None:
                    found[table, item["pk"], item["sk"]] = item
        pending = dict(answer.get("UnprocessedKeys", {}))
    if pending:
        raise Unavailable
    return found


def write(*operations: Operation) -> None:
    """Write one item, or up to 100 all-or-none. Raises `ConditionFailed` where a condition does not hold."""
    match operations:
        case [Put() | Update() | Delete() as operation]:
            _write_one(operation)
        case _:
            _write_together(operations)


def update(operation: Update, returning: "ReturnValueType" = "ALL_NEW") -> Item:
    """Change an item and answer with it (`ALL_NEW`, `ALL_OLD`, `UPDATED_NEW` or `UPDATED_OLD`)."""
    with _translated():
        answer = aws.dynamodb().update_item(
            **operation.parameters(), ReturnValues=returning, ReturnValuesOnConditionCheckFailure="ALL_OLD"
        )
    return from_item(answer.get("Attributes", {}))


def put_many(table: str, items: Sequence[Mapping[str, Any]]) -> None:
    """Write items without conditions, 25 a call. Raises `Unavailable` when some stay unwritten after every try."""
    _write_many(table, [{"PutRequest": {"Item": to_item(item)}} for item in items])


def delete_many(table: str, keys: Sequence[Key]) -> None:
    """Remove items as `put_many` writes them; one that does not exist is none to remove."""
    _write_many(table, [{"DeleteRequest": {"Key": to_item(key)}} for key in keys])


def _write_many(table: str, requests: Sequence[Mapping[str, Any]]) -> None:
    for start in range(0, len(requests), 25):
        pending: Any = {table: list(requests[start : start + 25])}
        for attempt in range(ATTEMPTS):
            back_off(attempt)
            with _translated():
                pending = aws.dynamodb().batch_write_item(RequestItems=pending).get("UnprocessedItems")
            if not pending:
                break
        else:
            raise Unavailable


@dataclass(frozen=True, slots=True)
class Query:
    """Items of one partition (of an index, where `index` names one), by default the newest first.

    `prefix` or `between` (both ends included) narrow the sort key; `condition` filters what was read. `consistent`
    reads see every write that was answered, at twice the price, and not on an index. `keys_only`: the index holds keys
    and what `condition` compares, no more, so that a change of the rest of an item costs no write of it; `condition`
    then says of attributes that they equal the value of their name.
    """

    table: str
    pk: str
    prefix: str = ""
    between: tuple[str, str] | None = None
    condition: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    index: str = ""
    newest_first: bool = True
    consistent: bool = False
    keys_only: bool = False

    def sort_key(self, item: Mapping[str, Any]) -> str:
        """Where an item stands in its order."""
        key: str = item[f"{self.index}_sk" if self.index else "sk"]
        return key

    def since(self, sort_key: str) -> "Query":
        """The same from a sort key on, the item that has it included."""
        first, last = self.between or (self.prefix or _FIRST, self.prefix + _LAST)
        between = (first, min(last, sort_key)) if self.newest_first else (max(first, sort_key), last)
        return replace(self, prefix="", between=between)

    def holds(self, item: Mapping[str, Any]) -> bool:
        """Whether an item is in a `keys_only` index's partition and meets the condition, as it stands by now."""
        asked = {f"{self.index}_pk": self.pk, **self.values}
        return all(item.get(name) == value for name, value in asked.items())

    def covers(self, sort_key: str) -> bool:
        """Whether a sort key lies within its bounds."""
        if self.prefix:
            return sort_key.startswith(self.prefix)
        return self.between is None or self.between[0] <= sort_key <= self.between[1]

    def parameters(self) -> dict[str, Any]:
        """As DynamoDB takes it."""
        pk, sk = (f"#{self.index}_pk", f"#{self.index}_sk") if self.index else ("#pk", "#sk")
        values: dict[str, Any] = {"pk": self.pk, **self.values}
        keys = f"{pk} = :pk"
        if self.prefix:
            keys += f" AND begins_with({sk}, :prefix)"
            values["prefix"] = self.prefix
        elif self.between:
            keys += f" AND {sk} BETWEEN :from AND :to"
            values["from"], values["to"] = self.between
        living = "attribute_not_exists(#deleted_at)" if self.table == entities() else ""
        conditions = " AND ".join(f"({part})" for part in (living, self.condition) if part)
        parameters = _expressions(self.table, values, KeyConditionExpression=keys, FilterExpression=conditions)
        if self.index:
            parameters["IndexName"] = self.index
        if self.consistent:
            parameters["ConsistentRead"] = True
        return parameters | {"ScanIndexForward": not self.newest_first}


def pages(
    query: Query, *, limit: int | None = None, after: Key | Mapping[str, Any] | None = None
) -> Iterator[tuple[list[Item], Item | None]]:
    """Read a query page by page: the items, and the key to go on after (`None` on the last page).

    `limit` bounds the first page, before the query's condition; each further one may be twice as long, so that a
    condition that few rows meet does not cost a call for every few rows.
    """
    parameters = query.parameters()
    if limit:
        parameters["Limit"] = limit
    start = to_item(after) if after else None
    while True:
        if start:
            parameters["ExclusiveStartKey"] = start
        with _translated():
            answer = aws.dynamodb().query(**parameters)
        start = answer.get("LastEvaluatedKey")
        yield [from_item(item) for item in answer["Items"]], from_item(start) if start else None
        if not start:
            return
        if limit:
            parameters["Limit"] = limit = 2 * limit


def count(query: Query, *, after: Item | None, bound: int) -> int:
    """Count the rows of a query behind a key without fetching them; stops once `bound` is passed."""
    parameters = query.parameters() | {"Select": "COUNT"}
    start = to_item(after) if after else None
    total = 0
    while True:
        if start:
            parameters["ExclusiveStartKey"] = start
        with _translated():
            answer = aws.dynamodb().query(**parameters)
        total += answer["Count"]
        start = answer.get("LastEvaluatedKey")
        if not start or total > bound:
            return total


def items(query: Query) -> Iterator[Item]:
    """Read all items of a query."""
    for page, _ in pages(query):
        yield from page


def _living(raw: Mapping[str, Any] | None) -> Item | None:
    return None if raw is None or "deleted_at" in raw else from_item(raw)


def _distinct(keys: Iterable[Key]) -> list[Key]:
    return list({(key["pk"], key["sk"]): key for key in keys}.values())


def _expressions(table: str, values: Mapping[str, Any], **expressions: str) -> dict[str, Any]:
    used = {name: expression for name, expression in expressions.items() if expression}
    parameters: dict[str, Any] = {"TableName": table, **used}
    attributes = {f"#{name}": name for expression in used.values() for name in _NAME.findall(expression)}
    if attributes:
        parameters["ExpressionAttributeNames"] = attributes
    if values:
        parameters["ExpressionAttributeValues"] = {f":{name}": value for name, value in to_item(values).items()}
    return parameters


def _write_one(operation: Put | Update | Delete) -> None:
    client = aws.dynamodb()
    parameters = operation.parameters() | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    try:
        with _translated():
            match operation:
                case Put():
                    client.put_item(**parameters)
                case Update():
                    client.update_item(**parameters)
                case Delete():
                    client.delete_item(**parameters)
    except ConditionFailed as failure:
        if not _is_own(operation, failure.item):
            raise


def _is_own(operation: Put | Update | Delete, stored: Item | None) -> bool:
    """Whether a write met what it had written itself: an answer that gets lost makes the client send it again.

    The events in an item tell, as no other write has their ids. An entity that is made without events has an id that
    no other has; other items without events may be the same and of two, as the marks of who came first are.
    """
    if not isinstance(operation, Put) or stored is None:
        return False
    ids, own = ([event["id"] for event in item.get("events", [])] for item in (stored, operation.item))
    return ids == own and (
        bool(own) or (operation.condition == ABSENT and stored == from_item(to_item(operation.item)))
    )


def _write_together(operations: Sequence[Operation]) -> None:
    entries: list[Any] = [
        {type(operation).__name__: operation.parameters() | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}
        for operation in operations
    ]
    for attempt in range(ATTEMPTS):
        back_off(attempt)
        try:
            with _translated():
                aws.dynamodb().transact_write_items(TransactItems=entries)
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
            for position, reason in enumerate(reasons):
                if reason.get("Code") == "ConditionalCheckFailed":
                    stored = reason.get("Item")
                    raise ConditionFailed(position, from_item(stored) if stored else None) from error
            if not any(
                reason.get("Code") in {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
                for reason in reasons
            ):
                raise
        else:
            return
    raise Contended


def back_off(attempt: int) -> None:
    """Wait before try number `attempt` of a write (0: not at all), longer each time and never as long as another."""
    if attempt:
        time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, no secret


@contextmanager
def _translated() -> Iterator[None]:
    """DynamoDB's own errors as Hub's."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            stored: Any = error.response.get("Item")
            raise ConditionFailed(0, from_item(stored) if stored else None) from error
        if code == "TransactionConflictException":
            raise Contended from error
        if code in _THROTTLED:
            raise Unavailable from error
        raise
