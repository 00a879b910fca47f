"""The same lists at few and at many rows: a page must not cost more for what else there is, or for its depth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import customers, statistics, tickets
from tests.benchmarks.calls import Calls, Recorder
from tests.benchmarks.deployment import MINUTE, Deployment, Tenant
from tests.benchmarks.rows import attributes, copies, forget, stored
from tests.benchmarks.subjects import DELIVER, KEYS, WEBHOOKS, batch, event_of, on_the_bus, queued

FEW = 500
MANY_TICKETS = 50_000
MANY_FILTERED = 2_000
"""A filter that nothing matches reads every row: enough to show it."""

_LOGS = "GET /v1/webhooks/{webhook_id}/logs"

_BOUNDED = "counts every row for the exact total, up to 10,000; beyond that a 400 names the cursor (CONTRACT section 2)"


@dataclass(frozen=True, slots=True)
class Scale:
    """One list at two sizes. `met`: the cost is the same; `note` says what to know of it."""

    name: str
    rows: tuple[int, int]
    calls: tuple[Calls, Calls]
    status: tuple[int, int]
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether reads and writes are the same in number and in units."""
        few, many = self.calls
        return (len(few.made), few.read_units, few.write_units) == (len(many.made), many.read_units, many.write_units)


@dataclass(frozen=True, slots=True)
class _Question:
    name: str
    module: str
    event: Callable[[Any], Any]
    note: str = ""


@dataclass(slots=True)
class _Filled:
    """A tenant with so many deliveries of one webhook and so many API keys."""

    tenant: Tenant
    webhook: str
    middle_delivery: str
    middle_key: str


def measure(deployment: Deployment, receiver: str, recorder: Recorder, many: int) -> list[Scale]:
    """Ask the same of a tenant with few rows and of one with many."""
    some = min(many, MANY_FILTERED)
    few, lots, filtered = (_fill(deployment, receiver, rows) for rows in (FEW, many, some))
    made = [_compare(deployment, recorder, question, (few, lots), (FEW, many)) for question in _questions()]
    made += [_compare(deployment, recorder, question, (few, filtered), (FEW, some)) for question in _filters()]
    forget()
    sizes = FEW, min(many, MANY_TICKETS)
    desks = tickets.fill(deployment.tenant(), sizes[0]), tickets.fill(deployment.tenant(), sizes[1])
    made += [_compare(deployment, recorder, question, desks, sizes) for question in _of_tickets()]
    forget()
    few_customers, lots_of_customers, searched = (
        customers.fill(deployment.tenant(), rows) for rows in (FEW, many, some)
    )
    books = few_customers, lots_of_customers
    made += [_compare(deployment, recorder, question, books, (FEW, many)) for question in _of_customers()]
    made += [_compare(deployment, recorder, one, (few_customers, searched), (FEW, some)) for one in _searches()]
    forget()
    return made


def _questions() -> list[_Question]:
    from hub.store.paging import write_cursor

    def logs(**query: str) -> Callable[[_Filled], Any]:
        return lambda filled: filled.tenant.event(_LOGS, query=query, webhook_id=filled.webhook)

    def deep_logs(filled: _Filled) -> Any:
        query = {"cursor": write_cursor(filled.middle_delivery)}
        return filled.tenant.event(_LOGS, query=query, webhook_id=filled.webhook)

    def deep_keys(filled: _Filled) -> Any:
        return filled.tenant.event("GET /v1/api-keys", query={"cursor": write_cursor(filled.middle_key)})

    return [
        _Question("webhook logs, first page by cursor", WEBHOOKS, logs(cursor="")),
        _Question("webhook logs, cursor in the middle", WEBHOOKS, deep_logs),
        _Question("webhook logs, page 1 by number", WEBHOOKS, logs(page="1"), _BOUNDED),
        _Question(
            "API keys, first page by cursor",
            KEYS,
            lambda filled: filled.tenant.event("GET /v1/api-keys", query={"cursor": ""}),
        ),
        _Question("API keys, cursor in the middle", KEYS, deep_keys),
        _Question("API keys, page 1 by number", KEYS, lambda filled: filled.tenant.event("GET /v1/api-keys"), _BOUNDED),
        _Question(
            "fan-out of an event",
            "functions.webhooks.fan_out",
            lambda filled: batch([on_the_bus(event_of(filled.tenant))]),
            "reads all webhooks of the tenant, 100 at most",
        ),
        _Question("delivery", DELIVER, lambda filled: queued(filled.tenant, filled.webhook, 1)),
    ]


