"""The gate of a tenant's configuration: shut while an import or a restore writes what one transaction cannot hold.

Accounts, bots and mappings are written on condition that it is open, so that nothing changes between the steps of such
a write, and it can be done again from its beginning by whoever finds it unfinished.

| item | table | pk | sk |
|---|---|---|---|
| gate | Table | `T#<tenant>#FORWARD_GATE` | `GATE`: the change that is being written; there is none while it is open |
"""

from hub.errors import Conflict
from hub.store import keys, table

KIND = "FORWARD_GATE"


def key(tenant: str) -> keys.Key:
    """The item that stands while the gate is shut."""
    return keys.entity(tenant, KIND, "GATE")


def is_open(tenant: str) -> table.ConditionCheck:
    """The condition of a write: the first of its transaction."""
    return table.ConditionCheck(table.entities(), key(tenant), "attribute_not_exists(pk)")


def shut() -> Conflict:
    """The answer to a change that came while the gate was shut."""
    return Conflict("change_running", code="CHANGE_RUNNING", retry_after=5)
