"""What conversations refuse: in document 2's style and both languages, and nothing stored."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Answer, Deployment
from tests.contract.conversations import CONVERSATIONS, EXAMPLE, create, listed, patch, show

BIG = "x" * 10_001
HEAVY = ("不能超过 60000 字节", "must have at most 60000 bytes")
LONG_FILE = {"url": f"https://a.example/{'a' * 2000}", "name": "😀" * 255}
BAD_BODIES = [
    ({}, "user_id", ("不能为空", "is required")),
    ({"user_id": "u"}, "channel", ("不能为空", "is required")),
    ({"user_id": 5, "channel": "web"}, "user_id", ("必须是字符串", "must be a string")),
    ({"user_id": None, "channel": "web"}, "user_id", ("必须是字符串", "must be a string")),
    ({"user_id": "", "channel": "web"}, "user_id", ("长度不能少于 1", "must have a length of at least 1")),
    ({"user_id": "u" * 129, "channel": "web"}, "user_id", ("长度不能超过 128", "must have a length of at most 128")),
    ({"user_id": "a\nb", "channel": "web"}, "user_id", ("格式不正确", "is malformed")),
    ({"user_id": "a\u200bb", "channel": "web"}, "user_id", ("格式不正确", "is malformed")),
    ({"user_id": "  ", "channel": "web"}, "user_id", ("不能为空", "is required")),
    ({"user_id": "u", "channel": "fax"}, "channel", ("必须是以下之一", "must be one of")),
    ({"user_id": "u", "channel": 5}, "channel", ("必须是以下之一", "must be one of")),
    ({"user_id": "u", "channel": "web", "status": "closed"}, "status", ("未知字段", "is not a known field")),
    ({**EXAMPLE, "initial_message": " \n"}, "initial_message", ("不能为空", "is required")),
    ({**EXAMPLE, "initial_message": ["a"]}, "initial_message", ("必须是字符串", "must be a string")),
    (
        {**EXAMPLE, "initial_message": BIG},
        "initial_message",
        ("长度不能超过 10000", "must have a length of at most 10000"),
    ),
    ({**EXAMPLE, "initial_message": "\x01" * 10_000}, "initial_message", HEAVY),
    ([], "body", ("必须是对象", "must be an object")),
    (b"{", "body", ("不是有效的 JSON", "is not valid JSON")),
]


def refused_in_both_languages(call: Callable[[str], Answer], field: str, reasons: tuple[str, str]) -> None:
    for language, words, reason in zip(("zh-CN", "en-US"), ("请求参数", "parameter|invalid"), reasons, strict=True):
        answer = call(language)
        assert (answer.status, answer.json["code"]) == (400, 400), answer.text
        assert answer.json.keys() == {"code", "message", "details"}
        assert re.search(words, answer.json["message"])
        assert answer.json["details"][0]["field"] == field
        assert answer.json["details"][0]["reason"].startswith(reason)
        assert len(answer.text) < 1000


@pytest.mark.parametrize(("body", "field", "reasons"), BAD_BODIES, ids=[str(case[0])[:40] for case in BAD_BODIES])
def test_bad_conversations(deployment: Deployment, body: Any, field: str, reasons: tuple[str, str]) -> None:
    def call(language: str) -> Answer:
        return deployment.call("POST", CONVERSATIONS, body, headers={"accept-language": language})

    refused_in_both_languages(call, field, reasons)
    assert listed(deployment) == []


BAD_CHANGES = [
    ({}, "body", ("没有可更新的字段", "has nothing to change")),
    ({"status": "open"}, "status", ("必须是以下之一", "must be one of")),
    ({"status": None}, "status", ("必须是以下之一", "must be one of")),
    ({"satisfaction": 0}, "satisfaction", ("不能小于 1", "must be at least 1")),
    ({"satisfaction": 6}, "satisfaction", ("不能大于 5", "must be at most 5")),
    ({"satisfaction": "5"}, "satisfaction", ("必须是整数", "must be an integer")),
    ({"satisfaction": 4.5}, "satisfaction", ("必须是整数", "must be an integer")),
    ({"satisfaction": True}, "satisfaction", ("必须是整数", "must be an integer")),
    ({"satisfaction": None}, "satisfaction", ("必须是整数", "must be an integer")),
    ({"assignee_id": ""}, "assignee_id", ("长度不能少于 1", "must have a length of at least 1")),
    ({"assignee_id": ["a"]}, "assignee_id", ("必须是字符串", "must be a string")),
    ({"channel": "web"}, "channel", ("未知字段", "is not a known field")),
]


@pytest.mark.parametrize(("body", "field", "reasons"), BAD_CHANGES, ids=[str(case[0]) for case in BAD_CHANGES])
def test_bad_changes(deployment: Deployment, body: Any, field: str, reasons: tuple[str, str]) -> None:
    made = create(deployment)
    refused_in_both_languages(lambda language: patch(deployment, made, body, accept_language=language), field, reasons)
    assert show(deployment, made) == made


BAD_MESSAGES = [
    ({}, "sender", ("不能为空", "is required")),
    ({"sender": "customer"}, "text", ("不能为空", "is required")),
    ({"sender": "customer", "text": "  "}, "text", ("不能为空", "is required")),
    ({"sender": "bot", "text": "a"}, "sender", ("必须是以下之一", "must be one of")),
    ({"sender": "agent", "text": 5}, "text", ("必须是字符串", "must be a string")),
    ({"sender": "agent", "text": BIG}, "text", ("长度不能超过 10000", "must have a length of at most 10000")),
    ({"sender": "agent", "text": "a", "sender_id": ""}, "sender_id", ("长度不能少于 1", "must have a length of at")),
    ({"sender": "agent", "text": "a", "attachments": {}}, "attachments", ("必须是数组", "must be a list")),
    (
        {"sender": "agent", "text": "a", "attachments": [{"url": "https://a.example/"}] * 11},
        "attachments",
        ("长度不能超过 10", "must have a length of at most 10"),
    ),
    ({"sender": "agent", "text": "\x01" * 10_000}, "text", HEAVY),
    ({"sender": "agent", "text": "😀" * 10_000, "attachments": [LONG_FILE] * 7}, "attachments", HEAVY),
    ({"sender": "agent", "attachments": [{}]}, "attachments.0.url", ("不能为空", "is required")),
    (
        {"sender": "agent", "attachments": [{"url": "javascript:alert(1)"}]},
        "attachments.0.url",
        ("必须是 http 或 https 网址", "must be an http or https URL"),
    ),
    ({"sender": "agent", "text": "a", "to": "b"}, "to", ("未知字段", "is not a known field")),
]


@pytest.mark.parametrize(("body", "field", "reasons"), BAD_MESSAGES, ids=[str(case[0])[:60] for case in BAD_MESSAGES])
def test_bad_messages(deployment: Deployment, body: Any, field: str, reasons: tuple[str, str]) -> None:
    made = create(deployment)

    def call(language: str) -> Answer:
        path = f"{CONVERSATIONS}/{made['id']}/messages"
        return deployment.call("POST", path, body, headers={"accept-language": language})

    refused_in_both_languages(call, field, reasons)
    assert show(deployment, made) == made


BAD_QUERIES = [
    ("status=open", "status", ("必须是以下之一", "must be one of")),
    ("channel=fax", "channel", ("必须是以下之一", "must be one of")),
    ("user_id=", "user_id", ("长度不能少于 1", "must have a length of at least 1")),
    ("page=0", "page", ("不能小于 1", "must be at least 1")),
    ("limit=101", "limit", ("不能大于 100", "must be at most 100")),
    ("limit=many", "limit", ("必须是整数", "must be an integer")),
    ("cursor=%21", "cursor", ("格式不正确", "is malformed")),
    ("cursor=&page=1", "cursor", ("不能与 page 同时使用", "cannot be combined with page")),
    *(
        (f"{name}={number}", name, ("必须是 ISO 8601 时间", "must be an ISO 8601 time"))
        for name in ("start_time", "end_time")
        for number in ("2024", "0", "-1", "20240101", "1e3", "1700000000.5", "")
    ),
    ("user_id=%00", "user_id", ("格式不正确", "is malformed")),
    (f"assignee_id={'a' * 129}", "assignee_id", ("长度不能超过 128", "must have a length of at most 128")),
    ("start_time=yesterday", "start_time", ("必须是 ISO 8601 时间", "must be an ISO 8601 time")),
    ("end_time=2024-02-30T00:00:00Z", "end_time", ("必须是 ISO 8601 时间", "must be an ISO 8601 time")),
    (
        "start_time=2024-01-01T00:00:00",
        "start_time",
        ("必须带时区的 ISO 8601 时间", "must be an ISO 8601 time with a zone"),
    ),
    (
        "start_time=2024-01-02T00:00:00Z&end_time=2024-01-01T00:00:00Z",
        "end_time",
        ("不能早于 start_time", "must not be before start_time"),
    ),
    ("colour=red", "colour", ("未知字段", "is not a known field")),
]


@pytest.mark.parametrize(("query", "field", "reasons"), BAD_QUERIES, ids=[case[0] for case in BAD_QUERIES])
def test_bad_queries(deployment: Deployment, query: str, field: str, reasons: tuple[str, str]) -> None:
    def call(language: str) -> Answer:
        return deployment.call("GET", f"{CONVERSATIONS}?{query}", headers={"accept-language": language})

    refused_in_both_languages(call, field, reasons)


@pytest.mark.parametrize("query", ["start_time=0001-01-01T00:00:00Z", "end_time=9999-12-31T23:59:59Z"])
def test_times_at_the_ends_of_the_calendar(deployment: Deployment, query: str) -> None:
    made = create(deployment)
    assert listed(deployment, query) == [made["id"]]


def test_another_tenants_and_unknown_conversations_are_404(deployment: Deployment, other_tenant: Deployment) -> None:
    made = create(deployment, initial_message="你好")
    for place in (made["id"], "conv_none", f"{made['id']}%23"):
        path = f"{CONVERSATIONS}/{place}"
        for method, target, body in (
            ("GET", path, None),
            ("PATCH", path, {"status": "closed"}),
            ("GET", f"{path}/messages", None),
            ("GET", f"{path}/messages?cursor=", None),
            ("POST", f"{path}/messages", {"text": "a", "sender": "agent"}),
        ):
            answer = other_tenant.call(method, target, body)
            assert (answer.status, answer.json["code"], answer.json["message"]) == (404, 404, "资源不存在")
    assert listed(other_tenant) == listed(other_tenant, "user_id=user_123") == []
    assert show(deployment, made) == made


@pytest.mark.parametrize(
    ("permissions", "read", "write"),
    [
        (["read"], 200, 403),
        (["conversations:read"], 200, 403),
        (["conversations:write"], 403, 201),
        (["tickets:read", "tickets:write"], 403, 403),
        (["admin"], 200, 201),
    ],
)
def test_permissions(deployment: Deployment, permissions: list[str], read: int, write: int) -> None:
    key = deployment.new_key(*permissions)["key"]
    assert deployment.call("GET", CONVERSATIONS, key=key).status == read
    assert deployment.call("POST", CONVERSATIONS, EXAMPLE, key=key).status == write
    assert deployment.call("GET", CONVERSATIONS, key=None).json == {
        "code": 401,
        "message": "未授权，Token无效或过期",
        "details": [],
    }
