"""Messages that come in over messaging connections, as often and in whatever order they come."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from functions.support import inbound
from functions.support.conversations import service, store
from functions.support.conversations.models import (
    MAX_MESSAGE_BYTES,
    Conversation,
    ConversationChange,
    ConversationParameters,
    Message,
    MessageParameters,
    NewAttachment,
    NewConversation,
    NewMessage,
    weight,
)
from hub import aws, ids, times
from hub.errors import Conflict, Unprocessable
from hub.events import Caller
from hub.store import table
from tests.conftest import Clock
from tests.contract import memory
from tests.unit.racing import race

AGENT = Caller("default", "enterprise", "agent_1", "req_1")
CONTACT = {"id": "+8613800138000", "name": "张三"}

pytestmark = pytest.mark.usefixtures("aws")


def received(number: int = 1, seconds: int = 0, **changes: Any) -> dict[str, Any]:
    """What the messaging room tells of a message that was sent some seconds after the clock's start."""
    data = {
        "integration_id": "int_1",
        "platform": "whatsapp",
        "contact": CONTACT,
        "message_id": f"wamid.{number}",
        "type": "text",
        "text": f"消息{number}",
        "attachments": [],
        "timestamp": times.iso_ms((Clock.START + seconds) * 1000),
    }
    return {
        "id": f"evt_{number}",
        "type": "message.received",
        "timestamp": data["timestamp"],
        "tenant": "default",
        "requestId": f"req_{number}",
        "data": data | changes,
    }


def take(*details: Any) -> list[str]:
    """Hand the Lambda a batch; answers with the messages that are to come again, by their place."""
    records = [
        {"messageId": str(place), "body": detail if isinstance(detail, str) else json.dumps({"detail": detail})}
        for place, detail in enumerate(details)
    ]
    answer = inbound.handler({"Records": records}, SimpleNamespace(aws_request_id="a"))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def conversations(tenant: str = "default") -> list[Conversation]:
    return service.listed(tenant, ConversationParameters()).items


def messages(conversation: str) -> list[Message]:
    return service.messages("default", conversation, MessageParameters(order="asc")).items


def close(conversation: str) -> None:
    service.change(AGENT, conversation, ConversationChange(status="closed"), lambda _: None)


def answer(conversation: str) -> Message:
    return service.add_message(AGENT, conversation, NewMessage(text="您好", sender="agent"))


def test_a_first_message_opens_a_conversation(clock: Clock) -> None:
    clock.advance(2)
    assert take(received()) == []
    (made,) = conversations()
    assert (made["user_id"], made["channel"], made["status"]) == (CONTACT["id"], "whatsapp", "active")
    assert made["contact"] == {"integration_id": "int_1", "platform": "whatsapp", **CONTACT}
    assert (made["message_count"], made["version"]) == (1, 1)
    assert made["waiting_since"] == made["last_message_at"] == times.iso(Clock.START), "since it was sent"
    (message,) = messages(made["id"])
    assert (message["text"], message["sender"], message["sender_id"]) == ("消息1", "customer", CONTACT["id"])
    told = {event["detail-type"]: event["detail"] for event in memory.published()}
    assert told.keys() == {"conversation.created", "conversation.message"}
    assert {detail["requestId"] for detail in told.values()} == {"req_1"}
    assert told["conversation.message"]["data"]["reply_to"] is None


def test_an_agents_answer_says_where_it_goes(clock: Clock) -> None:
    take(received())
    clock.advance(45)
    (made,) = conversations()
    assert answer(made["id"])["response_seconds"] == 45
    told = [event["detail"]["data"] for event in memory.published() if event["detail-type"] == "conversation.message"]
    assert [one["reply_to"] for one in told] == [
        None,
        {"integration_id": "int_1", "platform": "whatsapp", "contact_id": CONTACT["id"]},
    ]


