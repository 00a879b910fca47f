from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from hub import aws as clients
from hub.errors import Unavailable
from hub.store import keys, table

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("aws")

KEY = keys.entity("acme", "THING", "1")


class Answers:
    """Stands before a call of DynamoDB's and gives its own answers first; the rest go through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, operation: str, *first: Any) -> None:
        self.calls: list[dict[str, Any]] = []
        self._first = list(first)
        self._real: Callable[..., Any] = getattr(clients.dynamodb(), operation)
        monkeypatch.setattr(clients.dynamodb(), operation, self)

    def __call__(self, **parameters: Any) -> Any:
        self.calls.append(parameters)
        if not self._first:
            return self._real(**parameters)
        answer = self._first.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between tries, not waited."""
    waited: list[float] = []
    monkeypatch.setattr("hub.store.table.time.sleep", waited.append)
    return waited


def refusal(code: str, operation: str = "TransactWriteItems", **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": ""}, **more}
    return ClientError(response, operation)


def put(**attributes: Any) -> None:
    table.write(table.Put(table.entities(), {**KEY, **attributes}))


def test_a_failed_condition_tells_what_is_stored() -> None:
    put(color="red")
    with pytest.raises(table.ConditionFailed) as caught:
        table.write(table.Put(table.entities(), {**KEY, "color": "blue"}, table.ABSENT))
    assert caught.value.item == {**KEY, "color": "red"}
    assert table.get(table.entities(), KEY) == {**KEY, "color": "red"}


def test_a_failed_condition_of_what_is_not_there_tells_nothing() -> None:
    for operation in (
        table.Update(table.entities(), KEY, "SET #color = :color", table.PRESENT, {"color": "blue"}),
        table.Delete(table.entities(), KEY, table.PRESENT),
    ):
        with pytest.raises(table.ConditionFailed) as caught:
            table.write(operation)
        assert caught.value.item is None
    assert table.get(table.entities(), KEY) is None


def test_writes_together_are_all_or_none_and_tell_which_failed() -> None:
    put(color="red")
    second = keys.entity("acme", "THING", "2")
    with pytest.raises(table.ConditionFailed) as caught:
        table.write(
            table.Put(table.entities(), {**second, "color": "blue"}),
            table.Update(table.entities(), KEY, "SET #color = :new", "#color = :seen", {"new": "b", "seen": "green"}),
        )
    assert caught.value.position == 1
    assert table.get(table.entities(), second) is None


def test_a_write_beside_a_check_is_made_only_while_the_check_holds() -> None:
    put(color="red")
    second = keys.entity("acme", "THING", "2")
    check = table.ConditionCheck(table.entities(), KEY, "#color = :color", {"color": "red"})
    table.write(table.Put(table.entities(), {**second, "color": "blue"}), check)
    table.write(check)
    put(color="green")
    for operations in ([check], [table.Delete(table.entities(), second), check]):
        with pytest.raises(table.ConditionFailed) as caught:
            table.write(*operations)
        assert caught.value.position == len(operations) - 1
        assert caught.value.item == {**KEY, "color": "green"}
    assert table.get(table.entities(), second) == {**second, "color": "blue"}
    assert table.get(table.entities(), KEY) == {**KEY, "color": "green"}


def test_a_conflict_of_transactions_is_tried_again(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    conflict = refusal("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}, {}])
    answers = Answers(monkeypatch, "transact_write_items", conflict, conflict)
    table.write(*(table.Put(table.entities(), keys.entity("acme", "THING", one)) for one in "12"))
    assert len(answers.calls) == 3
    assert len(waits) == 2
    assert table.get(table.entities(), KEY) is not None


def test_a_conflict_that_does_not_end_is_unavailable(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    conflict = refusal("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}])
    answers = Answers(monkeypatch, "transact_write_items", *[conflict] * 10)
    with pytest.raises(Unavailable):
        table.write(*(table.Put(table.entities(), keys.entity("acme", "THING", one)) for one in "12"))
    assert len(answers.calls) == table.ATTEMPTS
    assert sum(waits) < 2


def test_a_transaction_that_is_wrong_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = refusal("TransactionCanceledException", CancellationReasons=[{"Code": "ValidationError"}])
    answers = Answers(monkeypatch, "transact_write_items", wrong, wrong)
    with pytest.raises(ClientError):
        table.write(*(table.Put(table.entities(), keys.entity("acme", "THING", one)) for one in "12"))
    assert len(answers.calls) == 1


@pytest.mark.parametrize("code", sorted(table._THROTTLED))
def test_a_throttled_table_is_unavailable(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    Answers(monkeypatch, "get_item", refusal(code, "GetItem"))
    with pytest.raises(Unavailable):
        table.get(table.entities(), KEY)


def test_another_error_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Answers(monkeypatch, "get_item", refusal("AccessDeniedException", "GetItem"))
    with pytest.raises(ClientError, match="AccessDenied"):
        table.get(table.entities(), KEY)


def test_what_a_batch_left_unread_is_read_again(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    second = keys.entity("acme", "THING", "2")
    put()
    table.write(table.Put(table.entities(), second))
    raw = [{name: {"S": value} for name, value in key.items()} for key in (KEY, second)]
    partly = {"Responses": {"Table": [raw[0]]}, "UnprocessedKeys": {"Table": {"Keys": [raw[1]]}}}
    answers = Answers(monkeypatch, "batch_get_item", partly)
    found = table.get_many({table.entities(): [KEY, second, KEY]})
    assert found.keys() == {("Table", KEY["pk"], "1"), ("Table", KEY["pk"], "2")}
    assert len(answers.calls[0]["RequestItems"]["Table"]["Keys"]) == 2, "DynamoDB refuses a key asked for twice"
    assert answers.calls[1]["RequestItems"] == partly["UnprocessedKeys"]
    assert len(waits) == 1


def test_what_a_batch_never_reads_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = {"Responses": {}, "UnprocessedKeys": {"Table": {"Keys": []}}}
    answers = Answers(monkeypatch, "batch_get_item", *[nothing] * 10)
    with pytest.raises(Unavailable):
        table.get_many({table.entities(): [KEY]})
    assert len(answers.calls) == table.ATTEMPTS


def test_reading_nothing_makes_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(monkeypatch, "batch_get_item")
    assert table.get_many({table.entities(): []}) == {}
    assert answers.calls == []


def test_what_a_batch_left_unwritten_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [keys.entity("acme", "THING", str(number)) for number in range(30)]
    left = {"UnprocessedItems": {"Table": [{"PutRequest": {"Item": {k: {"S": v} for k, v in items[0].items()}}}]}}
    answers = Answers(monkeypatch, "batch_write_item", left)
    table.put_many(table.entities(), items)
    assert [len(call["RequestItems"]["Table"]) for call in answers.calls] == [25, 1, 5]


def test_what_a_batch_never_writes_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    left: Any = {"UnprocessedItems": {"Table": [{"PutRequest": {"Item": {}}}]}}
    answers = Answers(monkeypatch, "batch_write_item", *[left] * 10)
    with pytest.raises(Unavailable):
        table.put_many(table.entities(), [KEY])
    assert len(answers.calls) == table.ATTEMPTS


def test_a_tombstone_is_seen_by_nobody() -> None:
    put(color="red")
    table.write(table.tombstone(KEY, [{"id": "evt_1"}], 1_700_000_000))
    query = table.Query(table.entities(), KEY["pk"])
    assert table.get(table.entities(), KEY) is None
    assert table.get_many({table.entities(): [KEY]}) == {}
    assert list(table.items(query)) == []
    assert table.count(query, after=None, bound=10) == 0
    with pytest.raises(table.ConditionFailed):
        table.write(table.Update(table.entities(), KEY, "SET #color = :c", table.PRESENT, {"c": "blue"}))
    with pytest.raises(table.ConditionFailed):
        table.write(table.tombstone(KEY, [], 1))


def test_a_new_entity_can_take_the_place_of_a_tombstone() -> None:
    put(color="red")
    table.write(table.tombstone(KEY, [{"id": "evt_1"}], 1_700_000_000))
    table.write(table.Put(table.entities(), {**KEY, "color": "blue"}, table.ABSENT))
    assert table.get(table.entities(), KEY) == {**KEY, "color": "blue"}


def test_nothing_can_be_deleted_twice() -> None:
    with pytest.raises(table.ConditionFailed):
        table.write(table.tombstone(KEY, [], 1))


def test_a_query_reads_its_partition_and_range_in_order() -> None:
    for tenant, one in (("acme", "1"), ("acme", "2"), ("acme", "30"), ("acme-2", "1")):
        table.write(table.Put(table.entities(), keys.entity(tenant, "THING", one)))
    pk = KEY["pk"]
    found = [item["sk"] for item in table.items(table.Query(table.entities(), pk))]
    assert found == ["30", "2", "1"]
    assert [item["sk"] for item in table.items(table.Query(table.entities(), pk, prefix="3"))] == ["30"]
    between = table.Query(table.entities(), pk, between=("1", "2"), newest_first=False)
    assert [item["sk"] for item in table.items(between)] == ["1", "2"]
    pages = [[item["sk"] for item in page] for page, _ in table.pages(table.Query(table.entities(), pk), limit=2)]
    assert [one for page in pages for one in page] == found


def test_no_partition_is_that_of_another_tenant() -> None:
    assert keys.TENANT_PATTERN.match("acme")
    for junk in ("", "A", "a#b", "-a", "a\n", "a" * 33, "租户"):
        assert not keys.TENANT_PATTERN.match(junk)


@pytest.mark.parametrize(("told", "taken"), [([{"id": "evt_1"}], True), ([{"id": "evt_2"}], False), ([], False)])
def test_a_write_that_meets_itself_was_made(told: list[dict[str, str]], taken: bool) -> None:
    key = keys.entity("acme", "THING", "1")
    table.write(table.Put(table.entities(), {**key, "events": told, "version": 1}, table.ABSENT))
    again = table.Put(table.entities(), {**key, "events": [{"id": "evt_1"}], "version": 1}, table.ABSENT)
    if taken:
        table.write(again)
    else:
        with pytest.raises(table.ConditionFailed):
            table.write(again)


@pytest.mark.parametrize(
    ("condition", "found", "taken"),
    [
        (table.ABSENT, {"name": "a", "size": 1.5}, True),
        (table.ABSENT, {"name": "a", "size": 2}, False),
        (table.ABSENT, {"name": "a", "size": 1.5, "events": [{"id": "evt_1"}]}, False),
        ("attribute_not_exists(pk)", {"name": "a", "size": 1.5}, False),
    ],
)
def test_an_entity_without_events_that_meets_itself_was_made(
    condition: str, found: dict[str, Any], taken: bool
) -> None:
    put(**found)
    again = table.Put(table.entities(), {**KEY, "name": "a", "note": None, "size": 1.5}, condition)
    if taken:
        table.write(again)
    else:
        with pytest.raises(table.ConditionFailed):
            table.write(again)
