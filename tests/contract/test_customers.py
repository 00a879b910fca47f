"""`/v1/customers` as document 3 has it: its examples, headers, lists, errors; versions, names, batches, events."""

import json
import re
from typing import Any

import pytest

from hub import auth
from tests.conftest import Clock, Deployment
from tests.contract import memory
from tests.contract.customers import (
    BATCH,
    CUSTOMERS,
    ENGLISH,
    EXAMPLE,
    INVALID,
    TAKEN,
    WRONG_TYPE,
    at,
    batch,
    listed,
    make,
    refused,
    shown,
)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_the_documents_curl(deployment: Deployment) -> None:
    sent = """{
"name": "示例科技有限公司",
"industry": "互联网",
"contact": {
"name": "张经理",
"phone": "13800138000"
}
}"""
    answer = deployment.call("POST", CUSTOMERS, sent, headers={"X-Request-ID": "req_abc123"})
    assert (answer.status, list(answer.json)) == (201, ["code", "message", "data"])
    assert (answer.json["code"], answer.json["message"], answer.headers["ETag"]) == (0, "success", '"1"')
    assert answer.headers["X-Request-ID"] == "req_abc123"
    customer = answer.json["data"]
    assert customer["id"].startswith("cust_")
    assert TIME.fullmatch(customer["createdAt"])
    assert customer == {
        "id": customer["id"],
        "name": "示例科技有限公司",
        "industry": "互联网",
        "contact": {"name": "张经理", "phone": "13800138000", "email": None},
        "status": "active",
        "amount": None,
        "tags": [],
        "customFields": {},
        "createdAt": customer["createdAt"],
        "updatedAt": customer["createdAt"],
        "version": 1,
    }
    again = deployment.call("GET", at(customer))
    assert (again.status, again.headers["ETag"], again.json) == (200, '"1"', answer.json | {"data": customer})


def test_the_documents_customer_of_the_sdk(deployment: Deployment) -> None:
    answer = deployment.call("POST", CUSTOMERS, {"name": "新客户", "industry": "互联网"})
    assert answer.status == 201
    assert (answer.json["data"]["contact"], answer.json["data"]["status"]) == (None, "active")


def test_everything_that_a_customer_has_comes_back_as_it_was_sent(deployment: Deployment) -> None:
    sent = {
        "name": "Müller & Söhne 🏭",
        "industry": "金融",
        "contact": {"name": "李四", "phone": "+86 (138) 0013-8000", "email": "li@example.com"},
        "status": "prospect",
        "amount": 10000.5,
        "tags": ["vip", "华东"],
        "customFields": {
            "等级": "A",
            "人数": 50,
            "折扣": 0.15,
            "签约": True,
            "备注": None,
            "空": "",
            "2": -3,
            "1": 1e15,
        },
    }
    customer = make(deployment, **sent)
    assert {name: customer[name] for name in sent} == sent
    assert json.dumps(shown(deployment, customer), sort_keys=True) == json.dumps(customer, sort_keys=True)
    whole = make(deployment, name="整数", amount=5.0, customFields={"n": 3.0, "zero": -0.0})
    assert json.dumps([whole["amount"], whole["customFields"]]) == '[5, {"n": 3, "zero": 0}]'


@pytest.mark.parametrize("phone", ["13800138000", "010-12345678", "+8613800138000", "(021) 6888-8888", "95588"])
def test_phone_numbers_of_many_a_form(deployment: Deployment, phone: str) -> None:
    customer = make(deployment, contact={"name": "张经理", "phone": f" {phone} "})
    assert customer["contact"]["phone"] == phone


