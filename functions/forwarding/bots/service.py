"""What can be done with bots."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions.forwarding import lists
from functions.forwarding.bots import places, store
from functions.forwarding.bots.models import (
    AddedBot,
    Bot,
    BotChange,
    BotList,
    BotParameters,
    BotTest,
    BotTested,
    NewBot,
    OneBot,
)
from functions.forwarding.bots.store import StoredBot
from hub import connections, connectors, ids, times
from hub.connectors import configs
from hub.connectors.protocol import Account, Config, Disabled, Outgoing, ProviderError, Temporary
from hub.errors import HubError, Unavailable, Unprocessable
from hub.events import Caller
from hub.outcomes import Trouble
from hub.store import sequences, versioned
from hub.web.localisation import Language, text

MAX_BOTS = 50
"""Of a tenant: lists show them all."""


def add(caller: Caller, wanted: NewBot, language: Language) -> AddedBot:
    """Make a bot; its platform is not asked.

    Raises `InvalidRequest` for a config that the platform does not take, `Unprocessable` over the quota.
    """
    config = configs.checked(wanted.platform, wanted.config)
    if store.count(caller.tenant, MAX_BOTS) >= MAX_BOTS:
        raise Unprocessable("quota_exceeded", code="QUOTA_EXCEEDED", limit=MAX_BOTS)
    bot_id, now = store.next_id(caller.tenant), times.now_ms()
    shown_config, sealed = connections.closed(caller.tenant, store.place(bot_id), config)
    bot = StoredBot(
        id=bot_id,
        platform=wanted.platform,
        name=wanted.name,
        config=shown_config,
        sealed=sealed,
        status=wanted.status,
        error=None,
        created_at=now,
        updated_at=now,
    )
    store.add(caller, bot)
    return {"message": text("bot_added", language), "bot_id": bot.number}


def listed(tenant: str, query: BotParameters) -> BotList:
    """List bots, the oldest first; those of a platform."""
    bots = [bot for bot in store.everything(tenant) if query.platform in (None, bot.platform)]
    found: BotList = lists.listed(bots, query, shown)
    return found


def get(tenant: str, bot_id: str) -> OneBot:
    """Show a bot."""
    return {"data": shown(store.get(tenant, sequences.place(bot_id)))}


def change(caller: Caller, bot_id: str, wanted: BotChange) -> OneBot:
    """Change the fields that were sent; whatever else of it changes meanwhile stays."""
    sent = wanted.changes()
    place = sequences.place(bot_id)

    def once() -> OneBot:
        before = store.get(caller.tenant, place, consistent=True)
        after = _changed(caller.tenant, before, sent)
        return {"data": shown(before if after == before else _replaced(caller, before, after))}

    return versioned.retried(once)


def delete(caller: Caller, bot_id: str) -> None:
    """Delete a bot that no mapping names. Raises `Conflict` (`BOT_IN_USE`)."""
    place = sequences.place(bot_id)
    versioned.retried(lambda: store.remove(caller, store.get(caller.tenant, place, consistent=True)))


def test(caller: Caller, bot_id: str, wanted: BotTest, language: Language) -> BotTested:
    """Have a bot say who it is and, where it is known what chat to write to, write a test message there.

    Raises `Unprocessable` (`BOT_TEST_FAILED`) where the platform refuses, `Unavailable` where it does not answer. What
    it says also tells whether the bot is in `error`.
    """
    # Who has just changed a token tests it in the next moment.
    bot = store.get(caller.tenant, sequences.place(bot_id), consistent=True)
    config = store.opened(caller.tenant, bot)
    is_sent = bool(wanted.target_channel_id) or places.has_own(bot.platform, bot.config)
    words = text("test_message", language, {"name": bot.name})
    started = time.perf_counter()
    try:
        account = connectors.connector(bot.platform).test(config)
        if is_sent:
            _send(bot, config, wanted.target_channel_id, words)
    except ProviderError as error:
        trouble = connections.trouble(error, config)
        if isinstance(error, Disabled):
            _note(caller, bot, trouble)
        raise _failed(error, trouble) from error
    milliseconds = round((time.perf_counter() - started) * 1000)
    _note(caller, bot, None)
    return {
        "message": text("test_sent" if is_sent else "test_read", language),
        "latency_ms": milliseconds,
        "sent": is_sent,
        "account": _told(account, config),
    }


def shown(bot: StoredBot) -> Bot:
    """A bot as callers see it."""
    return {
        "id": bot.number,
        "platform": bot.platform,
        "name": bot.name,
        "config": dict(bot.config),
        "status": bot.status,
        "error": bot.error,
        "mapping_count": bot.mapping_count,
        "created_at": times.iso_without_zone(bot.created_at / 1000),
        "updated_at": times.iso_without_zone(bot.updated_at / 1000),
    }


def _send(bot: StoredBot, config: Config, to: str, words: str) -> None:
    message = Outgoing(id=ids.new("test"), to=to, text=words)
    connectors.connector(bot.platform).send(config, message)


def _told(account: Account, config: Config) -> dict[str, str]:
    return {"id": connections.cleaned(account.id, config), "name": connections.cleaned(account.name, config)}


def _failed(error: ProviderError, trouble: Trouble) -> HubError:
    reason = f"{trouble['code']} {trouble['message']}".strip()
    kind = Unavailable if isinstance(error, Temporary) else Unprocessable
    return kind("bot_test_failed", code="BOT_TEST_FAILED", reason=reason)


def _note(caller: Caller, tested: StoredBot, trouble: Trouble | None) -> None:
    connections.note(
        tested,
        trouble,
        lambda: store.get(caller.tenant, tested.id, consistent=True),
        lambda before, after: _replaced(caller, before, after),
    )


def _replaced(caller: Caller, before: StoredBot, after: StoredBot) -> StoredBot:
    written = replace(after, updated_at=max(times.now_ms(), before.updated_at), version=before.version + 1)
    store.replace(caller, before, written)
    return written


def _changed(tenant: str, before: StoredBot, sent: Mapping[str, Any]) -> StoredBot:
    after = replace(before, **{name: sent[name] for name in ("name", "status") if name in sent})
    if sent.get("config"):
        kept = store.opened(tenant, before)
        config = configs.merged(before.platform, kept, sent["config"])
        if config != kept:
            shown_config, sealed = connections.closed(tenant, store.place(before.id), config)
            after = replace(after, config=shown_config, sealed=sealed)
    if sent.get("config") or sent.get("status") == "active":
        after = replace(after, error=None, status="active" if after.status == "error" else after.status)
    return after
