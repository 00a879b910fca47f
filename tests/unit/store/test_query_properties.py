"""The query language against a reference that is a comprehension and two sorts over everything in memory."""

import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import FieldError, InvalidRequest
from hub.store import paging, query
from hub.store.filters import FieldKind, Operator
from hub.store.paging import CursorPage, OffsetPage
from hub.web.localisation import Language, text

Rows = list[dict[str, Any]]

LANGUAGES: tuple[Language, ...] = ("zh-CN", "en-US")
WORDS = st.text(alphabet="aAbß科技 é,", max_size=3)
AMOUNTS = st.sampled_from(["-1", "0", "1", "1.0", "1.5", "2", "1e1", "12345678901234567890"])
TIMES = st.sampled_from(
    [
        "2024-01-01",
        "2024-01-01T00:00:00Z",
        "2024-01-01T08:00:00+08:00",
        "2024-01-01T00:00:00.001Z",
        "2023-12-31T23:59:59Z",
    ]
)
FLAGS = st.sampled_from(["true", "false"])
READ: dict[str, Any] = {
    "text": str,
    "number": lambda written: int(written) if written.lstrip("-").isdigit() else float(written),
    "boolean": lambda written: written == "true",
    "time": lambda written: datetime.fromisoformat(written if "T" in written else written + "T00:00:00Z").timestamp(),
}
KINDS = {
    "id": ("text", WORDS),
    "name": ("text", WORDS),
    "amount": ("number", AMOUNTS),
    "active": ("boolean", FLAGS),
    "createdAt": ("time", TIMES),
    "contact.phone": ("text", WORDS),
    "contact.age": ("number", AMOUNTS),
    "tags": ("tags", WORDS),
}
SCHEMA = query.Schema(
    {name: FieldKind(kind) for name, (kind, _) in KINDS.items()}, search=("name", "contact.phone", "tags")
)
ORDERED = ["gt", "gte", "lt", "lte"]
SIGNS = {
    "text": ["eq", "ne", "in", "like", *ORDERED],
    "number": ["eq", "ne", "in", *ORDERED],
    "boolean": ["eq", "ne", "in"],
    "time": ["eq", "ne", "in", *ORDERED],
    "tags": ["eq", "ne", "in", "like"],
}


def walk(parameters: dict[str, str], rows: Rows) -> Iterator[CursorPage[dict[str, Any]]]:
    cursor: str | None = ""
    sent: set[str] = set()
    while cursor is not None:
        assert cursor not in sent
        sent.add(cursor)
        page = query.run(query.parse(parameters | {"cursor": cursor}, SCHEMA), iter(rows))
        assert isinstance(page, CursorPage)
        yield page
        cursor = page.next


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


@st.composite
def rows_of(draw: st.DrawFn, most: int = 12) -> Rows:
    rows: Rows = []
    for number in draw(st.permutations(range(draw(st.integers(0, most))))):
        row: dict[str, Any] = {
            "id": f"c_{number:02}",
            "name": draw(optional(WORDS)),
            "amount": draw(optional(AMOUNTS.map(READ["number"]))),
            "active": draw(optional(FLAGS.map(READ["boolean"]))),
            "createdAt": draw(optional(TIMES)),
            "contact": draw(
                optional(st.fixed_dictionaries({}, optional={"phone": WORDS, "age": AMOUNTS.map(READ["number"])}))
            ),
            "tags": draw(optional(st.lists(WORDS, max_size=2))),
        }
        rows.append({name: value for name, value in row.items() if value is not None or draw(st.booleans())})
    return rows


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, str]:
    parameters = {}
    for name in draw(st.lists(st.sampled_from(list(KINDS)), max_size=3)):
        kind, values = KINDS[name]
        sign = draw(st.sampled_from(SIGNS[kind]))
        value = ",".join(draw(st.lists(values, min_size=1, max_size=3))) if sign == "in" else draw(values)
        parameters[name if sign == "eq" else f"{name}[{sign}]"] = value
    if draw(st.booleans()):
        parameters["sort"] = draw(st.sampled_from([name for name in KINDS if name != "tags"]))
    if draw(st.booleans()):
        parameters["order"] = draw(st.sampled_from(["asc", "desc"]))
    if draw(st.integers(0, 3)) == 0:
        parameters["search"] = draw(WORDS)
    return parameters


def cell(row: dict[str, Any], name: str) -> Any:
    """A row's value as Python compares it, `None` where it is missing."""
    outer, _, inner = name.partition(".")
    value = (row.get(outer) or {}).get(inner) if inner else row.get(name)
    return READ["time"](value) if name == "createdAt" and value is not None else value


def agrees(row: dict[str, Any], parameter: str, written: str) -> bool:
    name, _, sign = parameter.rstrip("]").partition("[")
    kind = KINDS[name][0]
    read = READ[kind if kind != "tags" else "text"]
    value = cell(row, name)
    values = (value or []) if kind == "tags" else [value] if value is not None else []
    return {
        "": lambda: read(written) in values,
        "ne": lambda: read(written) not in values,
        "in": lambda: bool({read(part) for part in written.split(",")} & set(values)),
        "like": lambda: any(written.casefold() in one.casefold() for one in values),
        "gt": lambda: any(one > read(written) for one in values),
        "gte": lambda: any(one >= read(written) for one in values),
        "lt": lambda: any(one < read(written) for one in values),
        "lte": lambda: any(one <= read(written) for one in values),
    }[sign]()


