"""What can be done with syncs; `functions.integrations.sync` does their work."""

from collections.abc import Callable

from functions.integrations import service
from functions.integrations import store as integrations
from functions.integrations.syncs import records, store
from functions.integrations.syncs.models import RecordParameters, Sync, SyncedRecord, Trigger
from functions.integrations.syncs.store import StoredSync
from hub.errors import Unprocessable
from hub.events import Caller
from hub.store.paging import Page
from hub.web.validation import PageParameters


def start(caller: Caller, integration_id: str, trigger: Trigger = "manual") -> Sync:
    """Begin a sync, or answer with the one that runs. Raises `Unprocessable` where the integration is not active."""
    return store.shown(begin(caller, integration_id, trigger, lambda _: False)[0])


def begin(
    caller: Caller, integration_id: str, trigger: Trigger, serves: Callable[[StoredSync], bool]
) -> tuple[StoredSync, bool]:
    """Begin a sync, or answer with the one that runs or, where it `serves`, the one that ended last; whether it is new.

    Raises `Unprocessable` where the integration is not active.
    """
    integration = integrations.get(caller.tenant, integration_id, consistent=True)
    if integration.status != "active":
        raise Unprocessable("integration_not_active")
    return store.begin(caller, integration_id, service.fingerprint(integration), trigger, serves)


def listed(tenant: str, integration_id: str, query: PageParameters) -> Page[Sync]:
    """List an integration's syncs, the newest first."""
    integrations.get(tenant, integration_id)
    page = store.page(tenant, integration_id, query.page, query.limit, query.cursor)
    return page.holding(map(store.shown, page.items))


def get(tenant: str, integration_id: str, sync_id: str) -> Sync:
    """Show a sync."""
    integrations.get(tenant, integration_id)
    return store.shown(store.get(tenant, integration_id, sync_id))


def listed_records(tenant: str, integration_id: str, query: RecordParameters) -> Page[SyncedRecord]:
    """List an integration's records, by kind and the provider's id."""
    integrations.get(tenant, integration_id)
    return records.listed(tenant, integration_id, query)
