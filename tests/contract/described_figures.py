"""The forwarder's log and the forwarder as a whole, used so that what they answer can be held to the description."""

from typing import TYPE_CHECKING

import hub
from functions.forwarding.system import updates
from tests.contract.connectors.fakes import Fake, told
from tests.contract.forward_logs import write
from tests.forwarder import row

if TYPE_CHECKING:
    import pytest

    from tests.contract.test_openapi_answers import Client


def use_forward_figures(client: "Client", monkeypatch: "pytest.MonkeyPatch") -> None:
    failed = row(2, status="failed", latency_ms=None, error={"code": "10015", "message": "Unknown Webhook"})
    write("acme", row(1), failed, row(3, status="pending", latency_ms=None))
    for asked in ({}, {"limit": "1", "page": "2"}, {"cursor": "", "limit": "1"}, {"status": "failed"}, {"limit": "0"}):
        client("GET /api/logs", query=asked)
    for period in ("today", "month", "year"):
        client("GET /api/logs/stats", query={"period": period})
    client("POST /api/logs/clear", query={"days": "30"})
    client("POST /api/logs/clear", query={"days": "x"})
    for name in ("stop", "start", "restart"):
        client(f"POST /api/system/{name}")
    for path in ("/api/system/status", "/api/cache/stats", "/api/health/check", "/health", "/api/updates/check"):
        client(f"GET {path}")
    with Fake(
        told({"tag_name": f"v{hub.__version__}.1", "html_url": "https://example.com", "body": "..."})
    ) as releases:
        monkeypatch.setenv("UPDATES_URL", f"{releases.url}/latest")
        updates._settings.cache_clear()
        client("GET /api/updates/check")
    updates._settings.cache_clear()
    monkeypatch.delenv("UPDATES_URL")
