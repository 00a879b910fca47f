"""The log of deliveries: one row of ActivityTable per event and webhook, under its webhook.

A row is kept for 30 days from its latest change.

`generation` counts how often a delivery was sent anew (by hand, by a replay, by the reaper), `tries` the attempts of
that generation. A row that is not a success stands in the index `gsi1` by its status, a pending one also in `gsi2` by
the time of its next attempt, where the reaper finds what nobody attends to any more.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from functions.webhooks import endpoints, store
from functions.webhooks.endpoints import Endpoint
from functions.webhooks.models import LogParameters, Status
from functions.webhooks.store import StoredWebhook
from hub import times
from hub.store import items, keys, paging, table
from hub.store.items import Item

KIND = "DELIVERY"
TEST_EVENT = "webhook.test"
"""Its rows stand in the log and are never sent again: who asked for the test has seen what came of it."""

KEEP_SECONDS = 30 * 86_400
KEPT_ATTEMPTS = 50
"""Of one delivery, the latest: however often it is sent anew, its row stays small."""

SHARDS = 8
"""Partitions of the index by time: all tenants' failures of an hour are more than one partition takes."""

_NAMED_AT_ONCE = 100

Place = tuple[str, str, str]
"""Tenant, webhook, delivery."""


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery: one event to one webhook. Times in epoch milliseconds; `due_at` is the next attempt's.

    `taken_over_at` is when the reaper first took it over since its last attempt, 0 where it did not.
    """

    tenant: str
    webhook_id: str
    id: str
    event_id: str
    event: str
    body: str
    status: Status
    created_at: int
    due_at: int
    generation: int
    tries: int
    attempts: list[dict[str, Any]]
    taken_over_at: int = 0

    @property
    def place(self) -> Place:
        """Where it is found."""
        return self.tenant, self.webhook_id, self.id


@dataclass(frozen=True, slots=True)
class Standing:
    """What a worker has to know of a delivery: its webhook, its endpoint, and its row if it has one."""

    webhook: StoredWebhook | None
    endpoint: Endpoint
    row: StoredDelivery | None


def page(tenant: str, webhook_id: str, query: LogParameters) -> paging.Page[StoredDelivery]:
    """Read a page of a webhook's deliveries, the newest first, of a status or an event where named."""
    # Most rows are successes: they are read where all are, the others where only they are.
    indexed = query.status not in (None, "success")
    wanted = {"status": None if indexed else query.status, "event": query.event}
    values = {name: value for name, value in wanted.items() if value is not None}
    condition = " AND ".join(f"#{name} = :{name}" for name in values)
    partition = _partition(tenant, webhook_id)
    if indexed and query.status:
        partition = _status_partition(tenant, webhook_id, query.status)
    rows = table.Query(table.activity(), partition, condition=condition, values=values, index="gsi1" if indexed else "")
    found = paging.read(rows, query.page, query.limit, query.cursor)
    return found.holding(from_item(tenant, webhook_id, item) for item in found.items)


def failed(tenant: str, webhook_id: str, limit: int) -> list[StoredDelivery]:
    """The oldest failed deliveries of a webhook but tests, `limit` at most."""
    partition = _status_partition(tenant, webhook_id, "failed")
    query = table.Query(
        table.activity(),
        partition,
        condition="#event <> :test",
        values={"test": TEST_EVENT},
        index="gsi1",
        newest_first=False,
    )
    found: list[StoredDelivery] = []
    for indexed, _ in table.pages(query, limit=min(limit, _NAMED_AT_ONCE)):
        ids = [item["sk"] for item in indexed]
        for start in range(0, len(ids), _NAMED_AT_ONCE):
            # The index is late: who asks again at once would be given the same rows, which are under way already.
            rows = named(tenant, webhook_id, ids[start : start + _NAMED_AT_ONCE])
            found += [row for _, row in sorted(rows.items()) if row.status == "failed"]
        if len(found) >= limit:
            break
    return found[:limit]


