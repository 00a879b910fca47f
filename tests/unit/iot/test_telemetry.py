"""What devices say, as often and in whatever order it comes, and whatever becomes of the function that takes it."""

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from threading import Barrier
from typing import Any

import pytest

from functions.iot.devices import store as devices
from functions.iot.payload import MAX_BYTES
from hub import events, times
from hub.errors import Unavailable
from hub.store import query, table
from tests.conftest import Clock
from tests.contract import memory
from tests.contract.talking import Talker, hear, ruled
from tests.unit.interruptions import Calls, survive
from tests.unit.iot.conftest import CALLER, make, now, raised, send, stored, told

SECOND = 1000


def test_a_device_comes_and_goes(talker: Talker, clock: Clock) -> None:
    assert hear(talker.connected()) == []
    online = now(talker)
    assert (online.status, online.version, online.last_seen_at) == ("online", 2, times.now_ms())
    clock.advance(30)
    assert hear(talker.disconnected(reason="MQTT_KEEP_ALIVE_TIMEOUT")) == []
    offline = now(talker)
    assert (offline.status, offline.version, offline.last_seen_at) == ("offline", 3, times.now_ms())
    assert offline.updated_at == online.updated_at, "nobody changed it"
    assert (offline.session_id, offline.session_number, offline.session_at) == ("session-0", 0, times.now_ms())

    made, came, went = memory.told()
    assert [event["type"] for event in (made, came, went)] == ["device.created", "device.online", "device.offline"]
    assert came["data"] == devices.told(online)
    assert went["data"] == devices.told(offline) | {"reason": "MQTT_KEEP_ALIVE_TIMEOUT"}
    assert came["requestId"].startswith("rule-")


def test_lists_find_a_device_by_whether_it_is_online(talker: Talker) -> None:
    other = make()
    hear(talker.connected())
    for status, expected in (("online", talker), ("offline", other)):
        asked = query.parse({"status": status, "limit": "10"}, devices.LISTING.schema)
        assert [row["id"] for row in devices.page("default", asked).items] == [expected.id]


def test_a_session_that_was_taken_over_ends_without_a_word(talker: Talker, clock: Clock) -> None:
    hear(talker.connected())
    before = now(talker)
    clock.advance(10)
    taken_over, new = talker.disconnected(reason="DUPLICATE_CLIENTID"), replace(talker, number=2)
    hear(new.connected(), taken_over)
    after = now(talker)
    assert (after.status, after.session_number, after.version) == ("online", 2, before.version + 1)
    hear(taken_over)
    assert now(talker) == after
    assert told(talker) == ["device.online"]
    hear(new.disconnected())
    assert told(talker) == ["device.online", "device.offline"]


@pytest.mark.parametrize("seed", range(4))
def test_every_order_of_batches_ends_alike(talker: Talker, clock: Clock, seed: int) -> None:
    chance = random.Random(seed)
    said = []
    for number in range(4):
        session = replace(talker, number=number)
        clock.advance(20)
        said.append(session.connected())
        clock.advance(20)
        said.append(session.disconnected())
    said = said[:-1]
    shuffled = [*said, *chance.sample(said, 3)]
    chance.shuffle(shuffled)
    cuts = sorted(chance.sample(range(1, len(shuffled)), 3))
    for start, end in pairwise([0, *cuts, len(shuffled)]):
        assert hear(*shuffled[start:end]) == []
    device = now(talker)
    assert (device.status, device.session_number) == ("online", 3)
    turns = told(talker)
    assert turns[::2] == ["device.online"] * len(turns[::2])
    assert turns[1::2] == ["device.offline"] * len(turns[1::2])
    assert len(turns) % 2 == 1


