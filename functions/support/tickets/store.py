"""Tickets and their comments.

| item | pk | sk | indexes |
|---|---|---|---|
| ticket | `T#<tenant>#TICKET` | `ticket_…` | by status; by priority and status; by assignee and status |
| comment | `T#<tenant>#COMMENT#<ticket id>` | `comment_…` | |
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from functions.support import totals
from functions.support.conversations import store as conversations
from functions.support.tickets.models import Priority, Status
from hub.errors import NotFound
from hub.store import items, keys, paging, table, versioned
from hub.store.items import Item

KIND = "TICKET"
COMMENTS = "COMMENT"
BY_STATUS, BY_PRIORITY, BY_ASSIGNEE = "TICKET_STATUS", "TICKET_PRIORITY", "TICKET_ASSIGNEE"

STATUSES: tuple[Status, ...] = get_args(Status)

_FIRST_MESSAGES = 10


class NoConversation(Exception):
    """The conversation that a ticket is to be about does not exist."""


@dataclass(frozen=True, slots=True)
class StoredTicket:
    """A ticket; times in epoch milliseconds. `version` grows by one with every change."""

    id: str
    title: str
    description: str
    status: Status
    priority: Priority
    customer_email: str | None
    assignee_id: str | None
    tags: list[str]
    conversation_id: str | None
    created_at: int
    updated_at: int
    resolved_at: int | None = None
    closed_at: int | None = None
    comment_count: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True)
class StoredComment:
    """A comment on a ticket; `created_at` in epoch milliseconds."""

    id: str
    author_id: str
    text: str
    internal: bool
    created_at: int


def add(tenant: str, ticket: StoredTicket, event: Mapping[str, Any]) -> None:
    """Write a new ticket. Raises `NoConversation` where that which it is about does not exist."""
    writes: list[table.Operation] = [table.Put(table.entities(), _item(tenant, ticket, [event]), table.ABSENT)]
    if ticket.conversation_id is not None:
        place = keys.entity(tenant, conversations.KIND, ticket.conversation_id)
        writes.append(table.ConditionCheck(table.entities(), place, table.PRESENT))
    try:
        table.write(*writes)
    except table.ConditionFailed as failure:
        if failure.position != 1:
            raise
        raise NoConversation from None


def replace(
    tenant: str,
    before: StoredTicket,
    after: StoredTicket,
    events: Sequence[Mapping[str, Any]],
    comment: StoredComment | None = None,
) -> None:
    """Write a changed ticket, and with it the comment of the change. Raises `versioned.Changed`."""
    writes: list[table.Operation] = [versioned.replacement(_item(tenant, after, events), before.version)]
    if comment is not None:
        item = keys.belonging(tenant, COMMENTS, after.id, comment.id) | items.attributes(comment)
        writes.append(table.Put(table.entities(), item, table.ABSENT))
    versioned.write(before.version, *writes)


def get(tenant: str, ticket_id: str, *, consistent: bool = False) -> StoredTicket:
    """Read a ticket. Raises `NotFound`."""
    return _ticket(table.required(table.entities(), keys.entity(tenant, KIND, ticket_id), consistent=consistent))


def first_question(tenant: str, conversation_id: str) -> str:
    """What the customer wrote first in a conversation, as far as its first messages tell; `""` where they do not.

    Raises `NoConversation`.
    """
    query = table.Query(
        table.entities(),
        keys.partition(tenant, conversations.MESSAGES, conversation_id),
        condition="#sender = :customer AND #text > :empty",
        values={"customer": "customer", "empty": ""},
        newest_first=False,
        consistent=True,
    )
    messages, _ = next(table.pages(query, limit=_FIRST_MESSAGES))
    if messages:
        return str(messages[0]["text"])
    try:
        conversations.get(tenant, conversation_id, consistent=True)
    except NotFound:
        raise NoConversation from None
    return ""


def page(
    tenant: str,
    status: Status | None,
    priority: Priority | None,
    assignee_id: str | None,
    number: int,
    size: int,
    cursor: str | None,
) -> paging.Page[StoredTicket]:
    """Read a page of tickets with a status, a priority, an assignee, the newest first."""
    queries = list(_queries(tenant, status, priority, assignee_id))
    # How many an assignee has is not counted beforehand: what one agent works on is few.
    known = None if assignee_id else lambda: totals.total(tenant, totals.TICKETS, status, priority)
    found = paging.read(queries, number, size, cursor, known)
    return found.holding(map(_ticket, found.items))


def comments(tenant: str, ticket_id: str, number: int, size: int, cursor: str | None) -> paging.Page[StoredComment]:
    """Read a page of a ticket's comments, the newest first. Raises `NotFound` where there is no such ticket."""
    query = table.Query(table.entities(), keys.partition(tenant, COMMENTS, ticket_id))
    found = paging.read(query, number, size, cursor, lambda: get(tenant, ticket_id).comment_count)
    if not found.items:
        get(tenant, ticket_id)
    return found.holding(items.entity(StoredComment, item) for item in found.items)


def _queries(
    tenant: str, status: Status | None, priority: Priority | None, assignee_id: str | None
) -> Iterator[table.Query]:
    """The partitions of the smallest kind that a list asks for: one of each status that it may have."""
    if status is None and priority is None and assignee_id is None:
        yield table.Query(table.entities(), keys.partition(tenant, KIND))
        return
    for one in STATUSES if status is None else (status,):
        if assignee_id is not None:
            partition, index = keys.partition(tenant, BY_ASSIGNEE, keys.part(assignee_id), one), "gsi3"
        elif priority is not None:
            partition, index = keys.partition(tenant, BY_PRIORITY, priority, one), "gsi2"
        else:
            partition, index = keys.partition(tenant, BY_STATUS, one), "gsi1"
        filtered = assignee_id is not None and priority is not None
        yield table.Query(
            table.entities(),
            partition,
            condition="#priority = :priority" if filtered else "",
            values={"priority": priority} if filtered else {},
            index=index,
            keys_only=True,
        )


def _item(tenant: str, ticket: StoredTicket, events: Sequence[Mapping[str, Any]]) -> Item:
    item: Item = {
        **keys.entity(tenant, KIND, ticket.id),
        **keys.index(1, tenant, BY_STATUS, ticket.status, item_id=ticket.id),
        **keys.index(2, tenant, BY_PRIORITY, ticket.priority, ticket.status, item_id=ticket.id),
        **items.attributes(ticket),
        "events": list(events),
    }
    if ticket.assignee_id is not None:
        assignee = keys.part(ticket.assignee_id)
        item |= keys.index(3, tenant, BY_ASSIGNEE, assignee, ticket.status, item_id=ticket.id)
    return item


def _ticket(item: Item) -> StoredTicket:
    return items.entity(StoredTicket, item)
