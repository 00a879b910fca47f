"""Messages on their way out: paced, attempted once at a time, retried on the platform's terms, whatever dies."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from moto.sqs.models import sqs_backends

from functions.integrations import service as integrations
from functions.integrations.models import IntegrationChange, NewIntegration
from functions.messaging import retry, send
from functions.messaging.contacts import people
from functions.messaging.messages import pace, sending, service, store
from functions.messaging.messages.models import NewThirdPartyMessage
from functions.messaging.messages.store import StoredMessage
from hub import connections, ids
from hub.events import Caller
from tests.conftest import Clock
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, Reply, told
from tests.unit.interruptions import Calls, survive

CALLER = Caller("default", "enterprise", "ak_1", "req_1")
CONTEXT = SimpleNamespace(aws_request_id="a")
TAKEN = told({"ok": True, "result": {"message_id": 7, "chat": {"id": 42}}})
REFUSED = told({"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}, 400)
BROKEN = Reply(502, b"<html>")
MACHINE = "MessagingRetryStateMachine"
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"

pytestmark = pytest.mark.usefixtures("aws", "clock")


@pytest.fixture
def waits(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a slot has waited: the clock has moved."""
    monkeypatch.setattr(pace, "time", SimpleNamespace(sleep=clock.advance))


def later(seconds: int) -> Reply:
    body = {"ok": False, "error_code": 429, "description": "slow down", "parameters": {"retry_after": seconds}}
    return told(body, 429)


@pytest.fixture
def telegram() -> Iterator[Fake]:
    """A bot's API, which the tenant has an integration for."""
    with Fake() as fake:
        config = {"bot_token": TOKEN, "base_url": fake.url}
        integrations.create(CALLER, NewIntegration(name="一", service_type="telegram", config=config))
        yield fake


def new(to: str = "42") -> str:
    wanted = NewThirdPartyMessage.model_validate({"to": to, "from": "a", "content": "您好"})
    return service.create(CALLER, "telegram", wanted)["id"]


def stored(message: str) -> StoredMessage:
    return store.get("default", "telegram", message, consistent=True)


def take(*bodies: Any) -> list[str]:
    """Hand the sender a batch; answers with the places of those that are to come again."""
    records = [
        {"messageId": str(place), "body": body if isinstance(body, str) else json.dumps(body)}
        for place, body in enumerate(bodies)
    ]
    return [one["itemIdentifier"] for one in send.handler({"Records": records}, CONTEXT)["batchItemFailures"]]


def of(message: str, **more: Any) -> dict[str, Any]:
    return {"tenant": "default", "platform": "telegram", "id": message, **more}


def again(message: str, **outcome: Any) -> dict[str, Any]:
    """One step of the state machine."""
    asked = {"tenant": "default", "platform": "telegram", "message_id": message}
    return dict(retry.handler({**asked, "outcome": {"status": "pending", **outcome}}, CONTEXT))


def names() -> list[str]:
    """The messaging events that were published, in their order."""
    return [one["detail-type"] for one in memory.published() if one["source"] == "hub.messaging"]


def test_what_the_bus_brings_is_sent_once_however_often_it_comes(telegram: Fake) -> None:
    message = new()
    memory.published()
    (event,) = (json.loads(body) for body in memory.received("TelegramMessagesQueue"))
    telegram.will(TAKEN)
    assert take(event) == take(event) == []
    assert [asked.json for asked in telegram.asked] == [{"chat_id": "42", "text": "您好"}]
    after = stored(message)
    assert (after.status, after.error, service.provider_ids(after.attempts)) == ("sent", None, ["42:7"])
    assert store.by_provider_id("default", after.connection_id, "42:7") == ("telegram", message)
    assert names() == ["message.created", "message.sent"]


def test_the_same_twice_in_a_batch_is_sent_once_and_the_other_comes_again(telegram: Fake) -> None:
    message = new()
    telegram.will(TAKEN)
    failed = take(of(message, due=1), of(message, due=1))
    assert len(failed) <= 1
    assert take(of(message, due=1)) == []
    assert len(telegram.asked) == 1
    assert names() == ["message.created", "message.sent"]


def test_an_attempt_is_one_functions_until_its_lease_is_over(telegram: Fake, clock: Clock) -> None:
    message = new()
    assert store.take("default", message, 0)
    assert take(of(message, due=1)) == ["0"]
    assert again(message)["status"] == "pending"
    assert not telegram.asked
    clock.advance(store.LEASE_SECONDS + 1)
    telegram.will(TAKEN)
    assert take(of(message, due=1)) == []
    assert stored(message).status == "sent"


