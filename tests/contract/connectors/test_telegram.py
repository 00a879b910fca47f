"""Telegram over a socket: what is asked, and what its documented answers become (https://core.telegram.org/bots/api)."""

from typing import Any

import pytest

from hub.connectors import telegram
from hub.connectors.protocol import Account, Disabled, Media, Outgoing, Page, Permanent, Sent, Target, Temporary
from hub.connectors.telegram import CONNECTOR, TelegramConfig
from tests.conftest import Clock
from tests.contract.connectors.fakes import PNG, Fake, Reply, picture, told

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


def methods(provider: Fake) -> list[str]:
    return [asked.path.rpartition("/")[2] for asked in provider.asked]


@pytest.mark.parametrize(
    "words",
    [
        "Bad Request: wrong file identifier/HTTP URL specified",
        "Bad Request: failed to get HTTP URL content",
        "Bad Request: wrong type of the web page content",
    ],
)
def test_what_telegram_does_not_fetch_is_handed_over(provider: Fake, words: str) -> None:
    provider.will(refused(400, words), picture(), accepted())
    picked = Media("image", f"{provider.url}/a.png")
    assert CONNECTOR.send(config(provider), message(media=picked)) == Sent("1111111:1365")
    first, _, second = provider.asked
    assert first.json == {"chat_id": "1111111", "photo": f"{provider.url}/a.png", "caption": "你好 <b>"}
    assert second.path.endswith("/sendPhoto")
    assert second.form == {
        "chat_id": ("", "text/plain", b"1111111"),
        "caption": ("", "text/plain", "你好 <b>".encode()),
        "photo": ("a.png", "image/png", PNG),
    }


def test_what_neither_can_fetch_fails_as_telegram_says(provider: Fake) -> None:
    provider.will(refused(400, "Bad Request: failed to get HTTP URL content"), Reply(404))
    with pytest.raises(Permanent, match="failed to get HTTP URL content"):
        CONNECTOR.send(config(provider), message(media=Media("image", f"{provider.url}/a.png")))


def test_a_file_whose_server_has_a_trouble_is_handed_over_later(provider: Fake) -> None:
    provider.will(refused(400, "Bad Request: failed to get HTTP URL content"), Reply(503))
    with pytest.raises(Temporary):
        CONNECTOR.send(config(provider), message(media=Media("image", f"{provider.url}/a.png")))


def test_another_refusal_of_media_is_the_answer(provider: Fake) -> None:
    provider.will(refused(400, "Bad Request: chat not found"))
    with pytest.raises(Permanent, match="chat not found"):
        CONNECTOR.send(config(provider), message(media=Media("image", f"{provider.url}/a.png")))


def test_a_file_is_handed_over_where_it_is_asked_for(provider: Fake) -> None:
    provider.will(picture(), accepted())
    CONNECTOR.send(config(provider), message(media=Media("file", f"{provider.url}/a.png", "b.png", attach=True)))
    assert provider.asked[1].path.endswith("/sendDocument")
    assert provider.asked[1].form["document"] == ("b.png", "image/png", PNG)


def test_a_picture_that_telegram_does_not_show_goes_as_a_document(provider: Fake) -> None:
    provider.will(picture(), refused(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"), accepted())
    CONNECTOR.send(config(provider), message(media=Media("image", f"{provider.url}/a.png", attach=True)))
    assert methods(provider)[1:] == ["sendPhoto", "sendDocument"]


def test_a_picture_that_is_too_large_for_one_goes_as_a_document(
    provider: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram, "MAX_PHOTO", len(PNG) - 1)
    provider.will(picture(), accepted())
    CONNECTOR.send(config(provider), message(media=Media("image", f"{provider.url}/a.png", attach=True)))
    assert methods(provider)[1:] == ["sendDocument"]


def test_a_caption_that_telegram_cannot_read_goes_without_marks(provider: Fake) -> None:
    provider.will(refused(400, "Bad Request: can't parse entities: Unsupported start tag"), accepted())
    CONNECTOR.send(config(provider), message(text="<b>a</b> &lt;<x>b</x> 1 < 2", format="html"))
    assert [asked.json["text"] for asked in provider.asked] == ["<b>a</b> &lt;<x>b</x> 1 < 2", "a <b 1 < 2"]


def test_a_message_is_edited_and_deleted(provider: Fake) -> None:
    done = told({"ok": True, "result": True})
    provider.will(done, done, done)
    CONNECTOR.edit(config(provider), message(text="<b>neu</b>", format="html"), "-1001:1365")
    CONNECTOR.edit(config(provider), message(text="neu", media=Media("image", "https://a.example/b.png")), "-1001:1366")
    CONNECTOR.delete(config(provider), "-1001:1365")
    assert methods(provider) == ["editMessageText", "editMessageCaption", "deleteMessage"]
    place = {"chat_id": "-1001", "message_id": 1365}
    assert [asked.json for asked in provider.asked] == [
        {**place, "text": "<b>neu</b>", "parse_mode": "HTML"},
        {"chat_id": "-1001", "message_id": 1366, "caption": "neu"},
        place,
    ]


def test_what_is_done_already_is_fine(provider: Fake) -> None:
    provider.will(
        refused(400, "Bad Request: message is not modified: specified new message content and reply markup are …"),
        refused(400, "Bad Request: message to delete not found"),
    )
    CONNECTOR.edit(config(provider), message(), "1:2")
    CONNECTOR.delete(config(provider), "1:2")


@pytest.mark.parametrize("provider_id", ["", "12", "1:", "1:x", ":2"])
def test_what_is_no_id_is_not_asked_for(provider: Fake, provider_id: str) -> None:
    with pytest.raises(Permanent, match="bad_id"):
        CONNECTOR.delete(config(provider), provider_id)
    with pytest.raises(Permanent, match="bad_id"):
        CONNECTOR.edit(config(provider), message(), provider_id)
    assert not provider.asked


def test_old_messages_stay(provider: Fake) -> None:
    provider.will(refused(400, "Bad Request: message can't be deleted for everyone"))
    with pytest.raises(Permanent, match="can't be deleted"):
        CONNECTOR.delete(config(provider), "1:2")


def test_the_configs_chat_is_the_one_target_that_can_be_told(provider: Fake) -> None:
    assert CONNECTOR.targets(config(provider), None) == Page([])
    provider.will(told({"ok": True, "result": {"id": -100, "type": "supergroup", "title": "News"}}))
    assert CONNECTOR.targets(config(provider, chat_id="@news"), None) == Page([Target("-100", "News")])


@pytest.mark.parametrize(
    ("media", "missing", "asked"),
    [
        (None, "text", ["editMessageText", "editMessageCaption"]),
        (Media("image", "https://a.example/b.png"), "caption", ["editMessageCaption", "editMessageText"]),
    ],
)
def test_what_has_no_text_has_a_caption(provider: Fake, media: Media | None, missing: str, asked: list[str]) -> None:
    none = refused(400, f"Bad Request: there is no {missing} in the message to edit")
    provider.will(none, told({"ok": True, "result": True}))
    CONNECTOR.edit(config(provider), message(media=media), "1:2")
    assert methods(provider) == asked
    provider.will(none, none)
    with pytest.raises(Permanent, match="in the message to edit"):
        CONNECTOR.edit(config(provider), message(media=media), "1:2")
    assert len(provider.asked) == 4


def test_a_refused_edit_is_not_tried_another_way(provider: Fake) -> None:
    provider.will(refused(400, "Bad Request: message can't be edited"))
    with pytest.raises(Permanent, match="can't be edited"):
        CONNECTOR.edit(config(provider), message(), "1:2")
