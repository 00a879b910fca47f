"""Customers on the running stack: document 3's lines pasted, what is told of them, and many who want one name."""

import json
import subprocess
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
from requests import Response

from tests.e2e.concurrency import at_once
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack, without_proxy
from tests.e2e.signatures import verify_document_3, verify_standard

CUSTOMERS = "/v1/customers"
EXAMPLE = {
    "name": "示例科技有限公司",
    "industry": "互联网",
    "contact": {"name": "张经理", "phone": "13800138000"},
}
CREATE = """curl -X POST "https://api.enterprise-platform.com/v1/customers" \\
-H "Authorization: Bearer YOUR_TOKEN" \\
-H "Content-Type: application/json" \\
-d '{
"name": "示例科技有限公司",
"industry": "互联网",
"contact": {
"name": "张经理",
"phone": "13800138000"
}
}'"""
SUBSCRIBE = """curl -X POST "https://api.enterprise-platform.com/v1/webhooks" \\
-H "Authorization: Bearer YOUR_TOKEN" \\
-H "Content-Type: application/json" \\
-d '{
"url": "https://your-server.com/webhook",
"events": ["customer.created", "order.paid"],
"secret": "your_webhook_secret"
}'"""
"""Document 3, "请求体" and "配置 Webhook"."""

QUERIES = (
    "status=active",
    "status[ne]=inactive",
    "createdAt[gt]=2024-01-01",
    "industry[in]=互联网,金融",
    "name[like]=科技",
    "search=科技",
    "page=1&pageSize=20",
    "limit=20",
    "sort=createdAt&order=desc",
    "fields=id,name,status",
)
"""Document 3, "查询参数", "过滤参数" and "分页": each finds the example."""

AT_ONCE = 10


def create(api: Client, **more: Any) -> dict[str, Any]:
    answer = api.post(CUSTOMERS, EXAMPLE | more)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


def change(api: Client, customer: dict[str, Any], if_match: str | None = None, **changes: Any) -> Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    return api.request("PATCH", f"{CUSTOMERS}/{customer['id']}", json=changes, headers=headers)


def names(api: Client, query: str = "") -> list[str]:
    answer = api.get(f"{CUSTOMERS}?{query}")
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["data"]["items"]]


