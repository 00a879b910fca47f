"""One tenant for the tests of a file, in memory; what a test changes of users and applications it makes itself."""

import secrets
from collections.abc import Iterator

import pytest

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
