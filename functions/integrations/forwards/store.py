"""Posts of events: each event once to an integration.

| item | table | pk | sk |
|---|---|---|---|
| post | ActivityTable | `T#<tenant>#EVENT_POST#<integration>` | the event's id |

Whoever posts it has it until `until`; a part that was posted is not posted again; what is `done` stays so.
"""

from hub import times
from hub.store import keys, table

KIND = "EVENT_POST"

LEASE_SECONDS = 60
"""How long a post can be under way: as long as a function of ours lives."""

KEEP_SECONDS = 30 * 86_400
"""Longer than an event can wait in a queue and then among the dead letters."""


def take(tenant: str, integration_id: str, event_id: str) -> int | None:
    """Take a post: how many parts of it were posted; `None` where it is done. Raises `Taken`."""
    now = times.now()
    free = "attribute_not_exists(#done) AND (attribute_not_exists(#until) OR #until <= :now)"
    values = {"until": now + LEASE_SECONDS, "now": now, "ttl": now + KEEP_SECONDS}
    place = keys.belonging(tenant, KIND, integration_id, event_id)
    taken = table.Update(table.activity(), place, "SET #until = :until, #ttl = :ttl", free, values)
    try:
        item = table.update(taken)
    except table.ConditionFailed as failure:
        if failure.item and failure.item.get("done"):
            return None
        raise Taken from None
    return int(item.get("parts", 0))


def note(tenant: str, integration_id: str, event_id: str, parts: int, *, is_done: bool) -> None:
    """Note how many parts were posted, and that it is done, or free to be taken again."""
    done = ", #done = :done" if is_done else ""
    values = {"parts": parts, "until": 0, "ttl": times.now() + KEEP_SECONDS} | ({"done": True} if is_done else {})
    place = keys.belonging(tenant, KIND, integration_id, event_id)
    table.write(
        table.Update(table.activity(), place, f"SET #parts = :parts, #until = :until, #ttl = :ttl{done}", "", values)
    )


class Taken(Exception):
    """Somebody else is at it."""
