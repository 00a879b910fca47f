import base64
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import InvalidRequest
from hub.store import keys, paging, table


def fill(rows: int, tenant: str = "acme") -> table.Query:
    items = [
        keys.belonging(tenant, "LOG", "1", f"{number:05}") | {"even": number % 2 == 0, "pad": "x"}
        for number in range(rows)
    ]
    table.put_many(table.activity(), items)
    return query(tenant)


def query(tenant: str = "acme") -> table.Query:
    return table.Query(table.activity(), keys.partition(tenant, "LOG", "1"))


def numbers(page: paging.Page[dict[str, object]]) -> list[int]:
    return [int(str(item["sk"])) for item in page.items]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("rows", "size"), [(0, 20), (1, 1), (7, 3), (9, 3), (20, 100)])
def test_every_page_is_exact(rows: int, size: int) -> None:
    stored = fill(rows)
    pages = math.ceil(rows / size)
    seen: list[int] = []
    for number in range(1, pages + 2):
        page = paging.by_number([stored], number, size)
        assert (page.total, page.pages, page.page, page.size) == (rows, pages, number, size)
        assert len(page.items) == (size if number * size <= rows else max(0, rows - (number - 1) * size))
        seen += numbers(page)
    assert seen == list(reversed(range(rows)))


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("rows", "size"), [(0, 20), (1, 1), (7, 3), (9, 3), (20, 100)])
def test_every_row_is_on_one_page_by_cursor(rows: int, size: int) -> None:
    stored = fill(rows)
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = paging.by_cursor([stored], size, cursor)
        assert len(page.items) <= size
        seen += numbers(page)
        cursor = page.next
    assert seen == list(reversed(range(rows)))


@pytest.mark.usefixtures("aws")
def test_a_filter_does_not_shorten_the_pages() -> None:
    fill(20)
    even = table.Query(table.activity(), query().pk, condition="#even = :even", values={"even": True})
    page = paging.by_number([even], 2, 4)
    assert (numbers(page), page.total) == ([10, 8, 6, 4], 10)
    first = paging.by_cursor([even], 4, "")
    assert numbers(first) == [18, 16, 14, 12]
    assert numbers(paging.by_cursor([even], 4, first.next or "")) == [10, 8, 6, 4]


@pytest.mark.usefixtures("aws")
def test_a_row_that_comes_between_two_cursor_pages_moves_none() -> None:
    stored = fill(6)
    first = paging.by_cursor([stored], 3, "")
    table.write(table.Put(table.activity(), keys.belonging("acme", "LOG", "1", "99999")))
    table.write(table.Delete(table.activity(), keys.belonging("acme", "LOG", "1", "00003")))
    assert numbers(paging.by_cursor([stored], 3, first.next or "")) == [2, 1, 0]


