"""`/v1/customers` refuses what is wrong, in document 3's style and both languages, and keeps nothing of it."""

from typing import Any

import pytest

from hub import ids
from tests.conftest import Deployment
from tests.contract import memory
from tests.contract.customers import (
    BATCH,
    CUSTOMERS,
    ENGLISH,
    EXAMPLE,
    INVALID,
    WRONG_TYPE,
    at,
    batch,
    listed,
    make,
    refused,
    shown,
)

Reasons = tuple[str, str]

STRING, NUMBER = ("必须是字符串", "must be a string"), ("必须是数字", "must be a number")
LIST, OBJECT = ("必须是数组", "must be a list"), ("必须是对象", "must be an object")
TYPES = (STRING, NUMBER, LIST, OBJECT)
MISSING, UNKNOWN = ("不能为空", "is required"), ("未知字段", "is not a known field")
MALFORMED, TWICE = ("格式不正确", "is malformed"), ("不能重复", "must not repeat")
SCALAR = ("必须是字符串、数字、布尔值或 null", "must be a string, a number, true, false or null")
BOUNDS = ("必须在 -1000000000000000 到 1000000000000000 之间", "must be between -1000000000000000 and 1000000000000000")
BYTES = ("不能超过 20000 字节", "must have at most 20000 bytes")
STATUS = (
    "必须是以下之一: 'prospect', 'active' or 'inactive'",
    "must be one of: 'prospect', 'active' or 'inactive'",
)


def at_most(number: int) -> Reasons:
    return f"长度不能超过 {number}", f"must have a length of at most {number}"


def at_least(number: int) -> Reasons:
    return f"长度不能少于 {number}", f"must have a length of at least {number}"


def contact(**more: Any) -> dict[str, Any]:
    return {"name": "张经理", "phone": "13800138000"} | more


def of(field: str, label: str, *cases: tuple[Any, Reasons]) -> list[tuple[str, Any, str, str, Reasons]]:
    """Values of a field by itself, and what is said of each."""
    return [(field, value, field, label, reasons) for value, reasons in cases]


def in_contact(field: str, label: str, *cases: tuple[Any, Reasons]) -> list[tuple[str, Any, str, str, Reasons]]:
    return [("contact", contact(**{field: value}), f"contact.{field}", label, reasons) for value, reasons in cases]


def in_custom(key: str, *cases: tuple[Any, Reasons]) -> list[tuple[str, Any, str, str, Reasons]]:
    field = f"customFields.{key}"
    return [("customFields", {key: value}, field, field, reasons) for value, reasons in cases]


