"""Telegram, against the Bot API's documented types (https://core.telegram.org/bots/api, …/bots/webhooks)."""

from typing import Any

import pytest

from hub.connectors import calls
from hub.connectors.protocol import (
    Contact,
    Disabled,
    Heard,
    Inbound,
    Move,
    Permanent,
    ProviderError,
    Temporary,
    Unverified,
)
from hub.connectors.telegram import CONNECTOR, TelegramConfig, _error, _Moved
from tests.conftest import Clock
from tests.unit.connectors.callbacks import NOT_READABLE, posted

SECRET = "telegram-webhook-secret"
CONFIG = TelegramConfig(bot_token="110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", webhook_secret=SECRET)

# https://core.telegram.org/bots/webhooks#testing-your-bot-with-updates
MESSAGE = {
    "date": 1441645532,
    "chat": {"last_name": "Test Lastname", "id": 1111111, "first_name": "Test", "username": "Test"},
    "message_id": 1365,
    "from": {"last_name": "Test Lastname", "id": 1111111, "first_name": "Test", "username": "Test"},
    "text": "/start",
}


def heard(update: Any, secret: str | None = SECRET) -> Heard:
    headers = {} if secret is None else {"x-telegram-bot-api-secret-token": secret}
    return CONNECTOR.hear(CONFIG, posted(update, headers=headers))


def message(**more: Any) -> dict[str, Any]:
    return {"update_id": 10000, "message": {**MESSAGE, **more}}


def test_a_message_is_heard() -> None:
    expected = Inbound("1111111:1365", Contact("1111111", "Test Test Lastname"), "/start", 1441645532000)
    assert heard(message()) == Heard(messages=[expected])


def test_a_message_in_a_group_comes_from_the_group() -> None:
    group = {"id": -1001234567890, "title": "The group", "type": "supergroup"}
    [found] = heard(message(chat=group)).messages
    assert found.id == "-1001234567890:1365"
    assert found.sender == Contact("-1001234567890", "Test Test Lastname")


def test_a_channels_post_comes_from_the_channel() -> None:
    chat = {"id": -1009876543210, "title": "News", "type": "channel"}
    post = {"message_id": 7, "date": 1441645532, "chat": chat, "text": "hello"}
    [found] = heard({"update_id": 1, "channel_post": post}).messages
    assert (found.id, found.sender, found.text) == ("-1009876543210:7", Contact("-1009876543210", "News"), "hello")


@pytest.mark.parametrize(
    ("carried", "kind", "name"),
    [
        ({"photo": [{"file_id": "AgAC", "file_unique_id": "AQ", "width": 90, "height": 51}]}, "image", "photo"),
        ({"document": {"file_id": "BQAC", "file_unique_id": "AQ", "file_name": "a.pdf"}}, "file", "document"),
        ({"animation": {"file_id": "CgAC"}, "document": {"file_id": "CgAC"}}, "video", "animation"),
        ({"voice": {"file_id": "AwAC", "duration": 2}}, "audio", "voice"),
        ({"venue": {"title": "A"}, "location": {"latitude": 52.5, "longitude": 13.4}}, "venue", "venue"),
        ({"location": {"latitude": 52.5, "longitude": 13.4}}, "location", "location"),
    ],
)
def test_what_a_message_carries_is_heard(carried: dict[str, Any], kind: str, name: str) -> None:
    update = message(**carried, caption="look")
    del update["message"]["text"]
    [found] = heard(update).messages
    assert found.text == "look"
    assert found.data == {"type": kind, name: carried[name]}


@pytest.mark.parametrize(
    "update",
    [
        {"update_id": 1, "edited_message": MESSAGE},
        {"update_id": 1, "my_chat_member": {}},
        message(**{"from": {"id": 5, "is_bot": True, "first_name": "Bot"}}),
        {"update_id": 1, "message": {**{k: v for k, v in MESSAGE.items() if k != "text"}, "new_chat_title": "New"}},
    ],
    ids=["an edit", "a membership", "a bot's", "a new title"],
)
def test_what_says_nothing_to_us_is_heard_and_empty(update: dict[str, Any]) -> None:
    assert heard(update) == Heard()


