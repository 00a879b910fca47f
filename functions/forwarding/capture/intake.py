"""From what KOOK tells to what the mappings' queue takes: which messages, for which mappings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from functions.forwarding import captured
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.captured import MAX_TEXT, TYPES, Captured, Kind
from functions.forwarding.conversion import document
from functions.forwarding.mappings import store as mappings
from functions.forwarding.mappings.store import Filters
from hub import queues, settings, times
from hub.connectors import kook
from hub.connectors.kook import Said
from hub.connectors.protocol import Contact
from hub.errors import Unavailable
from hub.telemetry import count

_SYSTEM = 255
_CHANGES: Mapping[str, Kind] = {"updated_message": "edit", "deleted_message": "delete"}
MAX_ID = 64


@dataclass(frozen=True)
class QueueSettings:
    """Where captured messages go."""

    forward_queue_url: str


@dataclass(frozen=True, slots=True)
class Told:
    """A message or a change of one, as it was heard; a deletion has no `said`."""

    kind: Kind
    channel_id: str
    message_id: str
    said: Said | None


def heard(data: Mapping[str, Any]) -> Told | None:
    """What an event of KOOK's says; `None` for what is no message of a channel's. Raises what
    `callbacks.UNREADABLE` names."""
    if data.get("channel_type") != "GROUP":
        return None
    if data.get("type") == _SYSTEM:
        return _change(data["extra"])
    if data.get("type") not in TYPES:
        return None
    said = kook.said(data)
    return Told("message", said.channel_id, said.id, said)


def listed(said: Said) -> Told:
    """A message of a channel that was read."""
    return Told("message", said.channel_id, said.id, said)


def edited(said: Said) -> Told:
    """A message of a channel that was read again and has another text."""
    return Told("edit", said.channel_id, said.id, said)


def deleted(channel_id: str, message_id: str) -> Told:
    """A message of a channel that is there no more."""
    return Told("delete", channel_id, message_id, None)


def take(tenant: str, account: StoredAccount, told: Iterable[Told]) -> int:
    """Put what was heard into the queue of each mapping that it goes to; tells for how many.

    Raises `Unavailable` where SQS did not take all: what comes again is put there once.
    """
    now = times.now_ms()
    routes: dict[str, Sequence[mappings.Route]] = {}
    messages: list[queues.Message] = []
    for one in told:
        if not _is_ours(account, one):
            continue
        if one.channel_id not in routes:
            routes[one.channel_id] = mappings.routes(tenant, one.channel_id)
        messages += [
            captured.message(_for(tenant, account, route, one, now))
            for route in routes[one.channel_id]
            if one.kind != "message" or (one.said and passes(route.filters, one.said))
        ]
    if messages and queues.send(_settings().forward_queue_url, messages):
        raise Unavailable
    count("MessagesCaptured", len(messages))
    return len(messages)


def passes(filters: Filters, said: Said) -> bool:
    """Whether a mapping's filters let a message through."""
    if filters["types"] and TYPES[said.type] not in filters["types"]:
        return False
    if filters["senders"] and not {said.author.id, said.author.name} & set(filters["senders"]):
        return False
    if not filters["include"] and not filters["exclude"]:
        return True
    text = document.shown(said).casefold()
    if any(word.casefold() in text for word in filters["exclude"]):
        return False
    return not filters["include"] or any(word.casefold() in text for word in filters["include"])


def _change(extra: Mapping[str, Any]) -> Told | None:
    kind = _CHANGES.get(str(extra.get("type")))
    if kind is None:
        return None
    body = extra["body"]
    channel, message = str(body["channel_id"]), str(body["msg_id"])
    if kind == "delete":
        return Told(kind, channel, message, None)
    # KOOK does not say of what type the message is, nor who wrote it: its row knows.
    content, at = str(body.get("content", "")), int(body.get("updated_at") or times.now_ms())
    said = Said(message, channel, kook.KMARKDOWN, content, at, Contact("", ""), is_bot=False, updated_at=at)
    return Told(kind, channel, message, said)


def _is_ours(account: StoredAccount, told: Told) -> bool:
    """Whether it is to be forwarded: bots, of which we are one, would answer each other for ever."""
    if not 1 <= len(told.message_id) <= MAX_ID or not told.message_id.isprintable():
        return False
    said = told.said
    return said is None or not (said.is_bot or (said.author.id and said.author.id == account.bot_user_id))


def _for(tenant: str, account: StoredAccount, route: mappings.Route, told: Told, now: int) -> Captured:
    said = told.said and replace(told.said, content=told.said.content[:MAX_TEXT])
    return Captured(tenant, told.kind, route.mapping_id, route.bot_id, account.id, told.message_id, now, said)


@cache
def _settings() -> QueueSettings:
    return settings.load(QueueSettings)
