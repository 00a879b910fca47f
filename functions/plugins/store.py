"""Installed plugins, and which of them listen to events.

| item | table | pk | sk |
|---|---|---|---|
| installed plugin | Table | `T#<tenant>#PLUGIN` | its name: `plugin_weather` |
| that it listens to events | Table | `T#<tenant>#PLUGIN_LISTENER` | its name |

The name is the id without its version, so a tenant has one version of a plugin. A listener is there while its plugin is
active and subscribes to something: who asks for the listeners of a tenant without any reads nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.plugins import schemas
from functions.plugins.manifest import parts
from functions.plugins.models import Source, Status
from hub import rotation, secrets, times
from hub.errors import Conflict, NotFound
from hub.outcomes import Trouble
from hub.store import items, keys, paging, table, versioned
from hub.store.items import Item

KIND = "PLUGIN"
LISTENERS = "PLUGIN_LISTENER"


@dataclass(frozen=True, slots=True)
class StoredPlugin:
    """An installed plugin; `id` is its name, times in epoch milliseconds.

    `config` shows its secrets as `***`, `sealed_config` holds them; `sealed_secret` signs what is posted to it.
    """

    id: str
    plugin_id: str
    installation_id: str
    source: Source
    manifest_url: str | None
    manifest: Mapping[str, Any]
    status: Status
    config: Mapping[str, Any]
    sealed_config: bytes | None
    sealed_secret: bytes | None
    disabled_reason: Trouble | None
    installed_at: int
    updated_at: int
    version: int = 1
    sealed_previous_secret: bytes | None = None
    previous_secret_until: int | None = None

    def opened_config(self, tenant: str) -> dict[str, Any]:
        """Its config with its secrets."""
        if self.sealed_config is None:
            return dict(self.config)
        kept = json.loads(secrets.unseal(self.sealed_config, tenant, _place(self.installation_id, "config")))
        return {**self.config, **kept}

    def signing_secrets(self, tenant: str, now: int) -> list[str]:
        """What signs the calls of one that runs at an address at `now` (epoch ms), the current secret first."""
        return rotation.signing(self, now, tenant, _place(self.installation_id, "secret"))


@dataclass(frozen=True, slots=True)
class Listener:
    """What an active plugin listens to, and how it fares: runs that failed in a row, whether it is slow to answer."""

    id: str
    installation_id: str
    subscriptions: Sequence[str]
    failures: int = 0
    slow: bool = True


@dataclass(frozen=True, slots=True)
class SealedConfig:
    """A config as an item keeps it."""

    shown: Mapping[str, Any] = field(default_factory=dict)
    sealed: bytes | None = None


def seal_config(
    tenant: str, installation_id: str, schema: Mapping[str, Any], config: Mapping[str, Any]
) -> SealedConfig:
    """Part a config into what is shown, its secrets masked, and these secrets encrypted."""
    hidden = {name: config[name] for name in schemas.secret_fields(schema) if name in config}
    place = _place(installation_id, "config")
    sealed = secrets.seal(json.dumps(hidden), tenant, place) if hidden else None
    return SealedConfig(schemas.masked(schema, config), sealed)


def seal_secret(tenant: str, installation_id: str, secret: str) -> bytes:
    """Encrypt a signing secret for its installation."""
    return secrets.seal(secret, tenant, _place(installation_id, "secret"))


def key(tenant: str, name: str) -> keys.Key:
    """Where a plugin is."""
    return keys.entity(tenant, KIND, name)


def listener_key(tenant: str, name: str) -> keys.Key:
    """Where it stands that a plugin listens."""
    return keys.entity(tenant, LISTENERS, name)


def add(tenant: str, plugin: StoredPlugin, event: Mapping[str, Any]) -> None:
    """Write a new plugin. Raises `Conflict` where one of its name stands."""
    try:
        own = table.Put(table.entities(), _item(tenant, plugin, event), table.ABSENT)
        table.write(own, *_listening(tenant, None, plugin))
    except table.ConditionFailed as failure:
        installed = (failure.item or {}).get("plugin_id", plugin.plugin_id)
        raise Conflict("plugin_installed", id=installed) from None


def replace(tenant: str, before: StoredPlugin, after: StoredPlugin, event: Mapping[str, Any]) -> None:
    """Write a changed plugin, which listens from anew. Raises `versioned.Changed` where it is not as it was read."""
    own = versioned.replacement(_item(tenant, after, event), before.version)
    versioned.write(before.version, own, *_listening(tenant, before, after))


def remove(tenant: str, plugin: StoredPlugin, event: Mapping[str, Any]) -> None:
    """Delete a plugin. Raises `versioned.Changed` where it is not as it was read."""
    tombstone = table.tombstone(key(tenant, plugin.id), [event], times.now())
    own = versioned.replacement(tombstone.item, plugin.version)
    versioned.write(plugin.version, own, *_listening(tenant, plugin, None))


def get(tenant: str, plugin_id: str, *, consistent: bool = False) -> StoredPlugin:
    """Read a plugin by its id, which names its version. Raises `NotFound`."""
    found = parts(plugin_id)
    plugin = find(tenant, found[0], consistent=consistent) if found else None
    if plugin is None or plugin.plugin_id != plugin_id:
        raise NotFound
    return plugin


def find(tenant: str, name: str, *, consistent: bool = True) -> StoredPlugin | None:
    """Read a plugin by its name, in whatever version."""
    item = table.get(table.entities(), key(tenant, name), consistent=consistent)
    return from_item(item) if item else None


def count(tenant: str, bound: int) -> int:
    """Count a tenant's plugins, up to a bound."""
    return table.count(table.Query(table.entities(), keys.partition(tenant, KIND)), after=None, bound=bound)


