"""`/v1/orders` in document 3's style: from the making to the last refund, lists, versions, events."""

import json
import re
from typing import Any

import pytest

from functions.crm.orders import service
from functions.webhooks import delivery, payload
from hub import ids
from tests.conftest import Clock, Deployment
from tests.contract import memory, pristine
from tests.contract.customers import CUSTOMERS, ENGLISH, refused
from tests.contract.customers import make as make_customer
from tests.contract.orders import AMOUNT, ITEMS, ORDERS, listed, make, move, moved, new_order, shown

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
RULE = "业务规则校验失败"


def test_an_order_is_made_of_a_customer(deployment: Deployment) -> None:
    customer = make_customer(deployment)
    sent = new_order(customer["id"], amount=AMOUNT, note="加急", metadata={"来源": "官网"})
    answer = deployment.call("POST", ORDERS, sent)
    assert (answer.status, set(answer.json)) == (201, {"code", "message", "data"})
    assert (answer.json["code"], answer.json["message"], answer.headers["ETag"]) == (0, "success", '"1"')
    order = answer.json["data"]
    assert order["id"][:6] == ids.first("order", 0)[:6] == "order_"
    assert TIME.fullmatch(order["createdAt"])
    assert order == sent | {
        "id": order["id"],
        "customerName": customer["name"],
        "items": [ITEMS[0], ITEMS[1] | {"sku": None}],
        "status": "pending",
        "paymentMethod": None,
        "paymentReference": None,
        "cancelReason": None,
        "refunds": [],
        "refundedAmount": 0,
        "createdAt": order["createdAt"],
        "updatedAt": order["createdAt"],
        "paidAt": None,
        "cancelledAt": None,
        "refundedAt": None,
        "version": 1,
    }
    again = deployment.call("GET", f"{ORDERS}/{order['id']}")
    assert (again.status, again.headers["ETag"], again.json["data"]) == (200, '"1"', order)


def test_the_amount_is_what_the_items_come_to(deployment: Deployment) -> None:
    customer = make_customer(deployment)["id"]
    order = make(deployment, customer)
    assert (order["amount"], order["note"], order["metadata"]) == (AMOUNT, None, {})
    assert make(deployment, customer, amount=None)["amount"] == AMOUNT
    nothing = [{"name": "赠品", "quantity": 3, "unitPrice": 0}]
    assert make(deployment, customer, items=nothing, amount=0)["amount"] == 0
    greatest = [
        {"name": "a", "quantity": 2**53 - 2, "unitPrice": 1},
        {"name": "b", "quantity": 1, "unitPrice": 1},
    ]
    made = make(deployment, customer, items=greatest, amount=2**53 - 1)
    assert shown(deployment, made)["amount"] == 9_007_199_254_740_991


def test_an_order_is_paid(deployment: Deployment) -> None:
    order = make(deployment)
    answer = move(deployment, order, "pay", method="alipay", reference="2026112022001")
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    paid = answer.json["data"]
    assert TIME.fullmatch(paid["paidAt"])
    assert paid == order | {
        "status": "paid",
        "paymentMethod": "alipay",
        "paymentReference": "2026112022001",
        "paidAt": paid["paidAt"],
        "updatedAt": paid["paidAt"],
        "version": 2,
    }
    assert shown(deployment, order) == paid


def test_an_order_is_cancelled(deployment: Deployment) -> None:
    order = make(deployment)
    cancelled = move(deployment, order, "cancel", reason="客户改变主意").json["data"]
    assert cancelled == order | {
        "status": "cancelled",
        "cancelReason": "客户改变主意",
        "cancelledAt": cancelled["cancelledAt"],
        "updatedAt": cancelled["cancelledAt"],
        "version": 2,
    }
    assert TIME.fullmatch(cancelled["cancelledAt"])


