"""The same lists at few and at many rows: a page must not cost more for what else there is, or for its depth."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.calls import Calls, Recorder
from tests.benchmarks.deployment import MINUTE, Deployment, Tenant
from tests.benchmarks.subjects import DELIVER, KEYS, WEBHOOKS, batch, event_of, on_the_bus, queued

FEW = 500
MANY_FILTERED = 2_000
"""A filter that nothing matches reads every row: enough to show it."""

_LOGS = "GET /v1/webhooks/{webhook_id}/logs"


@dataclass(frozen=True, slots=True)
class Scale:
    """One list at two sizes. `met`: the cost is the same; `note` says what to know of it."""

    name: str
    rows: tuple[int, int]
    calls: tuple[Calls, Calls]
    status: tuple[int, int]
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether reads and writes are the same in number and in units."""
        few, many = self.calls
        return (len(few.made), few.read_units, few.write_units) == (len(many.made), many.read_units, many.write_units)


@dataclass(frozen=True, slots=True)
class _Question:
    name: str
    module: str
    event: Callable[["_Filled"], Any]
    note: str = ""


@dataclass(slots=True)
class _Filled:
    """A tenant with so many deliveries of one webhook and so many API keys."""

    tenant: Tenant
    webhook: str
    middle_delivery: str
    middle_key: str


def measure(deployment: Deployment, receiver: str, recorder: Recorder, many: int) -> list[Scale]:
    """Ask the same of a tenant with few rows and of one with many."""
    few, lots, filtered = (_fill(deployment, receiver, rows) for rows in (FEW, many, min(many, MANY_FILTERED)))
    made = [_compare(deployment, recorder, question, (few, lots), (FEW, many)) for question in _questions()]
    sizes = FEW, min(many, MANY_FILTERED)
    return made + [_compare(deployment, recorder, question, (few, filtered), sizes) for question in _filters()]


def _questions() -> list[_Question]:
    from hub.store.paging import write_cursor

    def logs(**query: str) -> Callable[[_Filled], Any]:
        return lambda filled: filled.tenant.event(_LOGS, query=query, webhook_id=filled.webhook)

    def deep_logs(filled: _Filled) -> Any:
        query = {"cursor": write_cursor(filled.middle_delivery)}
        return filled.tenant.event(_LOGS, query=query, webhook_id=filled.webhook)

    def deep_keys(filled: _Filled) -> Any:
        return filled.tenant.event("GET /v1/api-keys", query={"cursor": write_cursor(filled.middle_key)})

    bounded = (
        "counts every row for the exact total, up to 10,000; beyond that a 400 names the cursor (CONTRACT section 2)"
    )
    return [
        _Question("webhook logs, first page by cursor", WEBHOOKS, logs(cursor="")),
        _Question("webhook logs, cursor in the middle", WEBHOOKS, deep_logs),
        _Question("webhook logs, page 1 by number", WEBHOOKS, logs(page="1"), bounded),
        _Question(
            "API keys, first page by cursor",
            KEYS,
            lambda filled: filled.tenant.event("GET /v1/api-keys", query={"cursor": ""}),
        ),
        _Question("API keys, cursor in the middle", KEYS, deep_keys),
        _Question("API keys, page 1 by number", KEYS, lambda filled: filled.tenant.event("GET /v1/api-keys"), bounded),
        _Question(
            "fan-out of an event",
            "functions.webhooks.fan_out",
            lambda filled: batch([on_the_bus(event_of(filled.tenant))]),
            "reads all webhooks of the tenant, 100 at most",
        ),
        _Question("delivery", DELIVER, lambda filled: queued(filled.tenant, filled.webhook, 1)),
    ]


def _filters() -> list[_Question]:
    def logs(**query: str) -> Callable[[_Filled], Any]:
        return lambda filled: filled.tenant.event(_LOGS, query=query, webhook_id=filled.webhook)

    note = "a filter that nothing matches is looked for in every row"
    return [
        _Question("webhook logs, `status=failed`, by cursor", WEBHOOKS, logs(cursor="", status="failed"), note),
        _Question("webhook logs, `event=…`, by cursor", WEBHOOKS, logs(cursor="", event="ticket.created"), note),
        _Question("webhook logs, `status=failed`, by number", WEBHOOKS, logs(status="failed"), note),
    ]


def _compare(
    deployment: Deployment,
    recorder: Recorder,
    question: _Question,
    filled: tuple[_Filled, _Filled],
    rows: tuple[int, int],
) -> Scale:
    calls: list[Calls] = []
    status: list[int] = []
    for one in filled:
        deployment.pass_time(MINUTE)
        # The first request of the minute turns the window.
        deployment.run(KEYS, one.tenant.event("GET /v1/api-keys/{api_key_id}", api_key_id="ak_none"))
        event = question.event(one)
        with recorder.recording() as made:
            answer = deployment.run(question.module, event).value
        calls.append(made)
        status.append(answer.get("statusCode", 200))
    return Scale(question.name, rows, (calls[0], calls[1]), (status[0], status[1]), question.note)


def _fill(deployment: Deployment, receiver: str, rows: int) -> _Filled:
    """Copy one real delivery and one real key `rows` times, straight into moto: over HTTP it would take an hour."""
    from hub import ids, times
    from hub.store import keys, table

    tenant = deployment.tenant()
    made = tenant.ask(WEBHOOKS, "POST /v1/webhooks", {"url": receiver + "/ok", "events": ["api_key.*"]})
    webhook: str = made["data"]["id"]
    deployment.run(DELIVER, queued(tenant, webhook, 1))
    start = times.now_ms()
    names = {
        kind: [ids.derived(kind, start + number, tenant.name, str(number)) for number in range(rows)]
        for kind in ("log", "ak")
    }
    delivery = _stored(table.activity(), keys.partition(tenant.name, "DELIVERY", webhook))
    _copies(table.activity(), delivery, [{"sk": {"S": name}} for name in names["log"]])
    key = _stored(table.entities(), keys.partition(tenant.name, "API_KEY"))
    hashes = [f"{tenant.name}-{number:0>{60 - len(tenant.name)}}" for number in range(rows)]
    _copies(
        table.entities(),
        key,
        [
            {"sk": {"S": name}, "credentials": {"L": [{"S": hashed}]}}
            for name, hashed in zip(names["ak"], hashes, strict=True)
        ],
    )
    credential = _stored(table.activity(), keys.credential(key["credentials"]["L"][0]["S"])["pk"])
    # Those that the pages asked for show; the other rows' counters are never read.
    shown = [*hashes[-120:], *hashes[rows // 2 - 60 : rows // 2 + 60]]
    _copies(table.activity(), credential, [dict(_key(keys.credential(hashed))) for hashed in shown])
    return _Filled(tenant, webhook, names["log"][rows // 2], names["ak"][rows // 2])


def _key(key: Any) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in key.items()}


def _stored(table_name: str, partition: str) -> dict[str, Any]:
    from hub import aws

    answer: Any = aws.dynamodb().query(
        TableName=table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": partition}},
        Limit=1,
    )
    item: dict[str, Any] = answer["Items"][0]
    return item


def _copies(table_name: str, item: dict[str, Any], changes: list[dict[str, Any]]) -> None:
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