def test_one_batch_can_tell_of_several_turns(talker: Talker, clock: Clock) -> None:
    came = talker.connected()
    clock.advance(5)
    went = talker.disconnected()
    again = replace(talker, number=1)
    clock.advance(5)
    hear(again.connected(), went, came, came)
    device = now(talker)
    assert (device.status, device.version, device.session_number) == ("online", 4, 1)
    turns = memory.told()[1:]
    assert [(event["type"], event["data"]["status"], event["data"]["version"]) for event in turns] == [
        ("device.online", "online", 2),
        ("device.offline", "offline", 3),
        ("device.online", "online", 4),
    ]


def test_what_is_heard_of_a_device_is_when_it_was_last_seen(talker: Talker, clock: Clock) -> None:
    hear(talker.connected())
    came = now(talker)
    for seconds, seen in ((59, came.last_seen_at), (1, times.now_ms() + 60 * SECOND)):
        clock.advance(seconds)
        hear(talker.raises())
        device = now(talker)
        assert device.last_seen_at == seen, "to the minute, so that not every alert is two writes"
        assert device.version == came.version, "no change of the device's"
    clock.advance(600)
    command = send(talker)
    hear(talker.acknowledges(command))
    assert now(talker).last_seen_at == times.now_ms()


def test_an_alert_comes_once_however_often_its_message_does(talker: Talker, clock: Clock) -> None:
    first = talker.raises("critical", "水浸", data={"level": 3.5})
    assert hear(first, first) == []
    clock.advance(100)
    assert hear(first, talker.raises("info", "正常")) == []
    assert raised(talker) == ["水浸", "正常"]
    assert told(talker) == ["device.alert", "device.alert"]


def test_what_is_kept_of_commands_and_alerts_ends(talker: Talker) -> None:
    send(talker)
    hear(talker.raises())
    day = 86_400
    kept = {
        item["sk"]["S"].partition("_")[0]: int(item["ttl"]["N"]) - times.now()
        for item in memory.stored()
        if "ttl" in item and item["sk"]["S"].startswith(("cmd_", "alert_"))
    }
    assert kept == {"cmd": pytest.approx(90 * day, abs=5), "alert": pytest.approx(90 * day, abs=5)}


@pytest.mark.parametrize(
    "topic",
    [
        "$aws/events/presence/connected/a-sensor",
        "$aws/events/presence/connect_failed/{thing}",
        "$aws/events/presence/connected/default:device_01M7WGNP40DE3B4WZZ6KYE37BE",
        "$aws/events/presence/connected/No Tenant:{id}",
        "other-stack/{thing}/alerts",
        "hub/{thing}/commands",
        "hub/{thing}/alerts/more",
        "hub/acme:{id}/alerts",
        "",
    ],
)
def test_what_is_not_of_a_device_of_this_stack_is_dropped(talker: Talker, topic: str) -> None:
    said = {"level": "info", "message": "x", "versionNumber": 0, "timestamp": 1, "sessionIdentifier": "s"}
    assert hear(ruled(topic.format(thing=talker.thing, id=talker.id), said)) == []
    assert raised(talker) == []
    assert now(talker).version == 1


def alert(**changes: Any) -> dict[str, Any]:
    return {"level": "info", "message": "x"} | changes