def test_duplicates_add_nothing() -> None:
    first = received()
    assert take(first, received(2), first) == []
    # A platform that calls twice is told twice on the bus, under two ids.
    assert take(first | {"id": "evt_other", "requestId": "req_other"}) == []
    (made,) = conversations()
    assert made["message_count"] == made["version"] == len(messages(made["id"])) == 2


def test_a_duplicate_of_a_closed_conversation_opens_none() -> None:
    take(received())
    close(conversations()[0]["id"])
    assert take(received()) == []
    assert [one["status"] for one in conversations()] == ["closed"]
    take(received(2))
    assert take(received()) == []
    assert [(one["status"], one["message_count"]) for one in conversations()] == [("active", 1), ("closed", 1)]


def test_a_closed_conversation_stays_closed_and_another_opens() -> None:
    take(received())
    (before,) = conversations()
    close(before["id"])
    take(received(2))
    opened, closed = conversations()
    assert (closed["id"], closed["status"], closed["message_count"]) == (before["id"], "closed", 1)
    assert (opened["status"], opened["message_count"], opened["user_id"]) == ("active", 1, CONTACT["id"])
    take(received(3))
    assert [one["message_count"] for one in conversations()] == [2, 1]


def test_contacts_integrations_and_tenants_have_conversations_of_their_own() -> None:
    take(
        received(1),
        received(1, integration_id="int_2"),
        received(1, contact={"id": "+1"}),
        received(1) | {"tenant": "other"},
    )
    assert [len(conversations(tenant)) for tenant in ("default", "other")] == [2, 1]
    assert {one["message_count"] for one in conversations()} == {1}


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_order_of_arrival_does_not_matter(order: tuple[int, ...], clock: Clock) -> None:
    clock.advance(100)
    for number in order:
        assert take(received(number, seconds=10 * number)) == []
    (made,) = conversations()
    assert [one["text"] for one in messages(made["id"])] == ["消息1", "消息2", "消息3"]
    assert made["waiting_since"] == times.iso(Clock.START + 10)
    assert made["last_message_at"] == times.iso(Clock.START + 30)
    clock.advance(10)
    assert answer(made["id"])["response_seconds"] == 100


def test_a_clock_ahead_of_ours_makes_nobody_wait_from_then_on(clock: Clock) -> None:
    take(received(seconds=3600))
    (made,) = conversations()
    assert made["waiting_since"] == times.iso(Clock.START)
    clock.advance(5)
    assert answer(made["id"])["response_seconds"] == 5


def meet(monkeypatch: pytest.MonkeyPatch, other: Callable[[], Any]) -> None:
    """Let something else be done between what is read for the next message and its write."""
    made = inbound._writes

    def writes(*arguments: Any) -> Any:
        monkeypatch.setattr(inbound, "_writes", made)
        found = made(*arguments)
        other()
        return found

    monkeypatch.setattr(inbound, "_writes", writes)


def test_two_messages_of_a_new_contact_make_one_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    meet(monkeypatch, lambda: take(received(2)))
    assert take(received(1)) == []
    (made,) = conversations()
    assert made["message_count"] == made["version"] == len(messages(made["id"])) == 2


def test_the_same_message_twice_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    meet(monkeypatch, lambda: take(received(1)))
    assert take(received(1)) == []
    (made,) = conversations()
    assert made["message_count"] == made["version"] == 1


def test_a_message_meets_the_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    take(received(1))
    (before,) = conversations()
    meet(monkeypatch, lambda: close(before["id"]))
    assert take(received(2)) == []
    assert [(one["status"], one["message_count"]) for one in conversations()] == [("active", 1), ("closed", 1)]


