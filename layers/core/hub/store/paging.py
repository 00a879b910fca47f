"""Lists in pages: by number, exact up to 10,000 rows, and by cursor, whose cost does not grow with depth."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from hub.errors import FieldError, InvalidRequest
from hub.store import table
from hub.store.items import Item

MAX_OFFSET_ROWS = 10_000

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class OffsetPage(Generic[T]):
    """One numbered page: `page` from 1, `size` rows at most, `total` rows in all."""

    items: list[T]
    page: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.size)

    def holding(self, items: Iterable[U]) -> "OffsetPage[U]":
        """The same page with its rows in another form."""
        return OffsetPage(list(items), self.page, self.size, self.total)


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


def read(query: table.Query, page: int, size: int, cursor: str | None) -> Page[Item]:
    """Read a page of a query: the one after `cursor` where that was asked for (`""`: the first), else by number."""
    return by_number(query, page, size) if cursor is None else by_cursor(query, size, cursor)


def by_number(query: table.Query, page: int, size: int) -> OffsetPage[Item]:
    """Read page `page` of a query and count the rows behind it for the exact total.

    Raises `InvalidRequest` naming cursor paging when more than 10,000 rows match.
    """
    end = page * size
    if end - size > MAX_OFFSET_ROWS:
        raise too_many_rows()
    matching: list[Item] = []
    following: Item | None = None
    for items, key in table.pages(query, limit=end):
        matching += items
        following = key
        if len(matching) >= end:
            break
    total = len(matching)
    if following:
        total += table.count(query, after=following, bound=MAX_OFFSET_ROWS - total)
    if total > MAX_OFFSET_ROWS:
        raise too_many_rows()
    return OffsetPage(matching[end - size : end], page, size, total)


def too_many_rows() -> InvalidRequest:
    """The answer to a numbered page of more rows than are counted."""
    return InvalidRequest(FieldError("page", "use_cursor", {"limit": MAX_OFFSET_ROWS}))


def by_cursor(query: table.Query, size: int, cursor: str) -> CursorPage[Item]:
    """Read the page that follows `cursor` (`""`: the first). Raises `InvalidRequest` for one of another list."""
    after = _after(query, cursor) if cursor else None
    found: list[Item] = []
    for items, following in table.pages(query, limit=size + 1, after=after):
        found += items
        if len(found) > size or not following:
            break
    more = len(found) > size
    found = found[:size]
    return CursorPage(found, size, write_cursor(found[-1]["sk"]) if more else None)


def _after(query: table.Query, cursor: str) -> Item:
    sort_key = read_cursor(cursor)
    # DynamoDB fails a query that would go on after a key outside its bounds.
    if not query.covers(sort_key):
        raise InvalidRequest(FieldError("cursor", "malformed"))
    return {"pk": query.pk, "sk": sort_key}


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
