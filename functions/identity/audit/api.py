"""`/v1/audit-log`: who did what to keys, applications, users and grants."""

from typing import Any

from functions.identity.audit import service
from functions.identity.audit.models import AuditParameters, AuditRecord
from hub.store.paging import Page
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D1

api = Api("audit_log", D1())


@api.get("/v1/audit-log", permission="admin")
def list_audit_log(request: Request, query: AuditParameters) -> Page[AuditRecord]:
    """List what was done to keys, applications, users and grants in the last 90 days, the newest first.

    A record can be read some seconds after what it tells of.
    """
    return service.listed(request.caller.tenant, query)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
