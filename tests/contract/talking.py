"""A device at the other end of IoT Core: what it says, as the rules put it into the queue, and what it is told."""

import base64
import json
from dataclasses import dataclass
from itertools import count
from types import SimpleNamespace
from typing import Any

from moto.iotdata.models import iotdata_backends

from hub import times
from tests.contract import memory

Body = dict[str, Any]

_numbers = count(1)


@dataclass
class Talker:
    """A device of a tenant that has begun its MQTT session `number`."""

    tenant: str
    id: str
    number: int = 0

    @property
    def thing(self) -> str:
        return f"{self.tenant}:{self.id}"

    @property
    def commands(self) -> str:
        return f"hub/{self.thing}/commands"

    def connected(self, at: int | None = None, **more: Any) -> Body:
        """Its session has begun."""
        return self._lifecycle("connected", at, ipAddress="192.0.2.1", **more)

    def disconnected(self, at: int | None = None, reason: str = "CONNECTION_LOST", **more: Any) -> Body:
        """Its session has ended."""
        return self._lifecycle("disconnected", at, disconnectReason=reason, clientInitiatedDisconnect=False, **more)

    def subscribed(self, *topics: str) -> Body:
        """It has begun to listen, by default to its commands."""
        told = {"clientId": self.thing, "eventType": "subscribed", "topics": list(topics) or [self.commands]}
        return ruled(f"$aws/events/subscriptions/subscribed/{self.thing}", told)

    def acknowledges(self, command_id: str, status: str = "succeeded", **more: Any) -> Body:
        """It tells what became of a command."""
        return ruled(f"{self.commands}/ack", {"id": command_id, "status": status, **more})

    def raises(self, level: str = "warning", message: str = "温度过高", **more: Any) -> Body:
        """It raises an alert."""
        return ruled(f"hub/{self.thing}/alerts", {"level": level, "message": message, **more})

    def told(self) -> list[dict[str, Any]]:
        """The messages that were published to it since the last look."""
        published = _published()
        found = [json.loads(payload) for topic, payload in published if topic == self.commands]
        published[:] = [one for one in published if one[0] != self.commands]
        return found

    def _lifecycle(self, kind: str, at: int | None, **more: Any) -> Body:
        told = {
            "clientId": self.thing,
            "timestamp": times.now_ms() if at is None else at,
            "eventType": kind,
            "sessionIdentifier": f"session-{self.number}",
            "principalIdentifier": "9c1f0d5e" * 8,
            "versionNumber": self.number,
            **more,
        }
        return ruled(f"$aws/events/presence/{kind}/{self.thing}", told)


def ruled(topic: str, said: Any) -> Body:
    """What a rule makes of a message: of JSON, or of bytes as they are."""
    raw = said if isinstance(said, bytes) else json.dumps(said, ensure_ascii=False).encode()
    return {
        "topic": topic,
        "base64OriginalPayload": base64.b64encode(raw).decode(),
        "receivedAt": times.now_ms(),
        "id": f"rule-{next(_numbers)}",
    }


def batch(*bodies: Any) -> dict[str, Any]:
    """A batch as the queue hands it to its function; the messages' ids are their places."""
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": str(times.now_ms())}
    return {
        "Records": [
            {
                "messageId": str(place),
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": attributes,
            }
            for place, body in enumerate(bodies)
        ]
    }


def hear(*bodies: Any) -> list[int]:
    """Have the function of the queue take a batch; answers with the places of the messages that are to come again."""
    from functions.iot import telemetry

    answer = telemetry.handler(batch(*bodies), SimpleNamespace(aws_request_id="an-invocation"))
    return [int(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]


def _published() -> list[tuple[str, bytes]]:
    backend = iotdata_backends["123456789012"][memory.REGION]
    published: list[tuple[str, bytes]] = backend.published_payloads
    return published
