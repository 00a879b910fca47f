"""WeCom over a socket: what is asked, and what its answers become.

https://developer.work.weixin.qq.com/document/path/91770
"""

from typing import Any

import pytest

from hub.connectors import texts
from hub.connectors.protocol import Account, Disabled, Media, Outgoing, Permanent, Sent, Temporary
from hub.connectors.wecom import CONNECTOR, WeComConfig
from tests.conftest import Clock
from tests.contract.connectors.fakes import Fake, told

KEY = "693a91f6-7b0c-4bc4-97a0-0ec2sifa5aaa"
ACCEPTED = told({"errcode": 0, "errmsg": "ok"})


def config(provider: Fake) -> WeComConfig:
    return WeComConfig(key=KEY, base_url=provider.url)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "", "text": "你好", **more})


def test_a_text_is_sent(provider: Fake) -> None:
    provider.will(ACCEPTED)
    assert CONNECTOR.send(config(provider), message()) == Sent("msg_1")
    [asked] = provider.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/cgi-bin/webhook/send", {"key": KEY})
    assert asked.json == {"msgtype": "text", "text": {"content": "你好"}}


def test_nobody_is_pinged_and_no_text_grows(provider: Fake) -> None:
    provider.will(ACCEPTED, ACCEPTED)
    CONNECTOR.send(config(provider), message(text="<@zhangsan> @all a<b"))
    assert provider.asked[0].json == {"msgtype": "text", "text": {"content": "@zhangsan @all a<b"}}
    CONNECTOR.send(config(provider), message(text=("<@x>" * 2048)[: CONNECTOR.limits.text]))
    assert texts.length(provider.asked[1].json["text"]["content"], "bytes") <= 2048


def test_media_are_articles(provider: Fake) -> None:
    provider.will(ACCEPTED, ACCEPTED)
    CONNECTOR.send(config(provider), message(media=Media("image", "https://example.com/a.png")))
    CONNECTOR.send(config(provider), message(text="", media=Media("file", "https://example.com/a", "a.pdf")))
    assert [asked.json["news"]["articles"] for asked in provider.asked] == [
        [
            {
                "title": "image",
                "description": "你好",
                "url": "https://example.com/a.png",
                "picurl": "https://example.com/a.png",
            }
        ],
        [{"title": "a.pdf", "description": "", "url": "https://example.com/a"}],
    ]


def test_a_robot_is_tested_without_a_post(provider: Fake) -> None:
    provider.will(told({"errcode": 44004, "errmsg": "empty content, hint: [1593655454352859], from ip: 203.0.113.7"}))
    assert CONNECTOR.test(config(provider)) == Account("robot", "")
    assert provider.asked[0].json == {"msgtype": "text", "text": {"content": ""}}


@pytest.mark.parametrize(
    ("code", "text", "error"),
    [
        (93000, "invalid webhook url, hint: [1593655454352859]", Disabled),
        (93000, "Invalid input : content exceed max length. invalid Request Parameter, hint: [1]", Permanent),
        (40058, "text.content exceed max length 2048", Permanent),
        (-1, "system busy", Temporary),
    ],
)
def test_wecoms_codes(provider: Fake, code: int, text: str, error: type[Exception]) -> None:
    provider.will(told({"errcode": code, "errmsg": text}))
    with pytest.raises(error) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error
    assert caught.value.args == (str(code), text)


def test_a_robot_that_is_gone_fails_the_test(provider: Fake) -> None:
    provider.will(told({"errcode": 93000, "errmsg": "invalid webhook url"}))
    with pytest.raises(Disabled):
        CONNECTOR.test(config(provider))


def test_twenty_posts_a_minute_are_the_limit(provider: Fake, clock: Clock) -> None:
    provider.will(told({"errcode": 45009, "errmsg": "api freq out of limit"}))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert caught.value.retry_at == clock.START * 1000 + 60_000


def test_markdown_is_sent_and_may_be_longer(provider: Fake) -> None:
    provider.will(ACCEPTED)
    limits = CONNECTOR.limits.of("markdown")
    assert (limits.text, CONNECTOR.limits.text) == (4096, 2048)
    CONNECTOR.send(config(provider), message(text="**b** <@zhangsan>", format="markdown"))
    assert provider.asked[0].json == {"msgtype": "markdown", "markdown": {"content": "**b** @zhangsan"}}
