"""Grants: what lets an application or a signed-in administrator call the API, until it is ended.

A grant is a row under its application with the state of its refresh token, the credential item that every request
with one of its access tokens counts in, and, where it acts for a person, a row under that person. Ending a grant
deletes them: the next request fails.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub import auth
from hub.store import items, keys, table
from hub.store.items import Item

GRANTS = "GRANT"
USER_GRANTS = "USER_GRANT"
SESSIONS = "USER_SESSION"
_TOGETHER = 30


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant; times in epoch seconds. `app_id` is `login` where it came of `/api/auth/login`."""

    tenant: str
    plan: str
    id: str
    app_id: str
    client_id: str
    user_id: str | None
    scopes: list[str]
    expires_at: int


def new_grant(grant: Grant, state: Mapping[str, Any]) -> list[table.Put]:
    """The writes that make a grant, to go together with what it comes of; `state` is its refresh token's."""
    credential = auth.credential_item(
        auth.grant_credential(grant.id),
        tenant=grant.tenant,
        credential_id=grant.id,
        kind="access_token",
        plan=grant.plan,
        permissions=grant.scopes,
        expires_at=grant.expires_at,
        user_id=grant.user_id,
    )
    row = {
        **keys.belonging(grant.tenant, GRANTS, grant.app_id, grant.id),
        **items.attributes(grant, "tenant", "app_id"),
        "ttl": grant.expires_at,
        **state,
    }
    writes = [
        table.Put(table.activity(), credential | {"ttl": grant.expires_at}, "attribute_not_exists(pk)"),
        table.Put(table.activity(), row, "attribute_not_exists(pk)"),
    ]
    if grant.user_id:
        pointer = keys.belonging(grant.tenant, USER_GRANTS, grant.user_id, f"{grant.app_id}#{grant.id}")
        writes.append(table.Put(table.activity(), {**pointer, "ttl": grant.expires_at}))
    return writes


def get(tenant: str, app_id: str, grant_id: str) -> Item | None:
    """Read a grant's row."""
    return table.get(table.activity(), keys.belonging(tenant, GRANTS, app_id, grant_id), consistent=True)


def end(tenant: str, app_id: str, grant_id: str, user_id: str | None) -> None:
    """End a grant: its access and refresh tokens fail from the next request on."""
    table.write(*_endings(tenant, app_id, grant_id, user_id))


def end_of_app(tenant: str, app_id: str) -> None:
    """End every grant of an application."""
    rows = table.items(table.Query(table.activity(), keys.partition(tenant, GRANTS, app_id), consistent=True))
    _end_many(_endings(tenant, app_id, row["sk"], row.get("user_id")) for row in rows)


def end_of_user(tenant: str, user_id: str, app_id: str = "") -> None:
    """End every grant of a user, or those to one application."""
    prefix = f"{app_id}#" if app_id else ""
    partition = keys.partition(tenant, USER_GRANTS, user_id)
    pointers = table.items(table.Query(table.activity(), partition, prefix=prefix, consistent=True))
    _end_many(
        _endings(tenant, to_app, grant_id, user_id)
        for to_app, grant_id in (pointer["sk"].split("#") for pointer in pointers)
    )


def end_all(tenant: str, user_id: str) -> None:
    """End every grant and every browser session of a user: deactivated, deleted, or with a changed password."""
    end_of_user(tenant, user_id)
    rows = table.items(table.Query(table.activity(), keys.partition(tenant, SESSIONS, user_id), consistent=True))
    _end_many(
        [
            table.Delete(table.activity(), keys.session(row["sk"])),
            table.Delete(table.activity(), {"pk": row["pk"], "sk": row["sk"]}),
        ]
        for row in rows
    )


def _endings(tenant: str, app_id: str, grant_id: str, user_id: str | None) -> list[table.Delete]:
    endings = [
        table.Delete(table.activity(), keys.credential(auth.grant_credential(grant_id))),
        table.Delete(table.activity(), keys.belonging(tenant, GRANTS, app_id, grant_id)),
    ]
    if user_id:
        pointer = keys.belonging(tenant, USER_GRANTS, user_id, f"{app_id}#{grant_id}")
        endings.append(table.Delete(table.activity(), pointer))
    return endings


def _end_many(groups: Iterable[list[table.Delete]]) -> None:
    """Delete group after group, some together; one that was ended meanwhile is deleted again, which changes nothing."""
    together: list[table.Delete] = []
    for group in groups:
        together += group
        if len(together) >= _TOGETHER:
            table.write(*together)
            together = []
    if together:
        table.write(*together)