def test_a_receiver_gets_one_message_a_second_and_the_rest_wait_in_the_queue(telegram: Fake, clock: Clock) -> None:
    messages = [new() for _ in range(4)]
    other = new("43")
    telegram.will(*[TAKEN] * 3)
    assert take(*(of(message) for message in [*messages, other])) == []
    assert sorted(asked.json["chat_id"] for asked in telegram.asked) == ["42", "42", "43"], "a slot may be 1 s early"
    waiting = delayed()
    assert [one["id"] for one in waiting] == messages[2:]
    assert [one["due"] - clock.START * 1000 for one in waiting] == [2000, 3000]
    clock.advance(3)
    telegram.will(TAKEN, TAKEN)
    assert take(*waiting) == []
    assert {stored(message).status for message in [*messages, other]} == {"sent"}
    assert len(telegram.asked) == 5


def delayed() -> list[dict[str, Any]]:
    """What waits in the queue, its delay over or not."""
    queue = sqs_backends["123456789012"][memory.REGION].queues["TelegramMessagesQueue"]
    return [json.loads(one.body) for one in queue._messages]


@pytest.mark.parametrize("seconds", [3, 600])
def test_the_platform_says_how_long_to_wait(telegram: Fake, clock: Clock, seconds: int) -> None:
    message = new()
    telegram.will(later(seconds), TAKEN)
    assert take(of(message)) == []
    (started,) = memory.executions(MACHINE)
    assert (started["message_id"], started["outcome"]["wait_seconds"]) == (message, seconds)
    assert stored(message).error == {"code": "429", "message": "slow down"}
    assert again(message)["wait_seconds"] == seconds, "the step is repeated"
    clock.advance(seconds)
    assert again(message) == {"status": "sent", "wait_seconds": 0, "due": None}
    assert (len(telegram.asked), stored(message).error) == (2, None)
    assert names() == ["message.created", "message.sent"]


def test_a_message_waits_while_its_bot_is_paused(telegram: Fake, clock: Clock) -> None:
    first, second = new(), new("43")
    telegram.will(later(30), TAKEN)
    take(of(first))
    take(of(second))
    assert len(telegram.asked) == 1
    (waiting,) = delayed()
    assert (waiting["id"], waiting["due"]) == (second, (clock.START + 30) * 1000)


def test_six_attempts_and_no_more(telegram: Fake, clock: Clock) -> None:
    message = new()
    telegram.will(*[BROKEN] * sending.MAX_ATTEMPTS)
    assert take(of(message)) == []
    waits, outcome = [], {"status": "pending", "wait_seconds": 0}
    while outcome["status"] == "pending":
        waits.append(stored(message).due_at / 1000 - clock.seconds)
        clock.advance(waits[-1])
        outcome = again(message)
    assert outcome["status"] == stored(message).status == "failed"
    assert len(telegram.asked) == len(stored(message).attempts) == sending.MAX_ATTEMPTS
    for number, wait in enumerate(waits, start=1):
        assert 0.74 * 4**number <= wait <= 1.26 * 4**number
    assert names() == ["message.created", "message.status"]
    assert again(message) == {"status": "gone", "wait_seconds": 0, "due": None}


@pytest.mark.parametrize(("age", "status"), [(0, "pending"), (1, "failed")])
def test_what_would_wait_longer_than_a_day_fails(telegram: Fake, clock: Clock, age: int, status: str) -> None:
    message = new()
    telegram.will(later(86_400))
    clock.advance(age)
    take(of(message))
    assert (stored(message).status, stored(message).error) == (status, {"code": "429", "message": "slow down"})


def test_a_slot_from_before_a_pause_is_not_used(telegram: Fake, clock: Clock) -> None:
    first, second = new(), new("43")
    telegram.will(later(30), TAKEN)
    take(of(first))
    take(of(second, due=clock.START * 1000))
    assert len(telegram.asked) == 1
    (waiting,) = delayed()
    assert (waiting["id"], waiting["due"]) == (second, (clock.START + 30) * 1000)


def test_a_slot_that_is_long_over_is_given_anew(telegram: Fake, clock: Clock) -> None:
    old = (clock.START - 61) * 1000
    telegram.will(*[TAKEN] * 40)
    take(*[of(new(str(number)), due=old) for number in range(40)])
    assert len(telegram.asked) < 40, "a backlog does not go out all at once"


def test_a_token_that_the_platform_repeats_is_not_kept(telegram: Fake) -> None:
    message = new()
    page = f"Cannot POST /bot{TOKEN}/sendMessage"
    telegram.will(told({"ok": False, "error_code": 400, "description": page}, 400))
    take(of(message))
    assert TOKEN not in str(stored(message))
    assert "***" in str(stored(message).error)


