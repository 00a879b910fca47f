"""`/v1/plugins`: what a tenant has installed, and what it could (document 1 section 2, CONTRACT section 8)."""

from typing import Any

from functions.plugins import service
from functions.plugins.models import (
    CataloguePlugin,
    CommandRun,
    NewPlugin,
    Plugin,
    PluginCommand,
    PluginConfigChange,
    PluginParameters,
    PluginStatusChange,
    PluginVersionChange,
    PluginWithSecret,
    Run,
    RunParameters,
)
from hub.rotation import SecretRotation
from hub.store.paging import Page
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D1
from hub.web.validation import PageParameters

api = Api("plugins", D1())


@api.post("/v1/plugins/install", status=201)
def install_plugin(request: Request, body: NewPlugin) -> PluginWithSecret:
    """Install a plugin of the marketplace, or one whose manifest is at a URL; 409 where one of its versions is.

    It may be told of events as far as its `permissions` go, so the caller needs them too: `conversations:read`, or
    `read`; for `users:read` and `api-keys:read` `admin`.
    """
    return service.install(request.caller, request.accepted.allows, body)


@api.get("/v1/plugins")
def list_plugins(request: Request, query: PluginParameters) -> Page[Plugin]:
    """List installed plugins by name; those of a status."""
    return service.listed(request.caller.tenant, query)


@api.get("/v1/plugins/marketplace")
def list_marketplace(request: Request, query: PageParameters) -> Page[CataloguePlugin]:
    """List the plugins that can be installed, by name, the newest version first."""
    return service.marketplace(query)


@api.get("/v1/plugins/{plugin_id}")
def get_plugin(request: Request, plugin_id: str) -> Plugin:
    """Show an installed plugin."""
    return service.get(request.caller.tenant, plugin_id)


@api.patch("/v1/plugins/{plugin_id}/status")
def switch_plugin(request: Request, plugin_id: str, body: PluginStatusChange) -> Plugin:
    """Switch a plugin on or off."""
    return service.switch(request.caller, plugin_id, body.status)


@api.put("/v1/plugins/{plugin_id}/config")
def configure_plugin(request: Request, plugin_id: str, body: PluginConfigChange) -> Plugin:
    """Change the fields of its config that were sent."""
    return service.configure(request.caller, plugin_id, body)


@api.put("/v1/plugins/{plugin_id}/version")
def move_plugin(request: Request, plugin_id: str, body: PluginVersionChange) -> Plugin:
    """Bring it to another version, which has another id; its config, its secret and its log stay.

    The caller needs what the new version's `permissions` are about, as at its installation.
    """
    return service.move(request.caller, request.accepted.allows, plugin_id, body)


@api.delete("/v1/plugins/{plugin_id}")
def uninstall_plugin(request: Request, plugin_id: str) -> None:
    """Uninstall a plugin, its config and its secrets with it."""
    service.uninstall(request.caller, plugin_id)


@api.post("/v1/plugins/{plugin_id}/rotate-secret")
def rotate_plugin_secret(request: Request, plugin_id: str, body: SecretRotation) -> PluginWithSecret:
    """Give it another signing secret, shown this once; the old one signs beside it for the overlap."""
    return service.rotate_secret(request.caller, plugin_id, body)


@api.post("/v1/plugins/{plugin_id}/commands/{name}")
def run_plugin_command(request: Request, plugin_id: str, name: str, body: PluginCommand) -> CommandRun:
    """Run one of its commands; a plugin that refuses or does not answer is no error of the request.

    Then `success` is false and `error` has the plugin's own words.
    """
    return service.run_command(request.caller, plugin_id, name, body.parameters)


@api.get("/v1/plugins/{plugin_id}/runs")
def list_plugin_runs(request: Request, plugin_id: str, query: RunParameters) -> Page[Run]:
    """List its commands and events and how they ended, the newest first; they are kept for 30 days."""
    return service.logged(request.caller.tenant, plugin_id, query)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