def test_put_and_patch_change_the_fields_sent(deployment: Deployment, clock: Clock) -> None:
    customer = make(deployment, amount=1, tags=["a"], customFields={"等级": "A", "人数": 5})
    contact = {"name": "李四", "phone": "95588", "email": "li@example.com"}
    changes: list[tuple[str, dict[str, Any]]] = [
        ("PUT", {"status": "inactive", "amount": 2.5}),
        ("PATCH", {"name": "改名公司", "contact": contact}),
        ("PATCH", {"contact": {"name": "王五", "phone": "95588"}}),
        ("PUT", {"customFields": {"等级": "B"}, "tags": []}),
        ("PATCH", {"industry": None, "contact": None, "amount": None}),
    ]
    for version, (method, change) in enumerate(changes, 2):
        clock.advance(1)
        answer = deployment.call(method, at(customer), change)
        assert (answer.status, answer.headers["ETag"]) == (200, f'"{version}"'), answer.text
        wanted = customer | change | {"version": version, "updatedAt": answer.json["data"]["updatedAt"]}
        if change.get("contact"):
            wanted["contact"] = {"email": None} | change["contact"]
        assert answer.json["data"] == wanted == shown(deployment, customer)
        assert wanted["updatedAt"] > customer["updatedAt"]
        customer = wanted


def test_a_change_to_what_is_there_already_makes_no_version(deployment: Deployment) -> None:
    customer = make(deployment)
    answer = deployment.call("PATCH", at(customer), EXAMPLE | {"status": "active"})
    assert (answer.status, answer.headers["ETag"], answer.json["data"]) == (200, '"1"', customer)
    told = [event["detail-type"] for event in memory.published()]
    assert [name for name in told if name.startswith("customer.")] == ["customer.created"]


def test_a_version_is_changed_once(deployment: Deployment) -> None:
    customer = make(deployment)
    seen = {"If-Match": '"1"'}
    for method in ("PUT", "PATCH"):
        assert deployment.call(method, at(customer), {"name": method}, headers={"If-Match": "*"}).status == 200
        refused(
            deployment.call(method, at(customer), {"name": "x"}, headers=seen),
            412,
            40901,
            "资源已被修改,请重新获取后再试",
        )
    assert deployment.call("GET", at(customer), headers={"If-None-Match": '"3"'}).status == 304
    assert deployment.call("PATCH", at(customer), {"name": "x"}, headers={"If-Match": '"2", "3"'}).status == 200


def test_a_deleted_customer_is_gone(deployment: Deployment) -> None:
    customer = make(deployment)
    answer = deployment.call("DELETE", at(customer))
    assert (answer.status, answer.text) == (204, "")
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert refused(deployment.call(method, at(customer), body), 404, 40401, "资源不存在") == {}
    assert listed(deployment) == []


class TestNames:
    def test_no_two_customers_have_the_same(self, deployment: Deployment) -> None:
        make(deployment)
        for name in (EXAMPLE["name"], f" {EXAMPLE['name']}\u3000"):
            answer = deployment.call("POST", CUSTOMERS, EXAMPLE | {"name": name})
            assert refused(answer, 409, 40901, TAKEN) == {"name": "名称已存在"}
        english = deployment.call("POST", CUSTOMERS, EXAMPLE, headers=ENGLISH)
        assert refused(english, 409, 40901, "The data exists already") == {"name": "name is taken already"}
        assert listed(deployment) == [EXAMPLE["name"]]

    def test_another_case_is_another_name(self, deployment: Deployment) -> None:
        for name in ("Acme", "ACME", "A#cme", "A%23cme"):
            assert make(deployment, name=name)["name"] == name

    def test_a_deleted_customers_is_free(self, deployment: Deployment) -> None:
        first = make(deployment)
        deployment.call("DELETE", at(first))
        assert make(deployment)["id"] != first["id"]

    def test_one_that_was_changed_is_free_and_the_new_one_taken(self, deployment: Deployment) -> None:
        first, second = make(deployment, name="甲"), make(deployment, name="乙")
        taken = deployment.call("PATCH", at(first), {"name": "乙", "status": "inactive"})
        assert refused(taken, 409, 40901, TAKEN) == {"name": "名称已存在"}
        assert shown(deployment, first) == first
        assert deployment.call("PATCH", at(first), {"name": "丙"}).status == 200
        assert deployment.call("PATCH", at(second), {"name": "甲"}).status == 200
        refused(deployment.call("POST", CUSTOMERS, {"name": "丙"}), 409, 40901, TAKEN)
        assert make(deployment, name="乙")["version"] == 1

    def test_each_tenant_has_its_own(self, deployment: Deployment, other_tenant: Deployment) -> None:
        mine, theirs = make(deployment), make(other_tenant)
        for method, body in (("GET", None), ("PUT", {"name": "x"}), ("PATCH", {"name": "x"}), ("DELETE", None)):
            refused(other_tenant.call(method, at(mine), body), 404, 40401, "资源不存在")
        assert shown(deployment, mine) == mine
        assert [item["id"] for item in other_tenant.call("GET", CUSTOMERS).json["data"]["items"]] == [theirs["id"]]


