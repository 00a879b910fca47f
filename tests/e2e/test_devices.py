"""Devices, from the API to a program that connects as one and back: what happens to it are events that webhooks get."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.conftest import OpenReceiver
from tests.e2e.mqtt import MqttClient
from tests.e2e.polling import eventually
from tests.e2e.receiving import Received, Receiver
from tests.e2e.running import ROOT, Client, RunningStack
from tests.e2e.signatures import verify_document_3, verify_standard

TURN_ON = {"command": "turnOn", "params": {"brightness": 80}}


@dataclass(frozen=True)
class Lamp:
    """A device of a tenant, made by the API; `credentials` is the file that its program reads."""

    api: Client
    id: str
    credentials: Path

    @property
    def path(self) -> str:
        return f"/v1/iot/devices/{self.id}"

    @property
    def topics(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.credentials.read_text())["data"]["credentials"]["topics"]
        return found

    @property
    def client_id(self) -> str:
        return f"{self.api.tenant}:{self.id}"

    def read(self, more: str = "") -> dict[str, Any]:
        """The device, or what is below it (`/shadow`)."""
        answer = self.api.get(self.path + more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    def send(self, **command: Any) -> dict[str, Any]:
        """Send a command."""
        answer = self.api.post(f"{self.path}/commands", command)
        assert answer.status_code == 201, answer.text
        sent: dict[str, Any] = answer.json()["data"]
        return sent

    def wait_until(self, status: str) -> None:
        """Until the API shows it as online or offline."""
        eventually(lambda: self.read()["status"] == status, f"{self.id} {status}")

    def wait_for_command(self, command: Mapping[str, Any], status: str) -> dict[str, Any]:
        """Until the API shows a command with a status."""
        path = f"/commands/{command['id']}"
        eventually(lambda: self.read(path)["status"] == status, f"{command['id']} {status}")
        return self.read(path)


class Program:
    """A context: `python -m local device` runs inside it."""

    def __init__(self, stack: RunningStack, lamp: Lamp, *arguments: str) -> None:
        command = [sys.executable, "-m", "local", "device", "--state-dir", str(stack.state_dir)]
        self._command = [*command, "--credentials", str(lamp.credentials), *arguments]
        self._output = lamp.credentials.with_suffix(".txt")

    def __enter__(self) -> "Program":
        """Start it; what it prints goes to a file."""
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, text=True
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it politely, if it runs, and also where it was halted."""
        self.process.terminate()
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def type(self, line: str) -> None:
        """Type a line into it."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    @property
    def printed(self) -> str:
        """What it printed so far."""
        return self._output.read_text()


MakeLamp = Callable[..., Lamp]


@pytest.fixture
def make_lamp(tmp_path: Path) -> Iterator[MakeLamp]:
    """Makes devices by the API; deletes them at the end, so that their things do not pile up."""
    made: list[Lamp] = []

    def make(api: Client, **fields: Any) -> Lamp:
        answer = api.post("/v1/iot/devices", {"name": "Lamp", **fields})
        assert answer.status_code == 201, answer.text
        device = answer.json()["data"]
        file = tmp_path / f"{device['id']}.json"
        file.write_text(answer.text)
        made.append(Lamp(api, device["id"], file))
        return made[-1]

    yield make
    for lamp in made:
        assert lamp.api.request("DELETE", lamp.path).status_code in (204, 404)


@pytest.fixture
def lamp(api: Client, make_lamp: MakeLamp) -> Lamp:
    return make_lamp(api)


def _connecting(stack: RunningStack, credentials: Path | None, client_id: str) -> MqttClient:
    description = stack.description
    return MqttClient(description["mqtt_port"], Path(description["mqtt_ca"]), credentials, client_id)


def _told(receiver: Receiver, event: str, seconds: float = 20) -> Received:
    """Wait for the first of an event's deliveries."""
    found = eventually(
        lambda: [one for one in receiver.received if one.event["event"] == event], f"{event} at the webhook", seconds
    )
    return found[0]


def _in_order(receiver: Receiver) -> list[str]:
    """What happened, in the order in which it did: deliveries come in any order, and some of them twice."""
    return [name for _, name in sorted({(one.event["id"], one.event["event"]) for one in receiver.received})]


