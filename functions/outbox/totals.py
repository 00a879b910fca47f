"""From the bus to the totals: how many users, customers, orders and devices a tenant has.

A thing counts from its creation to its deletion. The fact of it is told in two versions, so its events may come twice
and in any order: once it is known to be deleted, it does not count again.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from hub import batches, times
from hub.store import keys, totals
from hub.store.counters import Fact
from hub.store.items import Item
from hub.store.recounting import Countable
from hub.telemetry import lambda_handler

KINDS = {"user": "USER", "customer": "CUSTOMER", "order": "ORDER", "device": "DEVICE"}
"""Whose events are counted, and under which name (`hub.store.plan.Listing.kind`)."""

_CREATED, _DELETED = 1, 2
_MAX_ID_LENGTH = 128
_LEDGER_SECONDS = 30 * 86_400
"""How long a deletion can be told: a day at the bus, and twice the fourteen that a queue keeps a message."""


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Count a batch of events from SQS; what is none that is counted goes to the dead letters alone."""
    return batches.count_each(event, fact)


def fact(event: Mapping[str, Any]) -> Fact:
    """What an event (`type`, `tenant`, `data`) counts for. Raises `ValueError` for one that is garbled."""
    name, _, happened = str(event["type"]).partition(".")
    tenant, data = event["tenant"], event["data"]
    thing_id = data.get(f"{name}_id") if isinstance(data, dict) else None
    if not isinstance(tenant, str) or not keys.TENANT_PATTERN.match(tenant) or name not in KINDS:
        raise ValueError(event["type"], tenant)
    if not isinstance(thing_id, str) or not 1 <= len(thing_id) <= _MAX_ID_LENGTH:
        raise ValueError(event["type"], "no id")
    match happened:
        case "created":
            return _counting(KINDS[name], tenant, thing_id)
        case "deleted":
            return Fact(tenant, thing_id, _DELETED, {}, times.now() + _LEDGER_SECONDS)
    raise ValueError(event["type"])


def is_counter(name: str) -> bool:
    """Whether a counter holds totals."""
    return name == totals.COUNTER


def _counting(kind: str, tenant: str, thing_id: str) -> Fact:
    return Fact(tenant, thing_id, _CREATED, {totals.COUNTER: {kind: 1}})


def _stored(kind: str, tenant: str, item: Item) -> Fact:
    return _counting(kind, tenant, item["sk"])


COUNTED = tuple(Countable(kind, partial(_stored, kind)) for kind in KINDS.values())
"""What counts when totals are counted anew."""
