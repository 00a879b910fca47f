"""WebSockets of the live channel: as many as a test wants, each keeping what it was told."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

T = TypeVar("T")


class Listener:
    """One open WebSocket; `told` is what it was sent, `is_closed` whether the other side ended it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.told: list[Any] = []
        self.is_closed = False
        self.socket = socket
        self.reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            async for message in self.socket:
                self.told.append(json.loads(message))
        except ConnectionClosed:
            pass
        self.is_closed = True


class Listeners:
    """A context: its WebSockets live on a thread of their own, and end with it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._open: list[Listener] = []

    def __enter__(self) -> "Listeners":
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close them all."""
        for one in self._open:
            self._run(one.socket.close())
            self._run(_ended(one.reading))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(self, headers: dict[str, str] | None = None, query: str = "", protocols: Sequence[str] = ()) -> Listener:
        """Open one. Raises `InvalidStatus` where it is refused."""
        return self._run(self._connect(headers or {}, query, protocols))

    def open_many(self, count: int, headers: dict[str, str]) -> list[Listener]:
        """Open many, twenty at a time."""
        return self._run(self._connect_many(count, headers))

    def refusal(self, headers: dict[str, str] | None = None, query: str = "", protocols: Sequence[str] = ()) -> int:
        """The status with which one is refused; 101 where it is not."""
        try:
            self.open(headers, query, protocols)
        except InvalidStatus as refused:
            return refused.response.status_code
        return 101

    def say(self, listener: Listener, text: str) -> None:
        """Send a message."""
        self._run(listener.socket.send(text))

    def close(self, listener: Listener) -> None:
        """End one."""
        self._run(listener.socket.close())

    async def _connect(self, headers: dict[str, str], query: str, protocols: Sequence[str]) -> Listener:
        socket = await connect(
            self._url + query,
            additional_headers=headers,
            subprotocols=list(protocols) or None,  # type: ignore[arg-type]
            proxy=None,
            open_timeout=60,
        )
        self._open.append(listener := Listener(socket))
        return listener

    async def _connect_many(self, count: int, headers: dict[str, str]) -> list[Listener]:
        turns = asyncio.Semaphore(20)

        async def one() -> Listener:
            async with turns:
                return await self._connect(headers, "", ())

        return list(await asyncio.gather(*(one() for _ in range(count))))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)


async def _ended(reading: "asyncio.Future[None]") -> None:
    await reading
