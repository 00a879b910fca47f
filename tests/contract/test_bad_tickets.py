"""`/v1/tickets` refuses what is wrong, in document 2's style and both languages, and keeps nothing of it."""

from typing import Any

import pytest

from hub import ids
from tests.conftest import Deployment
from tests.contract.tickets import ENGLISH, EXAMPLE, TICKETS, comments, listed, make, refused

LONG = "长" * 10_001

STRING, LIST = ("必须是字符串", "must be a string"), ("必须是数组", "must be a list")
OBJECT = ("必须是对象", "must be an object")
MISSING, UNKNOWN = ("不能为空", "is required"), ("未知字段", "is not a known field")
MALFORMED, TWICE = ("格式不正确", "is malformed"), ("不能重复", "must not repeat")
PRIORITY = (
    "必须是以下之一: 'low', 'medium', 'high' or 'urgent'",
    "must be one of: 'low', 'medium', 'high' or 'urgent'",
)


def at_most(number: int) -> tuple[str, str]:
    return f"长度不能超过 {number}", f"must have a length of at most {number}"


def at_least(number: int) -> tuple[str, str]:
    return f"长度不能少于 {number}", f"must have a length of at least {number}"


WRONG: list[tuple[str, Any, str, tuple[str, str]]] = [
    ("title", 5, "title", STRING),
    ("title", ["a"], "title", STRING),
    ("title", "", "title", at_least(1)),
    ("title", " \t\u3000", "title", MISSING),
    ("title", "x" * 201, "title", at_most(200)),
    ("title", "x" * 900_000, "title", at_most(200)),
    ("description", {"text": "a"}, "description", STRING),
    ("description", LONG, "description", at_most(10_000)),
    ("description", "\x01" * 9_000, "description", ("不能超过 50000 字节", "must have at most 50000 bytes")),
    ("priority", "highest", "priority", PRIORITY),
    ("priority", "Medium", "priority", PRIORITY),
    ("priority", 1, "priority", PRIORITY),
    ("priority", None, "priority", PRIORITY),
    ("customer_email", "nobody", "customer_email", MALFORMED),
    ("customer_email", "a@b@c.example", "customer_email", MALFORMED),
    ("customer_email", "a b@example.com", "customer_email", MALFORMED),
    ("customer_email", "a@example.com\n", "customer_email", MALFORMED),
    ("customer_email", "张三@example.com", "customer_email", MALFORMED),
    ("customer_email", f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 80}", "customer_email", at_most(254)),
    ("customer_email", 7, "customer_email", STRING),
    ("assignee_id", 7, "assignee_id", STRING),
    ("assignee_id", "", "assignee_id", at_least(1)),
    ("assignee_id", "  ", "assignee_id", MISSING),
    ("assignee_id", "user_1\n", "assignee_id", MALFORMED),
    ("assignee_id", "u" * 129, "assignee_id", at_most(128)),
    ("tags", "vip", "tags", LIST),
    ("tags", None, "tags", LIST),
    ("tags", [1], "tags.0", STRING),
    ("tags", ["a", ""], "tags.1", at_least(1)),
    ("tags", [" "], "tags.0", MISSING),
    ("tags", ["t" * 51], "tags.0", at_most(50)),
    ("tags", ["a", "b", "a"], "tags", TWICE),
    ("tags", [str(number) for number in range(21)], "tags", at_most(20)),
    ("id", "ticket_1", "id", UNKNOWN),
    ("created_at", "2024-01-01T10:00:00Z", "created_at", UNKNOWN),
]
NEW_ONLY: list[tuple[str, Any, str, tuple[str, str]]] = [
    ("title", None, "title", MISSING),
    ("status", "resolved", "status", UNKNOWN),
    ("conversation_id", 5, "conversation_id", STRING),
    ("conversation_id", "", "conversation_id", at_least(1)),
    ("conversation_id", "c" * 129, "conversation_id", at_most(128)),
    ("conversation_id", "conv_none", "conversation_id", ("不存在", "does not exist")),
]
CHANGE_ONLY: list[tuple[str, Any, str, tuple[str, str]]] = [
    ("title", None, "title", STRING),
    ("description", None, "description", STRING),
    ("status", "done", "status", ("必须是以下之一: 'open'", "must be one of: 'open'")),
    ("status", None, "status", ("必须是以下之一: 'open'", "must be one of: 'open'")),
    ("status", ["open"], "status", ("必须是以下之一: 'open'", "must be one of: 'open'")),
    ("comment", 5, "comment", STRING),
    ("comment", None, "comment", STRING),
    ("comment", "", "comment", at_least(1)),
    ("comment", " \n ", "comment", MISSING),
    ("comment", LONG, "comment", at_most(10_000)),
    ("conversation_id", "conv_1", "conversation_id", UNKNOWN),
    ("version", 3, "version", UNKNOWN),
]


def refused_alike(api: Deployment, method: str, path: str, body: Any, field: str, reasons: tuple[str, str]) -> None:
    wrong_type = any(reasons[0].startswith(one) for one in ("必须是字符串", "必须是数组", "必须是对象", "必须是布尔值"))
    messages = (
        ("请求参数类型错误", "A parameter has the wrong type")
        if wrong_type
        else ("请求参数错误", "The request is invalid")
    )
    for headers, message, reason in zip(({}, ENGLISH), messages, reasons, strict=True):
        answer = api.call(method, path, body, headers=headers)
        found = refused(answer, 400, message)
        assert list(found) == [field]
        assert found[field].startswith(reason)


