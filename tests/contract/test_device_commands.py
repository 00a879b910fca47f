"""Commands and alerts of devices over the API: document 3's example on its whole way, and what lists tell."""

import re
from typing import Any

import pytest

from hub import ids
from tests.conftest import Clock, Deployment, new_tenant
from tests.contract import memory
from tests.contract.devices import ENGLISH, get, make, path, refused
from tests.contract.talking import Talker, hear

EXAMPLE = {"command": "turnOn", "params": {"brightness": 80}}
"""Document 3, "IoT 设备控制"."""

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
ABSENT = "device_01M7WGNP40DE3B4WZZ6KYE37BE"


@pytest.fixture
def lamp(deployment: Deployment) -> dict[str, Any]:
    """A device, made over the API."""
    device = make(deployment)
    device.pop("credentials")
    return device


@pytest.fixture
def talker(lamp: dict[str, Any]) -> Talker:
    """That device at the other end."""
    return Talker("default", lamp["id"])


def send(deployment: Deployment, device: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = deployment.call("POST", f"{path(device)}/commands", EXAMPLE | more)
    assert answer.status == 201, answer.text
    command: dict[str, Any] = answer.json["data"]
    return command


def listed(deployment: Deployment, place: str) -> list[dict[str, Any]]:
    answer = deployment.call("GET", place)
    assert answer.status == 200, answer.text
    rows: list[dict[str, Any]] = answer.json["data"]["items"]
    return rows


def shown(deployment: Deployment, command: dict[str, Any]) -> dict[str, Any]:
    answer = deployment.call("GET", f"/v1/iot/devices/{command['deviceId']}/commands/{command['id']}")
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json["data"]
    return found


def told() -> list[dict[str, Any]]:
    """The events of devices that were published, each once, in their order."""
    events = {event["detail"]["id"]: event["detail"] for event in memory.published()}
    return [event for event in events.values() if event["type"].startswith("device.")]


def test_the_example_of_document_3_from_the_call_to_the_events(
    deployment: Deployment, lamp: dict[str, Any], talker: Talker, clock: Clock
) -> None:
    assert hear(talker.connected(), talker.subscribed()) == []
    assert get(deployment, lamp)["status"] == "online"

    answer = deployment.call("POST", f"{path(lamp)}/commands", EXAMPLE)
    assert (answer.status, answer.json["code"], answer.json["message"]) == (201, 0, "success")
    command = answer.json["data"]
    assert re.fullmatch("cmd_[0-9A-HJKMNP-TV-Z]{26}", command["id"])
    assert TIME.fullmatch(command["createdAt"])
    assert command == EXAMPLE | {
        "id": command["id"],
        "deviceId": lamp["id"],
        "status": "sent",
        "createdAt": "2026-11-20T13:00:30Z",
        "expiresAt": "2026-11-20T13:05:30Z",
        "sentAt": "2026-11-20T13:00:30Z",
        "acknowledgedAt": None,
        "result": None,
    }
    assert talker.told() == [EXAMPLE | {"id": command["id"], "expiresAt": command["expiresAt"]}]

    clock.advance(2)
    assert hear(talker.acknowledges(command["id"], result={"brightness": 80})) == []
    done = command | {"status": "succeeded", "acknowledgedAt": "2026-11-20T13:00:32Z", "result": {"brightness": 80}}
    assert shown(deployment, command) == done
    assert listed(deployment, f"{path(lamp)}/commands") == [done]

    assert hear(talker.raises("critical", "水浸", data={"level": 3})) == []
    (alert,) = listed(deployment, f"{path(lamp)}/alerts")
    assert alert == {
        "id": alert["id"],
        "deviceId": lamp["id"],
        "level": "critical",
        "message": "水浸",
        "data": {"level": 3},
        "createdAt": "2026-11-20T13:00:32Z",
    }
    assert re.fullmatch("alert_[0-9A-HJKMNP-TV-Z]{26}", alert["id"])

    assert hear(talker.disconnected()) == []
    assert get(deployment, lamp)["status"] == "offline"
    events = told()
    assert sorted(event["type"] for event in events) == [
        "device.alert",
        "device.command_acknowledged",
        "device.command_sent",
        "device.created",
        "device.offline",
        "device.online",
    ]
    assert {event["data"]["device_id"] for event in events} == {lamp["id"]}
    assert [event["data"]["status"] for event in events if "command_id" in event["data"]] == ["sent", "succeeded"]
    assert [event["data"]["reason"] for event in events if event["type"] == "device.offline"] == ["CONNECTION_LOST"]


def test_a_command_waits_for_a_device_that_is_away(
    deployment: Deployment, lamp: dict[str, Any], talker: Talker, clock: Clock
) -> None:
    waiting = []
    for number in range(3):
        waiting.append(send(deployment, lamp, params={"number": number}))
        clock.advance(1)
    assert [(one["status"], one["sentAt"]) for one in waiting] == [("queued", None)] * 3
    brief = send(deployment, lamp, expiresIn=5)
    talker.told()
    clock.advance(60)

    assert hear(talker.connected(), talker.subscribed()) == []
    assert [one["id"] for one in talker.told()] == [one["id"] for one in waiting], "the oldest first"
    found = [shown(deployment, one) for one in waiting]
    assert {(one["status"], one["sentAt"]) for one in found} == {("sent", "2026-11-20T13:01:33Z")}
    assert shown(deployment, brief) == brief | {"status": "expired"}
    sent = [event["data"]["command_id"] for event in told() if event["type"] == "device.command_sent"]
    assert sent == [one["id"] for one in waiting]


def test_who_comes_back_is_told_again_what_it_has_not_acknowledged(
    deployment: Deployment, lamp: dict[str, Any], talker: Talker
) -> None:
    hear(talker.connected(), talker.subscribed())
    lost, done = send(deployment, lamp), send(deployment, lamp)
    hear(talker.acknowledges(done["id"]), talker.disconnected())
    talker.told()
    talker.number += 1
    hear(talker.connected(), talker.subscribed("$aws/things/x/shadow/update/delta"))
    assert talker.told() == [], "it does not listen to commands yet"
    hear(talker.subscribed())
    assert [one["id"] for one in talker.told()] == [lost["id"]]
    events = [event for event in told() if event["data"].get("command_id") == lost["id"]]
    assert [event["type"] for event in events] == ["device.command_sent"], "told again is not sent again"


def test_an_acknowledgement_counts_once_and_also_late(
    deployment: Deployment, lamp: dict[str, Any], talker: Talker, clock: Clock
) -> None:
    hear(talker.connected())
    command = send(deployment, lamp, expiresIn=5)
    clock.advance(6)
    assert shown(deployment, command)["status"] == "expired"
    failed = talker.acknowledges(command["id"], "failed", result="灯坏了")
    hear(failed, failed)
    clock.advance(1)
    hear(talker.acknowledges(command["id"], "succeeded", result="好了"))
    assert shown(deployment, command) == command | {
        "status": "failed",
        "result": "灯坏了",
        "acknowledgedAt": "2026-11-20T13:00:36Z",
    }
    assert [event["type"] for event in told()].count("device.command_acknowledged") == 1


def test_a_command_that_a_session_kept_is_sent_when_it_is_acknowledged(
    deployment: Deployment, lamp: dict[str, Any], talker: Talker
) -> None:
    command = send(deployment, lamp)
    assert command["status"] == "queued"
    assert [one["id"] for one in talker.told()] == [command["id"]], "for a session that outlives its connection"
    hear(talker.acknowledges(command["id"], "rejected"))
    done = shown(deployment, command)
    assert (done["status"], done["result"]) == ("rejected", None)
    assert done["sentAt"] == done["acknowledgedAt"]
    events = [event for event in told() if event["data"].get("command_id") == command["id"]]
    assert [(event["type"], event["data"]["version"]) for event in events] == [
        ("device.command_sent", 2),
        ("device.command_acknowledged", 3),
    ]


def test_lists_speak_the_query_language(
    deployment: Deployment, lamp: dict[str, Any], talker: Talker, clock: Clock
) -> None:
    hear(talker.connected())
    made = []
    for number in range(5):
        made.append(send(deployment, lamp, command=f"step{number}", expiresIn=5 + number))
        hear(talker.raises(["info", "warning", "critical"][number % 3], f"告警{number}"))
        clock.advance(1)
    hear(talker.acknowledges(made[4]["id"]))
    clock.advance(4)
    commands, alerts = f"{path(lamp)}/commands", f"{path(lamp)}/alerts"

    def names(query: str) -> list[str]:
        return [one["command"] for one in listed(deployment, commands + query)]

    assert names("") == ["step4", "step3", "step2", "step1", "step0"]
    assert names("?order=asc&sort=createdAt&pageSize=2&page=2") == ["step2", "step3"]
    assert names("?status=expired") == ["step2", "step1", "step0"]
    assert names("?status[in]=sent,succeeded&sort=command&order=asc") == ["step3", "step4"]
    assert names("?search=STEP3") == ["step3"]
    assert names("?createdAt[gt]=2026-11-20T13:00:33Z") == ["step4"]
    assert listed(deployment, f"{commands}?fields=id,status&status=succeeded") == [
        {"id": made[4]["id"], "status": "succeeded"}
    ]
    first = deployment.call("GET", f"{commands}?limit=3").json
    assert (len(first["data"]["items"]), first["cursor"]["hasMore"]) == (3, True)
    assert names(f"?limit=3&cursor={first['cursor']['next']}") == ["step1", "step0"]
    page = deployment.call("GET", f"{commands}?pageSize=2").json["data"]["pagination"]
    assert page == {"page": 1, "pageSize": 2, "total": 5, "totalPages": 3}

    assert [one["message"] for one in listed(deployment, f"{alerts}?level=info&order=asc")] == ["告警0", "告警3"]
    assert [one["message"] for one in listed(deployment, f"{alerts}?search=警4")] == ["告警4"]
    assert len(listed(deployment, f"{alerts}?limit=2")) == 2
    for place in (commands, alerts):
        assert refused(deployment.call("GET", f"{place}?nothing=1"), 400, 40001) == {"nothing": "nothing未知字段"}


def test_what_is_not_the_callers_is_not_found(
    deployment: Deployment, other_tenant: Deployment, lamp: dict[str, Any], talker: Talker
) -> None:
    command = send(deployment, lamp)
    second = make(deployment)
    talker.told()
    for caller, place in (
        (other_tenant, f"{path(lamp)}/commands"),
        (other_tenant, f"{path(lamp)}/commands/{command['id']}"),
        (other_tenant, f"{path(lamp)}/alerts"),
        (deployment, f"{path(second)}/commands/{command['id']}"),
        (deployment, f"{path(lamp)}/commands/{ids.new('cmd')}"),
        (deployment, f"/v1/iot/devices/{ABSENT}/commands"),
        (deployment, f"/v1/iot/devices/{ABSENT}/alerts"),
        (deployment, f"/v1/iot/devices/{lamp['id']}%23x/commands"),
    ):
        refused(caller.call("GET", place), 404, 40401)
    for caller, device in ((other_tenant, lamp), (deployment, {"id": ABSENT})):
        refused(caller.call("POST", f"{path(device)}/commands", EXAMPLE), 404, 40401)
    assert talker.told() == []
    assert listed(deployment, f"{path(second)}/commands") == []

    hear(talker.raises())
    assert deployment.call("DELETE", path(lamp)).status == 204
    for place in ("commands", f"commands/{command['id']}", "alerts"):
        refused(deployment.call("GET", f"{path(lamp)}/{place}"), 404, 40401)
    refused(deployment.call("POST", f"{path(lamp)}/commands", EXAMPLE), 404, 40401)


def test_permissions_are_those_of_the_group(deployment: Deployment, lamp: dict[str, Any]) -> None:
    reader, writer = (str(deployment.new_key(name)["key"]) for name in ("iot:read", "iot:write"))
    stranger = str(deployment.new_key("orders:write")["key"])
    place = f"{path(lamp)}/commands"
    assert deployment.call("GET", place, key=reader).status == 200
    assert deployment.call("GET", f"{path(lamp)}/alerts", key=reader).status == 200
    refused(deployment.call("POST", place, EXAMPLE, key=reader), 403, 40301)
    assert deployment.call("POST", place, EXAMPLE, key=writer).status == 201
    for method, body in (("GET", None), ("POST", EXAMPLE)):
        refused(deployment.call(method, place, body, key=stranger), 403, 40301)
        refused(deployment.call(method, place, body, key=None), 401, 40101)


def test_the_same_key_sends_once(deployment: Deployment, lamp: dict[str, Any], talker: Talker) -> None:
    hear(talker.connected())
    once = {"idempotency-key": "turn-on-1"}
    first, again = (deployment.call("POST", f"{path(lamp)}/commands", EXAMPLE, headers=once) for _ in range(2))
    assert (first.status, again.status, again.headers["Idempotency-Replayed"]) == (201, 201, "true")
    assert first.json["data"] == again.json["data"]
    assert len(talker.told()) == len(listed(deployment, f"{path(lamp)}/commands")) == 1


def test_so_many_wait_and_no_more(
    deployment: Deployment, lamp: dict[str, Any], talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from functions.iot.commands import service

    assert service.MAX_WAITING == 100
    monkeypatch.setattr(service, "MAX_WAITING", 3)
    waiting = [send(deployment, lamp) for _ in range(3)]
    answer = deployment.call("POST", f"{path(lamp)}/commands", EXAMPLE)
    refused(answer, 422, 42201)
    assert answer.json["message"] == "数量已达上限 3"
    hear(talker.acknowledges(waiting[0]["id"]))
    send(deployment, lamp)
    hear(talker.connected())
    for _ in range(3):
        send(deployment, lamp)


def test_another_tenant_has_devices_of_the_same_kind(deployment: Deployment) -> None:
    other = new_tenant("acme")
    mine, theirs = make(deployment), make(other)
    hear(Talker("acme", theirs["id"]).connected(), Talker("acme", mine["id"]).connected())
    assert get(other, theirs)["status"] == "online"
    assert get(deployment, mine)["status"] == "offline", "a thing is its tenant's"
    assert refused(deployment.call("POST", f"{path(mine)}/commands", {}, headers=ENGLISH), 400, 40001) == {
        "command": "command is required"
    }
