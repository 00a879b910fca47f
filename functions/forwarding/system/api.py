"""`/api/system`, `/api/cache`, `/api/health`, `/api/updates` and `/health` (document 5)."""

from typing import Any

from functions.forwarding.system import health, service, status, updates
from functions.forwarding.system.models import CacheStatistics, Health, HealthCheck, SystemTold, UpdateCheck
from functions.forwarding.system.status import SystemStatus
from hub.telemetry import lambda_handler
from hub.web.localisation import text
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D5

api = Api("forwarding", D5(bare=True))


@api.get("/api/system/status")
def get_system_status(request: Request) -> SystemStatus:
    """Tell how forwarding stands."""
    return status.get(request.caller.tenant)


@api.post("/api/system/start", permission="admin")
def start_system(request: Request) -> SystemTold:
    """Forward messages, those first that were held back."""
    service.start(request.caller)
    return {"success": True, "message": text("system_started", request.language)}


@api.post("/api/system/stop", permission="admin")
def stop_system(request: Request) -> SystemTold:
    """Hold messages back: they are captured and wait, none is lost."""
    service.stop(request.caller)
    return {"success": True, "message": text("system_stopped", request.language)}


@api.post("/api/system/restart", permission="admin")
def restart_system(request: Request) -> SystemTold:
    """Stop, and start again."""
    service.restart(request.caller)
    return {"success": True, "message": text("system_restarted", request.language)}


@api.get("/api/cache/stats")
def get_cache_statistics(request: Request) -> CacheStatistics:
    """Tell what the cache did."""
    return service.cache_statistics(request.caller.tenant)


@api.get("/health", public=True)
def get_health(request: Request) -> Health:
    """Tell that the API answers; nothing else is asked."""
    del request
    return {"status": "healthy"}


@api.get("/api/health/check")
def check_health(request: Request) -> HealthCheck:
    """Look at each part, and tell how long it took to answer."""
    return health.check(request.caller.tenant)


@api.get("/api/updates/check")
def check_updates(request: Request) -> UpdateCheck:
    """Tell whether there is a newer release."""
    return updates.check(request.caller.tenant, request.language)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