def ended(
    tenant: str, webhook_id: str, between: tuple[str, str], status: Status | None, limit: int
) -> tuple[list[StoredDelivery], str | None]:
    """Read deliveries of a webhook but tests that have ended, all or of a status, the oldest first, `limit` at most.

    Answers with them and with the id that the search goes on behind; `None` when all between both ids were read.
    """
    query = rows_between(tenant, webhook_id, *between)
    conditions, values = ["#event <> :test"], {"test": TEST_EVENT}
    if status == "failed":
        query = replace(query, pk=_status_partition(tenant, webhook_id, status), index="gsi1")
    elif status is None:
        conditions.append("#status <> :pending")
        values["pending"] = "pending"
    else:
        conditions.append("#status = :status")
        values["status"] = status
    query = replace(query, condition=" AND ".join(conditions), values=values)
    found, last = next(table.pages(query, limit=limit))
    return [from_item(tenant, webhook_id, item) for item in found], last["sk"] if last else None


def named(tenant: str, webhook_id: str, log_ids: Sequence[str]) -> dict[str, StoredDelivery]:
    """Read named deliveries of a webhook, up to 100, as they stand now; those it does not have are left out."""
    places = [keys.belonging(tenant, KIND, webhook_id, log_id) for log_id in log_ids]
    found = table.get_many({table.activity(): places}, consistent=True)
    return {item["sk"]: from_item(tenant, webhook_id, item) for item in found.values()}


def together(wanted: Sequence[Place], *, consistent: bool = False) -> dict[Place, Standing]:
    """Read what there is to know of up to 33 deliveries, in one call."""
    webhooks = {(tenant, webhook): store.key(tenant, webhook) for tenant, webhook, _ in wanted}
    states = {(tenant, webhook): endpoints.key(tenant, webhook) for tenant, webhook in webhooks}
    rows = {place: keys.belonging(place[0], KIND, *place[1:]) for place in wanted}
    found = table.get_many(
        {table.entities(): [*webhooks.values()], table.activity(): [*states.values(), *rows.values()]},
        consistent=consistent,
    )

    def item_at(name: str, key: keys.Key) -> Item | None:
        return found.get((name, key["pk"], key["sk"]))

    standings: dict[Place, Standing] = {}
    for place in wanted:
        tenant, webhook_id, _ = place
        webhook = item_at(table.entities(), webhooks[tenant, webhook_id])
        row = item_at(table.activity(), rows[place])
        standings[place] = Standing(
            store.from_item(tenant, webhook) if webhook else None,
            endpoints.from_item(item_at(table.activity(), states[tenant, webhook_id])),
            from_item(tenant, webhook_id, row) if row else None,
        )
    return standings


def overdue(shard: int, before_ms: int) -> Iterator[Place]:
    """Pending deliveries of a shard whose next attempt was due before a time, the longest overdue first."""
    query = table.Query(
        table.activity(),
        keys.due(shard),
        between=("0", _due_key(before_ms)),
        index="gsi2",
        newest_first=False,
    )
    for found, _ in table.pages(query, limit=100):
        yield from map(_place, found)


def put(rows: Sequence[StoredDelivery]) -> None:
    """Write the rows of first attempts."""
    table.put_many(table.activity(), [_row(row) for row in rows])


def begin(row: StoredDelivery) -> bool:
    """Write a delivery's first row; `False` when another run of the same delivery wrote it before."""
    try:
        table.write(table.Put(table.activity(), _row(row), "attribute_not_exists(pk)"))
    except table.ConditionFailed:
        return False
    return True


def claim(row: StoredDelivery, due_at: int) -> bool:
    """Start a new generation of a delivery that has ended; `False` when another run was first."""
    values = {"tries": 0, "taken_over_at": 0, **_pending(row, due_at)}
    return _advance(row, values, "#status <> :status AND #generation = :seen", row.generation + 1)


def take_over(row: StoredDelivery, due_at: int) -> bool:
    """Start a new generation of a pending delivery nobody attends to; `False` when somebody does after all.

    What is left of the old generation finds itself overtaken and ends; the tries go on where they stood.
    """
    values = {"taken_over_at": row.taken_over_at or times.now_ms(), **_pending(row, due_at)}
    return _advance(row, values, "#status = :status AND #generation = :seen", row.generation + 1)


