"""The workers of integrations take their sample inputs in `events/`."""

import json
from dataclasses import replace

import pytest

from functions.integrations import service, store
from functions.integrations.models import NewIntegration
from functions.integrations.syncs import service as syncs
from functions.integrations.syncs import store as stored_syncs
from hub.events import Caller
from hub.store import table
from hub.web.validation import PageParameters
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.unit.samples import invoke, sample

CALLER = Caller("default", "enterprise", "operator", "req")

pytestmark = pytest.mark.usefixtures("aws")


def integrate(named: str, **more: object) -> None:
    """An integration with the id that a sample names."""
    made = service.create(CALLER, NewIntegration.model_validate({"name": "自有服务", **more}))["id"]
    store.add("default", replace(store.get("default", made), id=named), {})


def test_integration_sync() -> None:
    named = sample("IntegrationSyncFunction")
    with Fake(told({"items": [{"id": "1", "kind": "issue", "title": "登录页报错"}]})) as provider:
        config = {"url": provider.url, "records_url": provider.url}
        integrate(named["integration_id"], service_type="http", config=config)
        begun = syncs.start(CALLER, named["integration_id"])["id"]
        one = stored_syncs.get("default", named["integration_id"], begun)
        table.write(table.Put(table.entities(), stored_syncs._item("default", replace(one, id=named["id"]), [])))
        assert invoke("IntegrationSyncFunction")["status"] == "ended"
    ended = syncs.get("default", named["integration_id"], named["id"])
    assert (ended["status"], ended["added"]) == ("completed", 1)


def test_integration_events() -> None:
    hook = {"webhook_url": "https://discord.com/api/webhooks/1/a"}
    service.create(
        CALLER,
        NewIntegration.model_validate(
            {"name": "群", "service_type": "discord", "config": hook, "settings": {"forward_events": ["ticket.*"]}}
        ),
    )
    readable = {"url": "http://127.0.0.1:1/", "records_url": "http://127.0.0.1:1/"}
    named = json.loads(sample("IntegrationEventsFunction")["Records"][1]["body"])["integration_id"]
    integrate(named, service_type="http", config=readable)
    assert invoke("IntegrationEventsFunction") == {"batchItemFailures": []}
    (post,) = map(json.loads, memory.received("IntegrationForwardQueue"))
    assert post["text"].startswith("【新的工单】\n标题:产品咨询")
    (sync,) = syncs.listed("default", named, PageParameters()).items
    assert sync["trigger"] == "schedule"


def test_integration_forward() -> None:
    named = json.loads(sample("IntegrationForwardFunction")["Records"][0]["body"])
    with Fake(told({"id": "1"})) as receiver:
        integrate(named["integration_id"], service_type="http", config={"url": receiver.url})
        assert invoke("IntegrationForwardFunction") == {"batchItemFailures": []}
    assert receiver.asked[0].json["text"] == f"{named['text']}\n{named['signature']}"
