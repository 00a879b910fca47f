"""Shapes of devices on the wire, in document 3's camelCase."""

from typing import Literal, TypedDict

Status = Literal["online", "offline"]


class Certificate(TypedDict):
    """A certificate that a device may connect with; `id` is IoT Core's, the SHA-256 of the certificate."""

    id: str
    createdAt: str


class Device(TypedDict):
    """A device as it is shown."""

    id: str
    name: str
    type: str | None
    status: Status
    tags: list[str]
    attributes: dict[str, str]
    certificates: list[Certificate]
    lastSeenAt: str | None
    createdAt: str
    updatedAt: str
    version: int
