"""Orders on the running stack: from a customer to the last refund, what is told of it, and many moving one at once."""

from collections import Counter
from itertools import cycle
from typing import Any

from requests import Response

from tests.e2e.concurrency import at_once
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.receiving import Receiver
from tests.e2e.running import Client
from tests.e2e.signatures import document_3_status, verify_document_3

ORDERS = "/v1/orders"
CUSTOMER = {"name": "示例科技有限公司", "industry": "互联网", "contact": {"name": "张经理", "phone": "13800138000"}}
ITEMS = [{"name": "企业版年费 🚀", "sku": "ENT-1Y", "quantity": 2, "unitPrice": 499_900}]
AMOUNT = 999_800
SECRET = "your_webhook_secret"
WEBHOOK = {"url": "https://your-server.com/webhook", "events": ["customer.created", "order.paid"], "secret": SECRET}
"""Document 3, "配置 Webhook"."""


def new_customer(api: Client) -> str:
    answer = api.post("/v1/customers", CUSTOMER)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["data"]["id"]
    return made


def create(api: Client, customer: str, **more: Any) -> dict[str, Any]:
    answer = api.post(ORDERS, {"customerId": customer, "items": ITEMS, "currency": "CNY", **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


def move(api: Client, order: dict[str, Any], how: str, **body: Any) -> Response:
    return api.post(f"{ORDERS}/{order['id']}/{how}", body)


def show(api: Client, order: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = api.get(f"{ORDERS}/{order['id']}").json()["data"]
    return shown


def listed(api: Client, query: str) -> list[str]:
    return [row["id"] for row in api.get(f"{ORDERS}?{query}").json()["data"]["items"]]


def test_document_3s_webhook_hears_of_a_customer_and_a_payment(api: Client, receiver: OpenReceiver) -> None:
    inbox, orders = receiver(), receiver()
    assert api.post("/v1/webhooks", WEBHOOK | {"url": inbox.url}).status_code == 201
    everything = {"url": orders.url, "events": ["order.created", "order.paid"], "secret": SECRET}
    assert api.post("/v1/webhooks", everything).status_code == 201

    customer = new_customer(api)
    order = create(api, customer, note="加急", metadata={"来源": "官网"})
    paid = move(api, order, "pay", method="alipay", reference="2026112022001")
    assert (paid.status_code, paid.headers["ETag"]) == (200, '"2"'), paid.text

    eventually(lambda: len(inbox.received) >= 2 and len(orders.received) >= 2, "both events, at both")
    told = {request.event["type"]: request.event["data"] for request in inbox.received}
    assert set(told) == {"customer.created", "order.paid"}
    assert told["customer.created"]["customer_id"] == told["order.paid"]["customer_id"] == customer
    told = {request.event["type"]: request.event["data"] for request in orders.received}
    assert set(told) == {"order.created", "order.paid"}
    assert (told["order.created"]["status"], told["order.created"]["version"]) == ("pending", 1)
    assert told["order.paid"] == told["order.created"] | {
        "status": "paid",
        "payment_method": "alipay",
        "payment_reference": "2026112022001",
        "paid_at": paid.json()["data"]["paidAt"],
        "updated_at": paid.json()["data"]["updatedAt"],
        "version": 2,
    }
    assert told["order.paid"]["items"] == [
        {"name": "企业版年费 🚀", "sku": "ENT-1Y", "quantity": 2, "unit_price": 499_900}
    ]
    assert (told["order.paid"]["order_id"], told["order.paid"]["amount"]) == (order["id"], AMOUNT)
    for request in [*inbox.received, *orders.received]:
        verify_document_3(request, SECRET)
        assert document_3_status(request, "another_secret") == 401


def test_an_order_from_its_making_to_its_last_refund(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    secret = api.new_webhook(inbox.url, "order.*")["secret"]
    customer = new_customer(api)
    order, other = create(api, customer), create(api, customer)

    assert move(api, order, "refund").status_code == 422
    assert move(api, order, "pay").json()["data"]["status"] == "paid"
    illegal = move(api, order, "cancel")
    assert (illegal.status_code, illegal.json()["code"]) == (422, 42201)
    assert "partially_refunded, refunded" in illegal.json()["errors"][0]["message"]
    part = move(api, order, "refund", amount=800, reason="少发一件").json()["data"]
    assert (part["status"], part["refundedAmount"]) == ("partially_refunded", 800)
    greater = move(api, order, "refund", amount=AMOUNT)
    assert (greater.status_code, greater.json()["errors"][0]["field"]) == (422, "amount")
    assert move(api, order, "refund").json()["data"]["status"] == "refunded"
    assert move(api, other, "cancel", reason="客户改变主意").json()["data"]["status"] == "cancelled"
    stale = api.request("PATCH", f"{ORDERS}/{order['id']}", json={"note": "a"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412

    for query, expected in (
        ("", [other, order]),
        (f"customerId={customer}&order=asc", [order, other]),
        ("status=refunded", [order]),
        ("status[in]=cancelled,paid", [other]),
        ("amount[gte]=999800&refundedAmount[gt]=0&limit=5", [order]),
        ("sort=amount&limit=5", [other, order]),
        ("status=pending", []),
    ):
        wanted = [one["id"] for one in expected]
        eventually(lambda query=query, wanted=wanted: listed(api, query) == wanted, query)  # type: ignore[misc]

    assert api.request("DELETE", f"/v1/customers/{customer}").status_code == 204
    assert show(api, order)["customerName"] == CUSTOMER["name"]
    gone = api.post(ORDERS, {"customerId": customer, "items": ITEMS, "currency": "CNY"})
    assert (gone.status_code, gone.json()["code"]) == (400, 40001)
    assert gone.json()["errors"] == [{"field": "customerId", "message": "客户不存在"}]

    names = {"order.created": 2, "order.paid": 1, "order.refunded": 2, "order.cancelled": 1}
    eventually(lambda: Counter(one.event["type"] for one in inbox.received) == names, "every event of both")
    for request in inbox.received:
        verify_document_3(request, secret)
    last = max((one.event["data"] for one in inbox.received), key=lambda data: data["version"])
    assert [one["amount"] for one in last["refunds"]] == [800, AMOUNT - 800]


def test_of_payments_and_cancellations_at_once_exactly_one_is_done(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "order.*")
    customer = new_customer(api)
    orders = [create(api, customer) for _ in range(3)]
    for order in orders:
        ways = cycle(["pay", "cancel"])
        answers = at_once(6, lambda: move(api, order, next(ways)))  # noqa: B023 - awaited at once
        assert sorted(answer.status_code for answer in answers) == [200, *[422] * 5], [one.text for one in answers]
        (won,) = (answer.json()["data"] for answer in answers if answer.status_code == 200)
        assert show(api, order) == won
        assert {answer.json()["code"] for answer in answers if answer.status_code == 422} == {42201}
    eventually(lambda: len(inbox.received) >= 2 * len(orders), "two events of each")
    ended = [one.event["data"]["order_id"] for one in inbox.received if one.event["type"] != "order.created"]
    assert sorted(ended) == sorted(order["id"] for order in orders)


def test_a_payment_sent_ten_times_with_its_key_is_one(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    api.new_webhook(inbox.url, "order.paid")
    customer = new_customer(api)
    order, later = create(api, customer), create(api, customer)
    path, headers = f"{ORDERS}/{order['id']}/pay", {"Idempotency-Key": "payment-1"}

    def pay() -> Response:
        return api.request("POST", path, json={"reference": "1"}, headers=headers)

    answers = at_once(10, pay)
    # Who comes while the first is under way is told to come again; it does.
    assert {answer.status_code for answer in answers} <= {200, 409}
    again = pay()
    done = [answer.json() for answer in [*answers, again] if answer.status_code == 200]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert all(one == done[0] for one in done)
    assert show(api, order)["version"] == 2
    assert move(api, later, "pay").status_code == 200
    eventually(lambda: later["id"] in paid(inbox), "the payment after it")
    assert sorted(paid(inbox)) == sorted([order["id"], later["id"]])


def paid(inbox: Receiver) -> list[str]:
    return [one.event["data"]["order_id"] for one in inbox.received]


def test_refunds_at_once_never_come_to_more_than_was_paid(api: Client) -> None:
    order = create(api, new_customer(api))
    assert move(api, order, "pay").status_code == 200
    answers = at_once(5, lambda: move(api, order, "refund", amount=AMOUNT // 2))
    done = [answer for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 422, 503}
    after = show(api, order)
    assert after["refundedAmount"] == sum(one["amount"] for one in after["refunds"]) == len(done) * (AMOUNT // 2)
    assert len(done) <= 2
