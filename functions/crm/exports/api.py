"""`/v1/customers/exports`: customers as a CSV file, in the background."""

from typing import Any

from functions.crm.exports import service, store
from functions.crm.exports.models import Export, ExportWithDownload, NewExport
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D3

api = Api("customers", D3())


@api.post("/v1/customers/exports", permission="read", status=202, bucket="batch")
def start_export(request: Request, body: NewExport) -> ExportWithDownload:
    """Write customers to a CSV file, which an import reads as it is. What changes meanwhile may be in it or not."""
    return service.start(request.caller.tenant, body)


@api.get("/v1/customers/exports", list_of=store.LISTING.schema)
def list_exports(request: Request, query: ListQuery) -> Page[Export]:
    """List the exports of the last 30 days, filtered, sorted, searched and cut down as document 3 says."""
    return service.listed(request.caller.tenant, query, request.language)


@api.get("/v1/customers/exports/{export_id}")
def get_export(request: Request, export_id: str) -> ExportWithDownload:
    """Show how an export goes, and once it is completed where to download it for the next 15 minutes."""
    return service.get(request.caller.tenant, export_id, request.language)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
