"""Telegram as the npm package telegram-test-api emulates it: what its user gets, sees change, and writes to the bot."""

import json
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from hub.connectors.protocol import Callback, Contact, Outgoing
from hub.connectors.telegram import CONNECTOR, TelegramConfig

SCRIPT = Path(__file__).parents[2] / "node" / "telegram.mjs"
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
SECRET = "a-secret-token"
CHAT = 4711


@dataclass(frozen=True, slots=True)
class Emulator:
    """The emulator, by its address; its own API is what a user of Telegram does and sees."""

    url: str

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Call it."""
        request = Request(f"{self.url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())["result"]

    def shown(self) -> list[dict[str, Any]]:
        """The bot's messages that the user sees."""
        told = self.post("/getUpdatesHistory", {"token": TOKEN})
        return [one["message"] for one in told if "chat_id" in one["message"]]

    def config(self) -> TelegramConfig:
        """A bot of it."""
        return TelegramConfig(bot_token=TOKEN, base_url=self.url, webhook_secret=SECRET, chat_id=str(CHAT))


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["node", str(SCRIPT), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n", "the emulator serves (make node)"
            yield Emulator(f"http://127.0.0.1:{port}")
        finally:
            process.stdin.close()
            process.wait(10)


def test_the_bot_is_known(emulator: Emulator) -> None:
    config = TelegramConfig(bot_token=TOKEN, base_url=emulator.url)
    assert CONNECTOR.test(config).name == "TestNameBot"


def test_a_user_gets_a_message_sees_it_change_and_go(emulator: Emulator) -> None:
    config = emulator.config()
    sent = CONNECTOR.send(config, Outgoing("msg_1", str(CHAT), "<b>你好</b>", format="html"))
    [message] = emulator.shown()
    assert (message["chat_id"], message["text"], message["parse_mode"]) == (str(CHAT), "<b>你好</b>", "HTML")
    CONNECTOR.edit(config, Outgoing("msg_1", "", "再见"), sent.provider_id)
    assert [one["text"] for one in emulator.shown()] == ["再见"]
    CONNECTOR.delete(config, sent.provider_id)
    assert emulator.shown() == []


def test_what_a_user_writes_is_heard(emulator: Emulator) -> None:
    message = {
        "botToken": TOKEN,
        "from": {"id": 7, "first_name": "Ann", "last_name": "Lee", "username": "ann", "is_bot": False},
        "chat": {"id": CHAT, "first_name": "Ann", "last_name": "Lee", "username": "ann", "type": "private"},
        "date": 1_790_000_000,
        "text": "在吗?",
    }
    emulator.post("/sendMessage", message)
    [update] = emulator.post(f"/bot{TOKEN}/getUpdates", {})
    callback = Callback("POST", {}, {"x-telegram-bot-api-secret-token": SECRET}, json.dumps(update).encode())
    [heard] = CONNECTOR.hear(emulator.config(), callback).messages
    assert (heard.sender, heard.text, heard.at) == (Contact(str(CHAT), "Ann Lee"), "在吗?", 1_790_000_000_000)
    assert heard.id == f"{CHAT}:{update['message']['message_id']}"
