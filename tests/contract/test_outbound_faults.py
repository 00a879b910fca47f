"""Receivers that do wrong on purpose: each gives its own error in time, and none makes the client read for ever.

Raw sockets on loopback, because no HTTP server would send these.
"""

import socket
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import connection_pools, outbound

Script = Callable[[socket.socket], None]
Serve = Callable[..., "Server"]

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\nok"
GIGABYTE = 1_000_000_000
MOST_SENT = 32_000_000
"""More than two sockets' buffers hold, far less than a gigabyte."""
MOST_KEPT = 3_000_000


@dataclass
class Server:
    """Plays a script on every connection, each in a thread of its own; `sent` counts the bytes that it could send."""

    script: Script
    address: str
    port: int = 0
    connections: int = 0
    sent: int = 0
    closed: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.address}:{self.port}/hook"

    def accept(self, listener: socket.socket) -> None:
        """Serve until the listener is closed."""
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(20)
            self.script(connection)
        self.closed.set()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Opens servers: `serve(script)`, on another loopback address or a given port when told to."""
    with ExitStack() as opened:

        def open_server(script: Script, address: str = "127.0.0.1", port: int = 0) -> Server:
            listener = opened.enter_context(closing(socket.create_server((address, port))))
            server = Server(script, address, listener.getsockname()[1])
            Thread(target=server.accept, args=(listener,), daemon=True).start()
            return server

        yield open_server


@pytest.fixture(autouse=True)
def loopback_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_settings", lambda: outbound.OutboundSettings(allow_loopback_targets=True))


def request_from(connection: socket.socket) -> bytes:
    """Read one request with the body `{}`; empty when the other side is gone."""
    read = b""
    while not read.endswith(b"\r\n\r\n{}"):
        part = connection.recv(65_536)
        if not part:
            return b""
        read += part
    return read


def send(server: Server, seconds: float = 5, **more: Any) -> outbound.Response:
    return outbound.send("POST", server.url, headers={}, body=b"{}", seconds=seconds, **more)


def answering(*answers: bytes) -> Script:
    """One answer for each request of a connection; then it is closed."""

    def script(connection: socket.socket) -> None:
        for answer in answers:
            if not request_from(connection):
                return
            connection.sendall(answer)

    return script


def for_ever(beginning: bytes, piece: bytes, server: list[Server]) -> Script:
    """Sends pieces until a gigabyte is sent or the connection is cut."""

    def script(connection: socket.socket) -> None:
        request_from(connection)
        connection.sendall(beginning)
        block = piece * max(1, 65_536 // len(piece))
        while server[0].sent < GIGABYTE:
            server[0].sent += connection.send(block)

    return script


ENDLESS = {
    "a body of its stated length": (HEAD + b"Content-Length: 1000000000\r\n\r\n", b"x", None),
    "a body of no stated length": (HEAD + b"\r\n", b"x", None),
    "a body of an absurd length": (HEAD + b"Content-Length: " + b"9" * 300 + b"\r\n\r\n", b"x", None),
    "one chunk": (CHUNKED + b"3b9aca00\r\n", b"x", None),
    "small chunks": (CHUNKED, b"1\r\nx\r\n", None),
    "chunks with extensions": (CHUNKED, b"1;" + b"e" * 100 + b"\r\nx\r\n", None),
    "zipped": (HEAD + b"Content-Encoding: gzip\r\n\r\n" + zlib.compress(bytes(100_000_000), 1, 31), b"\0", None),
    "a chunk of a length below zero": (CHUNKED + b"-1\r\n", b"x", "bad_answer"),
    "the length of a chunk": (CHUNKED, b"0", "bad_answer"),
    "the extension of a chunk": (CHUNKED + b"1;", b"e", "bad_answer"),
    "trailers": (CHUNKED + b"0\r\n", b"X: a\r\n", "bad_answer"),
    "a trailer": (CHUNKED + b"0\r\nX: ", b"a", "bad_answer"),
    "headers": (HEAD, b"X: a\r\n", "bad_answer"),
    "large headers": (HEAD, b"X: " + b"a" * 60_000 + b"\r\n", "bad_answer"),
    "a header": (HEAD + b"X: ", b"a", "bad_answer"),
    "the name of a header": (HEAD, b"a", "bad_answer"),
    "the status line": (b"HTTP/1.1 200 ", b"a", "bad_answer"),
    "no line at all": (b"", b"a", "bad_answer"),
    "empty lines": (b"", b"\r\n", "bad_answer"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "bad_answer"),
    "100 Continue with headers": (b"", b"HTTP/1.1 100 Continue\r\nX: " + b"a" * 1000 + b"\r\n\r\n", "bad_answer"),
    "102 Processing": (b"", b"HTTP/1.1 102 Processing\r\n\r\n", "bad_answer"),
    "103 Early Hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "bad_answer"),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_what_never_ends_is_not_read_to_its_end(serve: Serve, case: str) -> None:
    beginning, piece, reason = ENDLESS[case]
    found: list[Server] = []
    found.append(serve(for_ever(beginning, piece, found)))
    tracemalloc.start()
    try:
        if reason is None:
            answer = send(found[0], 60, max_response_bytes=1024)
            assert (answer.status, len(answer.body)) == (200, 1024)
        else:
            with pytest.raises(outbound.OutboundError) as caught:
                send(found[0], 60, max_response_bytes=1024)
            assert caught.value.reason == reason
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_KEPT, "its memory is bounded"
    assert found[0].closed.wait(10), "the connection is closed"
    assert found[0].sent < MOST_SENT, "most of it was never taken off the network"


def test_a_zipped_body_is_given_as_it_came(serve: Serve) -> None:
    bomb = zlib.compress(bytes(100_000_000), 1, 31)
    head = HEAD + f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    assert send(serve(answering(head + bomb))).body == bomb[: outbound.MAX_RESPONSE_BYTES]


def test_an_answer_is_taken_once_its_limit_is_reached_though_more_is_to_come(serve: Serve) -> None:
    done = Event()

    def stall(connection: socket.socket) -> None:
        request_from(connection)
        connection.sendall(HEAD + b"Content-Length: 4096\r\n\r\n" + b"x" * 1024)
        done.wait(20)

    answer = send(serve(stall), max_response_bytes=1024)
    done.set()
    assert (answer.status, answer.body) == (200, b"x" * 1024)


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"H",
        b"HTTP/1.1 200",
        HEAD,
        HEAD + b"Content-",
        HEAD + b"Content-Length: 2",
        HEAD + b"Content-Length: 2\r\n",
        HEAD + b"Content-Length: 2\r\n\r\n",
        HEAD + b"Content-Length: 2\r\n\r\no",
        CHUNKED,
        CHUNKED + b"5",
        CHUNKED + b"5\r\n",
        CHUNKED + b"5\r\nab",
        CHUNKED + b"2\r\nab\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    ],
)
def test_a_connection_that_ends_before_its_answer_is_told(serve: Serve, part: bytes) -> None:
    with pytest.raises(outbound.OutboundError) as caught:
        send(serve(answering(part)))
    assert caught.value.reason == "closed_early"


@pytest.mark.parametrize("reads_first", [True, False], ids=["after the request", "at once"])
def test_a_connection_that_is_reset_is_told(serve: Serve, reads_first: bool) -> None:
    def reset(connection: socket.socket) -> None:
        if reads_first:
            request_from(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with pytest.raises(outbound.OutboundError) as caught:
        send(serve(reset))
    # A connection that is reset at once may never have stood for the client.
    assert caught.value.reason in ({"closed_early"} if reads_first else {"closed_early", "unreachable"})


@pytest.mark.parametrize(
    "junk",
    [
        b"<html>An answer of HTTP/0.9</html>\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 000 OK\r\n\r\n",
        b"HTTP/1.1 1000 OK\r\n\r\n",
        b"HTTP/1.1 -200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"220 mail.example.com ESMTP\r\n",
        b"-ERR unknown command 'POST'\r\n",
        b"\x15\x03\x01\x00\x02\x02\n",
        b"\x00\xff\xfe\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"0x2\r\nok\r\n\r\n",
        CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_what_is_no_http_is_told(serve: Serve, junk: bytes) -> None:
    with pytest.raises(outbound.OutboundError) as caught:
        send(serve(answering(junk)))
    assert caught.value.reason == "bad_answer"


def test_a_receiver_that_accepts_and_never_answers_is_left_in_time(serve: Serve) -> None:
    left = Event()

    def wait(connection: socket.socket) -> None:
        request_from(connection)
        if connection.recv(1) == b"":
            left.set()

    with pytest.raises(outbound.TimedOut):
        send(serve(wait), seconds=0.3)
    assert left.wait(10), "and its connection is closed"


def test_a_receiver_that_does_not_even_accept_is_left_in_time() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(outbound.TimedOut):
            outbound.send("POST", url, headers={}, body=b"{}", seconds=0.3)


def test_a_receiver_that_reads_nothing_of_a_large_body_is_left_in_time(serve: Serve) -> None:
    done = Event()
    server = serve(lambda _: done.wait(20) and None)
    with pytest.raises(outbound.TimedOut):
        outbound.send("POST", server.url, headers={}, body=b"x" * 50_000_000, seconds=0.3)
    done.set()


DRIPPING = {
    "a status line": (b"HTTP/1.1 200 ", b"a"),
    "a header": (HEAD + b"X: ", b"a"),
    "headers": (HEAD, b"X: a\r\n"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body of no stated length": (HEAD + b"\r\n", b"a"),
    "a body of a stated length": (HEAD + b"Content-Length: 100000\r\n\r\n", b"a"),
    "a body before the end of the connection": (HEAD + b"Connection: close\r\nContent-Length: 99999\r\n\r\n", b"a"),
    "chunks": (CHUNKED, b"1\r\na\r\n"),
    "the length of a chunk": (CHUNKED, b"0"),
    "trailers": (CHUNKED + b"0\r\n", b"X: a\r\n"),
    "empty lines": (CHUNKED + b"0\r\n", b"a"),
}


def dripping(beginning: bytes, drop: bytes) -> Script:
    """One drop after the other until the connection is cut, or for longer than any test waits."""

    def script(connection: socket.socket) -> None:
        request_from(connection)
        connection.sendall(beginning)
        for _ in range(1500):
            connection.sendall(drop)
            Event().wait(0.02)

    return script


@pytest.mark.parametrize("case", DRIPPING)
def test_what_drips_is_cut_in_time(serve: Serve, case: str) -> None:
    server = serve(dripping(*DRIPPING[case]))
    with pytest.raises(outbound.TimedOut):
        send(server, seconds=0.4)
    assert server.closed.wait(10), "the connection is closed"


def test_what_drips_is_cut_when_connecting_took_all_the_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = urllib3.util.connection.create_connection

    def connect_late(*given: Any, **named: Any) -> socket.socket:
        line: socket.socket = connect(*given, **named)
        Event().wait(0.5)
        return line

    monkeypatch.setattr(urllib3.util.connection, "create_connection", connect_late)
    server = serve(dripping(HEAD + b"X: ", b"a"))
    with pytest.raises(outbound.TimedOut):
        send(server, seconds=0.3)
    assert server.closed.wait(10), "the connection is closed"


def test_a_connection_is_kept_for_the_next_request(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(answering(WHOLE, WHOLE, WHOLE))
    assert [send(server).body for _ in range(2)] == [b"ok", b"ok"]
    assert server.connections == 1
    monkeypatch.setattr(connection_pools, "KEPT_SECONDS", 0)
    assert send(server).body == b"ok"
    assert server.connections == 2, "one that was not used for long is not trusted"


def test_a_kept_connection_that_the_receiver_closed_is_not_used(serve: Serve) -> None:
    server = serve(answering(WHOLE))
    for expected in (1, 2, 3):
        server.closed.clear()
        assert send(server).status == 200
        assert server.closed.wait(10)
        assert server.connections == expected


def test_an_answer_that_nobody_asked_for_is_not_the_next_requests(serve: Serve) -> None:
    forged = HEAD + b"Content-Length: 6\r\n\r\nforged"
    server = serve(answering(WHOLE + forged, WHOLE + forged, WHOLE))
    assert [send(server).body for _ in range(3)] == [b"ok", b"ok", b"ok"]


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_an_interim_answer_is_not_the_answer(serve: Serve, interim: str) -> None:
    first = f"HTTP/1.1 {interim}\r\nLink: </a>\r\n\r\n".encode()
    server = serve(answering(first + first + WHOLE, b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"))
    assert [send(server).status for _ in range(2)] == [200, 410]
    assert server.connections == 1


def test_a_name_that_moves_leaves_its_kept_connection(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    first = serve(answering(WHOLE, WHOLE, WHOLE))
    second = serve(answering(WHOLE, WHOLE), "127.0.0.2", first.port)
    leads_to = ["127.0.0.1"]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, port, *_, **__: [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in (leads_to if "." in host[4:] else [host])
        ],
    )
    real_connections = (first, second)

    def attempt() -> tuple[int, ...]:
        outbound.send("POST", f"http://moving.example.com:{first.port}/", headers={}, body=b"{}")
        return tuple(server.connections for server in real_connections)

    assert attempt() == (1, 0)
    leads_to[:] = ["127.0.0.2"]
    assert attempt() == (1, 1), "the address that was checked is the one that is used"
    leads_to[:] = ["127.0.0.1", "10.0.0.1"]
    with pytest.raises(outbound.AddressRefused):
        attempt()
    leads_to[:] = ["169.254.169.254"]
    with pytest.raises(outbound.AddressRefused):
        attempt()


_PIECES = st.sampled_from(
    [
        b"HTTP/1.1 ",
        b"HTTP/1.0 200 OK",
        b"200 OK",
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"Content-Length: ",
        b"-1",
        b"0",
        b"5",
        b"99999999999999999999",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Content-Encoding: gzip, br, zstd",
        b"Connection: keep-alive",
        b"Set-Cookie: a=b",
        b": ",
        b" ",
        b"\t",
        b"\0",
        b"\xff\xfe",
        b"hello",
        b";",
        b"ffffffffffffffff",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Hints\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        HEAD,
        CHUNKED,
    ]
)


@settings(deadline=None)
@given(st.lists(st.one_of(_PIECES, st.binary(max_size=5)), max_size=12))
def test_no_answer_raises_anything_else(pieces: list[bytes]) -> None:
    answer = b"".join(pieces)
    with pytest.MonkeyPatch.context() as patch, closing(socket.create_server(("127.0.0.1", 0))) as listener:
        patch.setattr(outbound, "_settings", lambda: outbound.OutboundSettings(allow_loopback_targets=True))
        server = Server(answering(answer), "127.0.0.1", listener.getsockname()[1])
        Thread(target=server.accept, args=(listener,), daemon=True).start()
        with suppress(outbound.OutboundError):
            assert 200 <= send(server).status <= 999
