"""`/v1/users` in document 3's style, and `/v1/audit-log` in document 1's, request by request."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from functions.identity.api_keys.models import NewApiKey
from hub import events, passwords
from tests.contract import memory
from tests.contract.calling import Answer, Client

USERS, USER = "/v1/users", "/v1/users/{user_id}"
GOOD = "correct horse battery staple"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NEW = {"email": "zhang@example.com", "name": "张三"}


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[memory.Tenant]:
    monkeypatch.setattr(passwords, "_COST", 2**4)
    with memory.data_plane():
        yield memory.bootstrap("acme")


@pytest.fixture
def client(tenant: memory.Tenant) -> Client:
    return Client("functions.identity.users.api", tenant.api_key)


def key_with(tenant: memory.Tenant, *permissions: str) -> str:
    from functions.identity.api_keys import service

    caller = events.Caller(tenant.name, "enterprise", "ak_1", "req_1")
    return service.create(caller, NewApiKey(name="k", permissions=list(permissions)))["key"]


def create(client: Client, **more: Any) -> dict[str, Any]:
    answer = client("POST", USERS, NEW | more)
    assert answer.status == 201, answer.body
    user: dict[str, Any] = answer.body["data"]
    return user


def refused(answer: Answer, status: int, code: int) -> dict[str, str]:
    """Check the shape of a refusal; answers with the message of each field."""
    assert answer.status == status
    assert set(answer.body) == {"code", "message", "errors", "requestId"}
    assert answer.body["code"] == code
    return {error["field"]: error["message"] for error in answer.body["errors"]}


def test_a_user_is_made_shown_changed_and_deleted(client: Client) -> None:
    made = client("POST", USERS, NEW)
    assert made.status == 201
    assert made.body | {"data": None} == {"code": 0, "message": "success", "data": None}
    user = made.body["data"]
    assert TIME.fullmatch(user["createdAt"])
    assert user == NEW | {
        "id": user["id"],
        "role": "member",
        "status": "active",
        "createdAt": user["createdAt"],
        "updatedAt": user["createdAt"],
    }
    assert client("GET", USER, user_id=user["id"]).body["data"] == user

    for method, changes in (("PUT", {"name": "李四", "role": "admin"}), ("PATCH", {"status": "inactive"})):
        changed = client(method, USER, changes, user_id=user["id"])
        assert changed.status == 200
        user |= changes | {"updatedAt": changed.body["data"]["updatedAt"]}
        assert changed.body["data"] == user

    deleted = client("DELETE", USER, user_id=user["id"])
    assert (deleted.status, deleted.body) == (204, None)
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        refused(client(method, USER, body, user_id=user["id"]), 404, 40401)


def test_the_documents_words_for_what_is_wrong(client: Client) -> None:
    answer = client("POST", USERS, {"email": "not-an-email", "name": ""})
    assert refused(answer, 400, 40001)["email"] == "邮箱格式不正确"
    assert answer.body["message"] == "参数验证失败"
    assert refused(client("POST", USERS, {"name": "x"}), 400, 40001) == {"email": "邮箱不能为空"}
    create(client)
    answer = client("POST", USERS, NEW | {"email": "ZHANG@example.com"})
    assert refused(answer, 409, 40901) == {"email": "邮箱已存在"}
    assert answer.body["message"] == "数据已存在"
    english = client("POST", USERS, NEW, accept_language="en-US")
    assert refused(english, 409, 40901) == {"email": "email is taken already"}


@pytest.mark.parametrize(
    ("more", "field", "code"),
    [
        ({"email": "a@b@c.example"}, "email", 40001),
        ({"email": "张三@example.com"}, "email", 40001),
        ({"email": f"{'x' * 65}@example.com"}, "email", 40001),
        ({"email": "a@-example.com"}, "email", 40001),
        ({"email": "a b@example.com"}, "email", 40001),
        ({"email": "a@example.com\n"}, "email", 40001),
        ({"email": 5}, "email", 40002),
        ({"name": "   "}, "name", 40001),
        ({"name": "x" * 101}, "name", 40001),
        ({"role": "owner"}, "role", 40001),
        ({"status": "deleted"}, "status", 40001),
        ({"password": "short"}, "password", 40001),
        ({"password": "password1"}, "password", 40001),
        ({"password": "x" * 257}, "password", 40001),
        ({"id": "user_1"}, "id", 40001),
    ],
)
def test_a_wrong_field_is_named(client: Client, more: dict[str, Any], field: str, code: int) -> None:
    user = create(client)
    assert list(refused(client("POST", USERS, NEW | {"email": "b@example.com"} | more), 400, code)) == [field]
    for method in ("PUT", "PATCH"):
        assert list(refused(client(method, USER, more, user_id=user["id"]), 400, code)) == [field]
    assert client("GET", USER, user_id=user["id"]).body["data"] == user


def test_a_change_takes_nothing_away(client: Client) -> None:
    user = create(client)
    assert list(refused(client("PATCH", USER, {}, user_id=user["id"]), 400, 40001)) == ["body"]
    for field in ("email", "name", "role", "status", "password"):
        assert client("PATCH", USER, {field: None}, user_id=user["id"]).status == 400


def test_the_last_administrator_and_ones_own_user_stay(client: Client) -> None:
    (admin,) = client("GET", USERS, query={"role": "admin"}).body["data"]["items"]
    for answer in (
        client("PATCH", USER, {"role": "member"}, user_id=admin["id"]),
        client("PATCH", USER, {"status": "inactive"}, user_id=admin["id"]),
        client("DELETE", USER, user_id=admin["id"]),
    ):
        assert refused(answer, 422, 42201) == {}
        assert answer.body["message"] == "至少需要一名启用的管理员"


def test_a_password_is_shown_nowhere(client: Client) -> None:
    made = client("POST", USERS, NEW | {"password": GOOD})
    user_id = made.body["data"]["id"]
    changed = client("PATCH", USER, {"password": f"{GOOD}!"}, user_id=user_id)
    for answer in (made, changed, client("GET", USER, user_id=user_id), client("GET", USERS)):
        assert "password" not in str(answer.body)
        assert GOOD not in str(answer.body)
    refused(client("GET", USERS, query={"password[like]": "scrypt"}), 400, 40001)
    refused(client("GET", USERS, query={"fields": "password"}), 400, 40001)


def test_sent_again_with_its_key_it_is_made_once(client: Client) -> None:
    first, again = (client("POST", USERS, NEW, idempotency_key="one") for _ in range(2))
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert again.headers["Idempotency-Replayed"] == "true"


def test_users_are_administered_by_administrators_only(client: Client, tenant: memory.Tenant) -> None:
    user = create(client)
    other = Client(client.module, key_with(tenant, "read", "write"))
    for answer in (
        other("POST", USERS, NEW),
        other("GET", USERS),
        other("GET", USER, user_id=user["id"]),
        other("PUT", USER, {"name": "x"}, user_id=user["id"]),
        other("PATCH", USER, {"name": "x"}, user_id=user["id"]),
        other("DELETE", USER, user_id=user["id"]),
    ):
        refused(answer, 403, 40301)
        assert answer.body["message"] == "无操作权限"


class TestList:
    @pytest.fixture
    def client(self, client: Client) -> Client:
        for number in range(1, 8):
            create(client, email=f"{number}@example.com", name=f"员工{number}", role="member")
        create(client, email="li@example.com", name="李四", status="inactive")
        return client

    @staticmethod
    def names(client: Client, **query: str) -> list[str]:
        answer = client("GET", USERS, query=query)
        assert answer.status == 200, answer.body
        return [item["name"] for item in answer.body["data"]["items"]]

    def test_pages(self, client: Client) -> None:
        answer = client("GET", USERS, query={"page": "2", "pageSize": "4"})
        assert answer.body["data"]["pagination"] == {"page": 2, "pageSize": 4, "total": 9, "totalPages": 3}
        assert [item["name"] for item in answer.body["data"]["items"]] == ["员工4", "员工3", "员工2", "员工1"]
        refused(client("GET", USERS, query={"pageSize": "101"}), 400, 40001)

    def test_filters(self, client: Client) -> None:
        assert self.names(client, status="inactive") == ["李四"]
        assert self.names(client, **{"status[ne]": "active"}) == ["李四"]
        assert self.names(client, **{"name[in]": "员工1,李四"}) == ["李四", "员工1"]
        assert self.names(client, **{"name[like]": "员工", "sort": "name", "order": "asc"})[:2] == ["员工1", "员工2"]
        assert self.names(client, **{"createdAt[gt]": "2124-01-01"}) == []
        assert len(self.names(client, **{"createdAt[gte]": "2024-01-01", "role": "member"})) == 8
        assert self.names(client, search="LI@") == ["李四"]
        refused(client("GET", USERS, query={"phone": "1"}), 400, 40001)

    def test_fields(self, client: Client) -> None:
        answer = client("GET", USERS, query={"fields": "id,name", "status": "inactive"})
        (item,) = answer.body["data"]["items"]
        assert set(item) == {"id", "name"}

    def test_cursors(self, client: Client) -> None:
        cursor: str | None = ""
        found: list[str] = []
        while cursor is not None:
            answer = client("GET", USERS, query={"limit": "4", "cursor": cursor, "sort": "email", "order": "asc"})
            assert set(answer.body["data"]) == {"items"}
            assert answer.body["cursor"]["hasMore"] == (answer.body["cursor"]["next"] is not None)
            found += [item["email"] for item in answer.body["data"]["items"]]
            cursor = answer.body["cursor"]["next"]
        assert found == sorted(found)
        assert len(found) == 9


def test_the_audit_log_shows_who_did_what(client: Client, tenant: memory.Tenant) -> None:
    user = create(client)
    memory.published()
    log = Client("functions.identity.audit.api", tenant.api_key)
    answer = log("GET", "/v1/audit-log", query={"limit": "1"}, x_request_id="req_9")
    assert answer.status == 200
    assert answer.body["pagination"]["has_more"] is True
    (record,) = answer.body["data"]
    assert record | {"id": "", "created_at": "", "actor": "", "request_id": ""} == {
        "id": "",
        "created_at": "",
        "actor": "",
        "action": "user.created",
        "target": user["id"],
        "request_id": "",
        "changes": {"email": "zhang@example.com", "name": "张三", "role": "member", "status": "active"},
    }
    more = log("GET", "/v1/audit-log", query={"cursor": answer.body["pagination"]["next_cursor"]})
    assert {record["action"] for record in more.body["data"]} == {"api_key.created", "user.created"}
    # A record stands under the id of the key that acted.
    own = log("GET", "/v1/audit-log", query={"actor": record["actor"]})
    assert [one["id"] for one in own.body["data"]] == [record["id"]]


def test_the_audit_log_is_for_administrators_and_refuses_what_it_does_not_know(tenant: memory.Tenant) -> None:
    log = Client("functions.identity.audit.api", key_with(tenant, "read", "write"))
    assert log("GET", "/v1/audit-log").body["error"]["code"] == "FORBIDDEN"
    log = Client("functions.identity.audit.api", tenant.api_key)
    for parameter, value in (("page", "1"), ("from", "yesterday"), ("to", "2024-01-01T00:00:00"), ("limit", "101")):
        answer = log("GET", "/v1/audit-log", query={parameter: value})
        assert answer.status == 400
        assert answer.body["error"]["details"]["field"] == parameter
