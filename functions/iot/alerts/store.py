"""Alerts, each with its device.

| item | pk | sk |
|---|---|---|
| alert | `T#<tenant>#ALERT#<device id>` | `alert_…` |
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from functions.iot.alerts.models import DeviceAlert, Level
from hub import times
from hub.store import items, keys, plan, table
from hub.store.filters import FieldKind
from hub.store.paging import Page
from hub.store.plan import Listing
from hub.store.query import ListQuery, Schema

KIND = "ALERT"
PREFIX = "alert"
KEEP_SECONDS = 90 * 86_400


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert, which never changes; `created_at` in epoch milliseconds."""

    id: str
    device_id: str
    level: Level
    message: str
    data: Any
    created_at: int


def shown(alert: StoredAlert) -> DeviceAlert:
    """An alert as callers see it, and as lists find it."""
    return {
        "id": alert.id,
        "deviceId": alert.device_id,
        "level": alert.level,
        "message": alert.message,
        "data": alert.data,
        "createdAt": times.iso(alert.created_at / 1000),
    }


LISTING = Listing(
    schema=Schema(
        {
            "id": FieldKind.TEXT,
            "level": FieldKind.TEXT,
            "message": FieldKind.TEXT,
            "createdAt": FieldKind.TIME,
        },
        search=("message",),
    ),
    kind=KIND,
    prefix=PREFIX,
    shown=lambda item: shown(items.entity(StoredAlert, item)),
)


def add(tenant: str, alert: StoredAlert, event: Mapping[str, Any]) -> bool:
    """Write a new alert; `False` where it stands already."""
    item = {
        **keys.belonging(tenant, KIND, alert.device_id, alert.id),
        **items.attributes(alert),
        "ttl": alert.created_at // 1000 + KEEP_SECONDS,
        "events": [event],
    }
    try:
        table.write(table.Put(table.entities(), item, table.ABSENT))
    except table.ConditionFailed:
        return False
    return True


def page(tenant: str, device_id: str, asked: ListQuery) -> Page[DeviceAlert]:
    """Read a page of a device's alerts."""
    return plan.read(replace(LISTING, owner=device_id), tenant, asked)
