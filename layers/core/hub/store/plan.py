"""How document 3's query language is answered from the table: what is read, in which order, and how much at most.

- **By cursor, in the order of creation** (`createdAt`, `id`): the kind's partition from the cursor on. Where an indexed
  field is compared by `eq` or `in`: the index's partitions of these values, merged.
- **By cursor, in the order of an indexed number or a unique text**: its index from the cursor on, within the bounds
  that conditions on the same field set.
- **A numbered page without further conditions**: the same, as far as that page; how many there are is counted.
- **Everything else**: the narrowest of these, to its end; sorted in memory.

What else is asked for is held against each row that was read. A page by cursor ends after `MAX_PASSED` rows, perhaps
short, and its cursor goes on from there; what must be read to its end is refused after `MAX_READ`.
"""

import heapq
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from hub import ids
from hub.errors import FieldError, InvalidRequest
from hub.store import filters, keys, paging, query, table, totals
from hub.store.filters import Operator, Row
from hub.store.items import Item
from hub.store.paging import CursorPage, OffsetPage, Page
from hub.store.query import ListQuery, Schema

MAX_PASSED = 5_000
"""Rows that a page by cursor reads."""

MAX_READ = 20_000
"""Rows that are read where all that match must be known: for a total, or an order that no index has."""

MAX_PARTITIONS = 20
"""Values of an `in` that are read from an index, each from its own partition."""


@dataclass(frozen=True, slots=True)
class Index:
    """A kind of partitions of `gsi<number>`."""

    number: int
    kind: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Where the entities of a kind are found; ids begin with `prefix` and tell the time of creation.

    `equal`: indexes by the values of text fields, the most telling first. `ordered`: indexes by the values of numbers,
    which hold no row that lacks them; those are in a partition of their own. `unique`: for texts that no two share,
    the kind of the items whose sort key is the text and whose `entity_id` is the entity's.
    """

    schema: Schema
    kind: str
    prefix: str
    shown: Callable[[Item], Row]
    equal: Mapping[str, Index] = field(default_factory=dict)
    ordered: Mapping[str, Index] = field(default_factory=dict)
    unique: Mapping[str, str] = field(default_factory=dict)

    def index_keys(self, tenant: str, row: Row) -> Item:
        """The attributes that put an entity, shown as `row`, into the indexes."""
        attributes: Item = {}
        for name, index in self.equal.items():
            value = filters.at(row, name)
            if isinstance(value, str):
                attributes |= keys.index(index.number, tenant, index.kind, keys.part(value), item_id=row["id"])
        for name, index in self.ordered.items():
            attributes |= _ordered_keys(index, tenant, filters.at(row, name), row["id"])
        return attributes


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows of one partition. Where they only stand for entities, `place` tells which, and `holds` whether still."""

    rows: table.Query
    place: Callable[[Item], keys.Key] | None = None
    holds: Callable[[Item, Item], bool] = lambda _row, _entity: True


@dataclass(frozen=True, slots=True)
class _Plan:
    """Groups of sources, one after the other, those of a group merged by id; `exact`: every row of them matches."""

    groups: Sequence[Sequence[_Source]]
    exact: bool


def read(listing: Listing, tenant: str, asked: ListQuery) -> Page[dict[str, Any]]:
    """Answer a query. Raises `InvalidRequest` where more than `MAX_READ` rows would have to be read for it."""
    plan = _in_order(listing, tenant, asked)
    if plan and asked.by_cursor:
        return _passing(asked, _rows(listing, plan.groups, asked.size + 1))
    if plan and plan.exact:
        return _numbered(listing, tenant, asked, plan)
    rows = _rows(listing, [_narrowest(listing, tenant, asked)])
    return query.run(asked, _bounded(rows, listing, in_order=plan is not None))


