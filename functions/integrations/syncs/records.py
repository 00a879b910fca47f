"""What a sync keeps: each record with what became of it last, and which ones a sync met.

| item | table | pk | sk |
|---|---|---|---|
| record | ActivityTable | `T#<tenant>#RECORD#<integration>` | its kind `#` the provider's id |
| the same, changed or deleted | ActivityTable, `gsi2` | `T#<tenant>#RECORD_CHANGE#<integration>#<change>` | the same |
| unchanged ones that a page had | ActivityTable | `T#<tenant>#SYNC_SEEN#<sync>` | page `#` claim of its step |

A record that is as it was costs no write: that it was met stands in eight bytes of its page's item. What a sync wrote
carries the sync's id, which tells the same. Where a page is done again, `page` tells what its first try had written
and nobody had counted.
"""

import hashlib
import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from functions.integrations.syncs.models import Change, RecordParameters, SyncedRecord
from hub import times
from hub.connectors.protocol import Record
from hub.errors import FieldError, InvalidRequest
from hub.store import items, keys, paging, table
from hub.store.items import Item

KIND = "RECORD"
BY_CHANGE = "RECORD_CHANGE"
SEEN = "SYNC_SEEN"

MAX_DATA_BYTES = 40_000
"""A hundred of them are below the 6 MB that Lambda answers with."""

TOGETHER = 100
"""Records that are read in a call."""

MAX_PASSED = 5000
"""Rows of which a request looks for those that meet a condition."""

KEEP_DELETED_SECONDS = 30 * 86_400
_KEEP_SEEN_SECONDS = 3 * 86_400
_MAX_PLACE_BYTES = 400


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record; times in epoch ms. `data` is JSON, `hash` of it and `updated_at`; `sync` and `page` wrote it last."""

    id: str
    record_id: str
    kind: str
    data: str | None
    hash: str
    updated_at: int | None
    change: Change
    changed_at: int
    sync: str
    page: int


@dataclass(slots=True)
class Outcome:
    """What came of some records: how many became what, and what there is to write."""

    added: int = 0
    updated: int = 0
    deleted: int = 0
    writes: list[StoredRecord] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


def take(tenant: str, integration_id: str, sync_id: str, page: int, claim: str, found: Sequence[Record]) -> Outcome:
    """Keep what a page of the provider's list had; answers with what became of it."""
    incoming = _newest(_incoming(one, sync_id, page) for one in found)
    outcome = Outcome()
    places = list(incoming)
    for start in range(0, len(places), TOGETHER):
        stored = _stored(tenant, integration_id, places[start : start + TOGETHER])
        for place in places[start : start + TOGETHER]:
            _compare(incoming[place], stored.get(place), outcome)
    written = [_item(tenant, integration_id, one) for one in outcome.writes]
    if outcome.unchanged:
        written.append(_seen_item(tenant, sync_id, page, claim, outcome.unchanged))
    table.put_many(table.activity(), written)
    return outcome


def seen(tenant: str, sync_id: str) -> set[int]:
    """The digests of what a sync met and did not write."""
    digests = array("Q")
    for item in table.items(
        table.Query(table.activity(), keys.partition(tenant, SEEN, sync_id), newest_first=False, consistent=True)
    ):
        digests.frombytes(item["digests"])
    return set(digests)


def sweep(
    tenant: str, integration_id: str, sync_id: str, page: int, after: str | None, met: set[int]
) -> tuple[Outcome, str | None]:
    """Hold some records against what a sync met; those that are gone become `deleted`. Answers also where it goes on.

    Reads consistently: what this sync has just written must not seem to be as it was before.
    """
    query = table.Query(
        table.activity(), keys.partition(tenant, KIND, integration_id), newest_first=False, consistent=True
    )
    start = keys.belonging(tenant, KIND, integration_id, after) if after else None
    rows, following = next(table.pages(query, after=start))
    outcome, now = Outcome(), times.now_ms()
    for row in rows:
        one = items.entity(StoredRecord, row)
        if one.change == "deleted":
            # Told as deleted by a try of this very step, which nobody counted.
            outcome.deleted += (one.sync, one.page) == (sync_id, page)
        elif one.sync != sync_id and _digest(one.id) not in met:
            outcome.deleted += 1
            outcome.writes.append(replace(one, change="deleted", changed_at=now, sync=sync_id, page=page))
    table.put_many(table.activity(), [_item(tenant, integration_id, one) for one in outcome.writes])
    return outcome, following["sk"] if following else None


