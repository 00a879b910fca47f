"""`/v1/orders` refuses what is wrong, in document 3's style and both languages, and keeps nothing of it."""

from typing import Any

import pytest

from hub import ids
from tests.conftest import Deployment
from tests.contract.customers import ENGLISH, refused
from tests.contract.customers import make as make_customer
from tests.contract.orders import AMOUNT, ITEMS, ORDERS, listed, make, moved, new_order, shown

LONG = "长" * 1001
INVALID = ("参数验证失败", "Validation failed")
WRONG_TYPE = ("参数类型错误", "A parameter has the wrong type")

STRING, INTEGER = ("必须是字符串", "must be a string"), ("必须是整数", "must be an integer")
LIST, OBJECT = ("必须是数组", "must be a list"), ("必须是对象", "must be an object")
MISSING, UNKNOWN = ("不能为空", "is required"), ("未知字段", "is not a known field")
MALFORMED = ("格式不正确", "is malformed")
CURRENCY = ("必须是 ISO 4217 货币代码,例如 CNY", "must be an ISO 4217 currency code such as CNY")
ABSENT = ("不存在", "does not exist")
TOO_GREAT = ("不能大于 9007199254740991", "must be at most 9007199254740991")
TYPES = (STRING, INTEGER, LIST, OBJECT)


def at_most(number: int) -> tuple[str, str]:
    return f"长度不能超过 {number}", f"must have a length of at most {number}"


def at_least(number: int) -> tuple[str, str]:
    return f"长度不能少于 {number}", f"must have a length of at least {number}"


def bytes_at_most(number: int) -> tuple[str, str]:
    return f"不能超过 {number} 字节", f"must have at most {number} bytes"


def no_less(number: int) -> tuple[str, str]:
    return f"不能小于 {number}", f"must be at least {number}"


def not_the_sum(number: int) -> tuple[str, str]:
    return f"必须等于商品合计 {number}", f"must be what the items come to: {number}"


def line(**more: Any) -> list[Any]:
    return [{"name": "a", "quantity": 1, "unitPrice": 1} | more]


def without(name: str) -> list[Any]:
    return [{key: value for key, value in ITEMS[0].items() if key != name}]


def money(field: str, smallest: int, make_body: Any) -> list[tuple[dict[str, Any], str, tuple[str, str]]]:
    """What no amount in minor units may be."""
    return [
        *((make_body(value), field, INTEGER) for value in (True, False, 1.0, 99.99, 1e3, "100", [1], {"amount": 1})),
        (make_body(smallest - 1), field, no_less(smallest)),
        (make_body(-(2**70)), field, no_less(smallest)),
        (make_body(2**53), field, TOO_GREAT),
        (make_body(10**300), field, TOO_GREAT),
    ]


