"""What the part of JSON Schema that plugins use says is what the jsonschema package says of it."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from functions.plugins import dialect, schemas
from hub.errors import FieldError

PLAIN = st.one_of(
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([0.0, 1.0, -1.5, 2.5]),
    st.sampled_from(["", "a", "ab", "1", "b1", "长长长", "true"]),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=8,
)
COUNTS = st.integers(0, 3)
BOUNDS = st.sampled_from([-2, 0, 1, 1.5])
KEYWORDS: dict[str, Any] = {
    "type": st.sampled_from(["string", "integer", "number", "boolean", "array", "object"]),
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "const": VALUES,
    "minLength": COUNTS,
    "maxLength": COUNTS,
    "pattern": st.sampled_from(["^a", "b$", "[0-9]", "^(a|b)+$", "^.{2}$", "长"]),
    "minimum": BOUNDS,
    "maximum": BOUNDS,
    "exclusiveMinimum": BOUNDS,
    "exclusiveMaximum": BOUNDS,
    "minItems": COUNTS,
    "maxItems": COUNTS,
    "uniqueItems": st.booleans(),
    "required": st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=2),
    "additionalProperties": st.booleans(),
}


def made_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Schemas of a few keywords, some of them with schemas inside."""
    nested = {"items": inner, "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)}
    names = st.lists(st.sampled_from([*KEYWORDS, *nested]), unique=True, max_size=4)
    return names.flatmap(lambda some: st.fixed_dictionaries({name: {**KEYWORDS, **nested}[name] for name in some}))


SCHEMAS = st.recursive(made_of(st.just({})), made_of, max_leaves=3)


@settings(max_examples=400, deadline=None)
@given(SCHEMAS, VALUES)
def test_a_value_is_taken_exactly_where_jsonschema_takes_it(schema: dict[str, Any], value: Any) -> None:
    Draft202012Validator.check_schema(schema)
    assert (not schemas.errors(schema, value, "config")) == Draft202012Validator(schema).is_valid(value)


@settings(max_examples=200, deadline=None)
@given(SCHEMAS)
def test_a_schema_that_is_accepted_is_one(schema: dict[str, Any]) -> None:
    if not dialect.problems({"type": "object", "properties": {"x": schema}}, "config_schema"):
        Draft202012Validator.check_schema(schema)


ANY = st.recursive(
    st.one_of(st.none(), PLAIN, st.just("object")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*dialect.KEYWORDS, "$ref", "x"]), inner, max_size=4),
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(ANY, VALUES)
def test_whatever_a_manifest_says_is_judged_and_what_passes_can_be_used(schema: Any, value: Any) -> None:
    if not dialect.problems(schema, "config_schema"):
        schemas.errors(schema, value, "config")
        schemas.secret_fields(schema)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ([], {"s": "must_be_object"}),
        ({}, {"s.type": "not_one_of"}),
        ({"type": "string"}, {"s.type": "not_one_of"}),
        ({"type": ["object", "null"]}, {"s.type": "malformed"}),
        ({"type": "object", "$ref": "https://example.com/"}, {"s.$ref": "unsupported_keyword"}),
        ({"type": "object", "allOf": []}, {"s.allOf": "unsupported_keyword"}),
        ({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}, {"s.$schema": "malformed"}),
        ({"type": "object", "properties": []}, {"s.properties": "malformed"}),
        ({"type": "object", "properties": {"a": True}}, {"s.properties.a": "must_be_object"}),
        ({"type": "object", "properties": {"a b": {}}}, {"s.properties.a b": "malformed"}),
        ({"type": "object", "properties": {"a": {"pattern": "(?=a)"}}}, {"s.properties.a.pattern": "malformed"}),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, {"s.properties.a.pattern": "malformed"}),
        (
            {"type": "object", "properties": {"a": {"pattern": "(a{999}){999}"}}},
            {"s.properties.a.pattern": "malformed"},
        ),
        ({"type": "object", "properties": {"a": {"pattern": "a" * 201}}}, {"s.properties.a.pattern": "malformed"}),
        ({"type": "object", "properties": {"a": {"minLength": -1}}}, {"s.properties.a.minLength": "malformed"}),
        ({"type": "object", "properties": {"a": {"minLength": True}}}, {"s.properties.a.minLength": "malformed"}),
        ({"type": "object", "properties": {"a": {"minimum": "1"}}}, {"s.properties.a.minimum": "must_be_number"}),
        (
            {"type": "object", "properties": {"a": {"minimum": float("inf")}}},
            {"s.properties.a.minimum": "must_be_number"},
        ),
        ({"type": "object", "properties": {"a": {"enum": []}}}, {"s.properties.a.enum": "malformed"}),
        ({"type": "object", "properties": {"a": {"enum": [1, 1.0]}}}, {"s.properties.a.enum": "duplicate"}),
        ({"type": "object", "properties": {"a": {"format": "ipv4"}}}, {"s.properties.a.format": "malformed"}),
        ({"type": "object", "required": ["a", "a"]}, {"s.required": "duplicate"}),
        (
            {"type": "object", "properties": {"a": {"type": "integer", "default": "x"}}},
            {"s.properties.a.default": "must_be_integer"},
        ),
        (
            {"type": "object", "properties": {"a": {"type": "object", "writeOnly": True}}},
            {"s.properties.a.type": "not_one_of"},
        ),
        (
            {"type": "object", "properties": {"a": {"properties": {"b": {"type": "string", "format": "password"}}}}},
            {"s.properties.a.properties.b": "secret_too_deep"},
        ),
        (
            {"type": "object", "properties": {"a": {"items": {"type": "string", "writeOnly": True}}}},
            {"s.properties.a.items": "secret_too_deep"},
        ),
    ],
)
def test_what_a_schema_may_not_say(schema: Any, expected: dict[str, str]) -> None:
    assert {one.field: one.reason for one in dialect.problems(schema, "s")} == expected


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def test_a_schema_is_neither_deep_nor_long() -> None:
    assert dialect.problems(nested(dialect.MAX_DEPTH - 1), "s") == []
    (deep,) = dialect.problems(nested(dialect.MAX_DEPTH), "s")
    assert deep.reason == "too_deep"
    many = {f"p{number}": {"type": "string"} for number in range(dialect.MAX_SCHEMAS)}
    assert {one.reason for one in dialect.problems({"type": "object", "properties": many}, "s")} == {"too_many_values"}


