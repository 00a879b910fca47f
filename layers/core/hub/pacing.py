"""Pace that all Lambdas keep together: slots in time, handed out by one conditional update per batch.

| item | table | pk | sk |
|---|---|---|---|
| what is paced | ActivityTable | `T#<tenant>#PACE` | its name |

`next_at` (epoch ms) is when the next slot is free; whoever takes some moves it by as many.
"""

from hub import times
from hub.errors import Unavailable
from hub.store import keys, table

KIND = "PACE"
KEEP_SECONDS = 86_400
_TRIES = 6


def reserve(tenant: str, name: str, slots: int, per_second: float) -> list[int]:
    """Take slots: the times (epoch ms) from which each may be used. Raises `Unavailable`."""
    width = 1000 / per_second
    length = round(slots * width)
    for attempt in range(_TRIES):
        table.back_off(attempt)
        now = times.now_ms()
        for expression, condition, first in (
            ("SET #next_at = #next_at + :length, #ttl = :ttl", "#next_at > :now", None),
            ("SET #next_at = :end, #ttl = :ttl", "attribute_not_exists(#next_at) OR #next_at <= :now", now),
        ):
            values = {"now": now, "ttl": now // 1000 + KEEP_SECONDS}
            values |= {"length": length} if first is None else {"end": now + length}
            change = table.Update(table.activity(), keys.entity(tenant, KIND, name), expression, condition, values)
            try:
                begin = table.update(change, "UPDATED_NEW")["next_at"] - length
            except table.ConditionFailed:
                continue
            return [begin + round(position * width) for position in range(slots)]
    raise Unavailable


def pause(tenant: str, name: str, until: int) -> None:
    """Give no slot before a time (epoch ms): the provider said so."""
    change = table.Update(
        table.activity(),
        keys.entity(tenant, KIND, name),
        "SET #next_at = :until, #ttl = :ttl",
        "attribute_not_exists(#next_at) OR #next_at < :until",
        {"until": until, "ttl": until // 1000 + KEEP_SECONDS},
    )
    try:
        table.write(change)
    except table.ConditionFailed:
        return
