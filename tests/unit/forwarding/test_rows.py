"""The rows of forwarded messages, and whether forwarding runs."""

from dataclasses import replace

import pytest

from functions.forwarding import state
from functions.forwarding.messages import store
from hub.store import paging, table, versioned
from tests.contract import memory
from tests.forwarder import caller, row

pytestmark = pytest.mark.usefixtures("aws", "clock")


def numbers(query: table.Query) -> list[int]:
    return [store.read(item).number for item in paging.by_cursor([query], 10, "").items]


def test_a_message_has_one_row_for_a_mapping() -> None:
    first = row()
    store.write("default", None, first, store.succeeded("default", first))
    again = replace(first, number=2)
    with pytest.raises(versioned.Changed):
        store.write("default", None, again, store.succeeded("default", again))
    other = row(3, id=first.id, mapping_id="000000000002")
    store.write("default", None, other, store.succeeded("default", other))
    places = [(one.mapping_id, one.id) for one in (first, other)] + [("000000000001", "msg_9")]
    assert store.get_many("default", places) == {places[0]: first, places[1]: other}
    assert store.get_many("acme", places) == {}
    assert [event["type"] for event in memory.told()] == ["forward.succeeded"] * 2


def test_rows_stand_in_the_order_of_their_numbers_and_by_what_they_still_are() -> None:
    waits = row(2, status="pending", mapping_id="000000000007")
    for one in (row(1), waits, row(3, status="failed", channel="1")):
        store.write("default", None, one, None)
    assert numbers(store.rows("default")) == [3, 2, 1]
    assert numbers(store.rows("default", "pending")) == [2]
    assert numbers(store.rows("default", channel="1")) == numbers(store.rows("default", "failed")) == [3]
    store.write("default", waits, replace(waits, status="success", version=2), None)
    assert numbers(store.rows("default", "pending")) == []
    assert numbers(store.rows("acme")) == []
    with pytest.raises(versioned.Changed):
        store.write("default", waits, replace(waits, status="failed", version=2), None)
    store.remove([store.key("default", waits.mapping_id, waits.id)])
    assert numbers(store.rows("default")) == [3, 1]


def test_numbers_are_given_once() -> None:
    assert [store.numbered("default", 1), store.numbered("default", 3), store.numbered("default", 1)] == [1, 2, 5]
    assert store.numbered("acme", 1) == 1


def test_stopping_and_starting_tells_of_each_change_once() -> None:
    assert state.is_running("default")
    for running in (True, False, False, True, True):
        state.set_running(caller(), running)
        assert state.is_running("default") == running
    assert [event["type"] for event in memory.told()] == ["forwarder.stopped", "forwarder.started"]
    now = state.get("default")
    assert now.held == "yes"
    assert now.started_at
    assert state.is_running("acme")


def test_nothing_is_held_back_where_nobody_will_look_for_it() -> None:
    with pytest.raises(table.ConditionFailed):
        table.write(state.holding("default"), store.operation("default", None, row(status="pending"), None))
    before = state.set_running(caller(), False)
    table.write(state.holding("default"), store.operation("default", None, row(status="pending"), None))
    state.set_held("default", before, "checking")
    with pytest.raises(table.ConditionFailed):
        table.write(state.holding("default"), store.operation("default", None, row(2, status="pending"), None))
    with pytest.raises(versioned.Changed):
        state.set_held("default", before, "no")
