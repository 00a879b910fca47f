"""How much a list reads, what it refuses, and what it makes of an index that is behind or a cursor that was forged."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import ids
from hub.errors import InvalidRequest
from hub.store import counters, keys, paging, plan, query, table, totals
from hub.store.counters import Fact
from hub.store.paging import OffsetPage
from tests.unit.store import things
from tests.unit.store.things import LISTING, Row, Thing

BEGAN = 1_795_179_630_000
ORDERS = [
    {"sort": "createdAt"},
    {"sort": "id", "order": "asc"},
    {"colour": "red"},
    {"sort": "amount"},
    {"sort": "name"},
]

pytestmark = pytest.mark.usefixtures("aws")


def thing(number: int, **more: Any) -> Thing:
    """One of many: every second is red, every third has no amount."""
    created = BEGAN + 1000 * number
    values: dict[str, Any] = {
        "name": f"thing {number:04}",
        "colour": "red" if number % 2 else "blue",
        "amount": None if number % 3 == 0 else number,
        "note": f"note {number % 7}",
        "created_at": created,
    }
    return Thing(ids.derived("thing", created, str(number)), **(values | more))


def stored(number: int, tenant: str = "acme") -> list[Row]:
    """The rows of so many things."""
    return things.store(tenant, [thing(one) for one in range(number)])


def refused(parameters: dict[str, str]) -> tuple[str, str, dict[str, Any]]:
    """What a query is refused for."""
    with pytest.raises(InvalidRequest) as caught:
        things.read("acme", parameters)
    (error,) = caught.value.fields
    return error.field, error.reason, error.values


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """The parameters of every Query, held against DynamoDB's limits, which moto does not know."""
    made: list[Mapping[str, Any]] = []
    parameters = table.Query.parameters

    def checked(one: table.Query) -> dict[str, Any]:
        found = parameters(one)
        values = {name: value["S"] for name, value in found["ExpressionAttributeValues"].items()}
        assert 1 <= len(values.pop(":pk").encode()) <= 2048
        assert all(1 <= len(value.encode()) <= 1024 for value in values.values()), values
        assert values.get(":from", "").encode() <= values.get(":to", "\U0010ffff").encode()
        made.append(found)
        return found

    monkeypatch.setattr(table.Query, "parameters", checked)
    return made


def test_what_must_be_read_to_its_end_is_refused_beyond_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = stored(12)
    monkeypatch.setattr(plan, "MAX_READ", 12)
    for parameters in ({"search": "thing"}, {"sort": "note"}, {"sort": "note", "limit": "5"}, {"amount[ne]": "1"}):
        page = things.read("acme", {**parameters, **({} if "limit" in parameters else {"pageSize": "100"})})
        assert page.items == things.reference(rows, parameters)[: page.size]
    monkeypatch.setattr(plan, "MAX_READ", 11)
    for parameters in ({"search": "thing"}, {"amount[ne]": "1"}, {"sort": "name", "colour": "red", "note[ne]": "?"}):
        if "colour" not in parameters:
            assert refused(parameters) == ("page", "too_many_to_count", {"limit": 11})
    expected = {"limit": 11, "expected": "createdAt, id, name, amount, weight"}
    assert (
        refused({"sort": "note"}) == refused({"sort": "note", "limit": "5"}) == ("sort", "too_many_to_sort", expected)
    )
    # Six of them are red, and only these are read.
    assert len(things.read("acme", {"sort": "note", "colour": "red"}).items) == 6


def test_a_numbered_page_counts_up_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    stored(12)
    monkeypatch.setattr(paging, "MAX_OFFSET_ROWS", 5)
    for parameters in ({"colour[in]": "red,blue"}, {"colour": "red"}, {}, {"sort": "amount"}):
        assert refused({**parameters, "pageSize": "2"}) == ("page", "use_cursor", {"limit": 5})
    assert refused({"pageSize": "2", "page": "4"}) == ("page", "use_cursor", {"limit": 5})
    assert refused({"colour": "red", "page": "99999999999"}) == ("page", "use_cursor", {"limit": 5})
    monkeypatch.setattr(paging, "MAX_OFFSET_ROWS", 6)
    page = things.read("acme", {"colour": "red", "pageSize": "2"})
    assert isinstance(page, OffsetPage)
    assert (page.total, page.pages, len(page.items)) == (6, 3, 2)


