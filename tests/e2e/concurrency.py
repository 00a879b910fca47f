"""Calls made at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")


def at_once(times: int, call: Callable[[], T]) -> list[T]:
    """Make a call several times at the same moment."""
    start = Barrier(times)

    def wait_and_call(_: int) -> T:
        start.wait(10)
        return call()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(wait_and_call, range(times)))
