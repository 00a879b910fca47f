"""OAuth applications and consents. Beside each application stands an item that finds it by its client id."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub import times
from hub.store import items, keys, paging, table
from hub.store.items import Item

KIND = "OAUTH_APP"
CONSENTS = "CONSENT"
MAX_CLIENT_ID = 64


@dataclass(frozen=True, slots=True)
class StoredApp:
    """An application; times in epoch milliseconds. `secrets` are hashes with their expiry (`0`: none), newest first."""

    tenant: str
    plan: str
    id: str
    name: str
    description: str
    client_id: str
    client_type: str
    redirect_uris: list[str]
    scopes: list[str]
    secrets: list[tuple[str, int]]
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """What a user allows an application; times in epoch milliseconds."""

    user_id: str
    app_id: str
    scopes: list[str]
    created_at: int
    updated_at: int

    @property
    def id(self) -> str:
        """Its id: the user's and the application's."""
        return consent_id(self.user_id, self.app_id)


def consent_id(user_id: str, app_id: str) -> str:
    """The id of a user's consent to an application."""
    return f"{user_id}.{app_id}"


def add(app: StoredApp, audit: Mapping[str, Any]) -> None:
    """Write a new application."""
    pointer = {**keys.client(app.client_id), "tenant": app.tenant, "app_id": app.id}
    table.write(
        table.Put(table.entities(), _item(app) | {"audit": audit}, table.ABSENT),
        table.Put(table.entities(), pointer, table.ABSENT),
    )


def replace(app: StoredApp, seen: int, audit: Mapping[str, Any]) -> None:
    """Write a changed application. Raises `ConditionFailed` when it changed since `seen` (its `updated_at`)."""
    condition = table.PRESENT + " AND #updated_at = :seen"
    table.write(table.Put(table.entities(), _item(app) | {"audit": audit}, condition, {"seen": seen}))


def remove(app: StoredApp, audit: Mapping[str, Any]) -> None:
    """Delete an application: no client of it is known any more."""
    gone = table.tombstone(keys.entity(app.tenant, KIND, app.id), [], times.now(), audit)
    table.write(gone, table.Delete(table.entities(), keys.client(app.client_id)))


def get(tenant: str, app_id: str) -> StoredApp:
    """Read an application. Raises `NotFound`."""
    return _app(tenant, table.required(table.entities(), keys.entity(tenant, KIND, app_id)))


def by_client_id(client_id: str) -> StoredApp | None:
    """Find the application of a client id."""
    if len(client_id) > MAX_CLIENT_ID or not client_id.isascii():
        return None
    pointer = table.get(table.entities(), keys.client(client_id), consistent=True)
    if pointer is None:
        return None
    item = table.get(table.entities(), keys.entity(pointer["tenant"], KIND, pointer["app_id"]), consistent=True)
    return _app(pointer["tenant"], item) if item else None


def standing(app: StoredApp) -> table.ConditionCheck:
    """That an application still exists with the scopes it was read with, for a transaction that gives it something."""
    key = keys.entity(app.tenant, KIND, app.id)
    condition = table.PRESENT + " AND #scopes = :scopes"
    return table.ConditionCheck(table.entities(), key, condition, {"scopes": app.scopes})


def page(tenant: str, number: int, size: int, cursor: str | None) -> paging.Page[StoredApp]:
    """Read a page of applications, the newest first."""
    found = paging.read(table.Query(table.entities(), keys.partition(tenant, KIND)), number, size, cursor)
    return found.holding(_app(tenant, item) for item in found.items)


def names(tenant: str, app_ids: set[str]) -> dict[str, str]:
    """The names of applications, up to 100; deleted ones are left out."""
    wanted = [keys.entity(tenant, KIND, app_id) for app_id in app_ids]
    found = table.get_many({table.entities(): wanted})
    return {item["sk"]: item["name"] for item in found.values()}


def put_consent(tenant: str, consent: StoredConsent, audit: Mapping[str, Any]) -> None:
    """Write a consent."""
    item = keys.entity(tenant, CONSENTS, consent.id) | items.attributes(consent) | {"audit": audit}
    table.write(table.Put(table.entities(), item))


def get_consent(tenant: str, consent: str) -> StoredConsent | None:
    """Read a consent."""
    item = table.get(table.entities(), keys.entity(tenant, CONSENTS, consent))
    return _consent(item) if item else None


def consented(tenant: str, user_id: str, app_id: str) -> table.ConditionCheck:
    """Lets the writes beside it be made only while a user's consent to an application stands."""
    return table.ConditionCheck(
        table.entities(), keys.entity(tenant, CONSENTS, consent_id(user_id, app_id)), table.PRESENT
    )


def remove_consent(tenant: str, consent: StoredConsent, audit: Mapping[str, Any]) -> None:
    """Delete a consent."""
    table.write(table.tombstone(keys.entity(tenant, CONSENTS, consent.id), [], times.now(), audit))


def consents(
    tenant: str, user_id: str | None, number: int, size: int, cursor: str | None
) -> paging.Page[StoredConsent]:
    """Read a page of a tenant's consents, or of one user's."""
    found = paging.read(_consents_of(tenant, user_id), number, size, cursor)
    return found.holding(_consent(item) for item in found.items)


def every_consent(tenant: str, user_id: str) -> Iterator[StoredConsent]:
    """Read all consents of a user."""
    return (_consent(item) for item in table.items(_consents_of(tenant, user_id)))


def _consents_of(tenant: str, user_id: str | None) -> table.Query:
    prefix = f"{user_id}." if user_id else ""
    return table.Query(table.entities(), keys.partition(tenant, CONSENTS), prefix=prefix)


def _item(app: StoredApp) -> Item:
    secrets = [{"hash": secret, "expires_at": expires_at} for secret, expires_at in app.secrets]
    return keys.entity(app.tenant, KIND, app.id) | items.attributes(app, "tenant") | {"secrets": secrets}


def _app(tenant: str, item: Item) -> StoredApp:
    secrets = [(secret["hash"], secret["expires_at"]) for secret in item["secrets"]]
    return items.entity(StoredApp, item, tenant=tenant, secrets=secrets)


def _consent(item: Item) -> StoredConsent:
    return items.entity(StoredConsent, item)