class Counted:
    """A query whose rows are only counted, so that ten thousand of them need not be stored."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
        item = keys.belonging("acme", "LOG", "1", "a")

        def pages(wanted: table.Query, **_: object) -> list[tuple[list[dict[str, object]], dict[str, object]]]:
            return [([dict(item)] * 100, dict(item))] * min(rows // 100, 200)

        monkeypatch.setattr(table, "pages", pages)
        monkeypatch.setattr(table, "count", lambda *_, bound, **__: min(rows - 100, bound + 1))


@pytest.mark.usefixtures("aws")
def test_ten_thousand_rows_are_counted_and_one_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Counted(monkeypatch, 10_000)
    assert paging.by_number([query()], 1, 100).total == 10_000
    Counted(monkeypatch, 10_001)
    with pytest.raises(InvalidRequest) as caught:
        paging.by_number([query()], 1, 100)
    (field,) = caught.value.fields
    assert (field.field, field.reason, field.values) == ("page", "use_cursor", {"limit": 10_000})


@pytest.mark.usefixtures("aws")
def test_a_page_beyond_the_bound_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "pages", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(InvalidRequest):
        paging.by_number([query()], 102, 100)
    with pytest.raises(InvalidRequest):
        paging.by_number([query()], 10**30, 1)


@given(st.text(alphabet=st.characters(categories=["L", "N", "P"]), min_size=1, max_size=100))
def test_a_cursor_is_read_as_it_was_written(sort_key: str) -> None:
    cursor = paging.write_cursor(sort_key)
    assert paging.read_cursor(cursor) == sort_key
    assert cursor.replace("-", "").replace("_", "").isalnum(), "it needs no escaping in a URL"


@pytest.mark.parametrize(
    "cursor",
    ["!", "a", "=", "====", "名", "a b", "a\n", "////", "_w", base64.b64encode(b"\x00").decode(), "A" * 2000, "gA"],
)
def test_what_is_no_cursor_is_said_to_be_none(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        paging.read_cursor(cursor)
    (field,) = caught.value.fields
    assert (field.field, field.reason) == ("cursor", "malformed")


@given(st.text(max_size=50))
def test_no_cursor_breaks_the_reading(cursor: str) -> None:
    try:
        sort_key = paging.read_cursor(cursor)
    except InvalidRequest:
        return
    assert sort_key


@pytest.mark.usefixtures("aws")
def test_another_tenants_cursor_shows_rows_of_ones_own_alone() -> None:
    theirs = fill(6, "other")
    fill(4)
    cursor = paging.by_cursor([theirs], 3, "").next or ""
    assert numbers(paging.by_cursor([query()], 10, cursor)) == [2, 1, 0]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("bounds", [{"prefix": "b"}, {"between": ("b", "c")}])
def test_a_cursor_outside_the_bounds_of_its_list_is_refused_before_it_is_asked(
    bounds: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded = replace(query(), **bounds)
    assert paging.by_cursor([bounded], 3, paging.write_cursor("b")).items == []
    monkeypatch.setattr(table, "pages", lambda *_, **__: pytest.fail("asked the table"))
    for sort_key in ("a", "d", "人"):
        with pytest.raises(InvalidRequest) as caught:
            paging.by_cursor([bounded], 3, paging.write_cursor(sort_key))
        assert [(field.field, field.reason) for field in caught.value.fields] == [("cursor", "malformed")]


@pytest.mark.usefixtures("aws")
def test_a_cursor_made_up_is_harmless() -> None:
    fill(4)
    for sort_key in ("T#other#LOG#1", "00002", "~", "0"):
        shown = numbers(paging.by_cursor([query()], 10, paging.write_cursor(sort_key)))
        assert set(shown) <= {0, 1, 2, 3}


def index_of(number: int, partitions: int) -> dict[str, str]:
    return {"gsi1_pk": f"T#acme#ODD#{number % partitions}", "gsi1_sk": f"{number:05}"}


def fill_index(rows: int, partitions: int) -> list[table.Query]:
    items = [
        keys.belonging("acme", "LOG", "1", f"{number:05}") | index_of(number, partitions) for number in range(rows)
    ]
    table.put_many(table.activity(), items)
    return [table.Query(table.activity(), f"T#acme#ODD#{number}", index="gsi1") for number in range(partitions)]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("keys_only", [False, True])
@pytest.mark.parametrize(("rows", "size", "partitions"), [(0, 3, 2), (1, 3, 3), (20, 3, 1), (20, 4, 3), (9, 9, 5)])
def test_partitions_of_an_index_are_one_list(rows: int, size: int, partitions: int, keys_only: bool) -> None:
    queries = [replace(one, keys_only=keys_only) for one in fill_index(rows, partitions)]
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = paging.by_cursor(queries, size, cursor)
        assert len(page.items) <= size
        seen += numbers(page)
        cursor = page.next
    assert seen == list(reversed(range(rows)))
    numbered = [paging.by_number(queries, number, size) for number in range(1, -(-rows // size) + 2)]
    assert [number for page in numbered for number in numbers(page)] == seen
    assert {page.total for page in numbered} == {rows}


@pytest.mark.usefixtures("aws")
def test_the_oldest_first_goes_on_in_its_own_direction() -> None:
    queries = [replace(one, newest_first=False) for one in fill_index(10, 3)]
    first = paging.by_cursor(queries, 4, "")
    second = paging.by_cursor(queries, 4, first.next or "")
    assert numbers(first) + numbers(second) == list(range(8))


@pytest.mark.usefixtures("aws")
def test_a_total_that_is_known_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = fill(30)
    monkeypatch.setattr(table, "count", lambda *_, **__: pytest.fail("counted"))
    assert paging.by_number([stored], 1, 10, lambda: 50_000).total == 50_000
    assert paging.by_number([stored], 2, 10, lambda: 3).total == 20, "what was seen is there"
    assert paging.by_number([stored], 3, 20, lambda: pytest.fail("asked")).total == 30


@pytest.mark.usefixtures("aws")
def test_what_left_its_partition_since_the_index_knew_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    queries = [replace(one, keys_only=True) for one in fill_index(4, 2)]
    late = list(table.pages(queries[0], limit=10))
    table.write(table.Put(table.activity(), keys.belonging("acme", "LOG", "1", "00002") | index_of(1, 2)))
    monkeypatch.setattr(table, "pages", lambda *_, **__: iter(late))
    assert numbers(paging.by_cursor(queries[:1], 10, "")) == [0]


@pytest.mark.usefixtures("aws")
def test_what_is_no_longer_what_was_asked_for_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    (query,) = (replace(one, keys_only=True, condition="#of = :of", values={"of": "a"}) for one in fill_index(2, 1))
    for number in range(2):
        item = keys.belonging("acme", "LOG", "1", f"{number:05}") | index_of(number, 1) | {"of": "a"}
        table.write(table.Put(table.activity(), item))
    late = list(table.pages(query, limit=10))
    table.write(table.Put(table.activity(), keys.belonging("acme", "LOG", "1", "00000") | index_of(0, 1) | {"of": "b"}))
    monkeypatch.setattr(table, "pages", lambda *_, **__: iter(late))
    assert numbers(paging.by_cursor([query], 10, "")) == [1]
