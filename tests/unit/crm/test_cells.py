"""Cells of CSV files: what is written is what was, harmless to spreadsheets; what is read is what a person meant."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.crm import cells
from functions.crm.customers.models import NewCustomer

COLUMNS = [*cells.FIELDS, "customFields.a", "customFields.b.c", "customFields. d"]


def read(**values: str) -> dict[str, Any]:
    """What a row with some cells says, its columns named with `__` for a dot."""
    names = [name.replace("__", ".") for name in values]
    return cells.read(names, list(values.values()))


TEXT = st.text(
    st.sampled_from("=+-@\t\r\n'\"\\;,0123456789.eE客＝ ")
    | st.characters(codec="utf-8", exclude_characters="\U0010ffff"),
    max_size=12,
)
LINE = st.text(
    st.sampled_from("=+-@'\";,客＝a ") | st.characters(codec="utf-8", categories=["L", "N", "P"]), max_size=12
)
NUMBERS = st.integers(-(10**15), 10**15) | st.floats(-1e15, 1e15, allow_nan=False).filter(lambda one: abs(one) > 1e-90)
CUSTOM = st.sampled_from(["true", "null", "12", "-5", '"a"', "1e5", "", "007", "9" * 20]) | TEXT | NUMBERS
CUSTOMERS = st.fixed_dictionaries(
    {"name": LINE.filter(str.strip)},
    optional={
        "industry": LINE.filter(str.strip),
        "contact": st.fixed_dictionaries(
            {
                "name": LINE.filter(str.strip),
                "phone": st.sampled_from(["+86 138-0013-8000", "(010) 12345678", "13800138000"]),
            },
            optional={"email": st.sampled_from(["a@b.c", "-a@b.c", "=a@b.c"])},
        ),
        "status": st.sampled_from(["prospect", "active", "inactive"]),
        "amount": st.integers(0, 10**15) | st.floats(0.001, 1e15),
        "tags": st.lists(TEXT.filter(str.strip), max_size=5, unique_by=str.strip),
        "customFields": st.dictionaries(
            st.sampled_from(["a", "b.c", " d"]), CUSTOM | st.booleans() | st.none(), max_size=3
        ),
    },
)


@settings(max_examples=300, deadline=None)
@given(CUSTOMERS)
def test_what_is_written_is_read_back_and_begins_no_formula(sent: dict[str, Any]) -> None:
    customer = NewCustomer.model_validate_json(json.dumps(sent)).model_dump()
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, [cells.written(customer, column) for column in COLUMNS]])
    header, values = csv.reader(io.StringIO(text.getvalue(), newline=""), strict=True)
    assert not list(cells.wrong_columns(cells.columns(header)))
    assert NewCustomer.model_validate(cells.read(cells.columns(header), values)).model_dump() == customer
    for column, cell in zip(COLUMNS, values, strict=True):
        if cell and cell[0] in "=+-@\t\r\n＝＋－＠":
            is_number = isinstance(cells.read([column], [cell]).get("customFields", {}).get(column[13:]), int | float)
            assert is_number or column == "contact.phone", cell


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("客户", "客户"),
        ("12", 12),
        ("-5", -5),
        (r'"\ud83d\ude00"', "😀"),
        (r'"\ud800"', r'"\ud800"'),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("007", "007"),
        ("+5", "+5"),
        ("110105199003078515", "110105199003078515"),
        ("1" * 5000, "1" * 5000),
        ("1e999", "1e999"),
        ("NaN", "NaN"),
        ("true", True),
        ("True", "True"),
        ("null", None),
        ('"12"', "12"),
        ('""', ""),
        ('"open', '"open'),
        ("[1]", "[1]"),
        ("{}", "{}"),
        ("'=1+1", "=1+1"),
        ("'a", "'a"),
        ("''=1", "'=1"),
        (" a ", " a "),
    ],
)
def test_custom_fields(cell: str, value: Any) -> None:
    found = read(customFields__x=cell)["customFields"]["x"]
    assert (found, type(found)) == (value, type(value))


def test_cells_as_people_write_them() -> None:
    assert read(name="a", contact__email=" a@b.c ", status=" active ", amount=" 12 ", tags=" vip ; 北京;;a\\;b ") == {
        "name": "a",
        "contact": {"email": "a@b.c"},
        "status": "active",
        "amount": 12,
        "tags": ["vip", "北京", "a;b"],
    }
    assert read(name="", contact__name=" ", amount="", tags=" ; ", customFields__x="") == {}
    assert read(id="cust_1", createdAt="2026", updatedAt="2026", version="7", name="a") == {"name": "a"}
    assert [read(amount=text)["amount"] for text in ("1,000", "¥5", "007", "1e999")] == ["1,000", "¥5", "007", "1e999"]


@pytest.mark.parametrize(
    ("header", "reasons"),
    [
        (["name"], []),
        ([" name ", "customFields.x", "", ""], []),
        (["id", "name", "createdAt", "updatedAt", "version"], []),
        (["industry"], ["missing_column"]),
        ([], ["missing_column"]),
        (["name", "colour", "contact"], ["unknown_column", "unknown_column"]),
        (["name", "", "status"], ["unknown_column"]),
        (["name", "customFields."], ["unknown_column"]),
        (["name", "name", "Name"], ["unknown_column", "duplicate_column"]),
    ],
)
def test_headers(header: list[str], reasons: list[str]) -> None:
    assert [error.reason for error in cells.wrong_columns(cells.columns(header))] == reasons