def reference(rows: Rows, parameters: dict[str, str]) -> Rows:
    """The whole list: a comprehension and two stable sorts."""
    plain = {name: value for name, value in parameters.items() if name not in {"sort", "order", "search"}}
    words = parameters.get("search", "").casefold().split()
    descending = parameters.get("order", "desc") == "desc"
    by = parameters.get("sort", "createdAt")
    found = [
        row
        for row in rows
        if all(agrees(row, name, value) for name, value in plain.items())
        and all(
            any(
                word in one.casefold()
                for one in [cell(row, "name") or "", cell(row, "contact.phone") or "", *(cell(row, "tags") or [])]
            )
            for word in words
        )
    ]
    by_id = sorted(found, key=lambda row: str(row["id"]), reverse=descending)
    present = [row for row in by_id if cell(row, by) is not None]
    # A reversed sort keeps equal rows in the order they came in.
    return sorted(present, key=lambda row: cell(row, by), reverse=descending) + [
        row for row in by_id if cell(row, by) is None
    ]


@given(rows_of(), conditions(), st.integers(1, 5))
def test_numbered_pages_are_the_references(rows: Rows, parameters: dict[str, str], size: int) -> None:
    expected = reference(rows, parameters)
    collected: Rows = []
    for number in range(1, len(expected) // size + 2):
        page = query.run(query.parse(parameters | {"page": str(number), "pageSize": str(size)}, SCHEMA), iter(rows))
        assert isinstance(page, OffsetPage)
        assert page.total == len(expected)
        collected += page.items
    assert collected == expected


@given(rows_of(), conditions(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_walking_the_cursors_gives_the_references_list(
    rows: Rows, parameters: dict[str, str], size: int, shuffle: random.Random
) -> None:
    expected = reference(rows, parameters)
    collected: Rows = []
    for page in walk(parameters | {"limit": str(size)}, rows):
        assert len(page.items) == size or page.next is None
        collected += page.items
        shuffle.shuffle(rows)
    assert collected == expected


@given(rows_of(20), conditions(), st.integers(1, 3), st.data())
def test_rows_that_come_between_pages_double_and_hide_none(
    rows: Rows, parameters: dict[str, str], size: int, data: st.DataObject
) -> None:
    there = data.draw(st.integers(0, len(rows)))
    stored, coming = rows[:there], rows[there:]
    from_the_start = [row["id"] for row in reference(stored, parameters)]
    seen: list[str] = []
    for page in walk(parameters | {"limit": str(size)}, stored):
        seen += [row["id"] for row in page.items]
        if coming:
            stored.append(coming.pop())
    assert len(seen) == len(set(seen))
    assert [row_id for row_id in seen if row_id in from_the_start] == from_the_start
    everything = [row["id"] for row in reference(rows, parameters)]
    assert [row_id for row_id in everything if row_id in seen] == seen


@given(rows_of(4), st.lists(st.sampled_from([*KINDS, "contact"]), min_size=1))
def test_fields_select_without_changing_anything(rows: Rows, names: list[str]) -> None:
    parsed = query.parse({"fields": ",".join(names)}, SCHEMA)
    for row in rows:
        before = repr(row)
        chosen = parsed.project(row)
        assert repr(row) == before
        whole = {name: value for name, value in row.items() if name in names}
        contact = row.get("contact")
        part = {key: value for key, value in (contact or {}).items() if f"contact.{key}" in names}
        assert chosen == (whole if "contact" in names or not part else whole | {"contact": part})


PARAMETER_NAMES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["page", "pageSize", "limit", "cursor", "sort", "order", "fields", "search"]),
    st.builds(
        "{}[{}]".format, st.sampled_from(list(KINDS)), st.one_of(st.sampled_from(list(Operator)), st.text(max_size=3))
    ),
)
VALUES = st.one_of(st.text(), WORDS, AMOUNTS, TIMES, FLAGS, st.text("0123456789-T:+. eE", max_size=30))


@settings(max_examples=300)
@given(st.dictionaries(PARAMETER_NAMES, VALUES, max_size=4), rows_of(4))
def test_whatever_is_sent_is_answered_or_refused(parameters: dict[str, str], rows: Rows) -> None:
    refused: tuple[FieldError, ...] | None = None
    try:
        query.run(query.parse(parameters, SCHEMA), rows)
    except InvalidRequest as error:
        refused = error.fields
    if refused is not None:
        assert refused
        assert {one.field for one in refused} <= set(parameters)
        assert all(text(one.reason, language, one.values) for one in refused for language in LANGUAGES)


@given(st.one_of(st.text(min_size=1), st.text(min_size=1).map(paging.write_cursor)))
def test_whatever_is_sent_as_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        query.parse({"cursor": cursor}, SCHEMA)
    assert [one.field for one in caught.value.fields] == ["cursor"]
