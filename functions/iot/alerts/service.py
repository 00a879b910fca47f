"""What can be done with alerts: raised by a device, listed for its tenant."""

from functions.iot.alerts import store
from functions.iot.alerts.models import Alert, RaisedAlert
from functions.iot.alerts.store import StoredAlert
from functions.iot.devices import store as devices
from hub import events, ids, times
from hub.events import Caller
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.telemetry import count


def raise_alert(caller: Caller, device_id: str, told: RaisedAlert, message_id: str, milliseconds: int) -> None:
    """Keep an alert that came to IoT Core in a message, once however often that message comes here."""
    alert = StoredAlert(
        id=ids.derived(store.PREFIX, milliseconds, device_id, message_id),
        device_id=device_id,
        level=told.level,
        message=told.message,
        data=told.data,
        created_at=milliseconds,
    )
    data = {
        "alert_id": alert.id,
        "device_id": alert.device_id,
        "level": alert.level,
        "message": alert.message,
        "data": alert.data,
        "created_at": times.iso(milliseconds / 1000),
    }
    if not store.add(caller.tenant, alert, events.event("device.alert", caller, data)):
        count("DuplicateMessages")


def listed(tenant: str, device_id: str, query: ListQuery) -> Page[Alert]:
    """List the alerts of a device. Raises `NotFound` where there is no such device."""
    devices.get(tenant, device_id)
    return store.page(tenant, device_id, query)
