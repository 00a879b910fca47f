"""Ids tell the time that they were made at, and sort by it."""

from hypothesis import given
from hypothesis import strategies as st

from hub import ids

times = st.integers(0, 2**48 - 1)


@given(times, times)
def test_an_id_tells_its_time_and_sorts_by_it(one: int, other: int) -> None:
    made = [ids.new("cust", one), ids.derived("cust", one, "import_1", "5"), ids.first("cust", one)]
    assert [ids.milliseconds(each) for each in made] == [one] * 3
    assert min(made) == made[2]
    if one != other:
        assert (ids.new("cust", one) < ids.new("cust", other)) == (one < other)


def test_a_derived_id_is_that_of_its_parts_alone() -> None:
    assert ids.derived("cust", 1, "a", "b") == ids.derived("cust", 1, "a", "b")
    assert len({ids.derived("cust", 1, *parts) for parts in (("a", "b"), ("b", "a"), ("ab",), ("a", "b", ""))}) == 4
