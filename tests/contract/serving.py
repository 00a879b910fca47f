"""HTTP servers on loopback that keep no test waiting."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from threading import Event, Thread


class Prompt:
    """What a `BaseHTTPRequestHandler` is to be besides: it keeps connections open and says nothing of what it does."""

    protocol_version = "HTTP/1.1"
    # A body behind its head would wait until the head is acknowledged, which takes 40 ms.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing; tests look at what was asked."""


@contextmanager
def serving(server: HTTPServer) -> Iterator[None]:
    """Have a server answer inside. `serve_forever` looks only now and then whether it shall end."""
    ended = Event()

    def serve() -> None:
        while not ended.is_set():
            server.handle_request()

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        socket.create_connection(("127.0.0.1", server.server_port)).close()
        thread.join()
        server.server_close()
