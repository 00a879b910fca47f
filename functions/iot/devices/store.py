"""Devices.

| item | pk | sk | indexes |
|---|---|---|---|
| device | `T#<tenant>#DEVICE` | `device_…` | by status; by type |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from functions.iot.devices.models import Device, Status
from hub import times
from hub.store import items, keys, plan, table, versioned
from hub.store.filters import FieldKind
from hub.store.items import Item
from hub.store.paging import Page
from hub.store.plan import Index, Listing
from hub.store.query import ListQuery, Schema

KIND = "DEVICE"


class StoredCertificate(TypedDict):
    """A certificate that a device may connect with, as IoT Core names it; `created_at` in epoch milliseconds."""

    id: str
    arn: str
    created_at: int


@dataclass(frozen=True, slots=True)
class StoredDevice:
    """A device; times in epoch milliseconds. `version` grows by one with every change.

    `session_id` is the MQTT session that was heard of last, `session_number` its number among the device's sessions
    and `session_at` when that happened: IoT Core's `sessionIdentifier`, `versionNumber` and `timestamp`.
    """

    id: str
    name: str
    type: str | None
    tags: list[str]
    attributes: dict[str, str]
    certificates: list[StoredCertificate]
    created_at: int
    updated_at: int
    status: Status = "offline"
    last_seen_at: int | None = None
    session_id: str | None = None
    session_number: int | None = None
    session_at: int | None = None
    version: int = 1


def shown(device: StoredDevice) -> Device:
    """A device as callers see it, and as lists find it."""
    return {
        "id": device.id,
        "name": device.name,
        "type": device.type,
        "status": device.status,
        "tags": device.tags,
        "attributes": device.attributes,
        "certificates": [{"id": one["id"], "createdAt": _iso(one["created_at"])} for one in device.certificates],
        "lastSeenAt": versioned.iso(device.last_seen_at),
        "createdAt": _iso(device.created_at),
        "updatedAt": _iso(device.updated_at),
        "version": device.version,
    }


def told(device: StoredDevice) -> dict[str, Any]:
    """A device as events tell of it."""
    row = shown(device)
    return {
        "device_id": row["id"],
        "name": row["name"],
        "type": row["type"],
        "status": row["status"],
        "tags": row["tags"],
        "attributes": row["attributes"],
        "certificates": [{"id": one["id"], "created_at": one["createdAt"]} for one in row["certificates"]],
        "last_seen_at": row["lastSeenAt"],
        "created_at": row["createdAt"],
        "updated_at": row["updatedAt"],
        "version": row["version"],
    }


LISTING = Listing(
    schema=Schema(
        {
            "id": FieldKind.TEXT,
            "name": FieldKind.TEXT,
            "type": FieldKind.TEXT,
            "status": FieldKind.TEXT,
            "tags": FieldKind.TAGS,
            "lastSeenAt": FieldKind.TIME,
            "createdAt": FieldKind.TIME,
            "updatedAt": FieldKind.TIME,
        },
        search=("name", "type", "tags"),
    ),
    kind=KIND,
    prefix="device",
    shown=lambda item: shown(items.entity(StoredDevice, item)),
    equal={"type": Index(2, "DEVICE_TYPE"), "status": Index(1, "DEVICE_STATUS")},
)


def add(tenant: str, device: StoredDevice, event: Mapping[str, Any]) -> None:
    """Write a new device."""
    table.write(table.Put(table.entities(), _item(tenant, device, [event]), table.ABSENT))


def replace(
    tenant: str,
    before: StoredDevice,
    after: StoredDevice,
    events: Sequence[Mapping[str, Any]],
    *beside: table.Operation,
) -> None:
    """Write a changed device, and what is to be written with it. Raises `versioned.Changed`."""
    versioned.write(before.version, versioned.replacement(_item(tenant, after, events), before.version), *beside)


def note(tenant: str, before: StoredDevice, after: StoredDevice) -> None:
    """Write what no event tells of: the session, and when the device was last heard of. Raises `versioned.Changed`."""
    changed = {name: value for name, value in items.attributes(after).items() if value != getattr(before, name)}
    change = table.Update(
        table.entities(),
        keys.entity(tenant, KIND, after.id),
        "SET " + ", ".join(f"#{name} = :{name}" for name in changed),
        table.PRESENT + " AND #version = :seen",
        {**changed, "seen": before.version},
    )
    versioned.write(before.version, change)


def remove(tenant: str, device: StoredDevice, event: Mapping[str, Any]) -> None:
    """Delete a device. Raises `versioned.Changed` where it is not as it was read."""
    tombstone = table.tombstone(keys.entity(tenant, KIND, device.id), [event], times.now())
    versioned.write(device.version, versioned.replacement(tombstone.item, device.version))


def get(tenant: str, device_id: str, *, consistent: bool = False) -> StoredDevice:
    """Read a device. Raises `NotFound`."""
    item = table.required(table.entities(), keys.entity(tenant, KIND, device_id), consistent=consistent)
    return items.entity(StoredDevice, item)


def page(tenant: str, asked: ListQuery) -> Page[Device]:
    """Read a page of devices."""
    return plan.read(LISTING, tenant, asked)


def _item(tenant: str, device: StoredDevice, events: Sequence[Mapping[str, Any]]) -> Item:
    return {
        **keys.entity(tenant, KIND, device.id),
        **items.attributes(device),
        **LISTING.index_keys(tenant, shown(device)),
        "events": list(events),
    }


def _iso(milliseconds: int) -> str:
    return times.iso(milliseconds / 1000)
