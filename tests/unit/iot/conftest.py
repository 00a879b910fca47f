"""What tests of devices share: a device as it was made, without IoT Core knowing of it."""

import pytest

from functions.iot.devices import store
from functions.iot.devices.store import StoredDevice
from hub import events, ids, times
from hub.events import Caller
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


@pytest.fixture
def talker(aws: None) -> Talker:
    """A device of the first tenant."""
    return make()
