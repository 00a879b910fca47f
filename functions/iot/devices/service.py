"""What can be done with devices: how one gets its identity and loses it, who wins when two change one."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from functions.iot import topics
from functions.iot.devices import identities, store
from functions.iot.devices.identities import Issued
from functions.iot.devices.models import (
    Device,
    DeviceChange,
    DeviceCredentials,
    DeviceWithCredentials,
    NewDevice,
    NewDeviceCertificate,
)
from functions.iot.devices.store import StoredCertificate, StoredDevice
from hub import events, ids, times
from hub.errors import FieldError, NotFound, Unprocessable
from hub.events import Caller
from hub.store import versioned
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.store.versioned import Expects
from hub.web.request import Versioned

MAX_CERTIFICATES = 2
"""One in use and one to replace it with, as AWS allows of access keys."""


def create(caller: Caller, wanted: NewDevice) -> Versioned[DeviceWithCredentials]:
    """Make a device and what it connects with; where that fails, nothing of it is left.

    A certificate is good for nothing before the device's item names it. So one that this function makes and then dies
    over opens nothing, and whatever it dies over later is found by `delete`.
    """
    now = times.now_ms()
    device_id = ids.new("device", now)
    thing = topics.thing_name(caller.tenant, device_id)
    address = identities.endpoint()
    issued = identities.issue(wanted.csr)
    certificate = _named(issued, now)
    device = StoredDevice(
        id=device_id,
        name=wanted.name,
        type=wanted.type,
        tags=wanted.tags,
        attributes=wanted.attributes,
        certificates=[certificate],
        created_at=now,
        updated_at=now,
    )
    with ExitStack() as undo:
        undo.callback(identities.withdraw, thing, certificate)
        store.add(caller.tenant, device, events.event("device.created", caller, store.told(device)))
        undo.pop_all()
        undo.callback(delete, caller, device_id)
        identities.register(thing)
        identities.admit(thing, certificate)
        undo.pop_all()
    return Versioned({**store.shown(device), "credentials": _credentials(thing, issued, address)}, device.version)


def get(tenant: str, device_id: str) -> Versioned[Device]:
    """Show a device."""
    device = store.get(tenant, device_id)
    return Versioned(store.shown(device), device.version)


def listed(tenant: str, asked: ListQuery) -> Page[Device]:
    """Answer document 3's query language over the tenant's devices."""
    return store.page(tenant, asked)


def change(caller: Caller, device_id: str, wanted: DeviceChange, expects: Expects) -> Versioned[Device]:
    """Change the fields that were sent.

    Raises `PreconditionFailed` where the device is not the one that the caller `expects`.
    """
    changes = wanted.changes()
    device = _change(caller, device_id, lambda _: changes, expects)
    return Versioned(store.shown(device), device.version)


def delete(caller: Caller, device_id: str) -> None:
    """Delete a device: from the first step on it cannot connect, and the last makes it disappear."""

    def once() -> None:
        device = store.get(caller.tenant, device_id, consistent=True)
        identities.end(topics.thing_name(caller.tenant, device_id), device.certificates)
        last = replace(device, version=device.version + 1)
        store.remove(caller.tenant, device, events.event("device.deleted", caller, store.told(last)))

    versioned.retried(once)


def add_certificate(caller: Caller, device_id: str, wanted: NewDeviceCertificate) -> DeviceCredentials:
    """Make a further certificate, as `create` makes the first. Raises `Unprocessable` where there are two already."""
    _further(store.get(caller.tenant, device_id, consistent=True))
    thing = topics.thing_name(caller.tenant, device_id)
    address = identities.endpoint()
    issued = identities.issue(wanted.csr)
    certificate = _named(issued, times.now_ms())
    with ExitStack() as undo:
        undo.callback(identities.withdraw, thing, certificate)
        _change(caller, device_id, lambda before: {"certificates": [*_further(before), certificate]})
        undo.pop_all()
        undo.callback(remove_certificate, caller, device_id, certificate["id"])
        identities.admit(thing, certificate)
        undo.pop_all()
    return _credentials(thing, issued, address)


def remove_certificate(caller: Caller, device_id: str, certificate_id: str) -> None:
    """Take a certificate from a device, which cannot connect with it any more. Raises `NotFound`."""
    device = store.get(caller.tenant, device_id, consistent=True)
    certificate = next((one for one in device.certificates if one["id"] == certificate_id), None)
    if certificate is None:
        raise NotFound
    identities.withdraw(topics.thing_name(caller.tenant, device_id), certificate)

    def without(before: StoredDevice) -> Mapping[str, Any]:
        return {"certificates": [one for one in before.certificates if one["id"] != certificate_id]}

    _change(caller, device_id, without)


def _change(
    caller: Caller,
    device_id: str,
    changed: Callable[[StoredDevice], Mapping[str, Any]],
    expects: Expects = lambda _: None,
) -> StoredDevice:
    """Write and tell what is to change, whatever else of the device changes meanwhile: it comes and goes by itself."""

    def once() -> StoredDevice:
        before = store.get(caller.tenant, device_id, consistent=True)
        expects(before.version)
        changes = {name: value for name, value in changed(before).items() if getattr(before, name) != value}
        if not changes:
            return before
        now = max(times.now_ms(), before.updated_at)
        after = replace(before, **changes, updated_at=now, version=before.version + 1)
        told = {**store.told(after), "changes": sorted(changes)}
        store.replace(caller.tenant, before, after, [events.event("device.updated", caller, told)])
        return after

    return versioned.retried(once)


def _further(device: StoredDevice) -> Sequence[StoredCertificate]:
    """A device's certificates, where there is room for one more."""
    if len(device.certificates) >= MAX_CERTIFICATES:
        error = Unprocessable()
        error.fields = (FieldError("certificates", "too_many_values", {"limit": MAX_CERTIFICATES}),)
        raise error
    return device.certificates


def _named(issued: Issued, now: int) -> StoredCertificate:
    return {"id": issued.id, "arn": issued.arn, "created_at": now}


def _credentials(thing: str, issued: Issued, address: str) -> DeviceCredentials:
    return {
        "certificateId": issued.id,
        "certificate": issued.pem,
        "privateKey": issued.private_key,
        "endpoint": address,
        "clientId": thing,
        "caUrl": identities.ca_url(),
        "topics": {
            "commands": topics.commands(thing),
            "acknowledgements": topics.acknowledgements(thing),
            "alerts": topics.alerts(thing),
            "shadow": topics.shadow(thing),
        },
    }
