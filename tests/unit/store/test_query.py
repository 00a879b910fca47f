from collections.abc import Iterator
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from hub.errors import InvalidRequest
from hub.store import paging, query
from hub.store.filters import FieldKind, Filter, Operator
from hub.store.paging import CursorPage, OffsetPage
from hub.web.localisation import text

SCHEMA = query.Schema(
    {
        "id": FieldKind.TEXT,
        "name": FieldKind.TEXT,
        "amount": FieldKind.NUMBER,
        "active": FieldKind.BOOLEAN,
        "createdAt": FieldKind.TIME,
        "tags": FieldKind.TAGS,
        "contact.phone": FieldKind.TEXT,
        "contact.age": FieldKind.NUMBER,
    },
    search=("name", "contact.phone", "tags"),
)

Rows = list[dict[str, Any]]


def matching(parameters: dict[str, str], *rows: dict[str, Any]) -> list[str]:
    parsed = query.parse(parameters, SCHEMA)
    return [row["id"] for row in rows if parsed.matches(row)]


def refusal(parameters: dict[str, str], schema: query.Schema = SCHEMA) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        query.parse(parameters, schema)
    for error in caught.value.fields:
        assert text(error.reason, "zh-CN", error.values)
        assert text(error.reason, "en-US", error.values)
    return caught.value


def walk(parameters: dict[str, str], rows: Rows) -> Iterator[CursorPage[dict[str, Any]]]:
    cursor: str | None = ""
    sent: set[str] = set()
    while cursor is not None:
        assert cursor not in sent
        sent.add(cursor)
        page = query.run(query.parse(parameters | {"cursor": cursor}, SCHEMA), iter(rows))
        assert isinstance(page, CursorPage)
        yield page
        cursor = page.next


def test_the_documents_examples() -> None:
    first = {"id": "1", "status": "active", "createdAt": "2024-01-15T10:30:00Z", "amount": 10000, "industry": "互联网"}
    second = {
        "id": "2",
        "status": "inactive",
        "createdAt": "2023-12-31T23:59:59Z",
        "amount": 10000.5,
        "industry": "金融",
    }
    third = {
        "id": "3",
        "status": "new",
        "createdAt": "2024-01-01T00:00:00Z",
        "amount": -1,
        "industry": "农业",
        "name": "示例科技",
    }
    schema = query.Schema(
        {
            "id": FieldKind.TEXT,
            "status": FieldKind.TEXT,
            "createdAt": FieldKind.TIME,
            "amount": FieldKind.NUMBER,
            "industry": FieldKind.TEXT,
            "name": FieldKind.TEXT,
        },
        search=("name",),
    )

    def found(parameters: dict[str, str]) -> list[str]:
        page = query.run(query.parse(parameters | {"order": "asc", "sort": "id"}, schema), [third, first, second])
        return [row["id"] for row in page.items]

    assert found({"status": "active"}) == ["1"]
    assert found({"status[ne]": "inactive"}) == ["1", "3"]
    assert found({"createdAt[gt]": "2024-01-01"}) == ["1"]
    assert found({"createdAt[gte]": "2024-01-01"}) == ["1", "3"]
    assert found({"amount[lte]": "10000"}) == ["1", "3"]
    assert found({"industry[in]": "互联网,金融"}) == ["1", "2"]
    assert found({"name[like]": "科技"}) == ["3"]
    assert found({"search": "科技"}) == ["3"]
    assert found({"amount[lte]": "10000", "createdAt[gt]": "2024-01-01", "status": "active"}) == ["1"]
    assert found({}) == ["1", "2", "3"]


def test_defaults() -> None:
    parsed = query.parse({}, SCHEMA)
    assert (parsed.sort, parsed.descending, parsed.page, parsed.size) == ("createdAt", True, 1, 20)
    assert (parsed.by_cursor, parsed.after, parsed.fields, parsed.filters) == (False, None, (), ())
    assert query.parse({"limit": "7"}, SCHEMA).size == 7
    assert query.parse({"pageSize": "100"}, SCHEMA).size == 100
    assert query.parse({"cursor": ""}, SCHEMA).by_cursor


def test_filters_are_plain_to_plan_from() -> None:
    parsed = query.parse(
        {"name[like]": "ACME", "amount[in]": "1,2.5", "createdAt[lt]": "2024-01-01", "active": "true"}, SCHEMA
    )
    assert set(parsed.filters) == {
        Filter("name", Operator.LIKE, "acme"),
        Filter("amount", Operator.IN, frozenset({1, 2.5})),
        Filter("createdAt", Operator.LT, datetime(2024, 1, 1, tzinfo=UTC)),
        Filter("active", Operator.EQ, True),
    }


