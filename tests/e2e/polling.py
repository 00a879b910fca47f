"""Waiting for something that happens soon, without knowing when."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], what: str, seconds: float = 20, pause: float = 0.05) -> T:
    """Answer with the first truthy value of `look`; fails with the last one when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what} (last: {found!r})"
        time.sleep(pause)
