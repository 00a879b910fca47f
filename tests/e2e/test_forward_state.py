"""The forwarder's log, figures and state on the running stack, and what the live channel tells of them."""

from typing import Any

import pytest
import requests

from hub import times
from tests.e2e.forwarded import forward
from tests.e2e.listening import Listeners
from tests.e2e.polling import eventually
from tests.e2e.running import Client, RunningStack


def states(told: list[Any]) -> list[bool]:
    return [one["data"]["service_running"] for one in told if one["type"] == "status"]


def today(api: Client) -> dict[str, Any]:
    return dict(api.get("/api/logs/stats?period=today").json())


def test_what_was_forwarded_is_listed_counted_and_cleared(stack: RunningStack, api: Client) -> None:
    old = times.now_ms() - 40 * 86_400_000
    for number in range(3):
        forward(stack, api.tenant, str(number), number=number + 1, latency_ms=100)
    forward(stack, api.tenant, number=4, status="failed", latency_ms=None, error={"code": "404", "message": "gone"})
    forward(stack, api.tenant, number=5, created_at=old, target_platform="telegram", latency_ms=100)
    listed = api.get("/api/logs?limit=2").json()
    assert ([one["id"] for one in listed["data"]], listed["page"]) == ([5, 4], 1)
    assert [one["error_message"] for one in api.get("/api/logs?status=failed").json()["data"]] == ["gone"]
    eventually(lambda: today(api)["total"] == 5, "the figures", seconds=40)
    assert today(api) == {
        "total": 5,
        "success": 4,
        "failed": 1,
        "success_rate": 80.0,
        "avg_latency_ms": 100,
        "by_platform": {"discord": 4, "telegram": 1, "feishu": 0},
    }
    assert api.get("/api/logs?limit=1").json()["total"] == 5
    assert api.get("/api/cache/stats").json()["total_misses"] == 1
    assert api.post("/api/logs/clear?days=30").status_code == 202
    eventually(lambda: len(api.get("/api/logs").json()["data"]) == 4, "the old one is cleared", seconds=40)


def test_the_state_is_changed_shown_and_told(stack: RunningStack, api: Client) -> None:
    with Listeners(stack.description["ws_url"]) as listeners:
        listener = listeners.open({"Authorization": f"Bearer {api.key}"})
        assert api.get("/api/health/check").json()["status"] == "healthy"
        assert api.post("/api/system/stop").json()["success"] is True
        eventually(lambda: states(listener.told) == [False], "that it was stopped", seconds=40)
        assert api.get("/api/system/status").json()["service_running"] is False
        assert api.get("/api/health/check").json()["components"]["worker"] == {"status": "stopped"}
        assert api.post("/api/system/start").status_code == 200
        eventually(lambda: states(listener.told) == [False, True], "that it was started", seconds=40)


@pytest.mark.parametrize("path", ["/health", "/api/system/status", "/api/logs", "/api/logs/stats", "/api/backup/list"])
def test_document_5s_requests_without_a_token_act_as_the_first_tenant(stack: RunningStack, path: str) -> None:
    address = stack.description["base_url"]
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(address + path, timeout=30).status_code == 200
        for administered in ("/api/system/stop", "/api/backup/create"):
            assert session.post(address + administered, timeout=30).status_code == 401
        assert session.get(f"{address}/v1/api-keys", timeout=30).status_code == 401