GARBLED: list[tuple[str, Any]] = [
    ("alerts", b""),
    ("alerts", b"\xff\xfe"),
    ("alerts", b"{"),
    ("alerts", b"[" * 5000),
    ("alerts", []),
    ("alerts", {}),
    ("alerts", alert(level="CRITICAL")),
    ("alerts", alert(level=None)),
    ("alerts", alert(message="")),
    ("alerts", alert(message=" ")),
    ("alerts", alert(message="x" * 1001)),
    ("alerts", alert(message=5)),
    ("alerts", alert(data="x" * (MAX_BYTES + 1))),
    ("alerts", alert(extra="x" * MAX_BYTES)),
    ("alerts", json.dumps(alert(data={"": 1})).encode()),
    ("alerts", b'{"level": "info", "message": "x", "data": 1e999}'),
    ("alerts", b'{"level": "info", "message": "\\ud800"}'),
    ("alerts", b'{"level": "info", "message": "x", "data": ' + b"[" * 40 + b"]" * 40 + b"}"),
    ("commands/ack", {"status": "succeeded"}),
    ("commands/ack", {"id": "", "status": "succeeded"}),
    ("commands/ack", {"id": "x" * 129, "status": "succeeded"}),
    ("commands/ack", {"id": "cmd_1", "status": "expired"}),
    ("commands/ack", {"id": "cmd_1", "status": "succeeded", "result": "x" * MAX_BYTES}),
    ("connected", {"timestamp": 1, "sessionIdentifier": "s"}),
    ("connected", {"versionNumber": -1, "timestamp": 1, "sessionIdentifier": "s"}),
    ("connected", {"versionNumber": "0", "timestamp": 1, "sessionIdentifier": "s"}),
    ("connected", {"versionNumber": 0, "timestamp": 2**60, "sessionIdentifier": "s"}),
    ("subscribed", {"topics": "x"}),
]


@pytest.mark.parametrize(("topic", "said"), GARBLED)
def test_a_garbled_message_goes_to_the_dead_letters_alone(talker: Talker, topic: str, said: Any) -> None:
    places = {
        "connected": f"$aws/events/presence/connected/{talker.thing}",
        "subscribed": f"$aws/events/subscriptions/subscribed/{talker.thing}",
    }
    garbled = ruled(places.get(topic, f"hub/{talker.thing}/{topic}"), said)
    assert hear(talker.connected(), garbled, talker.raises(message="水浸")) == [1]
    assert now(talker).status == "online"
    assert raised(talker) == ["水浸"]


@pytest.mark.parametrize(
    "changes",
    [
        {"base64OriginalPayload": "%%%"},
        {"base64OriginalPayload": "äöü"},
        {"base64OriginalPayload": None},
        {"topic": 5},
        {"id": ""},
        {"id": 5},
        {"receivedAt": -1},
        {"receivedAt": 2**60},
        {"receivedAt": "now"},
    ],
)
def test_an_envelope_that_no_rule_writes_is_a_dead_letter(talker: Talker, changes: dict[str, Any]) -> None:
    assert sorted(hear(talker.raises() | changes, "{", "[]", "{}", talker.raises())) == [0, 1, 2, 3]
    assert len(raised(talker)) == 1


def test_a_dead_letter_of_a_rule_is_taken_like_its_message(talker: Talker, clock: Clock) -> None:
    """IoT Core, "Error handling (error action)"."""
    sent = talker.raises()
    letter = {
        "ruleName": "DeviceAlertsRule",
        "topic": sent["topic"],
        "cloudwatchTraceId": "7e146a2c-95b5-6caf-98b9-50e3969734c7",
        "clientId": talker.thing,
        "sourceIp": "192.0.2.1",
        "base64OriginalPayload": sent["base64OriginalPayload"],
        "failures": [{"failedAction": "SqsAction", "failedResource": "DeviceEventsQueue", "errorMessage": "…"}],
    }
    assert hear(letter, letter) == hear(letter) == []
    assert len(raised(talker)) == 1


