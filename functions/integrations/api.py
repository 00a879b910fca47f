"""`/v1/integrations`: connections to providers (document 1 section 3, CONTRACT section 8)."""

from typing import Any

from functions.integrations import service
from functions.integrations.models import (
    Integration,
    IntegrationChange,
    IntegrationParameters,
    NewIntegration,
    Tested,
)
from hub.store.paging import Page
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D1

api = Api("integrations", D1())


@api.post("/v1/integrations", status=201)
def create_integration(request: Request, body: NewIntegration) -> Integration:
    """Make an integration. Its config is checked as its service type asks; the provider is not called."""
    return service.create(request.caller, body)


@api.get("/v1/integrations")
def list_integrations(request: Request, query: IntegrationParameters) -> Page[Integration]:
    """List integrations, the newest first; those of a service type, a status."""
    return service.listed(request.caller.tenant, query)


@api.get("/v1/integrations/{integration_id}")
def get_integration(request: Request, integration_id: str) -> Integration:
    """Show an integration."""
    return service.get(request.caller.tenant, integration_id)


@api.put("/v1/integrations/{integration_id}")
def update_integration(request: Request, integration_id: str, body: IntegrationChange) -> Integration:
    """Change the fields sent."""
    return service.change(request.caller, integration_id, body)


@api.delete("/v1/integrations/{integration_id}")
def delete_integration(request: Request, integration_id: str) -> None:
    """Delete an integration."""
    service.delete(request.caller, integration_id)


@api.post("/v1/integrations/{integration_id}/test")
def test_integration(request: Request, integration_id: str) -> Tested:
    """Ask the provider who we are, without anybody seeing it; what it refuses is told in its own words.

    An integration whose provider takes nothing from it any more is in `error`, until a test succeeds or it is changed.
    """
    return service.test(request.caller, integration_id)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
