"""`device`: a lamp, as an example of a whole device program; the README and the tests use it.

It connects with its certificate, obeys `turnOn {"brightness": 80}` and `turnOff`, acknowledges every command, keeps its
shadow up to date, and raises an alert for each line it is given on standard input.
"""

import json
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

_KEEP_ALIVE_SECONDS = 30
_SESSION_SECONDS = 3600
_LONGEST_PAUSE_SECONDS = 60
_REMEMBERED_COMMANDS = 1000
_LONGEST_MESSAGE = 1000
_LEVELS = ("info", "warning", "critical")


class TakenOver(Exception):
    """Another program uses the device's credentials: the two would disconnect each other for ever."""


@dataclass(frozen=True)
class Credentials:
    """Who a device is, and where it connects; certificate and key in PEM."""

    host: str
    port: int
    client_id: str
    certificate: str
    private_key: str
    topics: Mapping[str, str]

    @classmethod
    def read(cls, answer: Path, key: Path | None = None) -> "Credentials":
        """From the answer of `POST /v1/iot/devices` or of `POST …/certificates`; `key` is the device's own, if any.

        Raises `OSError`, `ValueError`, `KeyError`, `TypeError`, `AttributeError` for a file that is something else.
        """
        data = json.loads(answer.read_text())["data"]
        found = data.get("credentials", data)
        host, _, port = found["endpoint"].partition(":")
        private_key = key.read_text() if key else found["privateKey"]
        if private_key is None:
            raise ValueError("it has no private key, because the certificate was asked for with a CSR: give --key")
        return cls(host, int(port or 8883), found["clientId"], found["certificate"], private_key, found["topics"])


class Lamp:
    """What this device is: on or off, with a brightness from 1 to 100."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {"on": False, "brightness": 100}

    def obey(self, command: str, params: Mapping[str, Any]) -> None:
        """Carry out a command. Raises `ValueError`."""
        if command == "turnOn":
            self.change({"on": True, **params})
        elif command == "turnOff":
            self.change({"on": False})
        else:
            raise ValueError(f"unknown command {command}")

    def change(self, wanted: Mapping[str, Any]) -> None:
        """Take over values of its state, all or none. Raises `ValueError`."""
        for name, value in wanted.items():
            fits = {"on": type(value) is bool, "brightness": type(value) is int and 1 <= value <= 100}
            if not fits.get(name):
                raise ValueError(f"{name} cannot be {json.dumps(value)}")
        self.state.update(wanted)


class Device:
    """A lamp on the network; `ca` is a PEM file to check the server against instead of the system's authorities."""

    def __init__(self, credentials: Credentials, lamp: Lamp, ca: Path | None = None) -> None:
        self._credentials = credentials
        self._topics = credentials.topics
        self._lamp = lamp
        self._answers: dict[str, str] = {}
        self._taken_over = False
        self._client = Client(CallbackAPIVersion.VERSION2, credentials.client_id, protocol=MQTTv5)
        self._client.tls_set_context(tls_context(credentials, ca))
        self._client.reconnect_delay_set(1, _LONGEST_PAUSE_SECONDS)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = lambda *_: _say("no connection; trying again")
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    def run(self) -> None:
        """Stay connected until interrupted. Raises `TakenOver`."""
        # The session outlives a lost connection: what is sent meanwhile arrives after it.
        kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves this class untyped
        kept.SessionExpiryInterval = _SESSION_SECONDS
        self._client.connect_async(
            self._credentials.host,
            self._credentials.port,
            _KEEP_ALIVE_SECONDS,
            clean_start=False,
            properties=kept,
        )
        try:
            self._client.loop_forever(retry_first_connection=True)
        finally:
            self._client.disconnect()
        if self._taken_over:
            raise TakenOver

    def alert(self, text: str) -> None:
        """Raise an alert, of the level that its first word names; before there is a connection, once there is one."""
        level, _, message = text.partition(" ")
        if level not in _LEVELS or not message:
            level, message = "warning", text
        message = message[:_LONGEST_MESSAGE]
        self._publish(self._topics["alerts"], {"level": level, "message": message, "data": self._lamp.state})
        _say(f"alert ({level}): {message}")

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, __: Properties | None
    ) -> None:
        if reason.is_failure:
            _say(f"refused: {reason}; trying again")
            return
        _say(f"online as {self._credentials.client_id}")
        client.subscribe([(self._topics["commands"], 1), (f"{self._topics['shadow']}/update/delta", 1)])
        self._report()

    def _on_disconnect(
        self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, __: Properties | None
    ) -> None:
        _say(f"offline: {reason}")
        if reason == "Session taken over":
            self._taken_over = True
            client.disconnect()

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        try:
            content = json.loads(message.payload)
            if message.topic == self._topics["commands"]:
                self._command(content)
            else:
                self._follow(content["state"])
        except (ValueError, KeyError, TypeError) as error:
            _say(f"not understood, on {message.topic}: {error!r}")

    def _command(self, command: Mapping[str, Any]) -> None:
        """Obey a command once, and acknowledge it as often as it arrives: any message may come twice.

        What was done is remembered while the program runs. A device that must not repeat itself after a restart
        either, as one that dispenses something, writes the ids down before it acts.
        """
        answer = self._answers.get(command["id"])
        if answer is None:
            answer = self._answers[command["id"]] = json.dumps({"id": command["id"], **self._obey(command)})
            if len(self._answers) > _REMEMBERED_COMMANDS:
                del self._answers[next(iter(self._answers))]
        self._client.publish(self._topics["acknowledgements"], answer, qos=1)

    def _obey(self, command: Mapping[str, Any]) -> dict[str, Any]:
        name, params = command["command"], command["params"] or {}
        try:
            if datetime.fromisoformat(command["expiresAt"]) <= datetime.now(UTC):
                raise ValueError("expired")
            self._lamp.obey(name, params)
        except ValueError as error:
            _say(f"{name} rejected: {error}")
            return {"status": "rejected", "result": {"reason": str(error)}}
        _say(f"{name} {json.dumps(params)}: {json.dumps(self._lamp.state)}")
        self._report()
        return {"status": "succeeded", "result": self._lamp.state}

    def _follow(self, desired: Mapping[str, Any]) -> None:
        """Become as the shadow's `desired` says, where that differs from what was reported."""
        self._lamp.change(desired)
        _say(f"as desired: {json.dumps(self._lamp.state)}")
        self._report()

    def _report(self) -> None:
        self._publish(f"{self._topics['shadow']}/update", {"state": {"reported": self._lamp.state}})

    def _publish(self, topic: str, content: Mapping[str, Any]) -> None:
        self._client.publish(topic, json.dumps(content), qos=1)


def run(credentials: Credentials, ca: Path | None, alert: str | None) -> None:
    """Be the device until interrupted. Raises `TakenOver`."""
    device = Device(credentials, Lamp(), ca)
    if alert:
        device.alert(alert)
    threading.Thread(target=_read_alerts, args=(device,), daemon=True).start()
    device.run()


def _read_alerts(device: Device) -> None:
    for line in sys.stdin:
        if line.strip():
            device.alert(line.strip())


def tls_context(credentials: Credentials, ca: Path | None) -> ssl.SSLContext:
    """For a connection with its certificate; `ca` as for `Device`."""
    context = ssl.create_default_context(cafile=ca)
    # Certificates are read from files only: this one is there, for its owner alone, as long as that takes.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{credentials.certificate}\n{credentials.private_key}\n")
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)