def _filters() -> list[_Question]:
    def logs(**query: str) -> Callable[[_Filled], Any]:
        return lambda filled: filled.tenant.event(_LOGS, query=query, webhook_id=filled.webhook)

    note = "a filter that nothing matches is looked for in every row"
    return [
        _Question("webhook logs, `status=failed`, by cursor", WEBHOOKS, logs(cursor="", status="failed"), note),
        _Question("webhook logs, `event=…`, by cursor", WEBHOOKS, logs(cursor="", event="ticket.created"), note),
        _Question("webhook logs, `status=failed`, by number", WEBHOOKS, logs(status="failed"), note),
    ]


def _of_tickets() -> list[_Question]:
    def listed(**query: str) -> Callable[[tickets.Desk], Any]:
        return lambda desk: desk.tenant.event("GET /v1/tickets", query=query)

    def deep(**query: str) -> Callable[[tickets.Desk], Any]:
        return lambda desk: listed(cursor=desk.middle, **query)(desk)

    asked = {
        "page 1 by number": listed(page="1"),
        "first page by cursor": listed(cursor=""),
        "cursor in the middle": deep(),
        "`status`, page 1 by number": listed(status="open"),
        "`status`, cursor in the middle": deep(status="open"),
        "`priority`, page 1 by number": listed(priority="high"),
        "`status` and `priority`, page 1 by number": listed(status="open", priority="high"),
        "`assignee_id`, first page by cursor": listed(cursor="", assignee_id=tickets.BUSY),
        "`assignee_id` and `status`, first page by cursor": listed(cursor="", assignee_id=tickets.BUSY, status="open"),
        f"`assignee_id` of {tickets.OWN} tickets, page 1 by number": listed(assignee_id=tickets.AGENT),
    }
    made = [_Question(f"tickets, {name}", tickets.TICKETS, event) for name, event in asked.items()]
    counted = "reads the hours that had any, however many there were: at most 8,784 of 366 days, and one more day's"
    return [
        *made,
        _Question(
            "tickets, `assignee_id` of nearly all, page 1 by number",
            tickets.TICKETS,
            listed(assignee_id=tickets.BUSY),
            _BOUNDED,
        ),
        _Question(
            "statistics of tickets over five days",
            statistics.STATISTICS,
            lambda desk: desk.tenant.event(statistics.ROUTE),
            counted,
        ),
        _Question(
            "counting of a ticket",
            statistics.COUNT,
            lambda desk: batch([on_the_bus(statistics.told(desk.tenant, 0))]),
        ),
    ]


def _of_customers() -> list[_Question]:
    def paged(*, deep: bool, **query: str) -> Callable[[customers.Book], Any]:
        return lambda book: book.page(deep=deep, **query)

    def numbered(**query: str) -> Callable[[customers.Book], Any]:
        return lambda book: book.tenant.event(customers.ROUTE, query=query)

    orders: list[dict[str, str]] = [{}, {"status": "prospect"}, {"sort": "amount"}, {"sort": "name", "order": "asc"}]
    asked = {
        f"{_told(query)}{place}": paged(deep=deep, **query)
        for query in orders
        for place, deep in (("first page by cursor", False), ("cursor in the middle", True))
    }
    made = [_Question(f"customers, {name}", customers.CUSTOMERS, event) for name, event in asked.items()]
    known = "the total is counted up to 200, and from there on told by its events"
    return [
        *made,
        _Question("customers, page 1 by number", customers.CUSTOMERS, numbered(), known),
        _Question("customers, `status`, page 1 by number", customers.CUSTOMERS, numbered(status="active"), _BOUNDED),
        _Question("customers, `name`, by number", customers.CUSTOMERS, numbered(name="示例科技有限公司 000123")),
        _Question(
            "counting of a customer", customers.TOTALS, lambda book: batch([on_the_bus(customers.told(book.tenant))])
        ),
    ]


