"""What can be done with tickets: how they move, what is told of it, who wins when two change one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions.support.tickets import store
from functions.support.tickets.models import (
    MAX_TITLE,
    Comment,
    NewComment,
    NewTicket,
    Status,
    Ticket,
    TicketChange,
    TicketParameters,
)
from functions.support.tickets.store import StoredComment, StoredTicket
from hub import events, ids, times
from hub.errors import Conflict, FieldError, InvalidRequest, Unprocessable
from hub.events import Caller
from hub.store import versioned
from hub.store.paging import Page
from hub.store.versioned import Expects
from hub.web.request import Versioned
from hub.web.validation import PageParameters

MOVES: Mapping[Status, tuple[Status, ...]] = {
    "open": ("in_progress", "pending", "resolved", "closed"),
    "in_progress": ("open", "pending", "resolved", "closed"),
    "pending": ("open", "in_progress", "resolved", "closed"),
    "resolved": ("open", "in_progress", "closed"),
    "closed": ("open",),
}
"""Where a ticket can go from a status: what is resolved is opened again as in Zendesk, what is closed as in Zammad."""

_DONE: frozenset[Status] = frozenset({"resolved", "closed"})


def create(caller: Caller, wanted: NewTicket) -> Versioned[Ticket]:
    """Make a ticket. Raises `InvalidRequest` for a conversation that does not exist or says nothing for a title."""
    try:
        description = _description(caller.tenant, wanted)
        title = wanted.title if wanted.title is not None else _beginning(description)
        now = times.now_ms()
        ticket = StoredTicket(
            id=ids.new("ticket", now),
            title=title,
            description=description,
            status="open",
            priority=wanted.priority,
            customer_email=wanted.customer_email,
            assignee_id=wanted.assignee_id,
            tags=wanted.tags,
            conversation_id=wanted.conversation_id,
            created_at=now,
            updated_at=now,
        )
        store.add(caller.tenant, ticket, events.event("ticket.created", caller, _told(ticket)))
    except store.NoConversation:
        raise InvalidRequest(FieldError("conversation_id", "does_not_exist")) from None
    return Versioned(shown(ticket), ticket.version)


def get(tenant: str, ticket_id: str) -> Versioned[Ticket]:
    """Show a ticket."""
    ticket = store.get(tenant, ticket_id)
    return Versioned(shown(ticket), ticket.version)


def listed(tenant: str, query: TicketParameters) -> Page[Ticket]:
    """List tickets."""
    wanted = query.status, query.priority, query.assignee_id
    page = store.page(tenant, *wanted, query.page, query.limit, query.cursor)
    return page.holding(map(shown, page.items))


def change(caller: Caller, ticket_id: str, wanted: TicketChange, expects: Expects) -> Versioned[Ticket]:
    """Change the fields that were sent, and keep the comment of the change with it.

    Raises `PreconditionFailed` where the ticket is not the one that the caller `expects`, `Conflict` where it changes
    meanwhile, `Unprocessable` for a status that it cannot go to.
    """
    changes = wanted.changes()
    text = changes.pop("comment", None)
    before = store.get(caller.tenant, ticket_id, consistent=True)
    expects(before.version)
    changes = {name: value for name, value in changes.items() if getattr(before, name) != value}
    if not changes and text is None:
        return Versioned(shown(before), before.version)
    said = None if text is None else _new_comment(caller, text, internal=False)
    try:
        after = _write(caller, before, changes, said)
    except versioned.Changed as race:
        expects(race.version)
        raise Conflict from None
    return Versioned(shown(after), after.version)


def comment(caller: Caller, ticket_id: str, wanted: NewComment) -> Comment:
    """Comment on a ticket, whatever else of it changes meanwhile."""
    made = _new_comment(caller, wanted.text, internal=wanted.internal)
    versioned.retried(lambda: _write(caller, store.get(caller.tenant, ticket_id, consistent=True), {}, made))
    return _shown_comment(ticket_id, made)


def comments(tenant: str, ticket_id: str, query: PageParameters) -> Page[Comment]:
    """List the comments on a ticket."""
    page = store.comments(tenant, ticket_id, query.page, query.limit, query.cursor)
    return page.holding(_shown_comment(ticket_id, one) for one in page.items)


def shown(ticket: StoredTicket) -> Ticket:
    """A ticket as callers see it."""
    return {
        "id": ticket.id,
        "title": ticket.title,
        "description": ticket.description,
        "status": ticket.status,
        "priority": ticket.priority,
        "customer_email": ticket.customer_email,
        "assignee_id": ticket.assignee_id,
        "tags": ticket.tags,
        "conversation_id": ticket.conversation_id,
        "created_at": times.iso(ticket.created_at / 1000),
        "updated_at": times.iso(ticket.updated_at / 1000),
        "resolved_at": versioned.iso(ticket.resolved_at),
        "closed_at": versioned.iso(ticket.closed_at),
        "comment_count": ticket.comment_count,
        "version": ticket.version,
    }


def _changed(before: StoredTicket, changes: Mapping[str, Any]) -> StoredTicket:
    """The ticket with changes made. Raises `Unprocessable` for an illegal move."""
    now = max(times.now_ms(), before.updated_at)
    after = replace(before, **changes, updated_at=now, version=before.version + 1)
    if after.status == before.status:
        return after
    legal = MOVES[before.status]
    if after.status not in legal:
        error = Unprocessable()
        values = {"before": before.status, "after": after.status, "legal": ", ".join(legal)}
        error.fields = (FieldError("status", "illegal_move", values),)
        raise error
    match after.status:
        case "resolved":
            return replace(after, resolved_at=now)
        case "closed":
            return replace(after, closed_at=now)
    return replace(after, resolved_at=None, closed_at=None) if before.status in _DONE else after


def _write(
    caller: Caller, before: StoredTicket, changes: Mapping[str, Any], said: StoredComment | None
) -> StoredTicket:
    """Write changes with their comment, and tell of both. Raises `versioned.Changed`, `Unprocessable`."""
    after = _changed(before, changes)
    names = [*changes]
    if said is not None:
        after = replace(after, comment_count=before.comment_count + 1)
        names.append("comment")
    moved = before.status if "status" in changes else None
    told = _told(after)
    made = [events.event("ticket.updated", caller, {**told, "changes": names, "previous_status": moved})]
    if moved is not None and after.status == "resolved":
        made.append(events.event("ticket.resolved", caller, told))
    store.replace(caller.tenant, before, after, made, said)
    return after


def _new_comment(caller: Caller, text: str, *, internal: bool) -> StoredComment:
    now = times.now_ms()
    return StoredComment(
        id=ids.new("comment", now), author_id=caller.actor, text=text, internal=internal, created_at=now
    )


def _description(tenant: str, wanted: NewTicket) -> str:
    if wanted.description is not None or wanted.conversation_id is None:
        return wanted.description or ""
    return store.first_question(tenant, wanted.conversation_id)


def _beginning(text: str) -> str:
    """The first line of a text, as far as a title goes. Raises `InvalidRequest` where there is none."""
    lines = text.strip().splitlines()
    if not lines:
        raise InvalidRequest(FieldError("title", "missing"))
    first = lines[0].strip()
    return first if len(first) <= MAX_TITLE else first[: MAX_TITLE - 1] + "…"


def _told(ticket: StoredTicket) -> dict[str, Any]:
    return {"ticket_id" if name == "id" else name: value for name, value in shown(ticket).items()}


def _shown_comment(ticket_id: str, comment: StoredComment) -> Comment:
    return {
        "id": comment.id,
        "ticket_id": ticket_id,
        "author_id": comment.author_id,
        "text": comment.text,
        "internal": comment.internal,
        "created_at": times.iso(comment.created_at / 1000),
    }
