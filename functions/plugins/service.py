"""What can be done with plugins."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from functions.plugins import catalogue, configs, execution, runs, schemas, store
from functions.plugins import manifest as manifests
from functions.plugins.manifest import MAX_MANIFEST_BYTES, Manifest
from functions.plugins.models import (
    CataloguePlugin,
    CommandRun,
    NewPlugin,
    Plugin,
    PluginConfigChange,
    PluginParameters,
    PluginVersionChange,
    PluginWithSecret,
    Run,
    RunParameters,
    RunStatus,
    Status,
)
from functions.plugins.runs import StoredRun
from functions.plugins.store import StoredPlugin
from hub import events, ids, outbound, rotation, signing, times
from hub.errors import Conflict, FieldError, Forbidden, InvalidRequest, NotFound, Unavailable, Unprocessable
from hub.events import Caller
from hub.outcomes import Trouble
from hub.rotation import SecretRotation
from hub.store import table, versioned
from hub.store.paging import Page
from hub.web.validation import PageParameters

MAX_PLUGINS = 50
"""Of a tenant: each event asks who of them listens."""

Allows = Callable[[str, str], bool]
"""Whether the caller's credential has a permission in a group (`Credential.allows`)."""

Change = Callable[[StoredPlugin], StoredPlugin]


def install(caller: Caller, allows: Allows, wanted: NewPlugin) -> PluginWithSecret:
    """Install a plugin.

    Raises `InvalidRequest` for a manifest or a config that is not as it must be, `Conflict` where the plugin is
    installed, `Forbidden` where it asks for more than the caller may see, `Unprocessable` over the quota or where its
    manifest cannot be read.
    """
    found = _wanted_manifest(wanted)
    _may_grant(allows, found)
    manifest = found.model_dump()
    config = configs.checked(manifest, wanted.config)
    if store.count(caller.tenant, MAX_PLUGINS) >= MAX_PLUGINS:
        raise Unprocessable("quota_exceeded", limit=MAX_PLUGINS)
    now = times.now_ms()
    installation_id = ids.new("pin", now)
    secret = signing.new_secret() if found.runtime.type == "http" else None
    kept = store.seal_config(caller.tenant, installation_id, manifest["config_schema"], config)
    plugin = StoredPlugin(
        id=found.family,
        plugin_id=found.id,
        installation_id=installation_id,
        source=wanted.source,
        manifest_url=wanted.manifest_url,
        manifest=manifest,
        status="active",
        config=kept.shown,
        sealed_config=kept.sealed,
        sealed_secret=store.seal_secret(caller.tenant, installation_id, secret) if secret else None,
        disabled_reason=None,
        installed_at=now,
        updated_at=now,
    )
    store.add(caller.tenant, plugin, events.event("plugin.installed", caller, _told(plugin)))
    return {**shown(plugin), "secret": secret}


def get(tenant: str, plugin_id: str) -> Plugin:
    """Show an installed plugin."""
    return shown(store.get(tenant, plugin_id))


def listed(tenant: str, query: PluginParameters) -> Page[Plugin]:
    """List installed plugins, by name."""
    page = store.page(tenant, query.status, query.page, query.limit, query.cursor)
    return page.holding(map(shown, page.items))


def marketplace(query: PageParameters) -> Page[CataloguePlugin]:
    """List what can be installed, by name, the newest version first."""
    page = catalogue.page(query.page, query.limit, query.cursor)
    return page.holding(map(_offered, page.items))


def switch(caller: Caller, plugin_id: str, status: Status) -> Plugin:
    """Switch a plugin on, which ends an `error` too, or off."""
    return shown(_changed(caller, plugin_id, lambda one: replace(one, status=status, disabled_reason=None)))


def configure(caller: Caller, plugin_id: str, wanted: PluginConfigChange) -> Plugin:
    """Change the fields of a config that were sent. One that was in `error` is active again."""
    return shown(
        _changed(caller, plugin_id, lambda one: _reconfigured(caller.tenant, one, one.manifest, wanted.config))
    )


def move(caller: Caller, allows: Allows, plugin_id: str, wanted: PluginVersionChange) -> Plugin:
    """Bring a plugin to another version: it keeps its config, its secret and its log, and has another id.

    Raises as `install` does.
    """
    before = store.get(caller.tenant, plugin_id, consistent=True)
    found = _other_version(before, wanted)
    if found.id == plugin_id:
        raise Conflict("plugin_installed", id=plugin_id)
    _may_grant(allows, found)
    manifest, url = found.model_dump(), wanted.manifest_url or before.manifest_url

    def moved(one: StoredPlugin) -> StoredPlugin:
        after = _reconfigured(caller.tenant, one, manifest, wanted.config)
        return replace(after, plugin_id=found.id, manifest=manifest, manifest_url=url)

    return shown(_changed(caller, plugin_id, moved))


