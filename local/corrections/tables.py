"""DynamoDB: streams over a restart, and expressions."""

import re
from contextlib import suppress
from functools import lru_cache
from typing import Any

from ministack.services import dynamodb, lambda_svc

_USUAL_KEYS = re.compile(
    r"(#\w+) = (:\w+)(?: AND (?:(#\w+) BETWEEN (:\w+) AND (:\w+)|begins_with\((#\w+), ?(:\w+)\)))?", re.ASCII
)


def keep_stream_records() -> None:
    """Keep table streams over a restart.

    MiniStack saves how far each consumer has read but not the records, so after a restart a consumer waits for as many
    new records as it had ever read, and unread ones are lost.
    """
    save, load = dynamodb.get_state, dynamodb.load_persisted_state

    def save_with_streams() -> dict[str, Any]:
        state: dict[str, Any] = save()
        unread = _unread_stream_records()
        state["local_stream_records"] = [[*key, start, records] for key, (start, records) in unread.items()]
        return state

    def load_with_streams(state: dict[str, Any]) -> None:
        # First the records, then the tables: the poller runs already and looks at streams of known tables only.
        for account, region, table, start, records in (state or {}).pop("local_stream_records", []):
            dynamodb._stream_trimmed.set_scoped(account, region, table, start)
            dynamodb._stream_records.set_scoped(account, region, table, records)
        load(state)

    dynamodb.get_state, dynamodb.load_persisted_state = save_with_streams, load_with_streams


def _unread_stream_records() -> dict[tuple[str, str, str], tuple[int, list[dict[str, Any]]]]:
    """Per (account, region, table): the first position some consumer has not read, and the records from there on."""
    slowest: dict[tuple[str, str, str], int] = {}
    for (account, region, mapping_id), mapping in lambda_svc._esms.all_items():
        source = mapping.get("EventSourceArn", "")
        position = lambda_svc._dynamodb_stream_positions.get_scoped(account, region, mapping_id, None)
        if ":dynamodb:" in source and position is not None:
            key = (account, region, source.split("/stream/")[0].rsplit("/", 1)[-1])
            slowest[key] = min(position, slowest.get(key, position))
    unread = {}
    for key, records in dynamodb._stream_records.all_items():
        trimmed = dynamodb._stream_trimmed.get_scoped(*key, 0)
        # Nobody reads this stream: what it held can go, but positions never run backwards.
        start = slowest.get(key, trimmed + len(records))
        start = min(max(start, trimmed), trimmed + len(records))
        unread[key] = (start, list(records[start - trimmed :]))
    return unread


def read_expressions_once() -> None:
    """Read an expression once, not for each item it is held against, and a query's keys without reading it at all.

    MiniStack looks at a whole partition for each page of a query: with 100,000 items that took longer than the SDK
    waits. What is not a query's usual condition on keys that are text, MiniStack judges itself.
    """
    dynamodb._tokenize = lru_cache(maxsize=4096)(dynamodb._tokenize)
    dynamodb._condition_syntax_error = lru_cache(maxsize=4096)(dynamodb._condition_syntax_error)
    usual = lru_cache(maxsize=4096)(_USUAL_KEYS.fullmatch)
    judge = dynamodb._evaluate_condition

    def evaluate(expression: str, item: Any, values: Any, names: Any, slot: str = "ConditionExpression") -> bool:
        if slot == "KeyConditionExpression" and (keys := usual(expression)):
            with suppress(KeyError):
                return _has_keys(keys, item, values, names)
        answer: bool = judge(expression, item, values, names, slot)
        return answer

    dynamodb._evaluate_condition = evaluate


def _has_keys(keys: re.Match[str], item: Any, values: Any, names: Any) -> bool:
    pk, pk_value, sk, first, last, prefixed, prefix = keys.groups()
    if item[names[pk]]["S"] != values[pk_value]["S"]:
        return False
    if prefixed:
        return str(item[names[prefixed]]["S"]).startswith(values[prefix]["S"])
    return sk is None or bool(values[first]["S"] <= item[names[sk]]["S"] <= values[last]["S"])
