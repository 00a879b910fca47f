"""`/v1/customers/imports`: customers out of a CSV file, in the background."""

from typing import Any

from functions.crm.imports import service, store
from functions.crm.imports.models import BadRow, ErrorParameters, Import, NewImport
from hub.errors import Forbidden
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D3

api = Api("customers", D3())


@api.post("/v1/customers/imports", status=202, bucket="batch")
def start_import(request: Request, body: NewImport) -> Import:
    """Make customers of the rows of an uploaded file. Customers tell what stands in it, so it also needs `files:read`.

    A row that is wrong keeps no other away; one whose name is taken is wrong, so a file imported twice makes no
    customer twice. An import belongs to its tenant: it goes on when the credential that asked for it ends.
    """
    if not request.accepted.allows("files", "read"):
        raise Forbidden
    return service.start(request.caller, body, request.language)


@api.get("/v1/customers/imports", list_of=store.LISTING.schema)
def list_imports(request: Request, query: ListQuery) -> Page[Import]:
    """List the imports of the last 30 days, filtered, sorted, searched and cut down as document 3 says."""
    return service.listed(request.caller.tenant, query, request.language)


@api.get("/v1/customers/imports/{import_id}")
def get_import(request: Request, import_id: str) -> Import:
    """Show how an import goes."""
    return service.get(request.caller.tenant, import_id, request.language)


@api.get("/v1/customers/imports/{import_id}/errors")
def list_import_errors(request: Request, import_id: str, query: ErrorParameters) -> Page[BadRow]:
    """List the rows that no customer could be made of, in the order of the file, also while it runs."""
    return service.bad_rows(request.caller.tenant, import_id, query, request.language)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
