"""Feishu over a socket: what is asked, and what its documented answers become (https://open.feishu.cn/document)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from hub.connectors import tokens
from hub.connectors.feishu import CONNECTOR, FeishuConfig
from hub.connectors.protocol import Account, Disabled, Media, Outgoing, Page, Permanent, Sent, Target, Temporary
from tests.conftest import Clock
from tests.contract.connectors.fakes import PNG, Fake, Reply, picture, told

TOKEN = told(
    {"code": 0, "msg": "ok", "tenant_access_token": "t-caecc734c2e3328a62489fe0648c4b98779515d3", "expire": 7200}
)
OTHER_TOKEN = told({"code": 0, "msg": "ok", "tenant_access_token": "t-other", "expire": 7200})
ACCEPTED = told({"code": 0, "msg": "success", "data": {"message_id": "om_dc13264520392913993dd051dba21dcf"}})
POSTED = told({"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"})


@pytest.fixture(autouse=True)
def no_tokens() -> Iterator[None]:
    tokens._kept.clear()
    yield
    tokens._kept.clear()


def app(provider: Fake, **more: str) -> FeishuConfig:
    return FeishuConfig(app_id="cli_slkdjalasdkjasd", app_secret="dskLLdkasdjlasdKK", base_url=provider.url, **more)


def custom(provider: Fake, **more: str) -> FeishuConfig:
    return FeishuConfig(webhook_url=f"{provider.url}/open-apis/bot/v2/hook/a-hook", **more)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "oc_a0553eda9014c201e6969b478895c230", "text": "你好", **more})


def test_the_bot_says_who_it_is(provider: Fake) -> None:
    bot = {
        "activate_status": 2,
        "app_name": "Hub",
        "avatar_url": "https://…",
        "open_id": "ou_e6e14f667cfe239d7b129b521dce0569",
    }
    provider.will(TOKEN, told({"code": 0, "msg": "ok", "bot": bot}))
    assert CONNECTOR.test(app(provider)) == Account("ou_e6e14f667cfe239d7b129b521dce0569", "Hub")
    asked = provider.asked
    assert [one.path for one in asked] == ["/open-apis/auth/v3/tenant_access_token/internal", "/open-apis/bot/v3/info"]
    assert asked[0].json == {"app_id": "cli_slkdjalasdkjasd", "app_secret": "dskLLdkasdjlasdKK"}
    assert asked[1].headers["authorization"] == "Bearer t-caecc734c2e3328a62489fe0648c4b98779515d3"


@pytest.mark.parametrize("code", [9499, 19002])
def test_a_custom_bot_is_tested_without_a_post(provider: Fake, code: int) -> None:
    provider.will(told({"code": code, "msg": "Bad Request", "data": {}}))
    assert CONNECTOR.test(custom(provider)) == Account("webhook", "")
    assert provider.asked[0].json == {"msg_type": "text", "content": {}}


@pytest.mark.parametrize("code", [19001, 19021, 19022])
def test_a_custom_bot_that_is_wrong_fails_the_test(provider: Fake, code: int) -> None:
    provider.will(told({"code": code, "msg": "param invalid: incoming webhook access token invalid"}))
    with pytest.raises(Disabled):
        CONNECTOR.test(custom(provider))


@pytest.mark.parametrize(
    ("receiver", "kind"),
    [
        ("oc_a0553eda9014c201e6969b478895c230", "chat_id"),
        ("ou_7d8a6e6df7621556ce0d21922b676706", "open_id"),
        ("on_94a1ee5551019f18cd73d9f111898cf2", "union_id"),
        ("fred@example.com", "email"),
        ("4d7a3c6g", "user_id"),
    ],
)
def test_a_text_is_sent(provider: Fake, receiver: str, kind: str) -> None:
    provider.will(TOKEN, ACCEPTED)
    assert CONNECTOR.send(app(provider), message(to=receiver)) == Sent("om_dc13264520392913993dd051dba21dcf")
    asked = provider.asked[1]
    assert (asked.method, asked.path, asked.query) == ("POST", "/open-apis/im/v1/messages", {"receive_id_type": kind})
    assert asked.json == {"receive_id": receiver, "msg_type": "text", "content": '{"text": "你好"}', "uuid": "msg_1"}


def test_what_names_nobody_goes_to_the_configs_chat(provider: Fake) -> None:
    provider.will(TOKEN, ACCEPTED)
    CONNECTOR.send(app(provider, chat_id="oc_own"), message(to=""))
    assert provider.asked[1].json["receive_id"] == "oc_own"


def test_a_repeated_message_has_the_same_uuid_of_fifty_characters(provider: Fake) -> None:
    provider.will(TOKEN, ACCEPTED, ACCEPTED)
    for _ in range(2):
        CONNECTOR.send(app(provider), message(id="msg_" + "x" * 60))
    first, second = (asked.json["uuid"] for asked in provider.asked[1:])
    assert first == second
    assert len(first) == 50


def test_a_card_is_sent_as_it_is(provider: Fake) -> None:
    card = {"elements": [{"tag": "markdown", "content": "**你好**"}]}
    provider.will(TOKEN, ACCEPTED, POSTED)
    CONNECTOR.send(app(provider), message(options={"card": card}))
    CONNECTOR.send(custom(provider), message(options={"card": card}))
    assert (provider.asked[1].json["msg_type"], json.loads(provider.asked[1].json["content"])) == ("interactive", card)
    assert provider.asked[2].json == {"msg_type": "interactive", "card": card}


@pytest.mark.parametrize("text", ['<at user_id="all">所有人</at>', '<AT user_id="ou_1">Tom</AT>', "a <at> b"])
def test_nobody_is_pinged(provider: Fake, text: str) -> None:
    provider.will(POSTED)
    CONNECTOR.send(custom(provider), message(text=text))
    sent = provider.asked[0].json["content"]["text"]
    assert "<at" not in sent.lower()
    assert sent.replace("\u200b", "") == text


def test_a_custom_bots_post_is_signed(provider: Fake, clock: Clock) -> None:
    provider.will(POSTED)
    assert CONNECTOR.send(custom(provider, secret="a-secret"), message()) == Sent("msg_1")
    body = provider.asked[0].json
    digest = hmac.new(f"{clock.START}\na-secret".encode(), b"", hashlib.sha256).digest()
    assert (body["timestamp"], body["sign"]) == (str(clock.START), base64.b64encode(digest).decode())
    assert (body["msg_type"], body["content"]) == ("text", {"text": "你好"})


@pytest.mark.parametrize("text", ['"' * CONNECTOR.limits.text, "<at" * (CONNECTOR.limits.text // 3)])
def test_the_longest_post_has_20_kilobytes(provider: Fake, text: str) -> None:
    provider.will(POSTED)
    address = "https://example.com/".ljust(2048, "a")
    CONNECTOR.send(custom(provider, secret="a-secret"), message(text=text, media=Media("image", address)))
    assert len(provider.asked[0].body) <= 20 * 1024
    assert provider.asked[0].json["content"]["text"].endswith(address)


def test_a_token_is_kept(provider: Fake) -> None:
    provider.will(TOKEN, ACCEPTED, ACCEPTED)
    CONNECTOR.send(app(provider), message())
    CONNECTOR.send(app(provider), message())
    assert sum("tenant_access_token" in asked.path for asked in provider.asked) == 1


def test_a_token_that_is_not_known_any_more_is_asked_for_anew(provider: Fake) -> None:
    gone = told(
        {"code": 99991663, "msg": "Invalid access token for authorization. Please make a test with token attached."},
        400,
    )
    provider.will(TOKEN, gone, OTHER_TOKEN, ACCEPTED)
    assert CONNECTOR.send(app(provider), message()).provider_id == "om_dc13264520392913993dd051dba21dcf"
    assert provider.asked[-1].headers["authorization"] == "Bearer t-other"


def test_a_token_is_asked_for_anew_once(provider: Fake) -> None:
    gone = told({"code": 99991663, "msg": "Invalid access token"}, 400)
    provider.will(TOKEN, gone, OTHER_TOKEN, gone)
    with pytest.raises(Disabled, match="Invalid access token"):
        CONNECTOR.send(app(provider), message())
    assert len(provider.asked) == 4


def test_a_wrong_secret_is_told(provider: Fake) -> None:
    provider.will(told({"code": 10014, "msg": "app secret invalid"}))
    with pytest.raises(Disabled, match="app secret invalid"):
        CONNECTOR.test(app(provider))


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 230001, Permanent),
        (400, 230002, Permanent),
        (400, 230006, Disabled),
        (400, 230020, Temporary),
        (400, 230025, Permanent),
        (400, 230027, Permanent),
        (403, 230028, Permanent),
        (400, 99991672, Disabled),
        (500, 1500, Temporary),
        (500, 234500, Temporary),
    ],
)
def test_feishus_codes(provider: Fake, status: int, code: int, error: type[Exception]) -> None:
    provider.will(TOKEN, told({"code": code, "msg": "its own words"}, status))
    with pytest.raises(error) as caught:
        CONNECTOR.send(app(provider), message())
    assert type(caught.value) is error
    assert caught.value.args == (str(code), "its own words")


@pytest.mark.parametrize(
    ("code", "error"), [(9499, Permanent), (19021, Disabled), (19024, Permanent), (11232, Temporary)]
)
def test_a_custom_bots_codes(provider: Fake, code: int, error: type[Exception]) -> None:
    provider.will(told({"code": code, "msg": "its own words"}))
    with pytest.raises(error) as caught:
        CONNECTOR.send(custom(provider), message())
    assert type(caught.value) is error


@pytest.mark.parametrize("status", [429, 400])
def test_feishu_says_how_long_to_wait(provider: Fake, clock: Clock, status: int) -> None:
    limited = {"code": 99991400, "msg": "request trigger frequency limit"}
    provider.will(TOKEN, told(limited, status, {"x-ogw-ratelimit-limit": "100", "x-ogw-ratelimit-reset": "45"}))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(app(provider), message())
    assert caught.value.retry_at == clock.START * 1000 + 45_000


def test_chats_are_read_to_the_end(provider: Fake) -> None:
    def page(*ids: str, following: str = "") -> Reply:
        items = [{"chat_id": one, "name": f"Name of {one}"} for one in ids]
        return told({"code": 0, "data": {"items": items, "page_token": following, "has_more": bool(following)}})

    provider.will(
        TOKEN,
        page(
            "oc_1",
            "oc_2",
            following="dmJCRHhpd3JRbGV1VEVNRFFyTitRWDY5ZFkybmYrMEUwMUFYT0VMMWdENEtuYUhsNUxGMDIwemtvdE5ORjBNQQ==",
        ),
        page("oc_3"),
    )
    first = CONNECTOR.records(app(provider), None)
    last = CONNECTOR.records(app(provider), first.next)
    assert [(one.kind, one.id) for one in (*first.items, *last.items)] == [
        ("chat", "oc_1"),
        ("chat", "oc_2"),
        ("chat", "oc_3"),
    ]
    assert last.next is None
    assert (provider.asked[2].path, provider.asked[2].query["page_token"]) == ("/open-apis/im/v1/chats", first.next)


def test_an_app_in_no_chat_has_nothing_to_read(provider: Fake) -> None:
    provider.will(TOKEN, told({"code": 0, "data": {"items": None, "page_token": "", "has_more": False}}))
    page = CONNECTOR.records(app(provider), None)
    assert (list(page.items), page.next) == ([], None)


def test_a_custom_bot_cannot_be_read_from(provider: Fake) -> None:
    with pytest.raises(Permanent, match="custom bot") as caught:
        CONNECTOR.records(custom(provider), None)
    # Messages are sent all the same.
    assert not isinstance(caught.value, Disabled)
    assert provider.asked == []


IMAGE = told({"code": 0, "msg": "success", "data": {"image_key": "img_7ea74629-9191-4176-998c-2e603c9c5e8g"}})
FILE = told({"code": 0, "msg": "success", "data": {"file_key": "file_456a92d6-c6ea-4de4-ac3f-7afcf44ac78g"}})
KEY = "img_7ea74629-9191-4176-998c-2e603c9c5e8g"


def sent(provider: Fake) -> tuple[str, Any]:
    """The type and the content of the message that was sent last."""
    body = provider.asked[-1].json
    return body["msg_type"], json.loads(body["content"])


def test_a_card_shows_markup_and_may_be_edited(provider: Fake) -> None:
    provider.will(TOKEN, ACCEPTED)
    CONNECTOR.send(app(provider), message(text="**b** <at id=all></at>", format="card", options={"title": "Ann"}))
    assert sent(provider) == (
        "interactive",
        {
            "config": {"wide_screen_mode": True, "update_multi": True},
            "elements": [{"tag": "div", "text": {"tag": "lark_md", "content": "**b** <\u200bat id=all><\u200b/at>"}}],
            "header": {"title": {"tag": "plain_text", "content": "Ann"}},
        },
    )


def test_a_post_has_lines(provider: Fake) -> None:
    provider.will(TOKEN, ACCEPTED)
    CONNECTOR.send(app(provider), message(text="a\nb", format="post"))
    lines = [[{"tag": "text", "text": "a"}], [{"tag": "text", "text": "b"}]]
    assert sent(provider) == ("post", {"zh_cn": {"title": "", "content": lines}})


@pytest.mark.parametrize(
    ("written", "body"),
    [
        (
            "post",
            {
                "msg_type": "post",
                "content": {"post": {"zh_cn": {"title": "", "content": [[{"tag": "text", "text": "a"}]]}}},
            },
        ),
        (
            "card",
            {
                "msg_type": "interactive",
                "card": {
                    "config": {"wide_screen_mode": True, "update_multi": True},
                    "elements": [{"tag": "div", "text": {"tag": "lark_md", "content": "a"}}],
                },
            },
        ),
    ],
)
def test_a_custom_bot_posts_all_formats(provider: Fake, written: Any, body: dict[str, Any]) -> None:
    provider.will(POSTED)
    CONNECTOR.send(custom(provider), message(text="a", format=written))
    assert provider.asked[0].json == body


@pytest.mark.parametrize(
    ("more", "content"),
    [
        ({"text": ""}, ("image", {"image_key": KEY})),
        (
            {"text": "a"},
            (
                "post",
                {
                    "zh_cn": {
                        "title": "",
                        "content": [[{"tag": "text", "text": "a"}], [{"tag": "img", "image_key": KEY}]],
                    }
                },
            ),
        ),
        (
            {"text": "a", "format": "card"},
            (
                "interactive",
                {
                    "config": {"wide_screen_mode": True, "update_multi": True},
                    "elements": [
                        {"tag": "div", "text": {"tag": "lark_md", "content": "a"}},
                        {"tag": "img", "img_key": KEY, "alt": {"tag": "plain_text", "content": "b.png"}},
                    ],
                },
            ),
        ),
    ],
    ids=["alone", "with a text", "in a card"],
)
def test_a_picture_is_uploaded(provider: Fake, more: dict[str, Any], content: tuple[str, Any]) -> None:
    provider.will(picture(), TOKEN, IMAGE, ACCEPTED)
    CONNECTOR.send(app(provider), message(media=Media("image", f"{provider.url}/a.png", "b.png"), **more))
    upload = provider.asked[2]
    assert (upload.method, upload.path) == ("POST", "/open-apis/im/v1/images")
    assert upload.form == {"image_type": ("", "text/plain", b"message"), "image": ("b.png", "image/png", PNG)}
    assert sent(provider) == content


@pytest.mark.parametrize(
    ("kind", "name", "told_as", "shown"),
    [
        ("file", "a.pdf", b"pdf", "file"),
        ("file", "a.docx", b"doc", "file"),
        ("file", "a.tar", b"stream", "file"),
        ("video", "a.mp4", b"mp4", "media"),
        ("video", "a.mov", b"stream", "file"),
        ("file", "a.mp4", b"stream", "file"),
        ("audio", "a.opus", b"opus", "audio"),
        ("audio", "a.mp3", b"stream", "file"),
    ],
)
def test_a_file_is_uploaded_as_what_it_is(provider: Fake, kind: Any, name: str, told_as: bytes, shown: str) -> None:
    provider.will(Reply(200, b"content"), TOKEN, FILE, ACCEPTED)
    CONNECTOR.send(app(provider), message(text="", media=Media(kind, f"{provider.url}/{name}")))
    form = provider.asked[2].form
    assert (form["file_type"][2], form["file_name"][2]) == (told_as, name.encode())
    assert form["file"][0] == name
    assert sent(provider) == (shown, {"file_key": "file_456a92d6-c6ea-4de4-ac3f-7afcf44ac78g"})


@pytest.mark.parametrize(
    "replies",
    [
        [Reply(404), TOKEN],
        [Reply(500), TOKEN],
        [picture(), TOKEN, told({"code": 234011, "msg": "Can't regonnize the image format."}, 400)],
        [picture(), TOKEN, told({"code": 99991672, "msg": "Access denied. im:resource:upload"}, 400)],
    ],
    ids=["gone", "out of order", "no picture", "no scope"],
)
def test_a_picture_that_cannot_be_uploaded_is_linked(provider: Fake, replies: list[Reply]) -> None:
    provider.will(*replies, ACCEPTED)
    CONNECTOR.send(app(provider), message(media=Media("image", f"{provider.url}/a.png")))
    assert sent(provider) == ("text", {"text": f"你好\n{provider.url}/a.png"})


def test_an_upload_that_comes_too_often_waits(provider: Fake, clock: Clock) -> None:
    provider.will(picture(), TOKEN, told({"code": 99991400, "msg": "…"}, 400, {"x-ogw-ratelimit-reset": "7"}))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(app(provider), message(media=Media("image", f"{provider.url}/a.png")))
    assert caught.value.retry_at == clock.START * 1000 + 7000


def test_messages_are_edited_and_recalled(provider: Fake) -> None:
    done = told({"code": 0, "msg": "success", "data": {}})
    provider.will(TOKEN, done, done, done)
    CONNECTOR.edit(app(provider), message(text="neu"), "om_1")
    CONNECTOR.edit(app(provider), message(text="neu", format="card"), "om_2")
    CONNECTOR.delete(app(provider), "om_1")
    text, card, recalled = provider.asked[1:]
    assert (text.method, text.path) == ("PUT", "/open-apis/im/v1/messages/om_1")
    assert text.json == {"msg_type": "text", "content": '{"text": "neu"}'}
    assert (card.method, card.path, set(card.json)) == ("PATCH", "/open-apis/im/v1/messages/om_2", {"content"})
    assert (recalled.method, recalled.path, recalled.body) == ("DELETE", "/open-apis/im/v1/messages/om_1", b"")


def test_what_is_recalled_already_is_fine(provider: Fake) -> None:
    provider.will(TOKEN, told({"code": 230011, "msg": "The message is recalled."}, 400))
    CONNECTOR.delete(app(provider), "om_1")


@pytest.mark.parametrize("provider_id", ["", "../chats", "om_1?a=b"])
def test_what_is_no_id_is_not_asked_for(provider: Fake, provider_id: str) -> None:
    with pytest.raises(Permanent, match="bad_id"):
        CONNECTOR.delete(app(provider), provider_id)
    assert not provider.asked


def test_a_custom_bot_can_only_post(provider: Fake) -> None:
    assert CONNECTOR.able(custom(provider)) == {"send"}
    assert CONNECTOR.able(app(provider)) == CONNECTOR.abilities
    with pytest.raises(Permanent, match="missing_app"):
        CONNECTOR.edit(custom(provider), message(), "om_1")
    with pytest.raises(Permanent, match="missing_app"):
        CONNECTOR.delete(custom(provider), "om_1")
    with pytest.raises(Permanent, match="missing_app"):
        CONNECTOR.targets(custom(provider), None)


def test_chats_are_targets(provider: Fake) -> None:
    chats = {"items": [{"chat_id": "oc_1", "name": "News"}], "page_token": "next", "has_more": True}
    provider.will(TOKEN, told({"code": 0, "msg": "ok", "data": chats}))
    assert CONNECTOR.targets(app(provider), None) == Page([Target("oc_1", "News")], "next")


@pytest.mark.parametrize(("written", "most"), [("text", 150_000), ("post", 30_000), ("card", 30_000)])
@pytest.mark.parametrize("text", ['"', "\\", "a", "你", '字"多\n'])
def test_an_apps_message_at_the_limit_is_within_feishus(provider: Fake, written: Any, most: int, text: str) -> None:
    limits = CONNECTOR.limits_for(app(provider)).of(written)
    provider.will(TOKEN, ACCEPTED)
    CONNECTOR.send(app(provider), message(text=text * (limits.text // len(text.encode())), format=written))
    assert len(provider.asked[1].body) <= most


@pytest.mark.parametrize("written", ["text", "post", "card"])
@pytest.mark.parametrize("text", ['"', "\\", "a", "你", '字"多\n'])
def test_a_custom_bots_message_at_the_limit_is_within_feishus(provider: Fake, written: Any, text: str) -> None:
    limits = CONNECTOR.limits_for(custom(provider)).of(written)
    provider.will(POSTED)
    CONNECTOR.send(custom(provider), message(text=text * (limits.text // len(text.encode())), format=written))
    assert len(provider.asked[0].body) <= 20_000


def test_a_file_goes_after_its_text(provider: Fake) -> None:
    other = told({"code": 0, "msg": "success", "data": {"message_id": "om_file"}})
    provider.will(Reply(200, b"content"), TOKEN, FILE, ACCEPTED, other)
    media = Media("file", f"{provider.url}/a.pdf")
    provider_id = CONNECTOR.send(app(provider), message(media=media)).provider_id
    assert provider_id == "om_dc13264520392913993dd051dba21dcf+om_file"
    text, file = (asked.json for asked in provider.asked[3:])
    assert (text["msg_type"], text["content"], text["uuid"]) == ("text", '{"text": "你好"}', "msg_1")
    assert (file["msg_type"], file["uuid"]) == ("file", "msg_1-file")
    done = told({"code": 0, "msg": "success", "data": {}})
    provider.will(done, done, done)
    CONNECTOR.edit(app(provider), message(text="neu", media=media), provider_id)
    CONNECTOR.delete(app(provider), provider_id)
    edited, *deleted = provider.asked[5:]
    assert (edited.path.rpartition("/")[2], edited.json["content"]) == (
        "om_dc13264520392913993dd051dba21dcf",
        '{"text": "neu"}',
    )
    assert [asked.path.rpartition("/")[2] for asked in deleted] == ["om_dc13264520392913993dd051dba21dcf", "om_file"]


def test_a_file_that_cannot_be_had_follows_its_text_by_its_address(provider: Fake) -> None:
    provider.will(Reply(404), TOKEN, ACCEPTED)
    CONNECTOR.send(app(provider), message(media=Media("file", f"{provider.url}/a.pdf")))
    assert sent(provider) == ("text", {"text": f"你好\n{provider.url}/a.pdf"})
