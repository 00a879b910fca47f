"""The front door: plain addresses (`http://localhost:3000/v1/…`) in front of the emulated APIs.

It stands inside the emulator's server as an ASGI application, so that it costs microseconds: a request on one of its
ports has its path rewritten to the emulated API's own and gets what API Gateway would do before the function is asked.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

# API Gateway's quotas for an HTTP API.
MAX_BODY = 10 * 1024 * 1024
MAX_HEAD = 10_240
# A client that is told 413 while it still sends would see its connection break instead, so this much is read first.
_MAX_DISCARDED = 64 * 1024 * 1024


@dataclass(frozen=True)
class Addresses:
    """Where the emulated APIs answer: `http` is a path prefix, `websockets` maps public paths to prefixes."""

    http: str | None = None
    websockets: Mapping[str, str] = field(default_factory=dict)


class FrontDoor:
    """ASGI application around the emulator's; `addresses` is the file the deployment writes when it is done."""

    def __init__(
        self, emulator: App, ports: frozenset[int], addresses: Path, access_log: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self._emulator = emulator
        self._ports = ports
        self._file = addresses
        self._access_log = access_log
        self._addresses = Addresses()
        self._seen = 0
        self._open = True

    def close(self) -> None:
        """Answer 503 from now on: the emulator is about to write its state."""
        self._open = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event as ASGI prescribes."""
        if scope["type"] == "lifespan" or scope["server"][1] not in self._ports:
            await self._emulator(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = self._current().websockets.get(scope["path"]) if self._open else None
        if prefix is None:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        target = {**scope, "path": prefix, "raw_path": prefix.encode(), "headers": _forwarded(scope)}
        await self._emulator(target, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._answer(scope, receive, send_and_note)
        self._access_log(
            {
                "kind": "access",
                "method": scope["method"],
                "path": scope["raw_path"].decode("latin-1"),
                "status": status,
                "ms": round((time.perf_counter() - started) * 1000, 1),
            }
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = self._current().http if self._open else None
        if prefix is None:
            await _refuse(send, 503, "Service Unavailable")
            return
        if _head_size(scope) > MAX_HEAD:
            await _refuse(send, 431, "Request Header Fields Too Large")
            return
        body = await _read(receive, _declared_length(scope["headers"]))
        if body is None:
            await _refuse(send, 413, "Request Entity Too Large")
            return
        target = {
            **scope,
            "path": prefix + scope["path"],
            "raw_path": prefix.encode() + scope["raw_path"],
            "headers": _forwarded(scope),
        }
        await self._emulator(target, _replay(body, receive), send)

    def _current(self) -> Addresses:
        try:
            changed = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return Addresses()
        if changed != self._seen:
            self._addresses = Addresses(**json.loads(self._file.read_text()))
            self._seen = changed
        return self._addresses


def _forwarded(scope: Scope) -> list[Header]:
    """The request's headers as API Gateway passes them on, under one stable host name."""
    client = (scope.get("client") or ("127.0.0.1", 0))[0]
    port = scope["server"][1]
    known = dict(scope["headers"])
    came_through = known.get(b"x-forwarded-for")
    kept = [(name, value) for name, value in scope["headers"] if name not in _REPLACED]
    chain = f"{came_through.decode('latin-1')}, {client}" if came_through else client
    return [
        *kept,
        (b"host", f"localhost:{port}".encode()),
        (b"x-forwarded-for", chain.encode("latin-1")),
        (b"x-forwarded-port", str(port).encode()),
        (b"x-forwarded-proto", b"http"),
    ]


_REPLACED = {b"host", b"x-forwarded-for", b"x-forwarded-port", b"x-forwarded-proto", b"x-ministack-invoke-depth"}


def _head_size(scope: Scope) -> int:
    line = len(scope["raw_path"]) + len(scope["query_string"])
    return line + sum(len(name) + len(value) for name, value in scope["headers"])


def _declared_length(headers: list[Header]) -> int | None:
    return next((int(value) for name, value in headers if name == b"content-length"), None)


async def _read(receive: Receive, declared: int | None) -> bytes | None:
    """The whole body, or None when it is longer than API Gateway takes (read to its end, within bounds)."""
    chunks: list[bytes] = []
    size = 0
    keep = declared is None or declared <= MAX_BODY
    while size <= _MAX_DISCARDED:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        keep = keep and size <= MAX_BODY
        if keep and chunk:
            chunks.append(chunk)
        if not message.get("more_body", False):
            break
    return b"".join(chunks) if keep else None


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(send: Send, status: int, message: str) -> None:
    body = json.dumps({"message": message}, separators=(",", ":")).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
