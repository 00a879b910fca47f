"""Live connections, and which state they were told last.

| item | table | pk | sk |
|---|---|---|---|
| live connection | ActivityTable | `T#<tenant>#LIVE_CONNECTION` | API Gateway's id of it |
| whose it is, which its end does not say | ActivityTable | `LIVE_CONNECTION#<id>` | `LIVE_CONNECTION` |
| version of the state that was pushed last | ActivityTable | `T#<tenant>#LIVE_STATE` | `STATE` |

The first two have the `ttl` at which the connection is to end: an item outlives its connection where its end was never
told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hub import times
from hub.store import items, keys, table

KIND = "LIVE_CONNECTION"
STATE = "LIVE_STATE"

KEEP_SECONDS = 3600
"""How long a version is remembered: an event comes late by less, and a table that was restored begins with lower ones
again."""


@dataclass(frozen=True, slots=True)
class LiveConnection:
    """An open WebSocket: which credential opened it (`hub.auth.Presented.found_by`), and until when (epoch seconds)."""

    id: str
    credential: str
    ttl: int

    @property
    def is_over(self) -> bool:
        """Whether its time is up."""
        return self.ttl <= times.now()


def add(tenant: str, connection: LiveConnection) -> None:
    """Note a connection that is being opened."""
    own = {**keys.entity(tenant, KIND, connection.id), **items.attributes(connection)}
    table.put_many(table.activity(), [own, {**keys.live(connection.id), "tenant": tenant, "ttl": connection.ttl}])


def count(tenant: str, bound: int) -> int:
    """How many a tenant has whose time is not up; counts no further than `bound`."""
    query = table.Query(
        table.activity(), keys.partition(tenant, KIND), condition="#ttl > :now", values={"now": times.now()}
    )
    return table.count(query, after=None, bound=bound)


def of(tenant: str) -> list[LiveConnection]:
    """All of a tenant, also those whose time is up."""
    rows = table.items(table.Query(table.activity(), keys.partition(tenant, KIND)))
    return [items.entity(LiveConnection, row) for row in rows]


def is_latest(tenant: str, version: int) -> bool:
    """Whether no later state was pushed than the one of a version, which counts as pushed from now on."""
    now = times.now()
    noted = table.Update(
        table.activity(),
        keys.entity(tenant, STATE, "STATE"),
        "SET #version = :version, #ttl = :ttl",
        "attribute_not_exists(pk) OR #version <= :version OR #ttl < :now",
        {"version": version, "ttl": now + KEEP_SECONDS, "now": now},
    )
    try:
        table.write(noted)
    except table.ConditionFailed:
        return False
    return True


def owner(connection_id: str) -> str | None:
    """The tenant whose a connection is, or was."""
    item = table.get(table.activity(), keys.live(connection_id))
    return str(item["tenant"]) if item else None


def remove(tenant: str, connection_ids: Sequence[str]) -> None:
    """Forget connections that have ended."""
    own = [keys.entity(tenant, KIND, one) for one in connection_ids]
    table.delete_many(table.activity(), own + [keys.live(one) for one in connection_ids])