def test_each_thing_that_happens_to_a_device_is_an_event(
    stack: RunningStack, api: Client, make_lamp: MakeLamp, receiver: OpenReceiver
) -> None:
    inbox = receiver()
    webhook = api.new_webhook(inbox.url, "device.*")
    lamp = make_lamp(api, type="lamp", tags=["hall"])
    assert _told(inbox, "device.created").event["data"]["name"] == "Lamp"
    assert lamp.read()["status"] == "offline"

    with Program(stack, lamp) as program:
        _told(inbox, "device.online")
        lamp.wait_until("online")
        eventually(lambda: lamp.read("/shadow")["reported"] == {"on": False, "brightness": 100}, "its first report")

        command = lamp.send(**TURN_ON)
        assert command["status"] in ("queued", "sent")
        done = lamp.wait_for_command(command, "succeeded")
        on = {"on": True, "brightness": 80}
        assert done["result"] == on
        assert done["acknowledgedAt"] >= done["sentAt"] >= done["createdAt"]
        assert _told(inbox, "device.command_sent").event["data"]["params"] == {"brightness": 80}
        assert _told(inbox, "device.command_acknowledged").event["data"]["status"] == "succeeded"
        eventually(lambda: lamp.read("/shadow")["reported"] == on, "its report")

        program.type("critical water on the floor")
        raised = _told(inbox, "device.alert").event["data"]
        assert {name: raised[name] for name in ("level", "message", "data")} == {
            "level": "critical",
            "message": "water on the floor",
            "data": on,
        }
        assert [one["message"] for one in lamp.read("/alerts")["items"]] == ["water on the floor"]

        program.process.kill()
        assert _told(inbox, "device.offline").event["data"]["reason"] == "CONNECTION_LOST"
        lamp.wait_until("offline")

    assert _in_order(inbox) == [
        "device.created",
        "device.online",
        "device.command_sent",
        "device.command_acknowledged",
        "device.alert",
        "device.offline",
    ]
    for one in inbox.received:
        assert one.event["data"]["device_id"] == lamp.id
        verify_standard(one, webhook["secret"])
        verify_document_3(one, webhook["secret"])


def test_a_device_becomes_as_its_shadow_desires_also_when_that_was_said_while_it_was_away(
    stack: RunningStack, lamp: Lamp
) -> None:
    assert lamp.api.request("PATCH", f"{lamp.path}/shadow", json={"desired": {"brightness": 30}}).status_code == 200
    assert lamp.read("/shadow")["delta"] == {"brightness": 30}
    with Program(stack, lamp):
        eventually(lambda: lamp.read("/shadow")["reported"] == {"on": False, "brightness": 30}, "30 %")
        assert lamp.read("/shadow")["delta"] == {}
        assert lamp.api.request("PATCH", f"{lamp.path}/shadow", json={"desired": {"on": True}}).status_code == 200
        eventually(lambda: lamp.read("/shadow")["reported"] == {"on": True, "brightness": 30}, "on at 30 %")


def test_a_command_waits_for_its_device_until_it_expires(stack: RunningStack, lamp: Lamp) -> None:
    expired = lamp.send(command="turnOn", params={"brightness": 1}, expiresIn=5)
    waiting = lamp.send(**TURN_ON)
    assert (expired["status"], waiting["status"], waiting["sentAt"]) == ("queued", "queued", None)
    lamp.wait_for_command(expired, "expired")
    with Program(stack, lamp) as program:
        assert lamp.wait_for_command(waiting, "succeeded")["result"] == {"on": True, "brightness": 80}
        # Whatever came before it would have been done before it.
        assert lamp.read(f"/commands/{expired['id']}")["status"] == "expired"
        assert program.printed.count("turnOn") == 1


def test_a_command_that_expires_on_its_way_is_not_done(stack: RunningStack, lamp: Lamp) -> None:
    with Program(stack, lamp) as program:
        lamp.wait_until("online")
        program.process.send_signal(signal.SIGSTOP)
        command = lamp.send(**TURN_ON, expiresIn=5)
        lamp.wait_for_command(command, "expired")
        program.process.send_signal(signal.SIGCONT)
        assert lamp.wait_for_command(command, "rejected")["result"] == {"reason": "expired"}
        assert lamp.read("/shadow")["reported"] == {"on": False, "brightness": 100}


def test_a_command_that_a_device_cannot_do_is_rejected_with_its_reason(stack: RunningStack, lamp: Lamp) -> None:
    with Program(stack, lamp):
        lamp.wait_until("online")
        command = lamp.send(command="selfDestruct")
        assert lamp.wait_for_command(command, "rejected")["result"] == {"reason": "unknown command selfDestruct"}


