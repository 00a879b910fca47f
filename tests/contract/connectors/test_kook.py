"""KOOK over a socket (https://developer.kookapp.cn/doc)."""

from typing import Any

import pytest

from hub.connectors import kook
from hub.connectors.kook import CONNECTOR, Channel, Guild, KookConfig, Quote
from hub.connectors.protocol import (
    Account,
    Contact,
    Disabled,
    Media,
    Outgoing,
    Page,
    Permanent,
    ProviderError,
    Record,
    Sent,
    Target,
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


# https://developer.kookapp.cn/doc/http/message
LISTED: dict[str, Any] = {
    "id": "5f89c1d0-2",
    "type": 9,
    "content": "(met)1700000(met) (rol)702(rol) **看**",
    "mention": ["1700000"],
    "mention_all": False,
    "mention_roles": [702],
    "mention_here": False,
    "embeds": [],
    "attachments": None,
    "create_at": 1614922603001,
    "updated_at": 1614922699001,
    "reactions": [],
    "author": {
        "id": "1700001",
        "username": "Tom",
        "identify_num": "6548",
        "online": True,
        "avatar": "https://img.kaiheila.cn/avatars/2020-02/x.jpg/icon",
        "bot": False,
    },
    "quote": {
        "id": "62e8a1d2",
        "rong_id": "5f89c1d0-1",
        "type": 9,
        "content": "before",
        "create_at": 1614922600001,
        "author": {"id": "1700000", "username": "Ann", "nickname": "Annie"},
    },
    "mention_info": {
        "mention_part": [{"id": "1700000", "username": "Ann", "full_name": "Ann#0001", "avatar": ""}],
        "mention_role_part": [{"role_id": 702, "name": "Admins", "color": 0}],
    },
}


def data(found: Any) -> Reply:
    return told({"code": 0, "message": "操作成功", "data": found})


def test_the_messages_after_one_are_told_from_the_oldest(provider: Fake) -> None:
    picked = {
        **LISTED,
        "id": "5f89c1d0-1",
        "type": 2,
        "content": "https://img.kaiheila.cn/a.png",
        "create_at": 1614922602001,
        "attachments": {"type": "image", "url": "https://img.kaiheila.cn/a.png", "name": "a.png", "size": 1},
        "quote": [],
        "mention_info": [],
        "updated_at": 0,
    }
    provider.will(data({"items": [LISTED, picked, {"id": "no message"}]}))
    listed = kook.messages_after(config(provider), "99", "5f89c1d0-0")
    first, second = listed.said
    assert not listed.is_full
    [asked] = provider.asked
    assert (asked.path, asked.query) == (
        "/api/v3/message/list",
        {"target_id": "99", "page_size": "50", "msg_id": "5f89c1d0-0", "flag": "after"},
    )
    assert (first.id, first.media, first.quote, first.users, first.updated_at) == (
        "5f89c1d0-1",
        Media("image", "https://img.kaiheila.cn/a.png", "a.png"),
        None,
        {},
        None,
    )
    assert (second.id, second.channel_id, second.at, second.updated_at) == (
        "5f89c1d0-2",
        "99",
        1614922603001,
        1614922699001,
    )
    assert second.author == Contact("1700001", "Tom", "https://img.kaiheila.cn/avatars/2020-02/x.jpg/icon")
    assert (second.users, second.roles) == ({"1700000": "Ann#0001"}, {"702": "Admins"})
    assert second.quote == Quote("5f89c1d0-1", 9, "before", "Annie")


def test_the_latest_messages_are_those_after_none(provider: Fake) -> None:
    provider.will(data({"items": []}))
    assert kook.messages_after(config(provider), "99", "", 1) == kook.Listed([], is_full=False)
    assert provider.asked[0].query == {"target_id": "99", "page_size": "1"}


def test_whether_a_message_is_there_is_asked_of_kook_whatever_is_in_it(provider: Fake) -> None:
    provider.will(data({"id": "a message of another kind"}), told({"code": 40000, "message": "消息不存在", "data": {}}))
    assert [kook.is_gone(config(provider), "5f89c1d0-2") for _ in range(2)] == [False, True]
    assert (provider.asked[0].path, provider.asked[0].query) == ("/api/v3/message/view", {"msg_id": "5f89c1d0-2"})
    provider.will(told({"code": 401, "message": "用户签名过期", "data": {}}, 401), told("<html>", 502))
    for error in (Disabled, Temporary):
        with pytest.raises(error):
            kook.is_gone(config(provider), "5f89c1d0-2")


@pytest.mark.parametrize("answer", [told("<html>", 403), told("<html>", 404), told("", 302), told("no", 400)])
def test_what_is_not_kooks_word_tells_of_no_deletion(provider: Fake, answer: Reply) -> None:
    provider.will(answer)
    assert not kook.is_gone(config(provider), "5f89c1d0-2")


def test_a_message_is_looked_at(provider: Fake) -> None:
    provider.will(data({**LISTED, "channel_id": "98"}))
    found = kook.message_of(config(provider), "99", "5f89c1d0-2")
    assert (found.id, found.channel_id, found.content) == ("5f89c1d0-2", "98", LISTED["content"])
    assert (provider.asked[0].path, provider.asked[0].query) == ("/api/v3/message/view", {"msg_id": "5f89c1d0-2"})


def test_a_user_has_a_name_in_a_server(provider: Fake) -> None:
    provider.will(data({"id": "1700001", "username": "Tom", "nickname": "Tommy"}))
    assert kook.user_name(config(provider), "1700001", "7") == "Tommy"
    assert provider.asked[0].query == {"user_id": "1700001", "guild_id": "7"}


def test_servers_and_channels_are_told(provider: Fake) -> None:
    provider.will(
        listed({"id": "1", "name": "A", "icon": "https://img.kaiheila.cn/i"}, page=1, of=2),
        listed({"id": "2", "name": "B"}, page=2, of=2),
        listed({"id": "10", "name": "all", "is_category": True}, {"id": "11", "name": "general"}),
    )
    assert kook.guilds(config(provider)) == [Guild("1", "A", "https://img.kaiheila.cn/i"), Guild("2", "B", "")]
    assert kook.channels(config(provider), "1") == [Channel("11", "general", "1")]


def test_no_list_is_read_for_ever(provider: Fake) -> None:
    provider.will(*[listed({"id": "1", "name": "A"}, page=1, of=1000)] * (kook.MAX_PAGES + 5))
    assert len(kook.guilds(config(provider))) == kook.MAX_PAGES
    assert len(provider.asked) == kook.MAX_PAGES


def test_the_channels_of_each_server_are_targets(provider: Fake) -> None:
    servers = listed({"id": "1", "name": "A"}, {"id": "2", "name": "B"})
    provider.will(servers, listed({"id": "11", "name": "general"}), servers, listed({"id": "21", "name": "news"}))
    first = CONNECTOR.targets(config(provider), None)
    assert first == Page([Target("11", "general", "A")], "1")
    assert CONNECTOR.targets(config(provider), first.next) == Page([Target("21", "news", "B")])
    provider.will(listed(of=0))
    assert CONNECTOR.targets(config(provider), None) == Page([])


def test_nobody_is_pinged(provider: Fake) -> None:
    provider.will(ACCEPTED)
    CONNECTOR.send(config(provider), message(text="(met)all(met) (rol)1(rol) (met) (chn)1(chn) (a)"))
    assert provider.asked[0].json["content"] == (
        "(\u200bmet)all(\u200bmet) (\u200brol)1(\u200brol) (\u200bmet) (chn)1(chn) (a)"
    )


def test_a_message_is_edited_and_deleted(provider: Fake) -> None:
    provider.will(data({}), data({}))
    CONNECTOR.edit(config(provider), message(text="neu"), "50974c-364c983fa6cb")
    CONNECTOR.delete(config(provider), "50974c-364c983fa6cb")
    assert [(asked.path, asked.json) for asked in provider.asked] == [
        ("/api/v3/message/update", {"msg_id": "50974c-364c983fa6cb", "content": "neu"}),
        ("/api/v3/message/delete", {"msg_id": "50974c-364c983fa6cb"}),
    ]


@pytest.mark.parametrize("reset", [None, "", "soon", "-1"])
def test_a_rate_limit_that_names_no_time_waits_a_second(provider: Fake, clock: Clock, reset: str | None) -> None:
    headers = {"X-Rate-Limit-Global": ""} | ({} if reset is None else {"X-Rate-Limit-Reset": reset})
    provider.will(told({"code": 429, "message": "too fast", "data": {}}, 429, headers))
    with pytest.raises(Temporary) as caught:
        kook.messages_after(config(provider), "99", "")
    assert caught.value.retry_at == round(clock.seconds * 1000) + 1000
