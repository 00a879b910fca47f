"""The plan of a list against the query language over all rows, and against a comprehension with two sorts."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import ids
from hub.store import plan, query
from hub.store.paging import OffsetPage
from tests.unit.store import things
from tests.unit.store.things import KINDS, SCHEMA, Row, Thing

BEGAN = 1_795_179_630_000

COLOURS = ["red", "RED", "", "a#b", "a%23b", "a", "金融", "互联网", "🎈" * 20, "r", "\x01"]
NAMES = [
    "a",
    "ab",
    "abc",
    "ab#c",
    "A",
    "Ab",
    "a,b",
    "示例",
    "示例科技",
    "示例科技有限公司",
    "é",
    "e\u0301",
    "ß",
    "\x01",
    "\x01a",
]
NAMES += ["\uffff", "🎈", "🎈a", "\U0010fffe", "z" * 250, "示" * 100, " b", "#", "%", "NONE", "[", "0", "-1"]
AMOUNTS = [0, -0.0, 1, -1, 1.5, -1.5, 1.0, 10000, 10000.5, 1e15, -1e15, 1e-7, -1e-7, 1e100, -1e100, 5e-100]
AMOUNTS += [2**53, 2**53 + 1, 2**53 + 2, -(2**53) - 1, 10**30, 12345678901234567890, 0.1, 0.30000000000000004, 0.3]
LAPSES = [0, 1, 500, 999, 1000, 1001, 59_999, 86_400_000, -1, -1000]
PHONES = ["138", "+86 138", "010"]
TAGS = ["vip", "VIP", "新", ""]
WRITTEN_AMOUNTS = ["0", "-0", "-0.0", "1", "1.0", "1e0", "-1", "1.5", "10000", "1e15", "1e-7", "1e100", "-1e100", "0.3"]
WRITTEN_AMOUNTS += [
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "9" * 38,
    "-" + "9" * 38,
    "0.1",
    "5e-100",
]
WRITTEN_TIMES = ["2026-11-20", "2026-11-20T13:00:30Z", "2026-11-20T13:00:30.5Z", "2026-11-20T13:00:31Z"]
WRITTEN_TIMES += [
    "2026-11-20T21:00:30+08:00",
    "2026-11-20T13:00:29.999Z",
    "2026-11-20T13:01:29Z",
    "2026-11-21T13:00:30Z",
]
WRITTEN_TIMES += ["1960-01-01", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "1970-01-01"]
ODD_TEXTS = [
    "",
    "x" * 300,
    "示" * 1200,
    "\U0010ffff" * 900,
    "#" * 900,
    "NONE",
    "thing_",
    "thing_0",
    "thing_Z",
    "\x01",
    "\x00",
]
SIGNS = {
    "text": ["", "ne", "in", "like", "gt", "gte", "lt", "lte"],
    "number": ["", "ne", "in", "gt", "gte", "lt", "lte"],
    "boolean": ["", "ne", "in"],
    "time": ["", "ne", "in", "gt", "gte", "lt", "lte"],
    "tags": ["", "ne", "in", "like"],
}


def some(dice: random.Random, values: list[Any]) -> Any:
    """One of the values, or nothing."""
    return dice.choice([None, *dice.choices(values, k=4)])


def made(dice: random.Random, most: int) -> list[Thing]:
    """Things that share a few values: what is equal, what is near and what is missing meet often."""
    amounts, colours = dice.choices(AMOUNTS, k=6), dice.choices(COLOURS, k=3)
    found = []
    for name in dice.sample(NAMES, dice.randint(0, min(most, len(NAMES)))):
        created = BEGAN + dice.choice(LAPSES)
        thing = Thing(
            id=ids.derived("thing", created, str(dice.random())),
            name=name,
            created_at=created,
            updated_at=some(dice, [created + lapse for lapse in LAPSES]),
            colour=some(dice, colours),
            shape=some(dice, ["round", "square"]),
            amount=some(dice, amounts),
            weight=some(dice, [1, 2, 2.5]),
            note=some(dice, [*NAMES, "n" * 400 + "a", "n" * 400 + "b"]),
            active=some(dice, [True, False]),
            phone=some(dice, PHONES),
            tags=some(dice, [[], ["vip"], ["VIP", "新"], [""]]),
        )
        found.append(thing)
    return found


def operand(dice: random.Random, name: str, rows: list[Row]) -> str:
    """Something to compare a field with: often what some row has."""
    there = {
        "id": [row["id"] for row in rows] + [row["id"][: dice.randint(1, 31)] for row in rows],
        "name": NAMES,
        "colour": COLOURS,
        "shape": ["round", "square"],
        "note": NAMES,
        "contact.phone": PHONES,
        "tags": TAGS,
    }
    match KINDS[name]:
        case "number":
            return dice.choice(WRITTEN_AMOUNTS)
        case "boolean":
            return dice.choice(["true", "false"])
        case "time":
            return dice.choice(WRITTEN_TIMES)
    known = [text for text in there[name] if text]
    return dice.choice(known) if known and dice.random() < 0.8 else dice.choice(ODD_TEXTS)


def asked(dice: random.Random, rows: list[Row]) -> dict[str, str]:
    """A query: most often of the fields that have indexes."""
    parameters: dict[str, str] = {}
    indexed = ["name", "colour", "shape", "amount", "id", "createdAt"]
    for name in dice.choices([*KINDS, *indexed, *indexed], k=dice.choice([0, 0, 1, 1, 1, 2, 2, 3])):
        sign = dice.choice(["", *SIGNS[KINDS[name]]])
        several = dice.choice([1, 2, 3, plan.MAX_PARTITIONS + 5])
        value = (
            ",".join(operand(dice, name, rows) for _ in range(several)) if sign == "in" else operand(dice, name, rows)
        )
        parameters[f"{name}[{sign}]" if sign else name] = value
    if dice.random() < 0.7:
        parameters["sort"] = dice.choice(["name", "amount", "weight", "amount", *SCHEMA.sortable])
    if dice.random() < 0.7:
        parameters["order"] = dice.choice(["asc", "desc"])
    if dice.random() < 0.15:
        parameters["search"] = dice.choice(["示例", "a", "vip 13", "  ", "SS"])
    return parameters


def lower_the_bounds(dice: random.Random, patch: pytest.MonkeyPatch) -> bool:
    """Bounds that a few rows reach; answers whether a page by cursor may be short."""
    patch.setattr(plan, "_GET", dice.choice([1, 3, 100]))
    patch.setattr(plan, "MAX_FEW", dice.choice([0, 2, 500]))
    patch.setattr(plan, "MAX_PASSED", dice.choice([2, 3, 5, 5000, 5000]))
    patch.setattr(plan, "MAX_PARTITIONS", dice.choice([1, 2, 20]))
    return plan.MAX_PASSED < 100


@pytest.mark.usefixtures("aws")
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 2**32))
def test_walking_the_cursors_gives_the_whole_list(seed: int) -> None:
    dice = random.Random(seed)
    tenant = things.new_tenant()
    rows = things.store(tenant, made(dice, 12))
    for _ in range(4):
        parameters = asked(dice, rows)
        size = dice.randint(2, 8)
        with pytest.MonkeyPatch.context() as patch:
            short = lower_the_bounds(dice, patch)
            found: list[Row] = []
            for page in things.walk(tenant, parameters | {"limit": str(size)}, most=2 * len(rows) + 2):
                assert len(page.items) == size or page.next is None or (short and len(page.items) < size)
                found += page.items
        expected = things.reference(rows, parameters)
        assert found == expected, parameters
        whole = query.run(query.parse(parameters | {"limit": "100"}, SCHEMA), rows)
        assert whole.items == expected, parameters


@pytest.mark.usefixtures("aws")
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 2**32))
def test_numbered_pages_are_the_list(seed: int) -> None:
    dice = random.Random(seed)
    tenant = things.new_tenant()
    rows = things.store(tenant, made(dice, 12))
    for _ in range(4):
        parameters = asked(dice, rows)
        names = dice.sample([*KINDS, "contact"], k=dice.choice([0, 0, 1, 3]))
        if names:
            parameters["fields"] = ",".join(names)
        size = dice.randint(2, 8)
        expected = things.reference(rows, parameters)
        found: list[Row] = []
        with pytest.MonkeyPatch.context() as patch:
            lower_the_bounds(dice, patch)
            for number in range(1, len(expected) // size + 2):
                page = things.read(tenant, parameters | {"page": str(number), "pageSize": str(size)})
                assert isinstance(page, OffsetPage)
                assert page.total == len(expected), parameters
                found += page.items
        assert found == [things.project(row, names) if names else row for row in expected], parameters
