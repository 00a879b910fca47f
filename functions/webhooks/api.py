"""`/v1/webhooks` (document 1 section 4, document 3 "Webhook", CONTRACT section 7)."""

from typing import Any

from functions.webhooks import service
from functions.webhooks.models import (
    Delivery,
    LogParameters,
    NewWebhook,
    Replay,
    ReplayRequest,
    ReplayStarted,
    Retried,
    RetryRequest,
    StatisticsParameters,
    Webhook,
    WebhookChange,
    WebhookSecretRotation,
    WebhookStatistics,
    WebhookTestResult,
    WebhookWithSecret,
)
from hub.store.paging import Page
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D12
from hub.web.validation import PageParameters

api = Api("webhooks", D12(), bucket="webhooks")


@api.post("/v1/webhooks", status=201)
def create_webhook(request: Request, body: NewWebhook) -> WebhookWithSecret:
    """Make a webhook. Its secret is shown in this answer only."""
    return service.create(request.caller, body)


@api.get("/v1/webhooks")
def list_webhooks(request: Request, query: PageParameters) -> Page[Webhook]:
    """List webhooks, the newest first."""
    return service.listed(request.caller.tenant, query)


@api.get("/v1/webhooks/{webhook_id}")
def get_webhook(request: Request, webhook_id: str) -> Webhook:
    """Show a webhook."""
    return service.get(request.caller.tenant, webhook_id)


@api.put("/v1/webhooks/{webhook_id}")
def update_webhook(request: Request, webhook_id: str, body: WebhookChange) -> Webhook:
    """Change the fields sent."""
    return service.change(request.caller.tenant, webhook_id, body)


@api.patch("/v1/webhooks/{webhook_id}")
def patch_webhook(request: Request, webhook_id: str, body: WebhookChange) -> Webhook:
    """Change the fields sent."""
    return service.change(request.caller.tenant, webhook_id, body)


@api.delete("/v1/webhooks/{webhook_id}")
def delete_webhook(request: Request, webhook_id: str) -> None:
    """Delete a webhook."""
    service.delete(request.caller.tenant, webhook_id)


@api.post("/v1/webhooks/{webhook_id}/test")
def test_webhook(request: Request, webhook_id: str) -> WebhookTestResult:
    """Send a test event now and tell what came of it."""
    return service.test(request.caller, webhook_id)


@api.get("/v1/webhooks/{webhook_id}/logs")
def list_webhook_logs(request: Request, webhook_id: str, query: LogParameters) -> Page[Delivery]:
    """List deliveries with their attempts, the newest first."""
    return service.logs(request.caller.tenant, webhook_id, query)


@api.get("/v1/webhooks/{webhook_id}/stats")
def get_webhook_statistics(request: Request, webhook_id: str, query: StatisticsParameters) -> WebhookStatistics:
    """Tell how deliveries went, in all and by hour: success rate and response times."""
    return service.stats(request.caller.tenant, webhook_id, query)


@api.post("/v1/webhooks/{webhook_id}/retry", status=202)
def retry_webhook(request: Request, webhook_id: str, body: RetryRequest) -> Retried:
    """Send failed deliveries again, all or the named ones."""
    return service.retry(request.caller.tenant, webhook_id, body.log_ids)


@api.post("/v1/webhooks/{webhook_id}/replay", status=202)
def replay_webhook(request: Request, webhook_id: str, body: ReplayRequest) -> ReplayStarted:
    """Send all deliveries of a time again, also those missed while the webhook was inactive; one replay at a time."""
    return service.replay(request.caller.tenant, webhook_id, body)


@api.get("/v1/webhooks/{webhook_id}/replays/{replay_id}")
def get_webhook_replay(request: Request, webhook_id: str, replay_id: str) -> Replay:
    """Tell how a replay goes."""
    return service.get_replay(request.caller.tenant, webhook_id, replay_id)


@api.post("/v1/webhooks/{webhook_id}/rotate-secret")
def rotate_webhook_secret(request: Request, webhook_id: str, body: WebhookSecretRotation) -> WebhookWithSecret:
    """Give a webhook a new secret, shown in this answer only; the old one signs beside it for a while."""
    return service.rotate_secret(request.caller.tenant, webhook_id, body)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
