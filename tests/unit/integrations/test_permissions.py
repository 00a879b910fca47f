"""The functions of integrations may do exactly what they do (as `tests/unit/test_permissions.py` has it)."""

import json

import pytest

from functions.integrations import service
from functions.integrations.models import NewIntegration
from functions.integrations.syncs import records
from hub import events, pacing, signing, times
from hub.events import Caller
from hub.store import keys, table
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.unit.granting import Work, granted

CALLER = Caller("default", "enterprise", "operator", "req")
ONE = "/v1/integrations/{integration_id}"


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
    call_back(work)
    work.request(f"DELETE {ONE}", integration_id=made)
    assert work.run(work.event(f"POST {ONE}/test", {}, integration_id=made))["statusCode"] == 404
    assert work.used == granted("IntegrationsFunction")


def call_back(work: Work) -> None:
    """Tell of a change as Standard Webhooks ask."""
    config = {"url": "http://127.0.0.1:1/", "records_url": "http://127.0.0.1:1/", "secret": "a-secret"}
    body = {"name": "a", "service_type": "http", "config": config}
    one = work.request("POST /v1/integrations", body)["id"]
    event = work.event(f"POST {ONE}/callback", {}, integration_id=one)
    event["headers"] = signing.headers(b"{}", "msg_1", "message", times.now(), ["a-secret"])
    assert work.run(event)["statusCode"] == 200


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


def test_integration_events(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("IntegrationEventsFunction", tenant, monkeypatch)
    made = integrate("http://127.0.0.1:1/", auto_sync=True, forward_events=["user.*"])
    user = {"detail": events.event("user.created", CALLER, {"name": "张三"})}
    [created] = [event for event in memory.told() if event["type"] == "integration.created"]
    due = {"do": "sync", "tenant": "default", "integration_id": made}
    table.put_many(table.activity(), [keys.belonging("default", records.KIND, made, "a#1")])
    asked = {**due, "due": times.now_ms() + 60_000, "request_id": "req_1"}
    for batch in ([{"detail": created}], [{"detail": created}, user, due], [due], [asked]):
        assert work.batch(*batch) == {"batchItemFailures": []}
    service.delete(CALLER, made)
    [deleted] = [event for event in memory.told() if event["type"] == "integration.deleted"]
    assert work.batch({"detail": deleted}, {**due, "do": "forget"}, due) == {"batchItemFailures": []}
    assert work.used == granted("IntegrationEventsFunction")


def test_integration_forward(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("IntegrationForwardFunction", tenant, monkeypatch)
    with Fake(told({}), told({}, 503, {"Retry-After": "9"}), told({}, 401)) as provider:
        made = integrate(provider.url)
        for number, due in enumerate((0, 0, times.now_ms() - 1)):
            known = {"tenant": "default", "integration_id": made, "event_id": f"evt_{number}", "tries": 0}
            # The second is refused for a while; the third does not wait for that.
            with monkeypatch.context() as patch:
                if due:
                    patch.setattr(pacing, "reserve", lambda *_: [times.now_ms()])
                assert work.batch({**known, "text": "a", "signature": "b", "due": due}) == {"batchItemFailures": []}
    assert service.get("default", made)["status"] == "error"
    assert work.used == granted("IntegrationForwardFunction")
