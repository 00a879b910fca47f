"""The log of forwarded messages in pages.

By an index: all, those that failed, those that wait, each also of one channel. A platform, and those that succeeded,
are held against the rows that are read, 5,000 at most; a page by cursor that finds few ends then, and goes on after.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from functions.forwarding.logs.models import ForwardLog, LogParameters
from functions.forwarding.messages import store
from functions.forwarding.messages.store import StoredMessage
from functions.forwarding.statistics import service as statistics
from hub import times
from hub.errors import FieldError, InvalidRequest
from hub.store import keys, paging, sequences, table
from hub.store.items import Item
from hub.store.paging import CursorPage, OffsetPage, Page

MAX_PASSED = 5000
MAX_WAITING = 100_000
_CHUNK = 100


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The rows of an index in which the wanted ones are, and what tells them there."""

    tenant: str
    rows: table.Query
    status: str | None
    platform: str | None

    def holds(self, message: StoredMessage) -> bool:
        """Whether a row is a wanted one."""
        return self.status in (None, message.status) and self.platform in (None, message.target_platform)


def listed(tenant: str, query: LogParameters) -> Page[ForwardLog]:
    """A page of the log. Raises `InvalidRequest` for a numbered page that would read too much."""
    is_indexed = query.status != "success"
    rows = store.rows(tenant, query.status if is_indexed else None, query.channel_id)
    total = None if query.channel_id else _totals(tenant, query)
    if is_indexed and query.platform is None:
        found = paging.read(rows, query.page, query.limit, query.cursor, total)
        return found.holding(shown(store.read(item)) for item in found.items)
    wanted = _Wanted(tenant, rows, query.status, query.platform)
    if query.cursor is not None:
        return _by_cursor(wanted, query.limit, query.cursor)
    return _by_number(wanted, query.page, query.limit, total)


def shown(message: StoredMessage) -> ForwardLog:
    """A row as document 5 has it."""
    return {
        "id": message.number,
        "kook_message_id": message.id,
        "kook_channel_id": message.channel,
        "content": message.content,
        "message_type": message.message_type,
        "sender_name": message.sender_name,
        "target_platform": message.target_platform,
        "target_channel": message.target_channel,
        "status": message.status,
        "error_message": _words(message),
        "latency_ms": message.latency_ms,
        "created_at": times.iso_without_zone(message.created_at / 1000),
    }


def waiting(tenant: str, bound: int = MAX_WAITING) -> int:
    """How many messages wait, up to a bound."""
    return table.count(store.rows(tenant, "pending"), after=None, bound=bound)


def _words(message: StoredMessage) -> str | None:
    if message.error is None:
        return None
    return message.error["message"] or message.error["code"]


def _totals(tenant: str, query: LogParameters) -> Callable[[], int]:
    """How many rows there are, without reading them: counted by day as they ended; those that wait, in their index."""

    def total() -> int:
        pending = waiting(tenant) if query.status in (None, "pending") else 0
        if query.status == "pending":
            return pending
        ended = statistics.ended(tenant)
        return pending + ended.number(query.status, query.platform)

    return total


def _by_number(wanted: _Wanted, page: int, size: int, total: Callable[[], int] | None) -> OffsetPage[ForwardLog]:
    """Read as far as the page, and on to the end where nothing else tells how many there are."""
    first, last = (page - 1) * size, page * size
    if first > paging.MAX_OFFSET_ROWS:
        raise paging.too_many_rows()
    found: list[StoredMessage] = []
    passed = 0
    for rows, more in _read(wanted.rows):
        passed += len(rows)
        found += [message for _, message in _standing(wanted, rows)]
        if more and total and len(found) >= last:
            return _numbered(found, page, size, max(len(found), total()))
        if more and passed >= MAX_PASSED:
            raise InvalidRequest(FieldError("page", "too_many_to_count", {"limit": MAX_PASSED}))
    return _numbered(found, page, size, len(found))


def _numbered(found: Sequence[StoredMessage], page: int, size: int, total: int) -> OffsetPage[ForwardLog]:
    return OffsetPage([shown(message) for message in found[(page - 1) * size : page * size]], page, size, total)


def _by_cursor(wanted: _Wanted, size: int, cursor: str) -> CursorPage[ForwardLog]:
    after = paging.read_cursor(cursor) if cursor else None
    if after is not None and not sequences.is_padded(after):
        raise InvalidRequest(FieldError("cursor", "malformed"))
    found: list[tuple[str, StoredMessage]] = []
    passed = 0
    for rows, more in _read(wanted.rows, after):
        passed += len(rows)
        found += _standing(wanted, rows)
        if len(found) > size:
            return _page(found[:size], size, found[size - 1][0])
        if more and passed >= MAX_PASSED:
            return _page(found, size, wanted.rows.sort_key(rows[-1]))
    return _page(found, size, None)


def _page(found: Sequence[tuple[str, StoredMessage]], size: int, last: str | None) -> CursorPage[ForwardLog]:
    return CursorPage([shown(message) for _, message in found], size, last and paging.write_cursor(last))


def _read(rows: table.Query, after: str | None = None) -> Iterator[tuple[list[Item], bool]]:
    """The rows of an index, a hundred at a time, and whether there are more."""
    query = rows.since(after) if after else rows
    kept: list[Item] = []
    for page, following in table.pages(query, limit=_CHUNK):
        kept += [item for item in page if query.sort_key(item) != after]
        while len(kept) >= _CHUNK:
            chunk, kept = kept[:_CHUNK], kept[_CHUNK:]
            yield chunk, bool(kept) or following is not None
    yield kept, False


def _standing(wanted: _Wanted, rows: Sequence[Item]) -> list[tuple[str, StoredMessage]]:
    """The wanted ones of up to 100 rows of the index, as they stand by now, each with its place in the index."""
    places: list[keys.Key] = [{"pk": row["pk"], "sk": row["sk"]} for row in rows]
    found = table.get_many({table.entities(): places}) if places else {}
    items = (found.get((table.entities(), place["pk"], place["sk"])) for place in places)
    standing = [(wanted.rows.sort_key(item), store.read(item)) for item in items if item and wanted.rows.holds(item)]
    return [(place, message) for place, message in standing if wanted.holds(message)]