def test_what_the_platform_refuses_fails_with_its_words(telegram: Fake) -> None:
    message = new()
    telegram.will(REFUSED)
    assert take(of(message)) == []
    after = stored(message)
    assert (after.status, after.error) == ("failed", {"code": "400", "message": "Bad Request: chat not found"})
    assert memory.executions(MACHINE) == []
    assert names() == ["message.created", "message.status"]


def test_without_its_connection_a_message_fails(telegram: Fake) -> None:
    message = new()
    integrations.delete(CALLER, stored(message).connection_id)
    assert take(of(message)) == []
    gone = {"code": "no_connection", "message": "the connection was deleted"}
    assert (stored(message).status, stored(message).error) == ("failed", gone)
    assert not telegram.asked


def test_a_connection_that_is_switched_off_sends_nothing(telegram: Fake) -> None:
    message = new()
    integrations.change(CALLER, stored(message).connection_id, IntegrationChange(status="inactive"))
    assert take(of(message)) == []
    assert (stored(message).status, stored(message).error) == ("failed", sending.INACTIVE)
    assert names() == ["message.created", "message.status"]
    assert not telegram.asked


@pytest.mark.parametrize("told", ["delivered", "read", "failed"])
def test_what_the_platform_tells_before_its_answer_was_noted_stays(
    telegram: Fake, monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    message = new()
    telegram.will(TAKEN)
    name = store.name_at_provider

    def told_at_once(tenant: str, named: StoredMessage, provider_ids: list[str]) -> None:
        name(tenant, named, provider_ids)
        service.move(tenant, "telegram", message, told)

    monkeypatch.setattr(store, "name_at_provider", told_at_once)
    assert take(of(message)) == []
    after = stored(message)
    assert (after.status, service.provider_ids(after.attempts)) == (told, ["42:7"])
    assert names() == ["message.created", "message.status", "message.sent"]


def test_a_failure_that_is_noted_late_takes_nothing_back(telegram: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    message = new()
    telegram.will(REFUSED)
    trouble = connections.trouble

    def told_at_once(*of: Any) -> Any:
        service.move("default", "telegram", message, "delivered")
        return trouble(*of)

    monkeypatch.setattr(connections, "trouble", told_at_once)
    assert take(of(message)) == []
    after = stored(message)
    assert (after.status, after.error, len(after.attempts)) == ("delivered", None, 1)


def long(text: str) -> str:
    """A message that is longer than Telegram takes, as an agent may write one."""
    message = replace(stored(new()), id=ids.new("msg"), content=text)
    store.add("default", message, {})
    return message.id


def test_a_long_text_goes_out_in_parts_one_after_the_other(telegram: Fake, clock: Clock) -> None:
    first, second, third = ("一" * 4000, "二" * 4000, "三" * 200)
    message = long(f"{first}\n{second}\n{third}")
    telegram.will(TAKEN, BROKEN, TAKEN, TAKEN)
    assert take(of(message, due=1)) == []
    assert take(of(message, due=1)) == [], "the batch comes again"
    outcome: dict[str, Any] = {"status": "pending", "wait_seconds": 0, "due": None}
    while outcome["status"] == "pending":
        assert stored(message).status == "pending"
        clock.advance(max(1, outcome["wait_seconds"]))
        outcome = again(message, due=outcome["due"])
    assert outcome["status"] == stored(message).status == "sent"
    assert [asked.json["text"] for asked in telegram.asked] == [first, second, second, third]
    assert [one["message_id"] for one in memory.executions(MACHINE)] == [message]
    assert len(stored(message).attempts) == 4
    assert store.by_provider_id("default", stored(message).connection_id, "42:7") == ("telegram", message)


def moved(to: int) -> Reply:
    """Telegram's answer to who writes to a group that is a supergroup by now (`ResponseParameters`)."""
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    body = {"ok": False, "error_code": 400, "description": words, "parameters": {"migrate_to_chat_id": to}}
    return told(body, 400)


def test_a_group_that_moved_is_written_to_under_its_new_id_from_then_on(telegram: Fake, clock: Clock) -> None:
    message = long("一" * 4000 + "\n" + "二" * 200)
    group = replace(stored(message), to="-1234", version=2)
    store.replace("default", stored(message), group, [])
    people.remember("default", group.connection_id, "-1234", "群", None)
    telegram.will(moved(-100123), TAKEN, TAKEN)
    assert take(of(message, due=1)) == []
    assert stored(message).to == "-100123"
    clock.advance(2)
    assert again(message)["status"] == "sent"
    assert [asked.json["chat_id"] for asked in telegram.asked] == ["-1234", "-100123", "-100123"]
    [event] = [one["detail"] for one in memory.published() if one["detail-type"] == "contact.moved"]
    known = {"integration_id": group.connection_id, "platform": "telegram"}
    assert event["data"] == {**known, "contact_id": "-1234", "new_contact_id": "-100123"}
    assert event["requestId"] == "req_1"
    [known_as] = people.page("default", group.connection_id, None).items
    assert (known_as.id, known_as.name) == ("-100123", "群")


def test_a_move_is_told_once_however_many_notice(telegram: Fake) -> None:
    messages = [new("-1234") for _ in range(2)]
    telegram.will(moved(-100123), TAKEN, moved(-100123), TAKEN)
    for message in messages:
        assert take(of(message, due=1)) == []
    assert names().count("contact.moved") == 1


def test_whoever_is_known_under_the_new_id_stays_as_they_are(telegram: Fake) -> None:
    message = new("-1234")
    connection = stored(message).connection_id
    for person, name in (("-1234", "群"), ("-100123", "超级群")):
        people.remember("default", connection, person, name, None)
    telegram.will(moved(-100123), TAKEN)
    assert take(of(message, due=1)) == []
    [known_as] = people.page("default", connection, None).items
    assert (known_as.id, known_as.name) == ("-100123", "超级群")


def test_retries_keep_the_pace_of_their_receiver(telegram: Fake, clock: Clock) -> None:
    messages = [new() for _ in range(3)]
    telegram.will(*[BROKEN] * 3)
    for message in messages:
        take(of(message, due=clock.START * 1000))
    clock.advance(10)
    telegram.will(TAKEN, TAKEN)
    outcomes = [again(message) for message in messages]
    assert [one["status"] for one in outcomes] == ["sent", "sent", "pending"]
    assert outcomes[2]["due"] == round(clock.seconds * 1000) + 2000
    assert len(telegram.asked) == 5


def test_what_cannot_be_read_and_what_is_gone_hold_up_nothing(telegram: Fake) -> None:
    message = new()
    telegram.will(TAKEN)
    assert take("{", of("msg_none"), {"detail": {"data": {}}}, of(message)) == ["0", "2"]
    assert stored(message).status == "sent"
    assert again("msg_none")["status"] == "gone"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("reply", [TAKEN, REFUSED, BROKEN], ids=["taken", "refused", "broken"])
def test_a_sender_that_dies_at_any_call_loses_nothing(
    telegram: Fake, clock: Clock, monkeypatch: pytest.MonkeyPatch, reply: Reply, after: bool
) -> None:
    calls = Calls(monkeypatch)
    scenes: list[str] = []

    def scene() -> Callable[[], object]:
        message = new(f"receiver-{len(scenes)}")
        scenes.append(message)
        telegram.replies[:] = [reply] * 3

        def work() -> list[str]:
            # SQS brings a batch again when its visibility timeout is over, which is later than a lease.
            clock.advance(300)
            return take(of(message, due=1))

        return work

    def check() -> None:
        found = stored(scenes[-1])
        expected = "pending" if reply is BROKEN else "sent" if reply is TAKEN else "failed"
        assert found.status == expected
        assert len(found.attempts) == 1, "an attempt that was noted is not made again"
        started = [one["message_id"] for one in memory.executions(MACHINE)]
        assert started.count(scenes[-1]) == (1 if reply is BROKEN else 0)

    assert survive(calls, after, scene, check) >= 4


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("reply", [TAKEN, REFUSED, BROKEN], ids=["taken", "refused", "broken"])
def test_a_retry_that_dies_at_any_call_loses_nothing(
    telegram: Fake, clock: Clock, monkeypatch: pytest.MonkeyPatch, reply: Reply, after: bool
) -> None:
    calls = Calls(monkeypatch)
    scenes: list[str] = []

    def scene() -> Callable[[], object]:
        message = new(f"receiver-{len(scenes)}")
        scenes.append(message)
        telegram.replies[:] = [BROKEN]
        take(of(message, due=1))
        clock.advance(6)
        telegram.replies[:] = [reply] * 3

        def work() -> dict[str, Any]:
            outcome = again(message)
            while outcome["status"] == "pending" and len(stored(message).attempts) < 2:
                clock.advance(outcome["wait_seconds"])
                outcome = again(message, due=outcome["due"])
            return outcome

        return work

    def check() -> None:
        found = stored(scenes[-1])
        assert found.status == ("pending" if reply is BROKEN else "sent" if reply is TAKEN else "failed")
        assert len(found.attempts) == 2, "an attempt that was noted is not made again"

    assert survive(calls, after, scene, check) >= 4