def test_an_order_is_refunded_part_by_part(deployment: Deployment, clock: Clock) -> None:
    order = moved(deployment, make(deployment), "pay")
    clock.advance(60)
    first = move(deployment, order, "refund", amount=900, reason="少发一件").json["data"]
    assert (first["status"], first["refundedAmount"], first["version"]) == ("partially_refunded", 900, 3)
    assert first["refunds"] == [{"amount": 900, "reason": "少发一件", "createdAt": "2026-11-20T13:01:30Z"}]
    clock.advance(60)
    second = move(deployment, order, "refund", amount=AMOUNT - 1000).json["data"]
    assert (second["status"], second["refundedAmount"]) == ("partially_refunded", AMOUNT - 100)
    last = move(deployment, order, "refund").json["data"]
    assert (last["status"], last["refundedAmount"]) == ("refunded", AMOUNT)
    assert [one["amount"] for one in last["refunds"]] == [900, AMOUNT - 1000, 100]
    assert [one["reason"] for one in last["refunds"]] == ["少发一件", None, None]
    assert (first["refundedAt"], last["refundedAt"]) == ("2026-11-20T13:01:30Z", "2026-11-20T13:02:30Z")
    assert last["paidAt"] == order["paidAt"] == "2026-11-20T13:00:30Z"


def test_an_order_of_nothing_is_refunded_at_once(deployment: Deployment) -> None:
    free = make(deployment, items=[{"name": "赠品", "quantity": 1, "unitPrice": 0}])
    assert refused(move(deployment, moved(deployment, free, "pay"), "refund", amount=1), 422, 42201, RULE) == {
        "amount": "金额不能超过可退金额 0"
    }
    done = move(deployment, free, "refund").json["data"]
    assert (done["status"], done["refundedAmount"], done["refunds"][0]["amount"]) == ("refunded", 0, 0)


def test_no_more_is_refunded_than_is_left(deployment: Deployment) -> None:
    order = moved(deployment, make(deployment), "pay", "part")
    answer = move(deployment, order, "refund", amount=AMOUNT)
    assert refused(answer, 422, 42201, RULE) == {"amount": f"金额不能超过可退金额 {AMOUNT - 1}"}
    answer = deployment.call("POST", f"{ORDERS}/{order['id']}/refund", {"amount": 2**53 - 1}, headers=ENGLISH)
    found = refused(answer, 422, 42201, "A business rule does not allow this")
    assert found == {"amount": f"amount must not be more than what is left to refund: {AMOUNT - 1}"}
    assert shown(deployment, order) == order
    assert move(deployment, order, "refund", amount=AMOUNT - 1).json["data"]["status"] == "refunded"


def test_the_last_of_many_refunds_is_of_all_that_is_left(deployment: Deployment) -> None:
    order = moved(deployment, make(deployment), "pay", *["part"] * (service.MAX_REFUNDS - 1))
    left = AMOUNT - service.MAX_REFUNDS + 1
    found = refused(move(deployment, order, "refund", amount=1), 422, 42201, RULE)
    assert found == {"amount": f"金额须为全部余额 {left}: 最多退款 20 次"}
    done = move(deployment, order, "refund", amount=left).json["data"]
    assert (done["status"], len(done["refunds"])) == ("refunded", service.MAX_REFUNDS)


PATHS = {
    "pending": (),
    "paid": ("pay",),
    "partially_refunded": ("pay", "part"),
    "refunded": ("pay", "refund"),
    "cancelled": ("cancel",),
}
WAYS = {"pay": "paid", "cancel": "cancelled", "refund": "refunded", "part": "partially_refunded"}


@pytest.mark.parametrize("start", PATHS)
@pytest.mark.parametrize("way", WAYS)
def test_an_illegal_move_names_the_legal_ones_and_changes_nothing(deployment: Deployment, start: str, way: str) -> None:
    order = moved(deployment, make(deployment), *PATHS[start])
    legal = {"pending": ("pay", "cancel"), "paid": ("part", "refund"), "partially_refunded": ("part", "refund")}
    if way in legal.get(start, ()):
        assert moved(deployment, order, way)["status"] == WAYS[way]
        return
    body = {"amount": 1} if way == "part" else {}
    path = f"{ORDERS}/{order['id']}/{'refund' if way == 'part' else way}"
    chinese, english = (deployment.call("POST", path, body, headers=headers) for headers in ({}, ENGLISH))
    told = refused(chinese, 422, 42201, RULE), refused(english, 422, 42201, "A business rule does not allow this")
    if start in legal:
        names = ", ".join({"pending": ("paid", "cancelled")}.get(start, ("partially_refunded", "refunded")))
        assert told == (
            {"status": f"状态不能从 {start} 变更为 {WAYS[way]},可变更为: {names}"},
            {"status": f"status cannot go from {start} to {WAYS[way]}, only to: {names}"},
        )
    else:
        assert told == (
            {"status": f"状态为 {start},已是最终状态,不能变更"},
            {"status": f"status is {start}, which is final"},
        )
    assert shown(deployment, order) == order


