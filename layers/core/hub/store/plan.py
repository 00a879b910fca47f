"""How document 3's query language is answered from the table: what is read, in which order, and how much at most.

- **By cursor, in the order of creation** (`createdAt`, `id`): the kind's partition from the cursor on. Where an indexed
  field is compared by `eq` or `in`: the index's partitions of these values, merged.
- **By cursor, in the order of an indexed number or a unique text**: its index from the cursor on, within the bounds
  that conditions on the same field set.
- **A numbered page without further conditions**: the same, as far as that page; how many there are is counted.
- **Everything else**: the narrowest of these, to its end; sorted in memory. By cursor that is also done where an order
  has an index, but a condition has one with few rows.

What else is asked for is held against each row that was read. A page by cursor ends after `MAX_PASSED` rows, perhaps
short, and its cursor goes on from there; what must be read to its end is refused after `MAX_READ`. Where rows are long
both are reached sooner, at `MAX_PASSED_SIZE` and `MAX_READ_SIZE`.
"""

import heapq
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import Any, Generic, TypeVar, cast

from hub import ids
from hub.errors import FieldError, InvalidRequest
from hub.store import filters, keys, paging, query, table, totals
from hub.store.filters import FieldKind, Operator, Row
from hub.store.items import Item
from hub.store.paging import CursorPage, OffsetPage, Page
from hub.store.query import ListQuery, Schema

MAX_PASSED = 5_000
"""Rows that a page by cursor reads."""

MAX_READ = 20_000
"""Rows that are read where all that match must be known: for a total, or an order that no index has."""

MAX_PASSED_SIZE = 8_000_000
"""Characters of rows that a page by cursor reads: `MAX_PASSED` of 1,600. What is read is twice that, as an item also
holds its last event."""

MAX_READ_SIZE = 32_000_000
"""Characters of rows, as with `MAX_READ`: they must fit a function's memory, and be read in its time."""

MAX_FEW = 500
"""Rows of a condition's index that are sorted in memory rather than looked for in the order asked for."""

MAX_COUNTED = 200
"""Rows that are counted for each numbered page, so that a short list has no moment behind."""

MAX_PARTITIONS = 20
"""Values of an `in` that are read from an index, each from its own partition."""

_FROM = frozenset({Operator.EQ, Operator.GT, Operator.GTE})
_UP_TO = frozenset({Operator.EQ, Operator.LT, Operator.LTE})
_ORDER_OF_KEYS = frozenset({"createdAt", "id"})

_Bounds = tuple[str, str]
"""Sort keys, both included."""

_FIRST, _LAST = "\0", "\U0010ffff"
_EVERYTHING = (_FIRST, _LAST)
_NONE = "NONE"
_SIGN = 1 << 63
_MAX_MILLISECONDS = 2**48 - 1

_LONGEST, _LONGEST_PARTITION = 250, 2048
"""Characters of a value in a sort key, which has 1,024 bytes, and bytes of a partition key."""

_GET = 100
"""Items that one call reads."""

