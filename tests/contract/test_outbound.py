"""The outbound client over real connections, to receivers on loopback."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from threading import Thread

import pytest

from hub import outbound


@dataclass
class Receiver:
    """Accepts connections, keeps the head and body of each request, and answers with the bytes it was given."""

    answers: list[bytes]
    requests: list[bytes] = field(default_factory=list)
    port: int = 0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver([])
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        found.port = server.getsockname()[1]
        Thread(target=_serve, args=(server, found), daemon=True).start()
        yield found


def _serve(server: socket.socket, receiver: Receiver) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(5)
            receiver.requests.append(_request(connection))
            answer = receiver.answers.pop(0)
            try:
                connection.sendall(answer)
                if not answer.endswith(b"\n"):
                    connection.recv(1)
            except OSError:
                continue


def _request(connection: socket.socket) -> bytes:
    """A request whole, or what came of it before the other side closed or spoke something else."""
    read = b""
    while part := connection.recv(65_536):
        read += part
        if not read.startswith(b"POST"):
            break
        head, _, body = read.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        if b"\r\n\r\n" in read and len(body) >= int(length[1] if length else 0):
            break
    return read


@pytest.fixture(autouse=True)
def loopback_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_settings", lambda: outbound.OutboundSettings(allow_loopback_targets=True))


def answer(status: str, body: bytes = b"ok\n", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def send(receiver: Receiver, host: str = "127.0.0.1", **more: object) -> outbound.Response:
    return outbound.send("POST", f"http://{host}:{receiver.port}/a?b=c", headers={"X-A": "1"}, body=b"{}", **more)  # type: ignore[arg-type]


def test_a_request_goes_out_as_it_was_given(receiver: Receiver) -> None:
    receiver.answers = [answer("201 Created", b"made\n", "X-B: 2")]
    response = send(receiver)
    assert (response.status, response.body, response.headers["x-b"]) == (201, b"made\n", "2")
    assert 0 <= response.milliseconds < 5000
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /a?b=c HTTP/1.1"
    assert {f"Host: 127.0.0.1:{receiver.port}", f"User-Agent: {outbound.USER_AGENT}", "X-A: 1"} <= set(lines)
    assert body == b"{}"


def test_the_host_header_is_the_name_and_the_connection_the_address(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    asked: list[str] = []

    def look_up(host: str, *given: object, **named: object) -> object:
        asked.append(str(host))
        return real("127.0.0.1", *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    receiver.answers = [answer("200 OK")]
    assert send(receiver, "hooks.example.com").status == 200
    assert f"Host: hooks.example.com:{receiver.port}\r\n".encode() in receiver.requests[0]
    assert asked[0] == "hooks.example.com"
    assert set(asked[1:]) <= {"127.0.0.1"}, "the name is not looked up again"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_is_an_answer_and_not_followed(receiver: Receiver, status: str) -> None:
    receiver.answers = [
        answer(status, b"\n", f"Location: http://127.0.0.1:{receiver.port}/elsewhere"),
        answer("200 OK"),
    ]
    assert send(receiver).status == int(status[:3])
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", ["500 Error", "503 Unavailable", "429 Slow", "410 Gone"])
def test_an_error_is_an_answer_and_not_tried_again(receiver: Receiver, status: str) -> None:
    receiver.answers = [answer(status, b"\n", "Retry-After: 1"), answer("200 OK")]
    assert send(receiver).status == int(status[:3])
    assert len(receiver.requests) == 1


def test_a_body_without_end_is_cut(receiver: Receiver) -> None:
    receiver.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 100_000]
    assert send(receiver, max_response_bytes=1000).body == b"x" * 1000


def test_a_compressed_body_is_not_unpacked(receiver: Receiver) -> None:
    packed = b"\x1f\x8b\x08 a bomb\n"
    receiver.answers = [answer("200 OK", packed, "Content-Encoding: gzip")]
    assert send(receiver).body == packed


@pytest.mark.parametrize(
    "silent",
    [b"", b"HTTP/1.1 200 OK\r\nContent-", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"],
    ids=["nothing", "half a head", "half a body"],
)
def test_an_answer_that_does_not_come_times_out(receiver: Receiver, silent: bytes) -> None:
    receiver.answers = [silent]
    with pytest.raises(outbound.TimedOut) as caught:
        send(receiver, seconds=0.3)
    assert caught.value.reason == "timed_out"


def test_no_proxy_of_the_environment_comes_between(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    receiver.answers = [answer("200 OK")]
    assert send(receiver).status == 200


def test_a_closed_port_is_unreachable() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    with pytest.raises(outbound.OutboundError) as caught:
        outbound.send("POST", f"http://127.0.0.1:{port}/", headers={})
    assert caught.value.reason == "unreachable"
