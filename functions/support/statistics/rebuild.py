"""What counts in the statistics when they are counted anew: the conversations, tickets and answers that there are."""

from functools import partial
from typing import Any

from functions.support import totals
from functions.support.conversations import store as conversations
from functions.support.statistics import count
from functions.support.tickets import store as tickets
from hub import times
from hub.store.counters import Fact
from hub.store.items import Item
from hub.store.recounting import Countable

_TIMES = ("created_at", "rated_at")


def is_counter(name: str) -> bool:
    """Whether a counter holds statistics."""
    return name in (totals.CONVERSATIONS, totals.TICKETS) or name.startswith(count.HOURS)


def _fact(event: str, own_id: str, tenant: str, item: Item) -> Fact:
    """What a thing counts for, as the last event of its item told it."""
    data: dict[str, Any] = {"satisfaction": None, "rated_at": None, **item, own_id: item["sk"]}
    told = {name: None if data[name] is None else times.iso_ms(data[name]) for name in _TIMES}
    return count.fact({"tenant": tenant, "type": event, "data": data | told})


COUNTED = (
    Countable(
        conversations.KIND,
        partial(_fact, "conversation.updated", "conversation_id"),
        ("status", "channel", "version", "created_at", "rated_at", "satisfaction"),
    ),
    Countable(
        tickets.KIND, partial(_fact, "ticket.updated", "ticket_id"), ("status", "priority", "version", "created_at")
    ),
    Countable(
        conversations.MESSAGES,
        partial(_fact, "conversation.message", "message_id"),
        ("created_at", "response_seconds"),
        having="response_seconds",
    ),
)
