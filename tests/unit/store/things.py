"""A kind of entities with an index of every sort, stored as rooms store theirs, and what a list of them must be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from hub import times
from hub.store import items, keys, plan, query, table
from hub.store.filters import FieldKind
from hub.store.paging import CursorPage, OffsetPage

Row = dict[str, Any]

KINDS = {
    "id": "text",
    "name": "text",
    "colour": "text",
    "shape": "text",
    "amount": "number",
    "weight": "number",
    "note": "text",
    "active": "boolean",
    "createdAt": "time",
    "updatedAt": "time",
    "contact.phone": "text",
    "tags": "tags",
}
SEARCHED = ("name", "note", "contact.phone", "tags")
SCHEMA = query.Schema({name: FieldKind(kind) for name, kind in KINDS.items()}, search=SEARCHED)

_TENANTS = count()


@dataclass(frozen=True, slots=True)
class Thing:
    """As it is stored; times in epoch milliseconds."""

    id: str
    name: str
    created_at: int
    updated_at: int | None = None
    colour: str | None = None
    shape: str | None = None
    amount: float | None = None
    weight: float | None = None
    note: str | None = None
    active: bool | None = None
    phone: str | None = None
    tags: Sequence[str] | None = None


def shown(item: items.Item) -> Row:
    """A thing as it goes out: what it lacks is missing, or null."""
    thing = items.entity(Thing, item)
    row = {
        "id": thing.id,
        "name": thing.name,
        "colour": thing.colour,
        "amount": thing.amount,
        "note": thing.note,
        "createdAt": times.iso(thing.created_at / 1000),
        "updatedAt": None if thing.updated_at is None else times.iso(thing.updated_at / 1000),
        "contact": None if thing.phone is None else {"phone": thing.phone},
        "tags": thing.tags,
    }
    optional = {"shape": thing.shape, "weight": thing.weight, "active": thing.active}
    return row | {name: value for name, value in optional.items() if value is not None}


LISTING = plan.Listing(
    SCHEMA,
    kind="THING",
    prefix="thing",
    shown=shown,
    equal={"colour": plan.Index(1, "THING_COLOUR"), "shape": plan.Index(2, "THING_SHAPE")},
    ordered={"amount": plan.Index(3, "THING_AMOUNT"), "weight": plan.Index(4, "THING_WEIGHT")},
    unique={"name": "THING_NAME"},
)


def new_tenant() -> str:
    """A tenant that nobody else has."""
    return f"tenant-{next(_TENANTS)}"


def item_of(tenant: str, thing: Thing) -> items.Item:
    """A thing's item, with its places in the indexes."""
    own = keys.entity(tenant, LISTING.kind, thing.id) | items.attributes(thing)
    return own | LISTING.index_keys(tenant, shown(own))


def name_of(tenant: str, thing: Thing) -> items.Item:
    """The item that keeps its name unique."""
    return {**keys.entity(tenant, "THING_NAME", thing.name), "entity_id": thing.id}


def store(tenant: str, things: Sequence[Thing]) -> list[Row]:
    """Write things; answers with them as a list shows them."""
    made = [item_of(tenant, thing) for thing in things]
    table.put_many(table.entities(), [*made, *(name_of(tenant, thing) for thing in things)])
    return [shown(item) for item in made]


def read(tenant: str, parameters: dict[str, str]) -> CursorPage[Row] | OffsetPage[Row]:
    """A page of the list."""
    return plan.read(LISTING, tenant, query.parse(parameters, SCHEMA))


def walk(tenant: str, parameters: dict[str, str], most: int) -> Iterator[CursorPage[Row]]:
    """The pages of the list, each by the cursor of the one before: `most` at most, none twice."""
    cursor: str | None = ""
    sent: set[str] = set()
    while cursor is not None:
        assert cursor not in sent, "a cursor came back"
        sent.add(cursor)
        assert len(sent) <= most, "the pages do not end"
        page = read(tenant, parameters | {"cursor": cursor})
        assert isinstance(page, CursorPage)
        yield page
        cursor = page.next


def reference(rows: Sequence[Row], parameters: dict[str, str]) -> list[Row]:
    """The whole list: a comprehension and two stable sorts."""
    own = {"page", "pageSize", "limit", "cursor", "sort", "order", "fields", "search"}
    conditions = [(name, value) for name, value in parameters.items() if name not in own]
    words = parameters.get("search", "").casefold().split()
    descending = parameters.get("order", "desc") == "desc"
    by = parameters.get("sort", "createdAt")
    found = [row for row in rows if all(_agrees(row, *one) for one in conditions) and _says(row, words)]
    by_id = sorted(found, key=lambda row: str(row["id"]), reverse=descending)
    present = [row for row in by_id if _cell(row, by) is not None]
    # A reversed sort keeps equal rows in the order they came in.
    ordered = sorted(present, key=lambda row: _place(_cell(row, by)), reverse=descending)
    return ordered + [row for row in by_id if _cell(row, by) is None]


def _place(value: Any) -> Any:
    return float(value) if isinstance(value, int) else value[:256] if isinstance(value, str) else value


def _cell(row: Row, name: str) -> Any:
    """A row's value as Python compares it, `None` where it is missing."""
    outer, _, inner = name.partition(".")
    value = (row.get(outer) or {}).get(inner) if inner else row.get(name)
    return _read("time", value) if KINDS[name] == "time" and value is not None else value


def _read(kind: str, written: str) -> Any:
    match kind:
        case "number":
            return int(written) if written.lstrip("-").isdigit() else float(written)
        case "boolean":
            return written == "true"
        case "time":
            moment = datetime.fromisoformat(written if "T" in written else f"{written}T00:00:00Z")
            return (moment - datetime.fromisoformat("1970-01-01T00:00:00Z")).total_seconds()
    return written


def _agrees(row: Row, parameter: str, written: str) -> bool:
    name, _, sign = parameter.rstrip("]").partition("[")
    value, kind = _cell(row, name), KINDS[name]
    values = (value or []) if kind == "tags" else [] if value is None else [value]
    match sign:
        case "in":
            return bool({_read(kind, part) for part in written.split(",")} & set(values))
        case "like":
            return any(written.casefold() in one.casefold() for one in values)
        case "" | "ne":
            return (_read(kind, written) in values) == (sign == "")
    asked = _read(kind, written)
    held = {"gt": lambda one: one > asked, "gte": lambda one: one >= asked} | {
        "lt": lambda one: one < asked,
        "lte": lambda one: one <= asked,
    }
    return any(held[sign](one) for one in values)


def _says(row: Row, words: Sequence[str]) -> bool:
    texts = [
        text for name in SEARCHED for text in ([_cell(row, name)] if KINDS[name] == "text" else _cell(row, name) or [])
    ]
    return all(any(word in (text or "").casefold() for text in texts) for word in words)


def project(row: Row, names: Sequence[str]) -> Row:
    """The fields of a row that a list is cut down to."""
    whole = {name: value for name, value in row.items() if name in names}
    if "contact" in names or "contact.phone" not in names or not isinstance(row.get("contact"), dict):
        return whole
    return whole | {"contact": {"phone": row["contact"]["phone"]}}
