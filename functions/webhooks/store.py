"""Webhooks: entities, whose secrets are sealed."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from functions.webhooks.models import DisabledReason
from hub import rotation, secrets
from hub.errors import NotFound
from hub.store import items, keys, paging, table
from hub.store.items import Item

KIND = "WEBHOOK"

_SENSITIVE = re.compile(r"authorization|cookie|token|secret|key|password|signature", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """A webhook. `headers` are as shown, secret ones masked, their values in `sealed_headers`."""

    tenant: str
    id: str
    url: str
    events: list[str]
    headers: dict[str, str]
    active: bool
    description: str
    retry_policy: str
    created_at: int
    updated_at: int
    sealed_secret: bytes
    sealed_headers: bytes | None
    sealed_previous_secret: bytes | None = None
    previous_secret_until: int | None = None
    disabled_reason: DisabledReason | None = None
    disabled_at: int | None = None
    filter: dict[str, Any] | None = None

    @property
    def host(self) -> str:
        """Where it leads, without what may be secret in its address."""
        return urlsplit(self.url).netloc

    def secret(self) -> str:
        """Its current signing secret."""
        return secrets.unseal(self.sealed_secret, self.tenant, _place(self.id, "secret"))

    def signing_secrets(self, now: int) -> list[str]:
        """What signs at `now` (epoch milliseconds), the current secret first."""
        return rotation.signing(self, now, self.tenant, _place(self.id, "secret"))

    def sent_headers(self) -> dict[str, str]:
        """Its custom headers as they are sent."""
        if self.sealed_headers is None:
            return self.headers
        hidden: dict[str, str] = json.loads(
            secrets.unseal(self.sealed_headers, self.tenant, _place(self.id, "headers"))
        )
        return self.headers | hidden


def seal_secret(tenant: str, webhook_id: str, secret: str) -> bytes:
    """Encrypt a signing secret for its webhook."""
    return secrets.seal(secret, tenant, _place(webhook_id, "secret"))


def seal_headers(tenant: str, webhook_id: str, headers: Mapping[str, str]) -> tuple[dict[str, str], bytes | None]:
    """Part custom headers into what is shown, secret values masked, and those values encrypted."""
    hidden = {name: value for name, value in headers.items() if _SENSITIVE.search(name)}
    shown = {name: secrets.MASK if name in hidden else value for name, value in headers.items()}
    return shown, secrets.seal(json.dumps(hidden), tenant, _place(webhook_id, "headers")) if hidden else None


def key(tenant: str, webhook_id: str) -> keys.Key:
    """Where a webhook is."""
    return keys.entity(tenant, KIND, webhook_id)


def add(webhook: StoredWebhook) -> None:
    """Write a new webhook."""
    table.write(table.Put(table.entities(), _item(webhook), table.ABSENT))


def replace(webhook: StoredWebhook, seen: int, events: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write a changed webhook and the events of the change.

    Raises `ConditionFailed` when it changed since `seen` (its `updated_at`) or is gone.
    """
    condition = table.PRESENT + " AND #updated_at = :seen"
    item = {**_item(webhook), **({"events": list(events)} if events else {})}
    table.write(table.Put(table.entities(), item, condition, {"seen": seen}))


def remove(tenant: str, webhook_id: str) -> None:
    """Delete a webhook. Raises `NotFound`."""
    try:
        table.write(table.Delete(table.entities(), key(tenant, webhook_id), table.PRESENT))
    except table.ConditionFailed:
        raise NotFound from None


def get(tenant: str, webhook_id: str, *, consistent: bool = False) -> StoredWebhook:
    """Read a webhook. Raises `NotFound`."""
    webhook = find(tenant, webhook_id, consistent=consistent)
    if webhook is None:
        raise NotFound
    return webhook


def find(tenant: str, webhook_id: str, *, consistent: bool = True) -> StoredWebhook | None:
    """Read a webhook that may be gone."""
    item = table.get(table.entities(), key(tenant, webhook_id), consistent=consistent)
    return from_item(tenant, item) if item else None


def count(tenant: str, bound: int) -> int:
    """Count a tenant's webhooks, up to a bound."""
    return table.count(_all(tenant), after=None, bound=bound)


def of_tenant(tenant: str) -> list[StoredWebhook]:
    """Read all webhooks of a tenant; how many there can be is bounded."""
    return [from_item(tenant, item) for item in table.items(_all(tenant))]


def page(tenant: str, number: int, size: int, cursor: str | None) -> paging.Page[StoredWebhook]:
    """Read a page of webhooks, the newest first."""
    found = paging.read(_all(tenant), number, size, cursor)
    return found.holding(from_item(tenant, item) for item in found.items)


def _all(tenant: str) -> table.Query:
    return table.Query(table.entities(), keys.partition(tenant, KIND))


def _place(webhook_id: str, what: str) -> str:
    return f"webhook/{webhook_id}/{what}"


def _item(webhook: StoredWebhook) -> Item:
    return {
        **key(webhook.tenant, webhook.id),
        **items.attributes(webhook, "tenant", "events"),
        # Not `events`, where the outbox is.
        "subscriptions": webhook.events,
        # As text: its numbers stay as they were sent, and no nesting is too deep.
        "filter": None if webhook.filter is None else json.dumps(webhook.filter, ensure_ascii=False),
    }


def from_item(tenant: str, item: Item) -> StoredWebhook:
    """Read a webhook's item."""
    wanted = json.loads(item["filter"]) if "filter" in item else None
    return items.entity(StoredWebhook, item, tenant=tenant, events=item["subscriptions"], filter=wanted)
