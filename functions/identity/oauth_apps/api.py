"""`/v1/oauth/apps` and `/v1/oauth/grants` (document 1 section 5.1, CONTRACT section 4)."""

from typing import Any

from functions.identity.oauth_apps import service
from functions.identity.oauth_apps.models import (
    App,
    AppChange,
    AppWithSecret,
    Consent,
    NewApp,
    RotatedSecret,
)
from hub.rotation import SecretRotation
from hub.store.paging import Page
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D1
from hub.web.validation import PageParameters

api = Api("oauth", D1())


@api.post("/v1/oauth/apps", permission="admin", status=201)
def create_oauth_app(request: Request, body: NewApp) -> AppWithSecret:
    """Register an OAuth application. Its secret is shown in this answer only."""
    return service.create(request.caller, body)


@api.get("/v1/oauth/apps", permission="admin")
def list_oauth_apps(request: Request, query: PageParameters) -> Page[App]:
    """List OAuth applications, the newest first."""
    return service.listed(request.caller.tenant, query)


@api.get("/v1/oauth/apps/{app_id}", permission="admin")
def get_oauth_app(request: Request, app_id: str) -> App:
    """Show an OAuth application."""
    return service.get(request.caller.tenant, app_id)


@api.put("/v1/oauth/apps/{app_id}", permission="admin")
def update_oauth_app(request: Request, app_id: str, body: AppChange) -> App:
    """Change the fields sent."""
    return service.change(request.caller, app_id, body)


@api.delete("/v1/oauth/apps/{app_id}", permission="admin")
def delete_oauth_app(request: Request, app_id: str) -> None:
    """Delete an OAuth application and end every token it holds."""
    service.delete(request.caller, app_id)


@api.post("/v1/oauth/apps/{app_id}/rotate-secret", permission="admin")
def rotate_oauth_app_secret(request: Request, app_id: str, body: SecretRotation) -> RotatedSecret:
    """Give a confidential application a new secret; the old one stays good for a while."""
    return service.rotate_secret(request.caller, app_id, body.overlap_seconds)


@api.get("/v1/oauth/grants")
def list_oauth_grants(request: Request, query: PageParameters) -> Page[Consent]:
    """List what users allow applications: your own, or the tenant's for an administrator."""
    return service.consents(request.caller.tenant, _only(request), query)


@api.delete("/v1/oauth/grants/{grant_id}")
def revoke_oauth_grant(request: Request, grant_id: str) -> None:
    """Take back what a user allowed an application; its tokens fail from the next request on."""
    service.revoke_consent(request.caller, _only(request), grant_id)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)


def _only(request: Request) -> str | None:
    """The user whose consents the caller may see; `None` for an administrator, who sees all."""
    credential = request.accepted
    return None if "admin" in credential.permissions else credential.user_id or "nobody"
