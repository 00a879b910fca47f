"""Conditions on a field, as document 3 writes them: `status=active`, `amount[lte]=10000`, `industry[in]=互联网,金融`.

A row is what goes out on the wire. A field that a row lacks, that is null or that is of another kind than declared
counts as missing.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from hub.errors import FieldError

Row = Mapping[str, Any]
Scalar = str | int | float | bool | datetime


class FieldKind(StrEnum):
    """What a field holds; times are ISO 8601 text in a row and compared as instants, tags are a list of text."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    TAGS = "tags"


class Operator(StrEnum):
    """`eq` has no name on the wire (`status=active`), the others stand in brackets."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"
    LIKE = "like"


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition. `value` is of the field's kind (tags: one text), for `in` a set, for `like` case-folded text."""

    field: str
    operator: Operator
    value: Scalar | frozenset[Scalar]

    def holds(self, elements: tuple[Scalar, ...]) -> bool:
        """Whether it holds for a field with these values: any of them will do, and `ne` is the opposite of `eq`."""
        if self.operator is Operator.NE:
            return self.value not in elements
        test = _TESTS[self.operator]
        return any(test(element, self.value) for element in elements)


def read(parameter: str, text: str, fields: Mapping[str, FieldKind]) -> Filter | FieldError:
    """Read a query parameter, or tell what is wrong with it under its name as the caller wrote it.

    Values are taken as they stand, spaces included; only `in` splits at commas.
    """
    name, bracket, rest = parameter.partition("[")
    kind = fields.get(name)
    if kind is None or (bracket and not rest.endswith("]")):
        return FieldError(parameter, "unknown_field")
    sign = rest[:-1] if bracket else Operator.EQ
    if sign not in _OPERATORS or (bracket and sign == Operator.EQ):
        return FieldError(parameter, "unknown_operator", {"name": sign})
    if sign not in _OPERATORS_OF[kind]:
        return FieldError(parameter, "unsupported_operator", {"name": sign})
    several = sign == Operator.IN
    written = [_operand(kind, part) for part in (text.split(",") if several else [text])]
    values = frozenset(value for value in written if value is not None)
    if None in written:
        return FieldError(parameter, _WRONG_TYPES[kind], wrong_type=True)
    if several:
        return Filter(name, Operator.IN, values)
    return Filter(name, Operator(sign), text.casefold() if sign == Operator.LIKE else next(iter(values)))


def operators_of(kind: FieldKind) -> list[Operator]:
    """The operators that a field of a kind takes."""
    return [one for one in Operator if one in _OPERATORS_OF[kind]]


def elements(row: Row, name: str, kind: FieldKind) -> tuple[Scalar, ...]:
    """The values of a field in a row: one, for tags any number, none when it is missing."""
    value = at(row, name)
    if kind is FieldKind.TAGS:
        listed = value if isinstance(value, list | tuple | set) else ()
        return tuple(element for element in listed if isinstance(element, str))
    comparable = as_kind(value, kind)
    return () if comparable is None else (comparable,)


def at(row: Row, name: str, absent: object = None) -> Any:
    """The value in a row under a dotted name."""
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return absent
        value = value[part]
    return value


def as_kind(value: Any, kind: FieldKind) -> Scalar | None:
    """A row's value as it is compared; `None` when it is none of its kind."""
    match kind, value:
        case (FieldKind.BOOLEAN, bool()) | (FieldKind.TEXT, str()):
            return value  # type: ignore[no-any-return]
        case FieldKind.NUMBER, int() | float() if not isinstance(value, bool):
            return value
        case FieldKind.TIME, str():
            return _instant(value)
    return None


def _operand(kind: FieldKind, text: str) -> Scalar | None:
    match kind:
        case FieldKind.NUMBER:
            return _number(text)
        case FieldKind.BOOLEAN:
            return {"true": True, "false": False}.get(text)
        case FieldKind.TIME:
            # An offset's unescaped `+` arrives as the space that forms make of it.
            date, separator, time = text.partition("T")
            return _instant(date + separator + time.replace(" ", "+"))
    return text


def _instant(text: str) -> datetime | None:
    """Read an ISO 8601 date (its first instant) or date-time; UTC where no zone is told."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(text: str) -> int | float | None:
    if not _NUMBER.fullmatch(text):
        return None
    if text.lstrip("-").isdigit():
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else None


# DynamoDB stores at most 38 digits, and Python refuses to read very long numbers.
_NUMBER = re.compile(r"-?[0-9]{1,38}(\.[0-9]{1,38})?([eE][+-]?[0-9]{1,3})?")

_OPERATORS = frozenset(Operator)
_OPERATORS_OF: dict[FieldKind, frozenset[Operator]] = {
    FieldKind.TEXT: _OPERATORS,
    FieldKind.NUMBER: _OPERATORS - {Operator.LIKE},
    FieldKind.BOOLEAN: frozenset({Operator.EQ, Operator.NE, Operator.IN}),
    FieldKind.TIME: _OPERATORS - {Operator.LIKE},
    FieldKind.TAGS: frozenset({Operator.EQ, Operator.NE, Operator.IN, Operator.LIKE}),
}

_WRONG_TYPES = {
    FieldKind.NUMBER: "must_be_number",
    FieldKind.BOOLEAN: "must_be_boolean",
    FieldKind.TIME: "must_be_time",
}

_TESTS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: operator.eq,
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
    Operator.IN: lambda element, wanted: element in wanted,
    Operator.LIKE: lambda element, part: part in element.casefold(),
}
