"""Tickets on the running stack: document 2's steps, what is told of them, and agents who are at one at once."""

from itertools import count
from typing import Any

from requests import Response

from tests.e2e.concurrency import at_once
from tests.e2e.conftest import OpenReceiver
from tests.e2e.polling import eventually
from tests.e2e.running import Client
from tests.e2e.signatures import verify_document_3

TICKETS = "/v1/tickets"
EXAMPLE = {
    "title": "产品咨询",
    "description": "想了解产品价格和功能",
    "priority": "medium",
    "customer_email": "customer@example.com",
}
AGENTS = 10


def create(api: Client, **more: Any) -> dict[str, Any]:
    answer = api.post(TICKETS, EXAMPLE | more)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


def change(api: Client, ticket_id: str, if_match: str | None = None, **changes: Any) -> Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    return api.request("PATCH", f"{TICKETS}/{ticket_id}", json=changes, headers=headers)


def show(api: Client, ticket_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = api.get(f"{TICKETS}/{ticket_id}").json()["data"]
    return shown


def said(api: Client, ticket_id: str) -> list[str]:
    rows = api.get(f"{TICKETS}/{ticket_id}/comments?cursor=&limit=100").json()["data"]["items"]
    return sorted(row["text"] for row in rows)


def listed(api: Client, query: str) -> list[str]:
    return [row["id"] for row in api.get(f"{TICKETS}?{query}").json()["data"]["items"]]


def test_a_ticket_from_its_conversation_to_its_resolution(api: Client, receiver: OpenReceiver) -> None:
    inbox = receiver()
    secret = api.new_webhook(inbox.url, "ticket.*")["secret"]
    asked = {"user_id": "user_123", "channel": "web", "initial_message": "你好，我想咨询产品"}
    conversation = api.post("/v1/conversations", asked).json()["data"]["id"]

    answer = api.post(TICKETS, {"conversation_id": conversation, "assignee_id": "user_1"})
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"'), answer.text
    ticket = answer.json()["data"]
    assert ticket["title"] == ticket["description"] == "你好，我想咨询产品"
    assert api.post(TICKETS, {"conversation_id": "conv_none"}).status_code == 400
    assert api.get(f"{TICKETS}/{ticket['id']}", headers={"If-None-Match": '"1"'}).status_code == 304

    for query in ("", "status=open", "priority=medium&status=open", "assignee_id=user_1"):
        eventually(lambda query=query: listed(api, query) == [ticket["id"]], query)  # type: ignore[misc]
    resolved = change(api, ticket["id"], status="resolved", comment="问题已解决")
    assert (resolved.status_code, resolved.headers["ETag"], resolved.json()["code"]) == (200, '"2"', 200)
    assert resolved.json()["data"]["resolved_at"] is not None
    assert said(api, ticket["id"]) == ["问题已解决"]
    eventually(lambda: listed(api, "status=open") == [] and listed(api, "status=resolved") == [ticket["id"]], "lists")
    illegal = change(api, ticket["id"], status="pending")
    assert (illegal.status_code, illegal.json()["code"]) == (422, 422)
    assert "open, in_progress, closed" in illegal.json()["details"][0]["reason"]

    eventually(lambda: len(inbox.received) >= 3, "every event of it")
    told = {request.event["type"]: request.event["data"] for request in inbox.received}
    assert set(told) == {"ticket.created", "ticket.updated", "ticket.resolved"}
    assert told["ticket.updated"]["changes"] == ["status", "comment"]
    assert told["ticket.updated"]["previous_status"] == "open"
    assert {data["ticket_id"] for data in told.values()} == {ticket["id"]}
    for request in inbox.received:
        verify_document_3(request, secret)


def test_of_ten_agents_who_read_the_same_version_one_is_done(api: Client) -> None:
    ticket = create(api)
    numbers = count()

    def take() -> tuple[str, Response]:
        agent = f"agent_{next(numbers)}"
        return agent, change(api, ticket["id"], '"1"', assignee_id=agent, status="in_progress", comment=agent)

    answers = at_once(AGENTS, take)
    assert sorted({answer.status_code for _, answer in answers}) in ([200, 412], [200, 409, 412]), answers
    ((winner, answer),) = [(agent, answer) for agent, answer in answers if answer.status_code == 200]
    assert (answer.headers["ETag"], answer.json()["data"]["assignee_id"]) == ('"2"', winner)
    assert show(api, ticket["id"]) == answer.json()["data"]
    assert said(api, ticket["id"]) == [winner]


def test_of_ten_changes_without_a_version_none_passes_over_another(api: Client) -> None:
    ticket = create(api)
    numbers = count()

    def tag() -> tuple[str, Response]:
        agent = f"agent_{next(numbers)}"
        return agent, change(api, ticket["id"], customer_email=f"{agent}@example.com", comment=agent)

    answers = at_once(AGENTS, tag)
    done = {agent: answer for agent, answer in answers if answer.status_code == 200}
    assert done
    assert {answer.status_code for agent, answer in answers if agent not in done} <= {409}
    tags = sorted(int(answer.headers["ETag"].strip('"')) for answer in done.values())
    assert tags == list(range(2, 2 + len(done))), "each made a version of its own"
    after = show(api, ticket["id"])
    assert (after["version"], after["comment_count"]) == (1 + len(done), len(done))
    assert after in [answer.json()["data"] for answer in done.values()]
    assert said(api, ticket["id"]) == sorted(done)


def test_comments_made_at_once_are_all_kept(api: Client) -> None:
    agents = 5
    ticket = create(api)
    numbers = count()
    path = f"{TICKETS}/{ticket['id']}/comments"
    answers = at_once(agents, lambda: api.post(path, {"text": str(next(numbers))}))
    assert [answer.status_code for answer in answers] == [201] * agents, [answer.text for answer in answers]
    assert said(api, ticket["id"]) == sorted(str(number) for number in range(agents))
    assert show(api, ticket["id"])["comment_count"] == agents


def test_totals_follow_the_tickets(api: Client) -> None:
    first, *_ = [create(api) for _ in range(3)]
    change(api, first["id"], status="resolved", priority="high")

    def total(query: str) -> int:
        number: int = api.get(f"{TICKETS}?limit=1&{query}").json()["data"]["total"]
        return number

    wanted = {"": 3, "status=open": 2, "status=resolved": 1, "priority=medium": 2, "priority=high&status=resolved": 1}
    eventually(lambda: {query: total(query) for query in wanted} == wanted, "the counters")
