"""API Gateway's side of open WebSockets on loopback: what was posted to each, which are gone, and which hang."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest

from functions.realtime import connections
from hub import aws
from tests.contract.serving import Prompt, serving

SECRET_PLACES = ("authorization", "x-api-token", "token", "sec-websocket-protocol")


class Sockets:
    """Connections as `POST` and `DELETE /@connections/{id}` know them: all are open but those that are `gone`."""

    def __init__(self) -> None:
        self.posted: dict[str, list[Any]] = {}
        self.closed: list[str] = []
        self.gone: set[str] = set()
        self.failing: set[str] = set()
        self.hanging: set[str] = set()
        self.ended = threading.Event()
        self.together = 0
        self._now = 0
        self._lock = threading.Lock()

    def post(self, connection_id: str, body: bytes) -> int:
        with self._lock:
            self._now += 1
            self.together = max(self.together, self._now)
        try:
            if connection_id in self.hanging:
                self.ended.wait(10)
            elif self.posted is not None:
                time.sleep(0.002)
            if connection_id in self.gone:
                return 410
            if connection_id in self.failing:
                return 500
            with self._lock:
                self.posted.setdefault(connection_id, []).append(json.loads(body))
            return 200
        finally:
            with self._lock:
                self._now -= 1


@pytest.fixture
def sockets(aws_in_memory: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sockets]:
    """The loopback server; botocore's client is made anew for it, and again after it."""
    found = Sockets()

    class Answering(Prompt, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(found.post(self._id(), body))

        def do_DELETE(self) -> None:
            found.closed.append(self._id())
            self._answer(410 if self._id() in found.gone else 204)

        def _id(self) -> str:
            return unquote(self.path.rpartition("/")[2])

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if status == 410:
                self.send_header("x-amzn-ErrorType", "GoneException")
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    with serving(server):
        endpoint = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", endpoint)
        aws.forget_clients()
        yield found
        found.ended.set()
    aws.forget_clients()


@pytest.fixture
def aws_in_memory(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The data plane, and the settings of the room's functions."""
    monkeypatch.setenv("PUBLIC_URL", "https://api.example.com")
    monkeypatch.setenv("PUBLIC_TENANT", "")
    connections._settings.cache_clear()
    yield
    connections._settings.cache_clear()


def opening(
    connection_id: str, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """An event of `$connect`, its headers as the client wrote them."""
    return {
        "requestContext": {"routeKey": "$connect", "eventType": "CONNECT", "connectionId": connection_id},
        "headers": dict(headers or {}),
        "queryStringParameters": dict(query) if query else None,
    }
