"""Accounts, bots and mappings as the room's other parts find them, and the way from KOOK to a target."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.forwarding.bots.store import StoredBot
from functions.forwarding.mappings.store import StoredMapping
from tests import forwarder
from tests.unit.forwarding.flow import account, discord, quick, telegram, worker

__all__ = ["account", "discord", "quick", "telegram", "worker"]

TENANT = "acme"
CALLER = forwarder.caller(TENANT)

Maker = Callable[..., Any]


@pytest.fixture
def bot(aws: None) -> Maker:
    """Makes a bot of Discord's."""

    def make(name: str = "公告", **more: Any) -> StoredBot:
        return forwarder.new_bot(tenant=TENANT, name=name, **more)

    return make


@pytest.fixture
def mapping() -> Maker:
    """Makes a mapping that is not written yet."""

    def make(channel: str = forwarder.CHANNEL, bot: int = 1, **more: Any) -> StoredMapping:
        wanted = {"kook_channel_id": channel, "target_channel_id": "discord_channel_123", **more}
        return forwarder.mapping_to(bot, tenant=TENANT, **wanted)

    return make
