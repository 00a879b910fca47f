"""The statistics counted anew, from the conversations, tickets and messages that there are.

Nobody else may count meanwhile (`python -m operations rebuild-statistics` sees to that): what happens during a rebuild
is counted from its events afterwards, and what was told of both ways counts once.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.support import totals
from functions.support.conversations import store as conversations
from functions.support.statistics import count
from functions.support.tickets import store as tickets
from hub import aws, times
from hub.store import counters, table
from hub.store.items import Item, from_item, to_item

if TYPE_CHECKING:
    from hub.store.counters import Fact

_TENANT = "TENANT"
_READ = [
    "pk",
    "sk",
    "deleted_at",
    "status",
    "channel",
    "priority",
    "version",
    "created_at",
    "rated_at",
    "satisfaction",
    "response_seconds",
]

Figures = Mapping[str, Mapping[str, int]]
"""Amounts by counter and attribute, none of them 0."""


@dataclass(slots=True)
class Rebuilt:
    """What a tenant's figures were and are, how many things of each kind count, and those that cannot be counted."""

    before: Figures
    things: Counter[str] = field(default_factory=Counter)
    after: Figures = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def differences(self) -> Iterator[tuple[str, str, int, int]]:
        """Counter, attribute, and what it said before and says now, where these are not the same."""
        for name in sorted({*self.before, *self.after}):
            old, new = self.before.get(name, {}), self.after.get(name, {})
            for attribute in sorted({*old, *new}):
                was, now = old.get(attribute, 0), new.get(attribute, 0)
                if was != now:
                    yield name, attribute, was, now


def rebuild(only: str | None = None) -> dict[str, Rebuilt]:
    """Count everything of one tenant or of all anew; answers with each tenant's outcome.

    One scan of the table finds the tenants, whose figures are all forgotten before another counts. One that was
    interrupted is repaired by another. Raises `Unavailable`.
    """
    found: dict[str, Rebuilt] = {}
    for tenant in sorted({item["pk"].split("#")[1] for page in _pages(only, ["pk"]) for item in page}):
        found[tenant] = Rebuilt(_figures(tenant))
        counters.forget(tenant, _is_ours)
    for page in _pages(only, _READ):
        facts: list[Fact] = []
        for item in page:
            _, tenant, kind, *_ = item["pk"].split("#")
            # A tenant may have been made since the first scan: nothing of it is counted yet.
            found.setdefault(tenant, Rebuilt({}))
            if "deleted_at" in item or kind == _TENANT:
                continue
            try:
                facts.append(count.fact(_event(tenant, kind, item)))
            except (ValueError, KeyError, TypeError):
                found[tenant].broken.append(item["sk"])
            else:
                found[tenant].things[kind] += 1
        counters.count(facts)
    for tenant, rebuilt in found.items():
        rebuilt.after = _figures(tenant)
    return found


def _pages(only: str | None, read: Sequence[str]) -> Iterator[list[Item]]:
    """Attributes of the items that count, and each tenant's own: none is missed that has nothing (any more)."""
    kinds = {"tenant": _TENANT, "conversation": conversations.KIND, "ticket": tickets.KIND}
    values = {f":{name}": f"#{kind}" for name, kind in kinds.items()} | {":message": f"#{conversations.MESSAGES}#"}
    wanted = " OR ".join(f"contains(pk, :{name})" for name in kinds)
    condition = f"({wanted} OR (contains(pk, :message) AND response_seconds >= :zero))"
    if only is not None:
        condition += " AND begins_with(pk, :only)"
        values[":only"] = f"T#{only}#"
    pages = (
        aws.dynamodb()
        .get_paginator("scan")
        .paginate(
            TableName=table.entities(),
            ConsistentRead=True,
            FilterExpression=condition,
            ExpressionAttributeValues=to_item({**values, ":zero": 0}),
            ProjectionExpression=", ".join(f"#{name}" for name in read),
            ExpressionAttributeNames={f"#{name}": name for name in read},
        )
    )
    known = {*kinds.values(), conversations.MESSAGES}
    for page in pages:
        items = map(from_item, page["Items"])
        yield [item for item in items if item["pk"].startswith("T#") and item["pk"].split("#")[2] in known]


def _event(tenant: str, kind: str, item: Item) -> dict[str, Any]:
    """What the last event of an item told of it, as far as it is counted."""
    rated_at = item.get("rated_at")
    data = {
        **item,
        "created_at": times.iso_ms(item["created_at"]),
        "rated_at": None if rated_at is None else times.iso_ms(rated_at),
        "satisfaction": item.get("satisfaction"),
    }
    match kind:
        case conversations.KIND:
            return {"tenant": tenant, "type": "conversation.updated", "data": {**data, "conversation_id": item["sk"]}}
        case tickets.KIND:
            return {"tenant": tenant, "type": "ticket.updated", "data": {**data, "ticket_id": item["sk"]}}
    return {"tenant": tenant, "type": "conversation.message", "data": {**data, "message_id": item["sk"]}}


def _figures(tenant: str) -> dict[str, dict[str, int]]:
    return {
        name: {attribute: amount for attribute, amount in amounts.items() if amount}
        for name, amounts in counters.all_of(tenant)
        if _is_ours(name)
    }


def _is_ours(counter: str) -> bool:
    return counter in (totals.CONVERSATIONS, totals.TICKETS) or counter.startswith(count.HOURS)
