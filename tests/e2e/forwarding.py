"""KOOK on one side, three platforms on the other, all on loopback: what a test of forwarding puts in and gets out.

Callbacks are sealed by `Cryptodome` as KOOK's documentation says, and read by khl.py before they are sent.
"""

import base64
import json
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import Any, Self

from Cryptodome.Cipher import AES
from Cryptodome.Util import Padding
from khl import Cert

from tests.contract.connectors.fakes import Asked, Fake, Reply, told
from tests.e2e.polling import eventually
from tests.e2e.running import Client
from tests.kook import TOKEN, Kook

VERIFY_TOKEN, ENCRYPT_KEY = "kook-verify-token", "kook-encrypt-key"
TELEGRAM_TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
PLATFORMS = ("discord", "telegram", "feishu")

Trouble = Callable[[str], Reply | None]
"""What a platform answers instead of taking a message, by the chat that it goes to; `None`: it takes it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that a platform has taken, and when (epoch ms)."""

    chat: str
    text: str
    at: int


class Platform(Fake):
    """A platform that takes messages; `trouble` keeps it from it. `changed` is what was done to them later."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Taken] = []
        self.refused = 0
        self.changed: list[tuple[str, str]] = []
        self.trouble: Trouble = lambda _: None
        self._lock = Lock()

    def texts(self, chat: str) -> list[str]:
        """What a chat got, in order."""
        return [one.text for one in self.taken if one.chat == chat]

    def take(self, chat: str, text: str) -> Reply | int:
        """Take a message: its number, or the answer that it is not taken with."""
        with self._lock:
            refusal = self.trouble(chat)
            if refusal:
                self.refused += 1
                return refusal
            self.taken.append(Taken(chat, text, round(time.time() * 1000)))
            return len(self.taken)


class Discord(Platform):
    """Webhooks: each is a chat, named by its id."""

    def answer(self, asked: Asked) -> Reply:
        """As Discord answers."""
        webhook = asked.path.split("/")[3]
        if asked.method == "GET":
            return told({"id": webhook, "name": "公告", "channel_id": webhook})
        if asked.method == "PATCH":
            self.changed.append(("edit", asked.json["content"]))
            return told({"id": asked.path.rpartition("/")[2], "channel_id": webhook})
        if asked.method == "DELETE":
            self.changed.append(("delete", asked.path.rpartition("/")[2]))
            return Reply(204)
        found = self.take(webhook, asked.json["content"])
        return found if isinstance(found, Reply) else told({"id": str(found), "channel_id": webhook})


class Telegram(Platform):
    """A bot that writes to chats."""

    def answer(self, asked: Asked) -> Reply:
        """As Telegram answers."""
        if asked.path.endswith("/getMe"):
            return told({"ok": True, "result": {"id": 1, "is_bot": True, "username": "hub_bot"}})
        chat = asked.json["chat_id"]
        if asked.path.endswith(("/editMessageText", "/deleteMessage")):
            kind = "edit" if "text" in asked.json else "delete"
            self.changed.append((kind, asked.json.get("text") or str(asked.json["message_id"])))
            return told({"ok": True, "result": True})
        if asked.path.endswith("/getChat"):
            return told({"ok": True, "result": {"id": chat, "type": "group", "title": "公告"}})
        found = self.take(chat, asked.json["text"])
        return (
            found
            if isinstance(found, Reply)
            else told({"ok": True, "result": {"message_id": found, "chat": {"id": 1}}})
        )


class Feishu(Platform):
    """An app: what it has seen by its `uuid` it shows once."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, int] = {}

    def answer(self, asked: Asked) -> Reply:
        """As Feishu answers."""
        if "tenant_access_token" in asked.path:
            return told({"code": 0, "msg": "ok", "tenant_access_token": "t-1", "expire": 7200})
        if asked.path.endswith("/bot/v3/info"):
            return told({"code": 0, "msg": "ok", "bot": {"open_id": "ou_1", "app_name": "公告"}})
        if asked.method in ("PATCH", "PUT", "DELETE"):
            kind = "delete" if asked.method == "DELETE" else "edit"
            self.changed.append((kind, asked.path.rpartition("/")[2]))
            return told({"code": 0, "msg": "success", "data": {}})
        chat, content = asked.json["receive_id"], json.loads(asked.json["content"])
        found = self._seen.get(asked.json["uuid"]) or self.take(chat, content["elements"][0]["text"]["content"])
        if isinstance(found, Reply):
            return found
        self._seen[asked.json["uuid"]] = found
        return told({"code": 0, "msg": "success", "data": {"message_id": f"om_{found}"}})


