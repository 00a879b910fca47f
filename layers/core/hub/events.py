"""Domain events: their names, and how one is written into the item that it tells of.

An entity carries the events of its last change in its attribute `events`; the table's stream takes them to the
publisher. So a change and its event are one write (docs/architecture.md, "A change and its event").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub import ids, times

AREAS: dict[str, str] = {
    "user.created": "identity",
    "user.updated": "identity",
    "user.deleted": "identity",
    "api_key.created": "identity",
    "api_key.deleted": "identity",
    "plugin.installed": "plugins",
    "plugin.updated": "plugins",
    "plugin.uninstalled": "plugins",
    "integration.created": "integrations",
    "integration.updated": "integrations",
    "integration.deleted": "integrations",
    "integration.synced": "integrations",
    "integration.sync_failed": "integrations",
    "conversation.created": "support",
    "conversation.updated": "support",
    "conversation.closed": "support",
    "conversation.message": "support",
    "conversation.message_retried": "support",
    "ticket.created": "support",
    "ticket.updated": "support",
    "ticket.resolved": "support",
    "customer.created": "crm",
    "customer.updated": "crm",
    "customer.deleted": "crm",
    "order.created": "crm",
    "order.updated": "crm",
    "order.paid": "crm",
    "order.cancelled": "crm",
    "order.refunded": "crm",
    "device.created": "iot",
    "device.updated": "iot",
    "device.deleted": "iot",
    "device.online": "iot",
    "device.offline": "iot",
    "device.alert": "iot",
    "device.command_sent": "iot",
    "device.command_acknowledged": "iot",
    "message.created": "messaging",
    "message.sent": "messaging",
    "message.status": "messaging",
    "message.received": "messaging",
    "contact.moved": "messaging",
    "kook_account.created": "forwarding",
    "kook_account.updated": "forwarding",
    "kook_account.deleted": "forwarding",
    "kook_account.started": "forwarding",
    "kook_account.stopped": "forwarding",
    "forward.succeeded": "forwarding",
    "forward.failed": "forwarding",
    "forwarding.status": "forwarding",
    "forwarder.started": "forwarding",
    "forwarder.stopped": "forwarding",
    "forward_bot.created": "forwarding",
    "forward_bot.updated": "forwarding",
    "forward_bot.deleted": "forwarding",
    "forward_bot.disabled": "forwarding",
    "forward_mapping.created": "forwarding",
    "forward_mapping.updated": "forwarding",
    "forward_mapping.deleted": "forwarding",
    "webhook.failing": "webhooks",
    "webhook.disabled": "webhooks",
}
"""Every event and the area that emits it; on the bus its source is `hub.<area>`."""

PATTERNS = ("*", *dict.fromkeys(f"{name.split('.')[0]}.*" for name in AREAS), *AREAS)
"""Everything that a subscription can name."""


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf something happens: tenant, its plan, the credential or user that asked, the request's id."""

    tenant: str
    plan: str
    actor: str
    request_id: str


def event(name: str, caller: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Make an event, as it stands in the item and in the bus's `detail`; an unknown name raises `ValueError`."""
    if name not in AREAS:
        raise ValueError(name)
    return {
        "id": ids.new("evt"),
        "type": name,
        "timestamp": times.iso_ms(times.now_ms()),
        "tenant": caller.tenant,
        "requestId": caller.request_id,
        "data": dict(data),
    }


def is_known(pattern: str) -> bool:
    """Whether a subscription names an event, all of a group (`ticket.*`) or all (`*`)."""
    return pattern in PATTERNS


def matches(pattern: str, name: str) -> bool:
    """Whether an event falls under a subscription's pattern."""
    return pattern in ("*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1]))
