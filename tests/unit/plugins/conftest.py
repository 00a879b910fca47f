"""Installed plugins, events for them, and workers that are run by hand."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from functions.plugins import fan_out, run, service
from functions.plugins.models import NewPlugin, PluginConfigChange, RunParameters
from hub import events, ids
from hub.events import Caller
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.contract.plugins import KEY, manifest
from tests.contract.talking import batch

CALLER = Caller("acme", "enterprise", "ak_1", "req_1")


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    """Tables and queues, empty."""
    with memory.data_plane():
        yield


@pytest.fixture
def plugin() -> Iterator[Fake]:
    """A plugin on loopback."""
    with Fake() as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed plugin, and where it runs."""

    id: str
    fake: Fake
    tenant: str = "acme"

    @property
    def shown(self) -> Any:
        """As it is shown now."""
        return service.get(self.tenant, self.id)

    @property
    def runs(self) -> list[Any]:
        """Its log, the newest first."""
        return list(service.logged(self.tenant, self.id, RunParameters()).items)


def install(fake: Fake, name: str = "translator", caller: Caller = CALLER, **more: Any) -> Installed:
    """Install a plugin that runs at a fake."""
    plugin_id = f"plugin_{name}_v1.0.0"
    fake.replies.insert(0, told(manifest(fake.url + "/hub", **{"id": plugin_id, **more})))
    wanted = NewPlugin(source="url", manifest_url=fake.url, config={"token": KEY})
    service.install(caller, lambda group, permission: True, wanted)
    fake.asked.clear()
    return Installed(plugin_id, fake, caller.tenant)


def happened(text: str = "你好", tenant: str = "acme", name: str = "conversation.message") -> dict[str, Any]:
    """An event of a conversation."""
    data = {
        "conversation_id": "conv_01M7WGNP40DE3B4WZZ6KYE37BE",
        "sender": {"type": "customer", "id": "user_1"},
        "text": text,
    }
    return events.event(name, Caller(tenant, "enterprise", "ak_1", ids.new("req")), data)


def fan(*some: dict[str, Any]) -> Any:
    """Have events fanned out."""
    return fan_out.handler(batch(*({"detail": one} for one in some)), None)


def queued(lane: str) -> list[dict[str, Any]]:
    """Take what waits in a lane (`quick`, `slow`)."""
    names = {"quick": "PluginRunsQueue", "slow": "PluginSlowRunsQueue"}
    return [json.loads(body) for body in memory.received(names[lane])]


def work(messages: Sequence[dict[str, Any]]) -> Any:
    """Have a batch of messages run."""
    return run.handler(batch(*messages), None)


def configure(one: Installed, **config: Any) -> None:
    """Change a config."""
    service.configure(CALLER, one.id, PluginConfigChange(config=config))
