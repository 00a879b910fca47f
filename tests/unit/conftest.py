"""What tests of several rooms start from."""

from collections.abc import Iterator

import pytest

from tests.contract.sign_in_server import Server, running
from tests.unit.samples import know, sample


@pytest.fixture
def server() -> Iterator[Server]:
    """A deployment with one tenant, and its identity room."""
    with running():
        yield Server("default")


@pytest.fixture
def tenant(server: Server) -> str:
    """An access token of the tenant's administrator: what it takes to accept one is every endpoint's to be allowed."""
    made = server.request("POST", "/api/auth/login", body={"email": server.email, "password": server.password})
    return str(made.json()["token"])


@pytest.fixture
def sample_key(aws: None) -> None:
    """The API key that the samples of requests carry."""
    know(sample("ApiKeysFunction")["headers"]["authorization"].removeprefix("Bearer "), "admin")
