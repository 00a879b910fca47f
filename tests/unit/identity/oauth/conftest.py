"""One tenant for the tests of a file, in memory; what a test changes of users and applications it makes itself."""

import secrets
import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient

from tests.contract.sign_in_server import App, Browser, Pkce, Server, User, running


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running():
        yield Server(f"t-{secrets.token_hex(4)}")


@pytest.fixture
def app(server: Server) -> App:
    return server.app()


@pytest.fixture
def public_app(server: Server) -> App:
    return server.app(client_type="public")


@pytest.fixture(scope="module")
def user(server: Server) -> User:
    """A member whom no test changes."""
    return server.user()


@pytest.fixture
def pkce() -> Pkce:
    return Pkce()


@pytest.fixture
def browser(server: Server) -> Browser:
    return Browser(server)


@pytest.fixture
def code(app: App, user: User, browser: Browser, pkce: Pkce) -> str:
    """A code of `app` under `pkce`."""
    return browser.code(app.url(**pkce.asked), user)


@pytest.fixture
def atomic_calls() -> Iterator[None]:
    """Each DynamoDB call happens as a whole, as on AWS: moto's transactions are not safe between threads."""
    lock = threading.Lock()
    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def one_at_a_time(self: Any, *arguments: Any) -> Any:
        with lock:
            return real(self, *arguments)

    with patch.object(BaseClient, "_make_api_call", one_at_a_time):
        yield
