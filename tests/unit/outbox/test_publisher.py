import json
from typing import Any

import pytest

from functions.outbox import publisher
from hub import aws as clients
from hub import events
from hub.errors import Unavailable
from hub.events import Caller
from hub.store import keys, table
from hub.store.items import to_item
from tests.contract import memory

pytestmark = pytest.mark.usefixtures("aws")

CALLER = Caller("acme", "enterprise", "ak_1", "req_1")
POISON = "PoisonEventsQueue"


def made(**data: Any) -> dict[str, Any]:
    return events.event("api_key.created", CALLER, data)


def record(new: list[Any] | None, old: list[Any] | None = None) -> dict[str, Any]:
    images = {"NewImage": new, "OldImage": old}
    return {"dynamodb": {name: to_item({"pk": "a", "events": one}) for name, one in images.items() if one is not None}}


def publish(*records: Any) -> None:
    publisher.handler({"Records": list(records)}, None)


def arrived() -> list[Any]:
    return [json.loads(body)["detail"]["data"]["n"] for body in memory.received("Subscriber")]


class Bus:
    """Answers PutEvents: `outcomes` are the error codes of each call's entries; then all are taken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *outcomes: list[str]) -> None:
        self.calls: list[list[Any]] = []
        self._outcomes = list(outcomes)
        monkeypatch.setattr(clients.events(), "put_events", self)

    def __call__(self, *, Entries: list[Any]) -> Any:  # noqa: N803 - as botocore names it
        self.calls.append([json.loads(entry["Detail"])["data"]["n"] for entry in Entries])
        codes = self._outcomes.pop(0) if self._outcomes else [""] * len(Entries)
        return {"Entries": [{"ErrorCode": code} if code else {"EventId": "1"} for code in codes]}


def test_a_change_and_its_event_come_through_the_stream() -> None:
    event = made(name="中")
    table.write(table.Put(table.entities(), {**keys.entity("acme", "API_KEY", "1"), "events": [event]}))
    (published,) = memory.published()
    assert (published["source"], published["detail-type"]) == ("hub.identity", "api_key.created")
    assert published["detail"] == event
    assert set(event) == {"id", "type", "timestamp", "tenant", "requestId", "data"}


def test_an_item_without_events_publishes_nothing() -> None:
    publish({"dynamodb": {"NewImage": {"pk": {"S": "a"}}}}, {"dynamodb": {}}, record([]))
    assert memory.received("Subscriber") == memory.received(POISON) == []


def test_an_event_that_the_old_image_carries_was_told() -> None:
    told, new = made(n=1), made(n=2)
    publish(record([told], [told]), record([told, new], [told]), record([new], [told]))
    assert arrived() == [2, 2]


def test_events_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus(monkeypatch)
    publish(*(record([made(n=number), made(n=number + 0.5)]) for number in range(8)))
    assert [len(call) for call in bus.calls] == [10, 6]
    assert [n for call in bus.calls for n in call] == [number / 2 for number in range(16)]


def test_a_call_has_256_kilobytes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus(monkeypatch)
    publish(*(record([made(n=number, text="长" * 30_000)]) for number in range(5)))
    assert bus.calls == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    "broken",
    [
        {"dynamodb": {"NewImage": {"events": "text"}}},
        {"dynamodb": {"NewImage": {"events": {"S": "text"}}}},
        {"dynamodb": {"NewImage": {"events": {"L": [{"S": "text"}]}}}},
        {"dynamodb": {"NewImage": {"events": {"L": [{"M": {}}]}}}},
        record([made(n=1) | {"type": "nobody.knows"}]),
        record([{"id": "evt_1", "type": "api_key.created"}]),
        record([made(n=1, text="x" * 300_000)]),
        {},
    ],
    ids=["text", "string", "list of text", "no id", "unknown name", "half an event", "too large", "no change"],
)
def test_what_cannot_be_published_is_put_aside_and_holds_up_nothing(broken: Any) -> None:
    publish(record([made(n=1)]), broken, record([made(n=3)]))
    assert arrived() == [1, 3]
    (aside,) = memory.received(POISON)
    assert json.loads(aside)["reason"]
    assert len(aside.encode()) < 262_144, "what SQS takes as a message"


def test_what_the_bus_refuses_for_good_is_put_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus(monkeypatch, ["", "MalformedDetail", ""])
    publish(*(record([made(n=number)]) for number in range(3)))
    assert bus.calls == [[0, 1, 2]]
    (aside,) = (json.loads(body) for body in memory.received(POISON))
    assert (aside["reason"], aside["record"]["data"]) == ("MalformedDetail", {"n": 1})


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "InternalException"])
def test_what_the_bus_postpones_is_tried_again(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    bus = Bus(monkeypatch, ["", code, code], [code, ""])
    publish(*(record([made(n=number)]) for number in range(3)))
    assert bus.calls == [[0, 1, 2], [1, 2], [1]]
    assert memory.received(POISON) == []


def test_a_bus_that_takes_nothing_fails_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus(monkeypatch, *[["ThrottlingException"]] * 10)
    with pytest.raises(Unavailable):
        publish(record([made(n=1)]))
    assert len(bus.calls) == publisher.TRIES


def test_a_queue_that_takes_no_poison_fails_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients.sqs(), "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
    with pytest.raises(Unavailable):
        publish({})


def test_an_event_nobody_knows_cannot_be_made() -> None:
    with pytest.raises(ValueError, match=r"nobody\.knows"):
        events.event("nobody.knows", CALLER, {})
