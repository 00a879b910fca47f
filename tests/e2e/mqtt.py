"""An MQTT client that may claim to be anyone, and notes what it is answered."""

import ssl
from pathlib import Path
from types import TracebackType

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from local import device
from tests.e2e.polling import eventually


class MqttClient:
    """A context: connects inside it, to `localhost`; `credentials` (none: no certificate) need not be `client_id`'s."""

    def __init__(self, port: int, ca: Path, credentials: Path | None, client_id: str) -> None:
        self.connected: list[str] = []
        self.ended = 0
        self._answers: list[str] = []
        self._port = port
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5)
        if credentials:
            context = device.tls_context(device.Credentials.read(credentials), ca)
        else:
            context = ssl.create_default_context(cafile=ca)
        self._client.tls_set_context(context)
        self._client.on_connect = lambda *given: self.connected.append(str(given[3]))
        self._client.on_disconnect = lambda *_: self._end()
        self._client.on_connect_fail = lambda *_: self._end()
        self._client.on_subscribe = lambda *given: self._note(given[3][0])
        self._client.on_publish = lambda *given: self._note(given[3])

    def __enter__(self) -> "MqttClient":
        """Begin to connect; what comes of it is for `answer` and `ended` to tell."""
        self._client.connect_async("localhost", self._port, 30)
        self._client.loop_start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def answer(self) -> str:
        """What the server says to its latest attempt to connect: `Success`, `Not authorized`, or nothing at all."""
        eventually(lambda: self.connected or self.ended, "an answer or the end of the connection")
        return self.connected[-1] if self.connected else "nothing"

    def subscribe(self, topic: str) -> str:
        """Ask for a topic; what the server says to that."""
        assert self.answer() == "Success"
        before = len(self._answers)
        self._client.subscribe(topic, 1)
        return self._next(before)

    def publish(self, topic: str) -> str:
        """Send `{}` on a topic; what the server says to that."""
        assert self.answer() == "Success"
        before = len(self._answers)
        self._client.publish(topic, "{}", 1)
        return self._next(before)

    def _next(self, before: int) -> str:
        eventually(lambda: len(self._answers) > before, "the server's answer")
        return self._answers[before]

    def _note(self, reason: ReasonCode) -> None:
        self._answers.append(str(reason))

    def _end(self) -> None:
        self.ended += 1