def paste(line: str, stack: RunningStack, api: Client, **replaced: str) -> Any:
    """Run one of the document's lines, with an address and a token of this stack's."""
    places = {"https://api.enterprise-platform.com": stack.description["base_url"], "YOUR_TOKEN": api.key, **replaced}
    for place, value in places.items():
        line = line.replace(place, value)
    done = subprocess.run(
        ["bash", "-c", line], env=without_proxy(), capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_documents_lines_work_when_pasted(stack: RunningStack, api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    webhook = paste(SUBSCRIBE, stack, api, **{"https://your-server.com/webhook": inbox.url})
    assert (webhook["code"], webhook["message"]) == (0, "success")
    made = paste(CREATE, stack, api)
    assert (made["code"], made["message"], made["data"]["name"]) == (0, "success", "示例科技有限公司")
    again = paste(CREATE, stack, api)
    assert (again["code"], again["message"]) == (40901, "数据已存在")
    assert again["errors"] == [{"field": "name", "message": "名称已存在"}]

    authorized = '-H "Authorization: Bearer YOUR_TOKEN"'
    for query in QUERIES:
        found = names(api, query)
        assert found == ["示例科技有限公司"], query
        line = f'curl -X GET "https://api.enterprise-platform.com{CUSTOMERS}?{quote(query, safe="=&,")}" {authorized}'
        assert [item["name"] for item in paste(line, stack, api)["data"]["items"]] == found, query
    page = paste(f'curl "https://api.enterprise-platform.com{CUSTOMERS}?page=2&pageSize=20" {authorized}', stack, api)
    assert page["data"] == {"items": [], "pagination": {"page": 2, "pageSize": 20, "total": 1, "totalPages": 1}}

    eventually(lambda: inbox.received, "the event")
    (request,) = inbox.received
    assert (request.event["type"], request.event["data"]["customer_id"]) == ("customer.created", made["data"]["id"])
    verify_document_3(request, "your_webhook_secret")


def test_a_webhook_is_told_of_a_customers_life(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    secret = api.new_webhook(inbox.url, "customer.*")["secret"]
    answer = api.post(CUSTOMERS, EXAMPLE | {"customFields": {"等级": "A", "人数": 50, "2": 1}, "amount": 0.1})
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"'), answer.text
    customer = answer.json()["data"]
    for fields in ({}, {"name": "改名公司"}):
        assert api.post(CUSTOMERS, EXAMPLE | fields).status_code == (201 if fields else 409)
    refused = change(api, customer, name="改名公司")
    assert (refused.status_code, refused.json()["code"]) == (409, 40901)
    changed = change(api, customer, '"1"', status="inactive", contact=None)
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert change(api, customer, '"1"', status="active").status_code == 412
    path = f"{CUSTOMERS}/{customer['id']}"
    assert api.get(path, headers={"If-None-Match": '"2"'}).status_code == 304
    assert api.request("DELETE", path).status_code == 204
    assert api.get(path).status_code == 404
    assert create(api)["version"] == 1, "the name is free again"

    eventually(lambda: len(inbox.received) >= 5, "every event")
    own = [one for one in inbox.received if one.event["data"]["customer_id"] == customer["id"]]
    told = {one.event["type"]: one.event["data"] for one in own}
    assert set(told) == {"customer.created", "customer.updated", "customer.deleted"}
    assert told["customer.created"]["custom_fields"] == {"2": 1, "等级": "A", "人数": 50}
    assert told["customer.updated"]["changes"] == ["contact", "status"]
    assert told["customer.deleted"]["version"] == 2
    for request in inbox.received:
        verify_document_3(request, secret)
        verify_standard(request, secret)


def test_a_batch_makes_what_is_good(api: Client) -> None:
    create(api)
    rows: list[Any] = [{"name": f"客户 {number}", "industry": "制造", "amount": number} for number in range(98)]
    answer = api.post(f"{CUSTOMERS}/batch", {"customers": [*rows, EXAMPLE, {"name": ""}]})
    assert (answer.status_code, answer.headers["X-RateLimit-Limit"]) == (200, "100")
    told = answer.json()["data"]
    assert (told["succeeded"], told["failed"]) == (98, 2)
    taken, invalid = told["items"][98:]
    assert (taken["status"], taken["code"], invalid["status"], invalid["code"]) == (409, 40901, 400, 40001)
    assert invalid["errors"] == [{"field": "name", "message": "名称不能为空"}]

    ordered = "industry=制造&sort=amount&order=asc"
    eventually(lambda: len(names(api, "industry=制造&limit=100")) == 98, "the index")
    assert names(api, f"{ordered}&pageSize=3") == ["客户 0", "客户 1", "客户 2"]
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.get(f"{CUSTOMERS}?{ordered}&limit=30&cursor={cursor}").json()
        found += [item["name"] for item in page["data"]["items"]]
        assert page["cursor"]["hasMore"] == (page["cursor"]["next"] is not None)
        cursor = page["cursor"]["next"]
    assert found == [row["name"] for row in rows]
    beyond = api.get(f"{CUSTOMERS}?amount[gte]=96&sort=name&order=asc").json()["data"]
    assert [item["name"] for item in beyond["items"]] == ["客户 96", "客户 97"]


@pytest.mark.parametrize("path", ["", "/batch"])
def test_of_many_who_want_a_name_at_once_one_gets_it(api: Client, path: str) -> None:
    def want() -> list[int]:
        if not path:
            return [api.post(CUSTOMERS, EXAMPLE).status_code]
        rows = [{"name": str(number)} for number in range(5)]
        answer = api.post(CUSTOMERS + path, {"customers": rows})
        assert answer.status_code == 200, answer.text
        return [row["status"] for row in answer.json()["data"]["items"]]

    answers = at_once(AT_ONCE, want)
    for statuses in zip(*answers, strict=True):
        assert sorted(statuses) == [201] + [409] * (AT_ONCE - 1), answers
    assert len(names(api)) == len(answers[0])


def test_of_many_changes_at_once_none_is_lost(api: Client) -> None:
    customer = create(api)
    numbers = count()
    wanted: list[dict[str, Any]] = [{"industry": "金融"}, {"amount": 5}, {"tags": ["vip"]}, {"name": "改名公司"}]
    answers = at_once(len(wanted), lambda: change(api, customer, **wanted[next(numbers)]))
    assert [answer.status_code for answer in answers] == [200] * len(wanted), [answer.text for answer in answers]
    after = api.get(f"{CUSTOMERS}/{customer['id']}").json()["data"]
    assert after == customer | {name: value for one in wanted for name, value in one.items()} | {
        "version": 1 + len(wanted),
        "updatedAt": after["updatedAt"],
    }


def test_totals_follow_the_customers(api: Client) -> None:
    first, *_ = [create(api, name=str(number)) for number in range(3)]
    api.request("DELETE", f"{CUSTOMERS}/{first['id']}")

    def total() -> int:
        number: int = api.get(f"{CUSTOMERS}?pageSize=1").json()["data"]["pagination"]["total"]
        return number

    eventually(lambda: total() == 2, "the total")
