"""Commands, each with its device.

| item | pk | sk |
|---|---|---|
| command | `T#<tenant>#COMMAND#<device id>` | `cmd_…` |
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from functions.iot.commands.models import MAX_EXPIRY, Command, Outcome, Status, StoredStatus
from hub import ids, times
from hub.store import items, keys, plan, table, versioned
from hub.store.filters import FieldKind
from hub.store.items import Item
from hub.store.paging import Page
from hub.store.plan import Listing
from hub.store.query import ListQuery, Schema

KIND = "COMMAND"
PREFIX = "cmd"
KEEP_SECONDS = 90 * 86_400


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


def shown(command: StoredCommand, milliseconds: int) -> Command:
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


def waiting(tenant: str, device_id: str, now: int) -> Iterator[StoredCommand]:
    """Read the commands that have not expired and that the device has told nothing of, the oldest first."""
    return map(read, table.items(_waiting(tenant, device_id, now)))


def how_many_wait(tenant: str, device_id: str, now: int, bound: int) -> int:
    """Count them; stops once `bound` is passed."""
    return table.count(_waiting(tenant, device_id, now), after=None, bound=bound)


def page(tenant: str, device_id: str, asked: ListQuery) -> Page[Command]:
    """Read a page of a device's commands."""
    # Rows that `fields` cuts down are commands with fewer fields, which no type tells.
    return cast("Page[Command]", plan.read(replace(LISTING, owner=device_id), tenant, asked))


def _waiting(tenant: str, device_id: str, now: int) -> table.Query:
    earliest = ids.first(PREFIX, max(0, now - MAX_EXPIRY * 1000))
    return table.Query(
        table.entities(),
        keys.partition(tenant, KIND, device_id),
        between=(earliest, ids.first(PREFIX, 2**48 - 1)),
        condition="attribute_not_exists(#acknowledged_at) AND #expires_at > :now",
        values={"now": now},
        newest_first=False,
        consistent=True,
    )


def _item(tenant: str, command: StoredCommand, events: Sequence[Mapping[str, Any]]) -> Item:
    return {
        **key(tenant, command.device_id, command.id),
        **items.attributes(command),
        "ttl": command.created_at // 1000 + KEEP_SECONDS,
        "events": list(events),
    }
