"""`/v1/tickets` in document 2's style: the document's examples, then what a team does."""

import re
from typing import Any

import pytest

from hub import ids
from tests.conftest import Deployment, new_tenant
from tests.contract import memory
from tests.contract.tickets import ENGLISH, EXAMPLE, TICKETS, change, comments, listed, make, refused

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_the_documents_creation(deployment: Deployment) -> None:
    answer = deployment.call("POST", TICKETS, EXAMPLE)
    assert (answer.status, set(answer.json), answer.json["code"]) == (201, {"code", "data"}, 200)
    assert answer.headers["ETag"] == '"1"'
    ticket = answer.json["data"]
    assert ids.first("ticket", 0)[:7] == ticket["id"][:7] == "ticket_"
    assert TIME.fullmatch(ticket["created_at"])
    assert ticket == EXAMPLE | {
        "id": ticket["id"],
        "status": "open",
        "assignee_id": None,
        "tags": [],
        "conversation_id": None,
        "created_at": ticket["created_at"],
        "updated_at": ticket["created_at"],
        "resolved_at": None,
        "closed_at": None,
        "comment_count": 0,
        "version": 1,
    }
    shown = deployment.call("GET", f"{TICKETS}/{ticket['id']}")
    assert (shown.status, shown.headers["ETag"], shown.json) == (200, '"1"', {"code": 200, "data": ticket})


def test_the_least_that_makes_a_ticket_is_a_title(deployment: Deployment) -> None:
    answer = deployment.call("POST", TICKETS, {"title": "  a\u0000"})
    ticket = answer.json["data"]
    assert (ticket["title"], ticket["description"], ticket["priority"]) == ("  a\u0000", "", "medium")
    assert (ticket["customer_email"], ticket["assignee_id"], ticket["tags"]) == (None, None, [])


def test_the_documents_list(deployment: Deployment) -> None:
    made = [make(deployment, priority=priority) for priority in ("low", "high", "high")]
    change(deployment, made[1], assignee_id="user_1", status="pending")
    answer = deployment.call("GET", f"{TICKETS}?page=1&limit=20")
    assert set(answer.json) == {"code", "data"}
    data = answer.json["data"]
    assert {name: data[name] for name in ("total", "page", "limit")} == {"total": 3, "page": 1, "limit": 20}
    assert [item["id"] for item in data["items"]] == [ticket["id"] for ticket in reversed(made)]
    for query, number in (
        ("status=open", [2, 0]),
        ("status=pending", [1]),
        ("status=closed", []),
        ("priority=high", [2, 1]),
        ("priority=high&status=open", [2]),
        ("assignee_id=user_1", [1]),
        ("assignee_id=user_1&priority=low", []),
        ("assignee_id=user_1&status=pending&priority=high", [1]),
        ("assignee_id=user_2", []),
    ):
        assert listed(deployment, f"?{query}") == [made[one]["id"] for one in number], query
        assert listed(deployment, f"?{query}&cursor=") == [made[one]["id"] for one in number], query
    data = deployment.call("GET", f"{TICKETS}?cursor=&limit=2").json["data"]
    assert (data["limit"], data["has_more"], len(data["items"])) == (2, True, 2)
    assert listed(deployment, f"?limit=2&cursor={data['next_cursor']}") == [made[0]["id"]]


def test_the_documents_change_resolves_with_a_comment(deployment: Deployment) -> None:
    ticket = make(deployment)
    answer = change(deployment, ticket, status="resolved", comment="问题已解决")
    assert (answer.status, answer.headers["ETag"], answer.json["code"]) == (200, '"2"', 200)
    resolved = answer.json["data"]
    assert TIME.fullmatch(resolved["resolved_at"])
    assert resolved == ticket | {
        "status": "resolved",
        "resolved_at": resolved["resolved_at"],
        "updated_at": resolved["updated_at"],
        "comment_count": 1,
        "version": 2,
    }
    assert deployment.call("GET", f"{TICKETS}/{ticket['id']}").json["data"] == resolved
    (comment,) = comments(deployment, ticket)
    assert TIME.fullmatch(comment["created_at"])
    assert comment == {
        "id": comment["id"],
        "ticket_id": ticket["id"],
        "author_id": deployment.call("GET", "/v1/api-keys").json["data"][0]["id"],
        "text": "问题已解决",
        "internal": False,
        "created_at": comment["created_at"],
    }