def _passing(asked: ListQuery, rows: Iterable[Row]) -> CursorPage[dict[str, Any]]:
    """A page of rows that come in the order asked for, from the cursor on."""
    found: list[Row] = []
    for passed, row in enumerate(rows, 1):
        if asked.follows(row) and asked.matches(row):
            if len(found) == asked.size:
                return _page(asked, found, found[-1])
            found.append(row)
        if passed == MAX_PASSED:
            return _page(asked, found, row)
    return _page(asked, found, None)


def _page(asked: ListQuery, found: Sequence[Row], last: Row | None) -> CursorPage[dict[str, Any]]:
    return CursorPage([asked.project(row) for row in found], asked.size, asked.cursor_after(last) if last else None)


def _numbered(listing: Listing, tenant: str, asked: ListQuery, plan: _Plan) -> OffsetPage[dict[str, Any]]:
    """A numbered page of rows that come in the order asked for and all match."""
    start, end = (asked.page - 1) * asked.size, asked.page * asked.size
    if asked.filters:
        found = paging.by_number([source.rows for source in plan.groups[0]], asked.page, asked.size)
        return found.holding(asked.project(listing.shown(item)) for item in found.items)
    if start > paging.MAX_OFFSET_ROWS:
        raise paging.too_many_rows()
    rows = list(islice(_rows(listing, plan.groups, end + 1), end + 1))
    number = max(len(rows), totals.total(tenant, listing.kind)) if len(rows) > end else len(rows)
    return OffsetPage([asked.project(row) for row in rows[start:end]], asked.page, asked.size, number)


def _bounded(rows: Iterable[Row], listing: Listing, *, in_order: bool) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        if number > MAX_READ:
            if in_order:
                raise InvalidRequest(FieldError("page", "too_many_to_count", {"limit": MAX_READ}))
            orders = ", ".join(("createdAt", "id", *listing.unique, *listing.ordered))
            raise InvalidRequest(FieldError("sort", "too_many_to_sort", {"limit": MAX_READ, "expected": orders}))
        yield row


def _rows(listing: Listing, groups: Sequence[Sequence[_Source]], first: int | None = None) -> Iterator[Row]:
    """The rows of all groups; `first` bounds what is read of each source at first."""
    for group in groups:
        streams = [_entities(source, first) for source in group]
        descending = bool(group) and group[0].rows.newest_first
        yield from map(listing.shown, heapq.merge(*streams, key=_id, reverse=descending))


def _entities(source: _Source, first: int | None) -> Iterator[Item]:
    for page, _ in table.pages(source.rows, limit=first):
        for start in range(0, len(page), _GET):
            yield from _whole(source, page[start : start + _GET])


def _whole(source: _Source, rows: Sequence[Item]) -> Iterable[Item]:
    """The entities that rows stand for. An index is a moment behind: whoever is no longer where it says is left out."""
    if source.place is None:
        return rows
    places = [source.place(row) for row in rows]
    found = table.get_many({table.entities(): places})
    pairs = (
        (row, found.get((table.entities(), place["pk"], place["sk"]))) for row, place in zip(rows, places, strict=True)
    )
    return [entity for row, entity in pairs if entity is not None and source.holds(row, entity)]


def _id(item: Item) -> str:
    entity_id: str = item["sk"]
    return entity_id


def _in_order(listing: Listing, tenant: str, asked: ListQuery) -> _Plan | None:
    """The sources that give the rows in the order asked for, from the cursor on; `None` where there are none."""
    exact = not asked.filters and not asked.words
    if asked.sort in _ORDER_OF_KEYS:
        for name in listing.equal:
            chosen = _chosen(asked, name)
            if chosen:
                only = len(asked.filters) == 1 and not asked.words
                return _Plan([_by_value(listing, tenant, asked, name, chosen)], only)
        return _Plan([_by_key(listing, tenant, asked)], exact)
    if asked.sort in listing.unique:
        return _Plan([_by_unique(listing, tenant, asked, asked.sort)], exact)
    if asked.sort in listing.ordered:
        lacking = [_lacking(listing, tenant, asked)]
        having = [] if asked.after and asked.after[0] is None else [_by_number(listing, tenant, asked, asked.sort)]
        return _Plan(having + lacking, exact)
    return None