class TestList:
    @pytest.fixture
    def api(self, deployment: Deployment, clock: Clock) -> Deployment:
        """Document 3's customers: two of technology, one of finance, each a day after the one before."""
        for name, more in (
            ("客户A", {"status": "inactive", "amount": 20000}),
            ("示例科技", {"amount": 10000, "tags": ["vip"]}),
            ("未来科技", {"industry": "金融", "amount": 500.5, "contact": {"name": "李四", "phone": "95588"}}),
            ("客户B", {"industry": "制造", "status": "prospect", "contact": None}),
        ):
            make(deployment, name=name, **more)
            clock.advance(86_400)
        return deployment

    def test_the_documents_answer(self, api: Deployment) -> None:
        answer = api.call("GET", f"{CUSTOMERS}?page=1&pageSize=20&fields=id,name&order=asc")
        assert list(answer.json) == ["code", "message", "data"]
        assert list(answer.json["data"]) == ["items", "pagination"]
        assert [list(item) for item in answer.json["data"]["items"]] == [["id", "name"]] * 4
        assert answer.json["data"]["pagination"] == {"page": 1, "pageSize": 20, "total": 4, "totalPages": 1}

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            # "查询参数"
            ("page=1", ["客户B", "未来科技", "示例科技", "客户A"]),
            ("pageSize=50", ["客户B", "未来科技", "示例科技", "客户A"]),
            ("sort=createdAt", ["客户B", "未来科技", "示例科技", "客户A"]),
            ("order=asc", ["客户A", "示例科技", "未来科技", "客户B"]),
            ("order=desc", ["客户B", "未来科技", "示例科技", "客户A"]),
            ("fields=id,name,status", ["客户B", "未来科技", "示例科技", "客户A"]),
            ("search=科技", ["未来科技", "示例科技"]),
            # "过滤参数"
            ("status=active", ["未来科技", "示例科技"]),
            ("status[ne]=inactive", ["客户B", "未来科技", "示例科技"]),
            ("createdAt[gt]=2024-01-01", ["客户B", "未来科技", "示例科技", "客户A"]),
            ("amount[lte]=10000", ["未来科技", "示例科技"]),
            ("industry[in]=互联网,金融", ["未来科技", "示例科技", "客户A"]),
            ("name[like]=科技", ["未来科技", "示例科技"]),
            # "SDK"
            ("page=1&pageSize=20&status=active", ["未来科技", "示例科技"]),
            # Combined.
            ("sort=amount&order=asc", ["未来科技", "示例科技", "客户A", "客户B"]),
            ("sort=amount", ["客户A", "示例科技", "未来科技", "客户B"]),
            ("sort=name&order=asc", ["客户A", "客户B", "未来科技", "示例科技"]),
            ("industry[in]=互联网,金融&status=active&sort=amount&order=asc&search=科技", ["未来科技", "示例科技"]),
            ("contact.phone=95588", ["未来科技"]),
            ("contact.name[like]=张", ["示例科技", "客户A"]),
            ("search=95588", ["未来科技"]),
            ("search=vip", ["示例科技"]),
            ("tags=vip", ["示例科技"]),
            ("createdAt[gte]=2026-11-22&createdAt[lt]=2026-11-23", ["未来科技"]),
            ("name=客户A", ["客户A"]),
            ("name=客户", []),
        ],
    )
    def test_the_documents_queries(self, api: Deployment, query: str, names: list[str]) -> None:
        assert listed(api, query) == names
        if "page" not in query:
            assert listed(api, f"{query}&limit=20") == names

    def test_fields(self, api: Deployment) -> None:
        answer = api.call("GET", f"{CUSTOMERS}?fields=id,name,status&status=inactive")
        (item,) = answer.json["data"]["items"]
        assert item == {"id": item["id"], "name": "客户A", "status": "inactive"}
        (item,) = api.call("GET", f"{CUSTOMERS}?fields=contact.phone&name=客户A").json["data"]["items"]
        assert item == {"contact": {"phone": "13800138000"}}

    def test_offset_paging(self, api: Deployment) -> None:
        answer = api.call("GET", f"{CUSTOMERS}?page=2&pageSize=3")
        assert [item["name"] for item in answer.json["data"]["items"]] == ["客户A"]
        assert answer.json["data"]["pagination"] == {"page": 2, "pageSize": 3, "total": 4, "totalPages": 2}
        empty = api.call("GET", f"{CUSTOMERS}?page=2&pageSize=20").json["data"]
        assert empty == {"items": [], "pagination": {"page": 2, "pageSize": 20, "total": 4, "totalPages": 1}}

    def test_cursor_paging(self, api: Deployment) -> None:
        names: list[str] = []
        query = "limit=3"
        while query:
            answer = api.call("GET", f"{CUSTOMERS}?{query}")
            assert list(answer.json) == ["code", "message", "data", "cursor"]
            assert list(answer.json["data"]) == ["items"]
            assert set(answer.json["cursor"]) == {"next", "hasMore"}
            names += [item["name"] for item in answer.json["data"]["items"]]
            following = answer.json["cursor"]["next"]
            assert answer.json["cursor"]["hasMore"] == (following is not None)
            query = f"limit=3&cursor={following}" if following else ""
        assert names == ["客户B", "未来科技", "示例科技", "客户A"]

    @pytest.mark.parametrize(
        ("query", "code", "errors"),
        [
            ("page=0", 40001, {"page": "页码不能小于 1"}),
            ("pageSize=101", 40001, {"pageSize": "每页数量不能大于 100"}),
            ("page=x", 40002, {"page": "页码必须是整数"}),
            ("limit=20&page=1", 40001, {"page": "页码不能与 limit 同时使用"}),
            ("cursor=eyJpZCI6MTAwfQ==", 40001, {"cursor": "游标格式不正确"}),
            ("amount[lte]=much", 40002, {"amount[lte]": "amount[lte]必须是数字"}),
            ("createdAt[gt]=soon", 40002, {"createdAt[gt]": "createdAt[gt]必须是 ISO 8601 时间"}),
            ("phone=1&status[is]=a", 40001, {"phone": "手机号未知字段", "status[is]": "status[is]未知操作符: is"}),
            ("customFields.等级=A", 40001, {"customFields.等级": "customFields.等级未知字段"}),
            ("order=up", 40001, {"order": "order必须是以下之一: 'asc' or 'desc'"}),
        ],
    )
    def test_what_a_list_refuses(self, deployment: Deployment, query: str, code: int, errors: dict[str, str]) -> None:
        answer = deployment.call("GET", f"{CUSTOMERS}?{query}")
        assert refused(answer, 400, code, INVALID if code == 40001 else WRONG_TYPE) == errors