@pytest.mark.parametrize("sign", ["", "[gt]", "[gte]", "[lt]", "[lte]", "[in]"])
@pytest.mark.parametrize(
    "row", [{"id": "1"}, {"id": "1", "amount": None}, {"id": "1", "amount": "5"}, {"id": "1", "amount": True}]
)
def test_only_ne_matches_rows_without_the_field(sign: str, row: dict[str, Any]) -> None:
    assert matching({f"amount{sign}": "1"}, row) == []
    assert matching({"amount[ne]": "1"}, row) == ["1"]


def test_nested_fields() -> None:
    rows = (
        {"id": "1", "contact": {"phone": "138"}},
        {"id": "2", "contact": None},
        {"id": "3"},
        {"id": "4", "contact": "138"},
    )
    assert matching({"contact.phone": "138"}, *rows) == ["1"]
    assert matching({"contact.phone[ne]": "138"}, *rows) == ["2", "3", "4"]


def test_tags_mean_any_element() -> None:
    rows = {"id": "1", "tags": ["VIP", "new"]}, {"id": "2", "tags": []}, {"id": "3", "tags": ["old"]}
    assert matching({"tags": "VIP"}, *rows) == ["1"]
    assert matching({"tags[in]": "VIP,old"}, *rows) == ["1", "3"]
    assert matching({"tags[like]": "vi"}, *rows) == ["1"]
    assert matching({"tags[ne]": "new"}, *rows) == ["2", "3"]


def test_times_are_compared_as_instants() -> None:
    row = {"id": "1", "createdAt": "2024-01-15T10:30:00.500Z"}
    assert matching({"createdAt": "2024-01-15T18:30:00.5+08:00"}, row) == ["1"]
    assert matching({"createdAt": "2024-01-15T10:30:00.500"}, row) == ["1"]  # no zone: UTC
    assert matching({"createdAt": "2024-01-15T18:30:00.5 08:00"}, row) == ["1"]  # an unescaped plus
    assert matching({"createdAt[lt]": "2024-01-15T18:30:00+08:00"}, row) == []
    assert matching({"createdAt[gt]": "0001-01-01T00:00:00+14:00"}, row) == ["1"]
    assert matching({"createdAt[lt]": "9999-12-31T23:59:59-14:00"}, row) == ["1"]


def test_search_wants_every_word_in_any_field_and_no_case() -> None:
    rows = (
        {"id": "1", "name": "ACME 科技", "contact": {"phone": "138"}},
        {"id": "2", "name": "acme"},
        {"id": "3", "tags": ["Acme138"]},
    )
    assert matching({"search": " acme　138 "}, *rows) == ["1", "3"]  # the ideographic space parts words too
    assert matching({"search": "acme"}, *rows) == ["1", "2", "3"]
    assert matching({"search": " "}, *rows) == ["1", "2", "3"]
    assert matching({"search": "科技 139"}, *rows) == []


def test_fields_are_exactly_those_named() -> None:
    row = {"id": "1", "name": None, "amount": 2, "contact": {"phone": "138", "age": 30}}
    assert query.parse({"fields": "name,contact.phone,tags"}, SCHEMA).project(row) == {
        "name": None,
        "contact": {"phone": "138"},
    }
    assert query.parse({"fields": "contact.age,contact.phone"}, SCHEMA).project(row) == {
        "contact": {"age": 30, "phone": "138"}
    }
    assert query.parse({}, SCHEMA).project(row) == row


def test_an_object_can_be_asked_for_whole_and_is_not_written_to() -> None:
    contact = {"phone": "138", "age": 30}
    for fields in ("contact", "contact,contact.phone", "contact.phone,contact"):
        row = {"id": "1", "contact": MappingProxyType(contact)}
        assert query.parse({"fields": fields}, SCHEMA).project(row) == {"contact": contact}


@pytest.mark.parametrize(("order", "expected"), [("asc", "45312"), ("desc", "35421")])
def test_missing_values_come_last_and_ids_break_ties(order: str, expected: str) -> None:
    rows: Rows = [
        {"id": "1", "amount": None},
        {"id": "2"},
        {"id": "3", "amount": 7},
        {"id": "4", "amount": 5},
        {"id": "5", "amount": 5},
    ]
    found = query.parse({"sort": "amount", "order": order}, SCHEMA).sorted(rows)
    assert "".join(row["id"] for row in found) == expected