@dataclass
class World:
    """An account, bots and mappings of a tenant, made over the API; a context that serves KOOK and the platforms."""

    api: Client
    channels: int
    kook: Kook = field(default_factory=Kook)
    platforms: Mapping[str, Platform] = field(
        default_factory=lambda: {"discord": Discord(), "telegram": Telegram(), "feishu": Feishu()}
    )
    callback: str = ""
    account: int = 0
    said: dict[str, int] = field(default_factory=dict)
    _opened: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Serve, and make what there is to be made."""
        self._opened.enter_context(self.kook)
        for platform in self.platforms.values():
            self._opened.enter_context(platform)
        self.kook.server("1234567890", "游戏公会", *((self.channel(n), f"频道{n}") for n in range(self.channels)))
        self._connect()
        for name in self.platforms:
            for number in range(self.channels):
                self._map(name, number)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close all."""
        self._opened.close()

    @staticmethod
    def channel(number: int) -> str:
        """A KOOK channel's id."""
        return f"987654{number:04}"

    @staticmethod
    def chat(number: int) -> str:
        """The chat that a channel is forwarded to."""
        return str(100_000 + number)

    def say(self, channel: int, number: int, content: str = "") -> None:
        """Have somebody say something in a channel: KOOK calls with it."""
        self.said[text(channel, number)] = now = round(time.time() * 1000)
        event = {
            "channel_type": "GROUP",
            "type": 9,
            "target_id": self.channel(channel),
            "author_id": "1780328354",
            "content": content or text(channel, number),
            "extra": {
                "type": 9,
                "guild_id": "1234567890",
                "channel_name": f"频道{channel}",
                "author": {"id": "1780328354", "username": "小明", "nickname": "明明", "bot": False, "avatar": ""},
                "kmarkdown": {"raw_content": "", "mention_part": [], "mention_role_part": []},
            },
            "msg_id": message_id(channel, number),
            "msg_timestamp": now,
            "verify_token": VERIFY_TOKEN,
        }
        self.call(event)

    def remember(self, channel: int, number: int) -> None:
        """Have KOOK show, when it is asked, that something was said."""
        now = round(time.time() * 1000)
        self.kook.say(self.channel(channel), message_id(channel, number), text(channel, number), now)

    def edit(self, channel: int, number: int, content: str) -> None:
        """Have KOOK show that something was edited."""
        self._of(channel, number).update(content=content, updated_at=round(time.time() * 1000))

    def delete(self, channel: int, number: int) -> None:
        """Have KOOK show that something was deleted."""
        self.kook.messages[self.channel(channel)].remove(self._of(channel, number))

    def _of(self, channel: int, number: int) -> dict[str, Any]:
        [found] = [one for one in self.kook.messages[self.channel(channel)] if one["id"] == message_id(channel, number)]
        return found

    def call(self, event: Mapping[str, Any]) -> None:
        """Call back with an event, until it is taken: KOOK repeats what is not."""
        body = sealed(event)

        def is_taken() -> bool:
            return self.api.request("POST", self.callback, data=body, headers={"Authorization": ""}).status_code == 200

        eventually(is_taken, "a callback's 200", 20, 0.5)

    def arrived(self, channel: int, platform: str) -> list[int]:
        """The numbers of messages of a channel as they came to a platform, in order."""
        return [_number(one) for one in self.platforms[platform].texts(self.chat(channel))]

    def latencies(self, until: float) -> list[int]:
        """Milliseconds from KOOK to a platform, of what arrived before a time (epoch ms)."""
        told_at = {(text.partition(" 第")[0].strip("*"), _number(text)): at for text, at in self.said.items()}
        return [
            one.at - told_at[f"频道{int(one.chat) - 100_000}", _number(one.text)]
            for platform in self.platforms.values()
            for one in platform.taken
            if one.at < until
        ]

    def total(self) -> int:
        """How many messages all platforms took."""
        return sum(len(platform.taken) for platform in self.platforms.values())

    def _connect(self) -> None:
        made = self.api.post(
            "/api/accounts",
            {
                "email": "user@example.com",
                "token": TOKEN,
                "verify_token": VERIFY_TOKEN,
                "encrypt_key": ENCRYPT_KEY,
                "base_url": self.kook.base_url,
            },
        )
        assert made.status_code == 201, made.text
        self.account = made.json()["account_id"]
        shown = self.api.get(f"/api/accounts/{self.account}").json()["data"]
        self.callback = "/kook/callback/" + shown["callback_url"].rpartition("/")[2]
        challenge = {"type": 255, "channel_type": "WEBHOOK_CHALLENGE", "challenge": "abc", "verify_token": VERIFY_TOKEN}
        answer = self.api.request("POST", self.callback, data=sealed(challenge), headers={"Authorization": ""})
        assert answer.json() == {"challenge": "abc"}, answer.text
        started = self.api.post(f"/api/accounts/{self.account}/start")
        assert started.status_code == 200, started.text

    def _map(self, platform: str, number: int) -> None:
        url, chat = self.platforms[platform].url, self.chat(number)
        config = {
            "discord": {"webhook_url": f"{url}/api/webhooks/{chat}/abc-DEF"},
            "telegram": {"bot_token": TELEGRAM_TOKEN, "chat_id": chat, "base_url": url},
            "feishu": {"app_id": "cli_abc123", "app_secret": "secret_xyz789", "base_url": url},
        }[platform]
        bot = self.api.post("/api/bots", {"platform": platform, "name": f"{platform} {number}", "config": config})
        assert bot.status_code == 201, bot.text
        mapping = {
            "kook_server_id": "1234567890",
            "kook_channel_id": self.channel(number),
            "kook_channel_name": f"频道{number}",
            "target_platform": platform,
            "target_bot_id": bot.json()["bot_id"],
            "target_channel_id": chat,
        }
        made = self.api.post("/api/mappings", mapping)
        assert made.status_code == 201, made.text


def text(channel: int, number: int) -> str:
    """What is said as the so-and-so-many-th in a channel."""
    return f"**频道{channel}** 第 {number} 条"


def message_id(channel: int, number: int) -> str:
    """What KOOK calls it."""
    return f"{channel:08}-5cf0-4a6e-9d3c-{number:012}"


def sealed(event: Mapping[str, Any]) -> bytes:
    """A callback's body: encrypted, then deflated."""
    raw = json.dumps({"s": 0, "d": event, "sn": 1}, ensure_ascii=False).encode()
    vector = b"0123456789abcdef"
    cipher = AES.new(ENCRYPT_KEY.encode().ljust(32, b"\0"), AES.MODE_CBC, iv=vector)
    box = base64.b64encode(vector + base64.b64encode(cipher.encrypt(Padding.pad(raw, 16)))).decode()
    body = json.dumps({"encrypt": box}).encode()
    opened = Cert(token=TOKEN, verify_token=VERIFY_TOKEN, encrypt_key=ENCRYPT_KEY).decode_raw(body)
    assert opened["d"] == event
    return zlib.compress(body)


def _number(told_text: str) -> int:
    return int(told_text.rpartition("第 ")[2].partition(" 条")[0])
