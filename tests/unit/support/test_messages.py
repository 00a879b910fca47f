"""Messages that meet: versions, counts and the time that a customer waits stay right."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from functions.support.conversations import service, store
from functions.support.conversations.models import (
    ConversationChange,
    ConversationParameters,
    MessageParameters,
    NewConversation,
    NewMessage,
    Sender,
)
from hub.errors import Conflict, Unavailable, Unprocessable
from hub.events import Caller
from hub.store import table, versioned
from tests.conftest import Clock
from tests.contract import memory

CALLER = Caller("default", "enterprise", "ak_1", "req_1")

pytestmark = pytest.mark.usefixtures("aws")


def new(message: str | None = "你好") -> str:
    return service.create(CALLER, NewConversation(user_id="user_1", channel="web", initial_message=message)).data["id"]


def say(conversation: str, sender: Sender) -> dict[str, Any]:
    return dict(service.add_message(CALLER, conversation, NewMessage(text="好", sender=sender)))


def close(conversation: str) -> None:
    service.change(CALLER, conversation, ConversationChange(status="closed"), lambda _: None)


def all_messages(conversation: str) -> list[dict[str, Any]]:
    return [dict(one) for one in service.messages("default", conversation, MessageParameters(limit=100)).items]


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do all at the same time."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait(timeout=10)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def interleave(monkeypatch: pytest.MonkeyPatch, other: Callable[[], Any], times: int = 1) -> None:
    """Let something else be done between each of the next reads of a conversation and its write."""
    read = store.get
    left = [None] * times

    def get(*arguments: Any, **more: Any) -> Any:
        found = read(*arguments, **more)
        if left:
            left.pop()
            with monkeypatch.context() as inner:
                inner.setattr(store, "get", read)
                other()
        return found

    monkeypatch.setattr(store, "get", get)


def test_two_agents_answer_at_once(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    conversation = new()
    clock.advance(60)
    answers: list[dict[str, Any]] = []
    interleave(monkeypatch, lambda: answers.append(say(conversation, "agent")))
    late = say(conversation, "agent")
    assert [one["response_seconds"] for one in (*answers, late)] == [60, None], "one of them was the first"
    now = store.get("default", conversation)
    assert (now.message_count, now.version, now.waiting_since) == (3, 3, None)
    assert len(all_messages(conversation)) == 3


def test_a_customer_writes_while_an_agent_answers(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    conversation = new()
    clock.advance(60)
    interleave(monkeypatch, lambda: say(conversation, "customer"))
    assert say(conversation, "agent")["response_seconds"] == 60
    assert store.get("default", conversation).waiting_since is None, "the answer was written after the question"
    interleave(monkeypatch, lambda: say(conversation, "agent"))
    clock.advance(60)
    say(conversation, "customer")
    now = store.get("default", conversation)
    assert (now.message_count, now.version) == (5, 5)
    assert now.waiting_since == now.updated_at == clock.time_ns() // 1_000_000


def test_an_agent_answers_while_another_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = new()
    interleave(monkeypatch, lambda: close(conversation))
    with pytest.raises(Unprocessable):
        say(conversation, "agent")
    now = store.get("default", conversation)
    assert (now.status, now.message_count, now.version) == ("closed", 1, 2)


def test_a_customer_writes_while_an_agent_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = new()
    interleave(monkeypatch, lambda: close(conversation))
    say(conversation, "customer")
    now = store.get("default", conversation)
    assert (now.status, now.closed_at, now.message_count, now.version) == ("active", None, 2, 3)
    names = [event["detail-type"] for event in memory.published()]
    assert sorted(names) == sorted(
        ["conversation.created", "conversation.closed", *["conversation.updated"] * 2, *["conversation.message"] * 2]
    )


def test_an_agent_closes_while_a_customer_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = new()
    interleave(monkeypatch, lambda: say(conversation, "customer"))
    with pytest.raises(Conflict):
        close(conversation)
    assert store.get("default", conversation).status == "active", "nobody closes what they have not read"


def test_tries_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "back_off", lambda _: None)
    conversation = new()
    interleave(monkeypatch, lambda: say(conversation, "customer"), versioned.TRIES)
    with pytest.raises(Unavailable):
        say(conversation, "agent")
    assert store.get("default", conversation).message_count == versioned.TRIES + 1


def test_many_write_at_once() -> None:
    conversation = new()
    senders: list[Sender] = ["agent", "customer", "agent", "customer"]
    # Whoever fails did so because another was faster, so all are through before the tries end.
    written = at_once(*(lambda sender=sender: say(conversation, sender) for sender in senders))
    now = store.get("default", conversation)
    assert now.message_count == now.version == len(written) + 1 == len(all_messages(conversation))
    first_answers = [one for one in written if one["response_seconds"] is not None]
    assert {one["sender"] for one in first_answers} == {"agent"}


def test_status_moves_between_the_partitions_of_lists() -> None:
    conversation = new()
    for status in ("closed", "active"):
        service.change(CALLER, conversation, ConversationChange(status=status, assignee_id="agent_1"), lambda _: None)
        for wanted in (
            ConversationParameters(status=status),
            ConversationParameters(status=status, channel="web"),
            ConversationParameters(status=status, user_id="user_1"),
            ConversationParameters(status=status, assignee_id="agent_1"),
        ):
            assert [one["id"] for one in service.listed("default", wanted).items] == [conversation]
            other = wanted.model_copy(update={"status": "active" if status == "closed" else "closed"})
            assert service.listed("default", other).items == []