def page(tenant: str, status: Status | None, number: int, size: int, cursor: str | None) -> paging.Page[StoredPlugin]:
    """Read a page of plugins, of a status or all, by name. How many there can be is bounded, so they are read."""
    rows = table.Query(
        table.entities(),
        keys.partition(tenant, KIND),
        condition="#status = :status" if status else "",
        values={"status": status} if status else {},
        newest_first=False,
    )
    found = paging.read(rows, number, size, cursor)
    return found.holding(map(from_item, found.items))


def listeners(tenant: str) -> list[Listener]:
    """Who of a tenant listens to events."""
    return [listener(item) for item in table.items(table.Query(table.entities(), keys.partition(tenant, LISTENERS)))]


def fared(tenant: str, heard: Listener, *, failures: int | None = None, slow: bool) -> int:
    """Note how a plugin fares: `failures` in a row, or one more where it is `None`; answers with how many those are.

    0 where it does not listen any more, or was installed anew.
    """
    counted = "#failures = #failures + :one" if failures is None else "#failures = :failures"
    values: dict[str, Any] = {"one": 1} if failures is None else {"failures": failures}
    change = table.Update(
        table.entities(),
        listener_key(tenant, heard.id),
        f"SET {counted}, #slow = :slow",
        "#installation_id = :installation",
        {**values, "slow": slow, "installation": heard.installation_id},
    )
    try:
        return int(table.update(change)["failures"])
    except table.ConditionFailed:
        return 0


def listener(item: Item) -> Listener:
    """Read a listener's item."""
    return items.entity(Listener, item)


def from_item(item: Item) -> StoredPlugin:
    """Read a plugin's item."""
    manifest, config = json.loads(item["manifest"]), json.loads(item["config"])
    return items.entity(StoredPlugin, item, manifest=manifest, config=config)


def _listening(tenant: str, before: StoredPlugin | None, after: StoredPlugin | None) -> list[table.Operation]:
    """What a change means for who listens; one that listens on begins with no failures."""
    if after is not None and _listens(after):
        heard = Listener(after.id, after.installation_id, after.manifest["events"])
        return [table.Put(table.entities(), {**listener_key(tenant, after.id), **items.attributes(heard)})]
    if before is not None and _listens(before):
        return [table.Delete(table.entities(), listener_key(tenant, before.id))]
    return []


def _listens(plugin: StoredPlugin) -> bool:
    return plugin.status == "active" and bool(plugin.manifest["events"])


def _place(installation_id: str, what: str) -> str:
    return f"plugin/{installation_id}/{what}"


def _item(tenant: str, plugin: StoredPlugin, event: Mapping[str, Any]) -> Item:
    return {
        **key(tenant, plugin.id),
        **items.attributes(plugin, "manifest", "config"),
        # As text: any name and any number of theirs can be kept.
        "manifest": json.dumps(plugin.manifest, ensure_ascii=False),
        "config": json.dumps(plugin.config, ensure_ascii=False),
        "events": [event],
    }
