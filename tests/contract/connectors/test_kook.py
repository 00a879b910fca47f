"""KOOK over a socket (https://developer.kookapp.cn/doc)."""

from typing import Any

import pytest

from hub.connectors.kook import CONNECTOR, KookConfig
from hub.connectors.protocol import (
    Account,
    Disabled,
    Media,
    Outgoing,
    Permanent,
    ProviderError,
    Record,
    Sent,
    Temporary,
)
from tests.conftest import Clock
from tests.contract.connectors.fakes import Fake, Reply, told

# https://developer.kookapp.cn/doc/http/message
ACCEPTED = told(
    '{"code": 0, "message": "操作成功", "data": {"msg_id": "50974c-364c983fa6cb", "msg_timestamp": 1607072537177, '
    '"nonce": "xxxx"}}'
)


def config(provider: Fake, **more: str) -> KookConfig:
    return KookConfig(token="1/MTA2MjE=/bot", base_url=f"{provider.url}/api/v3", **more)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "48818200000000000", "text": "你好 **b**", **more})


def listed(*items: dict[str, Any], page: int = 1, of: int = 1) -> Reply:
    meta = {"page": page, "page_total": of, "page_size": 50, "total": len(items)}
    return told({"code": 0, "message": "操作成功", "data": {"items": items, "meta": meta, "sort": {"id": 1}}})


def test_the_bot_says_who_it_is(provider: Fake) -> None:
    provider.will(told({"code": 0, "message": "操作成功", "data": {"id": "364862", "username": "test", "bot": True}}))
    assert CONNECTOR.test(config(provider)) == Account("364862", "test")
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("GET", "/api/v3/user/me")
    assert asked.headers["authorization"] == "Bot 1/MTA2MjE=/bot"


def test_a_text_is_sent_as_kmarkdown(provider: Fake) -> None:
    provider.will(ACCEPTED)
    assert CONNECTOR.send(config(provider), message()) == Sent("50974c-364c983fa6cb")
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("POST", "/api/v3/message/create")
    assert asked.json == {
        "type": 9,
        "target_id": "48818200000000000",
        "content": "你好 **b**",
        "nonce": "msg_1",
    }


def test_what_names_no_channel_goes_to_the_configs(provider: Fake) -> None:
    provider.will(ACCEPTED)
    CONNECTOR.send(config(provider, channel_id="7"), message(to=""))
    assert provider.asked[0].json["target_id"] == "7"


def test_media_are_sent_as_their_address(provider: Fake) -> None:
    provider.will(ACCEPTED)
    CONNECTOR.send(config(provider), message(media=Media("image", "https://a.example/b.png")))
    assert provider.asked[0].json["content"] == "你好 **b**\nhttps://a.example/b.png"


def test_servers_and_channels_are_read_to_their_end(provider: Fake) -> None:
    provider.will(
        listed({"id": "1", "name": "A"}, {"id": "2", "name": "B"}, page=1, of=2),
        listed({"id": "11", "name": "general"}, {"id": "12", "is_category": True}, page=1, of=2),
        listed({"id": "13", "name": "news"}, page=2, of=2),
        listed(),
        listed({"id": "3", "name": "C"}, page=2, of=2),
        listed({"id": "31", "name": "general"}),
    )
    cursor: str | None = None
    found: list[Record] = []
    for _ in range(20):
        page = CONNECTOR.records(config(provider), cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    assert cursor is None
    assert [(one.kind, one.id) for one in found] == [
        ("guild", "1"),
        ("guild", "2"),
        ("channel", "11"),
        ("channel", "13"),
        ("guild", "3"),
        ("channel", "31"),
    ]
    assert [(asked.path, asked.query.get("guild_id"), asked.query["page"]) for asked in provider.asked] == [
        ("/api/v3/guild/list", None, "1"),
        ("/api/v3/channel/list", "1", "1"),
        ("/api/v3/channel/list", "1", "2"),
        ("/api/v3/channel/list", "2", "1"),
        ("/api/v3/guild/list", None, "2"),
        ("/api/v3/channel/list", "3", "1"),
    ]
    assert {asked.query["page_size"] for asked in provider.asked} == {"50"}


def test_a_bot_without_servers_has_none(provider: Fake) -> None:
    provider.will(listed(of=0))
    page = CONNECTOR.records(config(provider), None)
    assert (list(page.items), page.next) == ([], None)


def test_the_rate_limit_says_when(provider: Fake, clock: Clock) -> None:
    headers = {"X-Rate-Limit-Limit": "5", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "14"}
    provider.will(told({"code": 429, "message": "too fast", "data": {}}, 429, headers))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert caught.value.retry_at == round(clock.seconds * 1000) + 14_000


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (told({"code": 40000, "message": "找不到资源", "data": {}}), Permanent),
        (told({"code": 401, "message": "你的用户凭证不正确", "data": {}}, 401), Disabled),
        (told({"code": 40101, "message": "无效的 token", "data": {}}), Disabled),
        (told({"code": 0, "message": "操作成功", "data": []}), Temporary),
        (told({"code": 0, "message": "操作成功", "data": {}}), Temporary),
        (told({"code": 500, "message": "oops"}, 500), Temporary),
    ],
)
def test_a_refusal_is_what_it_says(provider: Fake, reply: Reply, error: type[ProviderError]) -> None:
    provider.will(reply)
    with pytest.raises(ProviderError) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    "data", [{}, {"items": []}, {"items": 5, "meta": {"page": 1, "page_total": 1}}, {"items": [5]}]
)
def test_a_list_that_cannot_be_read_may_be_asked_for_again(provider: Fake, data: Any) -> None:
    provider.will(told({"code": 0, "message": "操作成功", "data": data}))
    with pytest.raises(Temporary):
        CONNECTOR.records(config(provider), None)