def test_a_long_list_without_conditions_is_counted_by_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    stored(12)
    counters.count([Fact("acme", f"t_{n}", 1, {totals.COUNTER: {LISTING.kind: 1}}) for n in range(500)])
    monkeypatch.setattr(paging, "MAX_OFFSET_ROWS", 5)
    for parameters in ({}, {"sort": "amount"}, {"sort": "name"}):
        page = things.read("acme", {**parameters, "pageSize": "2"})
        assert isinstance(page, OffsetPage)
        assert page.total == 500
    monkeypatch.setattr(paging, "MAX_OFFSET_ROWS", 10_000)
    last = things.read("acme", {"page": "2", "pageSize": "10"})
    assert isinstance(last, OffsetPage)
    assert (last.total, len(last.items)) == (12, 2), "what was read to its end is known better"
    few = things.read("acme", {"colour": "red", "pageSize": "2"})
    assert isinstance(few, OffsetPage)
    assert few.total == 6


def test_a_short_list_is_counted_whatever_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stored(12)
    for known in (0, 3, plan.MAX_COUNTED):
        monkeypatch.setattr(totals, "total", lambda _tenant, _kind, known=known: known)
        page = things.read("acme", {"pageSize": "2"})
        assert isinstance(page, OffsetPage)
        assert page.total == 12


def test_a_page_by_cursor_ends_after_so_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = stored(40)
    monkeypatch.setattr(plan, "MAX_PASSED", 10)
    for parameters in ({"search": "0000"}, {"note": "note 6", "sort": "amount"}, {"search": "0039", "sort": "name"}):
        pages = list(things.walk("acme", parameters | {"limit": "3"}, most=8))
        assert [row for page in pages for row in page.items] == things.reference(rows, parameters)
        assert len(pages) > 3
        assert any(not page.items and page.next for page in pages)


def test_few_rows_of_a_condition_are_not_looked_for_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = stored(40)
    monkeypatch.setattr(plan, "MAX_PASSED", 3)
    for parameters in (
        {"name": "thing 0007"},
        {"name": "thing 0007", "sort": "amount"},
        {"colour": "red", "sort": "name"},
        {"colour[in]": "red,green", "sort": "amount", "order": "asc"},
        {"amount[gte]": "20", "amount[lt]": "25"},
        {"amount": "20", "sort": "name"},
    ):
        page = things.read("acme", parameters | {"limit": "100"})
        assert page.items == things.reference(rows, parameters)


@pytest.mark.parametrize("parameters", ORDERS, ids=str)
def test_a_page_at_depth_costs_what_the_first_costs(parameters: dict[str, str], calls: Callable[[], list[Any]]) -> None:
    stored(60)
    costs = [calls() for _ in things.walk("acme", parameters | {"limit": "5"}, most=20)]
    *full, _ = costs
    assert len(full) >= 5
    assert len(full[0]) <= 2
    # At depth the row of the cursor is read once more.
    assert max(read for cost in full for _, read in cost) <= 7
    dearer = [cost for cost in full if len(cost) > len(full[0])]
    assert len(dearer) <= (2 if parameters.get("sort") == "amount" else 0), "where those without an amount begin"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
    """Tells which calls of the table were made since it was asked last, and how many rows each brought."""
    made: list[Any] = []
    pages, get_many = table.pages, table.get_many

    def paged(*arguments: Any, **more: Any) -> Iterator[Any]:
        for page, following in pages(*arguments, **more):
            made.append(("Query", len(page)))
            yield page, following

    def got(wanted: Any, **more: Any) -> Any:
        found = get_many(wanted, **more)
        if found:
            made.append(("BatchGetItem", len(found)))
        return found

    def since() -> list[Any]:
        told = made.copy()
        made.clear()
        return told

    monkeypatch.setattr(table, "pages", paged)
    monkeypatch.setattr(table, "get_many", got)
    return since


