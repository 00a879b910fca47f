"""Counters that stay exact however often, and in whatever order, they are told what they count.

What they are told is facts. A row of the ledger holds the latest version of each fact that was counted and what it put
into which counters; a newer version takes that back. Ledger and counters change in one transaction, so what was told
twice or too late changes nothing.

| item | table | pk | sk |
|---|---|---|---|
| counter | ActivityTable | `T#<tenant>#COUNTER` | its name |
| row of the ledger | ActivityTable | `T#<tenant>#COUNTED` | the fact's id |
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hub.errors import Unavailable
from hub.store import keys, table
from hub.store.items import Item

COUNTERS = "COUNTER"
LEDGER = "COUNTED"

Counts = Mapping[str, Mapping[str, int]]
"""Amounts by counter and, in it, by attribute (letters, digits, underscores)."""

_MAX_OPERATIONS = 100
"""Of a transaction."""

_TRIES = 8


@dataclass(frozen=True, slots=True)
class Fact:
    """What one thing counts for, as of a version of it; nothing at all once it is gone.

    `expires_at` (epoch seconds) where nobody can tell the fact again after that time.
    """

    tenant: str
    id: str
    version: int
    counts: Counts
    expires_at: int | None = None

    @property
    def key(self) -> keys.Key:
        """Its row of the ledger."""
        return keys.entity(self.tenant, LEDGER, self.id)


def count(facts: Iterable[Fact]) -> None:
    """Count facts; those already counted in this version or a newer one change nothing. Raises `Unavailable`."""
    latest: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        known = latest.get((fact.tenant, fact.id))
        if known is None or known.version < fact.version:
            latest[fact.tenant, fact.id] = fact
    for together in _transactions(list(latest.values())):
        _count_together(together)


def read(tenant: str, name: str) -> dict[str, int]:
    """The amounts of a counter; none for one that never counted."""
    item = table.get(table.activity(), keys.entity(tenant, COUNTERS, name))
    return _amounts(item) if item else {}


def between(tenant: str, first: str, last: str) -> Iterator[tuple[str, dict[str, int]]]:
    """The counters whose names lie between two (both included), in their order."""
    partition = keys.partition(tenant, COUNTERS)
    query = table.Query(table.activity(), partition, between=(first, last), newest_first=False)
    return ((item["sk"], _amounts(item)) for item in table.items(query))


def all_of(tenant: str) -> Iterator[tuple[str, dict[str, int]]]:
    """Every counter, with all that was counted by now."""
    query = table.Query(table.activity(), keys.partition(tenant, COUNTERS), consistent=True)
    return ((item["sk"], _amounts(item)) for item in table.items(query))


def forget(tenant: str, chosen: Callable[[str], bool]) -> None:
    """Delete the counters of chosen names, and from the ledger what was counted into them: it can be told again.

    What is counted meanwhile is either forgotten whole or counted whole. Raises `Unavailable` where that never ends.
    """
    ledger = table.Query(table.activity(), keys.partition(tenant, LEDGER), consistent=True)
    for _ in range(_TRIES):
        found = 0
        # Until neither is there any more: what was counted between the two looks is then seen by the second.
        for page, _next in table.pages(ledger):
            rows = [_key(row) for row in page if any(map(chosen, row["counts"]))]
            table.delete_many(table.activity(), rows)
            found += len(rows)
        names = [name for name, _ in all_of(tenant) if chosen(name)]
        table.delete_many(table.activity(), [keys.entity(tenant, COUNTERS, name) for name in names])
        if not found + len(names):
            return
    raise Unavailable


def _count_together(facts: Sequence[Fact]) -> None:
    for attempt in range(_TRIES):
        table.back_off(attempt)
        stored = table.get_many({table.activity(): [fact.key for fact in facts]}, consistent=True)
        rows = [(fact, stored.get((table.activity(), fact.key["pk"], fact.key["sk"]))) for fact in facts]
        news = [(fact, row) for fact, row in rows if row is None or row["version"] < fact.version]
        if not news:
            return
        try:
            table.write(*(_ledger_row(fact, row) for fact, row in news), *_changes(news))
        except (table.ConditionFailed, table.Contended):
            continue  # Another worker was at the same facts or counters.
        return
    raise Unavailable


def _ledger_row(fact: Fact, row: Item | None) -> table.Put:
    counts = {name: dict(amounts) for name, amounts in fact.counts.items()}
    item = {**fact.key, "version": fact.version, "counts": counts}
    if fact.expires_at is not None:
        item["ttl"] = fact.expires_at
    if row is None:
        return table.Put(table.activity(), item, "attribute_not_exists(pk)")
    return table.Put(table.activity(), item, "#version = :seen", {"seen": row["version"]})


def _changes(news: Sequence[tuple[Fact, Item | None]]) -> Iterator[table.Update]:
    changes: dict[tuple[str, str], Counter[str]] = {}
    for fact, row in news:
        for name, amounts in fact.counts.items():
            changes.setdefault((fact.tenant, name), Counter()).update(amounts)
        for name, amounts in (row["counts"] if row else {}).items():
            changes.setdefault((fact.tenant, name), Counter()).subtract(amounts)
    for (tenant, name), amounts in changes.items():
        added = {attribute: amount for attribute, amount in amounts.items() if amount}
        if added:
            expression = "ADD " + ", ".join(f"#{attribute} :{attribute}" for attribute in added)
            yield table.Update(table.activity(), keys.entity(tenant, COUNTERS, name), expression, values=added)


def _transactions(facts: Sequence[Fact]) -> Iterator[list[Fact]]:
    """Facts in groups that a transaction takes: a row for each, and at most twice its counters (old and new)."""
    group: list[Fact] = []
    size = 0
    for fact in facts:
        operations = 1 + 2 * max(1, len(fact.counts))
        if group and size + operations > _MAX_OPERATIONS:
            yield group
            group, size = [], 0
        group.append(fact)
        size += operations
    if group:
        yield group


def _key(item: Item) -> keys.Key:
    return {"pk": item["pk"], "sk": item["sk"]}


def _amounts(item: Item) -> dict[str, int]:
    return {name: amount for name, amount in item.items() if name not in ("pk", "sk")}
