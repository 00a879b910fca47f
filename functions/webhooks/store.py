"""Webhooks and their deliveries.

A webhook is an entity. A delivery is a row of ActivityTable under its webhook, kept 30 days; while it is failed it
also stands in the index `gsi1`, where `retry` finds it. `generation` counts how often it was sent anew by hand,
`tries` the attempts of that generation.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.webhooks.models import LogParameters, Status
from hub import secrets, times
from hub.errors import NotFound
from hub.store import keys, paging, table
from hub.store.items import Item

KIND = "WEBHOOK"
DELIVERIES = "DELIVERY"
KEEP_SECONDS = 30 * 86_400

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

    def secret(self) -> str:
        """Its current signing secret."""
        return self._opened(self.sealed_secret)

    def previous_secret_ends(self, now: int) -> int | None:
        """Until when the secret before this one signs too; `None` where it does not at `now`. Epoch milliseconds."""
        return self.previous_secret_until if now < (self.previous_secret_until or 0) else None

    def signing_secrets(self, now: int) -> list[str]:
        """What signs at `now` (epoch milliseconds), the current secret first."""
        signing = [self.secret()]
        if self.sealed_previous_secret is not None and self.previous_secret_ends(now) is not None:
            signing.append(self._opened(self.sealed_previous_secret))
        return signing

    def _opened(self, sealed: bytes) -> str:
        # One place for both: a secret that becomes the previous one is moved, not encrypted again.
        return secrets.unseal(sealed, self.tenant, _place(self.id, "secret"))

    def sent_headers(self) -> dict[str, str]:
        """Its custom headers as they are sent."""
        if self.sealed_headers is None:
            return self.headers
        hidden: dict[str, str] = json.loads(
            secrets.unseal(self.sealed_headers, self.tenant, _place(self.id, "headers"))
        )
        return self.headers | hidden


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery: one event to one webhook. Times in epoch milliseconds."""

    tenant: str
    webhook_id: str
    id: str
    event_id: str
    event: str
    body: str
    status: Status
    created_at: int
    generation: int
    tries: int
    attempts: list[dict[str, Any]]


def seal_secret(tenant: str, webhook_id: str, secret: str) -> bytes:
    """Encrypt a signing secret for its webhook."""
    return secrets.seal(secret, tenant, _place(webhook_id, "secret"))


def seal_headers(tenant: str, webhook_id: str, headers: Mapping[str, str]) -> tuple[dict[str, str], bytes | None]:
    """Part custom headers into what is shown, secret values masked, and those values encrypted."""
    hidden = {name: value for name, value in headers.items() if _SENSITIVE.search(name)}
    shown = {name: secrets.MASK if name in hidden else value for name, value in headers.items()}
    return shown, secrets.seal(json.dumps(hidden), tenant, _place(webhook_id, "headers")) if hidden else None


def add(webhook: StoredWebhook) -> None:
    """Write a new webhook."""
    table.write(table.Put(table.entities(), _item(webhook), table.ABSENT))


def replace(webhook: StoredWebhook, seen: int) -> None:
    """Write a changed webhook. Raises `ConditionFailed` when it changed since `seen` (its `updated_at`) or is gone."""
    condition = table.PRESENT + " AND #updated_at = :seen"
    table.write(table.Put(table.entities(), _item(webhook), condition, {"seen": seen}))


def remove(tenant: str, webhook_id: str) -> None:
    """Delete a webhook. Raises `NotFound`."""
    try:
        table.write(table.Delete(table.entities(), keys.entity(tenant, KIND, webhook_id), table.PRESENT))
    except table.ConditionFailed:
        raise NotFound from None


def get(tenant: str, webhook_id: str) -> StoredWebhook:
    """Read a webhook. Raises `NotFound`."""
    item = table.get(table.entities(), keys.entity(tenant, KIND, webhook_id))
    if item is None:
        raise NotFound
    return _webhook(tenant, item)


def count(tenant: str, bound: int) -> int:
    """Count a tenant's webhooks, up to a bound."""
    return table.count(_all(tenant), after=None, bound=bound)


