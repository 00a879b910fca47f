"""Conversations, each with a version that every write of it counts up, and their messages."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from functions.support import totals
from functions.support.conversations.models import (
    STATUSES,
    Attachment,
    Channel,
    Contact,
    ConversationParameters,
    MessageDelivery,
    MessageParameters,
    Sender,
    Status,
)
from hub import ids
from hub.outcomes import RANK
from hub.store import items, keys, paging, table, versioned
from hub.store.items import Item

KIND = "CONVERSATION"
MESSAGES = "MESSAGE"
_STATUS, _CHANNEL, _USER, _ASSIGNEE = (f"{KIND}_{by}" for by in ("STATUS", "CHANNEL", "USER", "ASSIGNEE"))
MAX_SENDINGS = 100
"""Messages that one goes out as: its text and each of its files, each as often as it is tried again."""

_LATEST_MS = 2**48 - 1
"""The last time that an id can tell."""


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """A conversation; times in epoch milliseconds. `contact` is who writes over a messaging connection."""

    id: str
    user_id: str
    channel: Channel
    status: Status
    created_at: int
    updated_at: int
    version: int = 1
    assignee_id: str | None = None
    satisfaction: int | None = None
    rated_at: int | None = None
    message_count: int = 0
    last_message_at: int | None = None
    waiting_since: int | None = None
    closed_at: int | None = None
    contact: Contact | None = None


class Sending(MessageDelivery):
    """What became of a message that another goes out as; one that was tried again is another's by then."""

    is_retried: bool


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message; `created_at` in epoch milliseconds.

    `sendings` is what became of each message that it goes out as, by its id, as far as has been told.
    """

    id: str
    conversation_id: str
    sender: Sender
    sender_id: str
    text: str
    attachments: list[Attachment]
    created_at: int
    response_seconds: int | None = None
    sendings: Mapping[str, Sending] | None = None


def creation(tenant: str, conversation: StoredConversation, events: Sequence[Mapping[str, Any]]) -> table.Put:
    """The write of a new conversation."""
    return table.Put(table.entities(), _item(tenant, conversation) | {"events": list(events)}, table.ABSENT)


def replacement(
    tenant: str, after: StoredConversation, seen: int, events: Sequence[Mapping[str, Any]] = ()
) -> table.Put:
    """The write of a changed conversation; fails where it is no longer the version `seen`."""
    item = {**_item(tenant, after), **({"events": list(events)} if events else {})}
    return versioned.replacement(item, seen)


def addition(tenant: str, message: StoredMessage, event: Mapping[str, Any]) -> table.Put:
    """The write of a new message."""
    item = {
        **_message_key(tenant, message.conversation_id, message.id),
        **items.attributes(message, "conversation_id"),
        "events": [event],
    }
    return table.Put(table.entities(), item, table.ABSENT)


def deliver(tenant: str, conversation_id: str, message_id: str, sent_as: str, now: MessageDelivery) -> None:
    """Note what became of a message that another goes out as; what is no news, or of none that goes out, is not."""
    behind: dict[str, str] = {one: one for one, rank in RANK.items() if rank < RANK[now["status"]]}
    known = f"#sendings.#{sent_as}"
    update = table.Update(
        table.entities(),
        _message_key(tenant, conversation_id, message_id),
        f"SET {known} = :now",
        f"attribute_exists(#sendings) AND attribute_not_exists({known}) AND size(#sendings) < :most"
        f" OR {known}.#status IN ({', '.join(f':{one}' for one in behind)})",
        {"now": {**now, "is_retried": False}, "most": MAX_SENDINGS, **behind},
    )
    with suppress(table.ConditionFailed):
        table.write(update)


def retry(tenant: str, message: StoredMessage, failed: Sequence[str], event: Mapping[str, Any]) -> None:
    """Note that what failed of a message is tried again, with its event. Raises `ConditionFailed` where it is."""
    changes = ", ".join(f"#sendings.#{one}.#is_retried = :true" for one in failed)
    still = " AND ".join(
        f"#sendings.#{one}.#status = :failed AND #sendings.#{one}.#is_retried = :false" for one in failed
    )
    place = _message_key(tenant, message.conversation_id, message.id)
    values = {"events": [event], "true": True, "false": False, "failed": "failed"}
    table.write(table.Update(table.entities(), place, f"SET #events = :events, {changes}", still, values))


def message(tenant: str, conversation_id: str, message_id: str) -> StoredMessage:
    """Read a message as it is right now. Raises `NotFound`."""
    item = table.required(table.entities(), _message_key(tenant, conversation_id, message_id), consistent=True)
    return items.entity(StoredMessage, item, conversation_id=conversation_id)


def get(tenant: str, conversation_id: str, *, consistent: bool = False) -> StoredConversation:
    """Read a conversation. Raises `NotFound`."""
    item = table.required(table.entities(), keys.entity(tenant, KIND, conversation_id), consistent=consistent)
    return _conversation(item)


def page(tenant: str, wanted: ConversationParameters) -> paging.Page[StoredConversation]:
    """Read a page of conversations, the newest first."""
    found = paging.read(_queries(tenant, wanted), wanted.page, wanted.limit, wanted.cursor, _total(tenant, wanted))
    return found.holding(_conversation(item) for item in found.items)


def messages(tenant: str, conversation_id: str, wanted: MessageParameters) -> paging.Page[StoredMessage]:
    """Read a page of a conversation's messages. Raises `NotFound` where there is no such conversation."""
    query = table.Query(
        table.entities(),
        keys.partition(tenant, MESSAGES, conversation_id),
        newest_first=wanted.order == "desc",
    )
    found = paging.read(
        query, wanted.page, wanted.limit, wanted.cursor, lambda: get(tenant, conversation_id).message_count
    )
    if not found.items:
        get(tenant, conversation_id)
    return found.holding(items.entity(StoredMessage, item, conversation_id=conversation_id) for item in found.items)


