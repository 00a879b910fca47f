"""Bots.

| item | table | pk | sk |
|---|---|---|---|
| bot | Table | `T#<tenant>#FORWARD_BOT` | its number, padded |

`mapping_count` is written with each mapping (`mappings/store.py`), so that a bot is deleted only while none names it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from functions.forwarding import gate
from hub import connections, events, ids, times
from hub.connectors.protocol import Config
from hub.errors import Conflict
from hub.events import Caller
from hub.outcomes import Trouble
from hub.store import items, keys, sequences, table
from hub.store.items import Item

KIND = "FORWARD_BOT"

Platform = Literal["discord", "telegram", "feishu", "slack", "dingtalk", "wecom", "http"]
Status = Literal["active", "inactive", "error"]


@dataclass(frozen=True, slots=True)
class StoredBot:
    """A bot; times in epoch ms. `config` shows its secrets as `***`, `sealed` holds them.

    `error`: its platform takes nothing from it until a person changes something, and says why.
    """

    id: str
    platform: Platform
    name: str
    config: Mapping[str, Any]
    sealed: bytes | None
    status: Status
    error: Trouble | None
    created_at: int
    updated_at: int
    mapping_count: int = 0
    version: int = 1

    @property
    def number(self) -> int:
        """Its id as callers see it."""
        return int(self.id)

    @property
    def connection(self) -> connections.Connection:
        """What calls of its platform need."""
        return connections.Connection(place(self.id), self.name, self.platform, self.status, self.config, self.sealed)


def place(bot_id: str) -> str:
    """What a bot's secrets are sealed for: no integration has such an id."""
    return f"forward_bot_{bot_id}"


def opened(tenant: str, bot: StoredBot) -> Config:
    """The config with its secrets, as the platform's connector takes it."""
    return connections.opened(tenant, bot.connection)


def next_id(tenant: str) -> str:
    """The id of a bot to be made."""
    return sequences.padded(sequences.following(tenant, KIND))


def get(tenant: str, bot_id: str, *, consistent: bool = False) -> StoredBot:
    """Read a bot by its padded number. Raises `NotFound`."""
    item = table.required(table.entities(), keys.entity(tenant, KIND, bot_id), consistent=consistent)
    return items.entity(StoredBot, item)


def get_many(tenant: str, bot_ids: Sequence[str]) -> dict[str, StoredBot]:
    """Read up to 100 bots in one call, as they are right now; those that are not there are left out."""
    wanted = [keys.entity(tenant, KIND, bot_id) for bot_id in dict.fromkeys(bot_ids)]
    found = table.get_many({table.entities(): wanted}, consistent=True) if wanted else {}
    return {item["sk"]: items.entity(StoredBot, item) for item in found.values()}


def everything(tenant: str, *, consistent: bool = False) -> list[StoredBot]:
    """All bots of a tenant, the oldest first: no more than the quota."""
    query = table.Query(table.entities(), keys.partition(tenant, KIND), newest_first=False, consistent=consistent)
    return [items.entity(StoredBot, item) for item in table.items(query)]


def count(tenant: str, bound: int) -> int:
    """Count a tenant's bots, up to a bound."""
    return table.count(table.Query(table.entities(), keys.partition(tenant, KIND)), after=None, bound=bound)


def add(caller: Caller, bot: StoredBot) -> None:
    """Write a new bot."""
    gate.write(caller.tenant, 0, put(caller, None, bot, table.ABSENT))


def replace(caller: Caller, before: StoredBot, after: StoredBot) -> None:
    """Write a changed bot, but for the number of its mappings. Raises `versioned.Changed`."""
    gate.write(caller.tenant, before.version, _changed(caller, before, after))


def remove(caller: Caller, bot: StoredBot) -> None:
    """Delete a bot that no mapping names. Raises `versioned.Changed`, `Conflict` (`BOT_IN_USE`)."""
    condition = f"{table.PRESENT} AND #mapping_count = :none AND #version = :seen"
    gone = table.Put(table.entities(), tombstone(caller, bot), condition, {"none": 0, "seen": bot.version})
    if bot.mapping_count:
        raise Conflict("bot_in_use", code="BOT_IN_USE", count=bot.mapping_count)
    gate.write(caller.tenant, bot.version, gone)


