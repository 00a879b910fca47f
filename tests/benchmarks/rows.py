"""Rows straight into moto's tables: over HTTP a hundred thousand would take an hour."""

import copy
import gc
from typing import Any


def attributes(key: Any) -> dict[str, dict[str, str]]:
    """A key as DynamoDB has it."""
    return {name: {"S": value} for name, value in key.items()}


def stored(table_name: str, partition: str) -> dict[str, Any]:
    """The first item of a partition."""
    from hub import aws

    answer: Any = aws.dynamodb().query(
        TableName=table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": partition}},
        Limit=1,
    )
    item: dict[str, Any] = answer["Items"][0]
    return item


def copies(table_name: str, item: dict[str, Any], changes: list[dict[str, Any]]) -> None:
    """Copies of an item that share what they have in common: moto needs 20 kB for an item of its own."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.models import dynamodb_backends
    from moto.dynamodb.models.dynamo_type import DynamoType, Item

    from tests.contract.memory import REGION

    items = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[table_name].items
    original = Item(DynamoType(item["pk"]), DynamoType(item["sk"]), item)
    for change in changes:
        changed = {name: DynamoType(value) for name, value in change.items()}
        made = copy.copy(original)
        made.attrs = copy.copy(original.attrs)
        for name, value in changed.items():
            made.attrs[name] = value
        made.hash_key, made.range_key = changed.get("pk", original.hash_key), changed.get("sk", original.range_key)
        items[made.hash_key][made.range_key] = made


def forget() -> None:
    """Empty the tables and their streams: what one subject made would be looked through and kept for all others."""
    from moto.core.model_instances import reset_model_data
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.models import dynamodb_backends

    from tests.contract.memory import REGION

    for table in dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables.values():
        table.items.clear()
        if table.stream_shard is not None:
            table.stream_shard.items.clear()
    reset_model_data()
    # Each function's module froze what was there when it was read, this garbage too.
    gc.unfreeze()
