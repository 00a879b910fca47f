"""The gate of a tenant's configuration: shut while a change is written that one transaction cannot hold.

Accounts, bots and mappings are written on condition that it is open, so that nothing changes between the steps of an
import or a restore, and whoever finds one unfinished can do it again from its beginning.

| item | table | pk | sk |
|---|---|---|---|
| gate | Table | `T#<tenant>#FORWARD_GATE` | `GATE`: there is none while the gate is open |

A change begins with the gate shut and nothing decided: what it is to write is not known yet. Once that is known and
kept, it is `is_decided`: from then on it is written to its end, by `finish.py` if by nobody else.
"""

from collections.abc import Mapping
from typing import Any

from hub.errors import Conflict
from hub.store import keys, table, versioned

KIND = "FORWARD_GATE"


def key(tenant: str) -> keys.Key:
    """The item that stands while the gate is shut."""
    return keys.entity(tenant, KIND, "GATE")


def is_open(tenant: str) -> table.ConditionCheck:
    """The condition of a write: the first of its transaction."""
    return table.ConditionCheck(table.entities(), key(tenant), "attribute_not_exists(pk)")


def shut() -> Conflict:
    """The answer to a change that came while the gate was shut."""
    return Conflict("change_running", code="CHANGE_RUNNING", retry_after=60)


def write(tenant: str, seen: int, *operations: table.Operation) -> None:
    """Write a thing that was read with the version `seen`, and what belongs to it, while the gate is open.

    Raises `Conflict` while it is shut, `versioned.Changed` where the thing is another.
    """
    try:
        table.write(is_open(tenant), *operations)
    except table.ConditionFailed as failure:
        if failure.position == 0:
            raise shut() from None
        raise versioned.Changed((failure.item or {}).get("version", 0)) from None
    except table.Contended:
        raise versioned.Changed(seen) from None


def close(tenant: str, change_id: str) -> None:
    """Shut the gate for a change. Raises `Conflict` where another is being written."""
    item = {**key(tenant), "change_id": change_id, "is_decided": False}
    try:
        table.write(
            table.Put(table.entities(), item, "attribute_not_exists(pk) OR #change_id = :own", {"own": change_id})
        )
    except table.ConditionFailed:
        raise shut() from None


def decide(tenant: str, change_id: str) -> None:
    """Note that what a change writes is kept: it will be written. Raises `Conflict` where it was given up."""
    values = {"true": True, "own": change_id}
    try:
        table.write(table.Update(table.entities(), key(tenant), "SET #is_decided = :true", "#change_id = :own", values))
    except table.ConditionFailed:
        raise shut() from None


def is_held(tenant: str, change_id: str) -> table.ConditionCheck:
    """The condition of a step of a change: the gate is still shut for it."""
    return table.ConditionCheck(table.entities(), key(tenant), "#change_id = :own", {"own": change_id})


def give_up(tenant: str, change_id: str) -> None:
    """Open the gate for a change that has not been decided; one that was, or another's, keeps it shut."""
    values = {"own": change_id, "false": False}
    _open(tenant, "#change_id = :own AND #is_decided = :false", values)


def open_again(tenant: str, change_id: str) -> None:
    """Open the gate behind a change that was written; for another's it stays shut."""
    _open(tenant, "#change_id = :own", {"own": change_id})


def decided(tenant: str, change_id: str) -> bool:
    """Whether the gate is shut for a change that was decided."""
    item = table.get(table.entities(), key(tenant), consistent=True)
    return item is not None and item["change_id"] == change_id and bool(item["is_decided"])


def _open(tenant: str, condition: str, values: Mapping[str, Any]) -> None:
    try:
        table.write(table.Delete(table.entities(), key(tenant), condition, values))
    except table.ConditionFailed:
        return