def test_long_texts_are_ordered_by_their_start_and_their_cursors_fit() -> None:
    start = "😀" * query.MAX_SORT_CHARACTERS
    rows = [{"id": "1", "name": start + "b"}, {"id": "2", "name": start + "a"}, {"id": "3", "name": start[:-1]}]
    pages = list(walk({"sort": "name", "order": "asc", "limit": "1"}, rows))
    assert [page.items[0]["id"] for page in pages] == ["3", "1", "2"]
    assert max(len(page.next or "") for page in pages) < query.MAX_CURSOR


@pytest.mark.parametrize(
    ("parameters", "field", "reason"),
    [
        ({"nope": "1"}, "nope", "unknown_field"),
        ({"nope[gt]": "1"}, "nope[gt]", "unknown_field"),
        ({"contact": "1"}, "contact", "unknown_field"),
        ({"name[like": "1"}, "name[like", "unknown_field"),
        ({"sort[ne]": "id"}, "sort[ne]", "unknown_field"),
        ({"": "1"}, "", "unknown_field"),
        ({"name[regex]": "1"}, "name[regex]", "unknown_operator"),
        ({"name[]": "1"}, "name[]", "unknown_operator"),
        ({"name[eq]": "1"}, "name[eq]", "unknown_operator"),
        ({"name[LIKE]": "1"}, "name[LIKE]", "unknown_operator"),
        ({"active[gt]": "true"}, "active[gt]", "unsupported_operator"),
        ({"active[like]": "true"}, "active[like]", "unsupported_operator"),
        ({"amount[like]": "1"}, "amount[like]", "unsupported_operator"),
        ({"createdAt[like]": "2024"}, "createdAt[like]", "unsupported_operator"),
        ({"tags[lte]": "a"}, "tags[lte]", "unsupported_operator"),
        ({"order": "up"}, "order", "not_one_of"),
        ({"sort": "nope"}, "sort", "not_one_of"),
        ({"sort": ""}, "sort", "not_one_of"),
        ({"sort": "tags"}, "sort", "not_one_of"),
        ({"fields": "id,nope"}, "fields", "unknown_name"),
        ({"fields": ""}, "fields", "unknown_name"),
        ({"fields": "contact."}, "fields", "unknown_name"),
        ({"page": "0"}, "page", "too_small"),
        ({"pageSize": "101"}, "pageSize", "too_large"),
        ({"pageSize": "0"}, "pageSize", "too_small"),
        ({"limit": "101"}, "limit", "too_large"),
        ({"page": "1", "limit": "5"}, "page", "not_combined"),
        ({"pageSize": "1", "cursor": ""}, "pageSize", "not_combined"),
        ({"cursor": "中"}, "cursor", "malformed"),
        ({"cursor": "e30"}, "cursor", "malformed"),
        ({"cursor": paging.write_cursor("[" * 6000)}, "cursor", "malformed"),
        ({"cursor": "a" * 8193}, "cursor", "too_long"),
    ],
)
def test_what_is_refused_as_40001(parameters: dict[str, str], field: str, reason: str) -> None:
    error = refusal(parameters)
    assert [(one.field, one.reason) for one in error.fields] == [(field, reason)]
    assert error.business_code == 40001


@pytest.mark.parametrize(
    ("parameter", "value", "reason"),
    [
        ("amount", "much", "must_be_number"),
        ("amount", "", "must_be_number"),
        ("amount", "1,2", "must_be_number"),
        ("amount[gt]", "nan", "must_be_number"),
        ("amount[gt]", "1e999", "must_be_number"),
        ("amount[gt]", "1_000", "must_be_number"),
        ("amount[gt]", "９", "must_be_number"),
        ("amount[gt]", "9" * 5000, "must_be_number"),
        ("amount[in]", "1,x", "must_be_number"),
        ("active", "yes", "must_be_boolean"),
        ("createdAt[gt]", "yesterday", "must_be_time"),
        ("createdAt[gt]", "2024-02-30", "must_be_time"),
        ("page", "two", "must_be_integer"),
        ("limit", "1.5", "must_be_integer"),
    ],
)
def test_what_is_refused_as_40002(parameter: str, value: str, reason: str) -> None:
    error = refusal({parameter: value})
    assert [(one.field, one.reason) for one in error.fields] == [(parameter, reason)]
    assert error.business_code == 40002


