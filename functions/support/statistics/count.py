"""From the bus to the counters: what conversations, tickets and answers count for, in their latest version.

| counter | attributes | of |
|---|---|---|
| `CONVERSATIONS` | `<status>__<channel>` | conversations |
| `TICKETS` | `<status>__<priority>` | tickets |
| `SUPPORT#2026-11-20T15` | `q<n>_conversations` `q<n>_tickets` | those made in quarter n (0 to 3) of that hour, UTC |
| | `q<n>_ratings` `q<n>_satisfied` | conversations rated in it, and those that got a 4 or a 5 |
| | `q<n>_responses` `q<n>_response_seconds` | customers answered in it, and how long they had waited together |

Quarters, because there are time zones that are a quarter of an hour apart.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from functions.support import totals
from functions.support.conversations.models import Channel
from functions.support.conversations.models import Status as ConversationStatus
from functions.support.tickets.models import Priority
from functions.support.tickets.models import Status as TicketStatus
from hub import batches, times
from hub.store import keys
from hub.store.counters import Fact
from hub.telemetry import lambda_handler

HOURS = "SUPPORT#"
QUARTER = 900
CONVERSATIONS, TICKETS = "conversations", "tickets"
RATINGS, SATISFIED = "ratings", "satisfied"
RESPONSES, RESPONSE_SECONDS = "responses", "response_seconds"

_SATISFIED = 4
_LEDGER_SECONDS = 30 * 86_400
"""How long an answer can be told: a day at the bus, and twice the fourteen that a queue keeps a message."""

Id = Annotated[str, Field(min_length=1, max_length=128)]
Version = Annotated[int, Field(ge=1, lt=2**53)]


class _Told(BaseModel):
    """Of an event's data, what is counted. What an error tells of it goes to the log, so without customers' data."""

    model_config = ConfigDict(defer_build=True, hide_input_in_errors=True)


class ConversationState(_Told):
    """A conversation in one of its versions."""

    conversation_id: Id
    version: Version
    status: ConversationStatus
    channel: Channel
    created_at: AwareDatetime
    satisfaction: Annotated[int, Field(ge=1, le=5)] | None
    rated_at: AwareDatetime | None

    def fact(self, tenant: str) -> Fact:
        """What it counts for."""
        counts = [_quarter(self.created_at, {CONVERSATIONS: 1})]
        if self.satisfaction is not None and self.rated_at is not None:
            counts.append(_quarter(self.rated_at, {RATINGS: 1, SATISFIED: int(self.satisfaction >= _SATISFIED)}))
        total = {totals.CONVERSATIONS: {totals.attribute(self.status, self.channel): 1}}
        return Fact(tenant, self.conversation_id, self.version, total | _together(*counts))


class TicketState(_Told):
    """A ticket in one of its versions."""

    ticket_id: Id
    version: Version
    status: TicketStatus
    priority: Priority
    created_at: AwareDatetime

    def fact(self, tenant: str) -> Fact:
        """What it counts for."""
        total = {totals.TICKETS: {totals.attribute(self.status, self.priority): 1}}
        return Fact(tenant, self.ticket_id, self.version, total | _quarter(self.created_at, {TICKETS: 1}))


class Answer(_Told):
    """A message that answered a customer who waited; the rule of the queue lets no other through."""

    message_id: Id
    created_at: AwareDatetime
    response_seconds: Annotated[int, Field(ge=0, lt=2**40)]

    def fact(self, tenant: str) -> Fact:
        """What it counts for. No message ever changes."""
        counts = _quarter(self.created_at, {RESPONSES: 1, RESPONSE_SECONDS: self.response_seconds})
        return Fact(tenant, self.message_id, 1, counts, int(self.created_at.timestamp()) + _LEDGER_SECONDS)


_STATES: Mapping[str, type[ConversationState | TicketState | Answer]] = {
    "conversation.created": ConversationState,
    "conversation.updated": ConversationState,
    "conversation.message": Answer,
    "ticket.created": TicketState,
    "ticket.updated": TicketState,
}


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Count a batch of events from SQS; what is not an event of the support desk goes to the dead letters alone."""
    return batches.count_each(event, fact)


def fact(event: Mapping[str, Any]) -> Fact:
    """What an event (`type`, `tenant`, `data`) counts for. Raises `ValueError` for one that is garbled."""
    state, tenant = _STATES.get(str(event["type"])), event["tenant"]
    if state is None or not isinstance(tenant, str) or not keys.TENANT_PATTERN.match(tenant):
        raise ValueError(event["type"], tenant)
    return state.model_validate(event["data"]).fact(tenant)


def _quarter(at: datetime, amounts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Amounts of the quarter of an hour that a time lies in."""
    seconds = int(at.timestamp())
    quarter = seconds % 3600 // QUARTER
    return {HOURS + times.hour_of(seconds): {f"q{quarter}_{name}": amount for name, amount in amounts.items()}}


def _together(*all_counts: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    together: dict[str, dict[str, int]] = {}
    for counts in all_counts:
        for name, amounts in counts.items():
            together.setdefault(name, {}).update(amounts)
    return together
