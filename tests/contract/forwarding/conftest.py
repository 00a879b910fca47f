"""KOOK on loopback, and what a test asks of a group of document 5."""

from collections.abc import Iterator

import pytest

from tests.kook import Kook


@pytest.fixture
def kook() -> Iterator[Kook]:
    """KOOK, with a bot in one server."""
    with Kook() as fake:
        fake.server("1234567890", "游戏公会", ("9876543210", "公告频道"), ("9876543211", "闲聊"), category="文字频道")
        yield fake
