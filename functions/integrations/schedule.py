"""The schedule of an integration: there while it is to sync by itself, and only then.

It follows the integration's events, not its requests: an event comes with every change, and comes again until it was
seen to. So none is missing or left behind, wherever a function dies.
"""

from dataclasses import dataclass
from functools import cache

from functions.integrations import store
from functions.integrations.store import StoredIntegration
from hub import connections, connectors, schedules, settings
from hub.errors import NotFound, Unavailable
from hub.store import table
from hub.store.versioned import TRIES


@dataclass(frozen=True)
class ScheduleSettings:
    """The queue that hears when a sync is due."""

    integration_events_queue_arn: str


def reconcile(tenant: str, integration_id: str) -> None:
    """Make, change or remove the schedule, as the integration is by now. Raises `Unavailable`.

    It is read again afterwards: of two that are at it for two changes, whoever acted on the older one acts again.
    """
    for attempt in range(TRIES):
        table.back_off(attempt)
        seen = _found(tenant, integration_id)
        if seen is not None and is_wanted(tenant, seen):
            schedules.put(
                schedules.named(tenant, integration_id),
                seen.settings["sync_interval"],
                _settings().integration_events_queue_arn,
                {"do": "sync", "tenant": tenant, "integration_id": integration_id},
            )
        else:
            remove(tenant, integration_id)
        again = _found(tenant, integration_id)
        if (again and again.version) == (seen and seen.version):
            return
    raise Unavailable


def remove(tenant: str, integration_id: str) -> None:
    """Remove the schedule, if there is one."""
    schedules.delete(schedules.named(tenant, integration_id))


def is_wanted(tenant: str, integration: StoredIntegration) -> bool:
    """Whether an integration is to sync by itself: one in `error` is not, and one that only takes messages cannot."""
    if integration.status != "active" or not integration.settings["auto_sync"]:
        return False
    return connectors.connector(integration.service_type).reads(connections.opened(tenant, integration))


def _found(tenant: str, integration_id: str) -> StoredIntegration | None:
    try:
        return store.get(tenant, integration_id, consistent=True)
    except NotFound:
        return None


@cache
def _settings() -> ScheduleSettings:
    return settings.load(ScheduleSettings)
