"""The functions of devices may do exactly what they do (as `tests/unit/test_permissions.py` has it)."""

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.iot.commands import service
from functions.iot.commands.models import NewDeviceCommand
from hub.store import table
from tests.contract.devices import signing_request
from tests.contract.talking import batch, hear
from tests.unit.granting import Work, granted
from tests.unit.iot.conftest import CALLER, make


def test_devices(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("DevicesFunction", tenant, monkeypatch)
    device = work.request("POST /v1/iot/devices", {"name": "灯", "type": "lamp"})["data"]["id"]
    work.request("POST /v1/iot/devices", {"name": "灯", "csr": signing_request()})
    for filters in ({"page": "1", "pageSize": "1"}, {"type": "lamp"}, {"status": "offline", "limit": "1"}):
        event = work.event("GET /v1/iot/devices") | {"queryStringParameters": filters}
        assert len(json.loads(work.run(event)["body"])["data"]["items"]) == 1
    one = "/v1/iot/devices/{device_id}"
    work.request(f"GET {one}", device_id=device)
    for method in ("PUT", "PATCH"):
        work.request(f"{method} {one}", {"name": method}, device_id=device)
    certificate = work.request(f"POST {one}/certificates", {}, device_id=device)["data"]["certificateId"]
    place = {"device_id": device, "certificate_id": certificate}
    work.request(f"DELETE {one}/certificates/{{certificate_id}}", None, **place)
    work.request(f"PATCH {one}/shadow", {"desired": {"on": True}}, device_id=device)
    work.request(f"GET {one}/shadow", device_id=device)
    work.request(f"DELETE {one}", device_id=device)
    assert work.run(work.event("POST /v1/iot/devices", {}))["statusCode"] == 400
    assert work.used == granted("DevicesFunction")


def test_device_commands(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lamp = make()
    work = Work("DeviceCommandsFunction", tenant, monkeypatch)
    commands, alerts = (f"/v1/iot/devices/{{device_id}}/{name}" for name in ("commands", "alerts"))
    queued = work.request(f"POST {commands}", {"command": "turnOn"}, device_id=lamp.id)["data"]
    hear(lamp.connected())
    sent = work.request(f"POST {commands}", {"command": "turnOn"}, device_id=lamp.id)["data"]
    assert (queued["status"], sent["status"]) == ("queued", "sent")
    assert work.run(work.event(f"POST {commands}", {}, device_id=lamp.id))["statusCode"] == 400
    for route in (f"GET {commands}", f"GET {alerts}"):
        for asked in ({"limit": "1"}, {"pageSize": "1"}):
            work.run(work.event(route, device_id=lamp.id) | {"queryStringParameters": asked})
    work.request(f"GET {commands}/{{command_id}}", device_id=lamp.id, command_id=sent["id"])
    assert work.used == granted("DeviceCommandsFunction")


def test_device_events(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lamp = make()
    command = service.send(CALLER, lamp.id, NewDeviceCommand(command="a"))
    work = Work("DeviceEventsFunction", tenant, monkeypatch)
    acknowledged = lamp.acknowledges(command["id"])
    # A connection more than the one that is known: no change that an event tells.
    said = [lamp.connected(), lamp.subscribed(), replace(lamp, number=1).connected(), lamp.raises()]
    for one in (*said, acknowledged):
        assert work.run(batch(one)) == {"batchItemFailures": []}
    get_many = table.get_many

    def stale(*asked: Any, **more: Any) -> Any:
        found = get_many(*asked, **more)
        monkeypatch.setattr(table, "get_many", get_many)
        hear(replace(lamp, number=1).disconnected())
        return found

    monkeypatch.setattr(table, "get_many", stale)
    assert work.run(batch(replace(lamp, number=2).connected())) == {"batchItemFailures": []}
    assert work.used == granted("DeviceEventsFunction")
