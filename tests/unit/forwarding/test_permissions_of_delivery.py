"""The functions of capture and forwarding may do exactly what they do (as `tests/unit/test_permissions.py` has it)."""

import base64
import json
from typing import Any

import pytest

from functions.forwarding import captured, state
from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.capture import intake
from functions.forwarding.delivery import forward
from hub import pacing
from hub.connectors import callbacks
from tests.conftest import Clock
from tests.contract import memory
from tests.contract.connectors.fakes import Asked, Fake, Reply, told
from tests.forwarder import caller, new_account, new_mapping
from tests.unit.forwarding.flow import (
    CALLER,
    Lambda,
    changed_event,
    discord_bot,
    discord_took,
    records,
    said_event,
    telegram_bot,
)
from tests.unit.forwarding.test_capture import encrypted
from tests.unit.granting import Work, granted

pytestmark = pytest.mark.usefixtures("aws", "clock")


def batch(*bodies: Any) -> dict[str, Any]:
    return {"Records": [{"messageId": str(n), "body": json.dumps(body)} for n, body in enumerate(bodies)]}


def test_kook_callbacks(discord: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    new_mapping(discord_bot(discord))
    account = new_account(last_active=None)
    work = Work("KookCallbacksFunction", "", monkeypatch)
    event = work.event("POST /kook/callback/{callback_id}", None, callback_id=account.callback_id)
    raw = encrypted(said_event(1))
    event |= {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}
    assert work.run(event)["statusCode"] == 200
    assert work.used == granted("KookCallbacksFunction")


def test_kook_schedules(monkeypatch: pytest.MonkeyPatch) -> None:
    account = new_account()
    work = Work("KookSchedulesFunction", "", monkeypatch)
    told_of = {"tenant": "default", "data": {"account_id": account.number}}
    for _ in range(2):
        assert work.run(batch(told_of)) == {"batchItemFailures": []}
    accounts.replace(caller(), account, StoredAccount(**{**fields(account), "is_started": False, "version": 2}))
    assert work.run(batch(told_of)) == {"batchItemFailures": []}
    assert work.used == granted("KookSchedulesFunction")


def fields(account: StoredAccount) -> dict[str, Any]:
    return {name: getattr(account, name) for name in account.__dataclass_fields__}


def test_kook_poll(discord: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    new_mapping(discord_bot(discord))
    said = said_event(1)
    item = {"id": said["msg_id"], "type": 9, "content": "x", "create_at": 2_000_000_000_000}
    item |= {"author": said["extra"]["author"]}
    empty, one = (told({"code": 0, "message": "", "data": {"items": items}}) for items in ([], [item]))
    work = Work("KookPollFunction", "", monkeypatch)
    with Fake(empty, one, told({"code": 429, "message": ""}, 429, {"X-Rate-Limit-Reset": "1"})) as kook:
        account = new_account(f"{kook.url}/api/v3", last_active=None)
        body = {"tenant": "default", "account": account.id}
        for _ in range(3):
            assert work.run(batch(body)) == {"batchItemFailures": []}
    assert work.run(batch({"tenant": "default", "account": "000000000009"})) == {"batchItemFailures": []}
    assert work.used == granted("KookPollFunction")


class Slow(Fake):
    """Answers when the function's time is over."""

    clock: Clock

    def answer(self, asked: Asked) -> Reply:
        self.clock.advance(forward.BUDGET_MS / 1000)
        return super().answer(asked)


def test_forward(worker: Lambda, discord: Fake, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve = pacing.reserve_soon
    monkeypatch.setattr(
        pacing, "reserve_soon", lambda tenant, name, slots, _, within: reserve(tenant, name, slots, 100_000, within)
    )
    new_mapping(discord_bot(discord))
    with Fake(told({"code": 0, "message": "", "data": {}})) as kook:
        account = new_account(f"{kook.url}/api/v3")
        work = Work("ForwardFunction", "", monkeypatch)

        def take(*events: dict[str, Any]) -> None:
            intake.take("default", account, callbacks.readable(intake.heard, events))
            run(worker, work)

        discord.will(discord_took(1))
        take(said_event(1))
        discord.will(discord_took(1))
        take(changed_event(1, "updated_message", content="y", updated_at=1))
        discord.will(told({"message": "Unknown Webhook", "code": 10015}, 404))
        take(said_event(2))
    with Slow() as late:
        late.clock = clock
        late.will(discord_took(3), discord_took(4))
        held_by = new_mapping(discord_bot(late), "1", channel="3")
        state.set_running(CALLER, False)
        take(said_event(3, channel="3"), said_event(4, channel="3"))
        state.set_running(CALLER, True)
        worker.put(captured.written(captured.Captured("default", "release", held_by, "", "", "1", 1)))
        run(worker, work)
    with Fake(Reply(502)) as other:
        new_mapping(discord_bot(other), "2", channel="1")
        take(said_event(4, channel="1"))
    with Fake(told({"message": "slow", "retry_after": 5.0}, 429)) as slow:
        new_mapping(discord_bot(slow), "3", channel="2")
        take(said_event(5, channel="2"))
    moved = {"ok": False, "error_code": 400, "description": "", "parameters": {"migrate_to_chat_id": 1}}
    with Fake(told(moved, 400), told({"ok": True, "result": {"message_id": 7, "chat": {"id": 1}}})) as telegram:
        new_mapping(telegram_bot(telegram), "-1234", channel="6")
        take(said_event(7, channel="6"))
    # Of a batch in which another mapping fails, what is done is deleted at once.
    with Fake(discord_took(6)) as quick:
        new_mapping(discord_bot(quick), "4", channel="4")
        new_mapping(discord_bot(quick), "5", channel="5")
        go = forward._go
        monkeypatch.setattr(forward, "_go", lambda group, some: go(group, some) if is_first(some) else fail())
        intake.take("default", account, callbacks.readable(intake.heard, [said_event(6, channel=one) for one in "45"]))
        received = [*worker.received(), *worker.received()]
        with pytest.raises(OSError, match="killed"):
            work.run({"Records": records(received)})
    assert work.used == granted("ForwardFunction")


def is_first(some: Any) -> bool:
    return bool(some[0].one.said.channel_id == "4")


def fail() -> Any:
    raise OSError("killed")


def run(worker: Lambda, work: Work) -> None:
    while received := worker.received():
        failed = {one["itemIdentifier"] for one in work.run({"Records": records(received)})["batchItemFailures"]}
        for one in received:
            if one["MessageId"] not in failed:
                url = memory.client("sqs").get_queue_url(QueueName="ForwardQueue.fifo")["QueueUrl"]
                memory.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])


def test_forward_release(worker: Lambda, discord: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    new_mapping(discord_bot(discord))
    account = new_account()
    discord.will(discord_took(1))
    work = Work("ForwardReleaseFunction", "", monkeypatch)
    state.set_running(CALLER, False)
    intake.take("default", account, callbacks.readable(intake.heard, [said_event(1)]))
    worker.run()
    state.set_running(CALLER, True)
    for turn in range(2):
        assert work.run(batch({"tenant": "default", "round": turn})) == {"batchItemFailures": []}
        worker.run()
    assert state.get("default").held == "no"
    assert work.used == granted("ForwardReleaseFunction")
