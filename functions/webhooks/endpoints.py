"""What is known of a webhook's endpoint: when it may be called next, and how it has answered.

One item of ActivityTable per webhook. `next_at` is the time of the next free slot: deliveries take slots of
60 s / pace, so whoever takes some moves it by as many, and no other reader or writer is needed to keep the pace.
Attributes: `next_at`, `paused_until`, `failing_since`, `warned_at` (epoch ms), `slow`.
"""

from dataclasses import dataclass
from functools import cache

from hub import settings, times
from hub.errors import Unavailable
from hub.store import items, keys, table
from hub.store.items import Item

KIND = "ENDPOINT"
MINUTE_MS = 60_000
KEEP_SECONDS = 30 * 86_400
_TRIES = 6


@dataclass(frozen=True)
class PaceSettings:
    """How many deliveries a minute one endpoint gets at most."""

    webhook_deliveries_per_minute: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint's state; times in epoch milliseconds, 0 for never.

    It is `slow` until it has answered quickly: what nobody knows yet must not hold up those that are known.
    """

    paused_until: int = 0
    slow: bool = True
    failing_since: int = 0
    warned_at: int = 0


def key(tenant: str, webhook_id: str) -> keys.Key:
    """Where an endpoint's item is."""
    return keys.entity(tenant, KIND, webhook_id)


def from_item(item: Item | None) -> Endpoint:
    """Read an endpoint's item; one that was never called has none."""
    return items.entity(Endpoint, item or {})


def reserve(tenant: str, webhook_id: str, slots: int) -> tuple[Endpoint, list[int]]:
    """Take slots: when each of so many deliveries is due (epoch ms), and the endpoint as it stands.

    Slots of the running minute are due at once, those of later minutes are spread over them. So a burst of up to a
    minute's worth does not wait, and no minute of the clock sees more.
    """
    now = times.now_ms()
    width = -(-MINUTE_MS // _settings().webhook_deliveries_per_minute)
    minute = now - now % MINUTE_MS
    item = _take(tenant, webhook_id, minute, slots * width)
    state = from_item(item)
    first = item["next_at"] - slots * width
    pause = state.paused_until if state.paused_until > now else 0
    at_once = 0 if pause else minute + MINUTE_MS
    taken = (first + position * width for position in range(slots))
    return state, [now if slot < at_once else max(_early_in_minute(slot), pause, now) for slot in taken]


def _early_in_minute(slot: int) -> int:
    """A slot's time within the first nine tenths of its minute: what comes a little late is still sent in it."""
    return slot - slot % MINUTE_MS // 10


def pause(tenant: str, webhook_id: str, until: int) -> None:
    """Give no slot before a time; a pause that ends later stays."""
    place, values = key(tenant, webhook_id), {"until": until}
    for changes, condition in (
        ("SET #paused_until = :until, #next_at = :until", "attribute_not_exists(#next_at) OR #next_at < :until"),
        ("SET #paused_until = :until", "attribute_not_exists(#paused_until) OR #paused_until < :until"),
    ):
        try:
            table.write(table.Update(table.activity(), place, changes, condition, values))
        except table.ConditionFailed:
            continue
        return


def change(tenant: str, webhook_id: str, *, slow: bool | None = None, failing_since: int | None = None) -> Endpoint:
    """Note whether it is slow, and since when it has only failed (0: it does not; a time noted before stays)."""
    sets: list[str] = []
    removes: list[str] = []
    values: dict[str, int | bool] = {}
    if slow is not None:
        sets.append("#slow = :slow")
        values["slow"] = slow
    if failing_since:
        sets.append("#failing_since = if_not_exists(#failing_since, :failing_since)")
        values["failing_since"] = failing_since
    elif failing_since == 0:
        removes += ["#failing_since", "#warned_at"]
    expression = " ".join(f"{verb} {', '.join(parts)}" for verb, parts in (("SET", sets), ("REMOVE", removes)) if parts)
    return from_item(table.update(_update(tenant, webhook_id, expression, values)))


def note_warning(tenant: str, webhook_id: str, at: int) -> None:
    """Note when its half-time warning went out (epoch ms)."""
    table.write(_update(tenant, webhook_id, "SET #warned_at = :at", {"at": at}))


def forget(tenant: str, webhook_id: str, *, slots: bool) -> None:
    """Start anew, as another endpoint or one that is switched on again does; `slots`: nothing waits for its slots."""
    known = ["#paused_until", "#slow", "#failing_since", "#warned_at", *(["#next_at"] if slots else [])]
    table.write(_update(tenant, webhook_id, f"REMOVE {', '.join(known)}", {}))


def _take(tenant: str, webhook_id: str, minute: int, width: int) -> Item:
    ttl = times.now() + KEEP_SECONDS
    place = key(tenant, webhook_id)
    further = table.Update(
        table.activity(),
        place,
        "SET #next_at = #next_at + :width, #ttl = :ttl",
        "#next_at >= :minute",
        {"width": width, "ttl": ttl, "minute": minute},
    )
    first_of_minute = table.Update(
        table.activity(),
        place,
        "SET #next_at = :next_at, #ttl = :ttl",
        "attribute_not_exists(#next_at) OR #next_at < :minute",
        {"next_at": minute + width, "ttl": ttl, "minute": minute},
    )
    for attempt in range(_TRIES):
        try:
            return table.update(first_of_minute if attempt % 2 else further)
        except table.ConditionFailed:
            continue
    raise Unavailable


def _update(tenant: str, webhook_id: str, expression: str, values: dict[str, int | bool]) -> table.Update:
    return table.Update(table.activity(), key(tenant, webhook_id), expression, "", values)


@cache
def _settings() -> PaceSettings:
    return settings.load(PaceSettings)
