"""The endpoints of the load test: all in one asyncio process of their own, each on a port of its own."""

import asyncio
import json
import multiprocessing
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from multiprocessing.connection import Connection
from typing import NamedTuple

SLOW_SECONDS = 8
RETRY_AFTER_SECONDS = 30
_START_SECONDS = 20
_ANSWER_SECONDS = 10
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_BUSY = f"HTTP/1.1 429 Too Many Requests\r\nRetry-After: {RETRY_AFTER_SECONDS}\r\nContent-Length: 0\r\n\r\n".encode()


class Behaviour(Enum):
    """What an endpoint does with a request."""

    ANSWERS = "answers at once"
    SLOW = f"answers after {SLOW_SECONDS} s"
    BUSY = f"answers 429, Retry-After: {RETRY_AFTER_SECONDS}"
    SILENT = "accepts, never answers"
    REFUSES = "refuses the connection"


class Arrival(NamedTuple):
    """One request: `endpoint` by position, `at` and `told_at` (the event's `timestamp`) in epoch seconds."""

    endpoint: int
    at: float
    webhook_id: str
    told_at: float
    key_id: str


class Receivers:
    """The open endpoints, as the process that sends sees them."""

    def __init__(self, line: Connection, ports: Sequence[int]) -> None:
        self.urls = [f"http://127.0.0.1:{port}/hook" for port in ports]
        self._line = line

    def take(self) -> list[Arrival]:
        """What has arrived since the last call."""
        self._line.send(None)
        if not self._line.poll(_ANSWER_SECONDS):
            raise TimeoutError("the receivers do not answer")
        arrived: list[Arrival] = self._line.recv()
        return arrived


@contextmanager
def receiving(behaviours: Sequence[Behaviour]) -> Iterator[Receivers]:
    """Open an endpoint for each behaviour, in this order."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, behaviours), daemon=True)
    process.start()
    try:
        if not here.poll(_START_SECONDS):
            raise TimeoutError("the receivers did not start")
        yield Receivers(here, here.recv())
    finally:
        process.terminate()
        process.join(_ANSWER_SECONDS)


def serve(line: Connection, behaviours: Sequence[Behaviour]) -> None:
    """Serve until terminated; sends the ports once it listens, and later what has arrived whenever it is asked."""
    asyncio.run(_serve(line, behaviours))


async def _serve(line: Connection, behaviours: Sequence[Behaviour]) -> None:
    loop = asyncio.get_running_loop()
    arrived: list[Arrival] = []
    opened: list[asyncio.Server | socket.socket] = []
    ports: list[int] = []
    for endpoint, behaviour in enumerate(behaviours):
        bound = socket.socket()
        bound.bind(("127.0.0.1", 0))
        ports.append(bound.getsockname()[1])
        if behaviour is Behaviour.REFUSES:
            # Bound and not listened on: refused, and nobody else gets the port.
            opened.append(bound)
        else:
            opened.append(await asyncio.start_server(_Endpoint(endpoint, behaviour, arrived).converse, sock=bound))

    def answer() -> None:
        line.recv()
        line.send(list(arrived))
        arrived.clear()

    loop.add_reader(line.fileno(), answer)
    line.send(ports)
    await asyncio.Event().wait()


class _Endpoint:
    def __init__(self, position: int, behaviour: Behaviour, arrived: list[Arrival]) -> None:
        self._position = position
        self._behaviour = behaviour
        self._arrived = arrived

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the requests of one connection, which is kept alive."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                at = time.time()
                headers = _headers(head)
                self._note(at, headers, await reader.readexactly(int(headers["content-length"])))
                await self._answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # The sender has closed it.
        finally:
            writer.close()

    def _note(self, at: float, headers: dict[str, str], body: bytes) -> None:
        event = json.loads(body)
        told_at = datetime.fromisoformat(event["timestamp"]).timestamp()
        key_id = event["data"]["api_key_id"]
        self._arrived.append(Arrival(self._position, at, headers["webhook-id"], told_at, key_id))

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        if self._behaviour is Behaviour.SILENT:
            return
        if self._behaviour is Behaviour.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        writer.write(_BUSY if self._behaviour is Behaviour.BUSY else _OK)
        await writer.drain()


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines if name}
