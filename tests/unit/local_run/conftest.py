"""What the tests of devices share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.local_run.broker import Broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """The emulator's MQTT broker, corrected."""
    with Broker(tmp_path) as running:
        yield running
