"""Commands between a caller, the table, IoT Core and a device, whatever happens in between."""

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.iot.commands import service as commands
from functions.iot.commands import store as stored_commands
from functions.iot.commands.models import NewDeviceCommand, Outcome
from functions.iot.commands.store import StoredCommand
from hub import aws
from hub.store import query
from tests.conftest import Clock
from tests.contract.talking import Talker, hear
from tests.unit.interruptions import Calls, survive
from tests.unit.iot.conftest import CALLER, make, send, stored, told

OUTCOMES: tuple[Outcome, ...] = ("succeeded", "failed", "rejected")


@given(st.lists(st.tuples(st.integers(0, 400_000), st.sampled_from(["sent", *OUTCOMES])), max_size=8))
def test_whatever_happens_to_a_command_in_whatever_order(steps: list[tuple[int, Any]]) -> None:
    command = StoredCommand(id="cmd_1", device_id="device_1", command="turnOn", created_at=0, expires_at=300_000)
    told = [name for _, name in steps]
    for at, name in steps:
        before = command
        command = command.sent(at) if name == "sent" else command.acknowledged(name, {"at": at}, at)
        assert (command == before) == (command.version == before.version), "every change is a version"
    first = next(((at, name) for at, name in steps if name != "sent"), None)
    assert (command.status, command.result, command.acknowledged_at) == (
        (first[1], {"at": first[0]}, first[0]) if first else ("sent" if told else "queued", None, None)
    )
    assert command.sent_at == (steps[0][0] if steps else None), "an acknowledgement proves that it was sent"
    assert command.version == 1 + bool(steps) + bool(first)
    for now in (299_999, 300_000):
        late = now >= command.expires_at and command.waits
        assert command.status_at(now) == ("expired" if late else command.status)


def test_another_devices_command_is_not_acknowledged(talker: Talker) -> None:
    other, stranger = make(), make("acme")
    command = send(talker)
    said = [one.acknowledges(command) for one in (other, stranger)]
    assert hear(*said, talker.acknowledges("cmd_unknown")) == []
    assert stored(talker, command).waits
    assert told(talker) == told(other) == []


def test_commands_that_cannot_be_published_come_again(talker: Talker, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import EndpointConnectionError

    waiting = send(talker)
    talker.told()

    def refuse(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://data-ats.iot")

    with patch.object(aws.iot_data(), "publish", refuse):
        assert hear(talker.connected(), talker.subscribed()) == [0, 1]
        assert stored(talker, waiting).status == "queued"
        online = commands.send(CALLER, talker.id, NewDeviceCommand(command="turnOff"))
        assert online["status"] == "queued", "it stands, and waits"
    assert hear(talker.subscribed()) == []
    assert {one["id"] for one in talker.told()} == {waiting, online["id"]}
    assert stored(talker, online["id"]).status == "sent"


def test_no_more_than_a_hundred_are_told_at_once(talker: Talker, monkeypatch: pytest.MonkeyPatch) -> None:
    hear(talker.connected())
    made = sorted(send(talker) for _ in range(4))
    talker.told()
    monkeypatch.setattr(commands, "MAX_WAITING", 3)
    hear(talker.subscribed())
    assert [one["id"] for one in talker.told()] == made[:3]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_command_whose_function_died_waits_for_the_device(aws: None, monkeypatch: Any, after: bool) -> None:
    """The caller got no answer: the command is not there, or it is queued, or it is on its way."""
    calls = Calls(monkeypatch)
    scene: dict[str, Talker] = {}

    def set_scene() -> Callable[[], object]:
        scene["lamp"] = lamp = make()
        hear(lamp.connected())
        return lambda: send(lamp)

    def check() -> None:
        lamp = scene["lamp"]
        asked = query.parse({"order": "asc"}, stored_commands.LISTING.schema)
        rows = commands.listed("default", lamp.id, asked).items
        reached = {one["id"] for one in lamp.told()}
        assert reached <= {row["id"] for row in rows}, "nothing is told that nobody knows of"
        assert {row["id"] for row in rows if row["status"] == "sent"} <= reached
        hear(lamp.subscribed())
        assert {one["id"] for one in lamp.told()} == {row["id"] for row in rows}
        assert told(lamp).count("device.command_sent") == len(rows)

    assert survive(calls, after, set_scene, check) == 4


def test_a_device_is_told_when_it_begins_to_listen_between_the_item_and_the_message(
    talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is known of its presence: the command was written before it was published."""
    add = stored_commands.add

    def then_it_listens(*written: Any) -> None:
        add(*written)
        hear(talker.subscribed())

    monkeypatch.setattr(stored_commands, "add", then_it_listens)
    command = send(talker)
    assert {one["id"] for one in talker.told()} == {command}
    assert stored(talker, command).status == "sent"


def test_an_acknowledgement_may_be_faster_than_the_answer(talker: Talker, monkeypatch: pytest.MonkeyPatch) -> None:
    hear(talker.connected())
    publish = aws.iot_data().publish

    def at_once(**message: Any) -> Any:
        answer = publish(**message)
        hear(talker.acknowledges(json.loads(message["payload"])["id"]))
        return answer

    monkeypatch.setattr(aws.iot_data(), "publish", at_once)
    answer = commands.send(CALLER, talker.id, NewDeviceCommand(command="turnOn"))
    assert answer["status"] == "succeeded"
    assert told(talker).count("device.command_sent") == told(talker).count("device.command_acknowledged") == 1


def test_what_is_published_names_its_end(talker: Talker, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(aws.iot_data(), "publish", lambda **message: sent.append(message))
    send(talker, expiresIn=60, params={"名": "值"})
    clock.advance(50)
    hear(talker.subscribed())
    first, second = sent
    assert (first["topic"], first["qos"]) == (talker.commands, 1)
    assert "名".encode() in first["payload"]
    assert second["payload"] == first["payload"]
    assert (first["messageExpiry"], second["messageExpiry"]) == (60, 10)