@pytest.mark.parametrize(
    ("start", "wanted", "legal"),
    [
        ("resolved", "pending", "open, in_progress, closed"),
        ("closed", "in_progress", "open"),
        ("closed", "pending", "open"),
        ("closed", "resolved", "open"),
    ],
)
def test_an_illegal_move_names_the_legal_ones_and_changes_nothing(
    deployment: Deployment, start: str, wanted: str, legal: str
) -> None:
    ticket = change(deployment, make(deployment), status=start).json["data"]
    answer = change(deployment, ticket, status=wanted, comment="a", title="b")
    found = refused(answer, 422, "业务规则校验失败")
    assert found == {"status": f"不能从 {start} 变更为 {wanted},可变更为: {legal}"}
    answer = change(deployment, ticket, ENGLISH, status=wanted)
    found = refused(answer, 422, "A business rule does not allow this")
    assert found == {"status": f"cannot go from {start} to {wanted}, only to: {legal}"}
    assert deployment.call("GET", f"{TICKETS}/{ticket['id']}").json["data"] == ticket
    assert comments(deployment, ticket) == []


def test_what_is_resolved_or_closed_is_taken_up_again(deployment: Deployment) -> None:
    ticket = make(deployment)
    for status, resolved, closed in (
        ("resolved", True, False),
        ("closed", True, True),
        ("open", False, False),
        ("closed", False, True),
        ("open", False, False),
        ("resolved", True, False),
        ("in_progress", False, False),
    ):
        data = change(deployment, ticket, status=status).json["data"]
        assert data["status"] == status
        assert (data["resolved_at"] is not None, data["closed_at"] is not None) == (resolved, closed), status


def test_the_same_status_again_is_no_move(deployment: Deployment) -> None:
    ticket = change(deployment, make(deployment), status="closed").json["data"]
    answer = change(deployment, ticket, status="closed")
    assert (answer.status, answer.headers["ETag"], answer.json["data"]) == (200, '"2"', ticket)
    data = change(deployment, ticket, status="closed", comment="还有一点").json["data"]
    assert data == ticket | {"comment_count": 1, "version": 3, "updated_at": data["updated_at"]}


def test_every_field_is_changed_and_null_takes_away(deployment: Deployment) -> None:
    ticket = make(deployment)
    wanted: dict[str, Any] = {
        "title": "退款",
        "description": "",
        "priority": "urgent",
        "customer_email": "other@example.com",
        "assignee_id": "user_1",
        "tags": ["vip", "退款"],
    }
    data = change(deployment, ticket, **wanted).json["data"]
    assert data == ticket | wanted | {"version": 2, "updated_at": data["updated_at"]}
    none: dict[str, Any] = {"assignee_id": None, "customer_email": None, "tags": []}
    data = change(deployment, ticket, **none).json["data"]
    assert data == ticket | wanted | none | {"version": 3, "updated_at": data["updated_at"]}
    assert listed(deployment, "?assignee_id=user_1") == []


def test_a_version_that_was_read_is_held_against_the_one_that_stands_there(deployment: Deployment) -> None:
    ticket = make(deployment)
    assert change(deployment, ticket, {"if-match": '"1"'}, priority="high").headers["ETag"] == '"2"'
    for stale in ('"1"', '"3"', 'W/"2"', "2", '"1", "3"', ""):
        answer = change(deployment, ticket, {"if-match": stale}, priority="low", comment="a")
        assert refused(answer, 412, "资源已被修改,请重新获取后再试") == {}
        answer = change(deployment, ticket, ENGLISH | {"if-match": stale}, status="resolved")
        assert refused(answer, 412, "The resource has changed since it was read") == {}
    assert change(deployment, ticket, {"if-match": '"1", "2"'}, priority="low").headers["ETag"] == '"3"'
    assert change(deployment, ticket, {"if-match": "*"}, comment="a").headers["ETag"] == '"4"'
    assert [one["text"] for one in comments(deployment, ticket)] == ["a"]


