"""Tickets against plain models: how they move, what lists show, and that no change passes over another."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.support import totals
from functions.support.conversations import service as conversations
from functions.support.conversations.models import NewConversation
from functions.support.tickets import service, store
from functions.support.tickets.models import NewComment, NewTicket, Status, TicketChange, TicketParameters
from hub import ids
from hub.errors import Conflict, HubError, NotFound, PreconditionFailed, Unprocessable
from hub.events import Caller
from hub.store import counters, table, versioned
from hub.store.counters import Fact
from hub.store.paging import CursorPage, OffsetPage
from hub.web.request import Request
from hub.web.validation import PageParameters
from tests.conftest import Clock
from tests.unit.racing import race

_TENANTS = count()
"""Every example has its own."""

STATUSES: tuple[Status, ...] = ("open", "in_progress", "pending", "resolved", "closed")
PRIORITIES = ("low", "medium", "high", "urgent")
PEOPLE = ("user_1", "user_2", "user_10")

small = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def caller() -> Caller:
    return Caller(f"tenant-{next(_TENANTS)}", "enterprise", "user_1", "req_1")


def change(who: Caller, ticket_id: str, if_match: str | None = None, **changes: Any) -> Any:
    """Change a ticket as a request with `If-Match` does; answers with what is shown."""
    headers = {} if if_match is None else {"if-match": if_match}
    expects = Request({"headers": headers}).expects
    return service.change(who, ticket_id, TicketChange(**changes), expects).data


def new(who: Caller, **more: Any) -> Any:
    return service.create(who, NewTicket(title="产品咨询", **more)).data


@dataclass
class Model:
    """A ticket as a team thinks of it."""

    status: str = "open"
    resolved: bool = False
    closed: bool = False
    said: list[str] = field(default_factory=list)
    version: int = 1

    def allows(self, status: str) -> bool:
        """Whether a ticket can go there: work in progress anywhere, what is done only back to work or on to closed."""
        if self.status == "closed":
            return status in ("closed", "open")
        return not (self.status == "resolved" and status == "pending")

    def step(self, status: str | None, comment: str | None) -> bool:
        """Make a step; tells whether it could be made."""
        if status is not None and not self.allows(status):
            return False
        moved = status is not None and status != self.status
        if comment is not None:
            self.said.append(comment)
        if moved and status is not None:
            self.status = status
            self.resolved = status == "resolved" or (self.resolved and status == "closed")
            self.closed = status == "closed"
        self.version += moved or comment is not None
        return True


steps = st.tuples(st.sampled_from([None, *STATUSES]), st.sampled_from([None, "好", "a"]))


@pytest.mark.usefixtures("aws")
@small
@given(st.lists(steps.filter(any), max_size=12))
def test_a_ticket_moves_as_a_team_thinks(taken: list[tuple[str | None, str | None]]) -> None:
    who, model = caller(), Model()
    ticket = new(who)
    for status, comment in taken:
        before = service.get(who.tenant, ticket["id"])
        sent = {name: value for name, value in (("status", status), ("comment", comment)) if value is not None}
        if model.step(status, comment):
            change(who, ticket["id"], f'"{before.version}"', **sent)
        else:
            with pytest.raises(Unprocessable):
                change(who, ticket["id"], f'"{before.version}"', **sent)
            assert service.get(who.tenant, ticket["id"]) == before
        shown = service.get(who.tenant, ticket["id"]).data
        assert (shown["status"], shown["version"], shown["comment_count"]) == (
            model.status,
            model.version,
            len(model.said),
        )
        assert (shown["resolved_at"] is not None, shown["closed_at"] is not None) == (model.resolved, model.closed)
    said = service.comments(who.tenant, ticket["id"], PageParameters(limit=100)).items
    assert Counter(one["text"] for one in said) == Counter(model.said)


def test_the_table_of_moves_allows_what_a_team_thinks_of() -> None:
    for before in STATUSES:
        assert [*service.MOVES[before]] == [one for one in STATUSES if one != before and Model(before).allows(one)]


tickets = st.fixed_dictionaries(
    {
        "status": st.sampled_from(STATUSES),
        "priority": st.sampled_from(PRIORITIES),
        "assignee_id": st.sampled_from([None, *PEOPLE]),
    }
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(STATUSES),
        "priority": st.sampled_from(PRIORITIES),
        "assignee_id": st.sampled_from([*PEOPLE, "user"]),
    },
)


@pytest.mark.usefixtures("aws")
@small
@given(st.lists(tickets, max_size=12), st.lists(filters, min_size=1, max_size=6), st.integers(1, 5), st.booleans())
def test_a_list_is_what_a_plain_search_finds(
    wanted: list[dict[str, Any]], asked: list[dict[str, Any]], size: int, counted: bool
) -> None:
    who = caller()
    kept: list[dict[str, Any]] = []
    for number, one in enumerate(wanted):
        # Half of them come to what they are by a change, which must leave the lists they were in before.
        priority, assignee = (one["priority"], one["assignee_id"]) if number % 2 else ("low", "user_2")
        made = new(who, priority=priority, assignee_id=assignee)
        kept.append(dict(change(who, made["id"], **one)))
    if counted:
        # What the worker of the statistics keeps; without it a total is what was read so far.
        counters.count(
            Fact(
                who.tenant,
                one["id"],
                one["version"],
                {totals.TICKETS: {totals.attribute(one["status"], one["priority"]): 1}},
            )
            for one in kept
        )
    kept.sort(key=lambda one: one["id"], reverse=True)
    for query in [{}, *asked]:
        expected = [one for one in kept if all(one[name] == value for name, value in query.items())]
        for page in range(1, len(expected) // size + 3):
            found = service.listed(who.tenant, TicketParameters(page=page, limit=size, **query))
            assert isinstance(found, OffsetPage)
            assert found.items == expected[(page - 1) * size : page * size]
            if counted or "assignee_id" in query or page * size >= len(expected):
                assert found.total == len(expected)
        assert by_cursor(who, size, query) == expected


def by_cursor(who: Caller, size: int, query: dict[str, Any]) -> list[Any]:
    """All pages of a list by cursor."""
    rows: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        found = service.listed(who.tenant, TicketParameters(cursor=cursor, limit=size, **query))
        assert isinstance(found, CursorPage)
        assert len(found.items) == size or found.next is None
        rows += found.items
        cursor = found.next
    return rows


def test_tickets_of_one_millisecond_are_on_one_page_each(aws: None, clock: Clock) -> None:
    who = caller()
    made = sorted((new(who)["id"] for _ in range(7)), reverse=True)
    assert [one["id"] for one in by_cursor(who, 2, {})] == made
    assert [one["id"] for one in by_cursor(who, 2, {"priority": "medium"})] == made


def test_time_never_goes_back(aws: None, clock: Clock) -> None:
    who = caller()
    ticket = new(who)
    clock.advance(-3600)
    assert change(who, ticket["id"], status="resolved")["resolved_at"] == ticket["created_at"]


@pytest.mark.parametrize("if_match", ['"1"', None])
def test_of_two_agents_at_once_nobody_overwrites_the_other(aws: None, if_match: str | None) -> None:
    who = caller()
    for _ in range(10):
        ticket = new(who)
        changes: list[dict[str, Any]] = [{"title": "甲", "comment": "甲"}, {"priority": "urgent", "comment": "乙"}]
        answers = race(2, lambda number: change(who, ticket["id"], if_match, **changes[number]))  # noqa: B023
        won = [number for number, answer in enumerate(answers) if isinstance(answer, dict)]
        assert won, "one of the two is done"
        lost = {answer for answer in answers if not isinstance(answer, dict)}
        assert lost <= {PreconditionFailed if if_match else Conflict}
        assert not if_match or len(won) == 1
        after = service.get(who.tenant, ticket["id"]).data
        assert after["version"] == 1 + len(won)
        assert after["title"] == ("甲" if 0 in won else ticket["title"])
        assert after["priority"] == ("urgent" if 1 in won else "medium")
        said = service.comments(who.tenant, ticket["id"], PageParameters()).items
        assert {one["text"] for one in said} == {"甲乙"[number] for number in won}
        assert after["comment_count"] == len(said) == len(won)


@pytest.mark.parametrize(("if_match", "raised"), [(None, Conflict), ("*", Conflict), ('"1"', PreconditionFailed)])
def test_a_change_between_reading_and_writing_wins(
    aws: None, monkeypatch: pytest.MonkeyPatch, if_match: str | None, raised: type[HubError]
) -> None:
    who = caller()
    ticket = new(who)
    read = store.get

    def read_and_be_overtaken(*place: Any, **more: Any) -> Any:
        found = read(*place, **more)
        monkeypatch.setattr(store, "get", read)
        change(who, ticket["id"], priority="urgent")
        return found

    monkeypatch.setattr(store, "get", read_and_be_overtaken)
    with pytest.raises(raised):
        change(who, ticket["id"], if_match, priority="low", comment="a")
    after = service.get(who.tenant, ticket["id"]).data
    assert (after["priority"], after["version"], after["comment_count"]) == ("urgent", 2, 0)
    assert service.comments(who.tenant, ticket["id"], PageParameters()).items == []


@pytest.mark.parametrize("if_match", [None, '"1"'])
def test_a_ticket_that_is_being_written_is_a_conflict(
    aws: None, monkeypatch: pytest.MonkeyPatch, if_match: str | None
) -> None:
    who = caller()
    ticket = new(who)

    def contended(*_: Any) -> None:
        raise table.Contended

    monkeypatch.setattr(table, "write", contended)
    with pytest.raises(Conflict):
        change(who, ticket["id"], if_match, priority="low")


@pytest.mark.parametrize("conversation", [True, False])
def test_an_id_that_is_taken_is_no_missing_conversation(
    aws: None, monkeypatch: pytest.MonkeyPatch, conversation: bool
) -> None:
    who = caller()
    about = conversations.create(who, NewConversation(user_id="user_1", channel="web")).data["id"]
    ticket = new(who)
    monkeypatch.setattr(ids, "new", lambda kind, *_: ticket["id"] if kind == "ticket" else "evt_1")
    with pytest.raises(table.ConditionFailed) as caught:
        new(who, conversation_id=about if conversation else None)
    assert caught.value.position == 0
    assert service.get(who.tenant, ticket["id"]).data == ticket


def test_no_comment_is_lost_among_others(aws: None) -> None:
    who = caller()
    ticket = new(who)
    answers = race(4, lambda number: service.comment(who, ticket["id"], NewComment(text=str(number))))
    assert all(isinstance(answer, dict) for answer in answers), answers
    said = service.comments(who.tenant, ticket["id"], PageParameters()).items
    assert {one["text"] for one in said} == set("0123")
    assert service.get(who.tenant, ticket["id"]).version == 5


def test_a_comment_that_always_comes_second_is_told_so(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    who = caller()
    ticket = new(who)
    monkeypatch.setattr(table, "back_off", lambda _: None)
    tries = count(1)

    def overtaken(*_: Any) -> None:
        next(tries)
        raise versioned.Changed(7)

    monkeypatch.setattr(store, "replace", overtaken)
    with pytest.raises(HubError) as caught:
        service.comment(who, ticket["id"], NewComment(text="a"))
    assert (caught.value.status, next(tries)) == (503, versioned.TRIES + 1)


def test_the_comments_of_no_ticket_are_not_found(aws: None) -> None:
    who = caller()
    with pytest.raises(NotFound):
        service.comments(who.tenant, "ticket_none", PageParameters())
    assert service.comments(who.tenant, new(who)["id"], PageParameters(cursor="")).items == []
