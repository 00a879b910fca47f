"""What tests of devices share: a device as it was made, without IoT Core knowing of it."""

import json
from typing import Any

import pytest

from functions.iot.alerts import service as alerts
from functions.iot.alerts import store as stored_alerts
from functions.iot.commands import service as commands
from functions.iot.commands import store as stored_commands
from functions.iot.commands.models import NewDeviceCommand
from functions.iot.commands.store import StoredCommand
from functions.iot.devices import store
from functions.iot.devices.store import StoredDevice
from hub import events, ids, times
from hub.events import Caller
from hub.store import query
from tests.contract import memory
from tests.contract.talking import Talker

CALLER = Caller("default", "enterprise", "user_1", "req_1")


def make(tenant: str = "default") -> Talker:
    """A new device, offline so far."""
    now = times.now_ms()
    device = StoredDevice(
        id=ids.new("device", now),
        name="客厅灯",
        type="lamp",
        tags=[],
        attributes={},
        certificates=[],
        created_at=now,
        updated_at=now,
    )
    store.add(tenant, device, events.event("device.created", CALLER, store.told(device)))
    return Talker(tenant, device.id)


def now(talker: Talker) -> StoredDevice:
    """The device as it stands now."""
    return store.get(talker.tenant, talker.id, consistent=True)


def send(talker: Talker, **more: Any) -> str:
    """Send a device a command; answers with its id."""
    wanted = NewDeviceCommand.model_validate_json(json.dumps({"command": "turnOn", **more}))
    return commands.send(CALLER, talker.id, wanted)["id"]


def stored(talker: Talker, command_id: str) -> StoredCommand:
    """A command of a device as it stands now."""
    found = stored_commands.find(talker.tenant, talker.id, command_id)
    assert found
    return found


def raised(talker: Talker) -> list[str]:
    """What a device's alerts say, the oldest first."""
    asked = query.parse({"order": "asc"}, stored_alerts.LISTING.schema)
    return [alert["message"] for alert in alerts.listed(talker.tenant, talker.id, asked).items]


def told(*talkers: Talker) -> list[str]:
    """The names of devices' events but that they were made, in their order."""
    own = {talker.id for talker in talkers}
    found = [event for event in memory.told() if event["data"]["device_id"] in own]
    return [event["type"] for event in found if event["type"] != "device.created"]


@pytest.fixture
def talker(aws: None) -> Talker:
    """A device of the first tenant."""
    return make()
