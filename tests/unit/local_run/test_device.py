import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.device import Credentials, Lamp
from tests.e2e.polling import eventually
from tests.unit.local_run.broker import Broker

ROOT = Path(__file__).parents[3]
NAME = "acme:device_1"
COMMANDS, ANSWERS, SHADOW = f"hub/{NAME}/commands", f"hub/{NAME}/commands/ack", f"$aws/things/{NAME}/shadow/update"
PRESENCE = f"$aws/events/presence/{{}}/{NAME}"
ON_80: Mapping[str, Any] = {
    "id": "cmd_1",
    "command": "turnOn",
    "params": {"brightness": 80},
    "expiresAt": "2999-01-01T00:00:00Z",
}


@contextmanager
def program(broker: Broker, credentials: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "local", "device", "--credentials", str(credentials), "--ca", str(broker.ca)]
    with subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def device(broker: Broker) -> Iterator["subprocess.Popen[str]"]:
    with program(broker, broker.device(NAME)) as process:
        broker.wait_for(SHADOW)
        yield process


@pytest.mark.usefixtures("device")
def test_it_obeys_acknowledges_and_reports(broker: Broker) -> None:
    assert broker.on(SHADOW) == [{"state": {"reported": {"on": False, "brightness": 100}}}]
    broker.publish(COMMANDS, ON_80)
    on = {"on": True, "brightness": 80}
    assert broker.wait_for(ANSWERS) == [{"id": "cmd_1", "status": "succeeded", "result": on}]
    assert broker.wait_for(SHADOW, 2)[1] == {"state": {"reported": on}}
    broker.publish(COMMANDS, {**ON_80, "id": "cmd_2", "command": "turnOff", "params": None})
    assert broker.wait_for(ANSWERS, 2)[1]["result"] == {"on": False, "brightness": 80}


@pytest.mark.usefixtures("device")
def test_a_command_that_comes_twice_is_done_once_and_acknowledged_twice(broker: Broker) -> None:
    broker.publish(COMMANDS, ON_80)
    broker.publish(COMMANDS, {**ON_80, "id": "cmd_2", "command": "turnOff"})
    broker.publish(COMMANDS, ON_80)
    first, _, again = broker.wait_for(ANSWERS, 3)
    assert again == first
    broker.publish(COMMANDS, {**ON_80, "id": "cmd_3", "command": "turnOff"})
    assert broker.wait_for(ANSWERS, 4)[3]["result"]["on"] is False
    states = [one["state"]["reported"]["on"] for one in broker.on(SHADOW)]
    assert states == [False, True, False, False]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"expiresAt": "2026-01-01T00:00:00Z"}, "expired"),
        ({"command": "explode"}, "unknown command explode"),
        ({"params": {"brightness": 101}}, "brightness cannot be 101"),
        ({"params": {"brightness": True}}, "brightness cannot be true"),
        ({"params": {"colour": "red"}}, 'colour cannot be "red"'),
    ],
)
@pytest.mark.usefixtures("device")
def test_it_rejects_what_it_cannot_do(broker: Broker, change: Mapping[str, Any], reason: str) -> None:
    broker.publish(COMMANDS, {**ON_80, **change})
    assert broker.wait_for(ANSWERS) == [{"id": "cmd_1", "status": "rejected", "result": {"reason": reason}}]
    assert len(broker.on(SHADOW)) == 1


@pytest.mark.usefixtures("device")
def test_what_it_does_not_understand_does_not_stop_it(broker: Broker) -> None:
    for nonsense in (["cmd_1"], "turnOn", {}, {"id": "cmd_1"}, {**ON_80, "id": ["list"]}, {**ON_80, "expiresAt": 5}):
        broker.publish(COMMANDS, nonsense)
    broker.publish(COMMANDS, {**ON_80, "id": "cmd_9"})
    assert [one["id"] for one in broker.wait_for(ANSWERS)] == ["cmd_9"]


