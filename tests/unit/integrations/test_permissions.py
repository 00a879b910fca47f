"""The functions of integrations may do exactly what they do (as `tests/unit/test_permissions.py` has it)."""

import json
from collections.abc import Iterator

import pytest

from functions.integrations import service
from functions.integrations.models import NewIntegration
from hub.events import Caller
from tests.contract.connectors.fakes import Fake, told
from tests.contract.sign_in_server import Server, running
from tests.unit.granting import Work, granted

CALLER = Caller("default", "enterprise", "operator", "req")
ONE = "/v1/integrations/{integration_id}"


@pytest.fixture
def tenant() -> Iterator[str]:
    """An access token of the tenant's administrator."""
    with running():
        server = Server("default")
        made = server.request("POST", "/api/auth/login", body={"email": server.email, "password": server.password})
        yield str(made.json()["token"])


def integrate(url: str, **settings: object) -> str:
    config = {"url": url, "records_url": url, "token": "a-token"}
    wanted = {"name": "a", "service_type": "http", "config": config, "settings": settings}
    return service.create(CALLER, NewIntegration.model_validate(wanted))["id"]


def test_integrations(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("IntegrationsFunction", tenant, monkeypatch)
    with Fake(told({}, 401), told({"items": [{"id": "1"}]}), told({"items": []})) as provider:
        config = {"url": provider.url, "records_url": provider.url, "token": "a-token"}
        body = {"name": "a", "service_type": "http", "config": config}
        made, _ = (work.request("POST /v1/integrations", body)["id"] for _ in range(2))
        for filters in ({}, {"status": "active"}, {"service_type": "http"}):
            event = work.event("GET /v1/integrations") | {"queryStringParameters": {"limit": "1", **filters}}
            assert len(json.loads(work.run(event)["body"])["data"]) == 1
        work.request(f"GET {ONE}", integration_id=made)
        assert not work.request(f"POST {ONE}/test", {}, integration_id=made)["success"]
        work.request(f"PUT {ONE}", {"config": {"token": "another"}}, integration_id=made)
        begun = [synced(work, made) for _ in range(2)]
    work.request(f"GET {ONE}/syncs", integration_id=made)
    work.request(f"GET {ONE}/syncs/{{sync_id}}", integration_id=made, sync_id=begun[0])
    for asked, number in (({}, 1), ({"change": "deleted"}, 1), ({"change": "added"}, 0)):
        event = work.event(f"GET {ONE}/records", integration_id=made) | {"queryStringParameters": asked}
        assert len(json.loads(work.run(event)["body"])["data"]) == number
    work.request(f"DELETE {ONE}", integration_id=made)
    assert work.run(work.event(f"POST {ONE}/test", {}, integration_id=made))["statusCode"] == 404
    assert work.used == granted("IntegrationsFunction")


def synced(work: Work, integration_id: str) -> str:
    """Begin a sync and take it to its end; its id."""
    from functions.integrations import sync

    sync_id: str = work.request(f"POST {ONE}/sync", {}, integration_id=integration_id)["id"]
    state = {"tenant": "default", "integration_id": integration_id, "id": sync_id, "step": {"number": 0}}
    assert sync.handler(state, None)["status"] == "ended"
    return sync_id


def test_integration_sync(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.integrations.syncs import service as syncs

    work = Work("IntegrationSyncFunction", tenant, monkeypatch)
    with Fake(told({"items": [{"id": "1"}]}), told({"items": [{"id": "1"}]}), told({}, 403)) as provider:
        made = integrate(provider.url)
        for _ in range(3):
            begun = syncs.start(CALLER, made)["id"]
            state = {"tenant": "default", "integration_id": made, "id": begun, "step": {"number": 0}}
            assert work.run(state)["status"] == "ended"
    assert service.get("default", made)["status"] == "error"
    assert work.used == granted("IntegrationSyncFunction")
