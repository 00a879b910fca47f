import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
