"""`/v1/iot/devices`: devices, what they connect with, and their shadows."""

from typing import Any

from functions.iot.devices import service, shadows
from functions.iot.devices.models import (
    Device,
    DeviceChange,
    DeviceCredentials,
    DeviceShadow,
    DeviceShadowChange,
    DeviceWithCredentials,
    NewDevice,
    NewDeviceCertificate,
)
from functions.iot.devices.store import LISTING
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.telemetry import lambda_handler
from hub.web.request import Request, Versioned
from hub.web.resolver import Api
from hub.web.styles import D3

api = Api("iot", D3())


@api.post("/v1/iot/devices", status=201)
def create_device(request: Request, body: NewDevice) -> Versioned[DeviceWithCredentials]:
    """Make a device and the credentials that it connects with, which are shown this once."""
    return service.create(request.caller, body)


@api.get("/v1/iot/devices", list_of=LISTING.schema)
def list_devices(request: Request, query: ListQuery) -> Page[Device]:
    """List devices, filtered, sorted, searched and cut down as document 3's query language says."""
    return service.listed(request.caller.tenant, query)


@api.get("/v1/iot/devices/{device_id}")
def get_device(request: Request, device_id: str) -> Versioned[Device]:
    """Show a device."""
    return service.get(request.caller.tenant, device_id)


@api.put("/v1/iot/devices/{device_id}")
def update_device(request: Request, device_id: str, body: DeviceChange) -> Versioned[Device]:
    """Change the fields sent. Sent with `If-Match`, it changes only what the caller has read."""
    return service.change(request.caller, device_id, body, request.expects)


@api.patch("/v1/iot/devices/{device_id}")
def patch_device(request: Request, device_id: str, body: DeviceChange) -> Versioned[Device]:
    """Change the fields sent, as PUT does."""
    return service.change(request.caller, device_id, body, request.expects)


@api.delete("/v1/iot/devices/{device_id}")
def delete_device(request: Request, device_id: str) -> None:
    """Delete a device with its certificates and its shadow: it cannot connect any more."""
    service.delete(request.caller, device_id)


@api.post("/v1/iot/devices/{device_id}/certificates", status=201)
def add_device_certificate(request: Request, device_id: str, body: NewDeviceCertificate) -> DeviceCredentials:
    """Make a second certificate, to replace the first without a gap; it is shown this once."""
    return service.add_certificate(request.caller, device_id, body)


@api.delete("/v1/iot/devices/{device_id}/certificates/{certificate_id}")
def delete_device_certificate(request: Request, device_id: str, certificate_id: str) -> None:
    """Revoke a certificate: within minutes no connection made with it is left."""
    service.remove_certificate(request.caller, device_id, certificate_id)


@api.get("/v1/iot/devices/{device_id}/shadow")
def get_device_shadow(request: Request, device_id: str) -> DeviceShadow:
    """Show what a device is to become and what it told of itself."""
    return shadows.get(request.caller.tenant, device_id)


@api.patch("/v1/iot/devices/{device_id}/shadow")
def change_device_shadow(request: Request, device_id: str, body: DeviceShadowChange) -> DeviceShadow:
    """Change what a device is to become; it gets the difference at once, or when it connects."""
    return shadows.change(request.caller.tenant, device_id, body)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