def of_tenant(tenant: str) -> list[StoredWebhook]:
    """Read all webhooks of a tenant; how many there can be is bounded."""
    return [_webhook(tenant, item) for item in table.items(_all(tenant))]


def page(tenant: str, number: int, size: int, cursor: str | None) -> paging.Page[StoredWebhook]:
    """Read a page of webhooks, the newest first."""
    found = paging.read(_all(tenant), number, size, cursor)
    return found.holding(_webhook(tenant, item) for item in found.items)


def deliveries(tenant: str, webhook_id: str, query: LogParameters) -> paging.Page[StoredDelivery]:
    """Read a page of a webhook's deliveries, the newest first, of a status or an event where named."""
    wanted = {"status": query.status, "event": query.event}
    values = {name: value for name, value in wanted.items() if value is not None}
    condition = " AND ".join(f"#{name} = :{name}" for name in values)
    partition = keys.partition(tenant, DELIVERIES, webhook_id)
    rows = table.Query(table.activity(), partition, condition=condition, values=values)
    found = paging.read(rows, query.page, query.limit, query.cursor)
    return found.holding(delivery(tenant, webhook_id, item) for item in found.items)


def failed_deliveries(tenant: str, webhook_id: str, limit: int) -> list[StoredDelivery]:
    """The oldest failed deliveries of a webhook, `limit` at most."""
    query = table.Query(table.activity(), _failed_partition(tenant, webhook_id), index="gsi1", newest_first=False)
    found: list[Item] = []
    for items, _ in table.pages(query, limit=min(limit, 100)):
        found += items
        if len(found) >= limit:
            break
    return [delivery(tenant, webhook_id, item) for item in found[:limit]]


def together(
    wanted: Sequence[tuple[str, str, str]], *, consistent: bool = False
) -> dict[tuple[str, str, str], tuple[StoredWebhook | None, StoredDelivery | None]]:
    """Read webhooks and deliveries, up to 50 pairs of `(tenant, webhook id, delivery id)`, in one call."""
    webhook_keys = [keys.entity(tenant, KIND, webhook_id) for tenant, webhook_id, _ in wanted]
    delivery_keys = [keys.belonging(tenant, DELIVERIES, webhook_id, log_id) for tenant, webhook_id, log_id in wanted]
    found = table.get_many({table.entities(): webhook_keys, table.activity(): delivery_keys}, consistent=consistent)
    pairs: dict[tuple[str, str, str], tuple[StoredWebhook | None, StoredDelivery | None]] = {}
    for place, webhook_key, delivery_key in zip(wanted, webhook_keys, delivery_keys, strict=True):
        tenant, webhook_id, _ = place
        webhook_item = found.get((table.entities(), webhook_key["pk"], webhook_key["sk"]))
        row = found.get((table.activity(), delivery_key["pk"], delivery_key["sk"]))
        pairs[place] = (
            _webhook(tenant, webhook_item) if webhook_item else None,
            delivery(tenant, webhook_id, row) if row else None,
        )
    return pairs


def rows(tenant: str, webhook_id: str, log_ids: Sequence[str]) -> dict[str, StoredDelivery]:
    """Read named deliveries of a webhook, up to 100; those it does not have are left out."""
    places = [keys.belonging(tenant, DELIVERIES, webhook_id, log_id) for log_id in log_ids]
    found = table.get_many({table.activity(): places})
    return {item["sk"]: delivery(tenant, webhook_id, item) for item in found.values()}


def put_deliveries(rows: Sequence[StoredDelivery]) -> None:
    """Write the rows of first attempts."""
    table.put_many(table.activity(), [_row(row) for row in rows])


def begin(row: StoredDelivery) -> bool:
    """Write the row of a first attempt that failed; `False` when another run of the same delivery wrote it before."""
    try:
        table.write(table.Put(table.activity(), _row(row), "attribute_not_exists(pk)"))
    except table.ConditionFailed:
        return False
    return True