R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Index:
    """A kind of partitions of `gsi<number>`."""

    number: int
    kind: str


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """Where the entities of a kind are found; ids begin with `prefix` and tell the time of creation.

    `equal`: indexes by the values of text fields, the most telling first. `ordered`: indexes by the values of numbers,
    which hold no row that lacks them; those are in a partition of their own. `unique`: for texts that every entity has
    and no two share, of 250 characters at most, the kind of the items whose sort key is the text and whose `entity_id`
    is the entity's. `owner`: the entity that things without indexes belong to.
    """

    schema: Schema
    kind: str
    prefix: str
    shown: Callable[[Item], R]
    equal: Mapping[str, Index] = field(default_factory=dict)
    ordered: Mapping[str, Index] = field(default_factory=dict)
    unique: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""

    def __post_init__(self) -> None:
        """Raises `ValueError` for indexes that could not answer."""
        for names, kind in (((*self.equal, *self.unique), FieldKind.TEXT), (self.ordered, FieldKind.NUMBER)):
            if wrong := [name for name in names if self.schema.fields.get(name) is not kind]:
                raise ValueError(f"no index can be of {wrong}")
        numbers = [index.number for index in (*self.equal.values(), *self.ordered.values())]
        if len(set(numbers)) < len(numbers):
            raise ValueError("an item has one place in an index")

    def partition(self, tenant: str) -> str:
        """Where all of them are, by id."""
        return keys.partition(tenant, self.kind, *filter(None, [self.owner]))

    def index_keys(self, tenant: str, row: Row) -> Item:
        """The attributes that put an entity, shown as `row`, into the indexes."""
        attributes: Item = {}
        for name, index in self.equal.items():
            value = filters.at(row, name)
            if isinstance(value, str):
                attributes |= keys.index(index.number, tenant, index.kind, keys.part(value), item_id=row["id"])
        for name, index in self.ordered.items():
            number = filters.as_kind(filters.at(row, name), FieldKind.NUMBER)
            lacking, place = ([_NONE], row["id"]) if number is None else ([], f"{_sortable(number)}#{row['id']}")
            attributes |= keys.index(index.number, tenant, index.kind, *lacking, item_id=place)
        return attributes


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows of one partition. Where they only stand for entities, `place` tells which, and `holds` whether still."""

    rows: table.Query
    place: Callable[[Item], keys.Key] | None = None
    holds: Callable[[Item, Item], bool] = lambda _row, _entity: True


_Found = tuple[_Source, Item]
"""A row, and where it was found."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Rows in the order asked for: groups of sources, one after the other, those of a group merged.

    `by`: the field whose index they are of (`""`: none). `exact`: every row of them matches.
    """

    by: str
    groups: Sequence[Sequence[_Source]]
    exact: bool


def read(listing: Listing[R], tenant: str, asked: ListQuery) -> Page[R]:
    """Answer a query. Raises `InvalidRequest` where more than `MAX_READ` rows, or long ones, would have to be read."""
    # Rows that `fields` cuts down are rows with fewer fields, which no type tells.
    return cast("Page[R]", _read(listing, tenant, asked))


def _read(listing: Listing[Any], tenant: str, asked: ListQuery) -> Page[dict[str, Any]]:
    plan = _in_order(listing, tenant, asked)
    narrowest = _narrowest(listing, asked)
    if plan and asked.by_cursor:
        if narrowest and narrowest != plan.by:
            sources = _sources(listing, tenant, asked, narrowest)
            few = list(islice(_found([sources], MAX_FEW + 1), MAX_FEW + 1))
            if len(few) <= MAX_FEW:
                return query.run(asked, map(listing.shown, _entities(few)))
        # The row that the cursor stands for is read once more.
        first = asked.size + (1 if asked.after is None else 2)
        return _passing(asked, map(listing.shown, _entities(_found(plan.groups, first), first)))
    if plan and plan.exact:
        return _numbered(listing, tenant, asked, plan)
    rows = map(listing.shown, _entities(_found([_sources(listing, tenant, asked, narrowest)])))
    return query.run(asked, _bounded(rows, listing, in_order=plan is not None))


def _passing(asked: ListQuery, rows: Iterable[Row]) -> CursorPage[dict[str, Any]]:
    """A page of rows that come in the order asked for, from the cursor on."""
    found: list[Row] = []
    last: Row | None = None
    size = 0
    for passed, row in enumerate(rows, 1):
        size += _size(row)
        if asked.follows(row) and asked.matches(row):
            if len(found) == asked.size:
                last = found[-1]
                break
            found.append(row)
        if passed == MAX_PASSED or size >= MAX_PASSED_SIZE:
            last = row
            break
    return CursorPage([asked.project(row) for row in found], asked.size, asked.cursor_after(last) if last else None)


def _numbered(listing: Listing[Any], tenant: str, asked: ListQuery, plan: _Plan) -> OffsetPage[dict[str, Any]]:
    """A numbered page of rows that come in the order asked for and all match."""
    start, end = (asked.page - 1) * asked.size, asked.page * asked.size
    if start > paging.MAX_OFFSET_ROWS:
        raise paging.too_many_rows()
    found: list[_Found] = []
    size = 0
    for one in islice(_found(plan.groups, end + 1), end + 1):
        size += _size(one[1])
        if size > MAX_READ_SIZE:
            raise InvalidRequest(FieldError("page", "too_many_to_count", {"limit": len(found)}))
        found.append(one)
    number = len(found) if len(found) <= end else max(len(found), _number(listing, tenant, asked, plan))
    rows = map(listing.shown, _entities(found[start:end]))
    return OffsetPage([asked.project(row) for row in rows], asked.page, asked.size, number)


def _number(listing: Listing[Any], tenant: str, asked: ListQuery, plan: _Plan) -> int:
    """How many match: counted, or of a long list without conditions what its events told."""
    known = 0 if asked.filters or listing.owner else totals.total(tenant, listing.kind)
    if known > MAX_COUNTED:
        return known
    number = 0
    for source in chain.from_iterable(plan.groups):
        number += table.count(source.rows, after=None, bound=paging.MAX_OFFSET_ROWS - number)
        if number > paging.MAX_OFFSET_ROWS:
            raise paging.too_many_rows()
    return number


def _bounded(rows: Iterable[Row], listing: Listing[Any], *, in_order: bool) -> Iterator[Row]:
    size = 0
    for number, row in enumerate(rows):
        size += _size(row)
        if number == MAX_READ or size > MAX_READ_SIZE:
            if in_order:
                raise InvalidRequest(FieldError("page", "too_many_to_count", {"limit": number}))
            orders = ", ".join(("createdAt", "id", *listing.unique, *listing.ordered))
            raise InvalidRequest(FieldError("sort", "too_many_to_sort", {"limit": number, "expected": orders}))
        yield row


def _size(row: Mapping[str, Any]) -> int:
    # Any measure will do that grows with the row and takes a few microseconds.
    return len(repr(row))


def _found(groups: Sequence[Sequence[_Source]], first: int | None = None) -> Iterator[_Found]:
    """The rows of all groups; the first call for each source asks for its share of `first`."""
    for group in groups:
        share = first and -(-first // len(group)) if group else None
        descending = bool(group) and group[0].rows.newest_first
        streams = (_stream(one, share) for one in group)
        yield from heapq.merge(*streams, key=lambda found: found[0].rows.sort_key(found[1]), reverse=descending)


def _stream(source: _Source, first: int | None) -> Iterator[_Found]:
    for page, _ in table.pages(source.rows, limit=first):
        for row in page:
            yield source, row


def _entities(found: Iterable[_Found], first: int = _GET) -> Iterator[Item]:
    """The entities that rows stand for, at first so many at once.

    An index is a moment behind: whoever is no longer where it says is left out.
    """
    rows, together = iter(found), first
    while batch := list(islice(rows, min(together, _GET))):
        places = [source.place(row) for source, row in batch if source.place]
        whole = table.get_many({table.entities(): places})
        for source, row in batch:
            place = source.place(row) if source.place else None
            entity = row if place is None else whole.get((table.entities(), place["pk"], place["sk"]))
            if entity is not None and source.holds(row, entity):
                yield entity
        # As the calls that find the rows do: each may bring twice as many as the one before.
        together *= 2


def _in_order(listing: Listing[Any], tenant: str, asked: ListQuery) -> _Plan | None:
    """The sources that give the rows in the order asked for, from the cursor on; `None` where there are none."""
    if asked.sort in _ORDER_OF_KEYS:
        name = next((name for name in listing.equal if _chosen(asked, name)), "")
        exact = not asked.words and len(asked.filters) == (1 if name else 0)
        return _Plan(name, [_sources(listing, tenant, asked, name)], exact)
    exact = not asked.filters and not asked.words
    if asked.sort in listing.unique:
        return _Plan(asked.sort, [_by_unique(listing, tenant, asked, asked.sort)], exact)
    if asked.sort in listing.ordered:
        groups = []
        if asked.after is None or asked.after[0] is not None:
            groups.append(_by_number(listing, tenant, asked, asked.sort))
        if all(one.operator is Operator.NE for one in asked.filters if one.field == asked.sort):
            groups.append(_lacking(listing, tenant, asked))
        return _Plan(asked.sort, groups, exact)
    return None


def _narrowest(listing: Listing[Any], asked: ListQuery) -> str:
    """The field by whose index the fewest rows are read, among which are all that match; `""`: none, the id is."""
    for name in listing.unique:
        if any(one.field == name and one.operator is Operator.EQ for one in asked.filters):
            return name
    bounded = {one.field for one in asked.filters if one.operator in _FROM | _UP_TO}
    by_value = (name for name in listing.equal if _chosen(asked, name))
    return next(chain(by_value, (name for name in listing.ordered if name in bounded)), "")


def _sources(listing: Listing[Any], tenant: str, asked: ListQuery, name: str) -> list[_Source]:
    """The rows of a field's index, or with `""` all by id, as conditions on it bound them."""
    if name in listing.unique:
        return _by_unique(listing, tenant, asked, name)
    if name in listing.equal:
        return _by_value(listing, tenant, asked, name)
    if name in listing.ordered:
        return _by_number(listing, tenant, asked, name)
    return _source(asked, listing.partition(tenant), _bounds_of_ids(listing, asked))


