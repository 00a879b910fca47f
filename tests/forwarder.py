"""What a tenant has of the forwarder's, as items: accounts, bots, mappings, and rows of messages."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.bots import store as bots
from functions.forwarding.bots.store import Platform, StoredBot
from functions.forwarding.mappings import store as mappings
from functions.forwarding.mappings.store import StoredMapping
from functions.forwarding.messages import store
from functions.forwarding.messages.store import StoredMessage
from hub import connections, connectors, events, times
from hub.events import Caller
from tests.kook import TOKEN

SERVER, CHANNEL = "1234567890", "9876543210"
VERIFY_TOKEN, ENCRYPT_KEY = "xxxxxxxxxxxx", "an-encrypt-key"
WEBHOOK = {"webhook_url": "https://discord.com/api/webhooks/123456/abc-DEF"}


def caller(tenant: str = "default") -> Caller:
    """On whose behalf things of a tenant are written."""
    return Caller(tenant, "enterprise", "user_1", "req_1")


def new_account(
    base_url: str = "http://127.0.0.1:1",
    tenant: str = "default",
    *,
    encrypt_key: str | None = ENCRYPT_KEY,
    **changes: Any,
) -> StoredAccount:
    """An account that is started."""
    account_id, now = accounts.next_id(tenant), times.now_ms()
    config = {"token": TOKEN, "verify_token": VERIFY_TOKEN, "encrypt_key": encrypt_key, "base_url": base_url}
    wanted = connectors.connector("kook").config.model_validate(
        {name: value for name, value in config.items() if value is not None}
    )
    shown, sealed = connections.closed(tenant, accounts.place(account_id), wanted)
    made = StoredAccount(
        id=account_id,
        email=f"{account_id}@example.com",
        status="online",
        is_started=True,
        callback_id=accounts.new_callback_id(),
        config=shown,
        sealed=sealed,
        has_cookie=False,
        has_password=False,
        login=None,
        bot_user_id="364862",
        bot_name="test",
        error=None,
        last_active=now,
        created_at=now,
        updated_at=now,
    )
    made = replace(made, **changes)
    accounts.add(caller(tenant), made)
    return made


def new_bot(
    platform: Platform = "discord", config: Mapping[str, Any] = WEBHOOK, tenant: str = "default", **changes: Any
) -> StoredBot:
    """A bot."""
    bot_id, now = bots.next_id(tenant), times.now_ms()
    shape = connectors.connector(platform).config
    shown, sealed = connections.closed(tenant, bots.place(bot_id), shape.model_validate(config))
    made = replace(StoredBot(bot_id, platform, platform, shown, sealed, "active", None, now, now), **changes)
    bots.add(caller(tenant), made)
    return made


def mapping_to(bot: int, platform: Platform = "discord", tenant: str = "default", **changes: Any) -> StoredMapping:
    """A mapping that is not written yet."""
    [mapping_id] = mappings.next_ids(tenant)
    now = times.now_ms()
    made = StoredMapping(
        id=mapping_id,
        kook_server_id=SERVER,
        kook_channel_id=CHANNEL,
        kook_channel_name="公告频道",
        target_platform=platform,
        target_bot_id=bot,
        target_channel_id="",
        enabled=True,
        created_at=now,
        updated_at=now,
    )
    return replace(made, **changes)


def new_mapping(
    bot: StoredBot, target: str = "", channel: str = CHANNEL, tenant: str = "default", **changes: Any
) -> str:
    """A mapping; answers with its id."""
    made = mapping_to(bot.number, bot.platform, tenant, target_channel_id=target, kook_channel_id=channel, **changes)
    assert mappings.add_many(caller(tenant), [made]) == {}
    return made.id


def row(number: int = 1, **changes: Any) -> StoredMessage:
    """The row of a message that Discord has taken, as document 5 shows one; it is not written yet."""
    now = times.now_ms()
    made = StoredMessage(
        id=f"msg_{number}",
        mapping_id="000000000001",
        number=number,
        bot_id="000000000001",
        channel="channel_456",
        target_platform="discord",
        target_channel="discord_ch_789",
        sender_name="用户A",
        message_type="text",
        content="测试消息",
        status="success",
        error=None,
        latency_ms=1234,
        attempts=1,
        provider_ids=["1"],
        created_at=now,
        updated_at=now,
    )
    return replace(made, **changes)


def forwarded(tenant: str, **changes: Any) -> dict[str, Any]:
    """The bus's event of a message that was forwarded; `changes` are those of its data."""
    data = store.told(row(123, latency_ms=1200)) | {"timestamp": "2025-10-19T15:30:00.123Z"} | changes
    name = "forward.failed" if data["status"] == "failed" else "forward.succeeded"
    detail = events.event(name, caller(tenant), data)
    return {"detail-type": name, "source": "hub.forwarding", "detail": detail}
