"""Samples of the way from KOOK to a target: the callback, the poll, the forwarding worker, and what is beside it."""

import base64
import json
from collections.abc import Callable
from typing import Any

from functions.forwarding import captured, state
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.captured import Captured
from hub import ids, times
from hub.connectors.kook import Said
from hub.connectors.protocol import Contact
from hub.events import Caller
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject
from tests.forwarder import CHANNEL, VERIFY_TOKEN, new_account, new_bot, new_mapping

CALLBACKS, POLL = "functions.forwarding.capture.callbacks", "functions.forwarding.capture.poll"
SCHEDULE, FORWARD = "functions.forwarding.capture.schedule", "functions.forwarding.delivery.forward"
RELEASE = "functions.forwarding.delivery.release"


TEXT = "**公告**：今晚八点活动开始，请大家准时参加"


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


def _account(tenant: str, base_url: str = "https://www.kookapp.cn/api/v3", **changes: Any) -> StoredAccount:
    # What was heard a moment ago is not noted anew: a day of it is a write a minute.
    heard = times.now_ms() + 86_400_000
    return new_account(base_url, tenant, encrypt_key=None, last_active=heard, **changes)


def _mapping(tenant: str, receiver: str) -> str:
    return new_mapping(new_bot("http", {"url": f"{receiver}/ok"}, tenant), tenant=tenant, sender_prefix=True)


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
            "verify_token": VERIFY_TOKEN,
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
        {
            "messageId": f"message-{number}",
            "receiptHandle": f"receipt-{number}",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
        }
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}