def _message_key(tenant: str, conversation_id: str, message_id: str) -> keys.Key:
    return keys.belonging(tenant, MESSAGES, conversation_id, message_id)


def _queries(tenant: str, wanted: ConversationParameters) -> list[table.Query]:
    """What to read for a list: the partitions that hold the least, and conditions for what they do not tell."""
    filters = wanted.model_dump(include={"assignee_id", "channel", "user_id"}, exclude_none=True)
    between = _between(wanted)
    owners: tuple[str, ...]
    if wanted.user_id is not None:
        index, owners = 3, (_USER, keys.part(filters.pop("user_id")))
    elif wanted.assignee_id is not None:
        index, owners = 4, (_ASSIGNEE, keys.part(filters.pop("assignee_id")))
    elif wanted.channel is not None:
        index, owners = 2, (_CHANNEL, filters.pop("channel"))
    elif wanted.status is not None:
        index, owners = 1, (_STATUS,)
    else:
        return [table.Query(table.entities(), keys.partition(tenant, KIND), between=between)]
    return [
        table.Query(
            table.entities(),
            keys.partition(tenant, *owners, status),
            between=between,
            condition=" AND ".join(f"#{name} = :{name}" for name in filters),
            values=filters,
            index=f"gsi{index}",
            keys_only=True,
        )
        for status in (STATUSES if wanted.status is None else (wanted.status,))
    ]


def _between(wanted: ConversationParameters) -> tuple[str, str] | None:
    if wanted.start_time is None and wanted.end_time is None:
        return None
    start = 0 if wanted.start_time is None else max(0, round(wanted.start_time.timestamp() * 1000))
    # Answers tell whole seconds: the one that `end_time` names is included to its end.
    end = _LATEST_MS if wanted.end_time is None else max(0, int(wanted.end_time.timestamp() + 1) * 1000)
    return ids.first("conv", start), ids.first("conv", end)


def _total(tenant: str, wanted: ConversationParameters) -> Callable[[], int] | None:
    """What knows the total of a list, where counting its own rows would cost more."""
    between = _between(wanted)
    if wanted.user_id or wanted.assignee_id or (between and (wanted.channel or wanted.status)):
        return None
    if between:
        return lambda: _count_by_status(tenant, between)
    return lambda: totals.total(tenant, totals.CONVERSATIONS, wanted.status, wanted.channel)


def _count_by_status(tenant: str, between: tuple[str, str]) -> int:
    """Count the conversations of a time by their rows of an index, which are smaller than they are."""
    found = 0
    for status in STATUSES:
        rows = table.Query(table.entities(), keys.partition(tenant, _STATUS, status), between=between, index="gsi1")
        found += table.count(rows, after=None, bound=paging.MAX_OFFSET_ROWS - found)
    if found > paging.MAX_OFFSET_ROWS:
        raise paging.too_many_rows()
    return found


def _item(tenant: str, conversation: StoredConversation) -> Item:
    place, status = conversation.id, conversation.status
    item = {
        **keys.entity(tenant, KIND, place),
        **keys.index(1, tenant, _STATUS, status, item_id=place),
        **keys.index(2, tenant, _CHANNEL, conversation.channel, status, item_id=place),
        **keys.index(3, tenant, _USER, keys.part(conversation.user_id), status, item_id=place),
        **items.attributes(conversation),
    }
    if conversation.assignee_id is not None:
        assignee = keys.part(conversation.assignee_id)
        item |= keys.index(4, tenant, _ASSIGNEE, assignee, status, item_id=place)
    return item


def _conversation(item: Item) -> StoredConversation:
    return items.entity(StoredConversation, item)
