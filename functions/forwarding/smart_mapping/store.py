"""What was learned of proposals: pairs of names that were accepted or rejected.

| item | table | pk | sk |
|---|---|---|---|
| pair | ActivityTable | `T#<tenant>#MATCH_MEMORY` | `<KOOK's name>#<target's name>`, as they are compared |

A pair's weight halves in 30 days. It is read as it is by now, and removed by `ttl` when nothing of it is left.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hub import times
from hub.errors import Unavailable
from hub.store import keys, table
from hub.store.items import Item

KIND = "MATCH_MEMORY"

HALF_LIFE_MS = 30 * 86_400_000
MAX_WEIGHT = 3.0
MAX_PAIRS = 1_000
"""Of a tenant: a match reads them all."""

_KEEP_SECONDS = 240 * 86_400
_TRIES = 6


@dataclass(frozen=True, slots=True)
class Pair:
    """Two names as they are compared."""

    kook: str
    target: str

    @property
    def key(self) -> str:
        """Its sort key."""
        return f"{keys.part(self.kook)}#{keys.part(self.target)}"


def weights(tenant: str) -> dict[str, float]:
    """What every pair weighs by now, by its sort key: above zero where it was accepted."""
    now = times.now_ms()
    return {item["sk"]: _faded(item["weight"], item["at"], now) for item in items_of(tenant)}


def items_of(tenant: str) -> list[Item]:
    """The items of all pairs."""
    return list(table.items(table.Query(table.activity(), keys.partition(tenant, KIND))))


def learn(tenant: str, accepted: Iterable[Pair], rejected: Iterable[Pair]) -> int:
    """Add to what pairs weigh; how many there were. Of pairs over the bound those that weigh least are forgotten."""
    news = {pair.key: (pair, 1.0) for pair in accepted if pair.kook and pair.target}
    news |= {pair.key: (pair, -1.0) for pair in rejected if pair.kook and pair.target}
    known = weights(tenant)
    for key, (_, weight) in news.items():
        _add(tenant, key, weight)
    over = len(known.keys() | news.keys()) - MAX_PAIRS
    if over > 0:
        least = sorted(known.keys() - news.keys(), key=lambda key: abs(known[key]))[:over]
        table.delete_many(table.activity(), [keys.entity(tenant, KIND, key) for key in least])
    return len(news)


def _add(tenant: str, key: str, weight: float) -> None:
    place = keys.entity(tenant, KIND, key)
    for attempt in range(_TRIES):
        table.back_off(attempt)
        before = table.get(table.activity(), place, consistent=True)
        now = times.now_ms()
        kept = _faded(before["weight"], before["at"], now) if before else 0.0
        total = max(-MAX_WEIGHT, min(MAX_WEIGHT, kept + weight))
        item = {**place, "weight": total, "at": now, "ttl": now // 1000 + _KEEP_SECONDS}
        item["count"] = before["count"] + 1 if before else 1
        condition = "#count = :seen" if before else "attribute_not_exists(pk)"
        try:
            table.write(table.Put(table.activity(), item, condition, {"seen": before["count"]} if before else {}))
        except table.ConditionFailed:
            continue
        return
    raise Unavailable


def _faded(weight: float, at: int, now: int) -> float:
    halves: float = max(now - at, 0) / HALF_LIFE_MS
    return weight / float(2.0**halves)