def test_note_and_metadata_are_changed_in_any_status(deployment: Deployment) -> None:
    order = make(deployment, note="加急", metadata={"来源": "官网", "渠道": "a"})
    path = f"{ORDERS}/{order['id']}"
    changed = deployment.call("PATCH", path, {"metadata": {"来源": "门店"}})
    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')
    after = changed.json["data"]
    assert after == order | {"metadata": {"来源": "门店"}, "version": 2, "updatedAt": after["updatedAt"]}
    assert deployment.call("PATCH", path, {"note": "加急"}).headers["ETag"] == '"2"', "the same again is no change"
    moved(deployment, order, "cancel")
    after = deployment.call("PATCH", path, {"note": None, "metadata": {}}).json["data"]
    assert (after["note"], after["metadata"], after["status"], after["version"]) == (None, {}, "cancelled", 4)


def test_a_version_that_was_read_is_held_against_the_one_that_stands_there(deployment: Deployment) -> None:
    order = moved(deployment, make(deployment), "pay")
    path = f"{ORDERS}/{order['id']}"
    for stale in ('"1"', '"3"', 'W/"2"', "2", ""):
        answer = deployment.call("PATCH", path, {"note": "a"}, headers={"if-match": stale})
        assert refused(answer, 412, 40901, "资源已被修改,请重新获取后再试") == {}
    assert deployment.call("PATCH", path, {"note": "a"}, headers={"if-match": '"2"'}).headers["ETag"] == '"3"'
    assert deployment.call("PATCH", path, {"note": "b"}, headers={"if-match": "*"}).headers["ETag"] == '"4"'
    for known in ('"4"', 'W/"4"', "*"):
        answer = deployment.call("GET", path, headers={"if-none-match": known})
        assert (answer.status, answer.text, answer.headers["ETag"]) == (304, "", '"4"')
    assert deployment.call("GET", path, headers={"if-none-match": '"3"'}).status == 200


def test_orders_of_a_deleted_customer_stay_and_no_new_ones_come(deployment: Deployment) -> None:
    customer = make_customer(deployment)
    order = make(deployment, customer["id"])
    renamed = deployment.call("PATCH", f"{CUSTOMERS}/{customer['id']}", {"name": "新名称有限公司"})
    assert renamed.status == 200, renamed.text
    assert shown(deployment, order)["customerName"] == customer["name"]
    assert make(deployment, customer["id"])["customerName"] == "新名称有限公司"
    assert deployment.call("DELETE", f"{CUSTOMERS}/{customer['id']}").status == 204
    assert moved(deployment, order, "pay")["customerName"] == customer["name"]
    assert len(listed(deployment, f"?customerId={customer['id']}")) == 2
    answer = deployment.call("POST", ORDERS, new_order(customer["id"]))
    assert refused(answer, 400, 40001, "参数验证失败") == {"customerId": "客户不存在"}


