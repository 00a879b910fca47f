"""Lists in pages: by number, exact up to 10,000 rows, and by cursor, whose cost does not grow with depth."""

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from hub.errors import FieldError, InvalidRequest
from hub.store import keys, table
from hub.store.items import Item

MAX_OFFSET_ROWS = 10_000

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class OffsetPage(Generic[T]):
    """One numbered page: `page` from 1, `size` rows at most, `total` rows in all; `next`: the cursor of the page behind
    it, where that has no number any more.
    """

    items: list[T]
    page: int
    size: int
    total: int
    next: str | None = None

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.size)

    def holding(self, items: Iterable[U]) -> "OffsetPage[U]":
        """The same page with its rows in another form."""
        return OffsetPage(list(items), self.page, self.size, self.total, self.next)


@dataclass(frozen=True, slots=True)
class CursorPage(Generic[T]):
    """One page and the cursor of the next (`None` on the last)."""

    items: list[T]
    size: int
    next: str | None

    def holding(self, items: Iterable[U]) -> "CursorPage[U]":
        """The same page with its rows in another form."""
        return CursorPage(list(items), self.size, self.next)


Page = OffsetPage[T] | CursorPage[T]


def read(
    rows: table.Query | Sequence[table.Query],
    page: int,
    size: int,
    cursor: str | None,
    total: Callable[[], int] | None = None,
) -> Page[Item]:
    """Read a page of a list: the one after `cursor` where that was asked for (`""`: the first), else by number.

    Several queries are read as one list in the order of their sort keys; they share direction and index. `total`
    knows how many rows there are, nearly or exactly, where counting them would cost too much.
    """
    queries = [rows] if isinstance(rows, table.Query) else list(rows)
    if cursor is None:
        return by_number(queries, page, size, total)
    return by_cursor(queries, size, cursor)


def by_number(
    queries: Sequence[table.Query], page: int, size: int, total: Callable[[], int] | None = None
) -> OffsetPage[Item]:
    """Read page `page`; without a `total` the rows behind it are counted, exactly.

    Raises `InvalidRequest` naming cursor paging for a page, or without a `total` a list, beyond 10,000 rows.
    """
    end = page * size
    if end - size > MAX_OFFSET_ROWS:
        raise too_many_rows()
    found, behind = _first(queries, end)
    number = len(found)
    if behind and total:
        number = max(number, total())
    elif behind:
        for query, key in behind:
            number += table.count(query, after=key, bound=MAX_OFFSET_ROWS - number)
        if number > MAX_OFFSET_ROWS:
            raise too_many_rows()
    rows = found[end - size : end]
    is_last_number = end > MAX_OFFSET_ROWS and end < number
    following = write_cursor(queries[0].sort_key(rows[-1])) if rows and is_last_number else None
    return OffsetPage(_whole(queries, rows), page, size, number, following)


def too_many_rows() -> InvalidRequest:
    """The answer to a numbered page of more rows than are counted."""
    return InvalidRequest(FieldError("page", "use_cursor", {"limit": MAX_OFFSET_ROWS}))


def by_cursor(queries: Sequence[table.Query], size: int, cursor: str) -> CursorPage[Item]:
    """Read the page that follows `cursor` (`""`: the first). Raises `InvalidRequest` for one of another list."""
    last = read_cursor(cursor) if cursor else None
    if last is not None:
        if not any(query.covers(last) for query in queries):
            raise InvalidRequest(FieldError("cursor", "malformed"))
        queries = [query.since(last) for query in queries]
    found, _ = _first(queries, size + 1, last)
    page, more = found[:size], len(found) > size
    return CursorPage(_whole(queries, page), size, write_cursor(queries[0].sort_key(page[-1])) if more else None)


def _first(
    queries: Sequence[table.Query], wanted: int, last: str | None = None
) -> tuple[list[Item], list[tuple[table.Query, Item]]]:
    """At least the first rows of all queries together, without the `last` of a page before.

    Beside them, for every query with more, the key behind which its unread rows are.
    """
    found: list[Item] = []
    behind: list[tuple[table.Query, Item]] = []
    for query in queries:
        read: list[Item] = []
        for items, key in table.pages(query, limit=wanted + (last is not None)):
            read += [item for item in items if query.sort_key(item) != last]
            if len(read) >= wanted:
                if key:
                    behind.append((query, key))
                break
        found += read
    return sorted(found, key=queries[0].sort_key, reverse=queries[0].newest_first), behind


def _whole(queries: Sequence[table.Query], rows: list[Item]) -> list[Item]:
    """The items of rows of an index that holds no more than keys.

    The index is a moment behind: what is gone by now, in another partition of it, or no longer what was asked for is
    left out.
    """
    first = queries[0]
    if not first.keys_only or not rows:
        return rows
    places: list[keys.Key] = [{"pk": row["pk"], "sk": row["sk"]} for row in rows]
    found = table.get_many({first.table: places})
    items = (found.get((first.table, place["pk"], place["sk"])) for place in places)
    return [item for item in items if item is not None and any(query.holds(item) for query in queries)]


def write_cursor(sort_key: str) -> str:
    """Write the cursor that goes on after an item. It holds no tenant: the partition is always the caller's own."""
    return base64.urlsafe_b64encode(sort_key.encode()).decode().rstrip("=")


def read_cursor(cursor: str, longest: int = 512) -> str:
    """Read a cursor; anything that is none raises `InvalidRequest`."""
    try:
        sort_key = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidRequest(FieldError("cursor", "malformed")) from None
    if not 1 <= len(sort_key.encode()) <= longest or not sort_key.isprintable():
        raise InvalidRequest(FieldError("cursor", "malformed"))
    return sort_key
