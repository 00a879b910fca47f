"""What IoT Core's rules put into the queue of the device events: a topic, what was published there, and when."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from functions.iot import topics
from functions.iot.alerts.models import RaisedAlert
from functions.iot.commands.models import Acknowledgement
from functions.iot.payload import MAX_BYTES
from functions.iot.presence import Lifecycle
from functions.iot.topics import Place
from hub.events import Caller

Milliseconds = Annotated[int, Field(ge=0, lt=2**48)]
Id = Annotated[str, Field(min_length=1, max_length=128)]


class Garbled(Exception):
    """A message that is not what it should be; the reason is the first argument, without what the message says."""


class _Told(BaseModel):
    """A part of a message: fields that a later version adds are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, defer_build=True, hide_input_in_errors=True)


class _Envelope(_Told):
    """A rule's answer, or where it could not send that, what IoT Core tells of it ("Error handling")."""

    topic: str
    payload: Annotated[str, Field(alias="base64OriginalPayload")]
    id: Id | None = None
    trace_id: Annotated[Id | None, Field(alias="cloudwatchTraceId")] = None
    received_at: Annotated[Milliseconds | None, Field(alias="receivedAt")] = None


class _Connection(_Told):
    number: Annotated[int, Field(ge=0, lt=2**63, alias="versionNumber")]
    at: Annotated[Milliseconds, Field(alias="timestamp")]
    session: Annotated[Id, Field(alias="sessionIdentifier")]
    reason: Annotated[str | None, Field(max_length=100, alias="disconnectReason")] = None


class Subscription(_Told):
    """The topics that a device has begun to listen to."""

    topics: list[str]


Said = Lifecycle | Subscription | Acknowledgement | RaisedAlert


@dataclass(frozen=True, slots=True)
class Message:
    """What a message says of a device: `receipt` is the queue's id of it, `id` the rule's, `at` epoch milliseconds."""

    receipt: str
    id: str
    at: int
    place: Place
    said: Said

    @property
    def caller(self) -> Caller:
        """On whose behalf it changes things."""
        return Caller(self.place.tenant, "", self.place.device_id, self.id)


def read(receipt: str, body: Mapping[str, Any], queued_at: int) -> Message | None:
    """Read a message; `None` for one of nothing of this deployment's. Raises `Garbled`."""
    try:
        envelope = _Envelope.model_validate(body)
        heard = topics.read(envelope.topic)
        if heard is None:
            return None
        kind, place = heard
        said = _said(kind, base64.b64decode(envelope.payload, validate=True))
    except ValueError as error:
        raise Garbled(str(error)) from None
    # What a rule could not send has neither its id nor its time.
    message_id = envelope.id or envelope.trace_id or receipt
    at = queued_at if envelope.received_at is None else envelope.received_at
    return Message(receipt, message_id, at, place, said)


def _said(kind: topics.Kind, payload: bytes) -> Said:
    match kind:
        case "connected" | "disconnected":
            told = _Connection.model_validate_json(payload)
            return Lifecycle(kind == "connected", told.number, told.at, told.session, told.reason)
        case "subscribed":
            return Subscription.model_validate_json(payload)
        case "acknowledgement":
            return Acknowledgement.model_validate_json(payload)
        case "alert":
            if len(payload) > MAX_BYTES:
                raise ValueError(f"an alert of more than {MAX_BYTES} bytes")
            return RaisedAlert.model_validate_json(payload)