def test_what_cannot_be_written_now_comes_again_with_its_device_alone(
    talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make()
    write = table.write

    def refusing(*operations: Any) -> None:
        if any(getattr(one, "item", {}).get("sk") == other.id for one in operations):
            raise Unavailable
        write(*operations)

    monkeypatch.setattr(table, "write", refusing)
    said = [other.raises(message="1"), talker.raises(message="2"), other.connected(), talker.connected()]
    assert sorted(hear(*said)) == [0, 2]
    assert (now(talker).status, now(other).status) == ("online", "offline")
    monkeypatch.undo()
    assert hear(*said) == []
    assert now(other).status == "online"
    assert raised(other) == ["1"]
    assert raised(talker) == ["2"]


def test_two_workers_with_one_device_lose_nothing(talker: Talker, clock: Clock) -> None:
    said: list[Any] = []
    for number in range(3):
        session = replace(talker, number=number)
        clock.advance(1)
        said += [session.connected(), talker.raises(message=str(number))]
        clock.advance(1)
        said.append(session.disconnected())
    command = send(talker)
    said.append(talker.acknowledges(command))
    together = Barrier(3)

    def work(order: int) -> list[int]:
        together.wait()
        return hear(*random.Random(order).sample(said, len(said)))

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(work, range(3))) == [[], [], []]
    device = now(talker)
    assert (device.status, device.session_number) == ("offline", 2)
    assert sorted(raised(talker)) == ["0", "1", "2"]
    turns = [name for name in told(talker) if name in ("device.online", "device.offline")]
    assert turns == ["device.online", "device.offline"] * (len(turns) // 2)
    assert told(talker).count("device.command_acknowledged") == 1


def test_a_change_of_the_device_meanwhile_is_kept(talker: Talker, monkeypatch: pytest.MonkeyPatch) -> None:
    before = now(talker)
    renamed = replace(before, name="卧室灯", version=2)
    get_many = table.get_many

    def behind(*asked: Any, **more: Any) -> Any:
        found = get_many(*asked, **more)
        monkeypatch.undo()
        event = events.event("device.updated", CALLER, devices.told(renamed))
        devices.replace("default", before, renamed, [event])
        return found

    monkeypatch.setattr(table, "get_many", behind)
    assert hear(talker.connected()) == []
    device = now(talker)
    assert (device.name, device.status, device.version) == ("卧室灯", "online", 3)


def test_a_device_that_is_deleted_meanwhile_stays_so(talker: Talker, monkeypatch: pytest.MonkeyPatch) -> None:
    get_many = table.get_many

    def behind(*asked: Any, **more: Any) -> Any:
        found = get_many(*asked, **more)
        monkeypatch.undo()
        device = now(talker)
        devices.remove("default", device, events.event("device.deleted", CALLER, devices.told(device)))
        return found

    monkeypatch.setattr(table, "get_many", behind)
    assert hear(talker.connected(), talker.disconnected()) == []
    assert told(talker) == ["device.deleted"]


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_what_devices_say_survives_the_death_of_its_worker(
    aws: None, clock: Clock, monkeypatch: Any, after: bool
) -> None:
    calls = Calls(monkeypatch)
    scene: dict[str, Any] = {}

    def set_scene() -> Callable[[], object]:
        clock.advance(3600)
        lamp, heater = make(), make()
        hear(heater.connected())
        queued = sorted([send(lamp), send(lamp)])
        acknowledged = send(heater)
        for one in (lamp, heater):
            one.told()
        said = [lamp.connected(), lamp.raises(message="水浸"), heater.acknowledges(acknowledged, result=[1])]
        clock.advance(1)
        said += [lamp.subscribed(), heater.disconnected(), heater.raises(message="冷")]
        scene.clear()
        scene.update(lamp=lamp, heater=heater, queued=queued, acknowledged=acknowledged)
        return lambda: hear(*said)

    def check() -> None:
        lamp, heater = scene["lamp"], scene["heater"]
        assert (now(lamp).status, now(heater).status) == ("online", "offline"), calls.made
        assert (raised(lamp), raised(heater)) == (["水浸"], ["冷"]), calls.made
        assert stored(heater, scene["acknowledged"]).status == "succeeded"
        assert [stored(lamp, one).status for one in scene["queued"]] == ["sent", "sent"], calls.made
        heard = [one["id"] for one in lamp.told()]
        assert sorted(set(heard)) == scene["queued"], "each came, some perhaps twice"
        assert heard[-2:] == scene["queued"], "the oldest first"
        assert Counter(told(lamp, heater)) == {
            "device.online": 2,
            "device.command_sent": 3,
            "device.command_acknowledged": 1,
            "device.alert": 2,
            "device.offline": 1,
        }, calls.made

    assert survive(calls, after, set_scene, check) >= 9