LINE = [
    (5, STRING),
    (["a"], STRING),
    ("", MISSING),
    (" \t\u3000", MISSING),
    ("x" * 101, at_most(100)),
    ("x" * 900_000, at_most(100)),
    ("a\nb", MALFORMED),
    ("a\x00b", MALFORMED),
    ("\U0010ffff", MALFORMED),
]
WRONG: list[tuple[str, Any, str, str, Reasons]] = [
    *of("name", "名称", (None, STRING), *LINE),
    *of("industry", "行业", *LINE),
    *of("contact", "联系人", ("张经理", OBJECT), ([], OBJECT)),
    *in_contact("name", "名称", (None, STRING), *LINE),
    *in_contact("phone", "手机号", (None, STRING), (13800138000, STRING), ("", MISSING), (" ", MISSING)),
    *in_contact(
        "phone", "手机号", *((text, MALFORMED) for text in ("1234", "1" * 16, "abc", "138-0013-800x", "++8613"))
    ),
    *in_contact(
        "phone", "手机号", *((text, MALFORMED) for text in ("138\n00138000", "１３８００１３８０００", "+", "(" * 32))
    ),
    *in_contact("phone", "手机号", ("1 " * 17, at_most(32)), ("0" * 900_000, at_most(32))),
    *in_contact("email", "邮箱", *((text, MALFORMED) for text in ("", "li", "a@b@c.example", "a b@example.com"))),
    *in_contact("email", "邮箱", ("李@example.com", MALFORMED), ("a@example.com\n", MALFORMED), (7, STRING)),
    *in_contact("email", "邮箱", (f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 80}", at_most(254))),
    *in_contact("fax", "contact.fax", ("1", UNKNOWN)),
    ("contact", {"name": "张经理"}, "contact.phone", "手机号", MISSING),
    ("contact", {"phone": "13800138000"}, "contact.name", "名称", MISSING),
    *of("status", "状态", *((value, STATUS) for value in ("deleted", "Active", "", None, 1, ["active"]))),
    *of("amount", "金额", ("1", NUMBER), (True, NUMBER), ([1], NUMBER), (1e-300, MALFORMED)),
    *of("amount", "金额", (-1, ("不能小于 0", "must be at least 0")), (-0.01, ("不能小于 0", "must be at least 0"))),
    *of("amount", "金额", (1e15 + 1, ("不能大于 1000000000000000", "must be at most"))),
    *of("tags", "标签", ("vip", LIST), (None, LIST), (["a", "a"], TWICE), ([str(n) for n in range(21)], at_most(20))),
    ("tags", [1], "tags.0", "tags.0", STRING),
    ("tags", ["a", ""], "tags.1", "tags.1", at_least(1)),
    ("tags", ["t" * 51], "tags.0", "tags.0", at_most(50)),
    *of("customFields", "自定义字段", ([], OBJECT), (None, OBJECT), ({str(n): n for n in range(51)}, at_most(50))),
    *of("customFields", "自定义字段", ({"a": "x" * 20_000}, BYTES), ({"a": "\x01" * 3_000}, BYTES)),
    *in_custom("a", ([], SCALAR), ({"b": 1}, SCALAR), ([[[[1]]]], SCALAR), (1e-200, MALFORMED)),
    *in_custom("a", (1e16, BOUNDS), (-1e16, BOUNDS), (10**400, BOUNDS), (1e300, BOUNDS)),
    ("customFields", {"": 1}, "customFields.", "customFields.", at_least(1)),
    ("customFields", {" ": 1}, "customFields. ", "customFields. ", MISSING),
    ("customFields", {"k" * 101: 1}, f"customFields.{'k' * 101}", f"customFields.{'k' * 101}", at_most(100)),
    *of("id", "id", ("cust_1", UNKNOWN)),
    *of("version", "版本", (3, UNKNOWN)),
    *of("createdAt", "createdAt", ("2024-01-15T10:30:00Z", UNKNOWN)),
    *of("custom_fields", "custom_fields", ({}, UNKNOWN)),
    *of("phone", "手机号", ("13800138000", UNKNOWN)),
]


def refused_alike(api: Deployment, method: str, path: str, body: Any, field: str, label: str, reasons: Reasons) -> None:
    wrong_type = reasons in TYPES
    messages = (WRONG_TYPE, "A parameter has the wrong type") if wrong_type else (INVALID, "Validation failed")
    for headers, message, sentence in (
        ({}, messages[0], label + reasons[0]),
        (ENGLISH, messages[1], f"{field} {reasons[1]}"),
    ):
        found = refused(api.call(method, path, body, headers=headers), 400, 40002 if wrong_type else 40001, message)
        assert list(found) == [field]
        assert found[field].startswith(sentence)


@pytest.mark.parametrize(("name", "value", "field", "label", "reasons"), WRONG)
def test_a_wrong_field_is_named(
    deployment: Deployment, name: str, value: Any, field: str, label: str, reasons: Reasons
) -> None:
    customer = make(deployment, name="原客户")
    refused_alike(deployment, "POST", CUSTOMERS, EXAMPLE | {name: value}, field, label, reasons)
    for method in ("PUT", "PATCH"):
        refused_alike(deployment, method, at(customer), {"status": "inactive", name: value}, field, label, reasons)
    if len(str(value)) < 500_000:
        bad, good = batch(deployment, EXAMPLE | {name: value}, {"name": "好客户"})["items"]
        (error,) = bad["errors"]
        assert (bad["status"], error["field"]) == (400, field[:50])
        assert len(field) > 50 or error["message"].startswith(label + reasons[0])
        assert good["status"] == 201
    assert shown(deployment, customer) == customer
    assert set(listed(deployment)) <= {"原客户", "好客户"}


@pytest.mark.parametrize(
    ("body", "field", "label", "reasons"),
    [
        ("", "name", "名称", MISSING),
        ("{}", "name", "名称", MISSING),
        ('{"name": "a"', "body", "请求体", ("不是有效的 JSON", "is not valid JSON")),
        ('{"name": "\\ud83d"}', "body", "请求体", ("不是有效的 JSON", "is not valid JSON")),
        ('{"name": "a", "amount": 1' + "0" * 400 + "}", "amount", "金额", MALFORMED),
        ('{"name": "a", "amount": NaN}', "amount", "金额", MALFORMED),
        ('{"name": "a", "amount": 1e999}', "amount", "金额", MALFORMED),
        ("[]", "body", "请求体", OBJECT),
        ("null", "body", "请求体", OBJECT),
        ('"name"', "body", "请求体", OBJECT),
    ],
)
def test_a_body_that_is_no_customer_is_refused(
    deployment: Deployment, body: str, field: str, label: str, reasons: Reasons
) -> None:
    refused_alike(deployment, "POST", CUSTOMERS, body, field, label, reasons)


@pytest.mark.parametrize(
    ("body", "field", "label", "reasons"),
    [
        ({}, "customers", "客户", MISSING),
        ({"customers": []}, "customers", "客户", at_least(1)),
        ({"customers": {}}, "customers", "客户", LIST),
        ({"customers": None}, "customers", "客户", LIST),
        ({"customers": [{"name": str(n)} for n in range(101)]}, "customers", "客户", at_most(100)),
        ({"customers": [EXAMPLE], "dryRun": True}, "dryRun", "dryRun", UNKNOWN),
        ([EXAMPLE], "body", "请求体", OBJECT),
    ],
)
def test_a_batch_that_is_none_is_refused(
    deployment: Deployment, body: Any, field: str, label: str, reasons: Reasons
) -> None:
    refused_alike(deployment, "POST", BATCH, body, field, label, reasons)
    assert listed(deployment) == []


def test_rows_of_any_kind_are_answered_each_for_itself(deployment: Deployment) -> None:
    rows: list[Any] = [None, 5, "a", [], {}, {"name": None}, [[[]]], {"name": "a", "x" * 300_000: 1}, {"name": "好"}]
    told = batch(deployment, *rows)
    assert [row["status"] for row in told["items"]] == [400] * 8 + [201]
    assert (told["succeeded"], told["failed"]) == (1, 8)
    assert len(str(told)) < 3_000, "an error does not throw back what was sent"


def test_a_batch_of_nothing_good_writes_nothing(deployment: Deployment) -> None:
    before = len(memory.stored())
    assert batch(deployment, {}, {"name": ""})["failed"] == 2
    assert len(memory.stored()) == before


def test_a_huge_body_and_another_content_type_are_refused(deployment: Deployment) -> None:
    for path in (CUSTOMERS, BATCH):
        huge = deployment.call("POST", path, {"name": "x" * 2_000_000})
        assert refused(huge, 413, 40001, "请求体过大,最大 1048576 字节") == {}
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = deployment.call("POST", path, "name=a", headers=form)
        assert refused(answer, 415, 40001, "不支持的内容类型,请使用 application/json") == {}


def test_a_change_of_nothing_is_refused(deployment: Deployment) -> None:
    customer = make(deployment)
    for method in ("PUT", "PATCH"):
        reasons = ("没有可更新的字段", "has nothing to change")
        refused_alike(deployment, method, at(customer), {}, "body", "请求体", reasons)


def test_without_a_credential_nothing_is_told(deployment: Deployment) -> None:
    customer = make(deployment)
    for method, path, body in (
        ("POST", CUSTOMERS, EXAMPLE),
        ("POST", BATCH, {"customers": [EXAMPLE]}),
        ("GET", CUSTOMERS, None),
        ("GET", at(customer), None),
        ("PUT", at(customer), {"name": "x"}),
        ("PATCH", at(customer), {"name": "x"}),
        ("DELETE", at(customer), None),
    ):
        assert refused(deployment.call(method, path, body, key=None), 401, 40101, "Token 无效") == {}


def test_another_tenants_customer_and_one_that_never_was_are_404_alike(
    deployment: Deployment, other_tenant: Deployment
) -> None:
    customer = make(deployment)
    for unknown in (customer["id"], ids.new("cust"), "cust_' OR 1=1", "x" * 129):
        for method, body in (("GET", None), ("PUT", {"name": "x"}), ("PATCH", {"name": "x"}), ("DELETE", None)):
            for headers, message in (({}, "资源不存在"), (ENGLISH, "The resource does not exist")):
                sent = headers | {"if-match": '"1"'}
                answer = other_tenant.call(method, f"{CUSTOMERS}/{unknown}", body, headers=sent)
                assert refused(answer, 404, 40401, message) == {}
    assert listed(other_tenant) == []
    assert shown(deployment, customer) == customer


def test_a_name_in_the_path_of_another_kind_is_no_customer(deployment: Deployment) -> None:
    """The item that keeps a name is in a partition of its own."""
    make(deployment, name="cust_name")
    assert deployment.call("GET", f"{CUSTOMERS}/cust_name").status == 404


@pytest.mark.parametrize("query", ["colour=red", "sort=tags", "sort=version", "fields=id,secret", "status[like"])
def test_a_list_is_asked_for_with_what_it_knows(deployment: Deployment, query: str) -> None:
    answer = deployment.call("GET", f"{CUSTOMERS}?{query}")
    assert list(refused(answer, 400, 40001, INVALID)) == [query.partition("=")[0]]


def test_a_list_is_asked_for_with_any_text(deployment: Deployment) -> None:
    make(deployment)
    for text in ("x" * 5_000, "%00", "%F4%8F%BF%BF", "'%20OR%201=1", "%23"):
        for field in ("name", "industry", "contact.phone", "search", "id", "status"):
            assert listed(deployment, f"{field}={text}") == listed(deployment, f"{field}={text}&limit=5") == []
