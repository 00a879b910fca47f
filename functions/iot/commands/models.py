"""Shapes of commands: on the wire in document 3's camelCase, and in the messages to and from a device."""

from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from functions.iot.payload import AnyPayload, Payload
from hub.web.validation import Body, Name

Outcome = Literal["succeeded", "failed", "rejected"]
StoredStatus = Literal["queued", "sent", "succeeded", "failed", "rejected"]
Status = Literal["queued", "sent", "succeeded", "failed", "rejected", "expired"]

MAX_EXPIRY = 86_400
"""Seconds."""


class NewCommand(Body):
    """Body of `POST /v1/iot/devices/{device_id}/commands`: what the device is to do, within how many seconds."""

    command: Name
    params: Payload = {}
    expiresIn: Annotated[int, Field(ge=5, le=MAX_EXPIRY)] = 300


class Command(TypedDict):
    """A command as it is shown. It is `queued` until the device is there, then `sent` until it acknowledges it."""

    id: str
    deviceId: str
    command: str
    params: dict[str, Any]
    status: Status
    createdAt: str
    expiresAt: str
    sentAt: str | None
    acknowledgedAt: str | None
    result: Any


class Acknowledgement(BaseModel):
    """What a device tells of a command; fields that a later version of it adds are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, defer_build=True, hide_input_in_errors=True)

    id: Annotated[str, Field(min_length=1, max_length=128)]
    status: Outcome
    result: AnyPayload = None
