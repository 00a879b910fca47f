"""The deployed template on ports and state of its own: one stack for the whole run, one tenant for each test."""

import secrets
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import FrameType

import pytest

from tests.e2e.receiving import Answer, Receiver
from tests.e2e.running import Client, RunningStack

OpenReceiver = Callable[..., Receiver]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that wait for long, so that no worker is left with one of them at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The running stack; stopped at the end, whatever the end is."""
    previous = signal.signal(signal.SIGTERM, _interrupt)
    running = RunningStack(tmp_path_factory.mktemp("stack"))
    try:
        running.start()
        yield running
    finally:
        running.close()
        signal.signal(signal.SIGTERM, previous)


@pytest.fixture
def api(stack: RunningStack) -> Client:
    """A caller with every permission in a tenant of the test's own."""
    return stack.new_client(f"test-{secrets.token_hex(6)}")


@pytest.fixture
def other_tenant(stack: RunningStack) -> Client:
    """The same in another tenant."""
    return stack.new_client(f"other-{secrets.token_hex(6)}")


@pytest.fixture
def receiver() -> Iterator[OpenReceiver]:
    """Opens webhook receivers: `receiver(Answer(500), Answer(200))`."""
    with ExitStack() as opened:

        def open_receiver(*answers: Answer, otherwise: Answer | None = None) -> Receiver:
            return opened.enter_context(Receiver(*answers, otherwise=otherwise))

        yield open_receiver


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End as a Ctrl-C does, fixtures and all: what runs tests under a time limit sends SIGTERM."""
    del number, frame
    raise KeyboardInterrupt
