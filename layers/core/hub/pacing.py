"""Pace that all Lambdas keep together: slots in time, handed out by one conditional update per batch.

| item | table | pk | sk |
|---|---|---|---|
| what is paced | ActivityTable | `T#<tenant>#PACE` | its name |

`next_at` (epoch ms) is when the next slot is free; whoever takes some moves it by as many. Until `paused_until` no slot
is used.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil

from hub import times
from hub.errors import Unavailable
from hub.store import keys, table

KIND = "PACE"
KEEP_SECONDS = 7 * 86_400
GRACE_MS = 60_000
_TRIES = 6


@dataclass(frozen=True, slots=True)
class Later:
    """No slot is near; the next one is free at a time (epoch ms)."""

    at: int


def reserve(tenant: str, name: str, slots: int, per_second: float) -> list[int]:
    """Take slots: the times (epoch ms) from which each may be used. Raises `Unavailable`."""
    taken = _reserve(tenant, name, slots, per_second, None)
    assert not isinstance(taken, Later)  # noqa: S101 - only what has to be near can be later
    return taken


def reserve_soon(tenant: str, name: str, slots: int, per_second: float, within_ms: int) -> list[int] | Later:
    """Take slots as `reserve` does if the first is due within a time, else none.

    For who keeps no slot over a wait: taken each time, slots would be behind those that were left unused, for ever.
    """
    return _reserve(tenant, name, slots, per_second, within_ms)


def give_back(tenant: str, name: str, taken: Sequence[int], per_second: float) -> None:
    """Give slots back that were taken a moment ago; where others were taken since, they stay unused."""
    length = ceil(len(taken) * 1000 / per_second)
    values = {"length": length, "end": taken[0] + length}
    with suppress(table.ConditionFailed):
        table.write(_update(tenant, name, "SET #next_at = #next_at - :length", "#next_at = :end", values))


def _reserve(tenant: str, name: str, slots: int, per_second: float, within_ms: int | None) -> list[int] | Later:
    width = 1000 / per_second
    length = ceil(slots * width)
    for attempt in range(_TRIES):
        table.back_off(attempt)
        now = times.now_ms()
        near, latest = ("", {}) if within_ms is None else (" AND #next_at <= :latest", {"latest": now + within_ms})
        for expression, condition, values in (
            ("SET #next_at = #next_at + :length", f"#next_at > :now{near}", {"length": length, **latest}),
            ("SET #next_at = :end", "attribute_not_exists(#next_at) OR #next_at <= :now", {"end": now + length}),
        ):
            ttl = now // 1000 + KEEP_SECONDS
            change = _update(tenant, name, f"{expression}, #ttl = :ttl", condition, {**values, "now": now, "ttl": ttl})
            try:
                begin = table.update(change, "UPDATED_NEW")["next_at"] - length
            except table.ConditionFailed as failure:
                if latest and failure.item and failure.item["next_at"] > latest["latest"]:
                    return Later(failure.item["next_at"])
                continue
            return [begin + round(position * width) for position in range(slots)]
    raise Unavailable


def pause(tenant: str, name: str, until: int) -> None:
    """Give no slot before a time (epoch ms), and let none that was given be used: the provider said so."""
    values = {"until": until, "ttl": until // 1000 + KEEP_SECONDS}
    for expression, condition in (
        ("SET #paused_until = :until, #next_at = :until, #ttl = :ttl", _EARLIER.format("next_at")),
        ("SET #paused_until = :until, #ttl = :ttl", _EARLIER.format("paused_until")),
    ):
        try:
            table.write(_update(tenant, name, expression, condition, values))
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


def _update(tenant: str, name: str, expression: str, condition: str, values: Mapping[str, int]) -> table.Update:
    return table.Update(table.activity(), keys.entity(tenant, KIND, name), expression, condition, values)


_EARLIER = "attribute_not_exists(#{0}) OR #{0} < :until"
