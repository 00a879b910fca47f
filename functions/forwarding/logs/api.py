"""`/api/logs`: what was forwarded (document 5 "日志查询API")."""

from typing import Any

from functions.forwarding.logs import clearing, service
from functions.forwarding.logs.models import (
    Clearing,
    ClearParameters,
    ForwardLog,
    LogParameters,
    StatisticsParameters,
)
from functions.forwarding.statistics import service as statistics
from functions.forwarding.statistics.service import ForwardStatistics
from hub import times
from hub.store.paging import Page
from hub.telemetry import lambda_handler
from hub.web.localisation import text
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D5

api = Api("forwarding", D5(bare=True))


@api.get("/api/logs")
def list_forward_logs(request: Request, query: LogParameters) -> Page[ForwardLog]:
    """List forwarded messages, the newest first; `total` may be a moment behind where it is over a page."""
    return service.listed(request.caller.tenant, query)


@api.get("/api/logs/stats")
def get_forward_statistics(request: Request, query: StatisticsParameters) -> ForwardStatistics:
    """Sum up how many messages were forwarded, how quickly and where."""
    return statistics.statistics(request.caller.tenant, query.period)


@api.post("/api/logs/clear", permission="admin", status=202)
def clear_forward_logs(request: Request, query: ClearParameters) -> Clearing:
    """Clear messages from before the last days; those that wait to be forwarded stay, and so do the statistics."""
    before = clearing.begin(request.caller.tenant, query.days)
    return {
        "success": True,
        "message": text("logs_clearing", request.language),
        "before": times.iso_without_zone(before / 1000),
    }


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