def test_many_values_ask_each_partition_for_its_share(asked: list[Mapping[str, Any]], calls: Any) -> None:
    things.store("acme", [thing(number, colour=f"c{number % 20}") for number in range(60)])
    colours = ",".join(f"c{number}" for number in range(20))
    assert len(things.read("acme", {"colour[in]": colours, "limit": "10"}).items) == 10
    made = calls()
    assert [name for name, _ in made].count("BatchGetItem") == 1
    assert sum(read for name, read in made if name == "Query") <= 60
    assert len(asked) == 20
    assert len(things.read("acme", {"colour[in]": f"{colours},c20", "limit": "10"}).items) == 10
    assert len(asked) == 21, "one value more, and the kind's partition is read"


def change_before_it_is_read(monkeypatch: pytest.MonkeyPatch, changes: Sequence[Callable[[], None]]) -> None:
    """Let things change after the rows of an index were read, and before the items they stand for are."""
    waiting = list(changes)
    get_many = table.get_many

    def late(wanted: Any, **more: Any) -> Any:
        while waiting:
            waiting.pop()()
        return get_many(wanted, **more)

    monkeypatch.setattr(table, "get_many", late)


def rewritten(before: Thing, **changes: Any) -> None:
    """Write a thing anew, as rooms do: the item with its places in the indexes, and its name."""
    after = Thing(**{name: getattr(before, name) for name in before.__slots__} | changes)
    table.put_many(table.entities(), [things.item_of("acme", after)])
    if after.name != before.name:
        table.put_many(table.entities(), [things.name_of("acme", after)])
        table.delete_many(table.entities(), [keys.entity("acme", "THING_NAME", before.name)])


def deleted(one: Thing) -> None:
    """Delete a thing, as rooms do."""
    event = {"id": "evt_1"}
    table.write(table.tombstone(keys.entity("acme", LISTING.kind, one.id), [event], 1))
    table.delete_many(table.entities(), [keys.entity("acme", "THING_NAME", one.name)])


@pytest.mark.parametrize("paged", [{"limit": "4"}, {"pageSize": "4"}], ids=str)
@pytest.mark.parametrize(
    ("parameters", "changes", "gone"),
    [
        ({"colour": "red"}, {"colour": "blue"}, True),
        ({"colour": "red"}, {"colour": None}, True),
        ({"colour": "red"}, {"note": "other"}, False),
        ({"colour[in]": "red,green"}, {"colour": "green"}, True),
        ({"sort": "amount"}, {"amount": 1000.5}, True),
        ({"sort": "amount"}, {"amount": None}, True),
        ({"sort": "amount"}, {"note": "other"}, False),
        ({"sort": "name"}, {"name": "thing zzz"}, True),
        ({"sort": "name"}, {"amount": 3}, False),
    ],
    ids=str,
)
def test_what_changes_while_it_is_read_is_shown_as_it_is_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, parameters: dict[str, str], paged: dict[str, str], changes: Row, gone: bool
) -> None:
    made = [thing(number, colour="red", amount=number) for number in range(10)]
    things.store("acme", made)
    changed, removed = made[8], made[9]
    change_before_it_is_read(monkeypatch, [lambda: rewritten(changed, **changes), lambda: deleted(removed)])
    first = things.read("acme", parameters | paged)
    found = [row["id"] for row in first.items]
    assert removed.id not in found
    assert (changed.id not in found) == gone
    assert len(set(found)) == len(found)
    if "limit" in paged:
        for page in things.walk("acme", parameters | paged, most=9):
            assert removed.id not in [row["id"] for row in page.items]


def test_a_row_that_an_index_has_twice_for_a_moment_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [thing(number, colour="red") for number in range(3)]
    things.store("acme", made)
    behind = made[1]
    pages = table.pages

    def with_what_was(rows: table.Query, **more: Any) -> Iterator[Any]:
        for page, following in pages(rows, **more):
            old = keys.index(1, "acme", "THING_COLOUR", "blue", item_id=behind.id)
            left = [{**keys.entity("acme", "THING", behind.id), **old}] if rows.pk.endswith("#blue") else []
            yield page + left, following

    monkeypatch.setattr(table, "pages", with_what_was)
    for paged in ({"limit": "10"}, {"pageSize": "10"}, {"limit": "10", "sort": "note"}):
        found = things.read("acme", {"colour[in]": "red,blue", **paged}).items
        assert sorted(row["id"] for row in found) == sorted(one.id for one in made)
    assert things.read("acme", {"colour": "blue", "limit": "10"}).items == []


