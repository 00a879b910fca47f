"""Callbacks: whether they are the provider's, and what can be read of them."""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import TypeVar

from hub import times
from hub.telemetry import count

UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
"""What reading something else than the provider documents raises."""

FRESH_SECONDS = 300
"""How far the time that is signed with a callback may be from ours, where the provider does not ask for more."""
_LONGEST_TIME = 12

T = TypeVar("T")
R = TypeVar("R")


def is_secret(given: str, secret: str) -> bool:
    """Whether what came is the secret; never where there is none."""
    return bool(secret) and hmac.compare_digest(given.encode(errors="replace"), secret.encode())


def is_signed(body: bytes, secret: str, given: str) -> bool:
    """Whether what came is `sha256=` and the body's HMAC by the secret, in hexadecimal; never where there is none."""
    return is_secret(given, f"sha256={hmac.digest(secret.encode(), body, hashlib.sha256).hex()}") and bool(secret)


def is_fresh(given: str, seconds: int = FRESH_SECONDS) -> bool:
    """Whether what came is a time (epoch seconds) that is near: a callback that was recorded is not told for ever."""
    return (
        given.isascii() and given.isdigit() and len(given) <= _LONGEST_TIME and abs(times.now() - int(given)) <= seconds
    )


def readable(read: Callable[[T], R | None], told: Iterable[T]) -> list[R]:
    """What is read of the parts of a callback that is the provider's; `None` is a part that says nothing to us.

    A part that cannot be read is counted and left out: refused, the provider would tell it again and again, and hold
    back all that comes after it.
    """
    found: list[R] = []
    for part in told:
        try:
            one = read(part)
        except UNREADABLE:
            count("UnreadableCallbacks")
            continue
        if one is not None:
            found.append(one)
    return found
