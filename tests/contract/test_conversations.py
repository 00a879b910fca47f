"""Document 2 "对话查询": every example, and what stands around it."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from functions.support.conversations.models import MAX_MESSAGE_BYTES, Attachment, weight
from hub import aws, ids
from hub.store import keys, paging, table
from tests.conftest import Clock, Deployment
from tests.contract import memory
from tests.contract.conversations import CONVERSATIONS, EXAMPLE, create, listed, patch, say, show

DOCUMENTED = ["id", "user_id", "channel", "status", "created_at", "updated_at"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def told() -> list[dict[str, Any]]:
    return [event["detail"] for event in memory.published() if event["source"] == "hub.support"]


def names(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["type"] for event in events)


def test_create_as_documented(deployment: Deployment) -> None:
    answer = deployment.call("POST", CONVERSATIONS, EXAMPLE)
    assert answer.status == 201
    assert answer.json.keys() == {"code", "data"}
    assert answer.json["code"] == 200
    made = answer.json["data"]
    assert list(made)[:6] == DOCUMENTED
    assert made["id"].startswith("conv_")
    assert (made["user_id"], made["channel"], made["status"]) == ("user_123", "web", "active")
    assert TIME.fullmatch(made["created_at"])
    assert TIME.fullmatch(made["updated_at"])
    assert (made["message_count"], made["version"]) == (1, 1)
    assert made["waiting_since"] == made["last_message_at"] == made["created_at"]
    assert answer.headers["ETag"] == '"1"'
    (message,) = deployment.call("GET", f"{CONVERSATIONS}/{made['id']}/messages").json["data"]["items"]
    assert (message["text"], message["sender"], message["sender_id"]) == (
        EXAMPLE["initial_message"],
        "customer",
        "user_123",
    )
    assert names(told()) == ["conversation.created", "conversation.message"]


def test_list_as_documented(deployment: Deployment) -> None:
    made = create(deployment)
    query = "page=1&limit=20&status=active&start_time=2024-01-01T10:00:00Z&end_time=2124-01-01T10:00:00Z"
    for asked in ("", query):
        answer = deployment.call("GET", f"{CONVERSATIONS}?{asked}")
        assert answer.status == 200
        assert answer.json["code"] == 200
        assert list(answer.json["data"]) == ["total", "page", "limit", "items"]
        assert [answer.json["data"][name] for name in ("total", "page", "limit")] == [1, 1, 20]
        (row,) = answer.json["data"]["items"]
        assert list(row)[:6] == DOCUMENTED
        assert row == made


def test_detail_as_documented(deployment: Deployment) -> None:
    made = create(deployment)
    answer = deployment.call("GET", f"{CONVERSATIONS}/{made['id']}")
    assert (answer.status, answer.json) == (200, {"code": 200, "data": made})
    known = {"if-none-match": answer.headers["ETag"]}
    unchanged = deployment.call("GET", f"{CONVERSATIONS}/{made['id']}", headers=known)
    assert (unchanged.status, unchanged.text, unchanged.headers["ETag"]) == (304, "", '"1"')
    patch(deployment, made, {"assignee_id": "agent_1"})
    assert deployment.call("GET", f"{CONVERSATIONS}/{made['id']}", headers=known).status == 200


def test_without_a_message_nobody_waits(deployment: Deployment) -> None:
    made = create(deployment)
    assert [made[name] for name in ("message_count", "last_message_at", "waiting_since")] == [0, None, None]
    assert deployment.call("GET", f"{CONVERSATIONS}/{made['id']}/messages").json["data"]["items"] == []


def test_created_once_for_an_idempotency_key(deployment: Deployment) -> None:
    first, again = (deployment.call("POST", CONVERSATIONS, EXAMPLE, headers={"idempotency-key": "a"}) for _ in range(2))
    assert first.json == again.json
    assert again.headers["ETag"] == first.headers["ETag"]
    assert listed(deployment) == [first.json["data"]["id"]]


def test_every_filter_finds_what_it_names(deployment: Deployment, clock: Clock) -> None:
    made = []
    for number, channel in enumerate(("web", "app", "web", "email", "web", "app")):
        one = create(deployment, user_id=f"user_{number % 2}", channel=channel)
        if number % 3:
            patch(deployment, one, {"assignee_id": f"agent_{number % 3}"})
        if number in (0, 3, 4):
            patch(deployment, one, {"status": "closed"})
        made.append(show(deployment, one))
        clock.advance(60)
    newest_first = made[::-1]
    values = {
        "status": ("active", "closed"),
        "channel": ("web", "app", "phone"),
        "user_id": ("user_0", "user_1", "nobody"),
        "assignee_id": ("agent_1", "agent_2", "nobody"),
        "start_time": (made[2]["created_at"],),
        "end_time": (made[4]["created_at"], made[0]["created_at"]),
    }
    asked: list[dict[str, str]] = [{}]
    for name, options in values.items():
        asked += [{**one, name: value} for one in asked for value in options if len(one) < 3]
    for filters in asked:
        if filters.get("end_time", "9") < filters.get("start_time", ""):
            continue
        wanted = [one["id"] for one in newest_first if _fits(one, filters)]
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        assert listed(deployment, query) == wanted, query
    assert len(asked) > 100


def _fits(one: dict[str, Any], filters: dict[str, str]) -> bool:
    start, end = filters.get("start_time", ""), filters.get("end_time", "9")
    plain = {name: value for name, value in filters.items() if name not in ("start_time", "end_time")}
    return plain.items() <= one.items() and start <= one["created_at"] <= end


def test_a_cursor_goes_through_a_merged_list_once(deployment: Deployment) -> None:
    made = [create(deployment, channel="web") for _ in range(5)]
    for one in made[::2]:
        patch(deployment, one, {"status": "closed"})
    for query in ("", "user_id=user_123", "channel=web"):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            data = deployment.call("GET", f"{CONVERSATIONS}?{query}&limit=2&cursor={cursor}").json["data"]
            found += [one["id"] for one in data["items"]]
            cursor = data["next_cursor"]
        assert found == [one["id"] for one in made[::-1]]


def test_total_is_counted_or_kept(deployment: Deployment) -> None:
    from hub.store import counters

    for _ in range(3):
        create(deployment)
    fact = counters.Fact(
        "default", "conv_x", 1, {"CONVERSATIONS": {"active__web": 40, "closed__web": 30, "active__app": 2}}
    )
    counters.count([fact])
    for query, total in (
        ("", 72),
        ("status=active", 42),
        ("channel=web", 70),
        ("status=closed&channel=web", 0),
        ("user_id=user_123", 3),
        ("start_time=2024-01-01T00:00:00Z", 3),
    ):
        assert deployment.call("GET", f"{CONVERSATIONS}?limit=1&{query}").json["data"]["total"] == total, query


def test_an_exchange(deployment: Deployment, clock: Clock) -> None:
    made = create(deployment)
    assert say(deployment, made).status == 201
    began = show(deployment, made)["waiting_since"]
    clock.advance(30)
    say(deployment, made, text="在吗")
    assert show(deployment, made)["waiting_since"] == began, "since the first message that was not answered"
    clock.advance(90)
    files = [{"url": "https://example.com/a.png", "name": "a.png", "type": "image/png"}]
    answered = say(deployment, made, "agent", sender_id="agent_1", attachments=files).json["data"]
    assert (answered["response_seconds"], answered["sender_id"], answered["attachments"]) == (120, "agent_1", files)
    clock.advance(1)
    assert say(deployment, made, "agent").json["data"]["response_seconds"] is None
    now = show(deployment, made)
    assert [now[name] for name in ("message_count", "version", "waiting_since")] == [4, 5, None]
    assert now["last_message_at"] == now["updated_at"] > made["updated_at"]
    path = f"{CONVERSATIONS}/{made['id']}/messages"
    newest_first = [one["id"] for one in deployment.call("GET", path).json["data"]["items"]]
    oldest_first = [one["id"] for one in deployment.call("GET", f"{path}?order=asc").json["data"]["items"]]
    assert newest_first == oldest_first[::-1]
    data = deployment.call("GET", f"{path}?limit=1&page=2").json["data"]
    assert (data["total"], data["items"][0]["id"]) == (4, newest_first[1])
    first = deployment.call("GET", f"{path}?limit=3&cursor=&order=asc").json["data"]
    rest = deployment.call("GET", f"{path}?limit=3&cursor={first['next_cursor']}&order=asc").json["data"]
    assert [one["id"] for one in first["items"] + rest["items"]] == oldest_first
    assert rest["next_cursor"] is None
    events = told()
    assert names(events) == ["conversation.created", *["conversation.message"] * 4]
    (answer,) = [event["data"] for event in events if event["data"].get("response_seconds") is not None]
    assert answer == {
        "conversation_id": made["id"],
        "message_id": answered["id"],
        "sender": {"type": "agent", "id": "agent_1"},
        "text": "你好",
        "attachments": files,
        "channel": "web",
        "created_at": answered["created_at"],
        "response_seconds": 120,
        "reply_to": None,
    }


def test_attachments_need_no_text(deployment: Deployment) -> None:
    made = create(deployment)
    sent = {"sender": "customer", "attachments": [{"url": "https://example.com/a.png"}]}
    answer = deployment.call("POST", f"{CONVERSATIONS}/{made['id']}/messages", sent)
    assert answer.json["data"]["attachments"] == [{"url": "https://example.com/a.png", "name": "", "type": ""}]


def test_close_reopen_assign_and_rate(deployment: Deployment, clock: Clock) -> None:
    made = create(deployment, initial_message="你好")
    assigned = patch(deployment, made, {"assignee_id": "agent_1"})
    assert (assigned.status, assigned.json["data"]["assignee_id"], assigned.headers["ETag"]) == (200, "agent_1", '"2"')
    assert patch(deployment, made, {"assignee_id": None}).json["data"]["assignee_id"] is None
    assert listed(deployment, "assignee_id=agent_1") == []
    clock.advance(60)
    closed = patch(deployment, made, {"status": "closed"}).json["data"]
    assert (closed["status"], closed["closed_at"], closed["waiting_since"]) == ("closed", closed["updated_at"], None)
    clock.advance(60)
    rated = patch(deployment, made, {"satisfaction": 4}).json["data"]
    assert (rated["satisfaction"], rated["rated_at"]) == (4, rated["updated_at"])
    clock.advance(60)
    opened = patch(deployment, made, {"status": "active"}).json["data"]
    assert (opened["status"], opened["closed_at"], opened["rated_at"]) == ("active", None, rated["rated_at"])
    assert patch(deployment, made, {"satisfaction": 5}).json["data"]["satisfaction"] == 5, "an active one too"
    assert show(deployment, made)["version"] == 7
    events = told()
    assert names(events).count("conversation.updated") == 6
    (ending,) = [event for event in events if event["type"] == "conversation.closed"]
    assert ending["data"] == {"conversation_id": closed.pop("id"), **closed}
    changes = [event["data"]["changes"] for event in events if event["type"] == "conversation.updated"]
    assert changes == [["assignee_id"], ["assignee_id"], ["status"], ["satisfaction"], ["status"], ["satisfaction"]]


def test_what_changes_nothing_is_not_written(deployment: Deployment) -> None:
    made = create(deployment)
    again = patch(deployment, made, {"status": "active", "assignee_id": None})
    assert (again.status, again.json["data"]) == (200, made)
    assert names(told()) == ["conversation.created"]


def test_a_customers_message_reopens_and_an_agents_does_not(deployment: Deployment) -> None:
    made = create(deployment)
    patch(deployment, made, {"status": "closed"})
    for language, message in (("zh-CN", "对话已关闭"), ("en-US", "The conversation is closed")):
        body = {"text": "好", "sender": "agent"}
        path = f"{CONVERSATIONS}/{made['id']}/messages"
        refused = deployment.call("POST", path, body, headers={"accept-language": language})
        assert (refused.status, refused.json["code"], refused.json["details"]) == (422, 422, [])
        assert refused.json["message"].startswith(message)
    assert show(deployment, made)["message_count"] == 0
    assert say(deployment, made).status == 201
    now = show(deployment, made)
    assert (now["status"], now["closed_at"], now["message_count"]) == ("active", None, 1)
    assert listed(deployment, "status=active") == [made["id"]]
    assert listed(deployment, "status=closed") == []
    assert names(told()).count("conversation.updated") == 2


def test_if_match_is_honoured(deployment: Deployment) -> None:
    made = create(deployment)
    for wrong in ('"2"', "1", 'W/"1"', '"0", "7"'):
        refused = patch(deployment, made, {"status": "closed"}, if_match=wrong)
        assert (refused.status, refused.json["code"]) == (412, 412), wrong
    assert show(deployment, made) == made
    assert patch(deployment, made, {"status": "closed"}, if_match='"1"').status == 200
    assert patch(deployment, made, {"status": "active"}, if_match="*").status == 200


@pytest.mark.parametrize(("header", "status"), [({}, 409), ({"if_match": '"1"'}, 412), ({"if_match": "*"}, 409)])
def test_a_change_meets_another(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, header: dict[str, str], status: int
) -> None:
    made = create(deployment)
    interleave(monkeypatch, lambda: patch(deployment, made, {"assignee_id": "agent_2"}))
    refused = patch(deployment, made, {"status": "closed"}, **header)
    assert (refused.status, refused.json["code"]) == (status, status)
    now = show(deployment, made)
    assert (now["assignee_id"], now["status"], now["version"]) == ("agent_2", "active", 2)


def interleave(monkeypatch: pytest.MonkeyPatch, other: Callable[[], Any]) -> None:
    """Let something else be done between the next read of a conversation and its write."""
    from functions.support.conversations import store

    read = store.get

    def get(*arguments: Any, **more: Any) -> Any:
        monkeypatch.setattr(store, "get", read)
        found = read(*arguments, **more)
        other()
        return found

    monkeypatch.setattr(store, "get", get)


HEAVIEST = [
    "".join((one * number for one, number in text)) + rest
    for text, rest in (
        ([("😀", 10_000)], ""),
        ([("长", 10_000)], ""),
        ([('"', 10_000)], ""),
        ([("\\", 7_500), ("\x01", 2_500)], ""),
        ([("\x01", 8_500)], ""),
    )
]


def heavy_files(text: str) -> list[Attachment]:
    """As much as goes with a text."""
    files: list[Attachment] = []
    while len(files) < 10:
        file: Attachment = {"url": f"https://example.com/{'a' * 2028}", "name": '"' * 255, "type": "字" * 100}
        while weight(text, [*files, file]) > MAX_MESSAGE_BYTES:
            if len(file["url"]) <= 30:
                return files
            file["url"], file["name"], file["type"] = file["url"][:-10], "", ""
        files.append(file)
    return files


@pytest.mark.parametrize("text", HEAVIEST, ids=[ascii(text[:1]) for text in HEAVIEST])
def test_the_largest_page_of_messages_fits_into_lambdas_answer(deployment: Deployment, text: str) -> None:
    made = create(deployment)
    files = heavy_files(text)
    assert len(files) == 10 or weight(text, files) > MAX_MESSAGE_BYTES - 200
    sent = say(deployment, made, text=text, attachments=files, sender_id='"' * 128)
    assert sent.status == 201
    (item,) = table.items(table.Query(table.entities(), keys.partition("default", "MESSAGE", made["id"])))
    table.put_many(table.entities(), [item | {"sk": ids.new("msg")} for _ in range(99)])
    answer = deployment.call("GET", f"{CONVERSATIONS}/{made['id']}/messages?limit=100")
    assert len(answer.json["data"]["items"]) == 100
    assert {len(one["text"]) for one in answer.json["data"]["items"]} == {len(text)}
    returned = {"statusCode": 200, "headers": dict(answer.headers), "body": answer.text}
    assert len(json.dumps(returned, ensure_ascii=False).encode()) < 6_291_556
    assert sent.json["data"]["text"] in [event["data"].get("text") for event in told()]
    assert memory.received("PoisonEventsQueue") == []


PEOPLE = (
    "a",
    "a#active",
    "a#active#active",
    "a%23active",
    "a%2523active",
    "#",
    "张三",
    "auth0|123",
    "user 1",
    "-x",
    "_",
)


def test_people_have_whatever_ids_their_systems_gave_them(deployment: Deployment) -> None:
    made = {}
    for person in PEOPLE:
        made[person] = create(deployment, user_id=person)["id"]
        patch(deployment, {"id": made[person]}, {"assignee_id": person})
        say(deployment, {"id": made[person]}, "agent", sender_id=person)
        ticket = deployment.call("POST", "/v1/tickets", {"title": "a", "assignee_id": person})
        assert ticket.status == 201
        found = deployment.call("GET", f"/v1/tickets?assignee_id={quote(person)}").json["data"]["items"]
        assert [one["id"] for one in found] == [ticket.json["data"]["id"]]
    for person, conversation in made.items():
        for name in ("user_id", "assignee_id"):
            for more in ("", "&status=active"):
                assert listed(deployment, f"{name}={quote(person)}{more}") == [conversation], person
            assert listed(deployment, f"{name}={quote(person)}&status=closed") == []


def test_conversations_of_a_time_are_counted_by_small_rows(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [create(deployment) for _ in range(5)]
    patch(deployment, made[1], {"status": "closed"})
    client = aws.dynamodb()
    read: list[tuple[str | None, bool]] = []

    def query(**parameters: Any) -> Any:
        read.append((parameters.get("IndexName"), parameters.get("Select") == "COUNT"))
        return run(**parameters)

    run = client.query
    monkeypatch.setattr(client, "query", query)
    since = made[0]["created_at"]
    data = deployment.call("GET", f"{CONVERSATIONS}?limit=2&start_time={since}").json["data"]
    assert (data["total"], [one["id"] for one in data["items"]]) == (5, [made[4]["id"], made[3]["id"]])
    assert read == [(None, False), ("gsi1", True), ("gsi1", True)]
    monkeypatch.setattr(paging, "MAX_OFFSET_ROWS", 4)
    refused = deployment.call("GET", f"{CONVERSATIONS}?limit=2&start_time={since}")
    assert (refused.status, refused.json["details"][0]["field"]) == (400, "page")


@pytest.mark.parametrize("header", [{}, {"if_match": '"1"'}, {"if_match": "*"}])
def test_a_change_meets_a_transaction(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, header: dict[str, str]
) -> None:
    made = create(deployment)

    def contended(*_: Any) -> None:
        raise table.Contended

    with monkeypatch.context() as inner:
        inner.setattr(table, "write", contended)
        refused = patch(deployment, made, {"status": "closed"}, **header)
    assert (refused.status, refused.json["code"]) == (409, 409)
    assert patch(deployment, made, {"status": "closed"}, **header).status == 200


def test_a_message_is_held_against_no_version_and_a_change_against_none_known(deployment: Deployment) -> None:
    made = create(deployment)
    path = f"{CONVERSATIONS}/{made['id']}"
    body = {"text": "a", "sender": "agent"}
    assert deployment.call("POST", f"{path}/messages", body, headers={"if-match": '"99"'}).status == 201
    assert patch(deployment, made, {"assignee_id": "a"}, if_none_match="*").status == 200
