"""An import is whole or nothing, wherever its maker dies; nobody writes meanwhile, and the rest is done by the note."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from functions.forwarding import changes, finish, gate
from functions.forwarding.bots import store as bots
from functions.forwarding.mappings import many
from functions.forwarding.mappings import store as mappings
from functions.forwarding.mappings.models import ExportedMapping
from hub.errors import Conflict
from hub.store import keys, table
from tests.contract import memory
from tests.unit.forwarding.conftest import CALLER, TENANT, Maker
from tests.unit.interruptions import Calls

pytestmark = pytest.mark.usefixtures("aws")


def row(channel: str, bot: int) -> ExportedMapping:
    return ExportedMapping(kook_server_id="1", kook_channel_id=channel, target_platform="discord", target_bot_id=bot)


def take_notes() -> list[Any]:
    """Run the worker over what waits in its queue, however long it is to wait."""
    notes = [json.loads(body) for body in memory.received("ForwardingChangesQueue")]
    records = [{"messageId": str(place), "body": json.dumps(note)} for place, note in enumerate(notes)]
    answer = finish.handler({"Records": records}, SimpleNamespace(aws_request_id="a"))
    return list(answer["batchItemFailures"])


def test_wherever_an_import_dies_all_of_it_or_nothing_is_written(
    bot: Maker, mapping: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MAX_TOGETHER", 2)
    # A queue of the tests' gives its messages at once.
    monkeypatch.setattr(changes, "FINISH_SECONDS", 0)
    one = bot()
    calls = Calls(monkeypatch)
    outcomes: set[int] = set()
    for after in (False, True):
        for at in range(40):
            rows = [row(f"{after}-{at}-{number}", one.number) for number in range(3)]
            before = len(mappings.everything(TENANT))
            with calls.dying(at, after) as died:
                many.take(CALLER, rows, "zh-CN")
            assert take_notes() == []
            written = len(mappings.everything(TENANT)) - before
            assert written in (0, 3)
            assert died or written == 3
            assert bots.get(TENANT, one.id).mapping_count == before + written
            assert table.get(table.entities(), gate.key(TENANT)) is None
            outcomes.add(written)
            if not died:
                break
        else:
            raise AssertionError("it never ends")
    assert outcomes == {0, 3}
    told = [event["data"]["mapping_id"] for event in memory.told("forward_mapping.created")]
    assert sorted(told) == sorted(made.number for made in mappings.everything(TENANT)), "one event of each"


def test_what_is_refused_leaves_the_gate_open(bot: Maker) -> None:
    def refuse() -> list[changes.Write]:
        raise Conflict

    with pytest.raises(Conflict):
        changes.make(TENANT, refuse)
    assert table.get(table.entities(), gate.key(TENANT)) is None
    changes.make(TENANT, list)
    assert table.get(table.entities(), gate.key(TENANT)) is None


def test_of_two_changes_at_once_one_is_refused_and_changes_nothing(bot: Maker) -> None:
    one = bot()

    def meanwhile() -> list[changes.Write]:
        with pytest.raises(Conflict) as caught:
            many.take(CALLER, [row("a", one.number)], "zh-CN")
        assert caught.value.error_code == "CHANGE_RUNNING"
        with pytest.raises(Conflict):
            bot("b")
        return [bots.recounted(TENANT, one.id, 0)]

    changes.make(TENANT, meanwhile)
    assert mappings.everything(TENANT) == []
    bot("b")


def test_a_note_of_a_change_that_has_ended_does_nothing_to_another(bot: Maker) -> None:
    gate.close(TENANT, "change_b")
    changes.finish(TENANT, "change_a")
    item = table.get(table.entities(), gate.key(TENANT))
    assert item is not None
    assert item["change_id"] == "change_b"


def test_bytes_and_all_kinds_of_writes_are_kept_as_they_are(bot: Maker) -> None:
    one = bot()
    item = {**keys.entity(TENANT, bots.KIND, "000000000009"), "sealed": b"\x00\xff", "config": {"a": [1, None, True]}}
    writes: list[changes.Write] = [
        table.Put(table.entities(), item),
        bots.recounted(TENANT, one.id, 5),
        table.Delete(table.entities(), keys.entity(TENANT, bots.KIND, "000000000008")),
    ]
    gate.close(TENANT, "change_1")
    changes.keep(TENANT, "change_1", writes)
    changes.finish(TENANT, "change_1")
    assert table.get(table.entities(), keys.entity(TENANT, bots.KIND, "000000000009")) == item
    assert bots.get(TENANT, one.id).mapping_count == 5
