"""Samples of the plugins' routes and workers."""

import json
from collections.abc import Callable
from typing import Any

from hub import events, ids
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject, request

PLUGINS, FAN_OUT, RUN = "functions.plugins.api", "functions.plugins.fan_out", "functions.plugins.run"
WEATHER = "plugin_weather_v1.0.0"
NEW_PLUGIN = {
    "plugin_id": WEATHER,
    "source": "marketplace",
    "config": {"api_key": "your_weather_api_key", "default_city": "Beijing"},
}

_ONE = "/v1/plugins/{plugin_id}"


def subjects() -> list[Subject]:
    """Those of the routes."""
    return [
        Subject("POST /v1/plugins/install", PLUGINS, _install),
        _on_plugin("GET /v1/plugins"),
        _on_plugin("GET /v1/plugins", note=" (status)", query={"status": "active"}),
        request(PLUGINS, "GET /v1/plugins/marketplace"),
        _on_plugin(f"GET {_ONE}", plugin_id=WEATHER),
        Subject(f"PATCH {_ONE}/status", PLUGINS, _changing(f"PATCH {_ONE}/status", "status", "inactive", "active")),
        Subject(f"PUT {_ONE}/config", PLUGINS, _changing(f"PUT {_ONE}/config", "default_city", "Shanghai", "Beijing")),
        Subject(f"PUT {_ONE}/version", PLUGINS, _move),
        Subject(f"DELETE {_ONE}", PLUGINS, _uninstall),
        Subject(f"POST {_ONE}/rotate-secret", PLUGINS, _rotate),
        Subject(f"POST {_ONE}/commands/{{name}}", PLUGINS, _command),
        Subject(f"GET {_ONE}/runs", PLUGINS, _runs),
    ]


def workers() -> list[Subject]:
    """Those of the workers; most events are of tenants without plugins that listen."""
    return [
        Subject("plugins' fan_out, 10 events nobody listens to", FAN_OUT, _fan_out(10, listens=False), 10),
        Subject("plugins' fan_out, 10 events", FAN_OUT, _fan_out(10, listens=True), 10),
        Subject("plugins' run, 10 messages", RUN, _run(10), 10),
        Subject("plugins' run, 1 message", RUN, _run(1)),
    ]


def _new(tenant: Tenant, **config: str) -> None:
    """Have the weather plugin installed, from anew."""
    _gone(tenant, WEATHER)
    _gone(tenant, "plugin_weather_v1.1.0")
    body = NEW_PLUGIN | {"config": {"api_key": "a", "default_city": "Beijing", **config}}
    tenant.ask(PLUGINS, "POST /v1/plugins/install", body)


def _gone(tenant: Tenant, plugin_id: str) -> None:
    tenant.deployment.run(PLUGINS, tenant.event(f"DELETE {_ONE}", plugin_id=plugin_id))


def _install(tenant: Tenant, _: str) -> Callable[[], Any]:
    def event() -> Any:
        _gone(tenant, WEATHER)
        return tenant.event("POST /v1/plugins/install", NEW_PLUGIN)

    return event


def _on_plugin(route: str, note: str = "", **more: Any) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        _new(tenant)
        return lambda: tenant.event(route, **more)

    return Subject(route + note, PLUGINS, events_of)


def _changing(route: str, name: str, *values: str) -> Callable[[Tenant, str], Callable[[], Any]]:
    """A change to and fro: one that changes nothing is not written."""

    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        _new(tenant)
        turns = [{name: value} if name == "status" else {"config": {name: value}} for value in values]

        def event() -> Any:
            turns.append(turns.pop(0))
            return tenant.event(route, turns[-1], plugin_id=WEATHER)

        return event

    return events_of


def _move(tenant: Tenant, _: str) -> Callable[[], Any]:
    def event() -> Any:
        _new(tenant)
        return tenant.event(f"PUT {_ONE}/version", {"version": "1.1.0"}, plugin_id=WEATHER)

    return event


def _uninstall(tenant: Tenant, _: str) -> Callable[[], Any]:
    def event() -> Any:
        _new(tenant)
        return tenant.event(f"DELETE {_ONE}", plugin_id=WEATHER)

    return event


def _rotate(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    plugin_id = _own(tenant, receiver, "rotated")
    return lambda: tenant.event(f"POST {_ONE}/rotate-secret", plugin_id=plugin_id)


def _command(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    """Of a plugin that answers nothing."""
    plugin_id = _own(tenant, receiver, "commanded")
    return lambda: tenant.event(f"POST {_ONE}/commands/{{name}}", {}, plugin_id=plugin_id, name="do")


def _runs(tenant: Tenant, receiver: str) -> Callable[[], Any]:
    plugin_id = _own(tenant, receiver, "logged")
    for _ in range(20):
        tenant.ask(PLUGINS, f"POST {_ONE}/commands/{{name}}", {}, plugin_id=plugin_id, name="do")
    return lambda: tenant.event(f"GET {_ONE}/runs", plugin_id=plugin_id)


def _own(tenant: Tenant, receiver: str, name: str) -> str:
    """A plugin at the receiver, as its installation writes it; the receiver publishes no manifest."""
    from functions.plugins import service
    from functions.plugins.manifest import Manifest
    from functions.plugins.models import NewPlugin

    manifest = {
        "id": f"plugin_{name}_v1.0.0",
        "name": "自有插件",
        "version": "1.0.0",
        "author": "Hub",
        "permissions": ["conversations:read"],
        "events": ["conversation.message"],
        "commands": [{"name": "do"}],
        "runtime": {"type": "http", "url": f"{receiver}/ok"},
    }
    found, read_from = Manifest.model_validate_json(json.dumps(manifest)), service._read_from
    service._read_from = lambda url: found
    try:
        wanted = NewPlugin(source="url", manifest_url=receiver)
        caller = events.Caller(tenant.name, "enterprise", ids.new("ak"), ids.new("req"))
        made: str = service.install(caller, lambda group, permission: True, wanted)["id"]
    finally:
        service._read_from = read_from
    return made


def _told(tenant: Tenant) -> dict[str, Any]:
    data: dict[str, Any] = {
        "conversation_id": ids.new("conv"),
        "message_id": ids.new("msg"),
        "sender": {"type": "customer", "id": "user_123"},
        "text": "请问如何重置密码?",
        "attachments": [],
        "channel": "web",
        "created_at": "2026-11-20T13:00:00Z",
        "response_seconds": None,
        "reply_to": None,
    }
    return events.event("conversation.message", events.Caller(tenant.name, "enterprise", "ak_1", "req_1"), data)


def _batch(bodies: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Records": [{"messageId": ids.new("msg"), "body": json.dumps(body)} for body in bodies]}


def _fan_out(size: int, *, listens: bool) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        if listens:
            _own(tenant, receiver, "listening")
        return lambda: _batch([{"detail": _told(tenant)} for _ in range(size)])

    return events_of


def _run(size: int) -> Callable[[Tenant, str], Callable[[], Any]]:
    def events_of(tenant: Tenant, receiver: str) -> Callable[[], Any]:
        plugin_id = _own(tenant, receiver, "running")
        installation = tenant.ask(PLUGINS, f"GET {_ONE}", plugin_id=plugin_id)["installation_id"]
        place = {"tenant": tenant.name, "plugin": "plugin_running", "installation_id": installation, "slow": True}
        return lambda: _batch([{**place, "tries": 0, "event": _told(tenant)} for _ in range(size)])

    return events_of
