"""Figures of days: exact under what comes again, in any order, from any number of workers at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.forwarding.statistics import days
from functions.forwarding.statistics.days import Ending
from hub.errors import Unavailable
from hub.store import table
from tests.contract import memory

pytestmark = pytest.mark.usefixtures("aws")

TENANT, DAY = "acme", "2026-11-20"


def endings(first: int, count: int, platform: str = "discord", status: str = "success") -> list[Ending]:
    return [Ending(f"evt_{number}", status, platform, 10) for number in range(first, first + count)]


def total() -> int:
    return days.between(TENANT, DAY, DAY).number()


def size() -> int:
    (item,) = (one for one in memory.stored() if one["pk"]["S"] == f"T#{TENANT}#FORWARD_DAY")
    return len(str(item).encode())


def test_messages_are_counted_by_status_and_platform_with_their_time() -> None:
    days.add(TENANT, DAY, [*endings(0, 3), *endings(3, 2, "telegram"), Ending("x", "failed", "discord", None)])
    found = days.between(TENANT, DAY, DAY)
    assert found.counts == {("success", "discord"): 3, ("success", "telegram"): 2, ("failed", "discord"): 1}
    assert (found.number("success"), found.number(platform="discord"), found.number()) == (5, 4, 6)
    assert (found.latency_ms, found.latency_n) == (50, 5)


def test_what_comes_again_counts_once_also_within_a_batch() -> None:
    for _ in range(3):
        days.add(TENANT, DAY, endings(0, 5) + endings(0, 5))
    days.add(TENANT, DAY, endings(3, 5))
    assert total() == 8


def test_a_batch_that_is_known_writes_nothing() -> None:
    days.add(TENANT, DAY, endings(0, 5))
    before = memory.stored()
    days.add(TENANT, DAY, endings(0, 5))
    assert memory.stored() == before


def test_the_error_is_as_stated_and_the_item_stays_small() -> None:
    days.add(TENANT, DAY, endings(0, days.RECENT))
    days.add(TENANT, DAY, endings(0, 1))
    assert total() == days.RECENT
    days.add(TENANT, DAY, endings(1000, 1))
    days.add(TENANT, DAY, endings(0, 1))
    assert total() == days.RECENT + 2, "what comes again after 200 later ones counts twice"
    assert size() < 4500, "written out; some 1.3 KB as DynamoDB counts"


def test_workers_at_once_lose_nothing_and_count_nothing_twice() -> None:
    batches = [endings(number * 10, 10) for number in range(6)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda batch: days.add(TENANT, DAY, batch), [*batches, *batches[:3]]))
    assert total() == 60


def test_a_day_that_is_always_written_by_another_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object) -> None:
        raise table.ConditionFailed(0, None)

    monkeypatch.setattr(table, "write", lose)
    monkeypatch.setattr(table, "back_off", lambda _: None)
    with pytest.raises(Unavailable):
        days.add(TENANT, DAY, endings(0, 1))


def test_what_was_cleared_is_not_in_the_log_and_still_in_the_figures() -> None:
    for day in ("2026-11-18", "2026-11-19", "2026-11-20"):
        days.add(TENANT, day, endings(0, 2))
    assert days.kept(TENANT, "2026-08-22", "2026-11-19").number() == 4
    days.clear(TENANT, "2026-11-19")
    days.clear(TENANT, "2026-11-18")
    assert days.kept(TENANT, "2026-08-22", "2026-11-19").number() == 2
    assert days.between(TENANT, "2026-11-01", "2026-11-20").number() == 6