def _chosen(asked: ListQuery, name: str) -> list[str]:
    """The values that a field may have; none where a query does not say, or names too many."""
    for one in asked.filters:
        if one.field == name and one.operator is Operator.EQ:
            return [str(one.value)]
        if one.field == name and one.operator is Operator.IN and isinstance(one.value, frozenset):
            return sorted(map(str, one.value)) if len(one.value) <= MAX_PARTITIONS else []
    return []


def _by_value(listing: Listing[Any], tenant: str, asked: ListQuery, name: str) -> list[_Source]:
    """The entities whose field has one of the chosen values, by id."""
    index, bounds = listing.equal[name], _bounds_of_ids(listing, asked)
    partitions = [keys.partition(tenant, index.kind, keys.part(value)) for value in _chosen(asked, name)]
    return [source for partition in partitions for source in _source(asked, partition, bounds, index)]


def _by_number(listing: Listing[Any], tenant: str, asked: ListQuery, name: str) -> list[_Source]:
    """The entities that have a number, by it."""
    index = listing.ordered[name]
    low, high = _bounds(asked, name, _sortable)
    bounds = low, high + _LAST
    if asked.sort == name and asked.after:
        value, row_id = asked.after
        bounds = _from(f"{_sortable(value)}#{row_id}", bounds, descending=asked.descending)
    return _source(asked, keys.partition(tenant, index.kind), bounds, index)


