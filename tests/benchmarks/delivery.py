"""Samples of the way from KOOK to a target: the callback, the poll, the forwarding worker, and what is beside it."""

import base64
import json
from collections.abc import Callable
from typing import Any

from functions.forwarding import captured, state
from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.bots import store as bots
from functions.forwarding.bots.store import StoredBot
from functions.forwarding.captured import Captured
from functions.forwarding.mappings import store as mappings
from functions.forwarding.mappings.store import StoredMapping
from hub import connections, ids, times
from hub.connectors.http import HttpConfig
from hub.connectors.kook import KookConfig, Said
from hub.connectors.protocol import Contact
from hub.events import Caller
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject

CALLBACKS, POLL = "functions.forwarding.capture.callbacks", "functions.forwarding.capture.poll"
SCHEDULE, FORWARD = "functions.forwarding.capture.schedule", "functions.forwarding.delivery.forward"
RELEASE = "functions.forwarding.delivery.release"

CHANNEL = "9876543210"
TEXT = "**公告**：今晚八点活动开始，请大家准时参加"
_TOKEN = "kook-verify-token"


def subjects() -> list[Subject]:
    """The route."""
    return [Subject("POST /kook/callback/{callback_id}", CALLBACKS, _calls)]


def workers() -> list[Subject]:
    """The workers."""
    return [
        Subject("forward, 10 messages", FORWARD, _forwards(10), 10),
        Subject("forward, 1 message", FORWARD, _forwards(1)),
        Subject("kook poll, nothing new in a channel", POLL, _polls),
        Subject("kook schedule, an account that is stopped", SCHEDULE, _schedules),
        Subject("forward release, nothing is held", RELEASE, _releases),
    ]


def _account(tenant: str, base_url: str = "", *, is_started: bool = True) -> StoredAccount:
    account_id, now = accounts.next_id(tenant), times.now_ms()
    config = KookConfig(token="1/MTA2MjE=/kook-bot-token", verify_token=_TOKEN, base_url=base_url)
    shown, sealed = connections.closed(tenant, accounts.place(account_id), config)
    made = StoredAccount(
        id=account_id,
        email=f"{account_id}@example.com",
        status="online",
        is_started=is_started,
        callback_id=accounts.new_callback_id(),
        config=shown,
        sealed=sealed,
        has_cookie=False,
        has_password=False,
        login=None,
        bot_user_id="364862",
        bot_name="test",
        error=None,
        last_active=now + 86_400_000,
        created_at=now,
        updated_at=now,
    )
    accounts.add(tenant, made)
    return made


def _mapping(tenant: str, receiver: str) -> str:
    bot_id, now = bots.next_id(tenant), times.now_ms()
    shown, sealed = connections.closed(tenant, bots.place(bot_id), HttpConfig(url=f"{receiver}/ok"))
    bot = StoredBot(bot_id, "http", "自有服务", shown, sealed, "active", None, now, now)
    bots.add(tenant, bot)
    [mapping_id] = mappings.next_ids(tenant)
    made = StoredMapping(
        id=mapping_id,
        kook_server_id="1234567890",
        kook_channel_id=CHANNEL,
        kook_channel_name="公告频道",
        target_platform="http",
        target_bot_id=bot.number,
        target_channel_id="",
        enabled=True,
        created_at=now,
        updated_at=now,
        sender_prefix=True,
    )
    mappings.add_many(tenant, [made])
    return mapping_id


def _calls(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    _mapping(tenant.name, receiver)
    callback = _account(tenant.name).callback_id

    def event() -> dict[str, Any]:
        told = {
            "channel_type": "GROUP",
            "type": 9,
            "target_id": CHANNEL,
            "author_id": "1780328354",
            "content": TEXT,
            "extra": {
                "type": 9,
                "guild_id": "1234567890",
                "channel_name": "公告频道",
                "author": {"id": "1780328354", "username": "用户A", "nickname": "用户A", "bot": False, "avatar": ""},
                "kmarkdown": {"raw_content": TEXT, "mention_part": [], "mention_role_part": []},
            },
            "msg_id": ids.new("m"),
            "msg_timestamp": times.now_ms(),
            "verify_token": _TOKEN,
        }
        made = tenant.event("POST /kook/callback/{callback_id}", {"s": 0, "d": told, "sn": 1}, callback_id=callback)
        raw = str(made["body"]).encode()
        return made | {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}

    return event


def _forwards(number: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        mapping_id = _mapping(tenant.name, receiver)

        def batch() -> dict[str, Any]:
            return _batch(*(captured.written(_captured(tenant.name, mapping_id)) for _ in range(number)))

        return batch

    return events_of


def _captured(tenant: str, mapping_id: str) -> Captured:
    message_id, now = ids.new("m"), times.now_ms()
    said = Said(message_id, CHANNEL, 9, TEXT, now, Contact("1780328354", "用户A"), is_bot=False)
    return Captured(tenant, "message", mapping_id, "000000000001", "000000000001", message_id, now, said)


def _polls(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    """Of a KOOK that answers nothing to the point: what it costs to ask."""
    _mapping(tenant.name, receiver)
    account = _account(tenant.name, f"{receiver}/ok")
    return lambda: _batch(json.dumps({"tenant": tenant.name, "account": account.id}))


def _schedules(tenant: Tenant, _: str) -> Callable[[], Any]:
    account = _account(tenant.name, is_started=False)
    told = {"tenant": tenant.name, "data": {"account_id": account.number}}
    return lambda: _batch(json.dumps({"detail": told}))


def _releases(tenant: Tenant, _: str) -> Callable[[], Any]:
    def turn() -> dict[str, Any]:
        caller = Caller(tenant.name, "", "", "req_1")
        for running in (False, True):
            state.set_running(caller, running)
        return _batch(json.dumps({"tenant": tenant.name, "round": 0}))

    return turn


def _batch(*bodies: str) -> dict[str, Any]:
    records = [
        {"messageId": f"message-{number}", "receiptHandle": f"receipt-{number}", "body": body}
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}
