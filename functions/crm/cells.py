"""What a cell of a CSV file means: exports write what imports read back, value for value.

- Custom fields keep their kind: a cell that is a JSON number, string, `true`, `false` or `null` is that value, anything
  else is a text. So a text that looks like one of them is written in JSON's quotes.
- A text that a spreadsheet would take for a formula is written with a `'` before it, which reading takes off again:
  https://owasp.org/www-community/attacks/CSV_Injection
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.errors import FieldError
from hub.store import filters

FIELDS = ("name", "industry", "contact.name", "contact.phone", "contact.email", "status", "amount", "tags")
"""Columns of what callers set, beside those of custom fields."""

GIVEN = ("id", "createdAt", "updatedAt", "version")
"""Columns of what Hub sets: an export has them, an import passes them over."""

CUSTOM = "customFields"

MAX_INTEGER = 10**15
"""A longer number is a text: most likely an identity card's or a bank account's, whose every digit counts."""

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,29})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")
_TELEPHONE = re.compile(r"[0-9 ()+-]+")
_TAG = re.compile(r"(?:\\.|[^;])+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def custom(column: str) -> str:
    """The name of the custom field that a column holds; `""` for other columns."""
    return column.removeprefix(f"{CUSTOM}.") if column.startswith(f"{CUSTOM}.") else ""


def columns(header: Sequence[str]) -> list[str]:
    """The columns that a file's first row names, without empty ones at its end."""
    names = [name if custom(name) else name.strip() for name in header]
    while names and not names[-1]:
        names.pop()
    return names


def wrong_columns(names: Sequence[str]) -> Iterator[FieldError]:
    """What is wrong with the columns of a file."""
    for name in names:
        if name not in FIELDS and name not in GIVEN and not custom(name):
            yield FieldError("header", "unknown_column", {"name": name[:100]})
    for name, times in Counter(names).items():
        if times > 1:
            yield FieldError("header", "duplicate_column", {"name": name[:100]})
    if "name" not in names:
        yield FieldError("header", "missing_column", {"name": "name"})


def read(names: Sequence[str], values: Sequence[str]) -> dict[str, Any]:
    """A customer as a request would send it. Empty cells are left out."""
    customer: dict[str, Any] = {}
    for name, cell in zip(names, values, strict=False):
        if not cell or name in GIVEN:
            continue
        text = cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
        if field := custom(name):
            customer.setdefault(CUSTOM, {})[field] = _custom_value(text)
        elif value := _field_value(name, text):
            parent, _, leaf = name.rpartition(".")
            place = customer.setdefault(parent, {}) if parent else customer
            place[leaf] = value[0]
    return customer


def written(customer: Mapping[str, Any], column: str) -> str:
    """The cell of a column for a customer as it is shown."""
    if field := custom(column):
        values = customer[CUSTOM]
        return _custom_cell(values[field]) if field in values else ""
    value = filters.at(customer, column)
    if value is None:
        return ""
    if column == "tags":
        return _harmless(";".join(re.sub(r"[\\;]", r"\\\g<0>", tag) for tag in value))
    if not isinstance(value, str):
        return json.dumps(value)
    return value if column == "contact.phone" and _TELEPHONE.fullmatch(value) else _harmless(value)


def _field_value(name: str, text: str) -> tuple[Any] | None:
    """The value of a cell with something in it, which may be no value all the same."""
    if name == "tags":
        tags = [_ESCAPED.sub(r"\1", tag) for tag in map(str.strip, _TAG.findall(text)) if tag]
        return (tags,) if tags else None
    stripped = text.strip()
    if not stripped:
        return None
    return (_number(stripped) if name == "amount" else stripped,)


def _number(text: str) -> int | float | str:
    """The number that a text is; the text itself where it is none."""
    if not _NUMBER.fullmatch(text):
        return text
    number = float(text)
    if not math.isfinite(number):
        return text
    return int(text) if text.lstrip("-").isdigit() else number


def _custom_value(text: str) -> Any:
    number = _number(text)
    if not isinstance(number, str):
        return number if abs(number) <= MAX_INTEGER else text
    if text in {"true", "false", "null"} or text.startswith('"'):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _custom_cell(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if value and _custom_value(value) == value:
        return _harmless(value)
    return json.dumps(value, ensure_ascii=False)


def _harmless(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text
