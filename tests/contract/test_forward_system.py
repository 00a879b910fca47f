"""Document 5 "系统控制API", "健康检查API" and "更新检查API"."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

import hub
from functions.forwarding import cache, state
from functions.forwarding.system import updates
from hub import aws
from hub.store import table
from tests.conftest import Clock, Deployment
from tests.contract import memory
from tests.contract.connectors.fakes import CLOSED_EARLY, GARBAGE, OUT_OF_ORDER, Fake, Reply, told
from tests.contract.forward_logs import write
from tests.forwarder import new_account, new_bot, row

STATUS, CACHE, HEALTH, UPDATES = "/api/system/status", "/api/cache/stats", "/api/health/check", "/api/updates/check"


def add_account(email: str, status: Any, tenant: str = "default") -> None:
    new_account(tenant=tenant, email=email, status=status, is_started=status != "offline")


def add_bot(mappings: int, tenant: str = "default") -> None:
    new_bot(tenant=tenant, mapping_count=mappings)


def test_the_status_is_as_documented(deployment: Deployment, clock: Clock) -> None:
    for number, status in enumerate(("online", "online")):
        add_account(f"{number}@example.com", status)
    for mappings in (1, 2, 3):
        add_bot(mappings)
    write("default", *(row(number, status="pending", latency_ms=None) for number in range(1, 6)))
    assert deployment.call("POST", "/api/system/restart").status == 200
    clock.advance(3600)
    assert deployment.call("GET", STATUS).json == {
        "service_running": True,
        "redis_connected": True,
        "queue_size": 5,
        "account_count": 2,
        "active_accounts": 2,
        "bot_count": 3,
        "mapping_count": 6,
        "uptime_seconds": 3600,
        "version": hub.__version__,
    }


def test_a_tenant_runs_from_its_first_day_on(deployment: Deployment, clock: Clock) -> None:
    (owner,) = (item for item in table.items(table.Query(table.entities(), "T#default#TENANT")))
    clock.seconds = owner["created_at"] + 90
    found = deployment.call("GET", STATUS).json
    assert (found["service_running"], found["uptime_seconds"], found["account_count"]) == (True, 90, 0)


def test_another_tenants_forwarding_is_its_own(deployment: Deployment, other_tenant: Deployment) -> None:
    add_account("a@example.com", "online", "other")
    add_bot(3, "other")
    other_tenant.call("POST", "/api/system/stop")
    found = deployment.call("GET", STATUS).json
    assert (found["service_running"], found["account_count"], found["mapping_count"]) == (True, 0, 0)


@pytest.mark.parametrize(
    ("name", "message", "running"),
    [
        ("start", "服务启动成功", True),
        ("stop", "服务已停止,消息将保留到再次启动", False),
        ("restart", "服务重启成功", True),
    ],
)
def test_it_is_started_and_stopped(deployment: Deployment, name: str, message: str, running: bool) -> None:
    for _ in range(2):
        answer = deployment.call("POST", f"/api/system/{name}")
        assert (answer.status, answer.json) == (200, {"success": True, "message": message})
        assert state.is_running("default") is running
    found = deployment.call("GET", STATUS).json
    assert found["service_running"] is running
    if not running:
        assert found["uptime_seconds"] == 0


@pytest.mark.parametrize("name", ["start", "stop", "restart"])
def test_only_an_administrator_may(deployment: Deployment, name: str) -> None:
    writer = deployment.new_key("read", "write", "forwarding:write")["key"]
    assert deployment.call("POST", f"/api/system/{name}", key=writer).status == 403
    assert deployment.call("POST", f"/api/system/{name}", key=None).status == 401


def test_the_cache_tells_what_it_did(deployment: Deployment, clock: Clock) -> None:
    nothing = {"cache_size": 0, "hit_rate": 0.0, "miss_rate": 0.0, "total_hits": 0, "total_misses": 0}
    assert deployment.call("GET", CACHE).json == nothing
    asked: list[str] = []

    def make() -> str:
        asked.append("")
        return "made"

    for _ in range(17):
        assert cache.through("default", "one", 60, make) == "made"
    for number in range(2):
        cache.through("default", str(number), 60, make)
    found = deployment.call("GET", CACHE).json
    assert len(asked) == 3
    assert found == {"cache_size": 3, "hit_rate": 0.8421, "miss_rate": 0.1579, "total_hits": 16, "total_misses": 3}
    clock.advance(61)
    assert deployment.call("GET", CACHE).json["cache_size"] == 0
    cache.through("default", "one", 60, make)
    cache.forget("default", "one")
    cache.forget("default", "never there")
    cache.through("default", "one", 60, make)
    assert (len(asked), deployment.call("GET", CACHE).json["total_misses"]) == (5, 5)


def test_what_could_not_be_made_is_not_cached(deployment: Deployment) -> None:
    with pytest.raises(ZeroDivisionError):
        cache.through("default", "one", 60, lambda: 1 / 0)
    assert cache.through("default", "one", 60, lambda: 1) == 1


def test_the_log_asks_the_cache(deployment: Deployment) -> None:
    write("default", *(row(number) for number in range(1, 4)))
    for _ in range(3):
        assert deployment.call("GET", "/api/logs?limit=1").json["total"] == 3
    found = deployment.call("GET", CACHE).json
    assert (found["total_hits"], found["total_misses"]) == (2, 1)


def test_health_needs_no_credential_and_calls_nobody(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "dynamodb", lambda: pytest.fail("a call"))
    answer = deployment.call("GET", "/health", key=None)
    assert (answer.status, answer.json) == (200, {"status": "healthy"})


def test_the_check_is_as_documented(deployment: Deployment, clock: Clock) -> None:
    for number in range(2):
        add_account(f"{number}@example.com", "online")
    found = deployment.call("GET", HEALTH).json
    latencies = [found["components"][name].pop("latency_ms") for name in ("redis", "database")]
    assert all(isinstance(one, int) and one >= 0 for one in latencies)
    assert found == {
        "status": "healthy",
        "components": {
            "redis": {"status": "up"},
            "database": {"status": "up"},
            "worker": {"status": "running"},
            "scrapers": {"total": 2, "active": 2},
        },
        "timestamp": "2026-11-20T13:00:30",
    }


def test_a_part_that_does_not_answer_is_down(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sqs")

    monkeypatch.setattr(aws.sqs(), "get_queue_attributes", refused)
    found = deployment.call("GET", HEALTH).json
    assert (found["status"], found["components"]["redis"]["status"]) == ("unhealthy", "down")
    assert found["components"]["database"]["status"] == "up"


def test_stopped_forwarding_and_an_account_in_error_are_a_degraded_state(deployment: Deployment) -> None:
    add_account("a@example.com", "error")
    found = deployment.call("GET", HEALTH).json
    assert (found["status"], found["components"]["scrapers"]) == ("degraded", {"total": 1, "active": 0})
    deployment.call("POST", "/api/system/stop")
    found = deployment.call("GET", HEALTH).json
    assert (found["status"], found["components"]["worker"]) == ("degraded", {"status": "stopped"})


RELEASE = {
    "tag_name": "v1.8.2",
    "name": "v1.8.2",
    "draft": False,
    "prerelease": False,
    "body": "...",
    "html_url": "https://github.com/octocat/Hello-World/releases/v1.8.2",
    "assets": [],
}


@pytest.fixture
def releases(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """A server of releases on loopback, and this version as document 5's."""
    with Fake() as fake:
        monkeypatch.setenv("UPDATES_URL", f"{fake.url}/repos/octocat/Hello-World/releases/latest")
        monkeypatch.setattr(hub, "__version__", "1.8.1")
        updates._settings.cache_clear()
        yield fake
    updates._settings.cache_clear()


