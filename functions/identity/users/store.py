"""Users. Beside each stands an item that finds it by its email and keeps the email unique in the tenant.

The tenant's own item counts the active administrators. It is written in the transaction that makes or ends one, so
that the last one stays, however concurrent the changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as with_changes
from typing import Any

from functions.identity.users.models import Role, Status
from hub import times
from hub.errors import Conflict, FieldError, HubError, Unprocessable
from hub.store import items, keys, table
from hub.store.items import Item
from hub.web.validation import MAX_EMAIL

KIND = "USER"
EMAILS = "EMAIL"
TENANTS = "TENANT"
_FIRST_READ = 20


class Changed(Exception):
    """The user changed since it was read: nothing was written."""


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user; times in epoch milliseconds. `password` is its hash, `None` while none is set."""

    id: str
    email: str
    name: str
    role: Role
    status: Status
    password: str | None
    created_at: int
    updated_at: int

    @property
    def administers(self) -> bool:
        """Whether this is one of the administrators of whom one must remain: one who can sign in."""
        return self.role == "admin" and self.status == "active" and self.password is not None


def add(tenant: str, user: StoredUser, event: Mapping[str, Any], audit: Mapping[str, Any]) -> None:
    """Write a new user. Raises `Conflict` where the email is taken."""
    own, address = creation(tenant, user, event, audit)
    writes: list[_Write] = [(own, Conflict()), (address, _taken())]
    if user.administers:
        writes.append(_administrators(tenant, 1))
    _write(writes)


def creation(
    tenant: str, user: StoredUser, event: Mapping[str, Any], audit: Mapping[str, Any]
) -> tuple[table.Put, table.Put]:
    """The writes of a new user and its email; the count of administrators is the caller's to write."""
    item = _item(tenant, user) | {"events": [event], "audit": audit}
    return table.Put(table.entities(), item, table.ABSENT), _address(tenant, user)


def replace(
    tenant: str, before: StoredUser, after: StoredUser, event: Mapping[str, Any], audit: Mapping[str, Any]
) -> None:
    """Write a changed user. Raises `Changed`, `Conflict` for a taken email, `Unprocessable` for the last admin."""
    item = _item(tenant, after) | {"events": [event], "audit": audit}
    own = table.Put(table.entities(), item, _UNCHANGED, {"seen": before.updated_at})
    writes: list[_Write] = [(own, Changed())]
    if _is_other_address(before.email, after.email):
        writes += [(_address(tenant, after), _taken()), (_freed(tenant, before), Changed())]
    if before.administers != after.administers:
        writes.append(_administrators(tenant, 1 if after.administers else -1))
    _write(writes)


def remove(tenant: str, user: StoredUser, event: Mapping[str, Any], audit: Mapping[str, Any]) -> None:
    """Delete a user and free the email. Raises `Changed`, `Unprocessable` for the last administrator."""
    tombstone = table.tombstone(keys.entity(tenant, KIND, user.id), [event], times.now(), audit)
    own = with_changes(tombstone, condition=_UNCHANGED, values={"seen": user.updated_at})
    writes: list[_Write] = [(own, Changed()), (_freed(tenant, user), Changed())]
    if user.administers:
        writes.append(_administrators(tenant, -1))
    _write(writes)


def unchanged(tenant: str, user: StoredUser) -> table.ConditionCheck:
    """Lets the writes beside it be made only while a user is as it was read: with the same password, active."""
    seen = {"seen": user.updated_at}
    return table.ConditionCheck(table.entities(), keys.entity(tenant, KIND, user.id), _UNCHANGED, seen)


def rehash(tenant: str, user: StoredUser, password: str) -> None:
    """Write the same password under a new hash, unless it was changed meanwhile."""
    change = table.Update(
        table.entities(),
        keys.entity(tenant, KIND, user.id),
        "SET #password = :password",
        table.PRESENT + " AND #password = :seen",
        {"password": password, "seen": user.password},
    )
    try:
        table.write(change)
    except table.ConditionFailed:
        return


def get(tenant: str, user_id: str, *, consistent: bool = False) -> StoredUser:
    """Read a user. Raises `NotFound`."""
    return _user(table.required(table.entities(), keys.entity(tenant, KIND, user_id), consistent=consistent))


def find(tenant: str, user_id: str) -> StoredUser | None:
    """Read a user who may be gone, or deactivated just now: what is asked is whether they may sign in."""
    item = table.get(table.entities(), keys.entity(tenant, KIND, user_id), consistent=True)
    return _user(item) if item else None


def by_email(tenant: str, email: str) -> StoredUser | None:
    """Find the user with an email, in whatever case it is written."""
    if not 0 < len(email) <= MAX_EMAIL:
        return None
    address = table.get(table.entities(), keys.entity(tenant, EMAILS, email.lower()), consistent=True)
    return find(tenant, address["user_id"]) if address else None


def administrator_email(tenant: str) -> str:
    """The email of the tenant's first active administrator; `""` where there is no such tenant."""
    query = table.Query(table.entities(), keys.partition(tenant, KIND), newest_first=False)
    for found, _ in table.pages(query, limit=_FIRST_READ):
        for user in map(_user, found):
            if user.administers:
                return user.email
    return ""


def plan(tenant: str) -> str:
    """The tenant's plan. Raises `NotFound`."""
    name: str = table.required(table.entities(), keys.entity(tenant, TENANTS, tenant))["plan"]
    return name


_Write = tuple[table.Operation, Exception]
"""A write, and what it means when its condition fails."""

_UNCHANGED = table.PRESENT + " AND #updated_at = :seen"


def _write(writes: list[_Write]) -> None:
    try:
        table.write(*(operation for operation, _ in writes))
    except table.ConditionFailed as failure:
        raise writes[failure.position][1] from None


def _taken() -> HubError:
    error = Conflict()
    error.fields = (FieldError("email", "taken"),)
    return error


def _administrators(tenant: str, step: int) -> _Write:
    count = table.Update(
        table.entities(),
        keys.entity(tenant, TENANTS, tenant),
        "ADD #administrators :step",
        "#administrators > :least",
        {"step": step, "least": 1 if step < 0 else 0},
    )
    return count, Unprocessable("last_admin")


def _address(tenant: str, user: StoredUser) -> table.Put:
    address = {**keys.entity(tenant, EMAILS, user.email.lower()), "user_id": user.id}
    return table.Put(table.entities(), address, table.ABSENT)


def _freed(tenant: str, user: StoredUser) -> table.Delete:
    address = keys.entity(tenant, EMAILS, user.email.lower())
    return table.Delete(table.entities(), address, "#user_id = :user_id", {"user_id": user.id})


def _is_other_address(one: str, other: str) -> bool:
    return one.lower() != other.lower()


def _item(tenant: str, user: StoredUser) -> Item:
    return keys.entity(tenant, KIND, user.id) | items.attributes(user)


def _user(item: Item) -> StoredUser:
    return items.entity(StoredUser, item)
