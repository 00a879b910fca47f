"""Slack over a socket: what is asked, and what its documented answers become (https://docs.slack.dev)."""

from typing import Any

import pytest

from hub.connectors.protocol import (
    Account,
    Contact,
    Disabled,
    Media,
    Outgoing,
    Page,
    Permanent,
    Sent,
    Target,
    Temporary,
)
from hub.connectors.slack import CONNECTOR, SlackConfig
from tests.conftest import Clock
from tests.contract.connectors.fakes import Fake, Reply, told

TOKEN = "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy"
OK = Reply(body=b"ok")


def bot(provider: Fake, **more: str) -> SlackConfig:
    return SlackConfig(bot_token=TOKEN, base_url=provider.url, **more)


def hook(provider: Fake, **more: str) -> SlackConfig:
    return SlackConfig(webhook_url=f"{provider.url}/services/T0/B0/secret", **more)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "", "text": "你好", **more})


def posted() -> Reply:
    return told({"ok": True, "channel": "C123ABC456", "ts": "1503435956.000247", "message": {"text": "…"}})


def test_the_bot_says_who_it_is(provider: Fake) -> None:
    provider.will(told({"ok": True, "team": "Subarachnoid", "team_id": "T12345678", "user_id": "W12345678"}))
    assert CONNECTOR.test(bot(provider)) == Account("T12345678", "Subarachnoid")
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("POST", "/auth.test")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("word", [b"no_text", b"invalid_payload", b"missing_text_or_fallback_or_attachments\n"])
def test_a_webhook_is_tested_without_a_post(provider: Fake, word: bytes) -> None:
    provider.will(Reply(400, word))
    assert CONNECTOR.test(hook(provider, channel="#ops")) == Account("webhook", "#ops")
    assert provider.asked[0].json == {}


def test_a_webhook_that_is_gone_fails_the_test(provider: Fake) -> None:
    provider.will(Reply(404, b"no_service"))
    with pytest.raises(Disabled, match="no_service"):
        CONNECTOR.test(hook(provider))


def test_a_text_is_posted_to_a_channel(provider: Fake) -> None:
    provider.will(posted())
    assert CONNECTOR.send(bot(provider, username="Hub"), message(to="C123ABC456")) == Sent(
        "C123ABC456:1503435956.000247"
    )
    [asked] = provider.asked
    assert asked.path == "/chat.postMessage"
    assert asked.json == {"text": "你好", "channel": "C123ABC456", "username": "Hub", "unfurl_links": False}


def test_what_names_no_channel_goes_to_the_configs(provider: Fake) -> None:
    provider.will(OK)
    assert CONNECTOR.send(hook(provider, channel="#ops"), message()) == Sent("msg_1")
    assert provider.asked[0].path == "/services/T0/B0/secret"
    assert provider.asked[0].json == {"text": "你好", "channel": "#ops"}


def test_nobody_is_pinged(provider: Fake) -> None:
    provider.will(posted())
    media = Media("image", "https://example.com/?a=1&b=<!channel>")
    CONNECTOR.send(bot(provider, channel="#ops"), message(text="<!here> <@U1> a & b &lt;", media=media))
    assert provider.asked[0].json["text"] == (
        "&lt;!here&gt; &lt;@U1&gt; a &amp; b &amp;lt;\nhttps://example.com/?a=1&amp;b=&lt;!channel&gt;"
    )


@pytest.mark.parametrize(
    ("status", "word", "error"),
    [
        (400, "invalid_payload", Permanent),
        (403, "invalid_token", Disabled),
        (403, "action_prohibited", Disabled),
        (404, "channel_not_found", Disabled),
        (404, "no_service", Disabled),
        (410, "channel_is_archived", Disabled),
        (500, "rollup_error", Temporary),
    ],
)
def test_a_webhooks_words(provider: Fake, status: int, word: str, error: type[Exception]) -> None:
    provider.will(Reply(status, word.encode()))
    with pytest.raises(error) as caught:
        CONNECTOR.send(hook(provider), message())
    assert type(caught.value) is error
    assert caught.value.args == (word, word)


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("invalid_auth", Disabled),
        ("token_revoked", Disabled),
        ("account_inactive", Disabled),
        ("channel_not_found", Disabled),
        ("msg_too_long", Permanent),
        ("internal_error", Temporary),
        ("rate_limited", Temporary),
    ],
)
def test_an_apis_words(provider: Fake, word: str, error: type[Exception]) -> None:
    provider.will(told({"ok": False, "error": word}))
    with pytest.raises(error) as caught:
        CONNECTOR.send(bot(provider, channel="#ops"), message())
    assert type(caught.value) is error