def test_a_newer_release_is_told_as_documented_and_asked_for_once_an_hour(
    releases: Fake, deployment: Deployment, clock: Clock
) -> None:
    releases.replies = [told(RELEASE)]
    for _ in range(3):
        answer = deployment.call("GET", UPDATES)
        assert (answer.status, answer.json) == (
            200,
            {
                "current_version": "1.8.1",
                "latest_version": "1.8.2",
                "update_available": True,
                "release_notes": "...",
                "download_url": "https://github.com/octocat/Hello-World/releases/v1.8.2",
                "message": None,
            },
        )
    (asked,) = releases.asked
    assert (asked.method, asked.path) == ("GET", "/repos/octocat/Hello-World/releases/latest")
    assert asked.headers["accept"] == "application/vnd.github+json"
    clock.advance(3601)
    releases.replies = [told({**RELEASE, "tag_name": "v1.8.1"})]
    assert deployment.call("GET", UPDATES).json["update_available"] is False


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (OUT_OF_ORDER, "502"),
        (told({"message": "Not Found"}, 404), "404"),
        (told({"message": "API rate limit exceeded"}, 403), "403"),
        (Reply(302, b"", {"Location": "http://127.0.0.1:1/"}), "302"),
        (CLOSED_EARLY, "closed_early"),
        (GARBAGE, "bad_answer"),
        (told({"message": "no release"}), "bad_answer"),
        (told([]), "bad_answer"),
    ],
)
def test_a_server_that_does_not_tell_is_a_clear_503(
    releases: Fake, deployment: Deployment, reply: Reply, reason: str
) -> None:
    releases.replies = [reply, told(RELEASE)]
    answer = deployment.call("GET", UPDATES, headers={"Accept-Language": "en"})
    assert (answer.status, answer.json["error_code"]) == (503, "UPDATES_UNREACHABLE")
    assert answer.json["error_message"] == f"The latest release cannot be read: {reason}"
    assert "UpdatesUrl" in answer.json["solution"]
    assert deployment.call("GET", UPDATES).status == 200, "a failure is not kept"


def test_without_an_address_the_answer_says_so(deployment: Deployment) -> None:
    found = deployment.call("GET", UPDATES).json
    assert found == {
        "current_version": hub.__version__,
        "latest_version": None,
        "update_available": False,
        "release_notes": None,
        "download_url": None,
        "message": "未配置更新地址",
    }


@pytest.mark.parametrize(
    ("latest", "current", "newer"),
    [
        ("1.8.2", "1.8.1", True),
        ("v1.8.2", "1.8.2", False),
        ("1.10.0", "1.9.9", True),
        ("2", "1.9", True),
        ("1.8.0", "1.8.1", False),
        ("1.8.1", "1.8.1-rc.1", True),
        ("1.8.1-rc.1", "1.8.1", False),
        ("1.8.1+build.5", "1.8.1", False),
        ("nightly", "1.8.1", True),
    ],
)
def test_versions_are_compared_by_their_numbers(latest: str, current: str, newer: bool) -> None:
    assert updates.is_newer(latest, current) is newer


def test_the_version_is_told_in_one_place() -> None:
    found = re.search(r'^version = "(.+)"$', (memory.ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found
    assert found[1] == hub.__version__
