"""Samples of the log of forwarded messages, its figures, and the forwarder as a whole."""

from collections.abc import Callable
from typing import Any

from tests.benchmarks.deployment import Tenant
from tests.benchmarks.realtime import forwarded
from tests.benchmarks.subject import Subject, request
from tests.forwarder import row

LOGS, SYSTEM = "functions.forwarding.logs.api", "functions.forwarding.system.api"
FIGURES = "functions.forwarding.statistics.count"


def subjects() -> list[Subject]:
    """The routes."""
    return [
        _listed(),
        _listed(" (cursor)", cursor=""),
        _listed(" (failed)", status="failed"),
        _listed(" (succeeded, a platform)", status="success", platform="discord"),
        request(LOGS, "GET /api/logs/stats", query={"period": "month"}),
        request(LOGS, "POST /api/logs/clear", query={"days": "30"}),
        request(SYSTEM, "GET /api/system/status"),
        request(SYSTEM, "POST /api/system/start"),
        request(SYSTEM, "POST /api/system/stop"),
        request(SYSTEM, "POST /api/system/restart"),
        request(SYSTEM, "GET /api/cache/stats"),
        request(SYSTEM, "GET /api/health/check"),
        request(SYSTEM, "GET /api/updates/check"),
        request(SYSTEM, "GET /health"),
    ]


def workers() -> list[Subject]:
    """The worker that counts."""
    return [
        Subject("figures, 100 messages", FIGURES, _count(100), 100),
        Subject("figures, 1 message", FIGURES, _count(1)),
    ]


def _count(number: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    return lambda tenant, _: lambda: {"Records": [forwarded(tenant.name, one) for one in range(number)]}


def _listed(note: str = "", **query: str) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        from functions.forwarding.messages import store

        for number in range(1, 26):
            status: Any = "failed" if number % 5 == 0 else "success"
            store.write(tenant.name, None, row(number, status=status), None)
        return lambda: tenant.event("GET /api/logs", query={"limit": "20", **query})

    return Subject(f"GET /api/logs{note}", LOGS, events_of)