def _lacking(listing: Listing[Any], tenant: str, asked: ListQuery) -> list[_Source]:
    """The entities that lack the number that the list is sorted by, by id."""
    index, bounds = listing.ordered[asked.sort], _EVERYTHING
    if asked.after and asked.after[0] is None:
        bounds = _from(asked.after[1], bounds, descending=asked.descending)
    return _source(asked, keys.partition(tenant, index.kind, _NONE), bounds, index)


def _by_unique(listing: Listing[Any], tenant: str, asked: ListQuery, name: str) -> list[_Source]:
    """The entities by a text that no two of them share."""
    bounds = _bounds(asked, name, str)
    if asked.sort == name and asked.after:
        bounds = _from(str(asked.after[0]), bounds, descending=asked.descending)
    rows = _query(asked, keys.partition(tenant, listing.unique[name]), bounds)
    if rows is None:
        return []

    def holds(row: Item, entity: Item) -> bool:
        return bool(filters.at(listing.shown(entity), name) == row["sk"])

    return [_Source(rows, lambda row: keys.entity(tenant, listing.kind, row["entity_id"]), holds)]


def _source(asked: ListQuery, partition: str, bounds: _Bounds, index: Index | None = None) -> list[_Source]:
    name = f"gsi{index.number}" if index else ""
    rows = _query(asked, partition, bounds, name)
    if rows is None or index is None:
        return [_Source(rows)] if rows else []

    def holds(row: Item, entity: Item) -> bool:
        return entity.get(f"{name}_pk") == partition and entity.get(f"{name}_sk") == row[f"{name}_sk"]

    return [_Source(rows, lambda row: {"pk": row["pk"], "sk": row["sk"]}, holds)]


def _query(asked: ListQuery, partition: str, bounds: _Bounds, index: str = "") -> table.Query | None:
    """A partition between two sort keys; `None` where nothing can be there."""
    if bounds[0] > bounds[1] or len(partition.encode()) > _LONGEST_PARTITION:
        return None
    between = None if bounds == _EVERYTHING else bounds
    return table.Query(table.entities(), partition, between=between, index=index, newest_first=asked.descending)


def _bounds_of_ids(listing: Listing[Any], asked: ListQuery) -> _Bounds:
    """The ids between which all are that match, from the cursor on where the list is in their order."""
    low, high = _bounds(asked, "id", str)
    earliest, latest = _bounds(asked, "createdAt", _milliseconds)
    if earliest != _FIRST:
        low = max(low, ids.first(listing.prefix, int(earliest)))
    if latest != _LAST:
        # Rows tell whole seconds.
        high = min(high, ids.first(listing.prefix, min(int(latest) + 1000, _MAX_MILLISECONDS)))
    if asked.after and asked.sort in _ORDER_OF_KEYS:
        return _from(asked.after[1], (low, high), descending=asked.descending)
    return low, high


def _bounds(asked: ListQuery, name: str, write: Callable[[Any], str]) -> _Bounds:
    """The values of a field between which all are that match, as `write` writes them."""
    bounds = _EVERYTHING
    for one in asked.filters:
        if one.field == name and one.operator in _FROM:
            bounds = _from(write(one.value), bounds, descending=False)
        if one.field == name and one.operator in _UP_TO:
            bounds = _from(write(one.value), bounds, descending=True)
    return bounds


def _from(reached: str, bounds: _Bounds, *, descending: bool) -> _Bounds:
    """Bounds narrowed to what is at a sort key or behind it."""
    low, high = bounds
    cut = reached[:_LONGEST]
    if descending:
        return low, min(high, cut if cut == reached else cut + _LAST)
    return max(low, cut), high


def _sortable(number: Any) -> str:
    """A number as text whose order is the numbers' own: the bits of a double, those of negative ones inverted."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", number + 0.0))
    return f"{bits ^ (_SIGN if bits < _SIGN else 2 * _SIGN - 1):016x}"


def _milliseconds(moment: datetime) -> str:
    # Padded, so that the order of the texts is that of the times.
    return f"{min(max(int(moment.timestamp() * 1000), 0), _MAX_MILLISECONDS):015d}"