class TestErrors:
    """Document 3's tables of errors, as far as they can come of a customer."""

    def test_the_documents_error(self, deployment: Deployment) -> None:
        body = EXAMPLE | {"contact": {"name": "张经理", "phone": "", "email": "zhang"}}
        answer = deployment.call("POST", CUSTOMERS, body, headers={"X-Request-ID": "req_abc123"})
        assert answer.json == {
            "code": 40001,
            "message": "参数验证失败",
            "errors": [
                {"field": "contact.phone", "message": "手机号不能为空"},
                {"field": "contact.email", "message": "邮箱格式不正确"},
            ],
            "requestId": "req_abc123",
        }

    def test_in_english(self, deployment: Deployment) -> None:
        body = EXAMPLE | {"contact": {"name": "张经理", "phone": "x", "email": "zhang"}, "name": ""}
        answer = deployment.call("POST", CUSTOMERS, body, headers=ENGLISH)
        assert answer.headers["Content-Language"] == "en-US"
        assert refused(answer, 400, 40001, "Validation failed") == {
            "name": "name is required",
            "contact.phone": "contact.phone is malformed",
            "contact.email": "contact.email is malformed",
        }

    def test_types(self, deployment: Deployment) -> None:
        answer = deployment.call("POST", CUSTOMERS, {"name": 5, "amount": "1"})
        assert refused(answer, 400, 40002, WRONG_TYPE) == {"name": "名称必须是字符串", "amount": "金额必须是数字"}

    def test_credentials(self, deployment: Deployment, clock: Clock) -> None:
        expiring = deployment.new_key("read", expires_at="2026-11-20T14:00:00Z")["key"]
        clock.advance(7200)
        for key, code, message in (
            (None, 40101, "Token 无效"),
            ("sk_live_none", 40101, "Token 无效"),
            (expiring, 40102, "Token 已过期"),
        ):
            assert refused(deployment.call("GET", CUSTOMERS, key=key), 401, code, message) == {}

    def test_permissions(self, deployment: Deployment) -> None:
        customer = make(deployment)
        reads = [("GET", CUSTOMERS, None), ("GET", at(customer), None)]
        changes = [
            ("POST", BATCH, {"customers": [{"name": "批"}]}),
            ("PATCH", at(customer), {"name": "x"}),
            ("PUT", at(customer), {"name": "y"}),
            ("DELETE", at(customer), None),
            ("POST", CUSTOMERS, {"name": "新"}),
        ]
        reader, writer, stranger = (
            deployment.new_key(name)["key"] for name in ("customers:read", "customers:write", "orders:write")
        )
        for key, allowed in ((reader, reads), (stranger, []), (writer, changes)):
            for one in reads + changes:
                answer = deployment.call(*one, key=key)
                if one in allowed:
                    assert answer.status < 300
                else:
                    assert refused(answer, 403, 40301, "无操作权限") == {}

    def test_rules_and_media_types(self, deployment: Deployment) -> None:
        key = {"Idempotency-Key": "one"}
        first, again = (deployment.call("POST", CUSTOMERS, EXAMPLE, headers=key) for _ in range(2))
        assert (first.json, again.headers["Idempotency-Replayed"]) == (again.json, "true")
        other = deployment.call("POST", CUSTOMERS, {"name": "x"}, headers=key)
        assert refused(other, 422, 42201, "该 Idempotency-Key 已用于不同的请求") == {}
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert deployment.call("POST", CUSTOMERS, "name=x", headers=form).status == 415

    def test_rates(self, deployment: Deployment, clock: Clock) -> None:
        """Standard requests 1000 a minute, batches 100."""
        answer = deployment.call("GET", CUSTOMERS)
        assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]) == ("1000", "999")
        for left in reversed(range(auth.BUCKET_LIMITS["batch"])):
            answer = deployment.call("POST", BATCH, {})
            assert (answer.status, answer.headers["X-RateLimit-Limit"]) == (400, "100")
            assert answer.headers["X-RateLimit-Remaining"] == str(left)
        answer = deployment.call("POST", BATCH, {})
        reset = int(answer.headers["X-RateLimit-Reset"])
        assert (answer.status, answer.headers["Retry-After"]) == (429, str(reset - int(clock.seconds)))
        assert answer.json == {
            "code": 42901,
            "message": "请求过于频繁,请稍后重试",
            "errors": [],
            "requestId": answer.headers["X-Request-ID"],
            "retryAfter": reset - int(clock.seconds),
        }
        assert deployment.call("GET", CUSTOMERS).status == 200


