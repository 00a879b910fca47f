"""The audit trail: who did what to keys, applications, users and grants.

A change carries its audit record in the attribute `audit` of the item that it writes, as it carries its events: the
publisher takes both off the table's stream, the record into a row of ActivityTable that lasts 90 days.
"""

from collections.abc import Mapping
from typing import Any

from hub import ids, times
from hub.events import Caller
from hub.store import keys
from hub.store.items import Item

KIND = "AUDIT"
PREFIX = "audit"
KEEP_SECONDS = 90 * 86_400

_MASKED = frozenset({"password", "secret", "secrets", "client_secret", "key"})


def record(action: str, caller: Caller, target: str, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Make the record of an action (`user.updated`) on the thing with the id `target`.

    `changes` are the new values of what changed; that of a secret is shown as `***`.
    """
    now = times.now_ms()
    return {
        "id": ids.new(PREFIX, now),
        "at": now,
        "tenant": caller.tenant,
        "actor": caller.actor,
        "action": action,
        "target": target,
        "request_id": caller.request_id,
        "changes": {name: "***" if name in _MASKED else value for name, value in (changes or {}).items()},
    }


def row(audit: Mapping[str, Any]) -> Item:
    """The row that a record becomes; the same record becomes the same row, however often it is written."""
    told = {name: audit[name] for name in ("at", "actor", "action", "target", "request_id", "changes")}
    return {**keys.entity(audit["tenant"], KIND, audit["id"]), **told, "ttl": audit["at"] // 1000 + KEEP_SECONDS}
