"""What tests of forwarding share: rows of messages; accounts, bots and mappings as the room's other parts find them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.bots import store as bots
from functions.forwarding.bots.store import StoredBot
from functions.forwarding.mappings import store as mappings
from functions.forwarding.mappings.store import StoredMapping
from functions.forwarding.messages.store import StoredMessage
from hub import connections, times
from hub.connectors.discord import DiscordConfig
from hub.connectors.kook import KookConfig
from hub.events import Caller
from hub.store import sequences
from tests.unit.forwarding.flow import discord, telegram, worker

__all__ = ["discord", "telegram", "worker"]

CALLER = Caller("default", "enterprise", "user_1", "req_1")
TENANT = "acme"

Maker = Callable[..., Any]


@pytest.fixture
def account(aws: None) -> Maker:
    """Makes an account with a token."""

    def make(email: str = "user@example.com", **more: Any) -> StoredAccount:
        account_id, now = accounts.next_id(TENANT), times.now_ms()
        config, sealed = connections.closed(TENANT, accounts.place(account_id), KookConfig(token="1/MTA2MjE=/bot"))
        made = StoredAccount(
            id=account_id,
            email=email,
            status="offline",
            is_started=False,
            callback_id=accounts.new_callback_id(),
            config=config,
            sealed=sealed,
            has_cookie=False,
            has_password=False,
            login=None,
            bot_user_id=None,
            bot_name=None,
            error=None,
            last_active=None,
            created_at=now,
            updated_at=now,
        )
        made = replace(made, **more)
        accounts.add(TENANT, made)
        return made

    return make


@pytest.fixture
def bot(aws: None) -> Maker:
    """Makes a bot of Discord's."""

    def make(name: str = "公告", **more: Any) -> StoredBot:
        bot_id, now = bots.next_id(TENANT), times.now_ms()
        wanted = DiscordConfig(webhook_url="https://discord.com/api/webhooks/123456/abc-DEF")
        config, sealed = connections.closed(TENANT, bots.place(bot_id), wanted)
        made = StoredBot(
            id=bot_id,
            platform="discord",
            name=name,
            config=config,
            sealed=sealed,
            status="active",
            error=None,
            created_at=now,
            updated_at=now,
        )
        made = replace(made, **more)
        bots.add(TENANT, made)
        return made

    return make


@pytest.fixture
def mapping() -> Maker:
    """Makes a mapping that is not written yet."""

    def make(channel: str = "9876543210", bot: int = 1, **more: Any) -> StoredMapping:
        now = times.now_ms()
        made = StoredMapping(
            id=sequences.padded(1),
            kook_server_id="1234567890",
            kook_channel_id=channel,
            kook_channel_name="公告频道",
            target_platform="discord",
            target_bot_id=bot,
            target_channel_id="discord_channel_123",
            enabled=True,
            created_at=now,
            updated_at=now,
        )
        (mapping_id,) = mappings.next_ids(TENANT)
        return replace(made, id=mapping_id, **more)

    return make


def row(number: int = 1, **changes: Any) -> StoredMessage:
    """A forwarded message's row."""
    made = StoredMessage(
        id=f"msg_{number}",
        mapping_id="000000000001",
        number=number,
        bot_id="000000000001",
        channel="9876543210",
        target_platform="discord",
        target_channel="",
        sender_name="用户A",
        message_type="text",
        content="测试消息",
        status="success",
        error=None,
        latency_ms=1234,
        attempts=1,
        provider_ids=["1"],
        created_at=times.now_ms(),
        updated_at=times.now_ms(),
    )
    return replace(made, **changes)
