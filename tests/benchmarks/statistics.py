"""Samples of the support desk's statistics and of the worker that counts for them."""

from collections.abc import Callable
from typing import Any

from hub import events, ids, times
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.rows import copies
from tests.benchmarks.subject import Subject

STATISTICS, COUNT = "functions.support.statistics.api", "functions.support.statistics.count"
ROUTE = "GET /v1/statistics"

_HOUR = 3600
_QUARTERS = 480


def subjects() -> list[Subject]:
    """A month and the longest period, with something of every kind in every quarter of an hour."""
    return [
        Subject(ROUTE, STATISTICS, _asked(30, {})),
        Subject(f"{ROUTE} (366 days)", STATISTICS, _asked(366, {"start_date": "2024-01-01", "end_date": "2024-12-31"})),
    ]


def told(tenant: Tenant, number: int) -> dict[str, Any]:
    """Some event that is counted: of new conversations and tickets, and of answers."""
    data: dict[str, Any] = {"version": 1, "created_at": times.iso(times.now())}
    match number % 5:
        case 0 | 1:
            name = "ticket.created"
            data |= {"ticket_id": ids.new("ticket"), "status": "open", "priority": "medium"}
        case 2 | 3:
            name = "conversation.message"
            data |= {"message_id": ids.new("msg"), "response_seconds": 120}
        case _:
            name = "conversation.created"
            data |= {"conversation_id": ids.new("conv"), "status": "active", "channel": "web"}
            data |= {"satisfaction": None, "rated_at": None}
    return events.event(name, events.Caller(tenant.name, "enterprise", "ak_1", ids.new("req")), data)


def spread(tenant: Tenant, tickets: int) -> None:
    """Count so many tickets, made evenly over the last five days."""
    from functions.support.statistics import count

    for hour in range(_QUARTERS // 4):
        amounts = {f"q{quarter}_{count.TICKETS}": tickets // _QUARTERS for quarter in range(4)}
        _write(tenant, times.now() - hour * _HOUR, amounts)


def _asked(days: int, query: dict[str, str]) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        from functions.support.statistics import count
        from hub.store import counters, keys, table
        from hub.store.items import to_item

        names = [count.CONVERSATIONS, count.TICKETS, count.RATINGS, count.SATISFIED, count.RESPONSES]
        amounts = {f"q{quarter}_{name}": 123 for quarter in range(4) for name in names}
        amounts |= {f"q{quarter}_{count.RESPONSE_SECONDS}": 54_321 for quarter in range(4)}
        last = times.epoch_ms("2024-12-31T23:00:00Z") // 1000 if query else times.now()
        _write(tenant, last, amounts)
        original = to_item({**keys.entity(tenant.name, counters.COUNTERS, _name(last)), **amounts})
        hours = [{"sk": _name(last - hour * _HOUR)} for hour in range(1, days * 24)]
        copies(table.activity(), original, [to_item(hour) for hour in hours])
        return lambda: tenant.event(ROUTE, query=query)

    return events_of


def _name(seconds: int) -> str:
    from functions.support.statistics import count

    return count.HOURS + times.hour_of(seconds)


def _write(tenant: Tenant, seconds: int, amounts: dict[str, int]) -> None:
    from hub.store import counters, keys, table

    table.write(table.Put(table.activity(), {**keys.entity(tenant.name, counters.COUNTERS, _name(seconds)), **amounts}))
