"""Values held against a schema of the part of JSON Schema that plugins use (`dialect.py`).

Patterns are matched by Rust's engine, in a time that grows with the text alone: no pattern can make it hang.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator, core_schema

from hub import outbound, secrets
from hub.errors import FieldError
from hub.web.validation import MAX_ERRORS, MAX_PLACE, Email

MAX_DEPTH = 16
_GREATEST = 10**300

Schema = Mapping[str, Any]

_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


def errors(schema: Schema, value: Any, place: str) -> list[FieldError]:
    """What is wrong with a value, field by field."""
    if not is_plain(value):
        return [FieldError(place, "too_deep", {"limit": MAX_DEPTH})]
    return first(_errors(schema, value, place))


def secret_fields(schema: Schema) -> list[str]:
    """The properties that are sealed and shown as `***`."""
    return [name for name, one in schema.get("properties", {}).items() if is_secret(one)]


def address_fields(schema: Schema) -> list[str]:
    """The properties that are addresses."""
    return [name for name, one in schema.get("properties", {}).items() if one.get("format") == "uri"]


def masked(schema: Schema, config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as it is shown."""
    hidden = secret_fields(schema)
    return {name: secrets.MASK if name in hidden else value for name, value in config.items()}


def filled(schema: Schema, value: Mapping[str, Any]) -> dict[str, Any]:
    """A value with the schema's defaults where it says nothing."""
    defaults = {name: one["default"] for name, one in schema.get("properties", {}).items() if "default" in one}
    return {**defaults, **value}


def is_plain(value: Any) -> bool:
    """Whether JSON is not too deep, and has neither numbers nor texts that JSON and UTF-8 cannot write."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        if not all(map(_is_writable, level)):
            return False
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return True
    return False


def first(found: Iterator[FieldError]) -> list[FieldError]:
    """As much as an answer tells."""
    return [one for one, _ in zip(found, range(MAX_ERRORS), strict=False)]


def is_secret(schema: Schema) -> bool:
    """Whether a value of this is a secret."""
    return schema.get("writeOnly") is True or schema.get("format") == "password"


def _is_writable(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    return not isinstance(value, int | float) or -_GREATEST <= value <= _GREATEST


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _errors(schema: Schema, value: Any, place: str) -> Iterator[FieldError]:
    kind = schema.get("type")
    if kind is not None and not _TYPES[kind](value):
        yield FieldError(place, _MUST_BE[kind], wrong_type=True)
        return
    allowed = [*schema.get("enum", []), *([schema["const"]] if "const" in schema else [])]
    if allowed and not _is_allowed(schema, value):
        yield FieldError(place, "not_one_of", {"expected": ", ".join(map(str, allowed))[:MAX_PLACE]})
    match value:
        case bool():
            pass
        case str():
            yield from _text_errors(schema, value, place)
        case int() | float():
            yield from _number_errors(schema, value, place)
        case list():
            yield from _list_errors(schema, value, place)
        case Mapping():
            yield from _object_errors(schema, value, place)


def _is_allowed(schema: Schema, value: Any) -> bool:
    told = canonical(value)
    in_choices = "enum" not in schema or any(told == canonical(one) for one in schema["enum"])
    return in_choices and ("const" not in schema or told == canonical(schema["const"]))


def _text_errors(schema: Schema, value: str, place: str) -> Iterator[FieldError]:
    if len(value) < schema.get("minLength", 0):
        yield FieldError(place, "too_short", {"min_length": schema["minLength"]})
    if len(value) > schema.get("maxLength", math.inf):
        yield FieldError(place, "too_long", {"max_length": schema["maxLength"]})
    if "pattern" in schema and not _matches(schema["pattern"], value):
        yield FieldError(place, "malformed")
    if reason := _FORMATS.get(schema.get("format", ""), _no_reason)(value):
        yield FieldError(place, reason)


def _number_errors(schema: Schema, value: float, place: str) -> Iterator[FieldError]:
    if value < schema.get("minimum", -math.inf):
        yield FieldError(place, "too_small", {"ge": schema["minimum"]})
    if value > schema.get("maximum", math.inf):
        yield FieldError(place, "too_large", {"le": schema["maximum"]})
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield FieldError(place, "not_above", {"bound": schema["exclusiveMinimum"]})
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        yield FieldError(place, "not_below", {"bound": schema["exclusiveMaximum"]})


def _list_errors(schema: Schema, value: list[Any], place: str) -> Iterator[FieldError]:
    if len(value) < schema.get("minItems", 0):
        yield FieldError(place, "too_short", {"min_length": schema["minItems"]})
    if len(value) > schema.get("maxItems", math.inf):
        yield FieldError(place, "too_long", {"max_length": schema["maxItems"]})
    if schema.get("uniqueItems") and len({canonical(one) for one in value}) != len(value):
        yield FieldError(place, "duplicate")
    if "items" in schema:
        for number, one in enumerate(value):
            yield from _errors(schema["items"], one, f"{place}.{number}"[:MAX_PLACE])


def _object_errors(schema: Schema, value: Mapping[str, Any], place: str) -> Iterator[FieldError]:
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield FieldError(f"{place}.{name}"[:MAX_PLACE], "missing")
    for name, one in value.items():
        inner = f"{place}.{name}"[:MAX_PLACE]
        if name in properties:
            yield from _errors(properties[name], one, inner)
        elif schema.get("additionalProperties") is False:
            yield FieldError(inner, "unknown_field")


def canonical(value: Any) -> Any:
    """A value as JSON Schema compares it: `1` is `1.0` and neither is `true`; an object has no order."""
    match value:
        case bool():
            return "boolean", value
        case list():
            return "list", tuple(map(canonical, value))
        case Mapping():
            return "object", frozenset((name, canonical(one)) for name, one in value.items())
    return value


def is_number(value: Any) -> bool:
    """Whether a value is a number to JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return is_number(value) and (isinstance(value, int) or value.is_integer())


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_whole,
    "number": is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping),
}
_MUST_BE = {
    "string": "must_be_string",
    "integer": "must_be_integer",
    "number": "must_be_number",
    "boolean": "must_be_boolean",
    "array": "must_be_list",
    "object": "must_be_object",
}


def _no_reason(_: str) -> str | None:
    return None


def _not_a_date(value: str) -> str | None:
    try:
        date.fromisoformat(value)
    except ValueError:
        return "must_be_date"
    return None if _DATE.match(value) else "must_be_date"


def _not_a_time(value: str) -> str | None:
    try:
        datetime.fromisoformat(value.upper())
    except ValueError:
        return "must_be_time"
    return None if _TIME.match(value) else "must_be_time"


def _not_an_email(value: str) -> str | None:
    try:
        _email().validate_python(value)
    except ValidationError:
        return "malformed"
    return None


def _not_an_address(value: str) -> str | None:
    return "bad_url" if outbound.refusal(value) == "bad_url" else None


_FORMATS: dict[str, Callable[[str], str | None]] = {
    "date": _not_a_date,
    "date-time": _not_a_time,
    "email": _not_an_email,
    "uri": _not_an_address,
}


@lru_cache(maxsize=1)
def _email() -> TypeAdapter[str]:
    return TypeAdapter(Email)


@lru_cache(maxsize=256)
def compiled(pattern: str) -> SchemaValidator:
    """What matches a pattern. Raises `SchemaError` for one that is none."""
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _matches(pattern: str, value: str) -> bool:
    try:
        compiled(pattern).validate_python(value)
    except ValidationError:
        return False
    return True
