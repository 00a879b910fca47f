"""Devices that say too much, and commands that are too many."""

from typing import Any

import pytest

from functions.iot import telemetry
from functions.iot.alerts import service as alerts
from functions.iot.commands import service as commands
from functions.iot.commands import store as stored_commands
from hub import aws, times
from hub.store import keys
from tests.conftest import Clock
from tests.contract.talking import Talker, hear
from tests.unit.iot.conftest import make, now, raised, send, told


def test_a_device_raises_no_more_alerts_than_so_many(
    talker: Talker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "MAX_RAISED", 3)
    said = [talker.raises(message=str(number)) for number in range(5)]
    assert hear(*said[:4]) == hear(*said[4:]) == [], "what is dropped does not come again"
    assert sorted(raised(talker)) == ["0", "1", "2"]
    assert told(talker) == ["device.alert"] * 3
    other = make()
    hear(other.raises(message="another's"))
    assert raised(other) == ["another's"]
    clock.advance(900)
    hear(talker.raises(message="later"))
    assert sorted(raised(talker)) == ["0", "1", "2", "later"]


def test_what_waits_for_many_devices_holds_up_nothing_that_others_say(
    talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    second, third = make(), make()
    for one in (talker, second):
        send(one)
        one.told()
    order: list[str] = []
    deliver = commands.deliver_waiting

    def then(caller: Any, device_id: str) -> None:
        order.append(now(third).status)
        deliver(caller, device_id)
        patch.setattr(telemetry, "DELIVERING_SECONDS", -1)

    said = [talker.subscribed(), second.connected(), second.subscribed(), third.connected(), third.raises(message="a")]
    with monkeypatch.context() as patch:
        patch.setattr(commands, "deliver_waiting", then)
        assert hear(*said) == [1, 2], "the second's time has run out"
    assert (order, raised(third), now(second).status) == (["online"], ["a"], "online")
    assert (len(talker.told()), second.told()) == (1, [])
    assert hear(*said[1:3]) == []
    assert len(second.told()) == 1


def test_what_waits_is_found_without_reading_what_was_done(
    talker: Talker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(talker.connected())
    oldest = send(talker, expiresIn=86_400)
    for _ in range(20):
        clock.advance(10)
        hear(talker.acknowledges(send(talker)))
    expired = send(talker, expiresIn=100)
    clock.advance(120)
    earlier, just_now = send(talker, expiresIn=80), send(talker)
    talker.told()
    read: list[int] = []
    query = aws.dynamodb().query

    def counted(**asked: Any) -> Any:
        answer = query(**asked)
        read.append(answer["ScannedCount"])
        return answer

    monkeypatch.setattr(aws.dynamodb(), "query", counted)
    clock.advance(30)
    hear(talker.subscribed())
    assert [one["id"] for one in talker.told()] == [oldest, *sorted([earlier, just_now])]
    assert sum(read) == 5, "three of the index, two of the last minute"
    clock.advance(40)
    hear(talker.acknowledges(oldest), talker.subscribed())
    assert [one["id"] for one in talker.told()] == sorted([earlier, just_now]), "by the index alone"
    assert expired not in stored_commands.waiting_ids("default", talker.id, times.now_ms(), 100)


def test_what_the_index_does_not_have_yet_is_delivered(talker: Talker, monkeypatch: pytest.MonkeyPatch) -> None:
    place = keys.index(1, "default", "elsewhere", item_id="a")
    monkeypatch.setattr(keys, "index", lambda *_, **__: place)
    command = send(talker)
    talker.told()
    hear(talker.subscribed())
    assert [one["id"] for one in talker.told()] == [command]
