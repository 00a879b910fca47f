import importlib
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field

from hub.errors import FieldError, InvalidRequest
from hub.web.localisation import text
from hub.web.validation import Body, FutureTime, Name, PageParameters, Parameters, parse_body, parse_parameters
from tests.conftest import ROOT


class Contact(Body):
    phone: str


class Sample(Body):
    name: Name = "a"
    age: Annotated[int, Field(ge=0, le=150)] = 1
    score: float = 1.0
    active: bool = True
    tags: list[str] = []
    labels: dict[str, str] = {}
    contact: Contact | None = None
    kind: Literal["a", "b"] = "a"
    until: FutureTime | None = None


class Filtered(Parameters):
    page: Annotated[int, Field(ge=1)] = 1
    archived: bool = False


def refused(body: Any, model: type[Body] = Sample) -> InvalidRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(InvalidRequest) as caught:
        parse_body(model, raw)
    for error in caught.value.fields:
        assert text(error.reason, "zh-CN", error.values)
        assert text(error.reason, "en-US", error.values)
    return caught.value


def only(error: InvalidRequest) -> FieldError:
    (field,) = error.fields
    return field


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"name": 5}, "name", "must_be_string"),
        ({"name": None}, "name", "must_be_string"),
        ({"age": "5"}, "age", "must_be_integer"),
        ({"age": True}, "age", "must_be_integer"),
        ({"age": 1.5}, "age", "must_be_integer"),
        ({"score": "1"}, "score", "must_be_number"),
        ({"active": "yes"}, "active", "must_be_boolean"),
        ({"active": 1}, "active", "must_be_boolean"),
        ({"tags": "a"}, "tags", "must_be_list"),
        ({"tags": {"0": "a"}}, "tags", "must_be_list"),
        ({"tags": ["a", 1]}, "tags.1", "must_be_string"),
        ({"labels": []}, "labels", "must_be_object"),
        ({"labels": {"a": 1}}, "labels.a", "must_be_string"),
        ({"contact": []}, "contact", "must_be_object"),
        ({"contact": {"phone": 1}}, "contact.phone", "must_be_string"),
        ([], "body", "must_be_object"),
        (None, "body", "must_be_object"),
        ("text", "body", "must_be_object"),
    ],
)
def test_a_wrong_type_is_business_code_40002(body: Any, field: str, reason: str) -> None:
    error = refused(body)
    assert (only(error).field, only(error).reason) == (field, reason)
    assert error.business_code == 40002


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"unheard_of": 1}, "unheard_of", "unknown_field"),
        ({"contact": {}}, "contact.phone", "missing"),
        ({"contact": {"phone": "1", "fax": "2"}}, "contact.fax", "unknown_field"),
        ({"name": ""}, "name", "too_short"),
        ({"name": " \u3000\t"}, "name", "missing"),
        ({"name": "x" * 101}, "name", "too_long"),
        ({"name": "x" * 1_000_000}, "name", "too_long"),
        ({"age": -1}, "age", "too_small"),
        ({"age": 151}, "age", "too_large"),
        ({"kind": "c"}, "kind", "not_one_of"),
        ({"until": "2020-01-01T00:00:00Z"}, "until", "in_the_past"),
        ({"until": "2099-01-01T00:00:00"}, "until", "time_without_zone"),
        ({"until": "2099-02-30T00:00:00Z"}, "until", "must_be_time"),
        ({"until": "tomorrow"}, "until", "must_be_time"),
    ],
)
def test_a_bad_value_is_business_code_40001(body: Any, field: str, reason: str) -> None:
    error = refused(body)
    assert (only(error).field, only(error).reason) == (field, reason)
    assert error.business_code == 40001


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"name": "a"',
        b"{'name': 'a'}",
        b'{"name": "a",}',
        b'{"name": "\xff\xfe"}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "\\ud83d"}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"tags":' * 10_000 + b"1" + b"}" * 10_000,
        b"\x00",
        b"name=a",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    assert only(refused(body)) == FieldError("body", "json_invalid", only(refused(body)).values)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_no_number_that_json_lacks_is_taken(number: bytes) -> None:
    assert only(refused(b'{"name": %s}' % number)).field in ("name", "body")
    assert only(refused(b'{"score": %s}' % number)) == FieldError("score", "malformed")


