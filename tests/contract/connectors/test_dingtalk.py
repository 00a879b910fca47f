"""DingTalk over a socket: what is asked, and what its answers become.

https://open.dingtalk.com/document/robots/custom-robot-access
"""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from hub.connectors.dingtalk import CONNECTOR, DingTalkConfig
from hub.connectors.protocol import Account, Disabled, Media, Outgoing, Permanent, Sent, Temporary
from tests.conftest import Clock
from tests.contract.connectors.fakes import Fake, told

TOKEN = "566cc69da782ec33a9d7a3f0a8d3c9c1"
SECRET = "SEC1234567890"
ACCEPTED = told({"errcode": 0, "errmsg": "ok"})


def config(provider: Fake, **more: str) -> DingTalkConfig:
    return DingTalkConfig(access_token=TOKEN, base_url=provider.url, **more)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "", "text": "你好", **more})


def test_a_text_is_sent_and_nobody_is_pinged(provider: Fake) -> None:
    provider.will(ACCEPTED)
    assert CONNECTOR.send(config(provider), message(text="@所有人 @13800000000")) == Sent("msg_1")
    [asked] = provider.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/robot/send", {"access_token": TOKEN})
    assert asked.json == {"msgtype": "text", "text": {"content": "@所有人 @13800000000"}, "at": {"isAtAll": False}}


def test_a_post_is_signed(provider: Fake, clock: Clock) -> None:
    provider.will(ACCEPTED)
    CONNECTOR.send(config(provider, secret=SECRET), message())
    query = provider.asked[0].query
    assert query["timestamp"] == str(clock.START * 1000)
    digest = hmac.new(SECRET.encode(), f"{query['timestamp']}\n{SECRET}".encode(), hashlib.sha256).digest()
    assert base64.b64decode(query["sign"]) == digest


@pytest.mark.parametrize("text", ['"' * CONNECTOR.limits.text, "\n\\" * (CONNECTOR.limits.text // 2)])
def test_the_longest_post_has_20_000_bytes(provider: Fake, text: str) -> None:
    provider.will(ACCEPTED)
    address = "https://example.com/".ljust(2048, "a")
    CONNECTOR.send(config(provider), message(text=text, media=Media("image", address)))
    assert len(provider.asked[0].body) <= 20_000
    assert provider.asked[0].json["text"]["content"].endswith(address)


@pytest.mark.parametrize(
    "answer",
    [
        {"errcode": 40035, "errmsg": "缺少参数 json"},
        {"errcode": 310000, "errmsg": "keywords not in content, more: [https://ding-doc.dingtalk.com/doc]"},
    ],
)
def test_a_robot_is_tested_without_a_post(provider: Fake, answer: dict[str, Any]) -> None:
    provider.will(told(answer))
    assert CONNECTOR.test(config(provider)) == Account("robot", "")
    assert "text" not in json.loads(provider.asked[0].body)


@pytest.mark.parametrize(
    ("code", "text", "error"),
    [
        (300001, "token is not exist", Disabled),
        (300005, "token is not exist", Disabled),
        (400013, "群已被解散", Disabled),
        (400101, "access_token不存在", Disabled),
        (400102, "机器人已停用", Disabled),
        (310000, "sign not match, more: [https://ding-doc.dingtalk.com/doc]", Disabled),
        (310000, "ip 203.0.113.7 not in whitelist", Disabled),
        (310000, "keywords not in content", Permanent),
        (430101, "含有不安全的外链", Permanent),
        (-1, "系统繁忙", Temporary),
    ],
)
def test_dingtalks_codes(provider: Fake, code: int, text: str, error: type[Exception]) -> None:
    provider.will(told({"errcode": code, "errmsg": text}))
    with pytest.raises(error) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error
    assert caught.value.args == (str(code), text)


@pytest.mark.parametrize("code", [400101, 400102, 300005])
def test_a_robot_that_is_gone_fails_the_test(provider: Fake, code: int) -> None:
    provider.will(told({"errcode": code, "errmsg": "gone"}))
    with pytest.raises(Disabled):
        CONNECTOR.test(config(provider))


@pytest.mark.parametrize("code", [130101, 410100])
def test_too_many_posts_block_a_robot_for_ten_minutes(provider: Fake, clock: Clock, code: int) -> None:
    provider.will(told({"errcode": code, "errmsg": "send too fast, exceed 20 times per minute"}))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert caught.value.retry_at == clock.START * 1000 + 600_000


def test_markdown_shows_a_picture_and_has_a_title(provider: Fake) -> None:
    provider.will(ACCEPTED, ACCEPTED)
    picked = Media("image", "https://a.example/b.png", "b[1].png")
    CONNECTOR.send(config(provider), message(text="# **News**\nmore", format="markdown", media=picked))
    CONNECTOR.send(config(provider), message(text="a", format="markdown", options={"title": "Ann"}))
    shown, named = (asked.json for asked in provider.asked)
    assert shown == {
        "msgtype": "markdown",
        "markdown": {"title": "News", "text": "# **News**\nmore\n\n![b 1 .png](https://a.example/b.png)"},
        "at": {"isAtAll": False},
    }
    assert named["markdown"] == {"title": "Ann", "text": "a"}


@pytest.mark.parametrize("text", ['"', "\\", "a", "你"])
def test_markdown_at_the_limit_is_within_dingtalks(provider: Fake, text: str) -> None:
    provider.will(ACCEPTED)
    limits = CONNECTOR.limits.of("markdown")
    media = Media("image", "https://a.example/" + "x" * 1800, "n" * 100)
    full = text * (limits.text // len(text.encode()))
    CONNECTOR.send(config(provider), message(text=full, format="markdown", media=media))
    assert len(provider.asked[0].body) <= 20_000


def test_a_days_quota_that_is_spent_waits_for_the_next(provider: Fake, clock: Clock) -> None:
    provider.will(told({"errcode": 90030, "errmsg": "webhook over limit"}))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert caught.value.retry_at is not None
    assert (caught.value.retry_at // 1000 + 8 * 3600) % 86_400 == 0
    assert 0 < caught.value.retry_at - clock.START * 1000 <= 86_400_000