def test_a_post_sent_twice_is_done_once(deployment: Deployment) -> None:
    key = {"idempotency-key": "once"}
    customer = make_customer(deployment)["id"]
    wanted = new_order(customer)
    first, again = (deployment.call("POST", ORDERS, wanted, headers=key) for _ in range(2))
    assert (first.status, first.json) == (again.status, again.json)
    assert (again.headers["Idempotency-Replayed"], again.headers["ETag"]) == ("true", '"1"')
    assert len(listed(deployment)) == 1
    other = deployment.call("POST", ORDERS, wanted | {"currency": "USD"}, headers=key)
    assert refused(other, 422, 42201, "该 Idempotency-Key 已用于不同的请求") == {}
    order = first.json["data"]
    for way, body in (("pay", {"method": "wechat"}), ("refund", {"amount": 5}), ("refund", {})):
        sent = {"idempotency-key": f"{way}-{len(body)}"}
        path = f"{ORDERS}/{order['id']}/{way}"
        first, again = (deployment.call("POST", path, body, headers=sent) for _ in range(2))
        assert (first.status, first.json) == (200, again.json)
        assert again.headers["Idempotency-Replayed"] == "true"
    cancelled = make(deployment, customer)
    path = f"{ORDERS}/{cancelled['id']}/cancel"
    first, again = (deployment.call("POST", path, headers=key) for _ in range(2))
    assert first.json == again.json
    assert [one["amount"] for one in shown(deployment, order)["refunds"]] == [5, AMOUNT - 5]
    names = sorted(one["detail-type"] for one in memory.published() if one["detail-type"].startswith("order."))
    assert names == ["order.cancelled", *["order.created"] * 2, "order.paid", *["order.refunded"] * 2]


def test_a_refused_move_may_be_sent_again_with_its_key(deployment: Deployment) -> None:
    order = make(deployment)
    path, key = f"{ORDERS}/{order['id']}/refund", {"idempotency-key": "k"}
    assert deployment.call("POST", path, {}, headers=key).status == 422
    moved(deployment, order, "pay")
    assert deployment.call("POST", path, {}, headers=key).json["data"]["status"] == "refunded"


def snake(name: str) -> str:
    return "order_id" if name == "id" else re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)


def told(order: dict[str, Any]) -> dict[str, Any]:
    """An order as events show it: under the same names in the words of events; what is the caller's own as it is."""
    return {
        snake(name): [{snake(key): entry for key, entry in one.items()} for one in value]
        if isinstance(value, list)
        else value
        for name, value in order.items()
    }


def test_events_tell_the_whole_order(deployment: Deployment) -> None:
    made = make(deployment, metadata={"inviteCode": "aB"})
    steps = [made]
    for way in ("pay", "part", "refund"):
        steps.append(moved(deployment, made, way))
        noted = deployment.call("PATCH", f"{ORDERS}/{made['id']}", {"note": way, "metadata": {"inviteCode": "aB"}})
        steps.append(noted.json["data"])
    cancelled = moved(deployment, make(deployment, note="b"), "cancel")
    found = [one for one in memory.published() if one["source"] == "hub.crm" and "order" in one["detail-type"]]
    mine = sorted(
        (one for one in found if one["detail"]["data"]["order_id"] == made["id"]),
        key=lambda one: one["detail"]["data"]["version"],
    )
    names = [one["detail-type"].removeprefix("order.") for one in mine]
    assert names == ["created", "paid", "updated", "refunded", "updated", "refunded", "updated"]
    for event, order in zip(mine, steps, strict=True):
        changes = {"changes": ["note"]} if event["detail-type"] == "order.updated" else {}
        assert event["detail"]["data"] == told(order) | changes
    assert mine[0]["detail"]["data"]["metadata"] == {"inviteCode": "aB"}
    (ended,) = (one for one in found if one["detail-type"] == "order.cancelled")
    assert ended["detail"]["data"] == told(cancelled)


@pytest.fixture
def shop(deployment: Deployment, clock: Clock) -> list[dict[str, Any]]:
    """Six orders of two customers, a day apart; `note` is the position."""
    return pristine.once(_orders, deployment, clock=clock)


def _orders(deployment: Deployment, clock: Clock) -> list[dict[str, Any]]:
    customers = [make_customer(deployment, name=name)["id"] for name in ("甲公司", "乙公司")]
    wanted: list[tuple[int, int, str, tuple[str, ...]]] = [
        (0, 300, "CNY", ()),
        (1, 100, "USD", ("pay",)),
        (0, 200, "CNY", ("pay", "part")),
        (1, 200, "JPY", ("cancel",)),
        (0, 1000, "CNY", ("pay",)),
        (1, 9, "USD", ("pay", "refund")),
    ]
    made = []
    for number, (customer, price, currency, ways) in enumerate(wanted):
        items = [{"name": "a", "quantity": 1, "unitPrice": price}]
        order = make(deployment, customers[customer], items=items, currency=currency, note=f"第 {number} 单 Rush")
        clock.advance(3600)
        made.append(moved(deployment, order, *ways))
        clock.advance(82_800)
    return made