def postpone(row: StoredDelivery, due_at: int) -> bool:
    """Note that a pending delivery's next attempt waits for its slot."""
    return _advance(row, _pending(row, due_at), "#status = :status AND #generation = :seen", row.generation)


def give_up(row: StoredDelivery) -> bool:
    """End a pending delivery that can be attempted no more; `False` when it has ended or was sent anew meanwhile."""
    values = {"status": "failed", **_indexed(row, "failed", 0)}
    return _advance(row, values, "#status = :pending AND #generation = :seen", row.generation, pending="pending")


def record(row: StoredDelivery, attempt: Mapping[str, Any], status: Status, due_at: int = 0) -> bool:
    """Add an attempt to a delivery and set its status; `False` when another run was first.

    A success is noted whatever a run that overlapped has written of the same generation: the receiver has it.
    """
    values: dict[str, Any] = {
        "status": status,
        "attempts": [*row.attempts, attempt][-KEPT_ATTEMPTS:],
        "tries": row.tries + 1,
        "taken_over_at": 0,
        **_indexed(row, status, due_at),
    }
    if status == "success":
        return _advance(row, values, "#generation = :seen", row.generation)
    condition = "#generation = :seen AND #status = :pending AND #tries = :tried"
    return _advance(row, values, condition, row.generation, pending="pending", tried=row.tries)


def from_item(tenant: str, webhook_id: str, item: Item) -> StoredDelivery:
    """Read a delivery's row."""
    due_at = int(item.get("gsi2_sk", "0").partition("#")[0])
    return items.entity(StoredDelivery, item, tenant=tenant, webhook_id=webhook_id, due_at=due_at)


def rows_between(tenant: str, webhook_id: str, first: str, last: str) -> table.Query:
    """All deliveries of a webhook whose ids lie between two, the oldest first."""
    return table.Query(table.activity(), _partition(tenant, webhook_id), between=(first, last), newest_first=False)


def _advance(row: StoredDelivery, values: Mapping[str, Any], condition: str, generation: int, **compared: Any) -> bool:
    changes = {**values, "generation": generation, "ttl": _kept_until()}
    gone = [name for name in ("gsi1_pk", "gsi1_sk", "gsi2_pk", "gsi2_sk") if name not in changes]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in changes)
    if gone:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in gone)
    try:
        told = {**changes, **compared, "seen": row.generation}
        table.write(table.Update(table.activity(), _key(row), expression, condition, told))
    except table.ConditionFailed:
        return False
    return True


def _pending(row: StoredDelivery, due_at: int) -> dict[str, Any]:
    return {"status": "pending", **_indexed(row, "pending", due_at)}


def _indexed(row: StoredDelivery, status: Status, due_at: int) -> dict[str, str]:
    """The attributes that put a row of this status into the indexes."""
    if status == "success":
        return {}
    by_status = {"gsi1_pk": _status_partition(row.tenant, row.webhook_id, status), "gsi1_sk": row.id}
    if status == "failed":
        return by_status
    shard = zlib.crc32(row.id.encode()) % SHARDS
    return by_status | {"gsi2_pk": keys.due(shard), "gsi2_sk": f"{_due_key(due_at)}#{row.id}"}


def _due_key(milliseconds: int) -> str:
    return f"{milliseconds:013d}"


def _place(item: Item) -> Place:
    _, tenant, _, webhook_id = item["pk"].split("#")
    return tenant, webhook_id, item["sk"]


def _partition(tenant: str, webhook_id: str) -> str:
    return keys.partition(tenant, KIND, webhook_id)


def _status_partition(tenant: str, webhook_id: str, status: Status) -> str:
    return keys.partition(tenant, status.upper(), webhook_id)


def _key(row: StoredDelivery) -> keys.Key:
    return keys.belonging(row.tenant, KIND, row.webhook_id, row.id)


def _row(row: StoredDelivery) -> Item:
    return {
        **_key(row),
        **_indexed(row, row.status, row.due_at),
        # When it is due stands in the index; that it was taken over only the reaper notes.
        **items.attributes(row, "tenant", "webhook_id", "due_at", "taken_over_at"),
        "ttl": _kept_until(),
    }


def _kept_until() -> int:
    return times.now() + KEEP_SECONDS
