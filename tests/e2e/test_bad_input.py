"""Bad input: a clear error in the group's style and the caller's language, and nothing stored."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

import pytest

from tests.e2e.running import Client

KEYS, WEBHOOKS = "/v1/api-keys", "/v1/webhooks"
TARGET = "https://example.com/hook"
INTERNAL = ("不允许指向内部地址", "must not lead to an internal address")
NO_URL = ("必须是 http 或 https 网址", "must be an http or https URL")


@dataclass(frozen=True)
class Bad:
    """A request to refuse: `body` goes as JSON unless it is bytes; `place` is the field, `reasons` (zh, en) say why."""

    name: str
    path: str
    body: Any
    place: str = ""
    reasons: tuple[str, str] = ("", "")
    status: int = 400
    code: str = "INVALID_REQUEST"
    headers: Mapping[str, str] = default(default_factory=lambda: {"Content-Type": "application/json"})


def _target(name: str, url: object, reasons: tuple[str, str] = INTERNAL) -> Bad:
    return Bad(f"webhook to {name}", WEBHOOKS, {"url": url, "events": ["*"]}, "url", reasons)


def _webhook(name: str, place: str, reasons: tuple[str, str], /, **more: Any) -> Bad:
    return Bad(name, WEBHOOKS, {"url": TARGET, "events": ["*"], **more}, place, reasons)


def _key(name: str, place: str, reasons: tuple[str, str], /, **more: Any) -> Bad:
    return Bad(name, KEYS, {"name": "Bad", **more}, place, reasons)


STRING = ("必须是字符串", "must be a string")
LIST = ("必须是数组", "must be a list")
OBJECT = ("必须是对象", "must be an object")
MISSING = ("不能为空", "is required")
TOO_LARGE = ("最大 1048576 字节", "1048576 bytes at most")

CASES = [
    _key("a number as name", "name", STRING, name=5),
    _key("null as name", "name", STRING, name=None),
    _key("a list as name", "name", STRING, name=["a"]),
    _key("a blank name", "name", MISSING, name="  \u3000"),
    _key("an empty name", "name", ("长度不能少于 1", "at least 1"), name=""),
    _key("a name of a megabyte", "name", ("长度不能超过 100", "at most 100"), name="x" * 1_000_000),
    Bad("no name", KEYS, {}, "name", MISSING),
    Bad("no body", KEYS, b"", "name", MISSING),
    _key("a description too long", "description", ("1000", "1000"), description="长" * 1001),
    _key("permissions as text", "permissions", LIST, permissions="read"),
    _key("the permission root", "permissions", ("未知权限: root", "unknown permission: root"), permissions=["root"]),
    _key("no permission", "permissions", ("长度不能少于 1", "at least 1"), permissions=[]),
    _key("a permission twice", "permissions", ("不能重复", "must not repeat"), permissions=["read", "read"]),
    _key("a number as permission", "permissions.0", STRING, permissions=[1]),
    _key(
        "an expiry in the past", "expires_at", ("必须晚于当前时间", "in the future"), expires_at="2020-01-01T00:00:00Z"
    ),
    _key("an expiry without zone", "expires_at", ("时区", "a zone"), expires_at="2099-01-01T00:00:00"),
    _key("an expiry that is no time", "expires_at", ("ISO 8601", "ISO 8601"), expires_at="tomorrow"),
    _key("a number as expiry", "expires_at", ("ISO 8601", "ISO 8601"), expires_at=4102444800),
    _key("an unknown field", "owner", ("未知字段", "not a known field"), owner="me"),
    Bad("broken JSON", KEYS, b'{"name": "Bad"', "body", ("不是有效的 JSON", "not valid JSON")),
    Bad("half a surrogate pair", KEYS, b'{"name": "\\ud83d"}', "body", ("不是有效的 JSON", "not valid JSON")),
    Bad("NaN", KEYS, b'{"name": NaN}', "name", STRING),
    Bad("deep nesting", KEYS, b"[" * 100_000 + b"]" * 100_000, "body", ("JSON", "JSON")),
    Bad("a list as body", KEYS, [], "body", OBJECT),
    Bad("null as body", KEYS, b"null", "body", OBJECT),
    Bad(
        "a form",
        KEYS,
        b"name=Bad",
        reasons=("application/json", "application/json"),
        status=415,
        code="UNSUPPORTED_MEDIA_TYPE",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ),
    Bad(
        "no content type",
        KEYS,
        b'{"name": "Bad"}',
        reasons=("application/json", "application/json"),
        status=415,
        code="UNSUPPORTED_MEDIA_TYPE",
        headers={},
    ),
    Bad("2 MB", KEYS, {"name": "x" * 2_000_000}, reasons=TOO_LARGE, status=413, code="PAYLOAD_TOO_LARGE"),
    Bad("2 MB of webhook", WEBHOOKS, {"url": "x" * 2_000_000}, reasons=TOO_LARGE, status=413, code="PAYLOAD_TOO_LARGE"),
    Bad(
        "an Idempotency-Key with a space",
        KEYS,
        {"name": "Bad"},
        "Idempotency-Key",
        ("格式不正确", "malformed"),
        headers={"Content-Type": "application/json", "Idempotency-Key": "a b"},
    ),
    _target("the metadata address", "http://169.254.169.254/latest/meta-data/"),
    _target("the metadata address, one number", "http://2852039166/"),
    _target("the metadata address, hexadecimal", "http://0xA9.0xFE.0xA9.0xFE/"),
    _target("the metadata address, octal", "http://0251.0376.0251.0376/"),
    _target("the metadata address, mapped", "http://[::ffff:169.254.169.254]/"),
    _target("the metadata address, NAT64", "http://[64:ff9b::a9fe:a9fe]/"),
    _target("the metadata address, 6to4", "http://[2002:a9fe:a9fe::1]/"),
    _target("the metadata address, IPv6", "http://[fd00:ec2::254]/"),
    _target("the metadata name", "http://metadata.google.internal/"),
    _target("the container's credentials", "http://169.254.170.2/v2/credentials"),
    _target("a private network", "https://10.1.2.3/hook"),
    _target("a home network", "https://192.168.1.1/hook"),
    _target("a carrier's network", "http://100.100.100.200/"),
    _target("no address", "http://0.0.0.0/"),
    _target("everyone", "http://255.255.255.255/"),
    _target("a group", "http://224.0.0.1/"),
    _target("link-local IPv6", "http://[fe80::1]/"),
    _target("a printer", "http://printer.local/"),
    _target("a file", "file:///etc/passwd", NO_URL),
    _target("gopher", "gopher://example.com/", NO_URL),
    _target("a path", "/hook", NO_URL),
    _target("a name and password", "https://user:secret@example.com/", NO_URL),
    _target("a line break", "https://example.com/\r\nX-Evil: 1", NO_URL),
    _target("a number", 5, STRING),
    _webhook(
        "an unknown event",
        "events",
        ("未知事件: user.exploded", "unknown event: user.exploded"),
        events=["user.exploded"],
    ),
    _webhook("an unknown group", "events", ("未知事件: nothing.*", "unknown event: nothing.*"), events=["nothing.*"]),
    _webhook("no event", "events", ("长度不能少于 1", "at least 1"), events=[]),
    _webhook("events as text", "events", LIST, events="*"),
    _webhook("a secret too short", "secret", ("长度不能少于 8", "at least 8"), secret="short"),
    _webhook("yes as active", "active", ("必须是布尔值", "true or false"), active="yes"),
    _webhook("an unknown policy", "retry_policy", ("必须是以下之一", "must be one of"), retry_policy="never"),
    _webhook("a header of ours", "headers", ("X-Webhook-Id", "X-Webhook-Id"), headers={"X-Webhook-Id": "1"}),
    _webhook("another host", "headers", ("Host", "Host"), headers={"Host": "example.org"}),
    _webhook("a split header", "headers", ("格式不正确", "malformed"), headers={"X-A": "1\r\nX-B: 2"}),
]


@pytest.fixture
def english(api: Client) -> Mapping[str, str]:
    return {"Accept-Language": "en-US"}


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name)
def test_bad_input_is_refused_in_both_languages(api: Client, english: Mapping[str, str], bad: Bad) -> None:
    body = bad.body if isinstance(bad.body, bytes) else json.dumps(bad.body).encode()
    before = _stored(api)

    answers = [
        api.request("POST", bad.path, data=body, headers={**bad.headers, **language}) for language in ({}, english)
    ]

    for answer, language, reason in zip(answers, ("zh-CN", "en-US"), bad.reasons, strict=True):
        assert answer.status_code == bad.status, answer.text
        assert answer.headers["Content-Language"] == language
        error = answer.json()["error"]
        assert error["code"] == bad.code
        assert error["details"].get("field", "") == bad.place
        assert reason in (error["details"]["reason"] if bad.place else error["message"])
        assert ("errors" in answer.json()) == (bad.path == WEBHOOKS), "D12 adds document 3's fields, D1 does not"
        assert len(answer.content) < 2000, "an error does not throw back what was sent"
    assert _stored(api) == before


def _stored(api: Client) -> list[Any]:
    return [api.get(KEYS).json()["pagination"], api.get(WEBHOOKS).json()["data"]]


@pytest.mark.parametrize("query", ["page=0", "page=x", "limit=0", "limit=101", "limit=-1", "cursor=%00", "size=5"])
@pytest.mark.parametrize("path", [KEYS, WEBHOOKS])
def test_a_bad_query_is_refused(api: Client, path: str, query: str) -> None:
    answer = api.get(f"{path}?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["details"]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("identifier", ["x" * 129, "%2e%2e", "ak_' OR 1=1", "密钥", "%F0%9F%94%91"])
def test_an_odd_id_does_not_exist(api: Client, identifier: str) -> None:
    for path in (KEYS, WEBHOOKS):
        assert api.get(f"{path}/{identifier}").status_code == 404