def uninstall(caller: Caller, plugin_id: str) -> None:
    """Delete a plugin with its config and its secrets."""
    for attempt in range(versioned.TRIES):
        table.back_off(attempt)
        plugin = store.get(caller.tenant, plugin_id, consistent=True)
        last = replace(plugin, updated_at=max(times.now_ms(), plugin.updated_at), version=plugin.version + 1)
        event = events.event("plugin.uninstalled", caller, _told(last))
        try:
            store.remove(caller.tenant, plugin, event)
        except versioned.Changed:
            continue
        return
    raise Unavailable


def rotate_secret(caller: Caller, plugin_id: str, wanted: SecretRotation) -> PluginWithSecret:
    """Give a plugin that runs at an address another secret to know us by, from the next call on.

    The one it had signs beside it for the overlap.
    """
    secret = signing.new_secret()

    def rotated(one: StoredPlugin) -> StoredPlugin:
        if one.sealed_secret is None:
            raise Unprocessable("builtin_has_no_secret")
        sealed = store.seal_secret(caller.tenant, one.installation_id, secret)
        return replace(one, **rotation.replaced(one, sealed, wanted.overlap_seconds))

    return {**shown(_changed(caller, plugin_id, rotated)), "secret": secret}


def disable(tenant: str, installation_id: str, name: str, trouble: Trouble, request_id: str) -> None:
    """Switch off a plugin that failed too often, unless it was installed anew or switched meanwhile."""
    for attempt in range(versioned.TRIES):
        table.back_off(attempt)
        before = store.find(tenant, name)
        if before is None or before.installation_id != installation_id or before.status != "active":
            return
        try:
            _written(
                Caller(tenant, "", name, request_id), before, replace(before, status="error", disabled_reason=trouble)
            )
        except versioned.Changed:
            continue
        return
    raise Unavailable


def run_command(caller: Caller, plugin_id: str, name: str, parameters: Mapping[str, Any]) -> CommandRun:
    """Run a command and answer with how it ended, which its row in the log tells too.

    Raises `NotFound` for a command the plugin lacks, `Conflict` for a plugin that is not active, `InvalidRequest`.
    """
    plugin = store.get(caller.tenant, plugin_id)
    wanted = next((one for one in plugin.manifest["commands"] if one["name"] == name), None)
    if wanted is None:
        raise NotFound
    if plugin.status != "active":
        raise Conflict("plugin_inactive")
    if wrong := schemas.errors(wanted["parameters"], parameters, "parameters"):
        raise InvalidRequest(wrong)
    now = times.now_ms()
    run_id = ids.new("run", now)
    taken = schemas.filled(wanted["parameters"], parameters)
    outcome = execution.command(caller.tenant, plugin, run_id, name, taken)
    status: RunStatus = "failed" if outcome.error else "success"
    row = StoredRun(
        run_id, "command", name, None, status, 1, "", outcome.error, outcome.milliseconds, now, times.now_ms()
    )
    runs.add(caller.tenant, plugin.installation_id, row)
    return {
        "run_id": run_id,
        "command": name,
        "success": outcome.error is None,
        "result": outcome.result,
        "error": outcome.error,
        "response_time": outcome.milliseconds,
    }


def logged(tenant: str, plugin_id: str, query: RunParameters) -> Page[Run]:
    """List what a plugin was asked and told since it was installed, the newest first."""
    plugin = store.get(tenant, plugin_id)
    page = runs.page(tenant, plugin.installation_id, query.status, query.page, query.limit, query.cursor)
    return page.holding(map(runs.shown, page.items))


def shown(plugin: StoredPlugin) -> Plugin:
    """A plugin as callers see it."""
    manifest, ends = plugin.manifest, rotation.ends(plugin, times.now_ms())
    return {
        "id": plugin.plugin_id,
        "name": manifest["name"],
        "description": manifest["description"],
        "version": manifest["version"],
        "author": manifest["author"],
        "status": plugin.status,
        "installed_at": times.iso(plugin.installed_at / 1000),
        "config": dict(plugin.config),
        "updated_at": times.iso(plugin.updated_at / 1000),
        "installation_id": plugin.installation_id,
        "source": plugin.source,
        "manifest_url": plugin.manifest_url,
        "homepage": manifest["homepage"],
        "runtime": manifest["runtime"]["type"],
        "permissions": list(manifest["permissions"]),
        "events": list(manifest["events"]),
        "commands": list(manifest["commands"]),
        "config_schema": dict(manifest["config_schema"]),
        "disabled_reason": plugin.disabled_reason,
        "previous_secret_expires_at": times.iso(ends / 1000) if ends else None,
    }


def _offered(manifest: Manifest) -> CataloguePlugin:
    return {
        "id": manifest.id,
        "name": manifest.name,
        "description": manifest.description,
        "version": manifest.version,
        "author": manifest.author,
        "homepage": manifest.homepage,
        "permissions": manifest.permissions,
        "events": manifest.events,
        "commands": [
            {"name": one.name, "description": one.description, "parameters": one.parameters}
            for one in manifest.commands
        ],
        "config_schema": manifest.config_schema,
    }


