"""What was captured goes out in order, once, on the target's terms, and says what became of it."""

import json
import time
from concurrent.futures import ALL_COMPLETED, Future
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.forwarding import gate
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.bots import store as bots
from functions.forwarding.capture import intake
from functions.forwarding.delivery import attempts, forward, leases
from functions.forwarding.mappings import store as mappings
from hub import aws
from hub.connectors import callbacks
from hub.errors import Unavailable
from hub.store import table
from tests.conftest import Clock
from tests.contract import memory
from tests.contract.connectors.fakes import Asked, Fake, Reply, told
from tests.contract.memory import TEMPLATE
from tests.forwarder import caller, new_account, new_bot, new_mapping
from tests.unit.forwarding.flow import (
    Lambda,
    capture,
    changed_event,
    contents,
    discord_bot,
    discord_took,
    records,
    rows,
    said_event,
    telegram_bot,
)

pytestmark = pytest.mark.usefixtures("aws", "clock", "quick")


def limited(seconds: float) -> Reply:
    return told({"message": "You are being rate limited.", "retry_after": seconds, "global": False}, 429)


UNKNOWN = told({"message": "Unknown Webhook", "code": 10015}, 404)
BROKEN = Reply(502, b"<html>")


def test_messages_go_in_order_and_tell_of_it(worker: Lambda, discord: Fake, account: StoredAccount) -> None:
    mapping = new_mapping(discord_bot(discord), sender_prefix=True)
    discord.will(*(discord_took(n) for n in range(1, 4)))
    capture(account, said_event(1, "**你好**"), said_event(2), said_event(3))
    assert worker.run() == 0
    assert contents(discord) == ["**明明**: **你好**", "**明明**: 第2条", "**明明**: 第3条"]
    assert [asked.json["allowed_mentions"] for asked in discord.asked] == [{"parse": []}] * 3
    found = rows()
    assert [(row.number, row.status, row.provider_ids) for row in found] == [
        (3, "success", ["3"]),
        (2, "success", ["2"]),
        (1, "success", ["1"]),
    ]
    assert found[-1].content == "你好"
    assert (found[0].mapping_id, found[0].latency_ms, found[0].message_type) == (mapping, 0, "kmarkdown")
    [first, *_] = memory.told("forward.")
    assert first["type"] == "forward.succeeded"
    assert first["data"]["provider_ids"] == ["1"]


def test_a_message_is_forwarded_once_to_each_mapping(worker: Lambda, discord: Fake, telegram: Fake) -> None:
    account, other = new_account(), new_account()
    new_mapping(discord_bot(discord))
    new_mapping(telegram_bot(telegram), "-100123")
    discord.will(discord_took())
    telegram.will(told({"ok": True, "result": {"message_id": 7, "chat": {"id": -100123}}}))
    event = said_event(1)
    assert capture(account, event) == 2
    worker.run()
    # Another account, or a poll, brings it again after SQS has forgotten it.
    capture(other, event)
    worker.put(intake_body(other, event))
    assert worker.run() == 0
    assert (len(discord.asked), len(telegram.asked), len(rows())) == (1, 1, 2)


def intake_body(account: StoredAccount, event: dict[str, object]) -> str:
    from functions.forwarding import captured

    [told_of] = callbacks.readable(intake.heard, [event])
    [route, *_] = mappings.routes("default", told_of.channel_id)
    return captured.message(intake._for("default", account, route, told_of, 0)).body