@pytest.mark.parametrize("word", ["channel_not_found", "not_in_channel", "is_archived"])
def test_another_channel_that_is_gone_disables_nothing(provider: Fake, word: str) -> None:
    provider.will(told({"ok": False, "error": word}))
    with pytest.raises(Permanent) as caught:
        CONNECTOR.send(bot(provider, channel="#ops"), message(to="C404"))
    assert (type(caught.value), caught.value.code) == (Permanent, word)


def test_a_scope_that_is_wanting_is_named(provider: Fake) -> None:
    provider.will(told({"ok": False, "error": "missing_scope", "needed": "groups:read", "provided": "users:read"}))
    with pytest.raises(Permanent, match="missing_scope: groups:read"):
        CONNECTOR.records(bot(provider), None)


@pytest.mark.parametrize("is_bot", [True, False])
def test_slack_says_how_long_to_wait(provider: Fake, clock: Clock, is_bot: bool) -> None:
    body = told({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "30"})
    provider.will(body if is_bot else Reply(429, b"rate_limited", {"Retry-After": "30"}))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(bot(provider) if is_bot else hook(provider), message())
    assert (caught.value.code, caught.value.retry_at) == ("ratelimited", clock.START * 1000 + 30_000)


def member(identifier: str, **more: Any) -> dict[str, Any]:
    profile = {"real_name": f"Name of {identifier}", "image_192": "https://example.com/192.png"}
    return {"id": identifier, "name": "n", "deleted": False, "is_bot": False, "profile": profile, "updated": 1, **more}


def test_people_are_read_to_the_end(provider: Fake) -> None:
    provider.will(
        told(
            {
                "ok": True,
                "members": [member("U1"), member("U2", deleted=True), member("U3", is_bot=True), member("USLACKBOT")],
                "response_metadata": {"next_cursor": "dXNlcjpVMEc5V0ZYTlo="},
            }
        ),
        told({"ok": True, "members": [member("U4")], "response_metadata": {"next_cursor": ""}}),
    )
    first = CONNECTOR.contacts(bot(provider), None)
    assert list(first.items) == [Contact("U1", "Name of U1", "https://example.com/192.png")]
    last = CONNECTOR.contacts(bot(provider), first.next)
    assert ([one.id for one in last.items], last.next) == (["U4"], None)
    assert [asked.query.get("cursor") for asked in provider.asked] == [None, "dXNlcjpVMEc5V0ZYTlo="]
    assert {(asked.method, asked.path, asked.query["limit"]) for asked in provider.asked} == {
        ("GET", "/users.list", "200")
    }


def test_channels_then_people_are_read_to_the_end(provider: Fake) -> None:
    provider.will(
        told(
            {
                "ok": True,
                "channels": [{"id": "C1", "updated": 1706738811885}],
                "response_metadata": {"next_cursor": "dGVhbTpDMDY="},
            }
        ),
        told({"ok": True, "channels": [{"id": "C2"}], "response_metadata": {"next_cursor": ""}}),
        told({"ok": True, "members": [member("U1", updated=1502138686)]}),
    )
    found, cursor = [], None
    for _ in range(3):
        page = CONNECTOR.records(bot(provider), cursor)
        found += [(one.kind, one.id, one.updated_at) for one in page.items]
        cursor = page.next
    assert cursor is None
    assert found == [("channel", "C1", 1706738811885), ("channel", "C2", None), ("user", "U1", 1502138686000)]
    assert provider.asked[0].query["types"] == "public_channel,private_channel"
    assert provider.asked[1].query["cursor"] == "dGVhbTpDMDY="
    assert "cursor" not in provider.asked[2].query


