"""Discord over a socket: what is asked, and what its documented answers become (https://discord.com/developers/docs)."""

from typing import Any

import pytest

from hub.connectors.discord import CONNECTOR, DiscordConfig
from hub.connectors.protocol import Account, Disabled, Media, Outgoing, Permanent, Sent, Temporary
from tests.conftest import Clock
from tests.contract.connectors.fakes import Fake, Reply, told

PATH = "/api/webhooks/223704706495545344/3d89bb7572e0fb30d8128367b3b1b44f"
ACCEPTED = told({"id": "1098765432109876543", "type": 0, "content": "…", "channel_id": "199737254929760256"})


def config(provider: Fake, **more: str) -> DiscordConfig:
    return DiscordConfig(webhook_url=provider.url + PATH, **more)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "", "text": "你好", **more})


def test_a_webhook_is_tested_without_a_post(provider: Fake) -> None:
    provider.will(told({"id": "223704706495545344", "type": 1, "name": None, "token": "3d89"}))
    assert CONNECTOR.test(config(provider)) == Account("223704706495545344", "")
    [asked] = provider.asked
    assert (asked.method, asked.path, asked.body) == ("GET", PATH, b"")


def test_a_text_is_sent_and_nobody_is_pinged(provider: Fake) -> None:
    provider.will(ACCEPTED)
    text = "@everyone @here <@80351110224678912> <@&165511591545143296>"
    assert CONNECTOR.send(config(provider, username="Hub"), message(text=text)) == Sent("1098765432109876543")
    [asked] = provider.asked
    assert (asked.method, asked.path, asked.query) == ("POST", PATH, {"wait": "true"})
    assert asked.json == {"content": text, "allowed_mentions": {"parse": []}, "username": "Hub"}


def test_options_are_passed_on_and_pings_are_none_of_them(provider: Fake) -> None:
    provider.will(ACCEPTED)
    options = {
        "embeds": [{"title": "t"}],
        "avatar_url": "https://example.com/a.png",
        "thread_id": 1234,
        "allowed_mentions": {"parse": ["everyone"]},
    }
    CONNECTOR.send(config(provider), message(options=options))
    [asked] = provider.asked
    assert asked.query == {"wait": "true", "thread_id": "1234"}
    assert asked.json["allowed_mentions"] == {"parse": []}
    assert (asked.json["embeds"], asked.json["avatar_url"]) == ([{"title": "t"}], "https://example.com/a.png")


@pytest.mark.parametrize(
    ("media", "embed"),
    [
        (Media("image", "https://example.com/a.png"), {"image": {"url": "https://example.com/a.png"}}),
        (Media("file", "https://example.com/a", "a.pdf"), {"title": "a.pdf", "url": "https://example.com/a"}),
        (Media("video", "https://example.com/a"), {"title": "video", "url": "https://example.com/a"}),
    ],
)
def test_media_leave_the_text_its_limit(provider: Fake, media: Media, embed: dict[str, Any]) -> None:
    provider.will(ACCEPTED)
    CONNECTOR.send(config(provider), message(text="x" * 2000, media=media))
    assert provider.asked[0].json["content"] == "x" * 2000
    assert provider.asked[0].json["embeds"] == [embed]


def test_a_message_has_ten_embeds_at_most(provider: Fake) -> None:
    provider.will(ACCEPTED)
    options = {"embeds": [{"title": str(number)} for number in range(10)]}
    CONNECTOR.send(config(provider), message(options=options, media=Media("image", "https://example.com/a.png")))
    assert len(provider.asked[0].json["embeds"]) == 10


@pytest.mark.parametrize("is_global", [True, False])
def test_discord_says_how_long_to_wait(provider: Fake, clock: Clock, is_global: bool) -> None:
    body = {"message": "You are being rate limited.", "retry_after": 64.57, "global": is_global}
    provider.will(told(body, 429, {"Retry-After": "65"}))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert caught.value.retry_at == clock.START * 1000 + 64_570
    assert caught.value.message == "You are being rate limited."


def test_who_stands_before_discord_says_it_too(provider: Fake, clock: Clock) -> None:
    provider.will(Reply(429, b"<html>error code: 1015</html>", {"Retry-After": "600"}))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert caught.value.retry_at == clock.START * 1000 + 600_000


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, 10015, Disabled),
        (401, 50027, Disabled),
        (401, 0, Disabled),
        (404, 10003, Permanent),
        (400, 220001, Permanent),
        (400, 50035, Permanent),
        (400, 50006, Permanent),
        (500, 0, Temporary),
    ],
)
def test_discords_codes(provider: Fake, status: int, code: int, error: type[Exception]) -> None:
    provider.will(told({"message": "its own words", "code": code}, status))
    with pytest.raises(error) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error
    assert caught.value.args == (str(code or status), "its own words")