def test_who_must_wait_has_those_behind_it_wait_and_no_other_mapping(
    worker: Lambda, discord: Fake, telegram: Fake, account: StoredAccount, clock: Clock
) -> None:
    new_mapping(discord_bot(discord))
    new_mapping(telegram_bot(telegram), "-100123")
    discord.will(limited(30), discord_took(1), discord_took(2))
    telegram.will(*(told({"ok": True, "result": {"message_id": n, "chat": {"id": 1}}}) for n in (1, 2)))
    capture(account, said_event(1), said_event(2))
    assert worker.run() == 2
    assert (contents(discord), len(telegram.asked)) == (["第1条"], 2)
    [waiting] = rows("pending")
    assert (waiting.attempts, waiting.error) == (1, {"code": "429", "message": "You are being rate limited."})
    clock.advance(31)
    assert worker.run() == 0
    assert contents(discord) == ["第1条", "第1条", "第2条"]
    assert {row.status for row in rows()} == {"success"}
    assert rows("pending") == []


def test_a_target_that_is_down_is_asked_less_and_less_often_for_a_day(
    worker: Lambda, discord: Fake, account: StoredAccount, clock: Clock
) -> None:
    new_mapping(discord_bot(discord))
    capture(account, said_event(1), said_event(2))
    waits = []
    discord.will(BROKEN, *[BROKEN] * 150, discord_took())
    worker.run()
    while rows("pending"):
        started = clock.seconds
        asked = len(discord.asked)
        while len(discord.asked) == asked and clock.seconds - started < 2000:
            clock.advance(4 if clock.seconds - started < 64 else 64)
            worker.run()
        waits.append(clock.seconds - started)
        if len(waits) > 130:
            break
    assert waits[:3] == [4, 16, 64]
    assert max(waits[:-1]) <= attempts.MAX_WAIT_MS / 1000 + 128
    # Both have failed, the second at once: neither is tried for ever, and neither blocks what comes after.
    assert [row.status for row in rows()] == ["failed", "failed"]
    assert clock.seconds - Clock.START >= 86_400 - 2000
    discord.replies[:] = [discord_took()]
    capture(account, said_event(3))
    assert worker.run() == 0
    assert rows()[0].status == "success"


def test_what_a_target_refuses_fails_at_once_and_the_next_goes_on(
    worker: Lambda, discord: Fake, account: StoredAccount
) -> None:
    new_mapping(discord_bot(discord))
    discord.will(told({"message": "Invalid Form Body", "code": 50035}, 400), discord_took())
    capture(account, said_event(1), said_event(2))
    assert worker.run() == 0
    failed, sent = sorted(rows(), key=lambda row: row.number)
    assert (failed.status, failed.error) == ("failed", {"code": "50035", "message": "Invalid Form Body"})
    assert sent.status == "success"
    assert [event["type"] for event in memory.told("forward.")] == ["forward.failed", "forward.succeeded"]


def test_a_bot_that_is_not_wanted_any_more_is_disabled(worker: Lambda, discord: Fake, account: StoredAccount) -> None:
    bot = discord_bot(discord)
    new_mapping(bot)
    discord.will(UNKNOWN)
    capture(account, said_event(1))
    worker.run()
    capture(account, said_event(2))
    worker.run()
    assert len(discord.asked) == 1
    now = bots.get("default", bot.id)
    assert (now.status, now.error) == ("error", {"code": "10015", "message": "Unknown Webhook"})
    assert [row.error and row.error["code"] for row in rows()] == ["bot_disabled", "10015"]
    told_of_it = [(event["type"], event["data"]["error"]["code"]) for event in memory.told("forward_bot.")[1:]]
    assert told_of_it == [("forward_bot.updated", "10015"), ("forward_bot.disabled", "10015")]


def test_a_message_in_parts_goes_on_where_it_was_interrupted(
    worker: Lambda, discord: Fake, account: StoredAccount, clock: Clock
) -> None:
    new_mapping(discord_bot(discord))
    discord.will(discord_took(1), limited(10), discord_took(2), discord_took(3))
    capture(account, said_event(1, "字" * 5000))
    assert worker.run() == 1
    [waiting] = rows("pending")
    assert waiting.provider_ids == ["1"]
    clock.advance(11)
    worker.run()
    [sent] = rows()
    assert (sent.status, sent.provider_ids, sent.texts) == ("success", ["1", "2", "3"], 3)
    assert "".join([contents(discord)[place] for place in (0, 2, 3)]) == "字" * 5000


