"""Document 3's lists on the running stack: its examples as they stand, every page of many rows, totals."""

import json
import random
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from tests.e2e.polling import eventually
from tests.e2e.running import ROOT, Client, RunningStack, without_proxy

CUSTOMERS, USERS = "/v1/customers", "/v1/users"
FUNCTION, QUEUE = "TotalsFunction", "TotalsQueue"
ROWS: list[dict[str, Any]] = [
    {
        "name": "示例科技有限公司",
        "industry": "互联网",
        "amount": 9000,
        "contact": {"name": "张经理", "phone": "13800138000"},
    },
    {"name": "未来科技", "industry": "金融", "status": "inactive", "amount": 10000.5},
    {"name": "客户B", "industry": "农业", "amount": 10000, "tags": ["vip"]},
    {"name": "客户A", "industry": "互联网"},
]


def make(api: Client, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make customers, a hundred a call; answers with them as they stand."""
    made = []
    for start in range(0, len(rows), 100):
        answer = api.post(f"{CUSTOMERS}/batch", {"customers": rows[start : start + 100]})
        assert answer.status_code == 200, answer.text
        told = answer.json()["data"]
        assert told["failed"] == 0, told
        made += [row | {"id": one["id"]} for row, one in zip(rows[start:], told["items"], strict=False)]
    return made


def page(api: Client, query: str) -> Any:
    """A page of customers."""
    answer = api.get(f"{CUSTOMERS}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(api: Client, query: str) -> list[str]:
    """Whom a page shows."""
    return [row["name"] for row in page(api, query)["data"]["items"]]


def walk(api: Client, query: str) -> list[dict[str, Any]]:
    """All rows, page by page by cursor."""
    found: list[dict[str, Any]] = []
    following = f"{query}&limit=50"
    for _ in range(20):
        answer = page(api, following)
        found += answer["data"]["items"]
        if not answer["cursor"]["hasMore"]:
            assert answer["cursor"]["next"] is None
            return found
        following = f"{query}&limit=50&cursor={answer['cursor']['next']}"
    raise AssertionError("the pages do not end")


@pytest.fixture
def filled(api: Client) -> Client:
    """A tenant with a few customers, the first made first."""
    for row in ROWS:
        make(api, [row])
    return api


def test_the_documents_examples(filled: Client) -> None:
    by_name = "sort=name&order=asc"
    for query, expected in (
        ("status=active", ["客户A", "客户B", "示例科技有限公司"]),
        ("status[ne]=inactive", ["客户A", "客户B", "示例科技有限公司"]),
        ("createdAt[gt]=2024-01-01", ["客户A", "客户B", "未来科技", "示例科技有限公司"]),
        ("createdAt[gt]=2124-01-01", []),
        ("amount[lte]=10000", ["客户B", "示例科技有限公司"]),
        ("industry[in]=互联网,金融", ["客户A", "未来科技", "示例科技有限公司"]),
        ("name[like]=科技", ["未来科技", "示例科技有限公司"]),
        ("search=科技", ["未来科技", "示例科技有限公司"]),
        ("industry[in]=互联网,金融&status=active&amount[lte]=10000&search=科技", ["示例科技有限公司"]),
    ):
        for paging in ("", "&page=1&pageSize=20", "&limit=20"):
            assert sorted(names(filled, query + paging)) == sorted(expected), query
            # Code points, not pinyin: 客 (5BA2), 未 (672A), 示 (793A).
            assert names(filled, f"{query}&{by_name}{paging}") == expected, query
    assert names(filled, "sort=createdAt&order=desc") == ["客户A", "客户B", "未来科技", "示例科技有限公司"]
    assert names(filled, "sort=amount&order=desc") == ["未来科技", "客户B", "示例科技有限公司", "客户A"]
    cut = page(filled, "fields=id,name,status&search=未来")["data"]
    assert [set(row) for row in cut["items"]] == [{"id", "name", "status"}]
    assert cut["pagination"] == {"page": 1, "pageSize": 20, "total": 1, "totalPages": 1}
    assert page(filled, "page=2&pageSize=3")["data"]["pagination"] == {
        "page": 2,
        "pageSize": 3,
        "total": 4,
        "totalPages": 2,
    }
    first = page(filled, "limit=3")
    assert (len(first["data"]["items"]), first["cursor"]["hasMore"]) == (3, True)
    assert names(filled, f"limit=3&cursor={first['cursor']['next']}") == ["示例科技有限公司"]


def test_what_no_client_should_send(filled: Client) -> None:
    long, ill = "%E7%A4%BA" * 700, "%ED%A0%80"
    for value in (long, ill, "%00", "%F4%8F%BF%BF" * 300, "", "%23", "%25"):
        for query in (f"status={value}", f"name={value}", f"name[gt]={value}&limit=5", f"id[lte]={value}&sort=amount"):
            for sort in ("", "&sort=name&limit=2", "&sort=amount&limit=2"):
                answer = filled.get(f"{CUSTOMERS}?{query}{sort if 'sort' not in query else ''}")
                assert answer.status_code in {200, 400, 414, 431}, (query[:40], answer.status_code, answer.text[:300])
    for cursor in ("eyJpZCI6MTAwfQ==", "x", "%00", "A" * 5000):
        answer = filled.get(f"{CUSTOMERS}?limit=20&cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (400, 40001)
        assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]


def test_every_page_of_many(api: Client) -> None:
    statuses = ("active", "prospect", "inactive")
    rows: list[dict[str, Any]] = [
        {"name": f"客户 {number:03}#%", "industry": f"行业{number % 4}", "status": statuses[number % 3]}
        | ({"amount": (number * 37) % 101 / 4} if number % 5 else {})
        for number in range(230)
    ]
    made = make(api, rows)
    by_id = sorted(made, key=lambda row: row["id"], reverse=True)
    having = [row for row in by_id if "amount" in row]
    by_amount = sorted(having, key=lambda row: row["amount"], reverse=True) + [r for r in by_id if "amount" not in r]
    for query, expected in (
        ("order=desc", by_id),
        ("status=active", [row for row in by_id if row["status"] == "active"]),
        (
            "industry[in]=行业1,行业2&status[ne]=active",
            [row for row in by_id if row["industry"] in {"行业1", "行业2"} and row["status"] != "active"],
        ),
        ("sort=amount", by_amount),
        ("sort=amount&amount[gte]=20&amount[lt]=22.5", [row for row in by_amount if 20 <= row.get("amount", 0) < 22.5]),
        ("sort=amount&industry=行业3", [row for row in by_amount if row["industry"] == "行业3"]),
        ("sort=name", sorted(made, key=lambda row: row["name"], reverse=True)),
        ("sort=name&order=asc&search=客户 1", [row for row in made if "1" in row["name"] + row["industry"]]),
        ("sort=industry&order=asc", sorted(sorted(made, key=lambda row: row["id"]), key=lambda row: row["industry"])),
    ):
        assert [row["id"] for row in walk(api, query)] == [row["id"] for row in expected], query
        numbered = [
            row for number in (1, 2, 3) for row in page(api, f"{query}&page={number}&pageSize=100")["data"]["items"]
        ]
        assert [row["id"] for row in numbered] == [row["id"] for row in expected], query
        if len(expected) < len(made):
            assert total(api, query) == len(expected), query
        else:
            eventually(lambda query=query: total(api, query) == len(made), "the total of all")  # type: ignore[misc]


def total(api: Client, query: str) -> int:
    """How many a list says there are."""
    number: int = page(api, f"{query}&pageSize=1")["data"]["pagination"]["total"]
    return number


def counted(stack: RunningStack, tenant: str) -> Counter[str]:
    """What the counter of totals says."""
    place = {"pk": {"S": f"T#{tenant}#COUNTER"}, "sk": {"S": "TOTALS"}}
    item = stack.data.get_item(TableName=stack.physical_ids["ActivityTable"], Key=place, ConsistentRead=True).get(
        "Item"
    )
    return +Counter({name: int(value["N"]) for name, value in (item or {}).items() if "N" in value})


def rebuild(stack: RunningStack, tenant: str) -> str:
    """`make rebuild-statistics`, as its recipe calls it; answers what it printed."""
    command = [sys.executable, "-m", "operations", "rebuild-statistics", "--state-dir", str(stack.state_dir)]
    done = subprocess.run(
        [*command, "--tenant", tenant],
        cwd=ROOT,
        env=without_proxy(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_totals_are_what_there_is_whatever_becomes_of_the_events(stack: RunningStack, api: Client) -> None:
    customers = make(api, [{"name": f"客户 {number}"} for number in range(12)])
    users = [
        api.post(USERS, {"email": f"u{number}@example.com", "name": "某人"}).json()["data"]["id"] for number in range(3)
    ]
    assert api.request("DELETE", f"{USERS}/{users[0]}").status_code == 204
    for one in customers[:4]:
        assert api.request("DELETE", f"{CUSTOMERS}/{one['id']}").status_code == 204
    # The administrator whom the tenant began with is one.
    there = Counter({"CUSTOMER": 8, "USER": 3})
    eventually(lambda: counted(stack, api.tenant) == there, "everything counted", seconds=60, pause=0.5)

    again = [("customer.created", "customer_id", one["id"]) for one in customers]
    again += [("user.deleted", "user_id", users[0]), ("user.created", "user_id", users[0])]
    random.shuffle(again)
    for name, field, thing_id in again:
        told = {"id": "evt_again", "type": name, "tenant": api.tenant, "requestId": "r", "data": {field: thing_id}}
        entry: Any = {
            "EventBusName": stack.outputs["EventBusName"],
            "Source": "hub.identity" if "user" in name else "hub.crm",
            "DetailType": name,
            "Detail": json.dumps(told),
        }
        assert stack.bus.put_events(Entries=[entry])["FailedEntryCount"] == 0
    last = make(api, [{"name": "最后一个"}])
    there += Counter({"CUSTOMER": 1})
    eventually(lambda: counted(stack, api.tenant) == there, "who came after the duplicates", seconds=60, pause=0.5)
    eventually(lambda: stack.waiting(QUEUE) == 0, "every duplicate counted", seconds=60, pause=0.5)
    assert counted(stack, api.tenant) == there

    place = {"pk": {"S": f"T#{api.tenant}#COUNTER"}, "sk": {"S": "TOTALS"}}
    stack.data.put_item(TableName=stack.physical_ids["ActivityTable"], Item={**place, "CUSTOMER": {"N": "999"}})
    assert total(api, "") == 999
    stack.set_polling(FUNCTION, enabled=False)
    try:
        assert api.request("DELETE", f"{CUSTOMERS}/{last[0]['id']}").status_code == 204
        eventually(lambda: stack.waiting(QUEUE) > 0, "an event that waits")
        printed = rebuild(stack, api.tenant)
    finally:
        stack.set_polling(FUNCTION, enabled=True)
    assert "TOTALS CUSTOMER: 999, now 8" in printed
    there -= Counter({"CUSTOMER": 1})
    assert counted(stack, api.tenant) == there, "as the table had it"
    eventually(lambda: stack.waiting(QUEUE) == 0, "the event that waited", seconds=60, pause=0.5)
    assert counted(stack, api.tenant) == there
