"""WeChat over a socket (https://developers.weixin.qq.com/doc/offiaccount)."""

from collections.abc import Iterator
from typing import Any

import pytest

from hub.connectors import tokens
from hub.connectors.protocol import Contact, Disabled, Media, Outgoing, Permanent, ProviderError, Sent, Temporary
from hub.connectors.wechat import CONNECTOR, PAGE, WeChatConfig
from tests.contract.connectors.fakes import PNG, Fake, Reply, picture, told

OK = told('{"errcode":0,"errmsg":"ok"}')
GONE = told('{"errcode":42001,"errmsg":"access_token expired rid: 6a0"}')
SERVICE, TEMPLATE = "/cgi-bin/message/custom/send", "/cgi-bin/message/template/send"
GIVE, LIST, DETAILS = "/cgi-bin/stable_token", "/cgi-bin/user/get", "/cgi-bin/user/info/batchget"


@pytest.fixture(autouse=True)
def _no_token_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_kept", {})


def given(token: str = "ACCESS_TOKEN") -> Reply:
    return told({"access_token": token, "expires_in": 7200})


def config(provider: Fake) -> WeChatConfig:
    return WeChatConfig(app_id="wxb11529c136998cb6", app_secret="a-secret", base_url=provider.url)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "OPENID", "text": "你好", **more})


def test_the_account_is_who_gets_a_token(provider: Fake) -> None:
    provider.will(given())
    assert CONNECTOR.test(config(provider)).id == "wxb11529c136998cb6"
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("POST", GIVE)
    assert asked.json == {
        "grant_type": "client_credential",
        "appid": "wxb11529c136998cb6",
        "secret": "a-secret",
    }


def test_a_test_asks_though_a_token_is_kept(provider: Fake) -> None:
    provider.will(given(), told('{"errcode":40164,"errmsg":"invalid ip 203.0.113.7, not in whitelist"}'))
    CONNECTOR.test(config(provider))
    with pytest.raises(Disabled, match="not in whitelist"):
        CONNECTOR.test(config(provider))


def test_texts_are_sent_with_one_token(provider: Fake) -> None:
    provider.will(given(), OK, OK)
    assert [CONNECTOR.send(config(provider), message()) for _ in range(2)] == [Sent("msg_1")] * 2
    assert [asked.path for asked in provider.asked] == [GIVE, SERVICE, SERVICE]
    sent = provider.asked[1]
    assert sent.query == {"access_token": "ACCESS_TOKEN"}
    assert sent.body.decode() == '{"touser": "OPENID", "msgtype": "text", "text": {"content": "你好"}}'


def test_media_with_a_text_and_films_are_sent_as_their_address(provider: Fake) -> None:
    provider.will(given(), OK, OK)
    CONNECTOR.send(config(provider), message(media=Media("image", "https://a.example/b.png")))
    CONNECTOR.send(config(provider), message(media=Media("video", "https://a.example/b.mp4"), text=""))
    assert [asked.json["text"]["content"] for asked in provider.asked[1:]] == [
        "你好\nhttps://a.example/b.png",
        "https://a.example/b.mp4",
    ]


def test_a_template_is_sent_to_the_receiver_and_nobody_else(provider: Fake) -> None:
    template = {"template_id": "ngqIpbwh8bUfcSsECmogfXcV14J0tQlEpBO27izEYtY", "data": {"a": {"value": "b"}}}
    provider.will(given(), told('{"errcode":0,"errmsg":"ok","msgid":200228332}'))
    sent = CONNECTOR.send(config(provider), message(options={"template": {**template, "touser": "ANOTHER"}}))
    assert sent == Sent("200228332")
    assert provider.asked[1].path == TEMPLATE
    assert provider.asked[1].json == {"client_msg_id": "msg_1", **template, "touser": "OPENID"}


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_token_that_ended_is_asked_for_anew_once(provider: Fake, code: int) -> None:
    ended = told({"errcode": code, "errmsg": "ended"})
    provider.will(given("OLD"), ended, given("NEW"), OK)
    CONNECTOR.send(config(provider), message())
    assert [asked.query.get("access_token") for asked in provider.asked] == [None, "OLD", None, "NEW"]
    provider.will(ended, given("NEWER"), ended)
    with pytest.raises(Disabled, match="ended"):
        CONNECTOR.send(config(provider), message())
    assert len(provider.asked) == 7


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        (told('{"errcode":-1,"errmsg":"system error"}'), Temporary, "-1"),
        (told('{"errcode":45011,"errmsg":"api minute-quota reach limit"}'), Temporary, "45011"),
        (
            told('{"errcode":45015,"errmsg":"response out of time limit or subscription is canceled"}'),
            Permanent,
            "45015",
        ),
        (told('{"errcode":45047,"errmsg":"out of response count limit"}'), Permanent, "45047"),
        (told('{"errcode":40003,"errmsg":"invalid openid"}'), Permanent, "40003"),
        (told('{"errcode":48001,"errmsg":"api unauthorized"}'), Disabled, "48001"),
        (told("{}"), Temporary, "bad_answer"),
    ],
)
def test_a_refusal_is_what_it_says(provider: Fake, reply: Reply, error: type[ProviderError], code: str) -> None:
    provider.will(given(), reply)
    with pytest.raises(ProviderError) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error
    assert caught.value.code == code
    assert len(provider.asked) == 2


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (told('{"errcode":40125,"errmsg":"invalid appsecret"}'), Disabled),
        (told('{"errcode":40001,"errmsg":"invalid credential"}'), Disabled),
        (told('{"errcode":40164,"errmsg":"invalid ip"}'), Disabled),
        (told('{"errcode":-1,"errmsg":"system error"}'), Temporary),
        (told('{"access_token":"a"}'), Temporary),
        (told('{"access_token":"a","expires_in":"soon"}'), Temporary),
        (told('{"access_token":"a","expires_in":null}'), Temporary),
    ],
)
def test_without_a_token_nothing_is_sent(provider: Fake, reply: Reply, error: type[ProviderError]) -> None:
    provider.will(reply)
    with pytest.raises(ProviderError) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error
    assert [asked.path for asked in provider.asked] == [GIVE]


