"""Every operation on plugins, for the test that holds real answers against the description."""

from typing import TYPE_CHECKING

from local.openapi.examples import EXAMPLES
from tests.contract import plugins
from tests.contract.connectors.fakes import Fake, told

if TYPE_CHECKING:
    from tests.contract.test_openapi_answers import Client


def use_plugins(client: "Client", receiver: str) -> None:
    """Install plugins, list, run, change and uninstall them, some of it wrongly."""
    one, weather = "/v1/plugins/{plugin_id}", "plugin_weather_v1.0.0"
    config = {"api_key": "a-key", "default_city": "Beijing", "base_url": receiver.rstrip("/")}
    client("POST /v1/plugins/install", EXAMPLES["NewPlugin"] | {"config": config})
    client("POST /v1/plugins/install", EXAMPLES["NewPlugin"])
    client("POST /v1/plugins/install", EXAMPLES["NewPlugin"] | {"config": {"api_key": 1}})
    client("POST /v1/plugins/install", {"source": "url", "manifest_url": receiver})
    assert [one.status for one in client.exchanges[-4:]] == [201, 409, 400, 422]
    for query in ({}, {"cursor": ""}, {"status": "error"}, {"limit": "0"}):
        client("GET /v1/plugins", query=query)
        client("GET /v1/plugins/marketplace", query={name: value for name, value in query.items() if name != "status"})
    client(f"GET {one}", plugin_id=weather)
    client(f"POST {one}/commands/{{name}}", EXAMPLES["PluginCommand"], plugin_id=weather, name="current")
    client(f"POST {one}/commands/{{name}}", {"parameters": {"x": 1}}, plugin_id=weather, name="current")
    client(f"GET {one}/runs", plugin_id=weather)
    client(f"PUT {one}/config", {"config": {"default_city": "Shanghai"}}, plugin_id=weather)
    client(f"PATCH {one}/status", EXAMPLES["PluginStatusChange"], plugin_id=weather)
    client(f"POST {one}/commands/{{name}}", {}, plugin_id=weather, name="current")
    client(f"POST {one}/rotate-secret", plugin_id=weather)
    client(f"PUT {one}/version", {"version": "9.0.0"}, plugin_id=weather)
    client(f"PUT {one}/version", EXAMPLES["PluginVersionChange"], plugin_id=weather)
    assert [one.status for one in client.exchanges[-7:]] == [200, 200, 200, 409, 422, 400, 200]
    for method in ("DELETE", "DELETE", "GET"):
        client(f"{method} {one}", plugin_id="plugin_weather_v1.1.0")
    with Fake(told(plugins.manifest(receiver))) as author:
        body = {"source": "url", "manifest_url": author.url, "config": {"token": "a-token"}}
        made = client("POST /v1/plugins/install", body)
    client(f"POST {one}/rotate-secret", plugin_id=made["id"])
