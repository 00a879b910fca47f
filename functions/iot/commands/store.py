"""Commands, each with its device.

| item | pk | sk |
|---|---|---|
| command | `T#<tenant>#COMMAND#<device id>` | `cmd_…` |
| the same until it is acknowledged (`gsi1`) | `T#<tenant>#COMMAND_WAITING#<device id>` | when it expires`#cmd_…` |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from functions.iot.commands.models import MAX_EXPIRY, DeviceCommand, Outcome, Status, StoredStatus
from hub import ids, times
from hub.store import items, keys, plan, table, versioned
from hub.store.filters import FieldKind
from hub.store.items import Item
from hub.store.paging import Page
from hub.store.plan import Listing
from hub.store.query import ListQuery, Schema

KIND = "COMMAND"
WAITING = "COMMAND_WAITING"
PREFIX = "cmd"
KEEP_SECONDS = 90 * 86_400

BEHIND_MS = 60_000
"""An index may be a moment behind, and what it lacks would not be delivered: what is younger is read beside it."""


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """A command; times in epoch milliseconds. `version` grows by one with every change."""

    id: str
    device_id: str
    command: str
    created_at: int
    expires_at: int
    params: dict[str, Any] = field(default_factory=dict)
    status: StoredStatus = "queued"
    sent_at: int | None = None
    acknowledged_at: int | None = None
    result: Any = None
    version: int = 1

    @property
    def waits(self) -> bool:
        """Whether the device has not told yet what became of it."""
        return self.acknowledged_at is None

    def status_at(self, milliseconds: int) -> Status:
        """What is to be said of it at a time: one that nobody acknowledged in time is `expired`."""
        return "expired" if self.waits and self.expires_at <= milliseconds else self.status

    def sent(self, milliseconds: int) -> "StoredCommand":
        """The command once it is on its way; whoever has it already has it from its first sending."""
        if self.status != "queued":
            return self
        return replace(self, status="sent", sent_at=milliseconds, version=self.version + 1)

    def acknowledged(self, outcome: Outcome, result: Any, milliseconds: int) -> "StoredCommand":
        """The command once the device has told what became of it: the first to be told holds."""
        if not self.waits:
            return self
        # A session that outlived its connection gets from IoT Core itself what was published meanwhile.
        sent = self.sent(milliseconds)
        return replace(sent, status=outcome, result=result, acknowledged_at=milliseconds, version=sent.version + 1)


def shown(command: StoredCommand, milliseconds: int) -> DeviceCommand:
    """A command as callers see it at a time, and as lists find it."""
    return {
        "id": command.id,
        "deviceId": command.device_id,
        "command": command.command,
        "params": command.params,
        "status": command.status_at(milliseconds),
        "createdAt": times.iso(command.created_at / 1000),
        "expiresAt": times.iso(command.expires_at / 1000),
        "sentAt": versioned.iso(command.sent_at),
        "acknowledgedAt": versioned.iso(command.acknowledged_at),
        "result": command.result,
    }


LISTING = Listing(
    schema=Schema(
        {
            "id": FieldKind.TEXT,
            "command": FieldKind.TEXT,
            "status": FieldKind.TEXT,
            "createdAt": FieldKind.TIME,
            "expiresAt": FieldKind.TIME,
            "sentAt": FieldKind.TIME,
            "acknowledgedAt": FieldKind.TIME,
        },
        search=("command",),
    ),
    kind=KIND,
    prefix=PREFIX,
    shown=lambda item: shown(read(item), times.now_ms()),
)


def key(tenant: str, device_id: str, command_id: str) -> keys.Key:
    """Where a command is."""
    return keys.belonging(tenant, KIND, device_id, command_id)


def read(item: Item) -> StoredCommand:
    """The command that an item holds."""
    return items.entity(StoredCommand, item)


def add(tenant: str, command: StoredCommand) -> None:
    """Write a new command."""
    table.write(table.Put(table.entities(), _item(tenant, command, []), table.ABSENT))


def write(tenant: str, before: StoredCommand, after: StoredCommand, events: Sequence[Mapping[str, Any]]) -> None:
    """Write a changed command. Raises `versioned.Changed`."""
    versioned.write(before.version, versioned.replacement(_item(tenant, after, events), before.version))


def find(tenant: str, device_id: str, command_id: str) -> StoredCommand | None:
    """Read a command as it stands right now."""
    item = table.get(table.entities(), key(tenant, device_id, command_id), consistent=True)
    return read(item) if item else None


def waiting_ids(tenant: str, device_id: str, now: int, limit: int) -> list[str]:
    """Name the commands that have not expired and that the device has told nothing of, the oldest first.

    Of more than `limit` that many at least, of which the index has those that expire first. One that was acknowledged
    a moment ago may still be named.
    """
    recent = table.Query(
        table.entities(),
        keys.partition(tenant, KIND, device_id),
        between=(ids.first(PREFIX, max(0, now - BEHIND_MS)), ids.first(PREFIX, 2**48 - 1)),
        condition="attribute_not_exists(#acknowledged_at) AND #expires_at > :now",
        values={"now": now},
        newest_first=False,
        consistent=True,
    )
    earlier = table.Query(
        table.entities(),
        keys.partition(tenant, WAITING, device_id),
        between=(_by_expiry(now + 1), _by_expiry(now + (MAX_EXPIRY + 1) * 1000)),
        index="gsi1",
        newest_first=False,
    )
    found = {item["sk"] for item in islice(table.items(recent), limit)}
    rows, _next = next(table.pages(earlier, limit=limit))
    return sorted(found.union(row["sk"] for row in rows))


def waiting(tenant: str, device_id: str, command_ids: Sequence[str]) -> list[StoredCommand]:
    """Read those of up to 100 commands that the device has told nothing of, in their order."""
    wanted = [key(tenant, device_id, one) for one in command_ids]
    found = table.get_many({table.entities(): wanted}, consistent=True)
    commands = [read(found[place]) for one in wanted if (place := (table.entities(), one["pk"], one["sk"])) in found]
    return [command for command in commands if command.waits]


def page(tenant: str, device_id: str, asked: ListQuery) -> Page[DeviceCommand]:
    """Read a page of a device's commands."""
    return plan.read(replace(LISTING, owner=device_id), tenant, asked)


def _by_expiry(milliseconds: int, command_id: str = "") -> str:
    return f"{milliseconds:014d}#{command_id}"


def _item(tenant: str, command: StoredCommand, events: Sequence[Mapping[str, Any]]) -> Item:
    place = _by_expiry(command.expires_at, command.id)
    index = keys.index(1, tenant, WAITING, command.device_id, item_id=place) if command.waits else {}
    return {
        **key(tenant, command.device_id, command.id),
        **items.attributes(command),
        **index,
        "ttl": command.created_at // 1000 + KEEP_SECONDS,
        "events": list(events),
    }