def forget(tenant: str, integration_id: str, limit: int) -> bool:
    """Delete records of an integration that is gone, about `limit` at most; `False` where there are more."""
    query = table.Query(table.activity(), keys.partition(tenant, KIND, integration_id))
    gone = 0
    for rows, _ in table.pages(query, limit=limit):
        table.delete_many(table.activity(), [{"pk": row["pk"], "sk": row["sk"]} for row in rows])
        gone += len(rows)
        if gone >= limit:
            return False
    return True


def listed(tenant: str, integration_id: str, asked: RecordParameters) -> paging.CursorPage[SyncedRecord]:
    """Read a page of records, by kind and the provider's id."""
    if asked.change in ("updated", "deleted"):
        partition = keys.partition(tenant, BY_CHANGE, integration_id, asked.change)
        query = table.Query(
            table.activity(), partition, _prefix(asked), index="gsi2", newest_first=False, keys_only=True
        )
        page = paging.by_cursor([query], asked.limit, asked.cursor)
        return page.holding(_shown(items.entity(StoredRecord, item)) for item in page.items)
    rows, following = _scanned(tenant, integration_id, asked)
    return paging.CursorPage([_shown(items.entity(StoredRecord, row)) for row in rows], asked.limit, following)


def _scanned(tenant: str, integration_id: str, asked: RecordParameters) -> tuple[list[Item], str | None]:
    """Rows of the partition itself; where few of them meet the condition, a page may be short or empty."""
    query = table.Query(
        table.activity(),
        keys.partition(tenant, KIND, integration_id),
        _prefix(asked),
        condition="#change = :change" if asked.change else "",
        values={"change": asked.change} if asked.change else {},
        newest_first=False,
    )
    after = paging.read_cursor(asked.cursor) if asked.cursor else ""
    if after and not query.covers(after):
        raise InvalidRequest(FieldError("cursor", "malformed"))
    start = keys.belonging(tenant, KIND, integration_id, after) if after else None
    found: list[Item] = []
    limit, passed, last = asked.limit + 1, 0, None
    for rows, key in table.pages(query, limit=limit, after=start):
        found += rows
        passed, limit, last = passed + limit, limit * 2, key
        if len(found) > asked.limit or passed >= MAX_PASSED:
            break
    if len(found) > asked.limit:
        return found[: asked.limit], paging.write_cursor(found[asked.limit - 1]["sk"])
    return found, paging.write_cursor(last["sk"]) if last else None


def _prefix(asked: RecordParameters) -> str:
    return f"{keys.part(asked.kind)}#" if asked.kind else ""


def _incoming(one: Record, sync_id: str, page: int) -> StoredRecord:
    data = _json(one.data)
    digest = hashlib.sha256(f"{one.updated_at}\0{data}".encode()).hexdigest()[:32]
    return StoredRecord(
        id=_place(one),
        record_id=_unicode(one.id),
        kind=_unicode(one.kind),
        data=data if len(data.encode()) <= MAX_DATA_BYTES else None,
        hash=digest,
        updated_at=one.updated_at,
        change="added",
        changed_at=times.now_ms(),
        sync=sync_id,
        page=page,
    )


def _newest(found: Iterable[StoredRecord]) -> dict[str, StoredRecord]:
    """Of what a page has twice, the newer version: the later one where the provider tells no times."""
    newest: dict[str, StoredRecord] = {}
    for one in found:
        known = newest.get(one.id)
        if known is None or not _is_older(one, known):
            newest[one.id] = one
    return newest