@pytest.mark.parametrize("body", [*NOT_READABLE, {"message": {"text": "a"}}, {"message": 5}, message(chat=None)])
def test_what_cannot_be_read_holds_up_nothing(body: Any) -> None:
    assert heard(body) == Heard()


@pytest.mark.parametrize("secret", [None, "", "x", SECRET + "x", SECRET[:-1], SECRET.upper(), "é", "\ud800"])
def test_another_secret_is_not_telegrams(secret: str | None) -> None:
    with pytest.raises(Unverified):
        heard(message(), secret)


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_nothing_is_telegrams(secret: str | None) -> None:
    headers = {} if secret is None else {"x-telegram-bot-api-secret-token": secret}
    with pytest.raises(Unverified):
        CONNECTOR.hear(CONFIG.model_copy(update={"webhook_secret": ""}), posted(message(), headers=headers))


def error(status: int, description: str, **more: Any) -> ProviderError:
    told = {"ok": False, "error_code": status, "description": description, **more}
    return _error(calls.Answer(status, {}, b""), told)


@pytest.mark.parametrize(
    ("status", "description", "kind"),
    [
        (400, "Bad Request: chat not found", Permanent),
        (400, "Bad Request: message text is empty", Permanent),
        (400, "Bad Request: message is too long", Permanent),
        (401, "Unauthorized", Disabled),
        (403, "Forbidden: bot was blocked by the user", Permanent),
        (403, "Forbidden: bot was kicked from the supergroup chat", Permanent),
        (404, "Not Found", Disabled),
        (500, "Internal Server Error", Temporary),
        (502, "Bad Gateway", Temporary),
    ],
)
def test_an_error_is_what_it_says(status: int, description: str, kind: type[ProviderError]) -> None:
    found = error(status, description)
    assert type(found) is kind
    assert (found.code, found.message) == (str(status), description)


def test_flood_control_says_when(clock: Clock) -> None:
    found = error(429, "Too Many Requests: retry after 14", parameters={"retry_after": 14})
    assert isinstance(found, Temporary)
    assert (found.code, found.retry_at) == ("429", round(clock.seconds * 1000) + 14_000)


def test_a_group_that_moved_says_where_to() -> None:
    moved = "Bad Request: group chat was upgraded to a supergroup chat"
    found = error(400, moved, parameters={"migrate_to_chat_id": -1001234567890})
    assert isinstance(found, _Moved)
    assert (found.chat_id, found.code, found.message) == (
        "-1001234567890",
        "400",
        f"{moved}: its id is -1001234567890 from now on",
    )


@pytest.mark.parametrize("parameters", [None, [], "x", {"retry_after": "soon"}, {"retry_after": None}])
def test_parameters_that_make_no_sense_do_no_harm(parameters: Any) -> None:
    found = error(429, "Too Many Requests", parameters=parameters)
    assert isinstance(found, Temporary)
    assert found.retry_at is None


@pytest.mark.parametrize("token", ["", "110201543", "110201543:no", "a:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "1:../.."])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="bot_token"):
        TelegramConfig(bot_token=token)


# https://core.telegram.org/bots/api#message: `migrate_to_chat_id`, `migrate_from_chat_id`
GROUP = {"id": -1234, "title": "The group", "type": "group", "all_members_are_administrators": True}
SUPERGROUP = {"id": -1001234567890, "title": "The group", "type": "supergroup"}


@pytest.mark.parametrize(
    "told",
    [
        {"chat": GROUP, "migrate_to_chat_id": -1001234567890},
        {"chat": SUPERGROUP, "migrate_from_chat_id": -1234, "from": {"id": 1087968824, "is_bot": True}},
    ],
    ids=["the group", "the supergroup"],
)
def test_a_group_that_becomes_a_supergroup_is_heard(told: dict[str, Any]) -> None:
    service_message = {"message_id": 8, "date": 1441645532, **told}
    assert heard({"update_id": 1, "message": service_message}) == Heard(moves=[Move("-1234", "-1001234567890")])
