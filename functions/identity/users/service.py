"""What can be done with users."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions.identity import credentials
from functions.identity.oauth_apps import service as apps
from functions.identity.users import store
from functions.identity.users.models import NewUser, User, UserChange
from functions.identity.users.store import StoredUser
from hub import audit, events, ids, passwords, times
from hub.errors import NotFound, Unavailable, Unprocessable
from hub.events import Caller
from hub.store import items, plan
from hub.store.filters import FieldKind
from hub.store.paging import Page
from hub.store.plan import Listing
from hub.store.query import ListQuery, Schema

TRIES = 5
"""Of a change that meets others of the same user."""


def new_user(wanted: NewUser) -> StoredUser:
    """The user that is wanted."""
    now = times.now_ms()
    return StoredUser(
        id=ids.new("user", now),
        email=wanted.email,
        name=wanted.name,
        role=wanted.role,
        status=wanted.status,
        password=passwords.hash_password(wanted.password) if wanted.password else None,
        created_at=now,
        updated_at=now,
    )


def creation_records(caller: Caller, user: StoredUser) -> tuple[dict[str, Any], dict[str, Any]]:
    """The event and the audit record of a new user."""
    changes = {"email": user.email, "name": user.name, "role": user.role, "status": user.status}
    record = audit.record("user.created", caller, user.id, changes)
    return events.event("user.created", caller, _told(user)), record


def create(caller: Caller, wanted: NewUser) -> User:
    """Make a user. Raises `Conflict` where the email is taken."""
    user = new_user(wanted)
    store.add(caller.tenant, user, *creation_records(caller, user))
    return shown(user)


def listed(tenant: str, asked: ListQuery) -> Page[User]:
    """Answer document 3's query language over the tenant's users."""
    return plan.read(LISTING, tenant, asked)


def get(tenant: str, user_id: str) -> User:
    """Show a user."""
    return shown(store.get(tenant, user_id))


def change(caller: Caller, user_id: str, wanted: UserChange) -> User:
    """Change the fields that were sent.

    Raises `Conflict` where the email is taken, `Unprocessable` where no active administrator would remain.
    """
    changes = wanted.changes()
    if "password" in changes:
        changes["password"] = passwords.hash_password(changes["password"])
    return shown(_change(caller, user_id, changes))


def set_password(caller: Caller, user_id: str, password: str) -> None:
    """Set a password that was found good (`passwords.check_new`), and end every token and session of the user."""
    _change(caller, user_id, {"password": passwords.hash_password(password)})


def delete(caller: Caller, user_id: str) -> None:
    """Delete a user, every token and session of theirs, and what they allowed applications.

    Raises `Unprocessable` for the caller's own user and for the last active administrator.
    """
    if caller.actor == user_id:
        raise Unprocessable("own_user")
    for _ in range(TRIES):
        try:
            user = store.get(caller.tenant, user_id, consistent=True)
        except NotFound:
            # The deletion before this one may have failed half way.
            _end_of(caller, user_id)
            raise
        event = events.event("user.deleted", caller, _told(user))
        record = audit.record("user.deleted", caller, user_id, {"email": user.email})
        try:
            store.remove(caller.tenant, user, event, record)
        except store.Changed:
            continue
        _end_of(caller, user_id)
        return
    raise Unavailable


def shown(user: StoredUser) -> User:
    """A user as callers see it."""
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "status": user.status,
        "createdAt": times.iso(user.created_at / 1000),
        "updatedAt": times.iso(user.updated_at / 1000),
    }


LISTING = Listing(
    Schema(
        {
            "id": FieldKind.TEXT,
            "email": FieldKind.TEXT,
            "name": FieldKind.TEXT,
            "role": FieldKind.TEXT,
            "status": FieldKind.TEXT,
            "createdAt": FieldKind.TIME,
            "updatedAt": FieldKind.TIME,
        },
        search=("name", "email"),
    ),
    kind=store.KIND,
    prefix="user",
    shown=lambda item: shown(items.entity(StoredUser, item)),
)


def _change(caller: Caller, user_id: str, changes: Mapping[str, Any]) -> StoredUser:
    """Write changes over what is stored, whatever else of the user changes meanwhile."""
    for _ in range(TRIES):
        before = store.get(caller.tenant, user_id, consistent=True)
        real = {name: value for name, value in changes.items() if getattr(before, name) != value}
        after = before
        if real:
            after = replace(before, **real, updated_at=max(times.now_ms(), before.updated_at + 1))
            told = _told(after) | {"updated_at": times.iso(after.updated_at / 1000), "changes": sorted(real)}
            event = events.event("user.updated", caller, told)
            try:
                store.replace(caller.tenant, before, after, event, audit.record("user.updated", caller, user_id, real))
            except store.Changed:
                continue
        demoted = after.role == "member" and "role" in changes
        if "password" in real or demoted or after.status == "inactive":
            # For an inactive user also where nothing changed: the deactivation before may have failed half way.
            credentials.end_all(caller.tenant, user_id)
        return after
    raise Unavailable


def _end_of(caller: Caller, user_id: str) -> None:
    credentials.end_all(caller.tenant, user_id)
    apps.revoke_consents(caller, user_id)


def _told(user: StoredUser) -> dict[str, Any]:
    return {
        "user_id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "status": user.status,
        "created_at": times.iso(user.created_at / 1000),
    }
