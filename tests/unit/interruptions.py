"""The death of a process at any of its calls of AWS."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError


class Death(BaseException):
    """The end of a process, which no handler catches."""


class Calls:
    """Calls of AWS, the process dying before (or right after) one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._left = -1
        self._after = False
        self.made: list[str] = []
        real = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: Any, operation: str, parameters: Any) -> Any:
            if self._left < 0:
                return real(client, operation, parameters)
            self.made.append(operation)
            self._left -= 1
            if self._left < 0:
                if self._after:
                    with suppress(ClientError):
                        real(client, operation, parameters)
                # Whatever a thread of the dead process would still call is not called.
                self._left, self._after = 0, False
                raise Death
            return real(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    @contextmanager
    def dying(self, at: int, after: bool) -> Iterator[list[bool]]:
        """Die at a call (0: the first); tells afterwards whether it came so far."""
        died: list[bool] = []
        self._left, self._after, self.made = at, after, []
        try:
            yield died
        except Death:
            died.append(True)
        finally:
            self._left = -1


def survive(calls: Calls, after: bool, scene: Callable[[], Callable[[], object]], check: Callable[[], None]) -> int:
    """Set a scene and have its work die at its first call, its second and so on, then run whole; count its calls."""
    for at in range(100):
        work = scene()
        with calls.dying(at, after) as died:
            work()
        if died:
            work()
        check()
        if not died:
            return at
    raise AssertionError("it never ends")