def test_an_edit_changes_the_message_and_a_deletion_takes_it_back(
    worker: Lambda, discord: Fake, account: StoredAccount
) -> None:
    new_mapping(discord_bot(discord), sender_prefix=True)
    discord.will(discord_took(41), discord_took(42), discord_took(41), Reply(204), Reply(204))
    capture(account, said_event(1, "字" * 2500))
    worker.run()
    capture(account, changed_event(1, "updated_message", content="改过的", updated_at=1612779254182))
    worker.run()
    edit, shorter = discord.asked[2:]
    assert (edit.method, edit.path) == ("PATCH", "/api/webhooks/123456/abc-DEF/messages/41")
    assert edit.json["content"] == "**明明**: 改过的"
    assert (shorter.method, shorter.path) == ("DELETE", "/api/webhooks/123456/abc-DEF/messages/42")
    [now] = rows()
    assert (now.content, now.provider_ids, now.status, bool(now.edited_at)) == ("改过的", ["41"], "success", True)
    capture(account, changed_event(1, "deleted_message"))
    worker.run()
    assert (discord.asked[-1].method, discord.asked[-1].path) == ("DELETE", "/api/webhooks/123456/abc-DEF/messages/41")
    assert rows()[0].withdrawn_at
    changes = [event["data"]["change"] for event in memory.told("forward.")]
    assert changes == ["message", "edit", "delete"]
    # Of what was never forwarded, and of what was taken back, nothing is changed.
    capture(
        account, changed_event(2, "deleted_message"), changed_event(1, "updated_message", content="x", updated_at=2)
    )
    worker.run()
    assert len(discord.asked) == 5


def test_a_change_that_the_target_cannot_carry_out_says_so(worker: Lambda, account: StoredAccount) -> None:
    with Fake(Reply(200, b"ok")) as slack:
        new_mapping(new_bot("slack", {"webhook_url": f"{slack.url}/services/T0/B0/x"}))
        capture(account, said_event(1), changed_event(1, "deleted_message"))
        worker.run()
    [row] = rows()
    assert (row.status, row.withdrawn_at) == ("success", None)
    assert row.error
    assert row.error["code"] == "not_possible"
    assert memory.told()[-1]["type"] == "forward.failed"


def test_a_mapping_that_is_switched_off_or_gone_forwards_nothing(
    worker: Lambda, discord: Fake, account: StoredAccount
) -> None:
    from dataclasses import replace

    mapping = new_mapping(discord_bot(discord))
    capture(account, said_event(1))
    before = mappings.get("default", mapping)
    mappings.replace(caller(), before, replace(before, enabled=False, version=2))
    worker.run()
    assert rows()[0].error == {"code": "mapping_disabled", "message": "the mapping is switched off"}
    capture(account, said_event(2))
    assert worker.bodies() == []
    mappings.replace(caller(), mappings.get("default", mapping), replace(before, version=3))
    capture(account, said_event(3))
    mappings.remove(caller(), mappings.get("default", mapping))
    worker.run()
    assert (len(rows()), discord.asked) == (1, [])


class Late(Fake):
    """A Discord that takes its time."""

    def __init__(self, seconds: float, *replies: Reply) -> None:
        self.seconds = seconds
        super().__init__(*replies)

    def answer(self, asked: Asked) -> Reply:
        """The next scripted answer; it takes what is more."""
        time.sleep(self.seconds)
        return self.replies.pop(0) if self.replies else discord_took()


class Slow(Fake):
    """Answers when what is in flight has become less, or never has."""

    def answer(self, asked: Asked) -> Reply:
        sqs = memory.client("sqs")
        url = sqs.get_queue_url(QueueName="ForwardQueue.fifo")["QueueUrl"]
        name = "ApproximateNumberOfMessagesNotVisible"
        for _ in range(100):
            told_of = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
            if told_of[name] == "1":
                return discord_took()
            time.sleep(0.05)
        return BROKEN