@pytest.mark.usefixtures("device")
def test_it_becomes_as_its_shadow_desires(broker: Broker) -> None:
    broker.publish(SHADOW, {"state": {"desired": {"brightness": 30}}})
    assert broker.wait_for(SHADOW, 3)[2] == {"state": {"reported": {"on": False, "brightness": 30}}}
    broker.publish(SHADOW, {"state": {"desired": {"brightness": 1000}}})
    broker.publish(COMMANDS, ON_80)
    broker.wait_for(ANSWERS)
    assert broker.wait_for(SHADOW, 5)[4] == {"state": {"reported": {"on": True, "brightness": 80}}}


def test_alerts_come_from_the_command_line_and_from_lines(broker: Broker) -> None:
    with program(broker, broker.device(NAME), "--alert", "critical smoke") as process:
        assert process.stdin is not None
        process.stdin.write(f"the door is open\n\ninfo\n{'x' * 2000}\n")
        process.stdin.close()
        alerts = broker.wait_for(f"hub/{NAME}/alerts", 4)
        assert [(one["level"], one["message"]) for one in alerts] == [
            ("critical", "smoke"),
            ("warning", "the door is open"),
            ("warning", "info"),
            ("warning", "x" * 1000),
        ]
        broker.wait_for(SHADOW)  # it stays when its input ends


def test_it_ends_its_connection_when_it_is_told_to_stop_and_not_when_it_is_killed(broker: Broker) -> None:
    credentials = broker.device(NAME)
    for end in ("terminate", "kill"):
        with program(broker, credentials) as process:
            eventually(lambda: process.stdout and "online" in process.stdout.readline(), "its connection")
            getattr(process, end)()
            process.wait(20)
    politely, lost = broker.wait_for(PRESENCE.format("disconnected"), 2)
    assert politely["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
    assert lost["disconnectReason"] == "CONNECTION_LOST"


def test_the_earlier_of_two_programs_with_the_same_credentials_ends(broker: Broker) -> None:
    credentials = broker.device(NAME)
    with program(broker, credentials) as earlier:
        broker.wait_for(SHADOW)
        with program(broker, credentials):
            output, _ = earlier.communicate(timeout=20)
            assert earlier.returncode == 1
            assert output.endswith(f"Another program connected as {NAME}; this one ends\n")
            assert len(broker.on(PRESENCE.format("connected"))) == 2


def test_it_says_what_is_wrong_with_its_credentials(broker: Broker, tmp_path: Path) -> None:
    answer = json.loads(broker.device(NAME).read_text())
    answer["data"]["credentials"]["privateKey"] = None
    wrong = [("{}", "'data'"), ("[]", "indices"), ('{"data": 5}', "'int'"), ("nothing", "Expecting value")]
    for content, said in [*wrong, (json.dumps(answer), "give --key")]:
        file = tmp_path / "wrong.json"
        file.write_text(content)
        with program(broker, file) as process:
            output, _ = process.communicate(timeout=20)
            assert process.returncode == 1
            assert len(output.splitlines()) == 1
            assert said in output


def test_the_port_may_be_left_out_and_the_key_be_the_devices_own(broker: Broker, tmp_path: Path) -> None:
    file = broker.device(NAME)
    answer = json.loads(file.read_text())
    answer["data"]["credentials"] |= {"endpoint": "abc-ats.iot.eu-central-1.amazonaws.com", "privateKey": None}
    file.write_text(json.dumps(answer))
    key = tmp_path / "key.pem"
    key.write_text("its own")
    read = Credentials.read(file, key)
    assert (read.host, read.port, read.private_key) == ("abc-ats.iot.eu-central-1.amazonaws.com", 8883, "its own")


def test_a_change_that_does_not_fit_changes_nothing() -> None:
    lamp = Lamp()
    with pytest.raises(ValueError, match="brightness"):
        lamp.obey("turnOn", {"brightness": 0})
    assert lamp.state == {"on": False, "brightness": 100}