QUERIES: list[tuple[str, list[int]]] = [
    ("", [5, 4, 3, 2, 1, 0]),
    ("order=asc", [0, 1, 2, 3, 4, 5]),
    ("status=paid", [4, 1]),
    ("status[ne]=paid", [5, 3, 2, 0]),
    ("status[in]=pending,cancelled", [3, 0]),
    ("status[like]=REFUND", [5, 2]),
    ("status[gt]=paid", [5, 2, 0]),
    ("status[gte]=pending", [5, 0]),
    ("status[lt]=paid", [3]),
    ("status[lte]=paid", [4, 3, 1]),
    ("amount=200", [3, 2]),
    ("amount[ne]=200", [5, 4, 1, 0]),
    ("amount[gt]=200", [4, 0]),
    ("amount[gte]=200", [4, 3, 2, 0]),
    ("amount[lt]=200", [5, 1]),
    ("amount[lte]=200", [5, 3, 2, 1]),
    ("amount[in]=9,300", [5, 0]),
    ("amount[gt]=100&amount[lte]=300", [3, 2, 0]),
    ("createdAt[gt]=2026-11-23", [5, 4, 3]),
    ("createdAt[gte]=2026-11-23T13:00:30Z", [5, 4, 3]),
    ("createdAt[lt]=2026-11-22", [1, 0]),
    ("createdAt[lte]=2026-11-22T13:00:30Z", [2, 1, 0]),
    ("createdAt=2026-11-21T13:00:30Z", [1]),
    ("createdAt[ne]=2026-11-21T21:00:30%2B08:00", [5, 4, 3, 2, 0]),
    ("createdAt[in]=2026-11-20T13:00:30Z,2026-11-25T13:00:30Z", [5, 0]),
    ("updatedAt[lt]=2026-11-20T13:01:00Z", [0]),
    ("paidAt[gte]=2026-11-22", [5, 4, 2]),
    ("paidAt[ne]=2026-11-21T14:00:30Z", [5, 4, 3, 2, 0]),
    ("cancelledAt[gt]=2026-01-01", [3]),
    ("refundedAt[gt]=2026-01-01", [5, 2]),
    ("refundedAmount[gt]=0", [5, 2]),
    ("currency=USD", [5, 1]),
    ("currency[in]=USD,JPY", [5, 3, 1]),
    ("customerName=甲公司", [4, 2, 0]),
    ("customerName[like]=乙", [5, 3, 1]),
    ("note[like]=rush", [5, 4, 3, 2, 1, 0]),
    ("note[like]=3 单", [3]),
    ("search=rush 甲", [4, 2, 0]),
    ("search=第 5 单", [5]),
    ("search=nothing", []),
    ("sort=amount", [4, 0, 3, 2, 1, 5]),
    ("sort=amount&order=asc", [5, 1, 2, 3, 0, 4]),
    ("sort=amount&amount[lt]=300&currency[ne]=JPY", [2, 1, 5]),
    ("sort=status&order=asc", [3, 1, 4, 2, 0, 5]),
    ("sort=paidAt", [5, 4, 2, 1, 3, 0]),
    ("status=paid&amount[gt]=100&currency=CNY&search=甲&sort=amount&order=asc", [4]),
]


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_document_3s_query_language(
    deployment: Deployment, shop: list[dict[str, Any]], query: str, expected: list[int]
) -> None:
    wanted = [shop[number]["id"] for number in expected]
    answer = deployment.call("GET", f"{ORDERS}?{query}")
    assert answer.status == 200, answer.text
    assert answer.json["data"]["items"] == [shop[number] for number in expected]
    assert answer.json["data"]["pagination"] == {
        "page": 1,
        "pageSize": 20,
        "total": len(expected),
        "totalPages": -(-len(expected) // 20),
    }
    pages = [listed(deployment, f"?{query}&page={number}&pageSize=2") for number in (1, 2, 3, 4)]
    assert [one for page in pages for one in page] == wanted
    assert by_cursor(deployment, query, 2) == wanted


def by_cursor(api: Deployment, query: str, limit: int) -> list[str]:
    seen: list[str] = []
    path = f"{ORDERS}?{query}&limit={limit}"
    while True:
        answer = api.call("GET", path)
        assert answer.status == 200, answer.text
        seen += [one["id"] for one in answer.json["data"]["items"]]
        if not answer.json["cursor"]["hasMore"]:
            assert answer.json["cursor"]["next"] is None
            return seen
        path = f"{ORDERS}?{query}&limit={limit}&cursor={answer.json['cursor']['next']}"


def test_a_customers_orders_are_listed(deployment: Deployment, shop: list[dict[str, Any]]) -> None:
    customer = shop[0]["customerId"]
    for query, expected in (
        (f"customerId={customer}", [4, 2, 0]),
        (f"customerId={customer}&status[in]=paid,pending", [4, 0]),
        (f"customerId[in]={customer},cust_none&sort=amount", [4, 0, 2]),
        (f"customerId[ne]={customer}", [5, 3, 1]),
        ("customerId=cust_none", []),
    ):
        wanted = [shop[number]["id"] for number in expected]
        assert listed(deployment, f"?{query}") == by_cursor(deployment, query, 2) == wanted, query


def test_every_operator_on_the_customers_id(deployment: Deployment, shop: list[dict[str, Any]]) -> None:
    both = first, second = [shop[number]["customerId"] for number in (0, 1)]
    chosen = {
        f"customerId={first}": {first},
        f"customerId[ne]={first}": {second},
        f"customerId[gt]={first}": {one for one in both if one > first},
        f"customerId[gte]={first}": {one for one in both if one >= first},
        f"customerId[lt]={second}": {one for one in both if one < second},
        f"customerId[lte]={second}": {one for one in both if one <= second},
        f"customerId[in]={first},{second}": set(both),
        f"customerId[like]={second[5:].lower()}": {second},
    }
    for query, customers in chosen.items():
        wanted = [order["id"] for order in reversed(shop) if order["customerId"] in customers]
        assert listed(deployment, f"?{query}") == by_cursor(deployment, query, 2) == wanted, query


def test_a_list_shows_the_fields_that_were_asked_for(deployment: Deployment, shop: list[dict[str, Any]]) -> None:
    data = deployment.call("GET", f"{ORDERS}?fields=id,amount,paidAt&status=paid&pageSize=1").json["data"]
    assert data["items"] == [{name: shop[4][name] for name in ("id", "amount", "paidAt")}]
    assert data["pagination"] == {"page": 1, "pageSize": 1, "total": 2, "totalPages": 2}


def test_the_greatest_orders_fit_into_a_webhook_and_a_hundred_into_an_answer(deployment: Deployment) -> None:
    customer = make_customer(deployment, name="长" * 100)["id"]
    line = {"name": "长" * 200, "quantity": 10**6, "unitPrice": 10**6}
    metadata = {str(number): "长" * 480 for number in range(4)}
    order = make(deployment, customer, items=[line] * 32, note="长" * 1000, metadata=metadata)
    assert move(deployment, order, "pay", method="长" * 100, reference="长" * 100).status == 200
    for number in range(service.MAX_REFUNDS):
        amount = {"amount": 10**12} if number + 1 < service.MAX_REFUNDS else {}
        assert move(deployment, order, "refund", reason="长" * 200, **amount).status == 200
    told = max(memory.published(), key=lambda one: len(str(one)))["detail"]
    body = payload.serialize(told)
    assert len(told["data"]["refunds"]) == service.MAX_REFUNDS
    assert len(body.encode()) > 44_000, "these are the greatest"
    assert not delivery.is_too_large(body)
    text = deployment.call("GET", f"{ORDERS}?limit=1").text
    assert len(json.dumps(text, ensure_ascii=False).encode()) < 6_291_556 / 100