WRONG: list[tuple[dict[str, Any], str, tuple[str, str]]] = [
    *money("amount", 0, lambda value: {"amount": value}),
    *money("items.0.unitPrice", 0, lambda value: {"items": line(unitPrice=value)}),
    *money("items.0.quantity", 1, lambda value: {"items": line(quantity=value)}),
    ({"items": line(unitPrice=None)}, "items.0.unitPrice", INTEGER),
    ({"items": line(quantity=None)}, "items.0.quantity", INTEGER),
    ({"amount": AMOUNT - 1}, "amount", not_the_sum(AMOUNT)),
    ({"amount": 0}, "amount", not_the_sum(AMOUNT)),
    ({"items": line(quantity=2, unitPrice=2**52)}, "amount", TOO_GREAT),
    ({"items": line(unitPrice=2**53 - 1) * 100}, "amount", TOO_GREAT),
    ({"items": line(unitPrice=2**53 - 1, quantity=2**53 - 1), "amount": 1}, "amount", TOO_GREAT),
    ({"items": None}, "items", LIST),
    ({"items": {}}, "items", LIST),
    ({"items": []}, "items", at_least(1)),
    ({"items": line() * 101}, "items", at_most(100)),
    ({"items": line(name="长" * 200, sku="\x01" * 50) * 40}, "items", bytes_at_most(22_000)),
    ({"items": ["a"]}, "items.0", OBJECT),
    ({"items": [None]}, "items.0", OBJECT),
    ({"items": without("name")}, "items.0.name", MISSING),
    ({"items": without("quantity")}, "items.0.quantity", MISSING),
    ({"items": without("unitPrice")}, "items.0.unitPrice", MISSING),
    ({"items": ITEMS + line(name="")}, "items.2.name", at_least(1)),
    ({"items": line(name=" \t\u3000")}, "items.0.name", MISSING),
    ({"items": line(name="x" * 201)}, "items.0.name", at_most(200)),
    ({"items": line(name=5)}, "items.0.name", STRING),
    ({"items": line(sku="")}, "items.0.sku", at_least(1)),
    ({"items": line(sku="x" * 101)}, "items.0.sku", at_most(100)),
    ({"items": line(sku=7)}, "items.0.sku", STRING),
    ({"items": line(unit_price=5)}, "items.0.unit_price", UNKNOWN),
    ({"items": line(price=5)}, "items.0.price", UNKNOWN),
    ({"currency": None}, "currency", STRING),
    ({"currency": 156}, "currency", STRING),
    ({"currency": ""}, "currency", MALFORMED),
    ({"currency": "cny"}, "currency", MALFORMED),
    ({"currency": "CNY "}, "currency", MALFORMED),
    ({"currency": "CNY\n"}, "currency", MALFORMED),
    ({"currency": "ＣＮＹ"}, "currency", MALFORMED),
    ({"currency": "RMB"}, "currency", CURRENCY),
    ({"currency": "BGN"}, "currency", CURRENCY),
    ({"currency": "XAU"}, "currency", CURRENCY),
    ({"currency": "XXX"}, "currency", CURRENCY),
    ({"customerId": None}, "customerId", STRING),
    ({"customerId": 5}, "customerId", STRING),
    ({"customerId": ""}, "customerId", at_least(1)),
    ({"customerId": "c" * 129}, "customerId", at_most(128)),
    ({"customerId": "cust_none"}, "customerId", ABSENT),
    ({"customerId": "客户 \x00#' OR 1=1"}, "customerId", ABSENT),
    ({"note": 5}, "note", STRING),
    ({"note": LONG}, "note", at_most(1000)),
    ({"note": "\x01" * 900}, "note", bytes_at_most(3200)),
    ({"metadata": None}, "metadata", OBJECT),
    ({"metadata": ["a"]}, "metadata", OBJECT),
    ({"metadata": {"a": 1}}, "metadata.a", STRING),
    ({"metadata": {"a": None}}, "metadata.a", STRING),
    ({"metadata": {"a": {"b": "c"}}}, "metadata.a", STRING),
    ({"metadata": {"": "a"}}, "metadata.", at_least(1)),
    ({"metadata": {"k" * 41: "a"}}, f"metadata.{'k' * 41}", at_most(40)),
    ({"metadata": {"a": "x" * 501}}, "metadata.a", at_most(500)),
    ({"metadata": {str(number): "" for number in range(51)}}, "metadata", at_most(50)),
    ({"metadata": {str(number): "长" * 200 for number in range(20)}}, "metadata", bytes_at_most(6000)),
    ({"status": "paid"}, "status", UNKNOWN),
    ({"id": "order_1"}, "id", UNKNOWN),
    ({"customerName": "a"}, "customerName", UNKNOWN),
    ({"customer_id": "cust_1"}, "customer_id", UNKNOWN),
    ({"refundedAmount": 5}, "refundedAmount", UNKNOWN),
]


def refused_alike(api: Deployment, method: str, path: str, body: Any, field: str, reasons: tuple[str, str]) -> None:
    wrong_type = reasons in TYPES
    code, messages = (40002, WRONG_TYPE) if wrong_type else (40001, INVALID)
    for headers, message, reason in zip(({}, ENGLISH), messages, reasons, strict=True):
        found = refused(api.call(method, path, body, headers=headers), 400, code, message)
        assert list(found) == [field]
        assert found[field].endswith(reason), found


@pytest.mark.parametrize(("change", "field", "reasons"), WRONG)
def test_a_wrong_field_of_a_new_order_is_named(
    deployment: Deployment, change: dict[str, Any], field: str, reasons: tuple[str, str]
) -> None:
    body = new_order(make_customer(deployment)["id"]) | change
    refused_alike(deployment, "POST", ORDERS, body, field, reasons)
    assert listed(deployment) == []


@pytest.mark.parametrize("name", ["customerId", "items", "currency"])
def test_what_a_new_order_lacks_is_named(deployment: Deployment, name: str) -> None:
    body = new_order(make_customer(deployment)["id"])
    del body[name]
    refused_alike(deployment, "POST", ORDERS, body, name, MISSING)


@pytest.mark.parametrize(
    ("body", "field", "reasons"),
    [
        ('{"customerId": "a"', "body", ("不是有效的 JSON", "is not valid JSON")),
        ('{"note": "\\ud83d"}', "body", ("不是有效的 JSON", "is not valid JSON")),
        (f'{{"amount": {"9" * 5000}}}', "body", ("不是有效的 JSON", "is not valid JSON")),
        ("[]", "body", OBJECT),
        ("null", "body", OBJECT),
        ('"order"', "body", OBJECT),
    ],
)
def test_a_body_that_is_no_order_is_refused(
    deployment: Deployment, body: str, field: str, reasons: tuple[str, str]
) -> None:
    order = make(deployment)
    refused_alike(deployment, "POST", ORDERS, body, field, reasons)
    for method, path in (("PATCH", ""), ("POST", "/pay"), ("POST", "/cancel"), ("POST", "/refund")):
        answer = deployment.call(method, f"{ORDERS}/{order['id']}{path}", body)
        assert (answer.status, answer.json["code"]) == (400, 40002 if reasons == OBJECT else 40001)
    assert shown(deployment, order) == order


