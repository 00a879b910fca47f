"""Discord over a socket: what is asked, and what its documented answers become (https://discord.com/developers/docs)."""

import json
from typing import Any

import pytest

from hub.connectors.discord import CONNECTOR, DiscordConfig
from hub.connectors.protocol import Account, Disabled, Media, Outgoing, Page, Permanent, Sent, Target, Temporary
from tests.conftest import Clock
from tests.contract.connectors.fakes import PNG, Fake, Reply, picture, told

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


def test_a_file_is_attached_where_it_is_asked_for(provider: Fake) -> None:
    provider.will(picture(), ACCEPTED)
    media = Media("image", f"{provider.url}/a.png", "图.png", attach=True)
    assert CONNECTOR.send(config(provider), message(media=media, sender="Ann")) == Sent("1098765432109876543")
    form = provider.asked[1].form
    assert form["files[0]"] == ("图.png", "image/png", PNG)
    assert json.loads(form["payload_json"][2]) == {
        "content": "你好",
        "allowed_mentions": {"parse": []},
        "username": "Ann",
    }


@pytest.mark.parametrize(
    "replies",
    [
        [Reply(404)],
        [Reply(500)],
        [picture(), told({"message": "Request entity too large", "code": 40005}, 413)],
    ],
    ids=["gone", "out of order", "too large"],
)
def test_a_file_that_cannot_go_along_is_linked(provider: Fake, replies: list[Reply]) -> None:
    provider.will(*replies, ACCEPTED)
    media = Media("image", f"{provider.url}/a.png", attach=True)
    CONNECTOR.send(config(provider), message(media=media))
    assert provider.asked[-1].json["embeds"] == [{"image": {"url": f"{provider.url}/a.png"}}]


@pytest.mark.parametrize(
    ("options", "provider_id", "query"),
    [({}, "1098765432109876543", {}), ({"thread_id": "77"}, "77:1098765432109876543", {"thread_id": "77"})],
)
def test_a_message_is_edited_and_deleted(
    provider: Fake, options: dict[str, str], provider_id: str, query: dict[str, str]
) -> None:
    provider.will(ACCEPTED, ACCEPTED, Reply(204))
    sent = CONNECTOR.send(config(provider), message(options=options))
    assert sent == Sent(provider_id)
    CONNECTOR.edit(config(provider), message(text="neu", options=options), sent.provider_id)
    CONNECTOR.delete(config(provider), sent.provider_id)
    _, edited, deleted = provider.asked
    place = f"{PATH}/messages/1098765432109876543"
    assert (edited.method, edited.path, edited.query) == ("PATCH", place, query)
    assert edited.json == {"content": "neu", "allowed_mentions": {"parse": []}}
    assert (deleted.method, deleted.path, deleted.query) == ("DELETE", place, query)


def test_a_message_that_is_gone_is_deleted_and_cannot_be_edited(provider: Fake) -> None:
    gone = told({"message": "Unknown Message", "code": 10008}, 404)
    provider.will(gone, gone)
    CONNECTOR.delete(config(provider), "1098765432109876543")
    with pytest.raises(Permanent) as caught:
        CONNECTOR.edit(config(provider), message(), "1098765432109876543")
    assert type(caught.value) is Permanent, "the webhook is none the worse"


def test_a_webhook_that_is_gone_deletes_nothing(provider: Fake) -> None:
    provider.will(told({"message": "Unknown Webhook", "code": 10015}, 404))
    with pytest.raises(Disabled):
        CONNECTOR.delete(config(provider), "1098765432109876543")


def test_a_webhooks_channel_is_its_one_target(provider: Fake) -> None:
    provider.will(told({"id": "1", "type": 1, "name": "News", "channel_id": "199737254929760256", "guild_id": "199"}))
    assert CONNECTOR.targets(config(provider), None) == Page([Target("199737254929760256", "News", "199")])


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("Ann", "Ann"),
        ("DISCORD fan", "DIS\u00b7CORD fan"),
        ("xclydex", "xcly\u00b7dex"),
        ("here", "here\u00b7"),
        ("Everyone", "Everyone\u00b7"),
        ("everyone else", "everyone else"),
        ("  ", "-"),
        ("x" * 100, "x" * 80),
    ],
)
def test_a_sender_has_a_name_that_discord_takes(provider: Fake, sender: str, shown: str) -> None:
    provider.will(ACCEPTED)
    CONNECTOR.send(config(provider), message(sender=sender))
    assert provider.asked[0].json["username"] == shown


@pytest.mark.parametrize("code", [20016, 20028, 30046, 130000])
def test_limits_of_a_channel_pass(provider: Fake, code: int) -> None:
    provider.will(told({"message": "its own words", "code": code}, 403))
    with pytest.raises(Temporary):
        CONNECTOR.send(config(provider), message())


def test_a_refusal_of_who_stands_before_discord_disables_nothing(provider: Fake) -> None:
    provider.will(Reply(403, b"<html>Access denied | discord.com used Cloudflare</html>"))
    with pytest.raises(Temporary):
        CONNECTOR.send(config(provider), message())
    provider.will(told({"message": "Missing Permissions", "code": 50013}, 403))
    with pytest.raises(Disabled):
        CONNECTOR.send(config(provider), message())
