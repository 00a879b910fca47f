"""Callbacks: whether they are the provider's, and what can be read of them."""

import hmac
from collections.abc import Callable, Iterable
from typing import TypeVar

from hub.telemetry import count

UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
"""What reading something else than the provider documents raises."""

T = TypeVar("T")
R = TypeVar("R")


def is_secret(given: str, secret: str) -> bool:
    """Whether what came is the secret; never where there is none."""
    return bool(secret) and hmac.compare_digest(given.encode(errors="replace"), secret.encode())


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