class TestBatch:
    def test_what_is_good_is_made_and_the_rest_told(self, deployment: Deployment) -> None:
        make(deployment, name="老客户")
        rows: list[Any] = [
            EXAMPLE,
            {"name": "客户B", "contact": {"name": "李", "phone": "", "email": "li"}},
            {"name": "老客户"},
            {"name": f" {EXAMPLE['name']}"},
            5,
            {"name": "客户C", "amount": 5},
        ]
        answer = deployment.call("POST", BATCH, {"customers": rows})
        assert (answer.status, answer.json["code"], answer.json["message"]) == (200, 0, "success")
        told = answer.json["data"]
        assert (told["succeeded"], told["failed"], [row["index"] for row in told["items"]]) == (2, 4, list(range(6)))
        first, invalid, taken, repeated, wrong, last = told["items"]
        assert set(first) == set(last) == {"index", "status", "id"}
        assert first["status"] == last["status"] == 201
        assert invalid == {
            "index": 1,
            "status": 400,
            "code": 40001,
            "message": "参数验证失败",
            "errors": [
                {"field": "contact.phone", "message": "手机号不能为空"},
                {"field": "contact.email", "message": "邮箱格式不正确"},
            ],
        }
        errors = [{"field": "name", "message": "名称已存在"}]
        conflict = {"index": 2, "status": 409, "code": 40901, "message": "数据已存在", "errors": errors}
        assert (taken, repeated) == (conflict, conflict | {"index": 3})
        assert (wrong["status"], wrong["code"]) == (400, 40002)
        assert wrong["errors"] == [{"field": "body", "message": "请求体必须是对象"}]
        assert listed(deployment, "sort=name&order=asc") == ["客户C", "示例科技有限公司", "老客户"]
        assert shown(deployment, last)["amount"] == 5

    def test_in_english(self, deployment: Deployment) -> None:
        answer = deployment.call("POST", BATCH, {"customers": [{}]}, headers=ENGLISH)
        (row,) = answer.json["data"]["items"]
        assert (row["message"], row["errors"]) == (
            "Validation failed",
            [{"field": "name", "message": "name is required"}],
        )

    def test_a_hundred_at_once(self, deployment: Deployment) -> None:
        told = batch(deployment, *({"name": f"客户 {number}"} for number in range(100)))
        assert (told["succeeded"], told["failed"]) == (100, 0)
        assert len({row["id"] for row in told["items"]}) == 100
        assert len(listed(deployment, "limit=100")) == 100
        again = batch(deployment, *({"name": f"客户 {number}"} for number in range(99, 0, -1)), {"name": "新"})
        assert (again["succeeded"], again["failed"]) == (1, 99)
        assert len([one for one in memory.published() if one["detail-type"] == "customer.created"]) == 101

    def test_sent_again_with_its_key_it_is_made_once(self, deployment: Deployment) -> None:
        rows = {"customers": [{"name": "a"}, {"name": ""}]}
        first, again = (deployment.call("POST", BATCH, rows, headers={"Idempotency-Key": "one"}) for _ in range(2))
        assert (first.json, again.headers["Idempotency-Replayed"]) == (again.json, "true")

    def test_what_is_wrong_in_thousands_of_places_has_room_in_the_kept_answer(self, deployment: Deployment) -> None:
        fields = {str(number) + "🏭" * 60: 1 for number in range(20)}
        body = {"customers": [fields] * 100}
        answer = deployment.call("POST", BATCH, body, headers={"Idempotency-Key": "one"})
        assert answer.status == 200
        assert [len(row["errors"]) for row in answer.json["data"]["items"]] == [5] * 100
        assert deployment.call("POST", BATCH, body, headers={"Idempotency-Key": "one"}).json == answer.json


