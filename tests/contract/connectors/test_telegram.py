"""Telegram over a socket: what is asked, and what its documented answers become (https://core.telegram.org/bots/api)."""

from typing import Any

import pytest

from hub.connectors.protocol import Account, Disabled, Media, Outgoing, Permanent, Sent, Temporary
from hub.connectors.telegram import CONNECTOR, TelegramConfig
from tests.conftest import Clock
from tests.contract.connectors.fakes import Fake, Reply, told

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
ME = {"id": 110201543, "is_bot": True, "first_name": "Hub", "username": "hub_bot", "can_join_groups": True}


def config(provider: Fake, **more: str) -> TelegramConfig:
    return TelegramConfig(bot_token=TOKEN, base_url=provider.url, **more)


def accepted(chat: int = 1111111) -> Reply:
    return told(
        {"ok": True, "result": {"message_id": 1365, "date": 1441645532, "chat": {"id": chat, "type": "private"}}}
    )


def refused(code: int, description: str, **more: Any) -> Reply:
    return told({"ok": False, "error_code": code, "description": description, **more}, code)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "1111111", "text": "你好 <b>", **more})


def test_the_bot_says_who_it_is(provider: Fake) -> None:
    provider.will(told({"ok": True, "result": ME}))
    assert CONNECTOR.test(config(provider)) == Account("110201543", "hub_bot")
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("POST", f"/bot{TOKEN}/getMe")


def test_the_chat_that_is_written_to_by_itself_is_tested_too(provider: Fake) -> None:
    provider.will(told({"ok": True, "result": ME}), refused(400, "Bad Request: chat not found"))
    with pytest.raises(Permanent, match="chat not found"):
        CONNECTOR.test(config(provider, chat_id="-100"))
    assert [asked.path.rpartition("/")[2] for asked in provider.asked] == ["getMe", "getChat"]
    assert provider.asked[1].json == {"chat_id": "-100"}


def test_a_text_is_sent(provider: Fake) -> None:
    provider.will(accepted())
    assert CONNECTOR.send(config(provider), message()) == Sent("1111111:1365")
    [asked] = provider.asked
    assert asked.path == f"/bot{TOKEN}/sendMessage"
    assert asked.headers["content-type"] == "application/json; charset=utf-8"
    assert asked.json == {"chat_id": "1111111", "text": "你好 <b>"}


def test_what_names_no_chat_goes_to_the_configs(provider: Fake) -> None:
    provider.will(accepted(-100))
    assert CONNECTOR.send(config(provider, chat_id="-100"), message(to="")) == Sent("-100:1365")
    assert provider.asked[0].json["chat_id"] == "-100"


@pytest.mark.parametrize(
    ("kind", "method", "name"),
    [
        ("image", "sendPhoto", "photo"),
        ("video", "sendVideo", "video"),
        ("audio", "sendAudio", "audio"),
        ("file", "sendDocument", "document"),
    ],
)
def test_media_are_sent(provider: Fake, kind: Any, method: str, name: str) -> None:
    provider.will(accepted(), accepted())
    media = Media(kind, "https://example.com/a")
    CONNECTOR.send(config(provider), message(media=media))
    CONNECTOR.send(config(provider), message(media=media, text=""))
    first, second = provider.asked
    assert first.path == f"/bot{TOKEN}/{method}"
    assert first.json == {"chat_id": "1111111", name: "https://example.com/a", "caption": "你好 <b>"}
    assert second.json == {"chat_id": "1111111", name: "https://example.com/a"}


def test_a_text_that_is_wrongly_formatted_goes_plain_once(provider: Fake) -> None:
    provider.will(refused(400, "Bad Request: can't parse entities: Can't find end tag"), accepted())
    CONNECTOR.send(config(provider), message(format="html"))
    assert [asked.json.get("parse_mode") for asked in provider.asked] == ["HTML", None]
    provider.will(refused(400, "Bad Request: can't parse entities"))
    with pytest.raises(Permanent):
        CONNECTOR.send(config(provider), message())
    assert len(provider.asked) == 3


def test_a_group_that_became_a_supergroup_is_followed_once(provider: Fake) -> None:
    moved = "Bad Request: group chat was upgraded to a supergroup chat"
    provider.will(refused(400, moved, parameters={"migrate_to_chat_id": -1001234567890}), accepted(-1001234567890))
    assert CONNECTOR.send(config(provider), message(to="-1234")) == Sent(
        "-1001234567890:1365", moved_to="-1001234567890"
    )
    assert [asked.json["chat_id"] for asked in provider.asked] == ["-1234", "-1001234567890"]
    provider.will(*[refused(400, moved, parameters={"migrate_to_chat_id": -1}) for _ in range(3)])
    with pytest.raises(Permanent):
        CONNECTOR.send(config(provider), message(to="-1234"))
    assert len(provider.asked) == 4


def test_flood_control_says_when(provider: Fake, clock: Clock) -> None:
    provider.will(refused(429, "Too Many Requests: retry after 14", parameters={"retry_after": 14}))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert (caught.value.code, caught.value.message) == ("429", "Too Many Requests: retry after 14")
    assert caught.value.retry_at == round(clock.seconds * 1000) + 14_000


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refused(400, "Bad Request: chat not found"), Permanent),
        (refused(403, "Forbidden: bot was blocked by the user"), Permanent),
        (refused(401, "Unauthorized"), Disabled),
        (refused(404, "Not Found"), Disabled),
        (refused(500, "Internal Server Error"), Temporary),
        (told({"ok": True, "result": True}), Temporary),
        (told({"ok": True, "result": {"message_id": 1}}), Temporary),
    ],
)
def test_a_refusal_is_what_it_says(provider: Fake, reply: Reply, error: type[Exception]) -> None:
    provider.will(reply)
    with pytest.raises(error) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error
    assert len(provider.asked) == 1
