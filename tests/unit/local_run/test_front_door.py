import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.front_door import MAX_BODY, FrontDoor, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "/_aws/execute-api/abc/$default"


class Emulator:
    """Records what reaches it and answers with the body it got."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "http":
            body = (await receive())["body"]
            await send({"type": "http.response.start", "status": 201, "headers": []})
            await send({"type": "http.response.body", "body": body})


class Stand:
    def __init__(self, tmp_path: Path) -> None:
        self.emulator = Emulator()
        self.logged: list[Mapping[str, Any]] = []
        self.addresses = tmp_path / "addresses.json"
        self.door = FrontDoor(self.emulator, frozenset({3000}), self.addresses, self.logged.append)

    def opened(self) -> "Stand":
        self.addresses.write_text(json.dumps({"http": PREFIX, "websockets": {"/ws": "/_aws/execute-api/def/live"}}))
        return self

    def ask(self, scope: Scope, chunks: list[bytes] | None = None) -> list[Message]:
        incoming = chunks or [b""]
        messages = [
            {"type": "http.request", "body": c, "more_body": i + 1 < len(incoming)} for i, c in enumerate(incoming)
        ]
        sent: list[Message] = []

        async def receive() -> Message:
            return messages.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self.door(scope, receive, send))
        return sent


def request(path: bytes = b"/v1/keys", port: int = 3000, headers: list[tuple[bytes, bytes]] | None = None) -> Scope:
    return {
        "type": "http",
        "method": "POST",
        "path": path.decode(),
        "raw_path": path,
        "query_string": b"a=%2F",
        "headers": headers or [(b"host", b"evil.example")],
        "server": ("127.0.0.1", port),
        "client": ("127.0.0.1", 40000),
    }


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def test_a_request_reaches_the_api_with_its_raw_path_and_body(stand: Stand) -> None:
    sent = stand.opened().ask(request(b"/v1/keys/a%2Fb"), [b"one", b"two"])
    (scope,) = stand.emulator.scopes
    assert scope["raw_path"] == PREFIX.encode() + b"/v1/keys/a%2Fb"
    assert scope["query_string"] == b"a=%2F"
    assert sent[1]["body"] == b"onetwo"
    assert stand.logged[0]["status"] == 201


def test_the_host_is_ours_and_the_client_is_added_to_the_chain(stand: Stand) -> None:
    stand.opened().ask(request(headers=[(b"host", b"s3.evil"), (b"x-forwarded-for", b"1.2.3.4"), (b"x-a", b"b")]))
    headers = stand.emulator.scopes[0]["headers"]
    assert dict(headers) == {
        b"host": b"localhost:3000",
        b"x-a": b"b",
        b"x-forwarded-for": b"1.2.3.4, 127.0.0.1",
        b"x-forwarded-port": b"3000",
        b"x-forwarded-proto": b"http",
    }
    assert len(headers) == 5


def test_other_ports_are_the_emulators_own(stand: Stand) -> None:
    stand.opened().ask(request(port=4566))
    assert stand.emulator.scopes[0]["path"] == "/v1/keys"
    assert stand.logged == []


@pytest.mark.parametrize(
    ("headers", "chunks", "status"),
    [
        ([(b"content-length", str(MAX_BODY).encode())], [b"x" * MAX_BODY], 201),
        ([(b"content-length", str(MAX_BODY + 1).encode())], [b"x" * (MAX_BODY + 1)], 413),
        ([(b"transfer-encoding", b"chunked")], [b"x" * MAX_BODY, b"x"], 413),
        ([(b"x-long", b"x" * 10_240)], [b""], 431),
    ],
)
def test_the_quotas_of_api_gateway(
    stand: Stand, headers: list[tuple[bytes, bytes]], chunks: list[bytes], status: int
) -> None:
    sent = stand.opened().ask(request(headers=headers), chunks)
    assert sent[0]["status"] == status
    assert bool(stand.emulator.scopes) == (status == 201)


def test_it_answers_503_before_the_deployment_and_after_closing(stand: Stand) -> None:
    assert stand.ask(request())[0]["status"] == 503
    stand.opened()
    assert stand.ask(request())[0]["status"] == 201
    stand.door.close()
    assert stand.ask(request())[0]["status"] == 503


def test_websockets_lead_to_their_own_api(stand: Stand) -> None:
    stand.opened().ask({**request(b"/ws"), "type": "websocket"})
    assert stand.emulator.scopes[0]["path"] == "/_aws/execute-api/def/live"
    refused = stand.ask({**request(b"/other"), "type": "websocket"})
    assert refused == [{"type": "websocket.close", "code": 1008}]
