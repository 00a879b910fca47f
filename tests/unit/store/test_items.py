import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.store import items
from hub.store.items import from_attribute, from_item, to_attribute, to_item

# DynamoDB keeps 38 digits and magnitudes of 1e-130 to 1e125.
_FLOATS = st.floats(min_value=1e-120, max_value=1e120) | st.floats(min_value=-1e120, max_value=-1e-120)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | _FLOATS | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_VALUES)
def test_a_value_comes_back_as_it_went(value: Any) -> None:
    back = from_attribute(to_attribute(value))
    assert back == value
    assert isinstance(back, type(value)) or float(value).is_integer()


@given(st.dictionaries(st.text(min_size=1), _VALUES))
def test_an_item_comes_back_without_what_is_none(item: dict[str, Any]) -> None:
    assert from_item(to_item(item)) == {name: value for name, value in item.items() if value is not None}


def test_truth_is_no_number() -> None:
    assert to_item({"a": True, "b": 1}) == {"a": {"BOOL": True}, "b": {"N": "1"}}
    assert from_item({"a": {"BOOL": True}, "b": {"N": "1"}, "c": {"N": "1.5"}, "d": {"N": "-2"}}) == {
        "a": True,
        "b": 1,
        "c": 1.5,
        "d": -2,
    }


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_dynamodb_lacks_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="NaN"):
        to_attribute([number])


@pytest.mark.parametrize("value", [object(), {1, 2}, 1j])
def test_what_is_no_value_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_attribute(value)


def test_an_attribute_type_that_is_never_written_is_refused() -> None:
    with pytest.raises(TypeError):
        from_attribute({"SS": ["a"]})


@dataclass(frozen=True, slots=True)
class Stored:
    """As rooms write their entities."""

    id: str
    tenant: str
    name: str
    note: str | None
    version: int = 1
    tags: list[str] = field(default_factory=list)


def test_an_entity_is_written_and_read_without_what_its_key_tells() -> None:
    stored = Stored("x_1", "t", "名", None, 3, ["a"])
    written = items.attributes(stored, "tenant")
    assert written == {"name": "名", "note": None, "version": 3, "tags": ["a"]}
    item = {"pk": "T#t#X", "sk": "x_1", "events": [], **from_item(to_item(written))}
    assert items.entity(Stored, item, tenant="t") == stored


def test_what_an_item_lacks_has_its_default_each_time_a_new_one() -> None:
    item = {"sk": "x_1", "name": "a"}
    one, other = (items.entity(Stored, item, tenant="t") for _ in range(2))
    assert one == Stored("x_1", "t", "a", None)
    assert one.tags is not other.tags


def test_what_is_read_apart_stands_before_the_item() -> None:
    item = {"sk": "LATEST", "name": "a", "tenant": "not this"}
    assert items.entity(Stored, item, tenant="t", id="x_2") == Stored("x_2", "t", "a", None)