def test_a_slow_mapping_lets_the_others_of_its_batch_go(
    worker: Lambda, telegram: Fake, account: StoredAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "PATIENCE_SECONDS", 0.2)
    telegram.will(told({"ok": True, "result": {"message_id": 1, "chat": {"id": 1}}}))
    with Slow() as discord:
        new_mapping(discord_bot(discord))
        new_mapping(telegram_bot(telegram), "-100123")
        capture(account, said_event(1))
        batch = [*worker.received(), *worker.received()]
        assert len(batch) == 2
        assert worker.take(batch) == []
    assert [row.status for row in rows()] == ["success", "success"]


def test_what_waits_comes_again_however_long_a_batch_took(
    worker: Lambda, account: StoredAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has ended when patience does."""
    monkeypatch.setattr(forward, "PATIENCE_SECONDS", 0.0)

    with Late(0.2, limited(30)) as discord:
        new_mapping(discord_bot(discord))
        capture(account, said_event(1), said_event(2))
        batch = worker.received()
        assert worker.take(batch) == [one["MessageId"] for one in batch]
    with Late(0.2, Reply(502)) as discord:
        new_mapping(discord_bot(discord), "2", channel="1")
        capture(account, said_event(3, channel="1"))

        def fail(*_: object) -> None:
            raise KeyError("an item that is not what it should be")

        monkeypatch.setattr(attempts, "_postponed", fail)
        batch = worker.received()
        with pytest.raises(KeyError):
            worker.take(batch)


def test_a_mapping_that_cannot_be_worked_on_keeps_no_other_from_being_done(
    worker: Lambda, discord: Fake, telegram: Fake, account: StoredAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_mapping(discord_bot(discord))
    new_mapping(telegram_bot(telegram), "-100123")
    telegram.will(told({"ok": True, "result": {"message_id": 1, "chat": {"id": 1}}}))
    send = attempts.send

    def fail(target: attempts.Target, *given: object) -> object:
        if target.bot.platform == "discord":
            raise KeyError("an item that is not what it should be")
        return send(target, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(attempts, "send", fail)
    capture(account, said_event(1))
    batch = [*worker.received(), *worker.received()]
    with pytest.raises(KeyError):
        worker.take(batch)
    assert [row.target_platform for row in rows()] == ["telegram"]


def test_what_is_worked_on_for_longer_is_held_from_lease_to_lease(
    worker: Lambda, telegram: Fake, account: StoredAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(leases, "RENEWED_SECONDS", 0.1)
    waits: list[list[int]] = []
    change = aws.sqs().change_message_visibility_batch

    def note(**asked: Any) -> Any:
        waits.append([entry["VisibilityTimeout"] for entry in asked["Entries"]])
        if len(waits) == 2:
            raise EndpointConnectionError(endpoint_url="https://sqs")
        return change(**asked)

    monkeypatch.setattr(aws.sqs(), "change_message_visibility_batch", note)

    telegram.will(told({"ok": True, "result": {"message_id": 1, "chat": {"id": 1}}}))
    with Late(0.5) as discord:
        new_mapping(discord_bot(discord))
        new_mapping(telegram_bot(telegram), "-100123")
        capture(account, said_event(1))
        assert worker.take([*worker.received(), *worker.received()]) == []
    assert len(waits) >= 3, "a renewal that fails is no end"
    assert all(one == [leases.SECONDS] for one in waits), "what is done is not held"
    assert {row.status for row in rows()} == {"success"}


def test_what_sqs_does_not_delete_at_once_lets_go_of_nobodys_lease(
    worker: Lambda, telegram: Fake, account: StoredAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(leases, "RENEWED_SECONDS", 0.1)
    held: list[float] = []

    def fail(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sqs")

    telegram.will(told({"ok": True, "result": {"message_id": 1, "chat": {"id": 1}}}))
    with Late(0.5) as discord:
        new_mapping(discord_bot(discord))
        new_mapping(telegram_bot(telegram), "-100123")
        capture(account, said_event(1))
        batch = [*worker.received(), *worker.received()]
        with monkeypatch.context() as patched:
            patched.setattr(aws.sqs(), "delete_message_batch", fail)
            patched.setattr(leases, "renew", lambda _: held.append(time.monotonic()))
            event = {"Records": records(batch)}
            answer = forward.handler(event, SimpleNamespace(aws_request_id="a"))
    assert answer == {"batchItemFailures": []}, "Lambda deletes what was not deleted"
    assert len(held) >= 3


def test_what_is_put_off_is_held_no_more(
    worker: Lambda, telegram: Fake, account: StoredAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal behind it would have it come at the lease's time, not at its own."""
    monkeypatch.setattr(forward, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(leases, "RENEWED_SECONDS", 0.05)
    put_off: set[str] = set()
    held_again: set[str] = set()
    change = aws.sqs().change_message_visibility_batch

    def slowly(**asked: Any) -> Any:
        receipts = {entry["ReceiptHandle"] for entry in asked["Entries"]}
        if asked["Entries"][0]["VisibilityTimeout"] == leases.SECONDS:
            held_again.update(receipts & put_off)
        else:
            put_off.update(receipts)
            time.sleep(0.3)
        return change(**asked)

    monkeypatch.setattr(aws.sqs(), "change_message_visibility_batch", slowly)

    telegram.will(told({"ok": False, "error_code": 429, "parameters": {"retry_after": 100}}, 429))
    with Late(0.8) as discord:
        new_mapping(discord_bot(discord))
        new_mapping(telegram_bot(telegram), "-100123")
        capture(account, said_event(1))
        assert len(worker.take([*worker.received(), *worker.received()])) == 1
    assert len(put_off) == 1
    assert not held_again


def test_a_lease_is_renewed_in_time_whenever_others_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups that end between two renewals do not put the next one off."""
    ends = {Future[forward._Gone](): at for at in (9.9, 19.8, 29.7, 60.0)}
    now, renewed = 0.0, list[float]()

    def wait(some: set[Any], timeout: float, return_when: str = ALL_COMPLETED) -> tuple[set[Any], set[Any]]:
        nonlocal now
        last = (max if return_when == ALL_COMPLETED else min)(ends[one] for one in some)
        now = max(now, min(last, now + timeout))
        for one in some:
            if ends[one] <= now and not one.done():
                one.set_result(forward._Gone([], [], 0))
        return {one for one in some if one.done()}, {one for one in some if not one.done()}

    monkeypatch.setattr(forward, "wait", wait)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(leases, "renew", lambda _: renewed.append(now))
    assert forward._ended({one: [] for one in ends}) == []
    assert all(later - sooner <= leases.RENEWED_SECONDS + 0.1 for sooner, later in pairwise([*renewed, 60.0])), renewed


def test_what_cannot_be_worked_on_comes_again_soon_and_later_each_time(
    worker: Lambda, discord: Fake, account: StoredAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_mapping(discord_bot(discord))
    capture(account, said_event(1))
    batch = worker.received()
    waits: list[int] = []

    def note(**asked: Any) -> None:
        waits.extend(entry["VisibilityTimeout"] for entry in asked["Entries"])

    def fail(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr(aws.sqs(), "change_message_visibility_batch", note)
    for where, name in ((table, "get_many"), (attempts, "send")):
        with monkeypatch.context() as patched:
            patched.setattr(where, name, fail)
            for times_received in ("1", "2", "40"):
                batch[0]["Attributes"]["ApproximateReceiveCount"] = times_received
                with pytest.raises(Unavailable):
                    worker.take(batch)
    assert waits == [30, 60, 450, 30, 60, 450]
    template = TEMPLATE["Resources"]
    assert template["ForwardQueue"]["Properties"]["VisibilityTimeout"] == 450
    # As long as it waits at most, what fails for a day is no dead letter: the first waits are shorter.
    received = template["ForwardQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    assert sum(min(30 * number, 450) for number in range(1, received)) > 86_000


def test_a_message_that_is_in_a_batch_twice_goes_once(worker: Lambda, discord: Fake, account: StoredAccount) -> None:
    """As where the first waited until SQS forgot it, and KOOK told of it once more."""
    new_mapping(discord_bot(discord))
    discord.will(discord_took(1), discord_took(2))
    capture(account, said_event(1))
    [body] = [json.dumps(one) for one in worker.bodies()]
    for _ in range(2):
        worker.put(body)
    capture(account, said_event(2))
    batch = worker.received()
    assert len(batch) == 3
    assert worker.take(batch) == []
    assert contents(discord) == ["第1条", "第2条"]
    assert [row.status for row in rows()] == ["success", "success"]


def test_a_row_stays_below_two_write_units(worker: Lambda, discord: Fake, account: StoredAccount) -> None:
    new_mapping(discord_bot(discord), sender_prefix=True)
    discord.will(discord_took(1_288_231_231_231))
    capture(account, said_event(1, "今晚八点活动开始，请大家准时参加"))
    worker.run()
    [item] = [item for item in memory.stored() if item["pk"]["S"].startswith("T#default#FORWARD#")]
    from tests.benchmarks.capacity import item_size

    assert item_size(item) <= 2048
    assert table.get(table.entities(), {"pk": item["pk"]["S"], "sk": item["sk"]["S"]})


SUPERGROUP = "-1001234567890"
MOVED = told(
    {
        "ok": False,
        "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": int(SUPERGROUP)},
    },
    400,
)
TAKEN = told({"ok": True, "result": {"message_id": 7, "chat": {"id": int(SUPERGROUP)}}})


@pytest.mark.parametrize("own", [False, True], ids=["the mapping's", "the bot's own"])
def test_a_group_that_moved_is_written_to_under_its_new_id_from_then_on(
    worker: Lambda, telegram: Fake, account: StoredAccount, own: bool
) -> None:
    bot = telegram_bot(telegram)
    mapping = new_mapping(bot, "" if own else "-1234")
    telegram.will(MOVED, TAKEN, TAKEN)
    for number in (1, 2):
        capture(account, said_event(number))
        assert worker.run() == 0
    former = "-100123" if own else "-1234"
    assert [asked.json["chat_id"] for asked in telegram.asked] == [former, SUPERGROUP, SUPERGROUP]
    assert [row.status for row in rows()] == ["success"] * 2
    assert mappings.get("default", mapping).target_channel_id == ("" if own else SUPERGROUP)
    assert bots.get("default", bot.id).config["chat_id"] == (SUPERGROUP if own else "-100123")
    [updated] = [one for one in memory.told() if one["type"] in ("forward_bot.updated", "forward_mapping.updated")]
    assert updated["data"]["changes"] == (["config"] if own else ["target_channel_id"])


@pytest.mark.parametrize("is_shut", [False, True], ids=["taken", "shut"])
def test_a_move_that_cannot_be_written_keeps_no_message_back(
    worker: Lambda, telegram: Fake, account: StoredAccount, is_shut: bool
) -> None:
    bot = telegram_bot(telegram)
    mapping = new_mapping(bot, "-1234")
    if is_shut:
        gate.close("default", "change_1")
    else:
        new_mapping(bot, SUPERGROUP, enabled=False)
    telegram.will(MOVED, TAKEN)
    capture(account, said_event(1))
    assert worker.run() == 0
    assert [row.status for row in rows()] == ["success"]
    assert mappings.get("default", mapping).target_channel_id == "-1234"
