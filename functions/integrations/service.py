"""What can be done with integrations."""

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from functions.integrations import store
from functions.integrations.models import (
    Integration,
    IntegrationChange,
    IntegrationParameters,
    NewIntegration,
    Tested,
)
from functions.integrations.store import StoredIntegration
from hub import connections, connectors, events, ids, times
from hub.connectors import configs
from hub.connectors.protocol import Disabled, ProviderError
from hub.errors import Unprocessable
from hub.events import Caller
from hub.outcomes import Trouble
from hub.store import versioned
from hub.store.paging import Page

MAX_INTEGRATIONS = 100
"""Of a tenant: whoever looks for the one that is meant reads them all."""


def create(caller: Caller, wanted: NewIntegration) -> Integration:
    """Make an integration.

    Raises `InvalidRequest` for a config that its service type does not take, `Unprocessable` over the tenant's quota.
    """
    config = configs.checked(wanted.service_type, wanted.config)
    if store.count(caller.tenant, MAX_INTEGRATIONS) >= MAX_INTEGRATIONS:
        raise Unprocessable("quota_exceeded", limit=MAX_INTEGRATIONS)
    now = times.now_ms()
    integration_id = ids.new("int", now)
    shown_config, sealed = connections.closed(caller.tenant, integration_id, config)
    integration = StoredIntegration(
        id=integration_id,
        name=wanted.name,
        service_type=wanted.service_type,
        status=wanted.status,
        config=shown_config,
        sealed=sealed,
        settings=wanted.settings.model_dump(),
        error=None,
        created_at=now,
        updated_at=now,
    )
    store.add(caller.tenant, integration, events.event("integration.created", caller, _told(integration)))
    return shown(integration)


def get(tenant: str, integration_id: str) -> Integration:
    """Show an integration."""
    return shown(store.get(tenant, integration_id))


def listed(tenant: str, query: IntegrationParameters) -> Page[Integration]:
    """List integrations, the newest first."""
    page = store.page(tenant, query.service_type, query.status, query.page, query.limit, query.cursor)
    return page.holding(map(shown, page.items))


def change(caller: Caller, integration_id: str, wanted: IntegrationChange) -> Integration:
    """Change the fields that were sent; whatever else of it changes meanwhile stays."""
    sent = wanted.changes()

    def once() -> Integration:
        before = store.get(caller.tenant, integration_id, consistent=True)
        after = _changed(caller.tenant, before, sent)
        return shown(before if after == before else _replaced(caller, before, after))

    return versioned.retried(once)


def delete(caller: Caller, integration_id: str) -> None:
    """Delete an integration."""

    def once() -> None:
        integration = store.get(caller.tenant, integration_id, consistent=True)
        store.remove(caller.tenant, integration, events.event("integration.deleted", caller, _told(integration)))

    versioned.retried(once)


def test(caller: Caller, integration_id: str) -> Tested:
    """Ask the provider who we are. What it says also tells whether the integration is in `error`."""
    # Who has just changed a token tests it in the next moment.
    integration = store.get(caller.tenant, integration_id, consistent=True)
    config = connections.opened(caller.tenant, integration)
    account: dict[str, str] | None = None
    trouble: Trouble | None = None
    is_disabled = False
    started = time.perf_counter()
    try:
        found = connectors.connector(integration.service_type).test(config)
        account = {"id": connections.cleaned(found.id, config), "name": connections.cleaned(found.name, config)}
    except ProviderError as error:
        trouble = connections.trouble(error, config)
        is_disabled = isinstance(error, Disabled)
    milliseconds = round((time.perf_counter() - started) * 1000)
    # A provider that is out of order or in a hurry says nothing about the integration.
    if account is not None or is_disabled:
        note(caller, integration, trouble)
    return {"success": account is not None, "latency_ms": milliseconds, "account": account, "error": trouble}


def shown(integration: StoredIntegration) -> Integration:
    """An integration as callers see it."""
    return {
        "id": integration.id,
        "name": integration.name,
        "service_type": integration.service_type,
        "status": integration.status,
        "config": dict(integration.config),
        "settings": {
            "auto_sync": integration.settings["auto_sync"],
            "sync_interval": integration.settings["sync_interval"],
            "forward_events": list(integration.settings["forward_events"]),
            "language": integration.language,
        },
        "error": integration.error,
        "created_at": times.iso(integration.created_at / 1000),
        "updated_at": times.iso(integration.updated_at / 1000),
    }


def fingerprint(integration: StoredIntegration) -> str:
    """What tells one config of an integration from another, secrets included."""
    told = json.dumps(dict(integration.config), sort_keys=True).encode()
    return hashlib.sha256(told + b"\0" + (integration.sealed or b"")).hexdigest()


def _told(integration: StoredIntegration) -> dict[str, Any]:
    """An integration as events tell of it: without its config, which is nobody's but the tenant's people's."""
    told = {name: value for name, value in shown(integration).items() if name not in ("id", "config")}
    return {"integration_id": integration.id, **told, "version": integration.version}


def _replaced(caller: Caller, before: StoredIntegration, after: StoredIntegration) -> StoredIntegration:
    """Write a changed integration and the event of its change. Raises `versioned.Changed`."""
    changes = connections.changes(before, after, "error", "name", "settings", "status")
    now = max(times.now_ms(), before.updated_at)
    written = replace(after, updated_at=now, version=before.version + 1)
    event = events.event("integration.updated", caller, {**_told(written), "changes": changes})
    store.replace(caller.tenant, before, written, event)
    return written


def note(caller: Caller, tested: StoredIntegration, trouble: Trouble | None) -> None:
    """Note what a test of an integration, or a call, found out about it."""
    connections.note(
        tested,
        trouble,
        lambda: store.get(caller.tenant, tested.id, consistent=True),
        lambda before, after: _replaced(caller, before, after),
    )


def follow(caller: Caller, posted: StoredIntegration, chat_id: str) -> None:
    """Note that the chat which was posted to has another id; what changes meanwhile is told by the next post again."""
    with suppress(versioned.Changed):
        _replaced(caller, posted, replace(posted, config={**posted.config, "chat_id": chat_id}))


def _changed(tenant: str, before: StoredIntegration, sent: Mapping[str, Any]) -> StoredIntegration:
    after = replace(before, **{name: sent[name] for name in ("name", "status") if name in sent})
    if "settings" in sent:
        after = replace(after, settings={**before.settings, **sent["settings"]})
    if sent.get("config"):
        kept = connections.opened(tenant, before)
        config = configs.merged(before.service_type, kept, sent["config"])
        if config != kept:
            shown_config, sealed = connections.closed(tenant, before.id, config)
            after = replace(after, config=shown_config, sealed=sealed)
    if sent.get("config") or sent.get("status") == "active":
        after = replace(after, error=None, status="active" if after.status == "error" else after.status)
    return after