def test_several_wrong_fields_are_named_at_once(deployment: Deployment) -> None:
    body = {"items": [{"name": "", "quantity": 0}], "currency": "RMB", "colour": "red"}
    found = refused(deployment.call("POST", ORDERS, body), 400, 40001, "参数验证失败")
    assert found == {
        "customerId": "客户不能为空",
        "items.0.name": "名称长度不能少于 1",
        "items.0.quantity": "数量不能小于 1",
        "items.0.unitPrice": "单价不能为空",
        "currency": "货币必须是 ISO 4217 货币代码,例如 CNY",
        "colour": "colour未知字段",
    }


def test_a_huge_body_and_another_content_type_are_refused(deployment: Deployment) -> None:
    path = f"{ORDERS}/{make(deployment)['id']}/pay"
    for target in (ORDERS, path):
        huge = deployment.call("POST", target, {"note": "x" * 2_000_000})
        assert refused(huge, 413, 40001, "请求体过大,最大 1048576 字节") == {}
        form = deployment.call("POST", target, "a=b", headers={"content-type": "application/x-www-form-urlencoded"})
        assert refused(form, 415, 40001, "不支持的内容类型,请使用 application/json") == {}


@pytest.mark.parametrize(
    ("body", "field", "reasons"),
    [
        ({}, "body", ("没有可更新的字段", "has nothing to change")),
        *((change, field, why) for change, field, why in WRONG if set(change) <= {"note", "metadata"}),
        ({"status": "paid"}, "status", UNKNOWN),
        ({"amount": 5}, "amount", UNKNOWN),
        ({"items": ITEMS}, "items", UNKNOWN),
        ({"customerId": "cust_1"}, "customerId", UNKNOWN),
        ({"note": "a", "version": 3}, "version", UNKNOWN),
    ],
)
def test_a_wrong_change_is_refused(
    deployment: Deployment, body: dict[str, Any], field: str, reasons: tuple[str, str]
) -> None:
    order = make(deployment)
    refused_alike(deployment, "PATCH", f"{ORDERS}/{order['id']}", body, field, reasons)
    assert shown(deployment, order) == order


LABEL: list[tuple[Any, tuple[str, str]]] = [
    (5, STRING),
    ("", at_least(1)),
    (" \n", MISSING),
    ("x" * 101, at_most(100)),
    ("\x01" * 100, bytes_at_most(400)),
]
REASON: list[tuple[Any, tuple[str, str]]] = [
    (["a"], STRING),
    ("", at_least(1)),
    ("\u3000", MISSING),
    ("x" * 201, at_most(200)),
    ("\x01" * 200, bytes_at_most(700)),
]
MOVES = [
    *(("pay", {name: value}, name, why) for name in ("method", "reference") for value, why in LABEL),
    *(
        ("pay", {name: value}, name, UNKNOWN)
        for name, value in (("amount", AMOUNT), ("status", "paid"), ("paidAt", ""))
    ),
    *(("cancel", {"reason": value}, "reason", why) for value, why in REASON),
    ("cancel", {"force": True}, "force", UNKNOWN),
    *(("refund", {"reason": value}, "reason", why) for value, why in REASON),
    *(("refund", body, field, why) for body, field, why in money("amount", 1, lambda value: {"amount": value})),
    ("refund", {"currency": "CNY"}, "currency", UNKNOWN),
]


