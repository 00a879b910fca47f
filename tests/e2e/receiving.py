"""A webhook receiver that answers as it is told to and remembers all it got."""

import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.e2e.polling import eventually


@dataclass(frozen=True)
class Answer:
    """One scripted answer: `after` seconds; `broken` closes the connection instead of answering."""

    status: int = 200
    after: float = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    broken: bool = False


@dataclass(frozen=True)
class Received:
    """One request; `at` in epoch seconds, header names in lower case."""

    at: float
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The parsed body."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


class Receiver:
    """A context: serves on loopback inside it. `answers` are given in turn, then `otherwise` for ever."""

    def __init__(self, *answers: Answer, otherwise: Answer | None = None) -> None:
        self.otherwise = otherwise or Answer()
        self._answers = list(answers)
        self._received: list[Received] = []
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._port = 0

    def __enter__(self) -> "Receiver":
        """Open it, on the port it had before if there was one."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Stop listening and break every connection; the port stays this receiver's for a later `with`."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}/hook"

    @property
    def received(self) -> list[Received]:
        """Everything so far, in the order of arrival."""
        with self._lock:
            return list(self._received)

    def about(self, name: str) -> list[Received]:
        """What has arrived about the thing of this name."""
        return [one for one in self.received if one.event["data"].get("name") == name]

    def wait_for(self, count: int, seconds: float = 20) -> list[Received]:
        """Wait until `count` requests have arrived."""
        eventually(lambda: len(self.received) >= count, f"{count} requests at {self.url}", seconds)
        return self.received

    def take(self, request: Received) -> Answer:
        """Note a request and choose its answer."""
        with self._lock:
            self._received.append(request)
            return self._answers.pop(0) if self._answers else self.otherwise


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], receiver: Receiver) -> None:
        self.receiver = receiver
        self.connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # The other side was first.


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 60

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def do_POST(self) -> None:
        at = time.time()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.receiver.take(Received(at, self.path, headers, body))
        time.sleep(answer.after)
        if answer.broken:
            self.close_connection = True
            return
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            self.close_connection = True  # The sender did not wait for this answer.

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing; the test looks at `received`."""
