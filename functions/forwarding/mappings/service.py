"""What can be done with mappings one by one; many at once: `many.py`."""

from dataclasses import replace
from typing import Any

from functions.forwarding import lists
from functions.forwarding.bots import places
from functions.forwarding.bots import store as bots
from functions.forwarding.bots.store import StoredBot
from functions.forwarding.mappings import store
from functions.forwarding.mappings.models import (
    MAX_MAPPINGS,
    AddedMapping,
    Mapping,
    MappingChange,
    MappingList,
    MappingParameters,
    MappingRow,
    NewMapping,
    OneMapping,
)
from functions.forwarding.mappings.store import StoredMapping
from hub import times
from hub.errors import FieldError, InvalidRequest, Unprocessable
from hub.events import Caller
from hub.store import sequences, versioned
from hub.web.localisation import Language, text


def add(caller: Caller, wanted: NewMapping, language: Language) -> AddedMapping:
    """Make a mapping.

    Raises `Unprocessable` without the bot that it names and over the quota, `Conflict` where another goes this way.
    """
    check(wanted, bots.get_many(caller.tenant, [sequences.padded(wanted.target_bot_id)]))
    if store.count(caller.tenant, MAX_MAPPINGS) >= MAX_MAPPINGS:
        raise over_quota()
    (mapping_id,) = store.next_ids(caller.tenant)
    for error in store.add_many(caller, [new(mapping_id, wanted)]).values():
        raise error
    return {"message": text("mapping_added", language), "mapping_id": int(mapping_id)}


def listed(tenant: str, query: MappingParameters) -> MappingList:
    """List mappings, the oldest first; those to a platform, of a channel."""
    mappings = [
        mapping
        for mapping in store.everything(tenant)
        if query.platform in (None, mapping.target_platform)
        and query.kook_channel_id in (None, mapping.kook_channel_id)
    ]
    found: MappingList = lists.listed(mappings, query, shown)
    return found


def get(tenant: str, mapping_id: str) -> OneMapping:
    """Show a mapping."""
    return {"data": shown(store.get(tenant, sequences.place(mapping_id)))}


def change(caller: Caller, mapping_id: str, wanted: MappingChange) -> OneMapping:
    """Change the fields that were sent; whatever else of it changes meanwhile stays.

    Raises `Unprocessable` without the bot that it is to name, `Conflict` where another goes this way.
    """
    sent = wanted.changes()
    if "enabled" in sent:
        sent["enabled"] = bool(sent["enabled"])
    if "filters" in sent:
        sent["filters"] = wanted.filters.model_dump()
    place = sequences.place(mapping_id)

    def once() -> OneMapping:
        before = store.get(caller.tenant, place, consistent=True)
        after = replace(before, **sent)
        if after == before:
            return {"data": shown(before)}
        if (after.way, after.target_platform) != (before.way, before.target_platform):
            check(after, bots.get_many(caller.tenant, [sequences.padded(after.target_bot_id)]))
        now = max(times.now_ms(), before.updated_at)
        after = replace(after, updated_at=now, version=before.version + 1)
        store.replace(caller, before, after)
        return {"data": shown(after)}

    return versioned.retried(once)


def delete(caller: Caller, mapping_id: str) -> None:
    """Delete a mapping."""
    place = sequences.place(mapping_id)
    versioned.retried(lambda: store.remove(caller, store.get(caller.tenant, place, consistent=True)))


def check(wanted: NewMapping | StoredMapping, known: dict[str, StoredBot]) -> None:
    """Hold a mapping against the bots that there are.

    Raises `Unprocessable` without its bot, `InvalidRequest` where it goes back to its own channel or to no chat at all.
    """
    bot = known.get(sequences.padded(wanted.target_bot_id))
    if bot is None or bot.platform != wanted.target_platform:
        raise store.no_such_bot(wanted.target_platform)
    if wanted.target_channel_id == wanted.kook_channel_id:
        raise InvalidRequest(FieldError("target_channel_id", "own_channel"))
    if not wanted.target_channel_id and not places.has_own(bot.platform, bot.config):
        raise InvalidRequest(FieldError("target_channel_id", "missing"))


def over_quota() -> Unprocessable:
    """The answer to one mapping too many."""
    return Unprocessable("quota_exceeded", code="QUOTA_EXCEEDED", limit=MAX_MAPPINGS)


def new(mapping_id: str, wanted: NewMapping) -> StoredMapping:
    """A mapping to be written."""
    now = times.now_ms()
    return StoredMapping(id=mapping_id, created_at=now, updated_at=now, **asked(wanted))


def asked(wanted: NewMapping) -> dict[str, Any]:
    """What a request says of a mapping, as the item has it."""
    fields = wanted.model_dump(exclude={"id"})
    return {**fields, "enabled": bool(wanted.enabled)}


def shown(mapping: StoredMapping) -> Mapping:
    """A mapping as callers see it."""
    return {
        **row(mapping),
        "created_at": times.iso_without_zone(mapping.created_at / 1000),
        "updated_at": times.iso_without_zone(mapping.updated_at / 1000),
    }


def row(mapping: StoredMapping) -> MappingRow:
    """A mapping as an export has it."""
    return {
        "id": mapping.number,
        "kook_server_id": mapping.kook_server_id,
        "kook_channel_id": mapping.kook_channel_id,
        "kook_channel_name": mapping.kook_channel_name,
        "target_platform": mapping.target_platform,
        "target_bot_id": mapping.target_bot_id,
        "target_channel_id": mapping.target_channel_id,
        "enabled": 1 if mapping.enabled else 0,
        "filters": mapping.filters,
        "sender_prefix": mapping.sender_prefix,
    }
