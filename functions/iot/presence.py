"""Whether a device is connected, out of IoT Core's lifecycle events, which come late, twice and in any order.

https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html: the beginning and the end of a connection
have the same number, which grows from one connection of a device to the next and begins anew at 0 once the device has
not been connected for about an hour. When something happened is told to within two minutes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cmp_to_key

MAX_APART_MS = 2 * 2 * 60_000
"""By how much the times of two events can be wrong together."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The beginning or the end of a device's connection: IoT Core's `versionNumber`, `timestamp` (epoch ms),
    `sessionIdentifier` and `disconnectReason`."""

    connected: bool
    number: int
    at: int
    session: str
    reason: str | None = None


def is_later(event: Lifecycle, known: Lifecycle | None) -> bool:
    """Whether an event happened after the latest one that is known; the same one did not.

    Where the times are further apart than they can be wrong, they tell, also across a number that began anew. Where
    they are not, no hour has passed, and the numbers tell: a connection that was taken over by the next one
    (`DUPLICATE_CLIENTID`) ends after that one's beginning and is still the earlier of the two.
    """
    if known is None:
        return True
    apart = event.at - known.at
    if abs(apart) > MAX_APART_MS:
        return apart > 0
    return (event.number, not event.connected) > (known.number, not known.connected)


def latest(known: Lifecycle | None, events: Iterable[Lifecycle]) -> tuple[Lifecycle | None, list[Lifecycle]]:
    """The latest event, and those of the new ones by which the device came online or went offline, in their order.

    A connection whose end is heard of before its beginning has come and gone unseen.
    """
    turns: list[Lifecycle] = []
    for event in sorted(events, key=_BY_TIME):
        if is_later(event, known):
            if event.connected != (known is not None and known.connected):
                turns.append(event)
            known = event
    return known, turns


def _order(one: Lifecycle, other: Lifecycle) -> int:
    return is_later(one, other) - is_later(other, one)


_BY_TIME = cmp_to_key(_order)