def test_everything_wrong_is_told_at_once() -> None:
    error = refusal({"nope": "1", "amount": "x", "page": "0", "order": "up", "sort": "tags", "fields": "a,b"})
    assert sorted(one.field for one in error.fields) == ["amount", "fields", "fields", "nope", "order", "page", "sort"]
    assert error.business_code == 40001


def test_search_needs_fields_to_search() -> None:
    schema = query.Schema({"id": FieldKind.TEXT}, default_sort="id")
    assert [(one.field, one.reason) for one in refusal({"search": "x"}, schema).fields] == [("search", "unknown_field")]


@pytest.mark.parametrize(
    ("fields", "search", "default_sort"),
    [
        ({"createdAt": FieldKind.TIME}, (), "createdAt"),
        ({"id": FieldKind.NUMBER}, (), "id"),
        ({"id": FieldKind.TEXT}, (), "createdAt"),
        ({"id": FieldKind.TEXT, "limit": FieldKind.NUMBER}, (), "id"),
        ({"id": FieldKind.TEXT, "amount": FieldKind.NUMBER}, ("amount",), "id"),
        ({"id": FieldKind.TEXT, "tags": FieldKind.TAGS}, (), "tags"),
    ],
)
def test_a_schema_that_cannot_work_fails_at_once(
    fields: dict[str, FieldKind], search: tuple[str, ...], default_sort: str
) -> None:
    with pytest.raises(ValueError, match=r"."):
        query.Schema(fields, search, default_sort)


def test_numbered_pages_stop_at_ten_thousand_rows() -> None:
    rows = ({"id": f"{number:06}", "active": number % 2 == 0} for number in range(20_001))
    page = query.run(query.parse({"active": "false", "page": "500", "sort": "id"}, SCHEMA), rows)
    assert isinstance(page, OffsetPage)
    assert (page.total, page.pages, len(page.items)) == (10_000, 500, 20)

    rows = ({"id": f"{number:06}"} for number in range(20_001))
    with pytest.raises(InvalidRequest) as caught:
        query.run(query.parse({}, SCHEMA), rows)
    assert [(one.field, one.reason) for one in caught.value.fields] == [("page", "use_cursor")]
    assert next(rows)["id"] == "010001"


def test_a_page_past_the_end_is_empty() -> None:
    page = query.run(query.parse({"page": "9"}, SCHEMA), [{"id": "1"}])
    assert page == OffsetPage([], 9, 20, 1)


ROWS: Rows = [{"id": str(number), "amount": number, "createdAt": "2024-01-01"} for number in range(9)]


@pytest.mark.parametrize(
    "other",
    [
        {"sort": "id"},
        {"sort": "contact.age"},
        {"order": "asc"},
        {"amount[gte]": "2"},
        {"amount[gte]": None, "amount[gt]": "1"},
        {"amount[gte]": None},
        {"search": "x"},
        {"amount[in]": "1,2"},
    ],
)
def test_a_cursor_of_another_query_is_refused(other: dict[str, str | None]) -> None:
    original = {"sort": "amount", "amount[gte]": "1", "limit": "2"}
    page = next(walk(original, ROWS))
    changed = {name: value for name, value in {**original, **other}.items() if value is not None}
    error = refusal(changed | {"cursor": page.next or ""})
    assert [(one.field, one.reason) for one in error.fields] == [("cursor", "malformed")]


def test_a_cursor_goes_on_with_another_size_and_other_fields() -> None:
    page = next(walk({"sort": "amount", "limit": "2", "amount[in]": "8,7,6,5"}, ROWS))
    parameters = {"sort": "amount", "limit": "3", "amount[in]": "5,6,7,8", "fields": "id", "cursor": page.next or ""}
    assert query.run(query.parse(parameters, SCHEMA), ROWS) == CursorPage([{"id": "6"}, {"id": "5"}], 3, None)


def test_a_cursor_holds_a_value_of_its_kind() -> None:
    first = query.parse({"sort": "amount", "limit": "1"}, SCHEMA)
    cursor = paging.read_cursor(first.cursor_after({"id": "1", "amount": 5}))
    for forged in ('"5"', "true", "[5]", "NaN", "Infinity", "{}"):
        written = paging.write_cursor(cursor.replace(" 5.0,", f" {forged},"))
        assert written != first.cursor_after({"id": "1", "amount": 5})
        assert [one.field for one in refusal({"sort": "amount", "cursor": written}).fields] == ["cursor"]
