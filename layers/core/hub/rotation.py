"""Signing secrets that are replaced with an overlap: for a while the one before signs beside the new one."""

from typing import Annotated, Any, Protocol

from pydantic import Field

from hub import secrets, times
from hub.web.validation import Body


class SecretRotation(Body):
    """Body of a rotation of a secret: how long the old one stays good beside the new one (default one day)."""

    overlap_seconds: Annotated[int, Field(ge=0, le=7 * 86_400)] = 86_400


class Rotating(Protocol):
    """What is signed for: its secret and, until a time (epoch milliseconds), the one before, both sealed for one place,
    so that a secret which becomes the previous one is moved, not encrypted again."""

    @property
    def sealed_secret(self) -> bytes | None:
        """The secret."""

    @property
    def sealed_previous_secret(self) -> bytes | None:
        """The one before."""

    @property
    def previous_secret_until(self) -> int | None:
        """Until when it signs."""


def replaced(one: Rotating, sealed: bytes, overlap_seconds: int) -> dict[str, Any]:
    """What changes with a new secret. Rotating again during an overlap drops the older of the two at once."""
    overlaps = overlap_seconds > 0
    return {
        "sealed_secret": sealed,
        "sealed_previous_secret": one.sealed_secret if overlaps else None,
        "previous_secret_until": (times.now() + overlap_seconds) * 1000 if overlaps else None,
    }


def ends(one: Rotating, now: int) -> int | None:
    """Until when the secret before this one signs too; `None` where it does not at `now`. Epoch milliseconds."""
    return one.previous_secret_until if now < (one.previous_secret_until or 0) else None


def signing(one: Rotating, now: int, tenant: str, place: str) -> list[str]:
    """What signs at `now` (epoch milliseconds), the current secret first."""
    sealed = [one.sealed_secret, one.sealed_previous_secret if ends(one, now) is not None else None]
    return [secrets.unseal(each, tenant, place) for each in sealed if each is not None]