def test_many_messages_of_a_new_contact_at_once() -> None:
    barrier = Barrier(4)

    def run(number: int) -> list[str]:
        barrier.wait(timeout=10)
        return take(received(number))

    with ThreadPoolExecutor(4) as pool:
        left = [number for number, failed in zip(range(4), pool.map(run, range(4)), strict=True) if failed]
    # What others were faster than at every try comes again, as SQS sends it.
    assert take(*(received(number) for number in left)) == []
    (made,) = conversations()
    assert made["message_count"] == made["version"] == len(messages(made["id"])) == 4


def test_what_finds_no_end_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def contended(*_: Any) -> None:
        raise table.Contended

    monkeypatch.setattr(table, "back_off", lambda _: None)
    with monkeypatch.context() as inner:
        inner.setattr(table, "write", contended)
        assert take(received(1), received(2)) == ["0", "1"]
    assert take(received(1)) == []


def without(name: str) -> dict[str, Any]:
    told = received(9)
    del told["data"][name]
    return told


GARBLED = [
    "{",
    json.dumps({"detail": {"type": "message.received"}}),
    received(9) | {"type": "message.status"},
    received(9) | {"tenant": "Not a tenant"},
    received(9) | {"data": []},
    received(9) | {"type": "contact.moved"},
    received(9) | {"type": "ticket.created"},
    *(without(name) for name in ("integration_id", "platform", "contact", "message_id", "type", "timestamp")),
    received(9, contact={"id": ""}),
    received(9, contact={"id": "😀" * 256}),
    received(9, contact={"id": "a" * 129}),
    received(9, contact={"id": "a\nb"}),
    received(9, contact={"id": "\ud800"}),
    received(9, integration_id="int_1#"),
    received(9, integration_id="i" * 129),
    received(9, text="\ud800"),
    received(9, text=5),
    received(9, timestamp="yesterday"),
    received(9, timestamp="2026-11-20T13:00:00"),
    received(9, timestamp=Clock.START),
    received(9, timestamp=f"{Clock.START}"),
    received(9, attachments=None),
    "[" * 100_000,
]


@pytest.mark.parametrize("garbled", GARBLED, ids=[ascii(one)[-60:] for one in GARBLED])
def test_what_is_none_goes_to_the_dead_letters_alone(garbled: Any) -> None:
    assert take(received(1), garbled, received(2)) == ["1"]
    (made,) = conversations()
    assert made["message_count"] == 2


def test_more_than_a_message_holds_is_cut_and_a_sticker_is_seen() -> None:
    files = [{"url": f"https://example.com/{number}", "name": "a" * 300, "size": 5} for number in range(12)]
    take(
        received(1, text="长" * 20_000, later="field"),
        received(2, seconds=1, type="image", text="", attachments=files),
        received(3, seconds=2, type="sticker", text=""),
    )
    (made,) = conversations()
    long, image, sticker = messages(made["id"])
    assert long["text"] == "长" * 10_000
    assert (image["text"], len(image["attachments"]), len(image["attachments"][0]["name"])) == ("", 10, 255)
    assert sticker["text"] == "[sticker]"


def test_an_attachment_that_is_none_is_left_out_alone() -> None:
    good = {"url": "https://example.com/a.png", "name": "", "type": ""}
    bad: list[Any] = [
        {"url": "javascript:alert(1)"},
        {"url": f"https://example.com/{'a' * 2048}"},
        {"url": 5},
        {},
        "https://example.com/a.png",
        None,
    ]
    take(
        received(1, attachments=[*bad, good]),
        received(2, seconds=1, attachments=[*[good] * 10, *bad]),
        received(3, seconds=2, type="image", text="", attachments=bad),
    )
    (made,) = conversations()
    mixed, full, none = messages(made["id"])
    assert (mixed["attachments"], full["attachments"]) == ([good], [good] * 10)
    assert (none["text"], none["attachments"]) == ("[image]", [])


