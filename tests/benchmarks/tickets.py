"""Samples of the tickets' routes, and a tenant with as many tickets as wanted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from tests.benchmarks import statistics
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.rows import copies, stored
from tests.benchmarks.subject import Subject, request

TICKETS = "functions.support.tickets.api"
NEW_TICKET = {
    "title": "产品咨询",
    "description": "想了解产品价格和功能",
    "priority": "medium",
    "customer_email": "customer@example.com",
}

_ONE = "/v1/tickets/{ticket_id}"


def subjects() -> list[Subject]:
    """All of them."""
    return [
        request(TICKETS, "POST /v1/tickets", NEW_TICKET),
        Subject("POST /v1/tickets (from a conversation)", TICKETS, _from_conversation),
        _list(),
        _list(cursor=""),
        _list(status="open"),
        _list(assignee_id="user_1"),
        _on_ticket(f"GET {_ONE}"),
        # Each time another one: a change that changes nothing is not written.
        _on_ticket(f"PATCH {_ONE}", {"status": "resolved"}, anew=True),
        _on_ticket(f"PATCH {_ONE}", {"status": "resolved", "comment": "问题已解决"}, anew=True, note=" (comment)"),
        _on_ticket(f"POST {_ONE}/comments", {"text": "问题已解决"}),
        _on_ticket(f"GET {_ONE}/comments", comments=20),
    ]


def _new(tenant: Tenant) -> str:
    made: str = tenant.ask(TICKETS, "POST /v1/tickets", NEW_TICKET | {"assignee_id": "user_1"})["data"]["id"]
    return made


def _from_conversation(tenant: Tenant, _: str) -> Callable[[], Any]:
    asked = {"user_id": "user_123", "channel": "web", "initial_message": "你好，我想咨询产品"}
    made = tenant.ask("functions.support.conversations.api", "POST /v1/conversations", asked)["data"]["id"]
    return lambda: tenant.event("POST /v1/tickets", {"conversation_id": made})


def _list(**query: str) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        for _number in range(20):
            _new(tenant)
        return lambda: tenant.event("GET /v1/tickets", query={"limit": "20", **query})

    note = f" ({', '.join(query)})" if query else ""
    return Subject(f"GET /v1/tickets{note}", TICKETS, events_of)


def _on_ticket(route: str, body: Any = None, *, anew: bool = False, comments: int = 0, note: str = "") -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        one = _new(tenant)
        for number in range(comments):
            tenant.ask(TICKETS, f"POST {_ONE}/comments", {"text": str(number)}, ticket_id=one)
        return lambda: tenant.event(route, body, ticket_id=_new(tenant) if anew else one)

    return Subject(route + note, TICKETS, events_of)


AGENT, OWN = "user_1", 40
"""An agent and the number of tickets they have, however many there are in all."""

BUSY = "user_2"
"""Who has all the others."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A tenant with so many tickets, of every status and priority, and a cursor that leads to the middle of them."""

    tenant: Tenant
    middle: str


def fill(tenant: Tenant, rows: int) -> Desk:
    """Copy one real ticket `rows` times, and count the copies as the worker of the statistics does."""
    from functions.support import totals
    from functions.support.tickets import store
    from functions.support.tickets.models import Priority, Status
    from hub import ids, times
    from hub.store import counters, keys, paging, table
    from hub.store.items import to_item

    _new(tenant)
    original = stored(table.entities(), keys.partition(tenant.name, store.KIND))
    start = times.now_ms()
    names = [ids.derived("ticket", start + number, tenant.name) for number in range(rows)]
    statuses, priorities = get_args(Status), get_args(Priority)
    counted: Counter[str] = Counter()
    changes = []
    for number, name in enumerate(names):
        status = statuses[number % len(statuses)]
        priority = priorities[number // len(statuses) % len(priorities)]
        agent = AGENT if number >= rows - OWN else BUSY
        counted[totals.attribute(status, priority)] += 1
        changes.append(
            {
                "sk": name,
                "status": status,
                "priority": priority,
                "assignee_id": agent,
                **keys.index(1, tenant.name, store.BY_STATUS, status, item_id=name),
                **keys.index(2, tenant.name, store.BY_PRIORITY, priority, status, item_id=name),
                **keys.index(3, tenant.name, store.BY_ASSIGNEE, agent, status, item_id=name),
            }
        )
    copies(table.entities(), original, [to_item(change) for change in changes])
    counter = keys.entity(tenant.name, counters.COUNTERS, totals.TICKETS)
    table.write(table.Put(table.activity(), {**counter, **counted}))
    statistics.spread(tenant, rows)
    return Desk(tenant, paging.write_cursor(names[rows // 2]))