@pytest.mark.parametrize("read", [CONNECTOR.contacts, CONNECTOR.records])
def test_a_webhook_cannot_be_read_from(provider: Fake, read: Any) -> None:
    with pytest.raises(Permanent, match="bot token") as caught:
        read(hook(provider), None)
    # Messages are sent all the same.
    assert not isinstance(caught.value, Disabled)
    assert provider.asked == []


def test_mrkdwn_goes_in_a_section(provider: Fake) -> None:
    provider.will(posted())
    media = Media("image", "https://a.example/b.png", "b.png")
    text = "*b* <https://a.example|t> <!here> <@U1> &lt;"
    CONNECTOR.send(bot(provider, channel="#ops"), message(text=text, format="markdown", media=media))
    body = provider.asked[0].json
    shown = "*b* <https://a.example|t> &lt;!here> &lt;@U1> &lt;"
    assert body["blocks"] == [
        {"type": "section", "text": {"type": "mrkdwn", "text": shown}},
        {"type": "image", "image_url": "https://a.example/b.png", "alt_text": "b.png"},
    ]
    assert body["text"] == shown


def test_a_file_in_mrkdwn_is_a_link(provider: Fake) -> None:
    provider.will(OK)
    media = Media("file", "https://a.example/b.pdf", "a|b <x>.pdf")
    CONNECTOR.send(hook(provider), message(text="", format="markdown", media=media))
    assert provider.asked[0].json["blocks"] == [
        {"type": "section", "text": {"type": "mrkdwn", "text": "<https://a.example/b.pdf|a b &lt;x&gt;.pdf>"}}
    ]


def test_a_message_is_edited_and_deleted(provider: Fake) -> None:
    provider.will(posted(), told({"ok": True, "channel": "C123ABC456", "ts": "1503435956.000247"}))
    CONNECTOR.edit(bot(provider), message(text="neu <"), "C123ABC456:1503435956.000247")
    CONNECTOR.delete(bot(provider), "C123ABC456:1503435956.000247")
    place = {"channel": "C123ABC456", "ts": "1503435956.000247"}
    assert [(asked.path, asked.json) for asked in provider.asked] == [
        ("/chat.update", {**place, "text": "neu &lt;"}),
        ("/chat.delete", place),
    ]


def test_what_is_deleted_already_is_fine(provider: Fake) -> None:
    provider.will(told({"ok": False, "error": "message_not_found"}), told({"ok": False, "error": "message_not_found"}))
    CONNECTOR.delete(bot(provider), "C1:1.2")
    with pytest.raises(Permanent, match="message_not_found"):
        CONNECTOR.edit(bot(provider), message(), "C1:1.2")


def test_a_webhook_can_only_post(provider: Fake) -> None:
    assert CONNECTOR.able(hook(provider)) == {"send"}
    assert CONNECTOR.able(bot(provider)) == CONNECTOR.abilities
    for call in (
        lambda: CONNECTOR.edit(hook(provider), message(), "C1:1.2"),
        lambda: CONNECTOR.delete(hook(provider), "C1:1.2"),
        lambda: CONNECTOR.targets(hook(provider), None),
    ):
        with pytest.raises(Permanent, match="missing_token"):
            call()
    assert not provider.asked


def test_channels_are_targets(provider: Fake) -> None:
    channels = [{"id": "C012AB3CD", "name": "general", "is_channel": True, "context_team_id": "T1"}]
    provider.will(
        told({"ok": True, "channels": channels, "response_metadata": {"next_cursor": "dGVhbTpDMDYxRkE1UEI="}})
    )
    page = CONNECTOR.targets(bot(provider), None)
    assert page == Page([Target("C012AB3CD", "general", "T1")], "dGVhbTpDMDYxRkE1UEI=")
    assert provider.asked[0].query["exclude_archived"] == "true"