def test_a_message_is_no_heavier_than_one_that_is_posted() -> None:
    files = [{"url": f"https://example.com/{'a' * 2000}", "name": "字" * 255} for _ in range(10)]
    take(
        received(1, text="\x01" * 10_000, attachments=files[:1]),
        received(2, seconds=1, text="😀" * 10_000, attachments=files),
    )
    (made,) = conversations()
    controls, emoji = messages(made["id"])
    assert (controls["text"], len(controls["attachments"])) == ("\x01" * 7500, 1)
    assert (len(emoji["text"]), len(emoji["attachments"])) == (10_000, 7)
    for one in (controls, emoji):
        assert weight(one["text"], one["attachments"]) <= MAX_MESSAGE_BYTES


@pytest.mark.parametrize("sent", ["9999-12-31T23:59:59-12:00", "2999-01-01T00:00:00Z"])
def test_a_time_ahead_is_that_of_arrival(sent: str, clock: Clock) -> None:
    assert take(received(1), received(2, timestamp=sent)) == []
    clock.advance(1)
    assert take(received(3, seconds=1)) == []
    (made,) = conversations()
    assert made["last_message_at"] == times.iso(Clock.START + 1)
    assert messages(made["id"])[-1]["text"] == "消息3"


def test_a_time_before_all_others_is_kept_as_far_as_ids_tell() -> None:
    assert take(received(1, timestamp="0001-01-01T00:00:00+12:00")) == []
    (made,) = conversations()
    assert messages(made["id"])[0]["created_at"] == "1970-01-01T00:00:00Z"


def test_a_duplicate_is_told_whatever_time_it_names() -> None:
    assert take(received(1), received(1, seconds=-9)) == []
    (made,) = conversations()
    assert made["message_count"] == len(messages(made["id"])) == 1


def test_the_greatest_ids_that_are_taken_fit_into_keys() -> None:
    people = [{"id": one * 128, "name": ""} for one in ("😀", "#", "%")]
    told = [
        received(number, contact=one, integration_id="i" * 128, message_id=one["id"] + "😀" * 384)
        for number, one in enumerate(people)
    ]
    assert take(*told) == []
    for one in people:
        found = service.listed("default", ConversationParameters(user_id=one["id"])).items
        assert [made["user_id"] for made in found] == [one["id"]]


@pytest.mark.parametrize("error", [ValueError("a"), ClientError({"Error": {"Code": "ValidationException"}}, "PutItem")])
def test_what_cannot_be_written_fails_alone(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    write = table.write

    def wrong_once(*operations: Any) -> None:
        monkeypatch.setattr(table, "write", write)
        raise error

    monkeypatch.setattr(table, "write", wrong_once)
    assert take(received(1), received(2)) == ["0"]
    assert conversations()[0]["message_count"] == 1


def test_a_batch_that_meets_others_every_time_is_through_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    conflict = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": "TransactionConflict"}],
    }

    def conflicting(**_: Any) -> None:
        raise ClientError(conflict, "TransactWriteItems")  # type: ignore[arg-type]

    monkeypatch.setattr("random.uniform", lambda _, longest: longest)
    monkeypatch.setattr("time.sleep", waited.append)
    monkeypatch.setattr(aws.dynamodb(), "transact_write_items", conflicting)
    assert len(take(*(received(number) for number in range(10)))) == 10
    timeout = yaml_parse((memory.ROOT / "template.yaml").read_text())["Resources"]["SupportInboundFunction"]
    assert sum(waited) < timeout["Properties"]["Timeout"] - 5, "five seconds for its calls"


def test_an_unknown_platform_is_another_channel() -> None:
    take(received(1, platform="carrier-pigeon"))
    (made,) = conversations()
    assert made["contact"]
    assert (made["channel"], made["contact"]["platform"]) == ("other", "carrier-pigeon")
    assert store.get("default", made["id"]).channel == "other"


def part(message: str, number: int = 0) -> str:
    """The id of a message that an answer goes out as."""
    return ids.derived("msg", ids.milliseconds(message), message, str(number))


