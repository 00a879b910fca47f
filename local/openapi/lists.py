"""The query language of lists (`hub.store.query`) as parameters of an operation."""

from typing import Any

from hub.store.filters import FieldKind, Operator, operators_of
from hub.store.query import MAX_CURSOR, Schema

_VALUES: dict[FieldKind, dict[str, Any]] = {
    FieldKind.TEXT: {"type": "string"},
    FieldKind.NUMBER: {"type": "number"},
    FieldKind.BOOLEAN: {"type": "boolean"},
    FieldKind.TIME: {"type": "string", "format": "date-time"},
    FieldKind.TAGS: {"type": "string"},
}
_MEANINGS = {
    Operator.EQ: "is this value",
    Operator.NE: "is not this value",
    Operator.GT: "is greater",
    Operator.GTE: "is greater or equal",
    Operator.LT: "is less",
    Operator.LTE: "is less or equal",
    Operator.IN: "is one of these",
    Operator.LIKE: "contains this, in whatever case",
}


def parameters(schema: Schema) -> list[dict[str, Any]]:
    """The parameters of a list, each a Parameter Object."""
    filters = [_filter(name, kind, operator) for name, kind in schema.fields.items() for operator in operators_of(kind)]
    size = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    own = [
        _parameter("page", "Numbered pages; exact up to 10,000 rows.", {"type": "integer", "minimum": 1, "default": 1}),
        _parameter("pageSize", "Rows of a numbered page.", size),
        _parameter("limit", "Rows of a page by cursor.", size),
        _parameter("cursor", "Empty for the first page, then `cursor.next`.", _text(maxLength=MAX_CURSOR)),
        _parameter("sort", "What to order by.", {"enum": schema.sortable, "default": schema.default_sort}),
        _parameter("order", "Which way.", {"enum": ["asc", "desc"], "default": "desc"}),
        _several("fields", "Only these fields of each row.", {"enum": [*schema.fields]}),
    ]
    if schema.search:
        own.append(_parameter("search", f"Words, all of which stand in {' or '.join(schema.search)}.", _text()))
    return [*own, *filters]


def _filter(name: str, kind: FieldKind, operator: Operator) -> dict[str, Any]:
    told = f"`{name}` {_MEANINGS[operator]}."
    match operator:
        case Operator.EQ:
            return _parameter(name, told, _VALUES[kind])
        case Operator.IN:
            return _several(f"{name}[in]", told, _VALUES[kind])
    return _parameter(f"{name}[{operator}]", told, _VALUES[kind])


def _several(name: str, told: str, values: dict[str, Any]) -> dict[str, Any]:
    separated = {"style": "form", "explode": False}
    return _parameter(name, told, {"type": "array", "items": values, "minItems": 1}) | separated


def _parameter(name: str, told: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": told, "schema": schema}


def _text(**bounds: int) -> dict[str, Any]:
    return {"type": "string", **bounds}
