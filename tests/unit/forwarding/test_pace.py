"""At a target's pace: who has to wait takes no slot, and whoever comes back goes on."""

from types import SimpleNamespace

import pytest

from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.bots import store as bots
from functions.forwarding.delivery import groups
from hub import pacing, times
from tests.conftest import Clock
from tests.contract.connectors.fakes import Fake, told
from tests.forwarder import new_account, new_mapping
from tests.unit.forwarding.flow import Lambda, capture, contents, discord_bot, discord_took, said_event, telegram_bot

DISCORDS = 0.5
TOOK = told({"ok": True, "result": {"message_id": 7, "chat": {"id": -100123}}})


@pytest.fixture(autouse=True)
def passing(aws: None, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sleeps lets Hub's time pass."""
    monkeypatch.setattr(groups, "time", SimpleNamespace(sleep=clock.advance))


def seconds_until(worker: Lambda, clock: Clock, fake: Fake, number: int) -> float:
    """Run the function whenever something is due, until a target was told so often."""
    begun = clock.seconds
    while len(fake.asked) < number:
        assert clock.seconds < begun + 600, f"{len(fake.asked)} of {number} after ten minutes"
        worker.run()
        clock.advance(0.5)
    return clock.seconds - begun


def busy_for(name: str, seconds: float, per_second: float) -> None:
    """Have others take a pace's next slots."""
    pacing.reserve("default", name, int(seconds * per_second), per_second)


def test_who_comes_back_to_a_busy_target_goes_on(
    worker: Lambda, clock: Clock, discord: Fake, account: StoredAccount
) -> None:
    bot = discord_bot(discord)
    new_mapping(bot)
    discord.will(*(discord_took(number) for number in range(10)))
    capture(account, *(said_event(number) for number in range(10)))
    busy_for(bots.place(bot.id), 20, DISCORDS)
    assert seconds_until(worker, clock, discord, 10) <= 20 + 10 / DISCORDS + 5
    assert contents(discord) == [f"第{number}条" for number in range(10)]


def test_mappings_that_share_a_bot_all_come_to_their_turn(worker: Lambda, clock: Clock, discord: Fake) -> None:
    bot, each = discord_bot(discord), 7
    for channel in ("1", "2", "3"):
        new_mapping(bot, channel=channel)
        capture(new_account(), *(said_event(number, f"{channel} {number}", channel=channel) for number in range(each)))
    discord.will(*(discord_took(number) for number in range(3 * each)))
    assert seconds_until(worker, clock, discord, 3 * each) <= 3 * each / DISCORDS + 20
    for channel in ("1", "2", "3"):
        own = [text for text in contents(discord) if text.startswith(channel)]
        assert own == [f"{channel} {number}" for number in range(each)]


def test_who_waits_comes_back_before_those_who_would_take_the_next_slots(
    worker: Lambda, clock: Clock, discord: Fake, account: StoredAccount
) -> None:
    bot = discord_bot(discord)
    new_mapping(bot)
    busy_for(bots.place(bot.id), 20, DISCORDS)
    capture(account, said_event(1))
    worker.run()
    clock.advance(20 - groups.INLINE_MS / 1000 - 1)
    assert worker.received() == []
    clock.advance(1)
    discord.will(discord_took())
    assert worker.run() == 0
    assert len(discord.asked) == 1


def test_of_two_paces_none_is_taken_where_one_is_busy(
    worker: Lambda, clock: Clock, telegram: Fake, account: StoredAccount
) -> None:
    bot = telegram_bot(telegram)
    new_mapping(bot, "-100123")
    capture(account, said_event(1))
    busy_for(f"{bots.place(bot.id)}#-100123", 10, 1)
    worker.run()
    assert telegram.asked == []
    [free] = pacing.reserve("default", bots.place(bot.id), 1, 30)
    assert free == times.now_ms(), "what was taken of the bot's pace was given back"
    telegram.will(TOOK)
    assert seconds_until(worker, clock, telegram, 1) <= 12


@pytest.mark.usefixtures("worker")
def test_slots_that_are_far_are_left(clock: Clock) -> None:
    assert pacing.reserve_soon("default", "a", 4, 2, 1000) == [times.now_ms() + wait for wait in (0, 500, 1000, 1500)]
    assert pacing.reserve_soon("default", "a", 1, 2, 1000) == pacing.Later(times.now_ms() + 2000)
    clock.advance(1)
    taken = pacing.reserve_soon("default", "a", 1, 2, 1000)
    assert taken == [times.now_ms() + 1000]
    pacing.give_back("default", "a", taken, 2)
    assert pacing.reserve("default", "a", 1, 2) == taken
    others = pacing.reserve("default", "a", 2, 2)
    pacing.give_back("default", "a", taken, 2)
    assert pacing.reserve("default", "a", 1, 2) == [others[-1] + 500], "nobody's slots are taken from them"
