"""How often something may be tried where no API credential is counted: sign-ins, token requests, devices' alerts."""

import hashlib

from hub import times
from hub.errors import TooManyRequests
from hub.store import keys, table

WINDOW_SECONDS = 900


def attempt(what: str, who: str, limit: int) -> None:
    """Count a try of `what` by `who` (an address, an account, a device).

    Raises `TooManyRequests` over `limit` in 15 minutes.
    """
    window = times.now() // WINDOW_SECONDS
    ends = (window + 1) * WINDOW_SECONDS
    change = table.Update(
        table.activity(),
        _key(what, who, window),
        "ADD #n :one SET #ttl = :ttl",
        "attribute_not_exists(#n) OR #n < :limit",
        {"one": 1, "limit": limit, "ttl": ends},
    )
    try:
        table.write(change)
    except table.ConditionFailed:
        raise TooManyRequests(retry_after=max(1, ends - times.now())) from None


def forgive(what: str, who: str) -> None:
    """Forget the tries of this window: one succeeded."""
    table.write(table.Delete(table.activity(), _key(what, who, times.now() // WINDOW_SECONDS)))


def _key(what: str, who: str, window: int) -> keys.Key:
    digest = hashlib.sha256(f"{what}\0{who}".encode()).hexdigest()
    return {"pk": f"THROTTLE#{digest}", "sk": str(window)}
