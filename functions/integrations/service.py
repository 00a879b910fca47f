"""What can be done with integrations."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from functions.integrations import schedules, store
from functions.integrations.models import (
    Integration,
    IntegrationChange,
    IntegrationParameters,
    NewIntegration,
    Status,
    Tested,
    Trouble,
)
from functions.integrations.store import StoredIntegration
from hub import connections, connectors, events, ids, outbound, secrets, times
from hub.connectors.protocol import Config, Disabled, ProviderError
from hub.errors import FieldError, InvalidRequest, NotFound, Unavailable
from hub.events import Caller
from hub.store import table, versioned
from hub.store.paging import Page
from hub.web.validation import invalid


def create(caller: Caller, wanted: NewIntegration) -> Integration:
    """Make an integration. Raises `InvalidRequest` for a config that its service type does not take."""
    config = checked(wanted.service_type, wanted.config)
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
        last_synced_at=None,
        created_at=now,
        updated_at=now,
    )
    schedules.follow(caller.tenant, integration)
    store.add(caller.tenant, integration, events.event("integration.created", caller, told(integration)))
    return shown(integration)


def get(tenant: str, integration_id: str) -> Integration:
    """Show an integration."""
    return shown(store.get(tenant, integration_id))


def listed(tenant: str, query: IntegrationParameters) -> Page[Integration]:
    """List integrations."""
    page = store.page(tenant, query.service_type, query.status, query.page, query.limit, query.cursor)
    return page.holding(map(shown, page.items))


def change(caller: Caller, integration_id: str, wanted: IntegrationChange) -> Integration:
    """Change the fields that were sent; whatever else of it changes meanwhile stays."""
    sent = wanted.model_dump(exclude_unset=True)
    if not sent:
        raise InvalidRequest(FieldError("body", "nothing_to_change"))
    for attempt in range(versioned.TRIES):
        table.back_off(attempt)
        before = store.get(caller.tenant, integration_id, consistent=True)
        after = _changed(caller.tenant, before, sent)
        names = sorted(name for name in sent if getattr(after, name) != getattr(before, name) or name == "config")
        if not names:
            return shown(before)
        schedules.follow(caller.tenant, after)
        event = events.event("integration.updated", caller, {**told(after), "changes": names})
        try:
            store.replace(caller.tenant, before, after, [event])
        except versioned.Changed:
            continue
        return shown(after)
    raise Unavailable


def delete(caller: Caller, integration_id: str) -> None:
    """Delete an integration and its schedule."""
    try:
        integration = store.get(caller.tenant, integration_id)
        store.remove(caller.tenant, integration_id, events.event("integration.deleted", caller, told(integration)))
    except (NotFound, table.ConditionFailed):
        # The deletion before this one may have failed half way.
        schedules.end(integration_id)
        raise NotFound from None
    schedules.end(integration_id)


def test(caller: Caller, integration_id: str) -> Tested:
    """Ask the provider who we are. What it says also tells whether the integration is in `error`."""
    integration = store.get(caller.tenant, integration_id)
    connector = connectors.connector(integration.service_type)
    config = connections.opened(caller.tenant, integration)
    started = time.perf_counter()
    account: dict[str, str] | None = None
    trouble: Trouble | None = None
    is_disabled = False
    try:
        found = connector.test(config)
        account = {"id": found.id, "name": found.name}
    except ProviderError as error:
        trouble, is_disabled = {"code": error.code, "message": error.message}, isinstance(error, Disabled)
    milliseconds = round((time.perf_counter() - started) * 1000)
    if account is not None or is_disabled:
        note(caller, integration_id, trouble)
    return {"success": account is not None, "latency_ms": milliseconds, "account": account, "error": trouble}


def note(caller: Caller, integration_id: str, trouble: Trouble | None) -> None:
    """Note that its provider refuses everything, or no longer does; one that is switched off stays so."""
    for attempt in range(versioned.TRIES):
        table.back_off(attempt)
        before = store.get(caller.tenant, integration_id, consistent=True)
        status: Status = before.status if before.status == "inactive" else "error" if trouble else "active"
        if (status, trouble) == (before.status, before.error):
            return
        after = replace(_touched(before), status=status, error=trouble)
        event = events.event("integration.updated", caller, {**told(after), "changes": ["error", "status"]})
        try:
            store.replace(caller.tenant, before, after, [event])
        except versioned.Changed:
            continue
        return
    raise Unavailable


def checked(service_type: str, values: Mapping[str, Any]) -> Config:
    """A config of a service type. Raises `InvalidRequest` with the fields under `config`."""
    shape = connectors.connector(service_type).config
    try:
        config: Config = shape.model_validate(dict(values))
    except ValidationError as error:
        found = [replace(one, field=f"config.{one.field}") for one in invalid(error).fields]
        raise InvalidRequest(found) from None
    addresses = {name: value for name, value in config.model_dump().items() if name.endswith("url") and value}
    refusals = {name: outbound.refusal(value) for name, value in addresses.items()}
    if wrong := [FieldError(f"config.{name}", reason) for name, reason in refusals.items() if reason]:
        raise InvalidRequest(wrong)
    return config


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
        },
        "error": integration.error,
        "last_synced_at": versioned.iso(integration.last_synced_at),
        "created_at": times.iso(integration.created_at / 1000),
        "updated_at": times.iso(integration.updated_at / 1000),
    }


def told(integration: StoredIntegration) -> dict[str, Any]:
    """An integration as events tell of it: without its config, which is nobody's but the tenant's people's."""
    return {
        ("integration_id" if name == "id" else name): value
        for name, value in shown(integration).items()
        if name != "config"
    } | {"version": integration.version}


def _touched(before: StoredIntegration) -> StoredIntegration:
    return replace(before, updated_at=max(times.now_ms(), before.updated_at), version=before.version + 1)


def _changed(tenant: str, before: StoredIntegration, sent: Mapping[str, Any]) -> StoredIntegration:
    after = _touched(before)
    if "config" in sent:
        config = checked(before.service_type, _merged(tenant, before, sent["config"]))
        shown_config, sealed = connections.closed(tenant, before.id, config)
        after = replace(after, config=shown_config, sealed=sealed, error=None)
        if before.status == "error":
            after = replace(after, status="active")
    if "settings" in sent:
        after = replace(after, settings={**before.settings, **sent["settings"]})
    return replace(after, **{name: sent[name] for name in ("name", "status") if name in sent})


def _merged(tenant: str, before: StoredIntegration, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The stored config under the fields that were sent."""
    kept = connections.opened(tenant, before).model_dump(exclude_defaults=True)
    sent = {name: value for name, value in sent.items() if value != secrets.MASK or name not in kept}
    return {name: value for name, value in {**kept, **sent}.items() if value is not None}