def test_who_has_a_version_is_sent_it_no_second_time(deployment: Deployment) -> None:
    ticket = make(deployment)
    path = f"{TICKETS}/{ticket['id']}"
    for known in ('"1"', 'W/"1"', '"7", "1"', "*"):
        answer = deployment.call("GET", path, headers={"if-none-match": known})
        assert (answer.status, answer.text, answer.headers["ETag"]) == (304, "", '"1"')
    change(deployment, ticket, comment="a")
    answer = deployment.call("GET", path, headers={"if-none-match": '"1"'})
    assert (answer.status, answer.json["data"]["comment_count"]) == (200, 1)


def start(api: Deployment, **more: Any) -> str:
    """Start a conversation."""
    answer = api.call("POST", "/v1/conversations", {"user_id": "user_123", "channel": "web", **more})
    assert answer.status == 201, answer.text
    return str(answer.json["data"]["id"])


def test_a_ticket_is_made_from_a_conversation(deployment: Deployment) -> None:
    conversation = start(deployment, initial_message="  你好，我想咨询产品\n第二行")
    answer = deployment.call("POST", TICKETS, {"conversation_id": conversation})
    assert answer.status == 201, answer.text
    ticket = answer.json["data"]
    assert (ticket["title"], ticket["description"]) == ("你好，我想咨询产品", "  你好，我想咨询产品\n第二行")
    assert ticket["conversation_id"] == conversation
    own = make(deployment, conversation_id=conversation)
    assert (own["title"], own["description"]) == (EXAMPLE["title"], EXAMPLE["description"])
    answer = deployment.call("POST", TICKETS, {"conversation_id": conversation, "description": "x" * 300})
    assert answer.json["data"]["title"] == "x" * 199 + "…"
    untold = deployment.call("POST", TICKETS, {"conversation_id": conversation, "title": "a", "description": ""})
    assert untold.json["data"]["description"] == ""


def test_a_ticket_from_a_conversation_takes_the_permission_to_read_it(deployment: Deployment) -> None:
    conversation = start(deployment, initial_message="秘密")
    for permissions in (["tickets:write"], ["write"], ["tickets:write", "conversations:write", "tickets:read"]):
        key = deployment.new_key(*permissions)["key"]
        for name in (conversation, ids.new("conv")):
            for body in ({"conversation_id": name}, EXAMPLE | {"conversation_id": name, "description": "a"}):
                assert refused(deployment.call("POST", TICKETS, body, key=key), 403, "权限不足") == {}
                answer = deployment.call("POST", TICKETS, body, key=key, headers=ENGLISH)
                assert refused(answer, 403, "The credential lacks the permission for this") == {}
        assert deployment.call("POST", TICKETS, EXAMPLE | {"conversation_id": None}, key=key).status == 201
    for permissions in (["tickets:write", "conversations:read"], ["tickets:write", "read"], ["admin"]):
        key = deployment.new_key(*permissions)["key"]
        answer = deployment.call("POST", TICKETS, {"conversation_id": conversation}, key=key)
        assert (answer.status, answer.json["data"]["description"]) == (201, "秘密")
    assert len(listed(deployment)) == 6


def test_a_conversation_without_a_word_gives_no_title(deployment: Deployment) -> None:
    conversation = start(deployment)
    path = f"/v1/conversations/{conversation}/messages"
    for message in (
        {"sender": "agent", "text": "您好"},
        {"sender": "customer", "attachments": [{"url": "https://example.com/a.png"}]},
    ):
        assert deployment.call("POST", path, message).status == 201
    answer = deployment.call("POST", TICKETS, {"conversation_id": conversation})
    assert refused(answer, 400, "请求参数错误") == {"title": "不能为空"}
    assert deployment.call("POST", path, {"sender": "customer", "text": "在吗"}).status == 201
    answer = deployment.call("POST", TICKETS, {"conversation_id": conversation})
    assert (answer.json["data"]["title"], answer.json["data"]["description"]) == ("在吗", "在吗")


def test_another_tenants_conversation_does_not_exist(deployment: Deployment, other_tenant: Deployment) -> None:
    conversation = start(deployment, initial_message="秘密")
    for body in ({"conversation_id": conversation}, EXAMPLE | {"conversation_id": conversation}):
        answer = other_tenant.call("POST", TICKETS, body)
        assert refused(answer, 400, "请求参数错误") == {"conversation_id": "不存在"}
    assert listed(other_tenant) == []


