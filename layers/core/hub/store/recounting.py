"""Counters counted anew from the items that there are, where what was told of these was lost.

Nobody else may count meanwhile (`python -m operations rebuild-statistics` sees to that): what happens during a recount
is counted from its events afterwards, and what was told of both ways counts once.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hub import aws
from hub.store import counters, table
from hub.store.counters import Fact
from hub.store.items import Item, from_item, to_item

_TENANT = "TENANT"

Figures = Mapping[str, Mapping[str, int]]
"""Amounts by counter and attribute, none of them 0."""

IsCounter = Callable[[str], bool]
"""Whether a counter of that name is counted."""


@dataclass(frozen=True, slots=True)
class Countable:
    """Things of a kind that count: all of them, or those that have the attribute `having`.

    `fact` tells what one of a tenant counts for, from its keys and `attributes`; for one that cannot be counted it
    raises `ValueError`, `KeyError` or `TypeError`.
    """

    kind: str
    fact: Callable[[str, Item], Fact]
    attributes: tuple[str, ...] = ()
    having: str = "pk"


@dataclass(slots=True)
class Recounted:
    """What a tenant's figures were and are, how many things of each kind count, and those that cannot be counted."""

    before: Figures
    things: Counter[str] = field(default_factory=Counter)
    after: Figures = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def differences(self) -> Iterator[tuple[str, str, int, int]]:
        """Counter, attribute, and what it said before and says now, where these are not the same."""
        for name in sorted({*self.before, *self.after}):
            old, new = self.before.get(name, {}), self.after.get(name, {})
            for attribute in sorted({*old, *new}):
                was, now = old.get(attribute, 0), new.get(attribute, 0)
                if was != now:
                    yield name, attribute, was, now


def recount(countables: Sequence[Countable], is_counter: IsCounter, only: str | None = None) -> dict[str, Recounted]:
    """Count everything of one tenant or of all anew; answers with each tenant's outcome.

    One scan of the table finds the tenants, whose figures are all forgotten before another counts. One that was
    interrupted is repaired by another. Raises `Unavailable`.
    """
    found: dict[str, Recounted] = {}
    kinds = {one.kind: one for one in countables}
    for tenant in sorted({_tenant_and_kind(item)[0] for page in _pages(kinds, only, ["pk"]) for item in page}):
        found[tenant] = Recounted(_figures(tenant, is_counter))
        counters.forget(tenant, is_counter)
    read = dict.fromkeys(["pk", "sk", "deleted_at", *(name for one in countables for name in one.attributes)])
    for page in _pages(kinds, only, [*read]):
        facts: list[Fact] = []
        for item in page:
            tenant, kind = _tenant_and_kind(item)
            # A tenant may have been made since the first scan: nothing of it is counted yet.
            found.setdefault(tenant, Recounted({}))
            if "deleted_at" in item or kind == _TENANT:
                continue
            try:
                facts.append(kinds[kind].fact(tenant, item))
            except (ValueError, KeyError, TypeError):
                found[tenant].broken.append(item["sk"])
            else:
                found[tenant].things[kind] += 1
        counters.count(facts)
    for tenant, recounted in found.items():
        recounted.after = _figures(tenant, is_counter)
    return found


def _pages(kinds: Mapping[str, Countable], only: str | None, read: Sequence[str]) -> Iterator[list[Item]]:
    """Attributes of the items that count, and each tenant's own: none is missed that has nothing (any more)."""
    required = {_TENANT: "pk"} | {kind: one.having for kind, one in kinds.items()}
    values = {f":kind{number}": f"#{kind}" for number, kind in enumerate(required)}
    wanted = (
        f"(contains(#pk, :kind{number}) AND attribute_exists(#{having}))"
        for number, having in enumerate(required.values())
    )
    condition = f"({' OR '.join(wanted)})"
    if only is not None:
        condition += " AND begins_with(#pk, :only)"
        values[":only"] = f"T#{only}#"
    pages = (
        aws.dynamodb()
        .get_paginator("scan")
        .paginate(
            TableName=table.entities(),
            ConsistentRead=True,
            FilterExpression=condition,
            ExpressionAttributeValues=to_item(values),
            ProjectionExpression=", ".join(f"#{name}" for name in read),
            ExpressionAttributeNames={f"#{name}": name for name in {*read, *required.values()}},
        )
    )
    for page in pages:
        items = map(from_item, page["Items"])
        yield [item for item in items if item["pk"].startswith("T#") and _tenant_and_kind(item)[1] in required]


def _tenant_and_kind(item: Item) -> tuple[str, str]:
    _, tenant, kind, *_ = item["pk"].split("#")
    return tenant, kind


def _figures(tenant: str, is_counter: IsCounter) -> dict[str, dict[str, int]]:
    return {
        name: {attribute: amount for attribute, amount in amounts.items() if amount}
        for name, amounts in counters.all_of(tenant)
        if is_counter(name)
    }
