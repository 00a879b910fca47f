"""Examples by the name of the shape that they are of, a module for each room."""

from typing import Any

from local.openapi.examples import crm, forwarding, identity, integrations, iot, messaging, plugins, support, webhooks

EXAMPLES: dict[str, dict[str, Any]] = {
    **crm.EXAMPLES,
    **forwarding.EXAMPLES,
    **identity.EXAMPLES,
    **integrations.EXAMPLES,
    **iot.EXAMPLES,
    **messaging.EXAMPLES,
    **plugins.EXAMPLES,
    **support.EXAMPLES,
    **webhooks.EXAMPLES,
}