def test_no_pattern_takes_long() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    assert dialect.problems(schema, "s") == []
    started = time.perf_counter()
    (found,) = schemas.errors(schema, {"a": "a" * 100_000 + "b"}, "config")
    assert (found.field, found.reason) == ("config.a", "malformed")
    assert time.perf_counter() - started < 1, "Python's own engine would not end before the sun"


@pytest.mark.parametrize(
    ("format", "good", "bad"),
    [
        ("date", ["2024-02-29"], ["2023-02-29", "20240229", "2024-W01-1", "x"]),
        (
            "date-time",
            ["2024-01-15T10:30:00Z", "2024-01-15T10:30:00.5+08:00"],
            ["2024-01-15", "2024-01-15T10:30:00", "x"],
        ),
        ("email", ["a@example.com"], ["a", "a@", "a b@example.com"]),
        (
            "uri",
            ["https://example.com/x?y=1", "http://127.0.0.1:1/"],
            ["example.com", "ftp://example.com", "https://a b/"],
        ),
        ("password", ["", "anything"], []),
    ],
)
def test_formats(format: str, good: list[str], bad: list[str]) -> None:
    schema = {"type": "string", "format": format}
    assert [one for one in good if schemas.errors(schema, one, "x")] == []
    assert [one for one in bad if not schemas.errors(schema, one, "x")] == []


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 10**400, "\ud800", {"\udfff": 1}, [[float("-inf")]], nested(20)]
)
def test_what_json_or_an_item_cannot_hold_is_none(value: Any) -> None:
    assert not schemas.is_plain(value)
    assert schemas.errors({}, value, "config") == [FieldError("config", "too_deep", {"limit": schemas.MAX_DEPTH})]


def test_defaults_fill_what_is_not_said() -> None:
    schema = {"properties": {"a": {"default": 1}, "b": {"default": 2}, "c": {}}}
    assert schemas.filled(schema, {"b": 3}) == {"a": 1, "b": 3}
