"""Document 1 section 1: every example of API keys, and what stands between its lines."""

import re
from typing import Any

import pytest

from functions.identity.api_keys import store
from hub import auth
from tests.conftest import Answer, Clock, Deployment, new_tenant
from tests.contract import memory

# Section 1.1's request, its time moved on: the document's lies in the past.
EXAMPLE = {
    "name": "我的API密钥",
    "description": "用于第三方应用集成",
    "permissions": ["read", "write"],
    "expires_at": "2099-12-31T23:59:59Z",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DOCUMENTED = {"id", "name", "prefix", "permissions", "created_at", "expires_at", "last_used_at", "usage_count"}

ISSUER = "https://api.example.com"


def create(deployment: Deployment, **changes: Any) -> dict[str, Any]:
    answer = deployment.call("POST", "/v1/api-keys", EXAMPLE | changes)
    assert answer.status == 201, answer.text
    return dict(answer.json)


def test_1_1_create(deployment: Deployment) -> None:
    made = create(deployment)
    assert made.keys() == DOCUMENTED | {"key", "description"}
    assert made["id"].startswith("ak_")
    assert made["key"].startswith("sk_live_")
    assert made["prefix"] == made["key"][:12]
    assert {name: made[name] for name in EXAMPLE} == EXAMPLE
    assert TIME.fullmatch(made["created_at"])
    assert (made["last_used_at"], made["usage_count"]) == (None, 0)


def test_1_1_create_with_a_name_alone(deployment: Deployment) -> None:
    made = deployment.call("POST", "/v1/api-keys", {"name": "x"}).json
    assert (made["permissions"], made["expires_at"], made["description"]) == (["read"], None, "")


def test_1_2_list(deployment: Deployment) -> None:
    made = create(deployment)
    listed = deployment.call("GET", "/v1/api-keys?page=1&limit=20").json
    assert listed.keys() == {"data", "pagination"}
    assert listed["pagination"] == {"page": 1, "limit": 20, "total": 2, "total_pages": 1}
    assert listed["data"][0] == {name: value for name, value in made.items() if name != "key"}
    assert [key["name"] for key in listed["data"]] == ["我的API密钥", "first key"]


def test_1_2_list_in_pages_and_by_cursor(deployment: Deployment) -> None:
    ids = [create(deployment)["id"] for _ in range(4)]
    pages = [deployment.call("GET", f"/v1/api-keys?page={page}&limit=2").json for page in (1, 2, 3, 4)]
    assert [len(page["data"]) for page in pages] == [2, 2, 1, 0]
    assert {page["pagination"]["total_pages"] for page in pages} == {3}
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = deployment.call("GET", f"/v1/api-keys?limit=2&cursor={cursor}").json
        seen += [key["id"] for key in page["data"]]
        cursor = page["pagination"]["next_cursor"]
        assert page["pagination"]["has_more"] is (cursor is not None)
    assert seen[:4] == ids[::-1]
    assert len(seen) == len(set(seen)) == 5


def test_1_3_show(deployment: Deployment) -> None:
    made = create(deployment)
    shown = deployment.call("GET", f"/v1/api-keys/{made['id']}")
    assert (shown.status, shown.json) == (200, {name: value for name, value in made.items() if name != "key"})


def test_1_4_change(deployment: Deployment) -> None:
    made = create(deployment)
    path = f"/v1/api-keys/{made['id']}"
    changed = deployment.call("PUT", path, {"name": "新名称", "permissions": ["read"], "expires_at": None})
    assert changed.status == 200
    expected = made | {"name": "新名称", "permissions": ["read"], "expires_at": None}
    del expected["key"]
    assert changed.json == deployment.call("GET", path).json == expected
    assert auth.authenticate(made["key"], ISSUER).permissions == {"read"}, "from the next request on"
    assert deployment.call("PUT", path, {}).json["error"]["details"]["reason"] == "没有可更新的字段"


def test_1_5_delete(deployment: Deployment) -> None:
    made = create(deployment)
    path = f"/v1/api-keys/{made['id']}"
    assert deployment.call("GET", "/v1/webhooks", key=made["key"]).status == 200
    gone = deployment.call("DELETE", path)
    assert (gone.status, gone.text) == (204, "")
    assert deployment.call("GET", "/v1/webhooks", key=made["key"]).status == 401
    assert deployment.call("GET", path).status == deployment.call("DELETE", path).status == 404
    published = [event["detail-type"] for event in memory.published()]
    assert published.count("api_key.deleted") == 1


@pytest.mark.parametrize(("period", "points"), [("day", 24), ("week", 7), ("month", 30)])
def test_1_6_usage(deployment: Deployment, clock: Clock, period: str, points: int) -> None:
    made = create(deployment)
    for _ in range(2):
        deployment.call("GET", "/v1/webhooks", key=made["key"])
    clock.advance(3600)
    deployment.call("GET", "/v1/webhooks", key=made["key"])
    usage = deployment.call("GET", f"/v1/api-keys/{made['id']}/usage?period={period}").json
    assert usage.keys() == {"id", "period", "total", "usage_count", "last_used_at", "series"}
    assert (usage["total"], usage["usage_count"]) == (3, 3)
    assert usage["last_used_at"] == "2026-11-20T14:00:30Z"
    assert len(usage["series"]) == points
    assert [point["time"] for point in usage["series"]] == sorted(point["time"] for point in usage["series"])
    counts = [point["requests"] for point in usage["series"]]
    assert counts[-2:] == ([2, 1] if period == "day" else [0, 3])


def test_rotate_gives_a_new_secret_and_the_old_one_ends(deployment: Deployment, clock: Clock) -> None:
    made = create(deployment)
    deployment.call("GET", "/v1/webhooks", key=made["key"])
    path = f"/v1/api-keys/{made['id']}"
    rotated = deployment.call("POST", f"{path}/rotate", {"overlap_seconds": 600}).json
    assert rotated["key"] != made["key"]
    assert rotated["prefix"] == rotated["key"][:12]
    assert rotated["expires_at"] == made["expires_at"]
    assert rotated["previous_expires_at"] == "2026-11-20T13:10:30Z"
    for key in (made["key"], rotated["key"]):
        assert deployment.call("GET", "/v1/webhooks", key=key).status == 200
    clock.advance(600)
    assert deployment.call("GET", "/v1/webhooks", key=made["key"]).json["code"] == 40102
    assert deployment.call("GET", "/v1/webhooks", key=rotated["key"]).status == 200
    assert deployment.call("GET", path).json["usage_count"] == 4


def test_a_replaced_secret_ends_with_its_key(deployment: Deployment, clock: Clock) -> None:
    made = create(deployment, expires_at=None)
    path = f"/v1/api-keys/{made['id']}"
    deployment.call("POST", f"{path}/rotate", {"overlap_seconds": 86_400})
    deployment.call("PUT", path, {"expires_at": "2026-11-20T13:10:00Z"})
    assert deployment.call("GET", "/v1/webhooks", key=made["key"]).status == 200
    clock.advance(600)
    assert deployment.call("GET", "/v1/webhooks", key=made["key"]).json["code"] == 40102


def test_rotating_again_ends_the_oldest_secret_and_keeps_its_count(deployment: Deployment) -> None:
    made = create(deployment)
    deployment.call("GET", "/v1/webhooks", key=made["key"])
    path = f"/v1/api-keys/{made['id']}"
    second = deployment.call("POST", f"{path}/rotate").json["key"]
    deployment.call("POST", f"{path}/rotate")
    assert deployment.call("GET", "/v1/webhooks", key=made["key"]).status == 401
    assert deployment.call("GET", "/v1/webhooks", key=second).status == 200
    assert deployment.call("GET", path).json["usage_count"] == 2


def test_rotating_does_not_lengthen_a_life(deployment: Deployment, clock: Clock) -> None:
    made = create(deployment, expires_at="2026-11-20T13:01:00Z")
    rotated = deployment.call("POST", f"/v1/api-keys/{made['id']}/rotate").json
    assert rotated["previous_expires_at"] == rotated["expires_at"] == "2026-11-20T13:01:00Z"
    clock.advance(30)
    for key in (made["key"], rotated["key"]):
        assert deployment.call("GET", "/v1/webhooks", key=key).json["code"] == 40102


def test_a_change_does_not_lengthen_the_life_of_a_replaced_secret(deployment: Deployment, clock: Clock) -> None:
    made = create(deployment)
    path = f"/v1/api-keys/{made['id']}"
    deployment.call("POST", f"{path}/rotate", {"overlap_seconds": 60})
    assert deployment.call("PUT", path, {"expires_at": None}).status == 200
    clock.advance(60)
    assert deployment.call("GET", "/v1/webhooks", key=made["key"]).status == 401


@pytest.mark.parametrize("first", ["rotate", "delete"])
@pytest.mark.parametrize("second", ["rotate", "change", "delete"])
def test_of_two_at_once_one_is_done(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    made = create(deployment)
    path = f"/v1/api-keys/{made['id']}"
    requests: dict[str, tuple[Any, ...]] = {
        "rotate": ("POST", f"{path}/rotate"),
        "change": ("PUT", path, {"name": "b"}),
        "delete": ("DELETE", path),
    }
    read = store.get
    came: list[Answer] = []

    def overtaken(tenant: str, key_id: str) -> store.StoredKey:
        found = read(tenant, key_id)
        if not came:
            monkeypatch.setattr(store, "get", read)
            came.append(deployment.call(*requests[first]))
        return found

    monkeypatch.setattr(store, "get", overtaken)
    late = deployment.call(*requests[second])
    assert came[0].status in (200, 204)
    assert (late.status, late.json["error"]["code"]) == (409, "CONFLICT")
    if first == "rotate":
        assert deployment.call("DELETE", path).status == 204
        assert deployment.call("GET", "/v1/webhooks", key=came[0].json["key"]).status == 401
    assert deployment.call("GET", "/v1/webhooks", key=made["key"]).status == 401, "no secret outlives its key"


def test_the_secret_is_shown_once(deployment: Deployment) -> None:
    made = create(deployment)
    path = f"/v1/api-keys/{made['id']}"
    texts = [
        deployment.call("GET", "/v1/api-keys").text,
        deployment.call("GET", path).text,
        deployment.call("PUT", path, {"name": "b"}).text,
        deployment.call("GET", f"{path}/usage").text,
        repr(memory.published()),
    ]
    assert not [text for text in texts if made["key"] in text]


def test_a_key_of_a_free_tenant_has_its_tenants_plan(deployment: Deployment) -> None:
    free = new_tenant("free-tenant", plan="free")
    assert auth.authenticate(free.new_key("read")["key"], ISSUER).plan == "free"
    assert auth.authenticate(deployment.new_key("read")["key"], ISSUER).plan == "enterprise"