def _narrowest(listing: Listing, tenant: str, asked: ListQuery) -> list[_Source]:
    """The sources of the fewest rows among which are all that match, in no particular order."""
    conditions = {one.field for one in asked.filters if one.operator in _BOUNDS}
    for name in listing.unique:
        if any(one.field == name and one.operator is Operator.EQ for one in asked.filters):
            return _by_unique(listing, tenant, asked, name)
    for name in listing.equal:
        chosen = _chosen(asked, name)
        if chosen:
            return _by_value(listing, tenant, asked, name, chosen)
    for name in listing.ordered:
        if name in conditions:
            return _by_number(listing, tenant, asked, name)
    return _by_key(listing, tenant, asked)


def _chosen(asked: ListQuery, name: str) -> list[str]:
    """The values that a field may have; none where a query does not say, or names too many."""
    for one in asked.filters:
        if one.field == name and one.operator is Operator.EQ:
            return [str(one.value)]
        if one.field == name and one.operator is Operator.IN and isinstance(one.value, frozenset):
            return sorted(map(str, one.value)) if len(one.value) <= MAX_PARTITIONS else []
    return []


def _by_key(listing: Listing, tenant: str, asked: ListQuery) -> list[_Source]:
    """All entities of the kind, by id."""
    bounds = _from_cursor(_bounds_of_ids(listing, asked), asked, lambda _value, row_id: row_id, _ORDER_OF_KEYS)
    return _source(asked, keys.partition(tenant, listing.kind), bounds)


def _by_value(listing: Listing, tenant: str, asked: ListQuery, name: str, chosen: Sequence[str]) -> list[_Source]:
    """The entities whose field has one of the chosen values, by id."""
    index = listing.equal[name]
    bounds = _from_cursor(_bounds_of_ids(listing, asked), asked, lambda _value, row_id: row_id, _ORDER_OF_KEYS)
    partitions = [keys.partition(tenant, index.kind, keys.part(value)) for value in chosen]
    return [source for partition in partitions for source in _source(asked, partition, bounds, index)]


def _by_number(listing: Listing, tenant: str, asked: ListQuery, name: str) -> list[_Source]:
    """The entities that have a number, by it."""
    index = listing.ordered[name]
    low, high = _bounds(asked, name, _sortable)
    bounds = _from_cursor((low, high + _LAST), asked, lambda value, row_id: f"{_sortable(value)}#{row_id}", {name})
    return _source(asked, keys.partition(tenant, index.kind), bounds, index)


def _lacking(listing: Listing, tenant: str, asked: ListQuery) -> list[_Source]:
    """The entities that lack the number that the list is sorted by, by id."""
    index = listing.ordered[asked.sort]
    bounds = _EVERYTHING
    if asked.after and asked.after[0] is None:
        bounds = _from_cursor(bounds, asked, lambda _value, row_id: row_id, {asked.sort})
    return _source(asked, keys.partition(tenant, index.kind, _NONE), bounds, index)


def _by_unique(listing: Listing, tenant: str, asked: ListQuery, name: str) -> list[_Source]:
    """The entities by a text that no two of them share."""
    bounds = _from_cursor(_bounds(asked, name, str), asked, lambda value, _row_id: str(value), {name})
    rows = _query(asked, keys.partition(tenant, listing.unique[name]), bounds)
    if rows is None:
        return []
    return [
        _Source(
            rows,
            lambda row: keys.entity(tenant, listing.kind, row["entity_id"]),
            lambda row, entity: filters.at(listing.shown(entity), name) == row["sk"],
        )
    ]


