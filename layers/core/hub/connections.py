"""A tenant's connections to providers: what `/v1/integrations` keeps and messaging and forwarding call through.

Of a config the item holds the plain fields as they are, the secret ones together, sealed.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, TypeVar
from urllib.parse import quote

from hub import connectors, secrets
from hub.connectors.protocol import Config, ProviderError
from hub.errors import NotFound, Unavailable
from hub.outcomes import Trouble
from hub.store import items, keys, paging, table, versioned

KIND = "INTEGRATION"
BY_TYPE = "INTEGRATION_TYPE"

MAX_TOLD = 500
"""Characters of a provider's words that are kept."""


class Sealed(Protocol):
    """What has a config with sealed secrets."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def service_type(self) -> str:
        """Whose config it is."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The config, its secrets shown as `***`."""

    @property
    def sealed(self) -> bytes | None:
        """The secrets."""


class Kept(Protocol):
    """What has a config with sealed secrets, and is in `error` where its provider takes nothing from it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def config(self) -> Mapping[str, Any]:
        """The config, its secrets shown as `***`."""

    @property
    def sealed(self) -> bytes | None:
        """The secrets."""

    @property
    def status(self) -> str:
        """`active`, `inactive` or `error`."""

    @property
    def error(self) -> Trouble | None:
        """Why."""


K = TypeVar("K", bound=Kept)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection, of an integration's item what its provider's calls need; `sealed` holds the config's secrets."""

    id: str
    name: str
    service_type: str
    status: str
    config: Mapping[str, Any]
    sealed: bytes | None


def get(tenant: str, connection_id: str) -> Connection:
    """Read a connection. Raises `NotFound`."""
    item = table.get(table.entities(), keys.entity(tenant, KIND, connection_id))
    if item is None:
        raise NotFound
    return items.entity(Connection, item)


def owner(connection_id: str) -> str | None:
    """The tenant whose a connection is; `None` for one that is not there."""
    item = table.get(table.entities(), keys.connection(connection_id))
    return str(item["tenant"]) if item else None


def of_type(tenant: str, service_type: str, limit: int = 100) -> list[Connection]:
    """The connections of a service type that are not switched off, the oldest first."""
    rows = [
        table.Query(
            table.entities(),
            keys.partition(tenant, BY_TYPE, service_type, status),
            index="gsi1",
            newest_first=False,
            keys_only=True,
        )
        for status in ("active", "error")
    ]
    return [items.entity(Connection, item) for item in paging.by_cursor(rows, limit, "").items]


def opened(tenant: str, connection: Sealed) -> Config:
    """The config with its secrets, as the connector takes it."""
    kept = json.loads(secrets.unseal(connection.sealed, tenant, place(connection.id))) if connection.sealed else {}
    found: Config = connectors.connector(connection.service_type).config.model_validate({**connection.config, **kept})
    return found


def closed(tenant: str, connection_id: str, config: Config) -> tuple[dict[str, Any], bytes | None]:
    """What an item keeps of a config: the fields to show, and the sealed secrets."""
    values = config.model_dump(exclude_defaults=True)
    kept = {name: values[name] for name in secret_fields(type(config)) if name in values}
    shown = {name: secrets.MASK if name in kept else value for name, value in values.items()}
    return shown, secrets.seal(json.dumps(kept), tenant, place(connection_id)) if kept else None


def secret_fields(shape: type[Config]) -> list[str]:
    """The fields of a config that are sealed and shown as `***`."""
    return [
        name
        for name, field in shape.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("writeOnly")
    ]


def cleaned(text: Any, config: Config) -> str:
    """A provider's words, to be kept and shown: short, in Unicode, and without a secret that it repeats.

    Of an address that is a secret, what follows the host counts by itself: providers repeat the path they were asked.
    """
    words = str(text)
    for name in secret_fields(type(config)):
        if value := getattr(config, name):
            _, _, behind = str(value).partition("://")
            path = behind.partition("/")[2]
            for told in filter(None, (value, path, quote(value, safe=""), quote(path))):
                words = words.replace(told, secrets.MASK)
    return words[:MAX_TOLD].encode(errors="replace").decode()


def trouble(error: ProviderError, config: Config) -> Trouble:
    """What a provider did not accept, in its own words as they can be kept and shown."""
    return {"code": cleaned(error.code, config), "message": cleaned(error.message, config)}


def changes(before: Kept, after: Kept, *names: str) -> list[str]:
    """Which of its fields are others, as an event of a change names them; its secrets are of its `config`."""
    found = {name for name in names if getattr(before, name) != getattr(after, name)}
    if (before.config, before.sealed) != (after.config, after.sealed):
        found.add("config")
    return sorted(found)


def note(tested: K, found: Trouble | None, again: Callable[[], K], write: Callable[[K, K], object]) -> None:
    """Note that its provider takes nothing from what was tested, or does again; what is switched off stays so.

    `again` reads it, `write` replaces what was read and raises `versioned.Changed` where that is another. What has
    another config by now, or is gone, is not what was tested. Raises `Unavailable`.
    """
    for attempt in range(versioned.TRIES):
        table.back_off(attempt)
        before = tested
        if attempt:
            try:
                before = again()
            except NotFound:
                return
            if (before.config, before.sealed) != (tested.config, tested.sealed):
                return
        after = replace(before, error=found)
        if before.status != "inactive":
            after = replace(after, status="error" if found else "active")
        if after == before:
            return
        try:
            write(before, after)
        except versioned.Changed:
            continue
        return
    raise Unavailable


def place(connection_id: str) -> str:
    """Where a connection's secrets belong (`hub.secrets`)."""
    return f"integration/{connection_id}/config"
