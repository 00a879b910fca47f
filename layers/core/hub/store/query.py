"""Document 3's query language for lists: `status=active&amount[lte]=10000&name[like]=科技&sort=amount&limit=20`.

`parse` reads it against the `Schema` of a list, `run` answers it from any stream of rows.
"""

import hashlib
import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic_core import from_json

from hub.errors import FieldError, InvalidRequest
from hub.store import filters, paging
from hub.store.filters import FieldKind, Filter, Row, Scalar
from hub.store.paging import CursorPage, OffsetPage, Page
from hub.web import validation

MAX_SORT_CHARACTERS = 256
"""Texts are ordered by this many characters (compare MySQL's `max_sort_length`), so that a cursor fits into a URL."""

MAX_CURSOR = 8192
"""Characters of a cursor; API Gateway takes a request line and headers of 10,240 bytes together."""

Key = tuple[bool, Scalar | None, str]


@dataclass(frozen=True, slots=True)
class Schema:
    """The fields of a list by their wire names (`contact.phone` for a nested one), and those that `search` reads."""

    fields: Mapping[str, FieldKind]
    search: tuple[str, ...] = ()
    default_sort: str = "createdAt"

    def __post_init__(self) -> None:
        """Raises `ValueError` for a list that could not be queried."""
        if self.fields.get("id") is not FieldKind.TEXT:
            raise ValueError("a list needs the text `id`, which ends every order")
        if taken := _RESERVED & self.fields.keys():
            raise ValueError(f"parameters of the language itself: {taken}")
        if self.default_sort not in self.sortable:
            raise ValueError(f"cannot sort by {self.default_sort}")
        if wrong := [name for name in self.search if self.fields.get(name) not in {FieldKind.TEXT, FieldKind.TAGS}]:
            raise ValueError(f"cannot search {wrong}")

    @property
    def sortable(self) -> list[str]:
        """Every field but the tags, which have no order."""
        return [name for name, kind in self.fields.items() if kind is not FieldKind.TAGS]

    def knows(self, name: str) -> bool:
        """Whether `name` is a field, or an object that holds some."""
        return name in self.fields or any(field.startswith(f"{name}.") for field in self.fields)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A query as parsed: a row matches when every filter holds and every word of `words` (case-folded) is found.

    `fields` empty: whole rows. `after`: the sort value and id of the last row of the page before, `None` on the first.
    """

    schema: Schema
    filters: tuple[Filter, ...]
    words: tuple[str, ...]
    sort: str
    descending: bool
    fields: tuple[str, ...]
    page: int
    size: int
    by_cursor: bool
    after: tuple[Scalar | None, str] | None = None

    def matches(self, row: Row) -> bool:
        """Whether a row is in the list."""
        kinds = self.schema.fields
        return all(one.holds(filters.elements(row, one.field, kinds[one.field])) for one in self.filters) and (
            not self.words or self._says(row)
        )

    def project(self, row: Row) -> dict[str, Any]:
        """The fields of a row that were asked for, nested as they stand there; what the row lacks stays away."""
        if not self.fields:
            return dict(row)
        chosen: dict[str, Any] = {}
        for name in self.fields:
            value = filters.at(row, name, _ABSENT)
            if value is not _ABSENT:
                *parents, leaf = name.split(".")
                place = chosen
                for parent in parents:
                    place = place.setdefault(parent, {})
                place[leaf] = value
        return chosen

    def sorted(self, rows: Iterable[Row]) -> list[Row]:
        """Order rows: missing values last either way, then by value, equal ones by id.

        Texts are ordered by code point, numbers as doubles: as indexes have them.
        """
        return sorted(rows, key=self.key, reverse=self.descending)

    def key(self, row: Row) -> Key:
        """The place of a row in the order, which is read from the greatest key down when `descending`."""
        value = filters.as_kind(filters.at(row, self.sort), self.schema.fields[self.sort])
        return self._key(_sort_value(value), row["id"])

    def follows(self, row: Row) -> bool:
        """Whether a row stands behind `after`."""
        if self.after is None:
            return True
        position, key = self._key(*self.after), self.key(row)
        return key < position if self.descending else key > position

    def cursor_after(self, row: Row) -> str:
        """The cursor that goes on after a row, good for the same order and conditions only."""
        _, value, row_id = self.key(row)
        return paging.write_cursor(json.dumps([self._fingerprint(), value, row_id], default=datetime.isoformat))

    def resumed(self, cursor: str) -> "ListQuery":
        """This query from a cursor on (`""`: from the start). Raises `InvalidRequest` for one of another query."""
        if not cursor:
            return self
        try:
            match from_json(paging.read_cursor(cursor, MAX_CURSOR), allow_inf_nan=False):
                case [fingerprint, written, str(row_id)] if fingerprint == self._fingerprint():
                    value = _sort_value(filters.as_kind(written, self.schema.fields[self.sort]))
                    if written is None or value is not None:
                        return replace(self, after=(value, row_id))
        except (ValueError, OverflowError):
            pass
        raise InvalidRequest(FieldError("cursor", "malformed"))

    def _says(self, row: Row) -> bool:
        kinds = self.schema.fields
        found = [text for name in self.schema.search for text in filters.elements(row, name, kinds[name])]
        texts = [str(text).casefold() for text in found]
        return all(any(word in text for text in texts) for word in self.words)

    def _key(self, value: Scalar | None, row_id: str) -> Key:
        return (value is None) != self.descending, value, row_id

    def _fingerprint(self) -> str:
        conditions = sorted(
            (
                one.field,
                one.operator,
                *sorted(map(repr, one.value if isinstance(one.value, frozenset) else [one.value])),
            )
            for one in self.filters
        )
        told = repr((self.sort, self.descending, sorted(self.words), conditions))
        return hashlib.sha256(told.encode()).hexdigest()[:16]


class _Parameters(validation.Parameters):
    page: Annotated[int, Field(ge=1)] = 1
    page_size: Annotated[int, Field(ge=1, le=100, alias="pageSize")] = 20
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=MAX_CURSOR)] = ""
    sort: str = ""
    order: Literal["asc", "desc"] = "desc"
    fields: str = ""
    search: str = ""


def parse(parameters: Mapping[str, str], schema: Schema) -> ListQuery:
    """Read decoded query parameters. Raises `InvalidRequest` naming everything that is wrong with them."""
    read = [filters.read(name, value, schema.fields) for name, value in parameters.items() if name not in _RESERVED]
    errors = [*(one for one in read if isinstance(one, FieldError)), *_contradictions(parameters, schema)]
    try:
        own = {name: value for name, value in parameters.items() if name in _RESERVED}
        known = validation.parse_parameters(_Parameters, own)
    except InvalidRequest as error:
        raise InvalidRequest([*errors, *error.fields]) from None
    if errors:
        raise InvalidRequest(errors)
    by_cursor = "limit" in parameters or "cursor" in parameters
    names = _names(parameters)
    return ListQuery(
        schema=schema,
        filters=tuple(one for one in read if isinstance(one, Filter)),
        words=tuple(known.search.casefold().split()),
        sort=known.sort or schema.default_sort,
        descending=known.order == "desc",
        # A field of an object that goes out whole would be written into the object itself.
        fields=tuple(name for name in names if not any(name.startswith(f"{whole}.") for whole in names)),
        page=known.page,
        size=known.limit if by_cursor else known.page_size,
        by_cursor=by_cursor,
    ).resumed(known.cursor)


def run(query: ListQuery, rows: Iterable[Row]) -> Page[dict[str, Any]]:
    """Answer a query from rows in any order, each read once; by cursor no more than a page of them is held.

    Raises `InvalidRequest` naming cursor paging when a numbered page is asked of more than 10,000 matching rows.
    """
    matching = (row for row in rows if query.matches(row))
    if query.by_cursor:
        first = heapq.nlargest if query.descending else heapq.nsmallest
        found = first(query.size + 1, filter(query.follows, matching), key=query.key)
        items = [query.project(row) for row in found[: query.size]]
        following = query.cursor_after(found[query.size - 1]) if len(found) > query.size else None
        return CursorPage(items, query.size, following)
    counted = list(islice(matching, paging.MAX_OFFSET_ROWS + 1))
    if len(counted) > paging.MAX_OFFSET_ROWS:
        raise paging.too_many_rows()
    start = (query.page - 1) * query.size
    items = [query.project(row) for row in query.sorted(counted)[start : start + query.size]]
    return OffsetPage(items, query.page, query.size, len(counted))


def _sort_value(value: Scalar | None) -> Scalar | None:
    match value:
        case str():
            return value[:MAX_SORT_CHARACTERS]
        case int() if not isinstance(value, bool):
            return float(value)
    return value


def _contradictions(parameters: Mapping[str, str], schema: Schema) -> Iterator[FieldError]:
    cursor_parameter = next((name for name in ("limit", "cursor") if name in parameters), None)
    for name in ("page", "pageSize"):
        if cursor_parameter and name in parameters:
            yield FieldError(name, "not_combined", {"other": cursor_parameter})
    if parameters.get("sort", schema.default_sort) not in schema.sortable:
        yield FieldError("sort", "not_one_of", {"expected": ", ".join(schema.sortable)})
    if "search" in parameters and not schema.search:
        yield FieldError("search", "unknown_field")
    for name in _names(parameters):
        if not schema.knows(name):
            yield FieldError("fields", "unknown_name", {"name": name})


def _names(parameters: Mapping[str, str]) -> list[str]:
    return parameters["fields"].split(",") if "fields" in parameters else []


_ABSENT = object()

_RESERVED = frozenset({"page", "pageSize", "limit", "cursor", "sort", "order", "fields", "search"})
