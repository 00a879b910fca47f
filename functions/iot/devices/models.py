"""Shapes of devices on the wire, in document 3's camelCase."""

import json
from typing import Annotated, Any, Literal, TypedDict

from pydantic import AfterValidator, Field, JsonValue

from hub.web.validation import Body, Name, Tags, fits, not_blank, refused

Status = Literal["online", "offline"]

MAX_ATTRIBUTES_BYTES = 20_000
"""As an answer shows them: a page of 100 devices must stay below Lambda's 6 MB."""

MAX_CSR = 8_192
MAX_SHADOW_BYTES = 8_192
MAX_SHADOW_DEPTH = 6
"""IoT Core's limits of a shadow ("AWS IoT Device Shadow service limits", "Device Shadow error messages")."""


def _signed_request(text: str) -> str:
    # cryptography takes longer to import than all else here; devices that have Hub make their key need none of it.
    from functions.iot.devices import signing_requests

    return signing_requests.checked(text)


def _shadow_state(state: dict[str, Any]) -> dict[str, Any]:
    if _depth(state) > MAX_SHADOW_DEPTH:
        raise refused("too_deep", limit=MAX_SHADOW_DEPTH)
    try:
        written = json.dumps(state, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        raise refused("malformed") from None
    if len(written.encode()) > MAX_SHADOW_BYTES:
        raise refused("too_many_bytes", limit=MAX_SHADOW_BYTES)
    return state


def _depth(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(_depth, children), default=0)


Kind = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(not_blank)]
AttributeName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(not_blank)]
Attributes = Annotated[
    dict[AttributeName, Annotated[str, Field(max_length=800)]], Field(max_length=50), fits(MAX_ATTRIBUTES_BYTES)
]
SigningRequest = Annotated[str, Field(min_length=1, max_length=MAX_CSR), AfterValidator(_signed_request)]


class NewDevice(Body):
    """Body of `POST /v1/iot/devices`.

    `csr` is a certificate signing request (PKCS #10, PEM; RSA of 2048 bits or more, P-256 or P-384), so that the
    private key never leaves the device. Without it Hub has one made and shows it once.
    """

    name: Name
    type: Kind | None = None
    tags: Tags = []
    attributes: Attributes = {}
    csr: SigningRequest | None = None


class DeviceChange(Body):
    """Body of `PUT` and `PATCH /v1/iot/devices/{device_id}`: the fields that are to change."""

    name: Name = ""
    type: Kind | None = None
    tags: Tags = []
    attributes: Attributes = {}


class NewDeviceCertificate(Body):
    """Body of `POST /v1/iot/devices/{device_id}/certificates`; `csr` as with a new device."""

    csr: SigningRequest | None = None


class DeviceShadowChange(Body):
    """Body of `PATCH /v1/iot/devices/{device_id}/shadow`: what the device is to become.

    Objects are merged into what is desired already, `null` takes a value away. With `version` it changes only the
    shadow that the caller has read.
    """

    desired: Annotated[dict[str, JsonValue], AfterValidator(_shadow_state)]
    version: Annotated[int, Field(ge=1)] | None = None


class DeviceCertificate(TypedDict):
    """A certificate that a device may connect with; `id` is IoT Core's, the SHA-256 of the certificate."""

    id: str
    createdAt: str


class Device(TypedDict):
    """A device as it is shown; `lastSeenAt` is when it was last heard of."""

    id: str
    name: str
    type: str | None
    status: Status
    tags: list[str]
    attributes: dict[str, str]
    certificates: list[DeviceCertificate]
    lastSeenAt: str | None
    createdAt: str
    updatedAt: str
    version: int


class DeviceTopics(TypedDict):
    """The topics of a device: it subscribes to `commands`, publishes to the next two; `shadow` begins its shadow's."""

    commands: str
    acknowledgements: str
    alerts: str
    shadow: str


class DeviceCredentials(TypedDict):
    """What a device connects with, by MQTT over TLS; shown once.

    Certificate and key are PEM, `privateKey` is null where the device made its own. `endpoint` is a host, with a port
    where it is not 8883; `caUrl` leads to the authority that the server's certificate is checked against.
    """

    certificateId: str
    certificate: str
    privateKey: str | None
    endpoint: str
    clientId: str
    caUrl: str
    topics: DeviceTopics


class DeviceWithCredentials(Device):
    """A new device, and what it connects with."""

    credentials: DeviceCredentials


class DeviceShadow(TypedDict):
    """A device's shadow: what it is to become, what it told of itself, and what of the first differs from the second.

    `version` grows with every change from either side, 0 where there was none. `desiredAt` and `reportedAt`: when the
    latest value of each was written.
    """

    desired: dict[str, Any]
    reported: dict[str, Any]
    delta: dict[str, Any]
    desiredAt: str | None
    reportedAt: str | None
    version: int