REFUSALS = {("cursor", "malformed"), ("cursor", "too_long")}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 1e300, 10**30]),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(["", "\0", "\U0010ffff" * 300, "示" * 700, "2026-11-20T13:00:31Z", "0001-01-01T00:00:00+23:59"]),
    st.lists(st.integers(), max_size=2),
)
IDS = st.one_of(SCALARS, st.sampled_from(["thing_", "thing_01M7WGPMCSZZ1CKPB23DFGBRMB", "z"]))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_forged_cursor_is_answered_or_refused(asked: list[Any], data: st.DataObject) -> None:
    del asked
    tenant = things.new_tenant()
    things.store(tenant, [thing(number) for number in range(3)])
    sort = data.draw(st.sampled_from(["id", "createdAt", "name", "amount", "note", "active"]))
    parameters = {"sort": sort, "order": data.draw(st.sampled_from(["asc", "desc"])), "limit": "1"}
    parameters |= data.draw(st.sampled_from([{}, {"colour": "red"}, {"colour[in]": "red,blue"}, {"amount[gte]": "1"}]))
    page = things.read(tenant, parameters)
    cursor = getattr(page, "next", None) or query.parse(parameters, things.SCHEMA).cursor_after(page.items[0])
    fingerprint, value, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    forged = [fingerprint, data.draw(st.one_of(st.just(value), SCALARS)), data.draw(st.one_of(st.just(row_id), IDS))]
    written = paging.write_cursor(json.dumps(forged))
    refusal: InvalidRequest | None = None
    try:
        assert len(things.read(tenant, parameters | {"cursor": written}).items) <= 1
    except InvalidRequest as error:
        refusal = error
    assert refusal is None or {(one.field, one.reason) for one in refusal.fields} <= REFUSALS


LONG = ["x" * 3000, "示" * 700, "🎈" * 600, "#" * 700, "\U0010ffff" * 600, "", "\0", " ", "a" * 250, "a" * 251]


@pytest.mark.parametrize("text", LONG, ids=lambda text: f"{text[:1]!r}*{len(text)}")
def test_values_that_no_key_can_hold_match_nothing(asked: list[Mapping[str, Any]], text: str) -> None:
    rows = stored(4)
    for name in ("colour", "name", "id", "note"):
        for sign in ("", "[in]", "[gt]", "[gte]", "[lt]", "[lte]", "[like]", "[ne]"):
            for paged in ({}, {"limit": "2"}, {"limit": "2", "sort": "amount"}):
                parameters = {f"{name}{sign}": text}
                page = things.read("acme", parameters | paged)
                size = 2 if paged else 20
                expected = things.reference(rows, parameters | ({"sort": "amount"} if "sort" in paged else {}))
                assert page.items == expected[:size]
    assert asked


def test_places_in_the_indexes() -> None:
    row = {"id": "thing_1", "colour": "a#b%", "shape": 5, "amount": True, "weight": -1.5}
    assert LISTING.index_keys("acme", row) == {
        "gsi1_pk": "T#acme#THING_COLOUR#a%23b%25",
        "gsi1_sk": "thing_1",
        "gsi3_pk": "T#acme#THING_AMOUNT#NONE",
        "gsi3_sk": "thing_1",
        "gsi4_pk": "T#acme#THING_WEIGHT",
        "gsi4_sk": "4007ffffffffffff#thing_1",
    }


@pytest.mark.parametrize(
    "indexes",
    [
        {"equal": {"amount": plan.Index(1, "A")}},
        {"equal": {"unknown": plan.Index(1, "A")}},
        {"ordered": {"name": plan.Index(1, "A")}},
        {"unique": {"tags": "A"}},
        {"equal": {"colour": plan.Index(1, "A")}, "ordered": {"amount": plan.Index(1, "B")}},
    ],
    ids=str,
)
def test_indexes_that_could_not_answer_are_refused(indexes: Any) -> None:
    with pytest.raises(ValueError, match="index"):
        plan.Listing(things.SCHEMA, "THING", "thing", things.shown, **indexes)


def test_another_tenants_things_are_in_no_list() -> None:
    stored(3, "other")
    rows = stored(2)

    for parameters in ORDERS:
        for paged in ({"pageSize": "10"}, {"limit": "10"}):
            found = things.read("acme", parameters | paged).items
            assert found == things.reference(rows, parameters)
