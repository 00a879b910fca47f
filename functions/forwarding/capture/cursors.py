"""How far each KOOK channel was read.

| item | table | pk | sk |
|---|---|---|---|
| cursor | ActivityTable | `T#<tenant>#KOOK_CURSOR` | the channel's id |
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hub import times
from hub.store import items, keys, table

KIND = "KOOK_CURSOR"
KEEP_SECONDS = 90 * 86_400
OWNED_MS = 180_000
"""How long after a poll no other account of the tenant reads the same channel."""

KNOWN = 32
"""The latest messages that are known by their ids: with them a cursor is under a kilobyte, one unit to write."""

_MOST = 100


@dataclass(frozen=True, slots=True)
class Cursor:
    """The latest message of a channel that was read, none of one that had none yet, and KOOK's time of it (epoch ms).

    `account_id` read it last, at `polled_at`. `edited_at` is the time of the latest edit that was seen, `recent` holds
    the ids of the latest messages.
    """

    id: str
    message_id: str
    at: int
    account_id: str
    polled_at: int
    edited_at: int | None = None
    recent: bytes = b""

    @property
    def known(self) -> list[str]:
        """The ids of the latest messages, in order."""
        return zlib.decompress(self.recent).decode().split() if self.recent else []

    def is_of_another(self, account_id: str) -> bool:
        """Whether another account reads the channel."""
        return self.account_id != account_id and self.polled_at > times.now_ms() - OWNED_MS


def packed(ids: Sequence[str]) -> bytes:
    """Ids as a cursor holds them: of more than `KNOWN` the last."""
    return zlib.compress("\n".join(ids[-KNOWN:]).encode(), 9) if ids else b""


def get_many(tenant: str, channels: Iterable[str]) -> dict[str, Cursor]:
    """The cursors of channels; one that was never read has none."""
    wanted = [keys.entity(tenant, KIND, channel) for channel in channels]
    found: dict[str, Cursor] = {}
    for start in range(0, len(wanted), _MOST):
        read = table.get_many({table.activity(): wanted[start : start + _MOST]}, consistent=True)
        found |= {item["sk"]: items.entity(Cursor, item) for item in read.values()}
    return found


def put(tenant: str, cursor: Cursor) -> None:
    """Note how far a channel was read; who read less of it than another changes nothing."""
    own = {**keys.entity(tenant, KIND, cursor.id), **items.attributes(cursor), "ttl": times.now() + KEEP_SECONDS}
    try:
        table.write(table.Put(table.activity(), own, "attribute_not_exists(pk) OR #at <= :at", {"at": cursor.at}))
    except table.ConditionFailed:
        return