def _searches() -> list[_Question]:
    by_cursor = "holds 5,000 rows at most against the search; the next page goes on from there"
    by_number = "holds 20,000 rows at most against the search; beyond that a 400 names the cursor"
    return [
        _Question(
            "customers, `search` that finds none, by cursor",
            customers.CUSTOMERS,
            lambda book: book.page(search="?"),
            by_cursor,
        ),
        _Question(
            "customers, `search` that finds none, by number",
            customers.CUSTOMERS,
            lambda book: book.tenant.event(customers.ROUTE, query={"search": "?"}),
            by_number,
        ),
    ]


def _told(query: dict[str, str]) -> str:
    return "".join(f"`{name}={value}`, " for name, value in query.items() if name != "order")


_Tenant = _Filled | tickets.Desk | customers.Book


def _compare(
    deployment: Deployment,
    recorder: Recorder,
    question: _Question,
    filled: tuple[_Tenant, _Tenant],
    rows: tuple[int, int],
) -> Scale:
    calls: list[Calls] = []
    status: list[int] = []
    for one in filled:
        deployment.pass_time(MINUTE)
        # The first request of the minute turns the window.
        deployment.run(KEYS, one.tenant.event("GET /v1/api-keys/{api_key_id}", api_key_id="ak_none"))
        event = question.event(one)
        with recorder.recording() as made:
            answer = deployment.run(question.module, event).value
        calls.append(made.without_answers())
        status.append(answer.get("statusCode", 200))
    return Scale(question.name, rows, (calls[0], calls[1]), (status[0], status[1]), question.note)


def _fill(deployment: Deployment, receiver: str, rows: int) -> _Filled:
    """Copy one real delivery and one real key `rows` times."""
    from hub import ids, times
    from hub.store import keys, table

    tenant = deployment.tenant()
    made = tenant.ask(WEBHOOKS, "POST /v1/webhooks", {"url": receiver + "/ok", "events": ["api_key.*"]})
    webhook: str = made["data"]["id"]
    deployment.run(DELIVER, queued(tenant, webhook, 1))
    start = times.now_ms()
    names = {
        kind: [ids.derived(kind, start + number, tenant.name, str(number)) for number in range(rows)]
        for kind in ("log", "ak")
    }
    delivery = stored(table.activity(), keys.partition(tenant.name, "DELIVERY", webhook))
    copies(table.activity(), delivery, [{"sk": {"S": name}} for name in names["log"]])
    key = stored(table.entities(), keys.partition(tenant.name, "API_KEY"))
    hashes = [f"{tenant.name}-{number:0>{60 - len(tenant.name)}}" for number in range(rows)]
    copies(
        table.entities(),
        key,
        [
            {"sk": {"S": name}, "credentials": {"L": [{"S": hashed}]}}
            for name, hashed in zip(names["ak"], hashes, strict=True)
        ],
    )
    credential = stored(table.activity(), keys.credential(key["credentials"]["L"][0]["S"])["pk"])
    # Those that the pages asked for show; the other rows' counters are never read.
    shown = [*hashes[-120:], *hashes[rows // 2 - 60 : rows // 2 + 60]]
    copies(table.activity(), credential, [dict(attributes(keys.credential(hashed))) for hashed in shown])
    return _Filled(tenant, webhook, names["log"][rows // 2], names["ak"][rows // 2])