@pytest.mark.parametrize(("name", "value", "field", "reasons"), WRONG + NEW_ONLY)
def test_a_wrong_field_of_a_new_ticket_is_named(
    deployment: Deployment, name: str, value: Any, field: str, reasons: tuple[str, str]
) -> None:
    refused_alike(deployment, "POST", TICKETS, EXAMPLE | {name: value}, field, reasons)
    assert listed(deployment) == []


@pytest.mark.parametrize(("name", "value", "field", "reasons"), WRONG + CHANGE_ONLY)
def test_a_wrong_field_of_a_change_is_named(
    deployment: Deployment, name: str, value: Any, field: str, reasons: tuple[str, str]
) -> None:
    ticket = make(deployment)
    path = f"{TICKETS}/{ticket['id']}"
    refused_alike(deployment, "PATCH", path, {"status": "resolved", name: value}, field, reasons)
    assert deployment.call("GET", path).json["data"] == ticket


@pytest.mark.parametrize(
    ("body", "field", "reasons"),
    [
        ({}, "text", MISSING),
        ({"text": None}, "text", STRING),
        ({"text": "\n"}, "text", MISSING),
        ({"text": LONG}, "text", at_most(10_000)),
        ({"text": "a", "internal": "yes"}, "internal", ("必须是布尔值", "must be true or false")),
        ({"text": "a", "author_id": "user_1"}, "author_id", UNKNOWN),
    ],
)
def test_a_wrong_comment_is_refused(
    deployment: Deployment, body: dict[str, Any], field: str, reasons: tuple[str, str]
) -> None:
    ticket = make(deployment)
    refused_alike(deployment, "POST", f"{TICKETS}/{ticket['id']}/comments", body, field, reasons)
    assert comments(deployment, ticket) == []


@pytest.mark.parametrize(
    ("body", "field", "reasons"),
    [
        ("", "title", MISSING),
        ("{}", "title", MISSING),
        ('{"title": "a"', "body", ("不是有效的 JSON", "is not valid JSON")),
        ('{"title": "\\ud83d"}', "body", ("不是有效的 JSON", "is not valid JSON")),
        ("[]", "body", OBJECT),
        ("null", "body", OBJECT),
        ('"title"', "body", OBJECT),
    ],
)
def test_a_body_that_is_no_ticket_is_refused(
    deployment: Deployment, body: str, field: str, reasons: tuple[str, str]
) -> None:
    refused_alike(deployment, "POST", TICKETS, body, field, reasons)


def test_a_huge_body_and_another_content_type_are_refused(deployment: Deployment) -> None:
    huge = deployment.call("POST", TICKETS, {"title": "x" * 2_000_000})
    assert refused(huge, 413, "请求体过大,最大 1048576 字节") == {}
    form = deployment.call("POST", TICKETS, "title=a", headers={"content-type": "application/x-www-form-urlencoded"})
    assert refused(form, 415, "不支持的内容类型,请使用 application/json") == {}


@pytest.mark.parametrize(
    "query",
    [
        "status=done",
        "status=",
        "priority=Medium",
        "assignee_id=a%0Ab",
        "assignee_id=",
        f"assignee_id={'u' * 129}",
        "page=0",
        "page=x",
        "limit=0",
        "limit=101",
        "cursor=%00",
        "colour=red",
        "cursor=&page=1",
    ],
)
def test_a_wrong_query_is_refused(deployment: Deployment, query: str) -> None:
    answer = deployment.call("GET", f"{TICKETS}?{query}")
    assert (answer.status, answer.json["code"]) == (400, 400)
    assert [error["field"] for error in answer.json["details"]] == [query.partition("=")[0]]


def test_a_change_of_nothing_is_refused(deployment: Deployment) -> None:
    path = f"{TICKETS}/{make(deployment)['id']}"
    refused_alike(deployment, "PATCH", path, {}, "body", ("没有可更新的字段", "has nothing to change"))


def test_without_a_credential_or_its_permission_nothing_is_told(deployment: Deployment) -> None:
    ticket = make(deployment)
    path = f"{TICKETS}/{ticket['id']}"
    reader = deployment.new_key("tickets:read")["key"]
    stranger = deployment.new_key("conversations:write")["key"]
    for method, target, body in (
        ("POST", TICKETS, EXAMPLE),
        ("PATCH", path, {"comment": "a"}),
        ("POST", f"{path}/comments", {"text": "a"}),
    ):
        assert refused(deployment.call(method, target, body, key=None), 401, "未授权，Token无效或过期") == {}
        assert refused(deployment.call(method, target, body, key=reader), 403, "权限不足") == {}
    for target in (TICKETS, path, f"{path}/comments"):
        assert deployment.call("GET", target, key=None).status == 401
        assert deployment.call("GET", target, key=stranger).status == 403
        assert deployment.call("GET", target, key=reader).status == 200


def test_another_tenants_ticket_and_one_that_never_was_are_404_alike(
    deployment: Deployment, other_tenant: Deployment
) -> None:
    ticket = make(deployment)
    before = deployment.call("GET", f"{TICKETS}/{ticket['id']}").json
    for unknown in (ticket["id"], ids.new("ticket"), "ticket_' OR 1=1", "x" * 129):
        path = f"{TICKETS}/{unknown}"
        for method, target, body in (
            ("GET", path, None),
            ("PATCH", path, {"status": "resolved"}),
            ("GET", f"{path}/comments", None),
            ("POST", f"{path}/comments", {"text": "a"}),
        ):
            assert refused(other_tenant.call(method, target, body), 404, "资源不存在") == {}
            answer = other_tenant.call(method, target, body, headers=ENGLISH | {"if-match": '"1"'})
            assert refused(answer, 404, "The resource does not exist") == {}
    assert listed(other_tenant) == []
    assert deployment.call("GET", f"{TICKETS}/{ticket['id']}").json == before
