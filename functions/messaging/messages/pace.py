"""When a message may be sent: at the pace that its platform takes in all, and to one receiver."""

import time
from collections.abc import Iterable

from functions.messaging.messages.store import StoredMessage
from hub import connectors, pacing, times

EARLY_MS = 1000
"""How long a function waits for a slot. SQS and Step Functions count whole seconds; what is left is waited for here, so
that what they hand out in one moment does not reach the platform in one."""

_SHARE = 0.9
"""Of the pace that a platform documents: what comes late for its slot meets what is in time."""


def reserve(wanted: Iterable[tuple[str, StoredMessage]]) -> list[int]:
    """The time (epoch ms) from which each message of a tenant's may be sent."""
    messages = list(wanted)
    slots = [0] * len(messages)
    together: dict[tuple[str, str], list[int]] = {}
    for place, (tenant, message) in enumerate(messages):
        together.setdefault((tenant, message.connection_id), []).append(place)
    for (tenant, connection_id), places in together.items():
        limits = connectors.connector(messages[places[0]][1].platform).limits
        found = pacing.reserve(tenant, connection_id, len(places), limits.per_second * _SHARE)
        for place, slot in zip(places, found, strict=True):
            slots[place] = slot
            if limits.per_second_each:
                name = f"{connection_id}#{messages[place][1].to}"
                [own] = pacing.reserve(tenant, name, 1, limits.per_second_each)
                slots[place] = max(slot, own)
    return slots


def wait(slot: int) -> None:
    """Wait for a slot that is less than a second away."""
    time.sleep(max(0, min(slot - times.now_ms(), EARLY_MS)) / 1000)