def _is_older(one: StoredRecord, other: StoredRecord) -> bool:
    return one.updated_at is not None and other.updated_at is not None and one.updated_at < other.updated_at


def _compare(incoming: StoredRecord, stored: StoredRecord | None, outcome: Outcome) -> None:
    """Note what becomes of a record, and what has to be written for it."""
    if stored is None:
        outcome.added += 1
        outcome.writes.append(incoming)
        return
    is_own = stored.sync == incoming.sync and stored.change != "deleted"
    if is_own and stored.page == incoming.page:
        # A try of this very page wrote it, and nobody counted.
        outcome.added += stored.change == "added"
        outcome.updated += stored.change == "updated"
    latest = stored if _is_older(incoming, stored) else incoming
    if stored.change == "deleted":
        outcome.added += 1
        marked = replace(incoming, data=latest.data, hash=latest.hash, updated_at=latest.updated_at)
        outcome.writes.append(marked)
    elif latest.hash == stored.hash:
        # What this sync has written says so itself.
        if not is_own:
            outcome.unchanged.append(stored.id)
    elif is_own:
        # Met before, and counted then; what it has become for the one who asks is the same.
        outcome.writes.append(replace(incoming, change=stored.change, page=stored.page))
    else:
        outcome.updated += 1
        outcome.writes.append(replace(incoming, change="updated"))


def _stored(tenant: str, integration_id: str, places: Sequence[str]) -> dict[str, StoredRecord]:
    wanted = [keys.belonging(tenant, KIND, integration_id, place) for place in places]
    found = table.get_many({table.activity(): wanted}, consistent=True)
    return {item["sk"]: items.entity(StoredRecord, item) for item in found.values()}


def _item(tenant: str, integration_id: str, one: StoredRecord) -> Item:
    index = (
        keys.index(2, tenant, BY_CHANGE, integration_id, one.change, item_id=one.id) if one.change != "added" else {}
    )
    item = {**keys.belonging(tenant, KIND, integration_id, one.id), **items.attributes(one), **index}
    return item | ({"ttl": one.changed_at // 1000 + KEEP_DELETED_SECONDS} if one.change == "deleted" else {})


def _seen_item(tenant: str, sync_id: str, page: int, claim: str, places: Iterable[str]) -> Item:
    digests = array("Q", map(_digest, places)).tobytes()
    key = keys.belonging(tenant, SEEN, sync_id, f"{page:08d}#{claim}")
    return {**key, "digests": digests, "ttl": times.now() + _KEEP_SEEN_SECONDS}


def _digest(place: str) -> int:
    """Eight bytes: of a million records, two that share them are one chance in 40 million."""
    return int.from_bytes(hashlib.sha256(place.encode()).digest()[:8], "little")


def _place(one: Record) -> str:
    """Where a record is: its kind and id, or their hash where no key or cursor could hold them."""
    kind, told = keys.part(one.kind), keys.part(one.id)
    try:
        length = len(f"{kind}#{told}".encode())
    except UnicodeEncodeError:
        length = _MAX_PLACE_BYTES + 1
    if length > _MAX_PLACE_BYTES or not told.isprintable() or not told:
        told = "%" + hashlib.sha256(one.id.encode(errors="surrogatepass")).hexdigest()
    return f"{_unicode(kind)}#{told}"


def _json(data: Mapping[str, Any]) -> str:
    """The same text for the same data, whatever the order of its fields."""
    return _unicode(json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str))


def _unicode(text: str) -> str:
    """A text without halves of surrogate pairs, which JSON can hold and UTF-8 cannot."""
    return text.encode(errors="replace").decode()


def _shown(one: StoredRecord) -> SyncedRecord:
    return {
        "id": one.record_id,
        "kind": one.kind,
        "change": one.change,
        "changed_at": times.iso(one.changed_at / 1000),
        "updated_at": None if one.updated_at is None else times.iso_ms(one.updated_at),
        "sync_id": one.sync,
        "data": None if one.data is None else json.loads(one.data),
    }
