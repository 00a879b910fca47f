"""Bad input: a clear error in the group's style and the caller's language, and nothing stored."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Deployment
from tests.contract import memory

KEYS, WEBHOOKS = "/v1/api-keys", "/v1/webhooks"
HOOK = {"url": "https://example.com/hook", "events": ["*"]}
STRING = ("必须是字符串", "must be a string")
LIST = ("必须是数组", "must be a list")
NO_JSON = ("不是有效的 JSON", "is not valid JSON")
INSIDE = ("不允许指向内部地址", "must not lead to an internal address")
NO_URL = ("必须是 http 或 https 网址", "must be an http or https URL")

BAD = [
    # path, body, field, its reason in Chinese and English, document 3's code
    (KEYS, {"name": 5}, "name", STRING, 40002),
    (KEYS, {"name": None}, "name", STRING, 40002),
    (KEYS, {}, "name", ("不能为空", "is required"), 40001),
    (KEYS, {"name": "a", "permissions": "read"}, "permissions", LIST, 40002),
    (KEYS, {"name": "x" * 1_000_000}, "name", ("长度不能超过 100", "must have a length of at most 100"), 40001),
    (
        KEYS,
        {"name": "a", "permissions": ["root"]},
        "permissions",
        ("未知权限: root", "has an unknown permission: root"),
        40001,
    ),
    (
        KEYS,
        {"name": "a", "expires_at": "2020-01-01T00:00:00Z"},
        "expires_at",
        ("必须晚于当前时间", "must be in the future"),
        40001,
    ),
    (KEYS, {"name": "a", "owner": "me"}, "owner", ("未知字段", "is not a known field"), 40001),
    (KEYS, b'{"name": "a"', "body", NO_JSON, 40001),
    (KEYS, b'{"name": "\xff"}', "body", NO_JSON, 40001),
    (KEYS, b'{"name": "\\ud83d"}', "body", NO_JSON, 40001),
    (KEYS, '{"name": "\ud83d"}', "body", NO_JSON, 40001),
    (KEYS, b"[" * 100_000 + b"]" * 100_000, "body", NO_JSON, 40001),
    (KEYS, [], "body", ("必须是对象", "must be an object"), 40002),
    (WEBHOOKS, HOOK | {"url": "http://169.254.169.254/"}, "url", INSIDE, 40001),
    (WEBHOOKS, HOOK | {"url": "http://[::ffff:10.0.0.1]/"}, "url", INSIDE, 40001),
    (WEBHOOKS, HOOK | {"url": "http://2852039166/"}, "url", INSIDE, 40001),
    (WEBHOOKS, HOOK | {"url": "file:///etc/passwd"}, "url", NO_URL, 40001),
    (WEBHOOKS, HOOK | {"url": "https://a:b@example.com/"}, "url", NO_URL, 40001),
    (WEBHOOKS, HOOK | {"url": 5}, "url", STRING, 40002),
    (
        WEBHOOKS,
        HOOK | {"events": ["user.exploded"]},
        "events",
        ("未知事件: user.exploded", "has an unknown event: user.exploded"),
        40001,
    ),
    (WEBHOOKS, HOOK | {"events": "*"}, "events", LIST, 40002),
    (WEBHOOKS, HOOK | {"active": "yes"}, "active", ("必须是布尔值", "must be true or false"), 40002),
    (
        WEBHOOKS,
        HOOK | {"headers": {"Host": "a"}},
        "headers",
        ("不能覆盖保留的请求头: Host", "must not override the reserved header Host"),
        40001,
    ),
    (WEBHOOKS, HOOK | {"headers": {"X-A": "1\r\nX-B: 2"}}, "headers", ("格式不正确", "is malformed"), 40001),
    (WEBHOOKS, b"{", "body", NO_JSON, 40001),
]


def things() -> list[Any]:
    """All that is stored but how often credentials were used."""
    return sorted((item for item in memory.stored() if "CREDENTIAL" not in item["pk"]["S"]), key=str)


@pytest.mark.parametrize(
    ("path", "body", "field", "reasons", "code"), BAD, ids=[f"{case[0]} {str(case[1])[:40]!a}" for case in BAD]
)
def test_bad_input_is_told_in_both_languages(
    deployment: Deployment, path: str, body: Any, field: str, reasons: tuple[str, str], code: int
) -> None:
    before = things()
    for language, reason in zip(("zh-CN", "en-US"), reasons, strict=True):
        asked = {} if language == "zh-CN" else {"accept-language": language}
        answer = deployment.call("POST", path, body, headers=asked | {"idempotency-key": "a"})
        assert answer.status == 400, answer.text
        assert answer.headers["Content-Language"] == language
        error = answer.json["error"]
        assert (error["code"], error["details"]) == ("INVALID_REQUEST", {"field": field, "reason": reason})
        if path == WEBHOOKS:
            assert answer.json["code"] == code
            assert answer.json["errors"][0]["field"] == field
            assert answer.json["errors"][0]["message"].endswith(reason)
        assert len(answer.text) < 1000, "an error does not throw back what was sent"
    assert things() == before


@pytest.mark.parametrize("path", [KEYS, WEBHOOKS])
@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_another_content_type_is_415(deployment: Deployment, path: str, content_type: str) -> None:
    before = things()
    answer = deployment.call("POST", path, "name=a", headers={"content-type": content_type})
    assert answer.status == 415
    assert answer.json["error"]["code"] == "UNSUPPORTED_MEDIA_TYPE"
    assert answer.json["error"]["message"] == "不支持的内容类型,请使用 application/json"
    assert things() == before


@pytest.mark.parametrize("path", [KEYS, WEBHOOKS])
def test_more_than_a_megabyte_is_413(deployment: Deployment, path: str) -> None:
    before = things()
    answer = deployment.call("POST", path, {"name": "x" * 1_100_000})
    assert answer.status == 413
    assert answer.json["error"]["code"] == "PAYLOAD_TOO_LARGE"
    assert things() == before


@pytest.mark.parametrize("path", [KEYS, WEBHOOKS])
@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=x",
        "page=",
        "limit=0",
        "limit=101",
        "limit=1,2",
        "cursor=!",
        "size=5",
        "page=1&page=2",
        "sort=id",
    ],
)
def test_a_bad_query_is_never_clamped(deployment: Deployment, path: str, query: str) -> None:
    answer = deployment.call("GET", f"{path}?{query}")
    assert answer.status == 400
    assert answer.json["error"]["details"]["field"] == query.partition("=")[0]


def test_a_body_in_base64_is_read(deployment: Deployment) -> None:
    made = deployment.call(
        "POST",
        KEYS,
        json.dumps({"name": "名"}, ensure_ascii=False),
        headers={"content-type": "application/json"},
        encoded=True,
    )
    assert (made.status, made.json["name"]) == (201, "名")
    assert "名" in made.text, "UTF-8, not escaped"


def _with_half_a_pair(body: Any) -> Iterator[Any]:
    """A body again and again, each time with half a surrogate pair for another of its texts and names."""
    match body:
        case str():
            yield "\ud800"
        case dict():
            for name, value in body.items():
                yield {**body, f"{name}\ud800": value}
                yield from ({**body, name: one} for one in _with_half_a_pair(value))
        case list():
            for place, value in enumerate(body):
                yield from ([*body[:place], one, *body[place + 1 :]] for one in _with_half_a_pair(value))


CUSTOMER = {
    "name": "a",
    "industry": "b",
    "contact": {"name": "c", "phone": "13800138000", "email": "a@b.c"},
    "status": "active",
    "tags": ["d"],
    "customFields": {"e": "f"},
}
ORDER = {
    "customerId": "cust_1",
    "items": [{"name": "a", "sku": "b", "quantity": 1, "unitPrice": 1}],
    "currency": "CNY",
    "note": "c",
    "metadata": {"d": "e"},
}
DEVICE = {"name": "a", "type": "b", "tags": ["c"], "attributes": {"d": "e"}, "csr": "f"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/customers", CUSTOMER),
        ("/v1/customers/batch", {"customers": [CUSTOMER]}),
        ("/v1/customers/imports", {"fileId": "a", "encoding": "utf-8"}),
        ("/v1/customers/exports", {"query": "status=active", "fields": ["name"]}),
        ("/v1/files", {"name": "a", "size": 1, "contentType": "text/csv"}),
        ("/v1/orders", ORDER),
        ("/v1/iot/devices", DEVICE),
        ("/v1/iot/devices/device_1/commands", {"command": "a", "params": {"b": ["c"]}}),
    ],
)
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(deployment: Deployment, path: str, body: Any) -> None:
    for one in _with_half_a_pair(body):
        answer = deployment.call("POST", path, one)
        assert (answer.status, answer.json["code"]) == (400, 40001), one
        assert [error["field"] for error in answer.json["errors"]] == ["body"]