def _source(asked: ListQuery, partition: str, bounds: tuple[str, str], index: Index | None = None) -> list[_Source]:
    name = f"gsi{index.number}" if index else ""
    rows = _query(asked, partition, bounds, name)
    if rows is None:
        return []
    if not name:
        return [_Source(rows)]

    def holds(row: Item, entity: Item) -> bool:
        return entity.get(f"{name}_pk") == partition and entity.get(f"{name}_sk") == row[f"{name}_sk"]

    return [_Source(rows, lambda row: {"pk": row["pk"], "sk": row["sk"]}, holds)]


def _query(asked: ListQuery, partition: str, bounds: tuple[str, str], index: str = "") -> table.Query | None:
    """A partition between two sort keys; `None` where nothing can be there."""
    if bounds[0] > bounds[1] or len(partition.encode()) > _LONGEST_PARTITION:
        return None
    newest_first = asked.descending
    return table.Query(
        table.entities(), partition, between=bounds, index=index, newest_first=newest_first, keys_only=bool(index)
    )


def _from_cursor(
    bounds: tuple[str, str],
    asked: ListQuery,
    sort_key: Callable[[Any, str], str],
    orders: Iterable[str],
) -> tuple[str, str]:
    """Bounds from the cursor on, where the list is in one of the `orders` that the bounds are of."""
    if asked.after is None or asked.sort not in orders:
        return bounds
    low, high = bounds
    reached = sort_key(*asked.after)[:_LONGEST]
    return (low, min(high, reached + _LAST)) if asked.descending else (max(low, reached), high)


def _bounds_of_ids(listing: Listing, asked: ListQuery) -> tuple[str, str]:
    """The ids between which all are that match."""
    low, high = _bounds(asked, "id", str)
    earliest, latest = _bounds(asked, "createdAt", _milliseconds)
    if earliest != _FIRST:
        low = max(low, ids.first(listing.prefix, int(earliest)))
    if latest != _LAST:
        # Rows tell whole seconds.
        high = min(high, ids.first(listing.prefix, min(int(latest) + 1000, _MAX_MILLISECONDS)))
    return low, high


def _bounds(asked: ListQuery, name: str, write: Callable[[Any], str]) -> tuple[str, str]:
    """The values of a field between which all are that match, as `write` writes them."""
    low, high = _EVERYTHING
    for one in asked.filters:
        if one.field != name or one.operator not in _BOUNDS:
            continue
        written = write(one.value)
        if one.operator in _FROM:
            low = max(low, written[:_LONGEST])
        if one.operator in _UP_TO:
            high = min(high, written[:_LONGEST] + (_LAST if len(written) > _LONGEST else ""))
    return low, high


def _ordered_keys(index: Index, tenant: str, value: Any, entity_id: str) -> Item:
    if isinstance(value, int | float):
        return keys.index(index.number, tenant, index.kind, item_id=f"{_sortable(value)}#{entity_id}")
    return keys.index(index.number, tenant, index.kind, _NONE, item_id=entity_id)


def _sortable(number: float) -> str:
    """A number as text whose order is the numbers' own: the bits of a double, those of negative ones inverted."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", number + 0.0))
    return f"{bits ^ (_SIGN if bits < _SIGN else 2 * _SIGN - 1):016x}"


def _milliseconds(moment: datetime) -> str:
    # Padded, so that the order of the texts is that of the times.
    return f"{min(max(int(moment.timestamp() * 1000), 0), _MAX_MILLISECONDS):015d}"


_FROM = frozenset({Operator.EQ, Operator.GT, Operator.GTE})
_UP_TO = frozenset({Operator.EQ, Operator.LT, Operator.LTE})
_BOUNDS = _FROM | _UP_TO

_FIRST, _LAST = " ", "\U0010ffff"
_EVERYTHING = (_FIRST, _LAST)
_LONGEST = 250
"""Characters of a value in a sort key, which has 1,024 bytes."""

_LONGEST_PARTITION = 2048
"""Bytes of a partition key."""

_NONE = "NONE"
_SIGN = 1 << 63
_GET = 100
"""Items that one call reads."""

_ORDER_OF_KEYS = frozenset({"createdAt", "id"})
_MAX_MILLISECONDS = 2**48 - 1
