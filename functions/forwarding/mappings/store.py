"""Mappings, and the routes that capture reads.

| item | table | pk | sk |
|---|---|---|---|
| mapping | Table | `T#<tenant>#FORWARD_MAPPING` | its number, padded |
| route | Table | `T#<tenant>#KOOK_ROUTE#<channel>` | `<bot>#<target channel>`: no two mappings go the same way |

A route holds what forwarding needs, and is written with its mapping: one Query tells all of a channel.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from functions.forwarding import gate
from functions.forwarding.bots import store as bots
from hub import events, times
from hub.errors import Conflict, HubError, Unprocessable
from hub.events import Caller
from hub.store import items, keys, sequences, table, versioned
from hub.store.items import Item

KIND = "FORWARD_MAPPING"
ROUTES = "KOOK_ROUTE"

_TOLD = (
    "kook_server_id",
    "kook_channel_id",
    "kook_channel_name",
    "target_platform",
    "target_bot_id",
    "target_channel_id",
    "sender_prefix",
)
_CHANGEABLE = (*_TOLD, "enabled", "filters")

MAX_TOGETHER = 30
"""Mappings of a transaction: two items each, a bot each at most, and the gate."""


class Filters(TypedDict):
    """What is forwarded at all. An empty list lets everything through.

    Of the keywords in `include` a message must have one, of those in `exclude` none; `senders` are ids or names,
    `types` words such as `text` and `image`.
    """

    include: list[str]
    exclude: list[str]
    senders: list[str]
    types: list[str]


def no_filters() -> Filters:
    """Let everything through."""
    return {"include": [], "exclude": [], "senders": [], "types": []}


@dataclass(frozen=True, slots=True)
class StoredMapping:
    """A mapping; times in epoch ms. `target_channel_id` may be empty: where the bot writes to by itself."""

    id: str
    kook_server_id: str
    kook_channel_id: str
    kook_channel_name: str
    target_platform: bots.Platform
    target_bot_id: int
    target_channel_id: str
    enabled: bool
    created_at: int
    updated_at: int
    filters: Filters = field(default_factory=no_filters)
    sender_prefix: bool = False
    version: int = 1

    @property
    def number(self) -> int:
        """Its id as callers see it."""
        return int(self.id)

    @property
    def way(self) -> tuple[str, int, str]:
        """From where to where."""
        return self.kook_channel_id, self.target_bot_id, self.target_channel_id


@dataclass(frozen=True, slots=True)
class Route:
    """Of an enabled mapping what forwarding needs; `bot_id` and `mapping_id` are padded numbers."""

    mapping_id: str
    bot_id: str
    platform: bots.Platform
    target_channel_id: str
    kook_server_id: str
    kook_channel_id: str
    kook_channel_name: str
    filters: Filters
    sender_prefix: bool


def routes(tenant: str, channel_id: str) -> list[Route]:
    """The ways that what a KOOK channel says is to go."""
    query = table.Query(
        table.entities(),
        keys.partition(tenant, ROUTES, keys.part(channel_id)),
        condition="#enabled = :true",
        values={"true": True},
        newest_first=False,
    )
    return [items.entity(Route, item) for item in table.items(query)]


def channels_of_tenant(tenant: str) -> dict[str, str]:
    """The KOOK channels that enabled mappings name, each with its server."""
    query = table.Query(
        table.entities(), keys.partition(tenant, KIND), condition="#enabled = :true", values={"true": True}
    )
    return {item["kook_channel_id"]: item["kook_server_id"] for item in table.items(query)}


def next_ids(tenant: str, count: int = 1) -> list[str]:
    """The ids of mappings to be made."""
    first = sequences.following(tenant, KIND, count)
    return [sequences.padded(number) for number in range(first, first + count)]


def get(tenant: str, mapping_id: str, *, consistent: bool = False) -> StoredMapping:
    """Read a mapping by its padded number. Raises `NotFound`."""
    item = table.required(table.entities(), keys.entity(tenant, KIND, mapping_id), consistent=consistent)
    return items.entity(StoredMapping, item)


def everything(tenant: str, *, consistent: bool = False) -> list[StoredMapping]:
    """All mappings of a tenant, the oldest first: no more than the quota."""
    query = table.Query(table.entities(), keys.partition(tenant, KIND), newest_first=False, consistent=consistent)
    return [items.entity(StoredMapping, item) for item in table.items(query)]


def count(tenant: str, bound: int) -> int:
    """Count a tenant's mappings, up to a bound."""
    return table.count(table.Query(table.entities(), keys.partition(tenant, KIND)), after=None, bound=bound)


