"""How many conversations and tickets there are, by status and channel or priority, without reading them."""

from hub.store import counters

CONVERSATIONS = "CONVERSATIONS"
TICKETS = "TICKETS"

_BETWEEN = "__"


def attribute(status: str, kind: str) -> str:
    """Where the counters `CONVERSATIONS` and `TICKETS` count a status with a channel or priority."""
    return f"{status}{_BETWEEN}{kind}"


def total(tenant: str, name: str, status: str | None, kind: str | None) -> int:
    """How many there are of a status, a channel or priority, of both or in all; a moment behind the latest change."""
    found = 0
    for counted, amount in counters.read(tenant, name).items():
        of_status, _, of_kind = counted.partition(_BETWEEN)
        if status in (None, of_status) and kind in (None, of_kind):
            found += amount
    return found