def _told(plugin: StoredPlugin) -> dict[str, Any]:
    """A plugin as events tell of it: without its config, which is nobody's but the tenant's people's."""
    wanted = ("name", "version", "author", "status", "source", "permissions", "events", "disabled_reason")
    seen = shown(plugin)
    return {
        "plugin_id": plugin.plugin_id,
        "installation_id": plugin.installation_id,
        **{name: value for name, value in seen.items() if name in wanted},
        "installed_at": seen["installed_at"],
        "updated_at": seen["updated_at"],
        "revision": plugin.version,
    }


def _wanted_manifest(wanted: NewPlugin) -> Manifest:
    if wanted.source == "marketplace":
        found = catalogue.find(wanted.plugin_id or "")
        if found is None:
            raise InvalidRequest(FieldError("plugin_id", "does_not_exist"))
        return found
    found = _read_from(wanted.manifest_url or "")
    if wanted.plugin_id not in (None, found.id):
        raise InvalidRequest(FieldError("plugin_id", "not_one_of", {"expected": found.id}))
    return found


def _other_version(before: StoredPlugin, wanted: PluginVersionChange) -> Manifest:
    if before.source == "url":
        found = _read_from(wanted.manifest_url or before.manifest_url or "")
        if found.family != before.id:
            raise InvalidRequest(FieldError("manifest.id", "other_plugin", {"expected": before.id}))
        if wanted.version not in (None, found.version):
            raise InvalidRequest(FieldError("version", "not_one_of", {"expected": found.version}))
        return found
    if wanted.manifest_url is not None:
        raise InvalidRequest(FieldError("manifest_url", "not_combined", {"other": "source=marketplace"}))
    if wanted.version is None:
        raise InvalidRequest(FieldError("version", "missing"))
    offered = catalogue.versions(before.id)
    if wanted.version not in offered:
        raise InvalidRequest(FieldError("version", "not_one_of", {"expected": ", ".join(offered)}))
    return offered[wanted.version]


def _read_from(url: str) -> Manifest:
    """The manifest at a URL. Raises `Unprocessable` where none is to be had, `InvalidRequest` for one that is wrong."""
    headers = {"Accept": "application/json"}
    try:
        answer = outbound.send("GET", url, headers=headers, max_response_bytes=MAX_MANIFEST_BYTES + 1)
    except outbound.OutboundError as error:
        raise Unprocessable("manifest_unreachable", reason=error.reason) from error
    if answer.status != 200:
        raise Unprocessable("manifest_unreachable", reason=f"HTTP {answer.status}")
    if len(answer.body) > MAX_MANIFEST_BYTES:
        raise InvalidRequest(FieldError("manifest", "too_many_bytes", {"limit": MAX_MANIFEST_BYTES}))
    found = manifests.read(answer.body)
    if found.runtime.type != "http":
        raise InvalidRequest(FieldError("manifest.runtime.type", "not_one_of", {"expected": "http"}))
    if catalogue.versions(found.family):
        raise InvalidRequest(FieldError("manifest.id", "of_the_marketplace"))
    return found


def _may_grant(allows: Allows, manifest: Manifest) -> None:
    """Nobody has a plugin be told what they may not see themselves. Raises `Forbidden`."""
    for permission in manifest.permissions:
        group, _, what = permission.partition(":")
        if not allows(group, what if group not in ("users", "api-keys") else "admin"):
            raise Forbidden("plugin_permission", permission=permission)


def _reconfigured(tenant: str, one: StoredPlugin, manifest: Mapping[str, Any], sent: Mapping[str, Any]) -> StoredPlugin:
    kept = one.opened_config(tenant)
    config = configs.merged(one.manifest, manifest, kept, sent)
    if config == kept and manifest == one.manifest and one.status != "error":
        return one
    sealed = store.seal_config(tenant, one.installation_id, manifest["config_schema"], config)
    if config == kept and sealed.shown == one.config:
        sealed = store.SealedConfig(one.config, one.sealed_config)
    status: Status = "active" if one.status == "error" else one.status
    return replace(one, config=sealed.shown, sealed_config=sealed.sealed, status=status, disabled_reason=None)


def _changed(caller: Caller, plugin_id: str, change: Change) -> StoredPlugin:
    """Change a plugin, whatever else of it changes meanwhile; what changes nothing is not written."""
    for attempt in range(versioned.TRIES):
        table.back_off(attempt)
        before = store.get(caller.tenant, plugin_id, consistent=True)
        after = change(before)
        if after == before:
            return before
        try:
            return _written(caller, before, after)
        except versioned.Changed:
            continue
    raise Unavailable


def _written(caller: Caller, before: StoredPlugin, after: StoredPlugin) -> StoredPlugin:
    """Write a changed plugin and the event of its change. Raises `versioned.Changed`."""
    compared = {
        "config": ("config", "sealed_config"),
        "disabled_reason": ("disabled_reason",),
        "secret": ("sealed_secret",),
        "status": ("status",),
        "version": ("plugin_id",),
    }
    changes = [
        what for what, names in compared.items() if any(getattr(after, name) != getattr(before, name) for name in names)
    ]
    now = max(times.now_ms(), before.updated_at)
    written = replace(after, updated_at=now, version=before.version + 1)
    event = events.event("plugin.updated", caller, {**_told(written), "changes": changes})
    store.replace(caller.tenant, before, written, event)
    return written