def claim(row: StoredDelivery) -> bool:
    """Start a new generation of a failed delivery; `False` when another run was first."""
    change = table.Update(
        table.activity(),
        _delivery_key(row),
        "SET #status = :pending, #generation = :next, #tries = :zero REMOVE #gsi1_pk, #gsi1_sk",
        "#status = :failed AND #generation = :generation",
        {"pending": "pending", "failed": "failed", "generation": row.generation, "next": row.generation + 1, "zero": 0},
    )
    try:
        table.write(change)
    except table.ConditionFailed:
        return False
    return True


def record(row: StoredDelivery, attempt: Mapping[str, Any] | None, status: Status) -> None:
    """Add an attempt to a delivery and set its status; one that a newer generation has overtaken stays as it is."""
    index = " REMOVE #gsi1_pk, #gsi1_sk"
    values: dict[str, Any] = {
        "status": status,
        "attempts": [attempt] if attempt else [],
        "one": 1,
        "generation": row.generation,
    }
    if status == "failed":
        index = ", #gsi1_pk = :gsi1_pk, #gsi1_sk = :gsi1_sk"
        values |= {"gsi1_pk": _failed_partition(row.tenant, row.webhook_id), "gsi1_sk": row.id}
    change = table.Update(
        table.activity(),
        _delivery_key(row),
        f"SET #status = :status, #attempts = list_append(#attempts, :attempts), #tries = #tries + :one{index}",
        "#generation = :generation",
        values,
    )
    try:
        table.write(change)
    except table.ConditionFailed:
        return


def delivery(tenant: str, webhook_id: str, item: Item) -> StoredDelivery:
    """Read a delivery's row."""
    return StoredDelivery(
        tenant=tenant,
        webhook_id=webhook_id,
        id=item["sk"],
        event_id=item["event_id"],
        event=item["event"],
        body=item["body"],
        status=item["status"],
        created_at=item["created_at"],
        generation=item["generation"],
        tries=item["tries"],
        attempts=item["attempts"],
    )


def _all(tenant: str) -> table.Query:
    return table.Query(table.entities(), keys.partition(tenant, KIND))


def _place(webhook_id: str, what: str) -> str:
    return f"webhook/{webhook_id}/{what}"


def _failed_partition(tenant: str, webhook_id: str) -> str:
    return keys.partition(tenant, "FAILED", webhook_id)


def _delivery_key(row: StoredDelivery) -> keys.Key:
    return keys.belonging(row.tenant, DELIVERIES, row.webhook_id, row.id)


def _item(webhook: StoredWebhook) -> Item:
    return {
        **keys.entity(webhook.tenant, KIND, webhook.id),
        "url": webhook.url,
        "subscriptions": webhook.events,
        "headers": webhook.headers,
        "active": webhook.active,
        "description": webhook.description,
        "retry_policy": webhook.retry_policy,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
        "sealed_secret": webhook.sealed_secret,
        "sealed_headers": webhook.sealed_headers,
        "sealed_previous_secret": webhook.sealed_previous_secret,
        "previous_secret_until": webhook.previous_secret_until,
    }


def _webhook(tenant: str, item: Item) -> StoredWebhook:
    return StoredWebhook(
        tenant=tenant,
        id=item["sk"],
        url=item["url"],
        events=item["subscriptions"],
        headers=item["headers"],
        active=item["active"],
        description=item["description"],
        retry_policy=item["retry_policy"],
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        sealed_secret=item["sealed_secret"],
        sealed_headers=item.get("sealed_headers"),
        sealed_previous_secret=item.get("sealed_previous_secret"),
        previous_secret_until=item.get("previous_secret_until"),
    )


def _row(row: StoredDelivery) -> Item:
    failed = (
        {"gsi1_pk": _failed_partition(row.tenant, row.webhook_id), "gsi1_sk": row.id} if row.status == "failed" else {}
    )
    return {
        **_delivery_key(row),
        **failed,
        "event_id": row.event_id,
        "event": row.event,
        "body": row.body,
        "status": row.status,
        "created_at": row.created_at,
        "generation": row.generation,
        "tries": row.tries,
        "attempts": row.attempts,
        "ttl": times.now() + KEEP_SECONDS,
    }
