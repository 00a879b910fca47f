"""What a provider tells of its records: checked, and a sync asked for, before it is answered."""

from functions.integrations import store
from functions.integrations.syncs import asked
from hub import connections, connectors
from hub.connectors.protocol import Callback, Heard, Unverified
from hub.errors import Forbidden, NotFound
from hub.telemetry import count


def hear(integration_id: str, callback: Callback, request_id: str) -> Heard:
    """Take a callback; the answer is what its provider waits for.

    Raises `NotFound` for an integration whose provider tells no changes, `Forbidden` for what is not the provider's,
    `Unavailable` where the sync could not be asked for: the provider tells it again.
    """
    tenant = connections.owner(integration_id)
    if tenant is None:
        raise NotFound
    integration = store.get(tenant, integration_id)
    connector = connectors.connector(integration.service_type)
    if "changes" not in connector.abilities:
        raise NotFound
    config = connections.opened(tenant, integration)
    try:
        heard = connector.hear(config, callback)
    except Unverified:
        raise Forbidden from None
    if heard.records_changed:
        if integration.status == "active" and connector.reads(config):
            asked.ask(tenant, integration_id, request_id)
        else:
            # Answered like any other: what is refused often enough, a provider switches off.
            count("CallbacksDropped")
    return heard
