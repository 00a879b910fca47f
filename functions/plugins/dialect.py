"""The part of JSON Schema that manifests may use: of draft 2020-12 what no schema can misuse.

A schema may come from anybody (a manifest at a `url`), so keywords that make a check expensive, or reach elsewhere, are
none of it: no `$ref`, no combinations, no conditions. What it has means what draft 2020-12 says.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic_core import SchemaError

from functions.plugins import schemas
from functions.plugins.schemas import Schema
from hub.errors import FieldError
from hub.web.validation import MAX_PLACE

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_DEPTH = 6
MAX_SCHEMAS = 200
MAX_PATTERN = 200

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
_MAX_COUNT = 1_000_000


def problems(schema: Any, place: str) -> list[FieldError]:
    """What is wrong with a schema of a manifest, which describes an object."""
    found = schemas.first(_schema_problems(schema, place, 1, [0]))
    if not found and schema.get("type") != "object":
        found = [FieldError(f"{place}.type", "not_one_of", {"expected": "object"})]
    return found


def _schema_problems(schema: Any, place: str, depth: int, seen: list[int]) -> Iterator[FieldError]:
    seen[0] += 1
    if depth > MAX_DEPTH:
        yield FieldError(place, "too_deep", {"limit": MAX_DEPTH})
    elif seen[0] > MAX_SCHEMAS:
        yield FieldError(place, "too_many_values", {"limit": MAX_SCHEMAS})
    elif not isinstance(schema, Mapping):
        yield FieldError(place, "must_be_object", wrong_type=True)
    else:
        for keyword, value in schema.items():
            yield from _keyword_problems(keyword, value, f"{place}.{keyword}"[:MAX_PLACE])
        yield from _nested_problems(schema, place, depth, seen)


def _keyword_problems(keyword: str, value: Any, place: str) -> Iterator[FieldError]:
    check = _KEYWORDS.get(keyword)
    if check is None:
        yield FieldError(place, "unsupported_keyword")
    elif reason := check(value):
        yield FieldError(place, reason)


def _nested_problems(schema: Schema, place: str, depth: int, seen: list[int]) -> Iterator[FieldError]:
    properties = schema.get("properties", {})
    for name, one in properties.items() if isinstance(properties, Mapping) else ():
        inner = f"{place}.properties.{name}"[:MAX_PLACE]
        if not _NAME.match(name):
            yield FieldError(inner, "malformed")
        yield from _schema_problems(one, inner, depth + 1, seen)
        if depth > 1 and isinstance(one, Mapping) and schemas.is_secret(one):
            yield FieldError(inner, "secret_too_deep")
        elif isinstance(one, Mapping) and schemas.is_secret(one) and one.get("type") != "string":
            yield FieldError(f"{inner}.type", "not_one_of", {"expected": "string"})
        yield from _default_problems(one, inner)
    if "items" in schema:
        yield from _schema_problems(schema["items"], f"{place}.items"[:MAX_PLACE], depth + 1, seen)
        if isinstance(schema["items"], Mapping) and schemas.is_secret(schema["items"]):
            yield FieldError(f"{place}.items"[:MAX_PLACE], "secret_too_deep")


def _default_problems(schema: Any, place: str) -> Iterator[FieldError]:
    if (
        isinstance(schema, Mapping)
        and "default" in schema
        and not schemas.first(_schema_problems(schema, place, 1, [0]))
    ):
        yield from schemas.errors(schema, schema["default"], f"{place}.default"[:MAX_PLACE])


def _one_of(*expected: str) -> Callable[[Any], str | None]:
    return lambda value: None if value in expected else "malformed"


def _is(kind: type) -> Callable[[Any], str | None]:
    return lambda value: None if isinstance(value, kind) else "malformed"


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and len(value) <= 1000 else "malformed"


def _count(value: Any) -> str | None:
    return None if type(value) is int and 0 <= value <= _MAX_COUNT else "malformed"


def _bound(value: Any) -> str | None:
    return None if schemas.is_number(value) and math.isfinite(value) else "must_be_number"


def _plain(value: Any) -> str | None:
    return None if schemas.is_plain(value) else "malformed"


def _choices(value: Any) -> str | None:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_SCHEMAS or not schemas.is_plain(value):
        return "malformed"
    return "duplicate" if len({schemas.canonical(one) for one in value}) != len(value) else None


def _required(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return "malformed"
    return "duplicate" if len(set(value)) != len(value) else None


def _pattern(value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > MAX_PATTERN:
        return "malformed"
    try:
        schemas.compiled(value)
    except SchemaError:
        return "malformed"
    return None


_KEYWORDS: dict[str, Callable[[Any], str | None]] = {
    "$schema": _one_of(DIALECT, f"{DIALECT}#"),
    "type": _one_of("string", "integer", "number", "boolean", "array", "object"),
    "title": _text,
    "description": _text,
    "default": _plain,
    "examples": _plain,
    "deprecated": _is(bool),
    "writeOnly": _is(bool),
    "enum": _choices,
    "const": _plain,
    "minLength": _count,
    "maxLength": _count,
    "pattern": _pattern,
    "format": _one_of("uri", "email", "date", "date-time", "password"),
    "minimum": _bound,
    "maximum": _bound,
    "exclusiveMinimum": _bound,
    "exclusiveMaximum": _bound,
    "items": _is(dict),
    "minItems": _count,
    "maxItems": _count,
    "uniqueItems": _is(bool),
    "properties": _is(dict),
    "required": _required,
    "additionalProperties": _is(bool),
}
KEYWORDS = tuple(_KEYWORDS)
"""What a schema may say."""
