"""Which backups there are.

| item | table | pk | sk |
|---|---|---|---|
| backup | Table | `T#<tenant>#FORWARD_BACKUP` | `backup_20251019_153000`, the time in UTC |

The backup itself is an object (`forwarding/objects.py`) whose key nobody guesses.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.errors import NotFound
from hub.store import items, keys, table

KIND = "FORWARD_BACKUP"

KEEP_SECONDS = 366 * 86_400
"""How long the bucket keeps backups (template.yaml, `ForwardingBucket`), and the table what tells of them."""

_ID = re.compile(r"backup_[0-9]{8}_[0-9]{6}\Z", re.ASCII)
_TRIES = 10


@dataclass(frozen=True, slots=True)
class StoredBackup:
    """A backup: its object, with bytes and SHA-256, and how many of each it holds; `created_at` in epoch seconds."""

    id: str
    key: str
    size: int
    digest: str
    counts: Mapping[str, int]
    created_at: int


def id_of(seconds: int) -> str:
    """The id of a backup of a time."""
    return f"backup_{datetime.fromtimestamp(seconds, UTC):%Y%m%d_%H%M%S}"


def add(tenant: str, backup: StoredBackup) -> StoredBackup:
    """Write a backup; of two in a second the later has the next second's id. Answers with it as it was written."""
    for later in range(_TRIES):
        named = StoredBackup(
            id_of(backup.created_at + later), backup.key, backup.size, backup.digest, backup.counts, backup.created_at
        )
        item = {**keys.entity(tenant, KIND, named.id), **items.attributes(named)}
        try:
            table.write(table.Put(table.entities(), {**item, "ttl": named.created_at + KEEP_SECONDS}, table.ABSENT))
        except table.ConditionFailed:
            continue
        return named
    raise table.Contended


def get(tenant: str, backup_id: str) -> StoredBackup:
    """Read a backup. Raises `NotFound`."""
    item = table.get(table.entities(), keys.entity(tenant, KIND, backup_id)) if _ID.match(backup_id) else None
    if item is None:
        raise NotFound
    return items.entity(StoredBackup, item)


def everything(tenant: str) -> list[StoredBackup]:
    """All backups of a tenant, the newest first: no more than the quota."""
    query = table.Query(table.entities(), keys.partition(tenant, KIND))
    return [items.entity(StoredBackup, item) for item in table.items(query)]


def remove(tenant: str, backup_id: str) -> None:
    """Delete a backup's row. Raises `NotFound`."""
    try:
        table.write(table.Delete(table.entities(), keys.entity(tenant, KIND, backup_id), table.PRESENT))
    except table.ConditionFailed:
        raise NotFound from None