def add_many(caller: Caller, mappings: Sequence[StoredMapping]) -> dict[str, HubError]:
    """Write new mappings, whether or not others of them can be made; tells of each that could not, by its id, why."""
    failed: dict[str, HubError] = {}
    ways: dict[tuple[str, int, str], StoredMapping] = {}
    for mapping in mappings:
        if ways.setdefault(mapping.way, mapping) is not mapping:
            failed[mapping.id] = taken()
    for group in _transactions(ways.values()):
        left = group
        while left and (refused := _add_together(caller, left)):
            failed.update(refused)
            left = [mapping for mapping in left if mapping.id not in refused]
    return failed


def _transactions(mappings: Iterable[StoredMapping]) -> Iterator[list[StoredMapping]]:
    """Mappings in groups that a transaction takes, none with two opinions of a bot's platform."""
    group: list[StoredMapping] = []
    platforms: dict[int, str] = {}
    for mapping in mappings:
        known = platforms.setdefault(mapping.target_bot_id, mapping.target_platform)
        if len(group) == MAX_TOGETHER or known != mapping.target_platform:
            yield group
            group, platforms = [], {mapping.target_bot_id: mapping.target_platform}
        group.append(mapping)
    if group:
        yield group


def _add_together(caller: Caller, group: Sequence[StoredMapping]) -> dict[str, HubError]:
    """Write all of a group; where some cannot be, tell which, with nothing written."""
    uses = Counter((mapping.target_bot_id, mapping.target_platform) for mapping in group)
    counts = [
        bots.counted(caller.tenant, sequences.padded(bot), platform, added) for (bot, platform), added in uses.items()
    ]
    written = [operation for mapping in group for operation in writes(caller, mapping, is_new=True)]
    try:
        table.write(gate.is_open(caller.tenant), *counts, *written)
    except table.ConditionFailed as failure:
        if failure.position == 0:
            raise gate.shut() from None
        if failure.position <= len(counts):
            used = list(uses)[failure.position - 1]
            return {
                mapping.id: no_such_bot(mapping.target_platform)
                for mapping in group
                if (mapping.target_bot_id, mapping.target_platform) == used
            }
        place = (failure.position - 1 - len(counts)) // 2
        return {group[place].id: taken()}
    return {}


def replace(caller: Caller, before: StoredMapping, after: StoredMapping) -> None:
    """Write a changed mapping. Raises `versioned.Changed`, `Unprocessable` without the bot, `Conflict` where another
    mapping goes this way."""
    tenant = caller.tenant
    own = versioned.replacement(_mapping_item(tenant, after, events_of(caller, before, after)), before.version)
    route = table.Put(table.entities(), _route_item(tenant, after), table.ABSENT if after.way != before.way else "")
    moved = [table.Delete(table.entities(), _route_key(tenant, before))] if after.way != before.way else []
    counts: list[table.Operation] = []
    if after.target_bot_id != before.target_bot_id:
        counts = [
            bots.counted(tenant, sequences.padded(after.target_bot_id), after.target_platform, 1),
            bots.counted(tenant, sequences.padded(before.target_bot_id), before.target_platform, -1),
        ]
    try:
        table.write(gate.is_open(tenant), own, route, *counts, *moved)
    except table.ConditionFailed as failure:
        match failure.position:
            case 0:
                raise gate.shut() from None
            case 2:
                raise taken() from None
            case 3:
                raise no_such_bot(after.target_platform) from None
        raise versioned.Changed((failure.item or {}).get("version", 0)) from None
    except table.Contended:
        raise versioned.Changed(before.version) from None


