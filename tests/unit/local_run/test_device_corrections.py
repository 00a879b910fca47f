"""What the corrections make of the emulator's IoT Core, tried with a client of its own."""

import asyncio
import json
from pathlib import Path

import pytest
from ministack.services import iot

from local import corrections
from local.process import loopback_hosts
from tests.e2e.mqtt import MqttClient
from tests.e2e.polling import eventually
from tests.unit.local_run.broker import Broker

A, B = "acme:device_a", "acme:device_b"


def client(broker: Broker, credentials: Path | None, client_id: str = A) -> MqttClient:
    return MqttClient(broker.port, broker.ca, credentials, client_id)


def test_devices_are_served_on_loopback_alone(broker: Broker) -> None:
    def addresses() -> set[str]:
        return {socket.getsockname()[0] for socket in iot._mtls_server.sockets}

    assert broker.port
    loopback = {host.strip("[]") for host in loopback_hosts()}
    assert addresses() == loopback
    before = iot._mtls_server
    iot.mtls_schedule_restart()
    eventually(lambda: iot._mtls_server not in (before, None), "the listener after a reset")
    assert addresses() == loopback


def test_a_device_without_a_certificate_is_refused(broker: Broker) -> None:
    with client(broker, None) as caller:
        assert caller.answer() == "nothing"


@pytest.mark.parametrize("topic", [f"hub/{B}/commands", "hub/+/commands", "#", f"$aws/things/{B}/shadow/update/delta"])
def test_a_device_hears_its_own_topics_alone(broker: Broker, topic: str) -> None:
    with client(broker, broker.device(A)) as caller:
        assert caller.subscribe(f"hub/{A}/commands") == "Granted QoS 1"
        assert caller.subscribe(topic) == "Not authorized"


@pytest.mark.parametrize("topic", [f"hub/{B}/alerts", f"$aws/things/{B}/shadow/update", "elsewhere"])
def test_a_device_speaks_on_its_own_topics_alone(broker: Broker, topic: str) -> None:
    with client(broker, broker.device(A)) as caller:
        assert caller.publish(f"hub/{A}/alerts") == "Success"
        assert caller.publish(topic) == "Not authorized"
        assert broker.on(f"hub/{A}/alerts") == [{}]
        assert not broker.on(topic)


def test_a_device_connects_under_its_own_name_alone(broker: Broker) -> None:
    broker.device(B)
    with client(broker, broker.device(A), B) as caller:
        assert caller.answer() == "Not authorized"


def test_a_certificate_that_ends_ends_its_connections(broker: Broker) -> None:
    with client(broker, broker.device(A)) as caller, client(broker, broker.device(B), B) as bystander:
        assert (caller.answer(), bystander.answer()) == ("Success", "Success")
        broker.deactivate(A)
        eventually(lambda: caller.ended, "the end of the connection")
        eventually(lambda: caller.answer() == "Not authorized", "the refusal")
        assert bystander.connected == ["Success"]
        assert not bystander.ended


def test_no_connection_outlives_a_stop_and_versions_count_on(broker: Broker) -> None:
    credentials = broker.device(A)
    for _ in range(2):
        with client(broker, credentials) as caller:
            assert caller.answer() == "Success"
    with client(broker, credentials) as caller:
        assert caller.answer() == "Success"
        asyncio.run_coroutine_threadsafe(corrections.disconnect_devices(), iot._mtls_loop).result(10)
        told = broker.wait_for(f"$aws/events/presence/disconnected/{A}", 3)
    assert [one["versionNumber"] for one in told] == [0, 2, 4]
    assert told[2]["disconnectReason"] == "CONNECTION_LOST"

    saved = json.loads(json.dumps(iot.get_state()["local_presence_versions"]))
    iot._presence_versions.clear()
    iot.load_persisted_state({"local_presence_versions": saved})
    assert iot._presence_versions == {("000000000000", "us-east-1", A): 6}
