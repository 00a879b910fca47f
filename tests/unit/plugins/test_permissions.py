"""The functions of plugins may do exactly what they do (as `tests/unit/test_permissions.py` has it)."""

import pytest

from functions.plugins import run
from tests.contract.connectors.fakes import Fake, Reply, told
from tests.contract.plugins import DOCUMENT_1, KEY, WEATHER, manifest
from tests.unit.granting import Work, granted
from tests.unit.plugins.conftest import fan, happened, install, queued
from tests.unit.plugins.conftest import work as run_batch


@pytest.fixture
def aws() -> None:
    """The tables that `tenant` makes."""


def test_plugins(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("PluginsFunction", tenant, monkeypatch)
    one = "/v1/plugins/{plugin_id}"
    with Fake() as fake:
        fake.will(told(manifest(fake.url)))
        body = {"source": "url", "manifest_url": fake.url, "config": {"token": KEY}}
        made = work.request("POST /v1/plugins/install", body)["id"]
        work.request("POST /v1/plugins/install", DOCUMENT_1)
        fake.will(Reply(204))
        work.request(f"POST {one}/commands/{{name}}", {"parameters": {"text": "a"}}, plugin_id=made, name="translate")
    work.request(f"GET {one}", plugin_id=made)
    for query in ({"status": "failed"}, {}):
        work.run(work.event(f"GET {one}/runs", plugin_id=made) | {"queryStringParameters": query})
        work.run(work.event("GET /v1/plugins") | {"queryStringParameters": {}})
    work.request("GET /v1/plugins/marketplace")
    work.request(f"PUT {one}/config", {"config": {"token": "another"}}, plugin_id=made)
    work.request(f"PATCH {one}/status", {"status": "inactive"}, plugin_id=made)
    work.request(f"PUT {one}/version", {"version": "1.1.0"}, plugin_id=WEATHER)
    work.request(f"POST {one}/rotate-secret", plugin_id=made)
    work.request(f"DELETE {one}", plugin_id=made)
    assert work.run(work.event("POST /v1/plugins/install", {}))["statusCode"] == 400
    assert work.used == granted("PluginsFunction")


def test_fan_out(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("PluginFanOutFunction", tenant, monkeypatch)
    with Fake(Reply(204)) as fake:
        install(fake)
        assert work.batch({"detail": happened()}) == {"batchItemFailures": []}
        run_batch(queued("slow"))
        assert work.batch({"detail": happened()}) == {"batchItemFailures": []}
    assert work.used == granted("PluginFanOutFunction")


def test_run(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("PluginRunFunction", tenant, monkeypatch)
    with Fake() as fake:
        install(fake)
        fan(happened(), happened(), happened())
        first, second, third = queued("slow")
        fake.will(Reply(204), Reply(500), Reply(410))
        assert work.batch(first) == {"batchItemFailures": []}
        assert work.batch(second) == {"batchItemFailures": []}
        monkeypatch.setattr(run, "SLOW_MS", -1)
        fan(happened())
        (quick,) = queued("quick")
        fake.will(Reply(204))
        assert work.batch(third) == {"batchItemFailures": []}
        install(fake, "greeter")
        fan(happened())
        greeting = queued("slow")[-1]
        fake.will(Reply(204))
        assert work.batch({**greeting, "slow": False}) == {"batchItemFailures": []}
        assert work.batch(quick) == {"batchItemFailures": []}
    assert work.used == granted("PluginRunFunction")
