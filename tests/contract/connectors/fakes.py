"""A provider on loopback: gives the answers that a test scripts, in turn, and keeps what it was asked."""

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.contract.serving import Prompt, serving


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `is_cut` closes the connection within the body, `is_silent` says nothing until the fake closes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_cut: bool = False
    is_silent: bool = False


def told(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer in JSON; `body` as text or bytes stands as the provider's documentation has it."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return Reply(status, raw, {"Content-Type": "application/json", **(headers or {})})


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def picture(content: bytes = PNG, headers: Mapping[str, str] | None = None) -> Reply:
    """A file's server's answer."""
    return Reply(200, content, {"Content-Type": "image/png", **(headers or {})})


SILENT = Reply(is_silent=True)
CLOSED_EARLY = Reply(body=b'{"ok": true', is_cut=True)
GARBAGE = Reply(body=b"<!doctype html><title>Welcome to this hotel's network</title>")
OUT_OF_ORDER = Reply(502, b"<html><h1>502 Bad Gateway</h1></html>")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: header names in lower case, the query of the path apart."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, tuple[str, str, Any]]:
        """The parts of a multipart body, read by the standard library: file name, type and content by name."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        return {
            str(part.get_param("name", header="content-disposition")): (
                part.get_filename() or "",
                part.get_content_type(),
                part.get_payload(decode=True),
            )
            for part in BytesParser(policy=HTTP).parsebytes(head + self.body).iter_parts()
        }


class Fake:
    """A context: serves on loopback inside it. A request beyond the scripted ones is answered with a 599."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[Asked] = []
        self.closing = Event()
        self._server = _Server(("127.0.0.1", 0), self)
        self._serving = ExitStack()

    def __enter__(self) -> Self:
        """Serve."""
        self._serving.enter_context(serving(self._server))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        self.closing.set()
        self._serving.close()

    @property
    def url(self) -> str:
        """Where it listens; a config's `base_url`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, asked: Asked) -> Reply:
        """The next scripted answer; a fake that knows its own overrides it."""
        return self.replies.pop(0) if self.replies else Reply(599, b"no answer was scripted for this request")

    def will(self, *replies: Reply) -> "Fake":
        """Give these answers next, after those that are left."""
        self.replies.extend(replies)
        return self


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], fake: Fake) -> None:
        self.fake = fake
        super().__init__(address, _Handler)


class _Handler(Prompt, BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def handle(self) -> None:
        with suppress(ConnectionError):  # Who calls is killed in some tests.
            super().handle()

    def do_POST(self) -> None:
        fake = self.server.fake
        address = urlsplit(self.path)
        asked = Asked(
            self.command,
            address.path,
            dict(parse_qsl(address.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        fake.asked.append(asked)
        reply = fake.answer(asked)
        if reply.is_silent:
            fake.closing.wait(10)
            self.close_connection = True
            return
        try:
            self._answer(reply)
        except OSError:
            self.close_connection = True  # The connector did not wait for this answer.

    def do_GET(self) -> None:
        self.do_POST()

    def do_PUT(self) -> None:
        self.do_POST()

    def do_PATCH(self) -> None:
        self.do_POST()

    def do_DELETE(self) -> None:
        self.do_POST()

    def do_HEAD(self) -> None:
        self.do_POST()

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) + reply.is_cut))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        if reply.is_cut:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
