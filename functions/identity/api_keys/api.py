"""`/v1/api-keys` (document 1 section 1, and `rotate`)."""

from typing import Any

from functions.identity.api_keys import service
from functions.identity.api_keys.models import (
    ApiKey,
    ApiKeyChange,
    ApiKeyWithSecret,
    NewApiKey,
    RotatedApiKey,
    Rotation,
    Usage,
    UsageParameters,
)
from hub.store.paging import Page
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D1
from hub.web.validation import PageParameters

api = Api("api_keys", D1())


@api.post("/v1/api-keys", permission="admin", status=201)
def create_api_key(request: Request, body: NewApiKey) -> ApiKeyWithSecret:
    """Make an API key. Its secret is shown in this answer only."""
    return service.create(request.caller, body)


@api.get("/v1/api-keys", permission="admin")
def list_api_keys(request: Request, query: PageParameters) -> Page[ApiKey]:
    """List API keys, the newest first."""
    return service.listed(request.caller.tenant, query)


@api.get("/v1/api-keys/{api_key_id}", permission="admin")
def get_api_key(request: Request, api_key_id: str) -> ApiKey:
    """Show an API key."""
    return service.get(request.caller.tenant, api_key_id)


@api.put("/v1/api-keys/{api_key_id}", permission="admin")
def update_api_key(request: Request, api_key_id: str, body: ApiKeyChange) -> ApiKey:
    """Change the fields sent."""
    return service.change(request.caller, api_key_id, body)


@api.delete("/v1/api-keys/{api_key_id}", permission="admin")
def delete_api_key(request: Request, api_key_id: str) -> None:
    """Delete an API key; it fails from the next request on."""
    service.delete(request.caller, api_key_id)


@api.get("/v1/api-keys/{api_key_id}/usage", permission="admin")
def get_api_key_usage(request: Request, api_key_id: str, query: UsageParameters) -> Usage:
    """Count an API key's requests by hour or day."""
    return service.usage(request.caller.tenant, api_key_id, query.period)


@api.post("/v1/api-keys/{api_key_id}/rotate", permission="admin")
def rotate_api_key(request: Request, api_key_id: str, body: Rotation) -> RotatedApiKey:
    """Give an API key a new secret; the old one stays good for a while."""
    return service.rotate(request.caller, api_key_id, body.overlap_seconds)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