class Followers(Fake):
    """An account with followers, `a_call` of whom one call lists."""

    def __init__(self, number: int, a_call: int) -> None:
        super().__init__()
        self.ids = [f"o{number:05}" for number in range(number)]
        self.a_call = a_call

    def answer(self, asked: Any) -> Reply:
        if asked.path == GIVE:
            return given()
        if asked.path == DETAILS:
            wanted = [one["openid"] for one in asked.json["user_list"]]
            assert len(wanted) <= 100
            people = [{"subscribe": 1, "openid": one, "nickname": "", "remark": f"R {one}"} for one in wanted]
            return told({"user_info_list": people})
        begin = self.ids.index(asked.query["next_openid"]) + 1 if "next_openid" in asked.query else 0
        found = self.ids[begin : begin + self.a_call]
        listed = {"total": len(self.ids), "count": len(found), "next_openid": found[-1] if found else ""}
        return told(listed | ({"data": {"openid": found}} if found else {}))


def read(followers: Followers) -> Iterator[Contact]:
    cursor: str | None = None
    for _ in range(50):
        page = CONNECTOR.contacts(config(followers), cursor)
        assert len(page.items) <= PAGE
        yield from page.items
        cursor = page.next
        if cursor is None:
            return
    raise AssertionError("a list without end")


@pytest.mark.parametrize(
    ("number", "a_call"), [(0, 10_000), (1, 10_000), (500, 10_000), (1234, 10_000), (1300, 650), (1300, 500)]
)
def test_every_follower_is_read_once(number: int, a_call: int) -> None:
    with Followers(number, a_call) as followers:
        found = list(read(followers))
        assert [one.id for one in found] == followers.ids
        assert {one.name for one in found} == {f"R {one}" for one in followers.ids}


def test_followers_are_records_too() -> None:
    with Followers(3, 10_000) as followers:
        found = CONNECTOR.records(config(followers), None).items
    assert [(one.kind, one.id, one.data["remark"]) for one in found] == [
        ("follower", one, f"R {one}") for one in followers.ids
    ]


@pytest.mark.parametrize("listed", [{"total": 1, "data": 5}, {"total": 1, "data": {"openid": 5}}])
def test_a_list_that_cannot_be_read_may_be_asked_for_again(provider: Fake, listed: Any) -> None:
    provider.will(given(), told(listed))
    with pytest.raises(Temporary):
        CONNECTOR.contacts(config(provider), None)


UPLOAD = "/cgi-bin/media/upload"


@pytest.mark.parametrize(("kind", "name", "shown"), [("image", "a.png", "image"), ("audio", "a.mp3", "voice")])
def test_a_picture_or_a_sound_is_uploaded(provider: Fake, kind: Any, name: str, shown: str) -> None:
    media_id = told({"type": shown, "media_id": "MEDIA_ID", "created_at": 123456789})
    provider.will(picture(), given(), media_id, OK)
    CONNECTOR.send(config(provider), message(text="", media=Media(kind, f"{provider.url}/{name}")))
    _, _, upload, sent = provider.asked
    assert (upload.path, upload.query) == (UPLOAD, {"access_token": "ACCESS_TOKEN", "type": shown})
    assert upload.form == {"media": (name, "image/png", PNG)}
    assert sent.json == {"touser": "OPENID", "msgtype": shown, shown: {"media_id": "MEDIA_ID"}}


@pytest.mark.parametrize(
    "replies",
    [
        [Reply(404), given()],
        [picture(), given(), told({"errcode": 40005, "errmsg": "invalid file type"})],
        [picture(), given(), told({"errcode": 48001, "errmsg": "api unauthorized"})],
    ],
    ids=["gone", "no picture", "no right"],
)
def test_a_picture_that_cannot_be_uploaded_is_linked(provider: Fake, replies: list[Reply]) -> None:
    provider.will(*replies, OK)
    CONNECTOR.send(config(provider), message(text="", media=Media("image", f"{provider.url}/a.png")))
    assert provider.asked[-1].json["text"] == {"content": f"{provider.url}/a.png"}


def test_an_upload_with_a_token_that_is_gone_is_tried_once_more(provider: Fake) -> None:
    media_id = told({"type": "image", "media_id": "MEDIA_ID", "created_at": 123456789})
    provider.will(picture(), given("OLD"), GONE, given("NEW"), media_id, OK)
    CONNECTOR.send(config(provider), message(text="", media=Media("image", f"{provider.url}/a.png")))
    uploads = [asked for asked in provider.asked if asked.path == UPLOAD]
    assert [asked.query["access_token"] for asked in uploads] == ["OLD", "NEW"]
    assert uploads[0].form == uploads[1].form


def test_an_address_that_is_not_listed_is_told_in_clear_words(provider: Fake) -> None:
    provider.will(told('{"errcode":40164,"errmsg":"invalid ip 203.0.113.7, not in whitelist"}'))
    with pytest.raises(Disabled, match=r"invalid ip 203\.0\.113\.7.*whitelist must name the address"):
        CONNECTOR.send(config(provider), message())
