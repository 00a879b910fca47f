"""Bots.

| item | table | pk | sk |
|---|---|---|---|
| bot | Table | `T#<tenant>#FORWARD_BOT` | its number, padded |

`mapping_count` is written with each mapping (`mappings/store.py`), so that a bot is deleted only while none names it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from functions.forwarding import gate
from hub import connections, events, ids
from hub.connectors.protocol import Config
from hub.errors import Conflict, NotFound
from hub.events import Caller
from hub.outcomes import Trouble
from hub.store import items, keys, sequences, table, versioned
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
    item = table.get(table.entities(), keys.entity(tenant, KIND, bot_id), consistent=consistent)
    if item is None:
        raise NotFound
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


def add(tenant: str, bot: StoredBot) -> None:
    """Write a new bot."""
    _write(0, gate.is_open(tenant), table.Put(table.entities(), item(tenant, bot), table.ABSENT))


def replace(tenant: str, before: StoredBot, after: StoredBot) -> None:
    """Write a changed bot, but for the number of its mappings. Raises `versioned.Changed`."""
    values = {
        field.name: value
        for field in fields(after)
        if field.name not in ("id", "mapping_count") and (value := getattr(after, field.name)) is not None
    }
    gone = [name for name in ("sealed", "error") if name not in values]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
    expression += " REMOVE " + ", ".join(f"#{name}" for name in gone) if gone else ""
    condition = f"{table.PRESENT} AND #version = :seen"
    update = table.Update(
        table.entities(),
        keys.entity(tenant, KIND, after.id),
        expression,
        condition,
        {**values, "seen": before.version},
    )
    _write(before.version, gate.is_open(tenant), update)


def remove(tenant: str, bot_id: str) -> None:
    """Delete a bot that no mapping names. Raises `NotFound`, `Conflict` (`BOT_IN_USE`)."""
    condition = f"{table.PRESENT} AND #mapping_count = :none"
    gone = table.Delete(table.entities(), keys.entity(tenant, KIND, bot_id), condition, {"none": 0})
    try:
        table.write(gate.is_open(tenant), gone)
    except table.ConditionFailed as failure:
        if failure.position == 0:
            raise gate.shut() from None
        if failure.item is None:
            raise NotFound from None
        raise Conflict("bot_in_use", code="BOT_IN_USE", count=failure.item["mapping_count"]) from None


def disable(tenant: str, bot: StoredBot, trouble: Trouble) -> bool:
    """Note that a platform takes nothing from a bot any more, with the event that tells it.

    One that is disabled already, switched off or gone stays so (`False`).
    """
    caller = Caller(tenant, "", "", ids.new("req"))
    told = {"bot_id": bot.number, "platform": bot.platform, "name": bot.name, "error": trouble}
    values = {
        "error_status": "error",
        "active": "active",
        "error": trouble,
        "one": 1,
        "events": [events.event("forward_bot.disabled", caller, told)],
    }
    try:
        table.write(
            table.Update(
                table.entities(),
                keys.entity(tenant, KIND, bot.id),
                "SET #status = :error_status, #error = :error, #events = :events ADD #version :one",
                f"{table.PRESENT} AND #status = :active",
                values,
            )
        )
    except table.ConditionFailed:
        return False
    return True


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


def item(tenant: str, bot: StoredBot) -> Item:
    """What a bot is written as."""
    return {**keys.entity(tenant, KIND, bot.id), **items.attributes(bot)}


def _write(seen: int, *operations: table.Operation) -> None:
    try:
        table.write(*operations)
    except table.ConditionFailed as failure:
        if failure.position == 0:
            raise gate.shut() from None
        raise versioned.Changed((failure.item or {}).get("version", 0)) from None
    except table.Contended:
        raise versioned.Changed(seen) from None
