"""The stack that a load runs on."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.running import RunningStack


@contextmanager
def own_stack() -> Iterator[RunningStack]:
    """A stack of its own with nothing in it; it goes with all it has."""
    with tempfile.TemporaryDirectory(prefix="hub-load-") as folder:
        stack = RunningStack(Path(folder) / "state")
        try:
            stack.start()
            yield stack
        finally:
            stack.close()