def disable(tenant: str, bot: StoredBot, trouble: Trouble) -> bool:
    """Note that a platform takes nothing from a bot any more, with the events that tell it.

    One that is disabled already, switched off, changed meanwhile or gone stays so (`False`).
    """
    if bot.status != "active":
        return False
    caller = Caller(tenant, "", "", ids.new("req"))
    after = dataclasses.replace(bot, status="error", error=trouble, updated_at=times.now_ms(), version=bot.version + 1)
    try:
        table.write(_changed(caller, bot, after))
    except table.ConditionFailed:
        return False
    return True


def _told(bot: StoredBot) -> dict[str, Any]:
    """A bot as events tell of it: without its config, which is nobody's but the tenant's people's."""
    return {
        "bot_id": bot.number,
        "platform": bot.platform,
        "name": bot.name,
        "status": bot.status,
        "error": bot.error,
        "version": bot.version,
    }


def _events_of(caller: Caller, before: StoredBot | None, after: StoredBot) -> list[dict[str, Any]]:
    """What a bot's making or change tells; nothing where nothing is another."""
    if before is None:
        return [events.event("forward_bot.created", caller, _told(after))]
    changes = connections.changes(before, after, "error", "name", "status")
    if not changes:
        return []
    found = [events.event("forward_bot.updated", caller, {**_told(after), "changes": changes})]
    if after.status == "error" and before.status != "error":
        found.append(events.event("forward_bot.disabled", caller, _told(after)))
    return found


def tombstone(caller: Caller, bot: StoredBot) -> Item:
    """What is left of a bot that is deleted: that it was."""
    event = events.event("forward_bot.deleted", caller, {**_told(bot), "version": bot.version + 1})
    return dict(table.tombstone(keys.entity(caller.tenant, KIND, bot.id), [event], times.now()).item)


def counted(tenant: str, bot_id: str, platform: str, added: int) -> table.Update:
    """The write that goes with mappings to a bot: it must be there, and of the platform that they name."""
    return table.Update(
        table.entities(),
        keys.entity(tenant, KIND, bot_id),
        "ADD #mapping_count :added",
        f"{table.PRESENT} AND #platform = :platform",
        {"added": added, "platform": platform},
    )


def recounted(tenant: str, bot_id: str, mappings: int) -> table.Update:
    """The write of how many mappings name a bot, while nobody else makes any."""
    key = keys.entity(tenant, KIND, bot_id)
    return table.Update(table.entities(), key, "SET #mapping_count = :mappings", values={"mappings": mappings})


def put(caller: Caller, before: StoredBot | None, after: StoredBot, condition: str = "") -> table.Put:
    """The write of a whole bot, new or in place of another."""
    own: Item = {**keys.entity(caller.tenant, KIND, after.id), **items.attributes(after)}
    if told_of := _events_of(caller, before, after):
        own["events"] = told_of
    return table.Put(table.entities(), own, condition)


def _changed(caller: Caller, before: StoredBot, after: StoredBot) -> table.Update:
    """The write of a change, on condition that the bot is as it was read."""
    values: dict[str, Any] = {
        field.name: value
        for field in fields(after)
        if field.name not in ("id", "mapping_count") and (value := getattr(after, field.name)) is not None
    }
    if told_of := _events_of(caller, before, after):
        values["events"] = told_of
    gone = [name for name in ("sealed", "error") if name not in values]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
    expression += " REMOVE " + ", ".join(f"#{name}" for name in gone) if gone else ""
    return table.Update(
        table.entities(),
        keys.entity(caller.tenant, KIND, after.id),
        expression,
        f"{table.PRESENT} AND #version = :seen",
        {**values, "seen": before.version},
    )
