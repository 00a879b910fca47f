"""What a backup holds: a zip of JSON files, in which secrets stand as sealed as in their items."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from functions.forwarding import objects
from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.bots import store as bots
from functions.forwarding.bots.store import StoredBot
from functions.forwarding.mappings import store as mappings
from functions.forwarding.mappings.store import StoredMapping
from functions.forwarding.smart_mapping import store as memory
from hub import times
from hub.errors import Unavailable
from hub.store.items import Item

VERSION = "1"
_TRIES = 5

_MOST_BYTES = 64 * 1024 * 1024
"""Of a file of an archive: far more than all quotas together come to."""


class Damaged(Exception):
    """An archive that is not as it was written."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that a backup holds; `learned` are the items of smart mapping's pairs."""

    accounts: list[StoredAccount]
    bots: list[StoredBot]
    mappings: list[StoredMapping]
    learned: list[Item]

    @property
    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {"accounts": len(self.accounts), "bots": len(self.bots), "mappings": len(self.mappings)}


def current(tenant: str) -> Configuration:
    """The configuration as it stands, with every bot that a mapping names. Raises `Unavailable`."""
    for _ in range(_TRIES):
        wanted = mappings.everything(tenant, consistent=True)
        found = bots.everything(tenant, consistent=True)
        # The two are read one after the other: what changed in between would not go together.
        if {one.target_bot_id for one in wanted} <= {one.number for one in found}:
            return Configuration(accounts.everything(tenant, consistent=True), found, wanted, memory.items_of(tenant))
    raise Unavailable


def packed(tenant: str, backed_up: Configuration) -> bytes:
    """The zip."""
    files = {
        "accounts.json": [asdict(one) for one in backed_up.accounts],
        "bots.json": [asdict(one) for one in backed_up.bots],
        "mappings.json": [asdict(one) for one in backed_up.mappings],
        "learned.json": backed_up.learned,
    }
    manifest = {"version": VERSION, "tenant": tenant, "created_at": times.iso(times.now()), "counts": backed_up.counts}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, held in {"manifest.json": manifest, **files}.items():
            archive.writestr(name, objects.as_json(held))
    return content.getvalue()


def digest(content: bytes) -> str:
    """What an archive is known by again."""
    return hashlib.sha256(content).hexdigest()


def unpacked(tenant: str, content: bytes, expected: str) -> Configuration:
    """Read a tenant's zip. Raises `Damaged` for one that is not what was written."""
    if digest(content) != expected:
        raise Damaged
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        manifest = _read(archive, "manifest.json")
        if (manifest["version"], manifest["tenant"]) != (VERSION, tenant):
            raise Damaged
        return Configuration(
            [StoredAccount(**one) for one in _read(archive, "accounts.json")],
            [StoredBot(**one) for one in _read(archive, "bots.json")],
            [StoredMapping(**one) for one in _read(archive, "mappings.json")],
            [_own(one) for one in _read(archive, "learned.json")],
        )


def _own(item: Mapping[str, Any]) -> Item:
    return dict(item)


def _read(archive: zipfile.ZipFile, name: str) -> Any:
    if archive.getinfo(name).file_size > _MOST_BYTES:
        raise Damaged
    return objects.from_json(archive.read(name))
