"""What is held back while forwarding is stopped, and until all that was before it has gone.

| item | table | pk | sk |
|---|---|---|---|
| held back | ActivityTable | `T#<tenant>#FORWARD_HELD` | `<mapping id>#<its number, padded>` |

A message that is held back has its row (`pending`) from then on. Whoever holds one back does so on condition that the
tenant's state says that something may be held: so it is looked for.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from functions.forwarding import captured, state
from functions.forwarding.captured import Captured
from functions.forwarding.messages import store
from functions.forwarding.messages.store import StoredMessage
from hub import times
from hub.store import keys, sequences, table

KIND = "FORWARD_HELD"
KEEP_SECONDS = store.KEEP_SECONDS
PAGE = 10


@dataclass(frozen=True, slots=True)
class Held:
    """Something that is held back, and where it is."""

    id: str
    captured: Captured


def add(tenant: str, one: Captured, number: int, before: StoredMessage | None, row: StoredMessage | None) -> bool:
    """Hold something back, with its row where it is a message; `False` where nobody would look for it."""
    item = {
        **keys.entity(tenant, KIND, f"{one.mapping_id}#{sequences.padded(number)}"),
        "body": captured.written(one),
        "ttl": times.now() + KEEP_SECONDS,
    }
    rows = [store.operation(tenant, before, row, None)] if row else []
    try:
        table.write(state.holding(tenant), table.Put(table.activity(), item), *rows)
    except table.ConditionFailed as failure:
        # Its row is another by now: it was held back, or went, by somebody else.
        return failure.position != 0
    return True


def of_mapping(tenant: str, mapping_id: str, limit: int = PAGE) -> list[Held]:
    """The first of a mapping that are held back, in the order in which they came."""
    query = table.Query(
        table.activity(),
        keys.partition(tenant, KIND),
        prefix=f"{mapping_id}#",
        newest_first=False,
        consistent=True,
    )
    found, _ = next(table.pages(query, limit=limit))
    return [Held(item["sk"], captured.read(json.loads(item["body"]))) for item in found]


def mappings(tenant: str) -> Iterator[str]:
    """The mappings of which something is held back."""
    after = ""
    while True:
        query = table.Query(
            table.activity(),
            keys.partition(tenant, KIND),
            between=(f"{after}~" if after else " ", "~"),
            newest_first=False,
            consistent=True,
        )
        found, _ = next(table.pages(query, limit=1))
        if not found:
            return
        after = found[0]["sk"].partition("#")[0]
        yield after


def remove(tenant: str, held_id: str) -> None:
    """It has gone."""
    table.write(table.Delete(table.activity(), keys.entity(tenant, KIND, held_id)))
