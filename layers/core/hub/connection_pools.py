"""Kept connections for outbound calls: each call ends at its deadline, and reads no more than an answer may have.

urllib3 and http.client trust the other side in both; here it is anyone.
"""

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from heapq import heappop, heappush
from http.client import HTTPException, HTTPResponse
from itertools import count
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

MAX_LINES_BYTES = 262_144
"""Of an answer's head and of the lines between its chunks, all together."""
KEPT_SECONDS = 4.0
"""How long an unused connection is taken again: many servers close theirs after five, and a frozen Lambda sees none
of it."""


class _Reader(io.BufferedReader):
    """What comes from a receiver, bounded where http.client and urllib3 trust it."""

    in_head = True

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__(raw)
        self._left = MAX_LINES_BYTES

    def readline(self, size: int | None = -1, /) -> bytes:
        limit = self._left + 1 if size is None or size < 0 else min(size, self._left + 1)
        line = super().readline(limit)
        self._left -= len(line)
        if self._left < 0:
            raise HTTPException("more lines than any answer has")
        if not line.endswith(b"\n") and (line or self.in_head):
            if len(line) < limit:
                raise ConnectionResetError("the connection ended within a line")
            raise HTTPException("a line without end")
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:  # the length of a chunk, which would read on for ever
            raise HTTPException("a length below zero")
        return super().read(size)


class _Answer(HTTPResponse):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._reader = _Reader(self.fp.detach())
        self.fp = self._reader

    def begin(self) -> None:
        super().begin()
        # http.client knows no interim answer but 100: the real one would be taken for the next request's.
        while 101 < self.status < 200:
            self.headers = None  # type: ignore[assignment]
            super().begin()
        self._reader.in_head = False
        if self.status == 101:
            raise HTTPException("another protocol, unasked")


@dataclass(eq=False, slots=True)
class _Call:
    lines: list[socket.socket] = field(default_factory=list)
    closed: list[socket.socket] = field(default_factory=list)
    is_over: bool = False


_under_way = threading.local()


@contextmanager
def ending_at(deadline: float) -> Iterator[None]:
    """Cut this thread's connections at a deadline (`time.perf_counter`): urllib3's time-outs start anew at every byte.

    Whatever is then raised, or looks like a complete answer, comes of that: look at the time afterwards.
    """
    _under_way.call = call = _Call()
    _watch().add(deadline, call)
    try:
        yield
    finally:
        _under_way.call = None
        _watch().forget(call)


class _Watch:
    """One thread for all calls: a timer of its own would cost each more than the call itself."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, _Call]] = []
        self._numbers = count()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def add(self, deadline: float, call: _Call) -> None:
        """Cut what a call holds at the deadline."""
        with self._changed:
            heappush(self._due, (deadline, next(self._numbers), call))
            if self._due[0][2] is call:
                self._changed.notify()

    def hold(self, call: _Call, line: socket.socket) -> None:
        """Cut this connection with the call; at once where its time was over before the connection stood."""
        with self._changed:
            call.lines.append(line)
            if call.is_over:
                _cut(line)

    def forget(self, call: _Call) -> None:
        """Leave its connections: the call is over, and they may serve another."""
        with self._changed:
            call.lines.clear()
        for line in call.closed:
            line.close()

    def _run(self) -> None:
        with self._changed:
            while True:
                wait = self._due[0][0] - time.perf_counter() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                call = heappop(self._due)[2]
                call.is_over = True
                for line in call.lines:
                    _cut(line)


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


@cache
def _watch() -> _Watch:
    return _Watch()


class _Line:
    """The socket of a connection, for `_Watch`: a duplicate, because TLS replaces it by one of its own."""

    def __init__(self, connection: socket.socket) -> None:
        self._duplicate = connection.dup()
        self.hold()

    def hold(self) -> None:
        """Let the call that is under way in this thread cut it."""
        _watch().hold(_under_way.call, self._duplicate)

    def close(self) -> None:
        """Give the duplicate back, after the call: http.client closes before it reads a body of no stated length."""
        call: _Call | None = getattr(_under_way, "call", None)
        if call:
            call.closed.append(self._duplicate)
        else:
            self._duplicate.close()


class _HttpConnection(HTTPConnection):
    response_class = _Answer
    line: _Line | None = None
    used_at = 0.0

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        self.line = _Line(made)
        return made

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.time() - self.used_at < KEPT_SECONDS

    def request(self, *arguments: Any, **more: Any) -> None:
        if self.line and self.sock:
            self.line.hold()
        self.used_at = time.time()
        super().request(*arguments, **more)

    def close(self) -> None:
        if self.line:
            self.line.close()
            self.line = None
        super().close()


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


@cache
def pools() -> urllib3.PoolManager:
    """This process's connections, by address, port and TLS name. Calls are made inside of `ending_at`."""
    pools = urllib3.PoolManager(num_pools=200, maxsize=20, block=False)
    pools.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pools