@pytest.mark.parametrize("until", [4102444800, 1e308, True, [], "9" * 5000])
def test_a_time_is_text(until: Any) -> None:
    assert only(refused({"until": until})).field == "until"


def test_several_problems_are_told_at_once_and_are_40001_when_one_is_no_type() -> None:
    error = refused({"name": 5, "age": -1})
    assert [one.field for one in error.fields] == ["name", "age"]
    assert error.business_code == 40001
    assert refused({"name": 5, "age": "x"}).business_code == 40002


def test_what_was_sent_is_not_thrown_back() -> None:
    error = refused({"name": "x" * 10_000, "kind": "y" * 10_000, "age": "z" * 10_000})
    said = [text(one.reason, "en-US", one.values) for one in error.fields]
    assert max(map(len, said)) < 100


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    with suppress(InvalidRequest):
        parse_body(Sample, body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(list(Sample.model_fields)), _JSON, max_size=4))
def test_no_json_does_more_than_be_refused(body: dict[str, Any]) -> None:
    try:
        parse_body(Sample, json.dumps(body).encode())
    except InvalidRequest as error:
        for one in error.fields:
            assert text(one.reason, "zh-CN", one.values)


@pytest.mark.parametrize(
    ("parameters", "field", "reason"),
    [
        ({"page": "0"}, "page", "too_small"),
        ({"page": "x"}, "page", "must_be_integer"),
        ({"page": ""}, "page", "must_be_integer"),
        ({"page": "1.5"}, "page", "must_be_integer"),
        ({"page": "1,2"}, "page", "must_be_integer"),
        ({"page": "9" * 5000}, "page", None),
        ({"archived": "perhaps"}, "archived", "must_be_boolean"),
        ({"size": "5"}, "size", "unknown_field"),
    ],
    ids=str,
)
def test_a_bad_parameter_is_never_clamped(parameters: dict[str, str], field: str, reason: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_parameters(Filtered, parameters)
    assert only(caught.value).field == field
    assert reason in (None, only(caught.value).reason)
    assert text(only(caught.value).reason, "zh-CN", only(caught.value).values)


def test_parameters_are_read_from_text() -> None:
    assert parse_parameters(Filtered, {"page": "3", "archived": "true"}) == Filtered(page=3, archived=True)


@pytest.mark.parametrize(("limit", "reason"), [("0", "too_small"), ("101", "too_large"), ("-1", "too_small")])
def test_a_page_has_1_to_100_rows(limit: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_parameters(PageParameters, {"limit": limit})
    assert (only(caught.value).field, only(caught.value).reason) == ("limit", reason)


def test_page_and_cursor_do_not_go_together() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_parameters(PageParameters, {"page": "2", "cursor": ""})
    assert (only(caught.value).field, only(caught.value).reason) == ("cursor", "not_combined")
    assert parse_parameters(PageParameters, {"cursor": ""}).cursor == ""


def test_what_python_raised_is_not_told_of() -> None:
    """Errors are stored, where they are of an import's row."""

    def check(_value: str) -> str:
        raise ValueError("?")

    class Refusing(Body):
        name: Annotated[str, AfterValidator(check)]

    with pytest.raises(InvalidRequest) as caught:
        parse_body(Refusing, b'{"name": "a"}')
    assert only(caught.value) == FieldError("name", "malformed", {})


def bodies(model: type[Body] = Body) -> Iterator[type[Body]]:
    for one in model.__subclasses__():
        yield one
        yield from bodies(one)


def test_no_body_has_a_field_by_another_name() -> None:
    """Beside its alias, pydantic takes a field's own name for a known one in JSON, and drops what is sent under it."""
    for file in (ROOT / "functions").rglob("models.py"):
        importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    fields = {(one.__qualname__, name): field for one in bodies() for name, field in one.model_fields.items()}
    assert len(fields) > 50
    named_otherwise = {place: field.validation_alias for place, field in fields.items() if field.validation_alias}
    # A word of Python's own; the body refuses the other name itself.
    assert named_otherwise == {("NewThirdPartyMessage", "sender"): "from"}
