"""Webhook receivers that do wrong on purpose, on raw sockets: no HTTP server would."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

Script = Callable[["Misbehaving", socket.socket], None]

GIGABYTE = 1_000_000_000


class Misbehaving:
    """A context: plays a script on every connection it is given inside it. `sent` counts bytes of bodies."""

    def __init__(self, script: Script) -> None:
        self.connections = 0
        self.sent = 0
        self.closing = threading.Event()
        self._script = script
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/hook"

    def __enter__(self) -> "Misbehaving":
        """Serve."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        self.closing.set()
        self._listener.close()

    def count(self, sent: int) -> None:
        """Note bytes of a body as sent."""
        with self._lock:
            self.sent += sent

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(60)
            self._script(self, connection)


def silent(receiver: Misbehaving, connection: socket.socket) -> None:
    """Accept, read, and never answer."""
    connection.settimeout(0.5)
    while not receiver.closing.is_set():
        try:
            if not connection.recv(65_536):
                return
        except TimeoutError:
            continue


def closing(receiver: Misbehaving, connection: socket.socket) -> None:
    """Close in the middle of the head."""
    del receiver
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")


def flooding(receiver: Misbehaving, connection: socket.socket) -> None:
    """Answer 500 with a gigabyte."""
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 1000000000\r\n\r\n")
    block = bytes(65_536)
    for _ in range(GIGABYTE // len(block)):
        receiver.count(connection.send(block))
