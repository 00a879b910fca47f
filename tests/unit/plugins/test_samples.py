"""The functions of plugins take their sample inputs (as `tests/unit/test_samples.py` has it)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.plugins import runs, service, store
from functions.plugins.models import NewPlugin
from hub.events import Caller
from hub.store import table
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.unit.samples import invoke, know, sample

CALLER = Caller("default", "enterprise", "operator", "req")
TICKET = told({"code": 200, "data": {"id": "ticket_01M7WGNP40DE3B4WZZ6KYE37BH"}}, 201)


@pytest.fixture
def hub() -> Iterator[Fake]:
    """Hub's own API, for the plugin that opens tickets."""
    with Fake(TICKET) as opened:
        yield opened


def install(hub: Fake) -> Any:
    """Install the plugin that the samples are for, under the id that they name."""
    wanted = NewPlugin(plugin_id="plugin_escalation_v1.0.0", config={"hub_url": hub.url, "api_key": "sk_live_key"})
    service.install(CALLER, lambda group, permission: True, wanted)
    body = json.loads(sample("PluginRunFunction")["Records"][0]["body"])
    made = table.get(table.entities(), store.key("default", body["plugin"]))
    assert made
    config = store.seal_config(
        "default", body["installation_id"], json.loads(made["manifest"])["config_schema"], wanted.config
    )
    changed = {**made, "installation_id": body["installation_id"], "sealed_config": config.sealed}
    table.write(table.Put(table.entities(), changed))
    return body


def test_plugins() -> None:
    know(sample("PluginsFunction")["headers"]["authorization"].removeprefix("Bearer "), "admin")
    answer = invoke("PluginsFunction")
    assert answer["statusCode"] == 201, answer["body"]
    assert json.loads(answer["body"])["config"] == {"api_key": "***", "default_city": "Beijing"}


def test_fan_out(hub: Fake) -> None:
    install(hub)
    assert invoke("PluginFanOutFunction") == {"batchItemFailures": []}
    (message,) = memory.received("PluginSlowRunsQueue")
    assert json.loads(message)["event"]["data"]["text"] == "我要退款"


def test_run(hub: Fake) -> None:
    body = install(hub)
    for _ in range(2):
        assert invoke("PluginRunFunction") == {"batchItemFailures": []}
    (asked,) = hub.asked
    assert (asked.path, asked.headers["authorization"]) == ("/v1/tickets", "Bearer sk_live_key")
    assert asked.json == {
        "conversation_id": body["event"]["data"]["conversation_id"],
        "priority": "high",
        "tags": ["escalation"],
    }
    (row,) = runs.page("default", body["installation_id"], None, 1, 20, None).items
    assert (row.status, row.note) == ("success", "退款: ticket_01M7WGNP40DE3B4WZZ6KYE37BH")
