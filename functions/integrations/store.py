"""Integrations.

| item | table | pk | sk | indexes |
|---|---|---|---|---|
| integration | Table | `T#<tenant>#INTEGRATION` | `int_…` | by type and status; by status; those that forward events |
| whose it is | Table | `CONNECTION#<id>` | `CONNECTION` | |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from functions.integrations.models import Status
from hub import connections, times
from hub.outcomes import Trouble
from hub.store import items, keys, paging, table, versioned
from hub.store.items import Item
from hub.web.localisation import DEFAULT, Language

KIND = connections.KIND
BY_STATUS = "INTEGRATION_STATUS"
FORWARDING = "INTEGRATION_FORWARDING"

STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class StoredIntegration:
    """An integration; times in epoch milliseconds. `config` shows its secrets as `***`, `sealed` holds them."""

    id: str
    name: str
    service_type: str
    status: Status
    config: Mapping[str, Any]
    sealed: bytes | None
    settings: Mapping[str, Any]
    error: Trouble | None
    created_at: int
    updated_at: int
    version: int = 1

    @property
    def language(self) -> Language:
        """The language that events are told it in; one that was made before there was a choice is told in Chinese."""
        return cast("Language", self.settings.get("language", DEFAULT))


def add(tenant: str, integration: StoredIntegration, event: Mapping[str, Any]) -> None:
    """Write a new integration, and whose it is."""
    pointer = {**keys.connection(integration.id), "tenant": tenant}
    table.write(
        table.Put(table.entities(), _item(tenant, integration, event), table.ABSENT),
        table.Put(table.entities(), pointer, table.ABSENT),
    )


def replace(tenant: str, before: StoredIntegration, after: StoredIntegration, event: Mapping[str, Any]) -> None:
    """Write a changed integration. Raises `versioned.Changed` where it is not as it was read."""
    versioned.write(before.version, versioned.replacement(_item(tenant, after, event), before.version))


def remove(tenant: str, integration: StoredIntegration, event: Mapping[str, Any]) -> None:
    """Delete an integration. Raises `versioned.Changed` where it is not as it was read."""
    tombstone = table.tombstone(keys.entity(tenant, KIND, integration.id), [event], times.now())
    own = versioned.replacement(tombstone.item, integration.version)
    versioned.write(integration.version, own, table.Delete(table.entities(), keys.connection(integration.id)))


def count(tenant: str, bound: int) -> int:
    """Count a tenant's integrations, up to a bound."""
    return table.count(_all(tenant), after=None, bound=bound)


def get(tenant: str, integration_id: str, *, consistent: bool = False) -> StoredIntegration:
    """Read an integration. Raises `NotFound`."""
    item = table.required(table.entities(), keys.entity(tenant, KIND, integration_id), consistent=consistent)
    return items.entity(StoredIntegration, item)


def forwarding(tenant: str, limit: int = 100) -> list[StoredIntegration]:
    """The tenant's active integrations to which any events are forwarded."""
    rows = table.Query(
        table.entities(), keys.partition(tenant, FORWARDING), index="gsi3", newest_first=False, keys_only=True
    )
    return [items.entity(StoredIntegration, item) for item in paging.by_cursor([rows], limit, "").items]


def page(
    tenant: str, service_type: str | None, status: Status | None, number: int, size: int, cursor: str | None
) -> paging.Page[StoredIntegration]:
    """Read a page of integrations of a type, a status, both or all, the newest first."""
    found = paging.read(_queries(tenant, service_type, status), number, size, cursor)
    return found.holding(items.entity(StoredIntegration, item) for item in found.items)


def _queries(tenant: str, service_type: str | None, status: Status | None) -> list[table.Query]:
    if service_type is not None:
        partitions = [
            keys.partition(tenant, connections.BY_TYPE, service_type, one)
            for one in (STATUSES if status is None else (status,))
        ]
        return [table.Query(table.entities(), one, index="gsi1", keys_only=True) for one in partitions]
    if status is not None:
        return [table.Query(table.entities(), keys.partition(tenant, BY_STATUS, status), index="gsi2", keys_only=True)]
    return [_all(tenant)]


def _all(tenant: str) -> table.Query:
    return table.Query(table.entities(), keys.partition(tenant, KIND))


def _item(tenant: str, integration: StoredIntegration, event: Mapping[str, Any]) -> Item:
    place = integration.id
    forwards = integration.status == "active" and integration.settings["forward_events"]
    return {
        **keys.entity(tenant, KIND, place),
        **keys.index(1, tenant, connections.BY_TYPE, integration.service_type, integration.status, item_id=place),
        **keys.index(2, tenant, BY_STATUS, integration.status, item_id=place),
        **(keys.index(3, tenant, FORWARDING, item_id=place) if forwards else {}),
        **items.attributes(integration),
        "events": [event],
    }
