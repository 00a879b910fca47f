"""Pace that all Lambdas keep together: slots in time, handed out by one conditional update per batch.

| item | table | pk | sk |
|---|---|---|---|
| what is paced | ActivityTable | `T#<tenant>#PACE` | its name |

`next_at` (epoch ms) is when the next slot is free; whoever takes some moves it by as many. Until `paused_until` no slot
is used.
"""

from math import ceil

from hub import times
from hub.errors import Unavailable
from hub.store import keys, table

KIND = "PACE"
KEEP_SECONDS = 7 * 86_400
GRACE_MS = 60_000
_TRIES = 6


def reserve(tenant: str, name: str, slots: int, per_second: float) -> list[int]:
    """Take slots: the times (epoch ms) from which each may be used. Raises `Unavailable`."""
    width = 1000 / per_second
    length = ceil(slots * width)
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
    """Give no slot before a time (epoch ms), and let none that was given be used: the provider said so."""
    place, values = keys.entity(tenant, KIND, name), {"until": until, "ttl": until // 1000 + KEEP_SECONDS}
    for expression, condition in (
        ("SET #paused_until = :until, #next_at = :until, #ttl = :ttl", _EARLIER.format("next_at")),
        ("SET #paused_until = :until, #ttl = :ttl", _EARLIER.format("paused_until")),
    ):
        try:
            table.write(table.Update(table.activity(), place, expression, condition, values))
        except table.ConditionFailed:
            continue
        return


def is_paused(tenant: str, name: str) -> bool:
    """Whether slots that were given before the provider asked for patience must not be used now."""
    item = table.get(table.activity(), keys.entity(tenant, KIND, name))
    return item is not None and item.get("paused_until", 0) > times.now_ms()


def is_stale(due: int) -> bool:
    """Whether a slot is so long over that whoever had it takes another: a backlog does not go out all at once."""
    return times.now_ms() - due > GRACE_MS


_EARLIER = "attribute_not_exists(#{0}) OR #{0} < :until"