def status(message: str, conversation: str, **changes: Any) -> dict[str, Any]:
    """What the messaging room tells of a message that an answer goes out as."""
    metadata = {"conversationId": conversation, "messageId": message}
    data = {"message_id": part(message), "status": "sent", "error": None, "metadata": metadata}
    told = received() | {"type": "message.status"}
    return {**told, "data": data | changes}


REFUSED = {"code": "400", "message": "Bad Request: chat not found"}


def delivery(conversation: str) -> Any:
    return messages(conversation)[-1]["delivery"]


@pytest.fixture
def answered(clock: Clock) -> dict[str, Any]:
    """An answer that goes out as one message."""
    take(received())
    clock.advance(1)
    return dict(answer(conversations()[0]["id"]))


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        (["sent"], "sent"),
        (["failed"], "failed"),
        (["sent", "delivered", "read"], "read"),
        (["read", "delivered", "sent", "read"], "read"),
        (["delivered", "sent", "delivered"], "delivered"),
        (["delivered", "failed"], "delivered"),
        (["failed", "sent", "failed"], "failed"),
    ],
)
def test_an_answer_shows_how_far_it_got(answered: dict[str, Any], told: list[str], seen: str) -> None:
    message, conversation = answered["id"], answered["conversation_id"]
    assert answered["delivery"] == {"status": "pending", "error": None}
    before = len(memory.published())
    errors = {"failed": REFUSED}
    assert take(*(status(message, conversation, status=one, error=errors.get(one)) for one in told)) == []
    assert delivery(conversation) == {"status": seen, "error": errors.get(seen)}
    assert len(memory.published()) == before, "whoever wants to know has been told by messaging"


def test_an_answer_with_files_has_got_as_far_as_the_slowest(clock: Clock) -> None:
    take(received())
    (made,) = conversations()
    clock.advance(1)
    files = [NewAttachment(url=f"https://example.com/{name}") for name in "ab"]
    wanted = NewMessage(text="您好", sender="agent", attachments=files)
    message = service.add_message(AGENT, made["id"], wanted)["id"]
    seen = []
    for number, now in ((1, "read"), (2, "sent"), (3, "delivered"), (2, "failed")):
        error = REFUSED if now == "failed" else None
        one = status(message, made["id"], message_id=part(message, number), status=now, error=error)
        assert take(one) == []
        seen.append(delivery(made["id"])["status"])
    assert seen == ["pending", "pending", "sent", "failed"]
    assert delivery(made["id"])["error"] == REFUSED


def test_what_goes_nowhere_has_no_delivery(answered: dict[str, Any]) -> None:
    conversation = answered["conversation_id"]
    own = service.create(AGENT, NewConversation(user_id="user_1", channel="web")).data["id"]
    nowhere = answer(own)
    customers = messages(conversation)[0]["id"]
    told = [status(nowhere["id"], own), status(customers, conversation), status(f"msg_{'1' * 26}", conversation)]
    assert take(*told) == []
    assert (delivery(own), messages(conversation)[0]["delivery"]) == (None, None)
    assert delivery(conversation) == {"status": "pending", "error": None}


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"conversationId": "conv-001"},
        {"conversationId": 5, "messageId": []},
        {"conversationId": "conv_1#", "messageId": "msg_#"},
    ],
)
def test_a_message_of_somebody_else_s_is_none_of_ours(answered: dict[str, Any], metadata: dict[str, Any]) -> None:
    assert take(status(answered["id"], answered["conversation_id"], metadata=metadata)) == []
    assert delivery(answered["conversation_id"])["status"] == "pending"


def test_a_message_that_somebody_sends_under_an_answers_name_is_not_the_answer(answered: dict[str, Any]) -> None:
    message, conversation = answered["id"], answered["conversation_id"]
    sent = ids.new("msg", ids.milliseconds(message) + 1)
    assert take(status(message, conversation, message_id=sent, status="failed", error=REFUSED)) == []
    assert delivery(conversation) == {"status": "pending", "error": None}


