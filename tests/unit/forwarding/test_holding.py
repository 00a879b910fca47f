"""While forwarding is stopped what is captured is held back; started, all of it goes in order, before what is new."""

from types import SimpleNamespace
from typing import Any

import pytest

from functions.forwarding import state
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.delivery import forward, held, release
from tests.conftest import Clock
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.forwarder import new_mapping
from tests.unit.forwarding.flow import (
    CALLER,
    Lambda,
    capture,
    changed_event,
    contents,
    discord_bot,
    discord_took,
    rows,
    said_event,
)

pytestmark = pytest.mark.usefixtures("aws", "clock", "quick")


def turn() -> None:
    """Run the release over all that is in its queue."""
    bodies = memory.received("ForwardReleaseQueue")
    records = [{"messageId": str(n), "body": body} for n, body in enumerate(bodies)]
    answer = release.handler({"Records": records}, SimpleNamespace(aws_request_id="a"))
    assert answer == {"batchItemFailures": []}


def settle(worker: Lambda, turns: int = 6) -> None:
    """Let releases and the worker take turns until nothing is held."""
    for number in range(turns):
        release.release("default", number)
        worker.run()


def test_what_is_held_goes_before_what_is_newer(worker: Lambda, discord: Fake, account: StoredAccount) -> None:
    new_mapping(discord_bot(discord))
    discord.will(*(discord_took(n) for n in range(1, 20)))
    state.set_running(CALLER, False)
    capture(account, *(said_event(n) for n in range(1, 13)))
    assert worker.run() == 0
    assert discord.asked == []
    assert [row.status for row in rows()] == ["pending"] * 12
    state.set_running(CALLER, True)
    memory.published()
    # What comes before the release has begun is behind what is held.
    capture(account, said_event(13))
    worker.run()
    assert discord.asked == []
    turn()
    capture(account, said_event(14))
    worker.run()
    assert contents(discord) == [f"第{n}条" for n in range(1, 15)]
    settle(worker)
    assert state.get("default").held == "no"
    assert {row.status for row in rows()} == {"success"}
    assert list(held.mappings("default")) == []
    capture(account, said_event(15))
    worker.run()
    assert contents(discord)[-1] == "第15条"


def test_changes_are_held_with_their_messages(worker: Lambda, discord: Fake, account: StoredAccount) -> None:
    new_mapping(discord_bot(discord))
    discord.will(*(discord_took(n) for n in range(1, 5)))
    state.set_running(CALLER, False)
    capture(account, said_event(1), changed_event(1, "updated_message", content="改过", updated_at=5), said_event(2))
    worker.run()
    state.set_running(CALLER, True)
    settle(worker)
    assert [(asked.method, asked.json["content"]) for asked in discord.asked] == [
        ("POST", "第1条"),
        ("PATCH", "改过"),
        ("POST", "第2条"),
    ]


def test_a_release_waits_with_its_target_and_goes_on(
    worker: Lambda, discord: Fake, account: StoredAccount, clock: Clock
) -> None:
    new_mapping(discord_bot(discord))
    limited = told({"message": "slow down", "retry_after": 20.0}, 429)
    discord.will(discord_took(1), limited, discord_took(2), discord_took(3))
    state.set_running(CALLER, False)
    capture(account, said_event(1), said_event(2), said_event(3))
    worker.run()
    clock.advance(3 * 86_400)
    state.set_running(CALLER, True)
    release.release("default", 0)
    worker.run()
    # Held for three days, and let go now: it has a day from now on.
    assert len(rows("pending")) == 2
    clock.advance(21)
    worker.run()
    assert contents(discord) == ["第1条", "第2条", "第2条", "第3条"]


def test_stopping_again_stops_a_release(worker: Lambda, discord: Fake, account: StoredAccount) -> None:
    new_mapping(discord_bot(discord))
    discord.will(discord_took(1), discord_took(2))
    state.set_running(CALLER, False)
    capture(account, said_event(1), said_event(2))
    worker.run()
    state.set_running(CALLER, True)
    release.release("default", 0)
    state.set_running(CALLER, False)
    worker.run()
    assert discord.asked == []
    state.set_running(CALLER, True)
    settle(worker)
    assert contents(discord) == ["第1条", "第2条"]


def test_a_release_that_is_not_done_in_time_goes_on_in_another_run(
    worker: Lambda, discord: Fake, account: StoredAccount, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_mapping(discord_bot(discord))
    discord.will(*(discord_took(n) for n in range(1, 4)))
    state.set_running(CALLER, False)
    capture(account, said_event(1), said_event(2), said_event(3))
    worker.run()
    state.set_running(CALLER, True)
    release.release("default", 0)
    send = Fake.answer

    def slow(self: Fake, asked: Any) -> Any:
        clock.advance(forward.BUDGET_MS / 1000)
        return send(self, asked)

    monkeypatch.setattr(Fake, "answer", slow)
    assert len(worker.take(worker.received())) == 0
    assert contents(discord) == ["第1条"]
    worker.run()
    assert contents(discord) == ["第1条", "第2条", "第3条"]


def test_a_worker_that_dies_between_sending_and_forgetting_sends_once(
    worker: Lambda, discord: Fake, account: StoredAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_mapping(discord_bot(discord))
    discord.will(discord_took(1), discord_took(2))
    state.set_running(CALLER, False)
    capture(account, said_event(1))
    worker.run()
    state.set_running(CALLER, True)
    release.release("default", 0)

    def die(*_: Any) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(held, "remove", die)
        batch = worker.received()
        with pytest.raises(OSError, match="killed"):
            worker.take(batch)
    worker.lost(batch)
    settle(worker)
    assert contents(discord) == ["第1条"]
    assert list(held.mappings("default")) == []


def test_what_is_held_back_in_the_moment_of_the_check_is_not_forgotten(
    worker: Lambda, discord: Fake, account: StoredAccount, clock: Clock
) -> None:
    """A run that has read `stopped` holds a message back while the release looks whether any is left."""
    new_mapping(discord_bot(discord))
    discord.will(discord_took(1))
    state.set_running(CALLER, False)
    capture(account, said_event(1))
    standings = forward._standings
    now: list[Any] = []

    def late(things: Any) -> Any:
        found = standings(things)
        state.set_running(CALLER, True)
        now.append(state.set_held("default", state.get("default"), "checking"))
        return found

    forward._standings = late
    try:
        # It can not be held back now, and is looked at again in a moment.
        assert len(worker.take(worker.received())) == 1
    finally:
        forward._standings = standings
    assert list(held.mappings("default")) == []
    assert discord.asked == []
    state.set_held("default", now[0], "no")
    clock.advance(2)
    worker.run()
    assert contents(discord) == ["第1条"]
