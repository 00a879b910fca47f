"""`/v1/integrations`: connections to providers (document 1 section 3, CONTRACT section 8)."""

from typing import Annotated, Any

from functions.integrations import callbacks, service
from functions.integrations.models import (
    Integration,
    IntegrationChange,
    IntegrationParameters,
    NewIntegration,
    Tested,
)
from functions.integrations.syncs import service as syncs
from functions.integrations.syncs.models import RecordParameters, Sync, SyncedRecord
from hub.connectors.protocol import Callback
from hub.store.paging import Page
from hub.telemetry import lambda_handler
from hub.web.request import Raw, Request
from hub.web.resolver import Api
from hub.web.styles import D1
from hub.web.validation import PageParameters

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


@api.post("/v1/integrations/{integration_id}/sync", status=202)
def sync_integration(request: Request, integration_id: str) -> Sync:
    """Begin to read what the provider has. While a sync runs, the answer is that one: there is one at a time."""
    return syncs.start(request.caller, integration_id)


@api.post("/v1/integrations/{integration_id}/callback", public=True)
def receive_change(request: Request, integration_id: str) -> Annotated[Raw, "text/plain"]:
    """Take what a provider tells of its records, signed as it prescribes: a sync begins soon.

    Of `slack` events of an app (Events API), of `github` and `jira` webhooks that have a secret, of `http` whatever is
    signed as Standard Webhooks ask. Many callbacks become few syncs, which begin a minute apart.
    """
    callback = Callback("POST", request.parameters, request.headers, request.body)
    heard = callbacks.hear(integration_id, callback, request.request_id)
    return Raw(heard.reply, heard.content_type)


@api.get("/v1/integrations/{integration_id}/syncs")
def list_syncs(request: Request, integration_id: str, query: PageParameters) -> Page[Sync]:
    """List an integration's syncs, the newest first; each is kept for 30 days."""
    return syncs.listed(request.caller.tenant, integration_id, query)


@api.get("/v1/integrations/{integration_id}/syncs/{sync_id}")
def get_sync(request: Request, integration_id: str, sync_id: str) -> Sync:
    """Show how far a sync is, or how it ended."""
    return syncs.get(request.caller.tenant, integration_id, sync_id)


@api.get("/v1/integrations/{integration_id}/records")
def list_records(request: Request, integration_id: str, query: RecordParameters) -> Page[SyncedRecord]:
    """List what syncs have read, by kind and the provider's id, each with what became of it last.

    Of a kind, of a change. A page may be short or empty and still not be the last: `has_more` tells. What the provider
    no longer has is `deleted`, and forgotten 30 days later.
    """
    return syncs.listed_records(request.caller.tenant, integration_id, query)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