def test_comments_are_listed_the_newest_first(deployment: Deployment) -> None:
    ticket = make(deployment)
    path = f"{TICKETS}/{ticket['id']}/comments"
    author = deployment.new_key("tickets:write")
    for number in range(5):
        answer = deployment.call("POST", path, {"text": str(number), "internal": number == 3}, key=author["key"])
        assert (answer.status, answer.json["data"]["author_id"]) == (201, author["id"])
    assert {one["text"] for one in comments(deployment, ticket)} == set("01234")
    assert [one["text"] for one in comments(deployment, ticket) if one["internal"]] == ["3"]
    data = deployment.call("GET", f"{path}?limit=2&page=2").json["data"]
    assert (data["total"], data["page"], data["limit"], len(data["items"])) == (5, 2, 2, 2)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        data = deployment.call("GET", f"{path}?limit=2&cursor={cursor}").json["data"]
        seen += [one["id"] for one in data["items"]]
        cursor = data["next_cursor"]
    assert seen == sorted(seen, reverse=True) == [one["id"] for one in comments(deployment, ticket)]
    shown = deployment.call("GET", f"{TICKETS}/{ticket['id']}").json["data"]
    assert (shown["comment_count"], shown["version"]) == (5, 6)


def test_a_post_sent_twice_is_done_once(deployment: Deployment) -> None:
    key = {"idempotency-key": "once"}
    first, again = (deployment.call("POST", TICKETS, EXAMPLE, headers=key) for _ in range(2))
    assert (first.status, first.json) == (again.status, again.json)
    assert (again.headers["Idempotency-Replayed"], again.headers["ETag"]) == ("true", '"1"')
    assert len(listed(deployment)) == 1
    assert deployment.call("POST", TICKETS, EXAMPLE | {"title": "b"}, headers=key).status == 422
    path = f"{TICKETS}/{first.json['data']['id']}/comments"
    first, again = (deployment.call("POST", path, {"text": "a"}, headers=key) for _ in range(2))
    assert first.json == again.json
    assert deployment.call("GET", path).json["data"]["total"] == 1


def test_events_tell_the_whole_ticket_and_what_changed(deployment: Deployment) -> None:
    ticket = make(deployment)
    change(deployment, ticket, priority="high", status="in_progress")
    change(deployment, ticket, status="resolved", comment="问题已解决")
    change(deployment, ticket, status="resolved")
    deployment.call("POST", f"{TICKETS}/{ticket['id']}/comments", {"text": "谢谢"})
    found = sorted(
        (
            (one["detail"]["data"]["version"], one["detail-type"], one["detail"]["data"])
            for one in memory.published()
            if one["source"] == "hub.support"
        ),
        key=lambda one: one[:2],
    )
    assert [(version, name, data.get("changes"), data.get("previous_status")) for version, name, data in found] == [
        (1, "ticket.created", None, None),
        (2, "ticket.updated", ["status", "priority"], "open"),
        (3, "ticket.resolved", None, None),
        (3, "ticket.updated", ["status", "comment"], "in_progress"),
        (4, "ticket.updated", ["comment"], None),
    ]
    created = {"ticket_id" if name == "id" else name: value for name, value in ticket.items()}
    assert found[0][2] == created
    latest = deployment.call("GET", f"{TICKETS}/{ticket['id']}").json["data"]
    told = {name: value for name, value in found[-1][2].items() if name not in ("changes", "previous_status")}
    assert told == {"ticket_id" if name == "id" else name: value for name, value in latest.items()}


def test_plans_have_the_documents_limits(aws: None) -> None:
    free = new_tenant("free", "free")
    answer = free.call("POST", TICKETS, EXAMPLE)
    assert answer.headers["X-RateLimit-Limit"] == "100"
    answers = [free.call("GET", TICKETS) for _ in range(200)]
    limited = [answer for answer in answers if answer.status == 429]
    assert refused(limited[0], 429, "请求频率超限") == {}
    assert int(limited[0].headers["Retry-After"]) > 0