def test_a_device_has_its_own_topics_and_its_own_name_alone(
    stack: RunningStack, api: Client, make_lamp: MakeLamp
) -> None:
    own, other = make_lamp(api), make_lamp(api)
    with _connecting(stack, own.credentials, own.client_id) as caller:
        mine, foreign = own.topics, other.topics
        for topic in (mine["commands"], f"{mine['shadow']}/update/delta"):
            assert caller.subscribe(topic) == "Granted QoS 1", topic
        for topic in (mine["acknowledgements"], mine["alerts"], f"{mine['shadow']}/get"):
            assert caller.publish(topic) == "Success", topic
        for topic in (foreign["commands"], f"{foreign['shadow']}/update/delta", foreign["alerts"], "#"):
            assert caller.subscribe(topic) == "Not authorized", topic
        for topic in (
            foreign["acknowledgements"],
            foreign["alerts"],
            f"{foreign['shadow']}/update",
            foreign["commands"],
            mine["commands"],
        ):
            assert caller.publish(topic) == "Not authorized", topic
    with _connecting(stack, own.credentials, other.client_id) as caller:
        assert caller.answer() == "Not authorized"
    assert other.read()["status"] == "offline"
    assert other.read()["lastSeenAt"] is None


def test_without_a_certificate_that_is_good_nobody_connects(
    stack: RunningStack, api: Client, make_lamp: MakeLamp
) -> None:
    lamp = make_lamp(api)
    with _connecting(stack, None, lamp.client_id) as caller:
        assert caller.answer() == "nothing"

    further = api.post(f"{lamp.path}/certificates", {})
    assert further.status_code == 201, further.text
    second = lamp.credentials.with_name("second.json")
    second.write_text(further.text)
    first_id = json.loads(lamp.credentials.read_text())["data"]["credentials"]["certificateId"]
    assert api.request("DELETE", f"{lamp.path}/certificates/{first_id}").status_code == 204
    with _connecting(stack, lamp.credentials, lamp.client_id) as caller:
        assert caller.answer() == "Not authorized"

    with _connecting(stack, second, lamp.client_id) as caller:
        assert caller.answer() == "Success"
        assert api.request("DELETE", lamp.path).status_code == 204
        eventually(lambda: caller.ended, "the end of a deleted device's connection")
        eventually(lambda: caller.answer() == "Not authorized", "its refusal")


def test_a_device_whose_key_never_left_it_connects(
    stack: RunningStack, api: Client, make_lamp: MakeLamp, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "key.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    lamp = make_lamp(api, csr=request.public_bytes(serialization.Encoding.PEM).decode())
    assert json.loads(lamp.credentials.read_text())["data"]["credentials"]["privateKey"] is None
    with Program(stack, lamp, "--key", str(file)):
        lamp.wait_until("online")


def test_another_tenant_neither_sees_nor_commands_a_device(lamp: Lamp, other_tenant: Client) -> None:
    sent = lamp.send(**TURN_ON)
    for path in ("", "/shadow", "/commands", f"/commands/{sent['id']}", "/alerts"):
        assert other_tenant.get(lamp.path + path).status_code == 404, path
    assert other_tenant.post(f"{lamp.path}/commands", TURN_ON).status_code == 404
    assert other_tenant.post(f"{lamp.path}/certificates", {}).status_code == 404
    change = {"desired": {"on": True}}
    assert other_tenant.request("PATCH", f"{lamp.path}/shadow", json=change).status_code == 404
    assert other_tenant.request("DELETE", lamp.path).status_code == 404
    assert other_tenant.get("/v1/iot/devices").json()["data"]["items"] == []
    assert lamp.read("/shadow")["desired"] == {}
    assert [one["id"] for one in lamp.read("/commands")["items"]] == [sent["id"]]


@pytest.mark.slow
def test_a_device_comes_back_after_a_restart(stack: RunningStack, lamp: Lamp, receiver: OpenReceiver) -> None:
    inbox = receiver()
    lamp.api.new_webhook(inbox.url, "device.online", "device.offline")
    with Program(stack, lamp, "--alert", "info before") as program:
        lamp.wait_until("online")
        eventually(lambda: lamp.read("/alerts")["items"], "its alert")
        stack.stop()
        stack.start()
        eventually(lambda: program.printed.count("online as") == 2, "its second connection", 90)
        lamp.wait_for_command(lamp.send(**TURN_ON), "succeeded")
        # What the stop cut short comes back when its queue's visibility timeout is over, two minutes at most.
        turns = ["device.online", "device.offline", "device.online"]
        eventually(lambda: _in_order(inbox) == turns, "offline and online again", 150)
    assert len(lamp.read("/alerts")["items"]) == 1