def remove(caller: Caller, mapping: StoredMapping) -> None:
    """Delete a mapping. Raises `versioned.Changed` where it is not as it was read."""
    tenant = caller.tenant
    own = versioned.replacement(_tombstone(caller, mapping), mapping.version)
    unused = bots.counted(tenant, sequences.padded(mapping.target_bot_id), mapping.target_platform, -1)
    route = table.Delete(table.entities(), _route_key(tenant, mapping))
    gate.write(tenant, mapping.version, own, unused, route)


def taken() -> Conflict:
    """The answer to a mapping of a way that another goes."""
    return Conflict("mapping_exists", code="MAPPING_EXISTS")


def no_such_bot(platform: str) -> Unprocessable:
    """The answer to a mapping to a bot that is not there, or of another platform."""
    return Unprocessable("no_such_bot", code="BOT_NOT_FOUND", platform=platform)


def writes(
    caller: Caller, mapping: StoredMapping, before: StoredMapping | None = None, *, is_new: bool = False
) -> list[table.Put]:
    """What a mapping is written with; `is_new`: on condition that there is neither it nor one of its way."""
    condition = table.ABSENT if is_new else ""
    own = _mapping_item(caller.tenant, mapping, events_of(caller, before, mapping))
    return [
        table.Put(table.entities(), own, condition),
        table.Put(table.entities(), _route_item(caller.tenant, mapping), condition),
    ]


def removals(caller: Caller, mapping: StoredMapping) -> list[table.Put | table.Delete]:
    """What a mapping is deleted with."""
    return [
        table.Put(table.entities(), _tombstone(caller, mapping)),
        table.Delete(table.entities(), _route_key(caller.tenant, mapping)),
    ]


def events_of(caller: Caller, before: StoredMapping | None, after: StoredMapping) -> list[dict[str, Any]]:
    """What a mapping's making or change tells; nothing where nothing is another."""
    if before is None:
        return [events.event("forward_mapping.created", caller, _told(after))]
    changes = sorted(name for name in _CHANGEABLE if getattr(before, name) != getattr(after, name))
    return [events.event("forward_mapping.updated", caller, {**_told(after), "changes": changes})] if changes else []


def uses(mappings: Iterable[StoredMapping]) -> Mapping[int, int]:
    """How many of some mappings name which bot."""
    return Counter(mapping.target_bot_id for mapping in mappings)


def _told(mapping: StoredMapping) -> dict[str, Any]:
    """A mapping as events tell of it: without its filters, which may be longer than all the rest."""
    told = {name: getattr(mapping, name) for name in _TOLD}
    return {
        "mapping_id": mapping.number,
        **told,
        "enabled": 1 if mapping.enabled else 0,
        "version": mapping.version,
    }


def _tombstone(caller: Caller, mapping: StoredMapping) -> Item:
    """What is left of a mapping that is deleted: that it was."""
    told = {**_told(mapping), "version": mapping.version + 1}
    event = events.event("forward_mapping.deleted", caller, told)
    return dict(table.tombstone(keys.entity(caller.tenant, KIND, mapping.id), [event], times.now()).item)


def _mapping_item(tenant: str, mapping: StoredMapping, told_of: Sequence[Mapping[str, Any]]) -> Item:
    own = {**keys.entity(tenant, KIND, mapping.id), **items.attributes(mapping)}
    return {**own, "events": list(told_of)} if told_of else own


def _route_item(tenant: str, mapping: StoredMapping) -> Item:
    route = Route(
        mapping_id=mapping.id,
        bot_id=sequences.padded(mapping.target_bot_id),
        platform=mapping.target_platform,
        target_channel_id=mapping.target_channel_id,
        kook_server_id=mapping.kook_server_id,
        kook_channel_id=mapping.kook_channel_id,
        kook_channel_name=mapping.kook_channel_name,
        filters=mapping.filters,
        sender_prefix=mapping.sender_prefix,
    )
    return {**_route_key(tenant, mapping), **items.attributes(route), "enabled": mapping.enabled}


def _route_key(tenant: str, mapping: StoredMapping) -> keys.Key:
    way = f"{sequences.padded(mapping.target_bot_id)}#{mapping.target_channel_id}"
    return keys.belonging(tenant, ROUTES, keys.part(mapping.kook_channel_id), way)