@pytest.mark.parametrize(("how", "body", "field", "reasons"), MOVES)
def test_a_wrong_move_is_refused(
    deployment: Deployment, how: str, body: dict[str, Any], field: str, reasons: tuple[str, str]
) -> None:
    order = make(deployment)
    if how == "refund":
        order = moved(deployment, order, "pay")
    refused_alike(deployment, "POST", f"{ORDERS}/{order['id']}/{how}", body, field, reasons)
    assert shown(deployment, order) == order


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("colour=red", "colour"),
        ("items.name=a", "items.name"),
        ("metadata.a=b", "metadata.a"),
        ("version=1", "version"),
        ("amount=many", "amount"),
        ("amount[gt]=1,2", "amount[gt]"),
        ("amount[in]=1,x", "amount[in]"),
        ("amount[like]=1", "amount[like]"),
        ("amount[between]=1,2", "amount[between]"),
        ("amount[gt=1", "amount[gt"),
        ("paidAt[gt]=yesterday", "paidAt[gt]"),
        ("sort=items", "sort"),
        ("sort=metadata", "sort"),
        ("order=up", "order"),
        ("fields=id,secret", "fields"),
        ("page=0", "page"),
        ("page=x", "page"),
        ("pageSize=0", "pageSize"),
        ("pageSize=101", "pageSize"),
        ("limit=101", "limit"),
        ("limit=5&page=2", "page"),
        ("cursor=%00", "cursor"),
        ("cursor=eyJpZCI6MTAwfQ==", "cursor"),
    ],
)
def test_a_wrong_query_is_refused(deployment: Deployment, query: str, field: str) -> None:
    for headers, messages in (({}, ("参数验证失败", "参数类型错误")), (ENGLISH, (INVALID[1], WRONG_TYPE[1]))):
        answer = deployment.call("GET", f"{ORDERS}?{query}", headers=headers)
        assert answer.status == 400
        found = refused(answer, 400, answer.json["code"], messages[answer.json["code"] - 40001])
        assert list(found) == [field]


def test_a_cursor_serves_the_query_that_it_came_of(deployment: Deployment) -> None:
    customer = make_customer(deployment)["id"]
    for _ in range(3):
        make(deployment, customer)
    cursor = deployment.call("GET", f"{ORDERS}?limit=1&status=pending").json["cursor"]["next"]
    for query in ("", "&status=paid", "&status=pending&sort=amount", "&status=pending&order=asc"):
        answer = deployment.call("GET", f"{ORDERS}?limit=1&cursor={cursor}{query}")
        assert refused(answer, 400, 40001, "参数验证失败") == {"cursor": "游标格式不正确"}
    assert len(listed(deployment, f"?limit=5&cursor={cursor}&status=pending")) == 2


def test_without_a_credential_or_its_permission_nothing_is_told(deployment: Deployment) -> None:
    order = make(deployment)
    path = f"{ORDERS}/{order['id']}"
    reader = deployment.new_key("orders:read")["key"]
    stranger = deployment.new_key("customers:write")["key"]
    writes: list[tuple[str, str, Any]] = [
        ("POST", ORDERS, new_order(order["customerId"])),
        ("PATCH", path, {"note": "a"}),
    ]
    writes += [("POST", f"{path}/{how}", {}) for how in ("pay", "cancel", "refund")]
    for method, target, body in writes:
        assert refused(deployment.call(method, target, body, key=None), 401, 40101, "Token 无效") == {}
        for key in (reader, stranger):
            assert refused(deployment.call(method, target, body, key=key), 403, 40301, "无操作权限") == {}
    for target in (ORDERS, path):
        assert deployment.call("GET", target, key=None).status == 401
        assert deployment.call("GET", target, key=stranger).status == 403
        assert deployment.call("GET", target, key=reader).status == 200
    writer = deployment.new_key("orders:write")["key"]
    made = deployment.call("POST", ORDERS, new_order(order["customerId"]), key=writer)
    assert made.status == 201, "it takes no permission to read the customer whose id one knows"
    assert shown(deployment, order) == order


def test_another_tenants_order_and_one_that_never_was_are_404_alike(
    deployment: Deployment, other_tenant: Deployment
) -> None:
    order = moved(deployment, make(deployment), "pay")
    for unknown in (order["id"], ids.new("order"), "order_' OR 1=1", "x" * 129):
        path = f"{ORDERS}/{unknown}"
        calls: list[tuple[str, str, Any]] = [("GET", path, None), ("PATCH", path, {"note": "a"})]
        calls += [("POST", f"{path}/{how}", {}) for how in ("pay", "cancel", "refund")]
        for method, target, body in calls:
            assert refused(other_tenant.call(method, target, body), 404, 40401, "资源不存在") == {}
            answer = other_tenant.call(method, target, body, headers=ENGLISH | {"if-match": '"1"'})
            assert refused(answer, 404, 40401, "The resource does not exist") == {}
    assert listed(other_tenant) == []
    assert shown(deployment, order) == order


def test_another_tenants_customer_does_not_exist(deployment: Deployment, other_tenant: Deployment) -> None:
    theirs = make_customer(deployment)["id"]
    for unknown in (theirs, ids.new("cust")):
        refused_alike(other_tenant, "POST", ORDERS, new_order(unknown), "customerId", ABSENT)
    order = make(deployment, theirs)
    assert listed(other_tenant, f"?customerId={theirs}") == []
    # An id of another kind is no customer's either.
    refused_alike(deployment, "POST", ORDERS, new_order(order["id"]), "customerId", ABSENT)
