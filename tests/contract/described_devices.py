"""Every operation on devices, as the description is held against its answers."""

from typing import TYPE_CHECKING

from local.openapi.examples import EXAMPLES
from tests.contract.talking import Talker, hear

if TYPE_CHECKING:
    from tests.contract.test_openapi_answers import Client


def use_devices(client: "Client") -> None:
    one = "/v1/iot/devices/{device_id}"
    made = client("POST /v1/iot/devices", EXAMPLES["NewDevice"])["data"]
    client("POST /v1/iot/devices", {"name": "灯", "csr": "a"})
    for asked in ({}, {"limit": "1"}, {"fields": "id,lastSeenAt", "search": "灯"}, {"colour": "red"}):
        client("GET /v1/iot/devices", query=asked)
    client(f"GET {one}", device_id=made["id"])
    client(f"GET {one}", headers={"if-none-match": '"1"'}, device_id=made["id"])
    assert client.exchanges[-1].status == 304
    for method in ("PUT", "PATCH"):
        client(f"{method} {one}", EXAMPLES["DeviceChange"] | {"name": method}, device_id=made["id"])
    client(f"PATCH {one}", {"name": "灯"}, headers={"if-match": '"1"'}, device_id=made["id"])
    assert client.exchanges[-1].status == 412
    client(f"GET {one}/shadow", device_id=made["id"])
    client(f"PATCH {one}/shadow", EXAMPLES["DeviceShadowChange"], device_id=made["id"])
    client(f"PATCH {one}/shadow", {"desired": {"on": True}, "version": 7}, device_id=made["id"])
    assert client.exchanges[-1].status == 409
    client(f"PATCH {one}/shadow", {}, device_id=made["id"])
    for status in (201, 422):
        client(f"POST {one}/certificates", {}, device_id=made["id"])
        assert client.exchanges[-1].status == status
    certificate = f"DELETE {one}/certificates/{{certificate_id}}"
    for _ in range(2):
        client(certificate, device_id=made["id"], certificate_id=made["credentials"]["certificateId"])
    use_device_commands(client, Talker("default", made["id"]))
    for method in ("DELETE", "DELETE", "GET"):
        client(f"{method} {one}", device_id=made["id"])


def use_device_commands(client: "Client", lamp: Talker) -> None:
    commands, alerts = (f"/v1/iot/devices/{{device_id}}/{name}" for name in ("commands", "alerts"))
    queued = client(f"POST {commands}", EXAMPLES["NewDeviceCommand"], device_id=lamp.id)["data"]
    hear(lamp.connected(), lamp.acknowledges(queued["id"], result={"brightness": 80}))
    hear(lamp.raises(data={"temperature": 86.5}), lamp.raises())
    client(f"POST {commands}", EXAMPLES["NewDeviceCommand"], device_id=lamp.id)
    assert client.exchanges[-1].status == 201
    client(f"POST {commands}", {"command": "turnOn", "params": []}, device_id=lamp.id)
    for asked in ({}, {"limit": "1"}, {"fields": "id,status", "status": "succeeded"}, {"colour": "red"}):
        client(f"GET {commands}", query=asked, device_id=lamp.id)
    for asked in ({}, {"limit": "1"}, {"fields": "id,level", "search": "温度"}, {"colour": "red"}):
        client(f"GET {alerts}", query=asked, device_id=lamp.id)
    for command_id in (queued["id"], "cmd_none"):
        client(f"GET {commands}/{{command_id}}", device_id=lamp.id, command_id=command_id)
