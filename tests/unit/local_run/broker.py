"""The emulator's MQTT broker as the embedded run corrects it, for the tests of devices; in this process."""

import asyncio
import json
import threading
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from ministack.services import iot

from local import corrections
from tests.e2e.polling import eventually
from tests.e2e.running import free_ports

_SCOPE = ("000000000000", "us-east-1")
_ARN = "arn:aws:iot:us-east-1:000000000000:"
_THING = "${iot:Connection.Thing.ThingName}"
_OWN = [f"hub/{_THING}/*", f"$aws/things/{_THING}/shadow/*"]
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{_ARN}client/{_THING}"},
        {
            "Effect": "Allow",
            "Action": ["iot:Publish", "iot:Receive"],
            "Resource": [f"{_ARN}topic/{own}" for own in _OWN],
        },
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": [f"{_ARN}topicfilter/{own}" for own in _OWN]},
    ],
}


class Broker:
    """A context: listens inside it. `folder` is for what devices read."""

    def __init__(self, folder: Path) -> None:
        _correct()
        self.port = free_ports(1)[0]
        self.ca = folder / "ca.pem"
        self._folder = folder
        self._messages: list[tuple[str, Any]] = []
        self._certificates: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._environment = pytest.MonkeyPatch()

    def __enter__(self) -> "Broker":
        self._environment.setenv("IOT_MTLS_PORT", str(self.port))
        self._thread.start()
        self._wait(iot.mtls_start())
        self.ca.write_text(iot.get_ca_cert_pem())
        iot._create_policy("devices", {"policyDocument": json.dumps(_POLICY)})
        for topic in ("#", "$aws/events/presence/#"):
            self._wait(iot.broker_subscribe(*_SCOPE, topic, self._note, 1))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._wait(corrections.disconnect_devices())
        self._wait(iot.broker_stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        iot.reset()
        self._environment.undo()

    def device(self, name: str) -> Path:
        """Make a device; answers a file like the answer of `POST /v1/iot/devices`."""
        made = json.loads(iot._create_keys_and_certificate({"setAsActive": "true"})[2])
        self._certificates[name] = made["certificateId"]
        iot._create_thing(name, {})
        principal = {"x-amzn-principal": made["certificateArn"]}
        iot._handle_thing_principals("PUT", f"/things/{name}/principals", principal, b"", {})
        iot._change_policy_target("devices", made["certificateArn"], attach=True)
        credentials = {
            "endpoint": f"localhost:{self.port}",
            "clientId": name,
            "certificate": made["certificatePem"],
            "privateKey": made["keyPair"]["PrivateKey"],
            "topics": {
                "commands": f"hub/{name}/commands",
                "acknowledgements": f"hub/{name}/commands/ack",
                "alerts": f"hub/{name}/alerts",
                "shadow": f"$aws/things/{name}/shadow",
            },
        }
        file = self._folder / f"{name.rpartition(':')[2]}.json"
        file.write_text(json.dumps({"data": {"credentials": credentials}}))
        return file

    def publish(self, topic: str, content: Any) -> None:
        """Send a message to whom it concerns."""
        self._wait(iot.broker_publish(*_SCOPE, topic, json.dumps(content).encode(), qos=1))

    def deactivate(self, name: str) -> None:
        """Switch a device's certificate off."""
        path = f"/certificates/{self._certificates[name]}"
        iot._handle_certificate("PUT", path, b'{"newStatus": "INACTIVE"}', {})

    def on(self, topic: str) -> list[Any]:
        """What was sent on a topic so far."""
        return [content for name, content in list(self._messages) if name == topic]

    def wait_for(self, topic: str, count: int = 1) -> list[Any]:
        """Wait until so many messages were sent on a topic."""
        eventually(lambda: len(self.on(topic)) >= count, f"{count} messages on {topic}")
        return self.on(topic)

    async def _note(self, topic: str, payload: bytes, _: int) -> None:
        self._messages.append((topic, json.loads(payload)))

    def _wait(self, what: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(20)


@cache
def _correct() -> None:
    corrections.apply(lambda _: None)
