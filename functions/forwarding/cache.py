"""What is cached between requests: answers of others, and sums that no longer change. Counts its hits and misses.

| item | table | pk | sk |
|---|---|---|---|
| cached value | ActivityTable | `T#<tenant>#FORWARD_CACHE` | its name |

A hit is one write: it counts and answers with the value. A miss is two. The item outlives the value's freshness by a
month, and its counts with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub import times
from hub.store import keys, table

KIND = "FORWARD_CACHE"
KEEP_SECONDS = 30 * 86_400


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """How many values are fresh, and how often one was found and was not."""

    size: int
    hits: int
    misses: int


def through(tenant: str, name: str, seconds: int, make: Callable[[], Any]) -> Any:
    """A value from the cache, or made now and fresh for so many seconds. What `make` raises is not kept."""
    key, now = keys.entity(tenant, KIND, name), times.now()
    kept = now + KEEP_SECONDS
    try:
        found = table.update(
            table.Update(
                table.activity(),
                key,
                "ADD #hits :one SET #ttl = :kept",
                "#fresh_until > :now",
                {"one": 1, "now": now, "kept": kept},
            )
        )
    except table.ConditionFailed:
        value = make()
    else:
        return found["value"]
    made = table.Update(
        table.activity(),
        key,
        "ADD #misses :one SET #value = :value, #fresh_until = :until, #ttl = :kept",
        values={"one": 1, "value": value, "until": now + seconds, "kept": kept},
    )
    table.write(made)
    return value


def forget(tenant: str, name: str) -> None:
    """Have a value made anew at its next use."""
    stale = table.Update(
        table.activity(),
        keys.entity(tenant, KIND, name),
        "SET #fresh_until = :past",
        "attribute_exists(pk)",
        {"past": 0},
    )
    try:
        table.write(stale)
    except table.ConditionFailed:
        return


def figures(tenant: str) -> CacheFigures:
    """What the cache did for a tenant."""
    rows = list(table.items(table.Query(table.activity(), keys.partition(tenant, KIND))))
    return CacheFigures(
        size=sum(row.get("fresh_until", 0) > times.now() for row in rows),
        hits=sum(row.get("hits", 0) for row in rows),
        misses=sum(row.get("misses", 0) for row in rows),
    )
