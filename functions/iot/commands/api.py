"""`/v1/iot/devices/{device_id}/commands` and `…/alerts`: what a device is told, and what it tells."""

from typing import Any

from functions.iot.alerts import service as alerts
from functions.iot.alerts import store as stored_alerts
from functions.iot.alerts.models import Alert
from functions.iot.commands import service, store
from functions.iot.commands.models import Command, NewCommand
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D3

api = Api("iot", D3())


@api.post("/v1/iot/devices/{device_id}/commands", status=201)
def send_command(request: Request, device_id: str, body: NewCommand) -> Command:
    """Tell a device what to do.

    `sent` is on its way by MQTT; `queued` waits until the device, offline so far, subscribes to its commands. A device
    may get a command twice, with the same `id`, and acknowledges it. Up to 100 wait for a device that is offline.
    """
    return service.send(request.caller, device_id, body)


@api.get("/v1/iot/devices/{device_id}/commands", list_of=store.LISTING.schema)
def list_commands(request: Request, device_id: str, query: ListQuery) -> Page[Command]:
    """List the commands of a device, filtered, sorted, searched and cut down; they are kept for 90 days."""
    return service.listed(request.caller.tenant, device_id, query)


@api.get("/v1/iot/devices/{device_id}/commands/{command_id}")
def get_command(request: Request, device_id: str, command_id: str) -> Command:
    """Show a command and what became of it; one that was not acknowledged in time is `expired`."""
    return service.get(request.caller.tenant, device_id, command_id)


@api.get("/v1/iot/devices/{device_id}/alerts", list_of=stored_alerts.LISTING.schema)
def list_alerts(request: Request, device_id: str, query: ListQuery) -> Page[Alert]:
    """List the alerts of a device, filtered, sorted, searched and cut down; they are kept for 90 days."""
    return alerts.listed(request.caller.tenant, device_id, query)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