def test_nobody_fills_a_message_with_deliveries(answered: dict[str, Any]) -> None:
    message, conversation = answered["id"], answered["conversation_id"]
    take(*(status(message, conversation, message_id=part(message, number)) for number in range(150)))
    [stored] = [one for one in store.messages("default", conversation, MessageParameters()).items if one.id == message]
    assert len(stored.sendings or {}) == store.MAX_SENDINGS


def move(after: str = "+1", **changes: Any) -> dict[str, Any]:
    data = {"integration_id": "int_1", "platform": "whatsapp", "contact_id": CONTACT["id"], "new_contact_id": after}
    return {**received(), "type": "contact.moved", "data": data | changes}


def test_a_conversation_goes_on_under_its_contact_s_new_id() -> None:
    take(received(1))
    assert take(move(), move()) == []
    [told] = [one["detail"]["data"] for one in memory.published() if one["detail-type"] == "conversation.updated"]
    assert (told["changes"], told["version"]) == (["contact"], 2)
    (made,) = conversations()
    assert made["contact"] == {"integration_id": "int_1", "platform": "whatsapp", "id": "+1", "name": "张三"}
    answer(made["id"])
    late, new = received(2), received(3, contact={"id": "+1"})
    assert take(late, new) == []
    [made] = conversations()
    assert made["message_count"] == 4
    [told] = [one["detail"]["data"] for one in memory.published() if one["detail"]["data"].get("reply_to")]
    assert told["reply_to"]["contact_id"] == "+1"


def test_a_contact_who_was_faster_under_the_new_id_has_a_conversation_of_its_own() -> None:
    take(received(1), received(2, contact={"id": "+1"}))
    assert take(move()) == []
    assert [one["contact"]["id"] for one in conversations() if one["contact"]] == ["+1", "+1"]
    take(received(3, contact={"id": "+1"}))
    assert sorted(one["message_count"] for one in conversations()) == [1, 2]


def test_a_move_of_nobody_changes_nothing() -> None:
    take(received(1))
    assert take(move(contact_id="+2"), move(integration_id="int_2"), move() | {"tenant": "other"}) == []
    assert [one["version"] for one in conversations()] == [1]


def test_a_move_meets_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    take(received(1))
    moved = service.moved

    def meet_first(*arguments: Any) -> Any:
        monkeypatch.setattr(service, "moved", moved)
        found = moved(*arguments)
        take(received(2))
        return found

    monkeypatch.setattr(service, "moved", meet_first)
    assert take(move()) == []
    (made,) = conversations()
    assert (made["message_count"], made["contact"] and made["contact"]["id"]) == (2, "+1")


def test_of_two_who_send_again_at_once_one_does(answered: dict[str, Any]) -> None:
    message, conversation = answered["id"], answered["conversation_id"]
    take(status(message, conversation, status="failed", error=REFUSED))
    found = race(4, lambda _: service.retry(AGENT, conversation, message)["delivery"])
    assert found.count({"status": "pending", "error": None}) == 1
    assert {one for one in found if isinstance(one, type)} <= {Conflict, Unprocessable}
    told = [one for one in memory.published() if one["detail-type"] == "conversation.message_retried"]
    assert [one["detail"]["data"]["failed_message_ids"] for one in told] == [[part(message)]]


def test_an_answer_is_sent_again_so_often_and_no_more(answered: dict[str, Any]) -> None:
    message, conversation = answered["id"], answered["conversation_id"]
    for number in range(store.MAX_SENDINGS):
        take(status(message, conversation, message_id=part(message, number), status="failed", error=REFUSED))
        if number < store.MAX_SENDINGS - 1:
            service.retry(AGENT, conversation, message)
    with pytest.raises(Unprocessable) as refused:
        service.retry(AGENT, conversation, message)
    assert refused.value.message_key == "quota_exceeded"