def test_every_change_is_told(deployment: Deployment) -> None:
    customer = make(deployment, customFields={"等级": "A"}, tags=["vip"])
    deployment.call(
        "PATCH", at(customer), {"tags": [], "customFields": {}, "name": "新名"}, headers={"X-Request-ID": "r"}
    )
    deployment.call("DELETE", at(customer))
    told = [one for one in memory.published() if one["source"] == "hub.crm"]
    assert [one["detail-type"] for one in told] == ["customer.created", "customer.updated", "customer.deleted"]
    created, updated, deleted = (one["detail"]["data"] for one in told)
    assert created == {
        "customer_id": customer["id"],
        "name": customer["name"],
        "industry": "互联网",
        "contact": {"name": "张经理", "phone": "13800138000", "email": None},
        "status": "active",
        "amount": None,
        "tags": ["vip"],
        "custom_fields": {"等级": "A"},
        "created_at": customer["createdAt"],
        "updated_at": customer["updatedAt"],
        "version": 1,
    }
    now = {"name": "新名", "tags": [], "custom_fields": {}, "version": 2, "updated_at": updated["updated_at"]}
    assert updated == created | now | {"changes": ["custom_fields", "name", "tags"]}
    assert told[1]["detail"]["requestId"] == "r"
    assert deleted == created | now
