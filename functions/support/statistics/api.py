"""`GET /v1/statistics` (document 2 "数据统计")."""

from typing import Any

from functions.support.statistics import service
from functions.support.statistics.models import Statistics, StatisticsParameters
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D2

api = Api("statistics", D2(), bucket="support")


@api.get("/v1/statistics")
def get_statistics(request: Request, query: StatisticsParameters) -> Statistics:
    """Tell how many conversations and tickets were made, how fast customers were answered, how satisfied they were."""
    return service.statistics(request.caller.tenant, query)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
