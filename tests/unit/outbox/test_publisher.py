import json
from collections.abc import Callable
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.outbox import publisher
from hub import aws as clients
from hub import events, queues
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


_numbers = count(1)


def record(new: list[Any] | None, old: list[Any] | None = None, item: str | None = None) -> dict[str, Any]:
    """A change, of an item of its own where none is named."""
    number = str(next(_numbers))
    images = {"NewImage": new, "OldImage": old}
    told = {name: to_item({"pk": "a", "events": one}) for name, one in images.items() if one is not None}
    return {"dynamodb": {"Keys": to_item({"pk": item or number}), "SequenceNumber": number, **told}}


def publish(*records: Any) -> list[int]:
    """Answers with the places of the changes that are to be delivered again."""
    answer = publisher.handler({"Records": list(records)}, None)
    numbers = [one.get("dynamodb", {}).get("SequenceNumber") for one in records]
    return [numbers.index(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]


def arrived() -> list[Any]:
    return [json.loads(body)["detail"]["data"]["n"] for body in memory.received("Subscriber")]


class Bus:
    """Answers PutEvents: `outcomes` are the error codes of each call's entries; then all are taken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *outcomes: list[str]) -> None:
        self.calls: list[list[Any]] = []
        self.taken: list[Any] = []
        self._outcomes = list(outcomes)
        monkeypatch.setattr(clients.events(), "put_events", self)

    def __call__(self, *, Entries: list[Any]) -> Any:  # noqa: N803 - as botocore names it
        self.calls.append([json.loads(entry["Detail"])["data"]["n"] for entry in Entries])
        codes = self._outcomes.pop(0) if self._outcomes else [""] * len(Entries)
        self.taken += [n for n, code in zip(self.calls[-1], codes, strict=True) if not code]
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
    publish(*(record([made(n=number)]) for number in range(16)))
    assert bus.calls == [list(range(10)), list(range(10, 16))]


def test_a_call_has_one_event_of_an_item_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus(monkeypatch)
    publish(record([made(n=1), made(n=2)], item="a"), record([made(n=3)], item="b"), record([made(n=4)], item="a"))
    assert bus.calls == [[1, 3], [2], [4]]


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
    assert publish(record([made(n=1)])) == [0]
    assert len(bus.calls) == publisher.TRIES


def test_what_is_postponed_fails_the_batch_from_its_change_on(monkeypatch: pytest.MonkeyPatch) -> None:
    postponed = "ThrottlingException"
    Bus(monkeypatch, ["MalformedDetail", "", postponed, "MalformedDetail"], [postponed], [postponed])
    assert publish(*(record([made(n=number)]) for number in range(4))) == [2]
    (aside,) = (json.loads(body) for body in memory.received(POISON))
    assert aside["record"]["data"] == {"n": 0}, "what stands behind comes again, and is put aside then"


def test_no_event_passes_a_postponed_one_of_its_item(monkeypatch: pytest.MonkeyPatch) -> None:
    postponed = "InternalFailure"
    bus = Bus(monkeypatch, [postponed, ""], [postponed, ""])
    told = [record([made(n=1), made(n=2)], item="a"), record([made(n=3)], item="b")]
    assert publish(*told, record([made(n=4)], item="a"), record([made(n=5)], item="b")) == []
    assert bus.calls == [[1, 3], [1, 5], [1], [2], [4]]


ITEMS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 3)), max_size=12)
OUTCOMES = st.lists(st.sampled_from(["", "ThrottlingException", "InternalFailure", "MalformedDetail"]), max_size=60)


class RandomBus:
    """Answers with one outcome after the other, then takes everything."""

    def __init__(self, outcomes: list[str]) -> None:
        self.taken: list[Any] = []
        self._outcomes = iter(outcomes)

    def __call__(self, *, Entries: list[Any]) -> Any:  # noqa: N803 - as botocore names it
        codes = [next(self._outcomes, "") for _ in Entries]
        self.taken += [
            tuple(json.loads(one["Detail"])["data"]["n"]) for one, code in zip(Entries, codes, strict=True) if not code
        ]
        return {"Entries": [{"ErrorCode": code} if code else {"EventId": "1"} for code in codes]}


def read_to_the_end(records: list[Any], handle: Callable[[Any], Any]) -> None:
    """As Lambda reads a stream: again from the first change that the function names, until it names none."""
    while records:
        failures = handle({"Records": records})["batchItemFailures"]
        if not failures:
            return
        numbers = [one["dynamodb"]["SequenceNumber"] for one in records]
        records = records[numbers.index(failures[0]["itemIdentifier"]) :]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes=ITEMS, outcomes=OUTCOMES)
def test_whatever_the_bus_postpones_items_keep_their_order_and_nothing_is_lost(
    changes: list[tuple[str, int]], outcomes: list[str]
) -> None:
    numbers = count()
    told = [(item, [(item, next(numbers)) for _ in range(events)]) for item, events in changes]
    bus, aside = RandomBus(outcomes), list[str]()
    with (
        patch.object(clients.events(), "put_events", bus),
        patch.object(queues, "send", lambda _, sent: aside.extend(one.body for one in sent)),
    ):
        records = [record([made(n=one) for one in carried], item=item) for item, carried in told]
        read_to_the_end(records, lambda event: publisher.handler(event, None))

    refused = [tuple(json.loads(body)["record"]["data"]["n"]) for body in aside]
    everything = [one for _, carried in told for one in carried]
    assert set(bus.taken) | set(refused) == set(everything)
    assert len(set(refused)) == len(refused), "put aside once"
    for item in "abcd":
        firsts = dict.fromkeys(n for name, n in bus.taken if name == item)
        assert list(firsts) == sorted(firsts), "a first arrival never passes an earlier event of its item"


def test_a_queue_that_takes_no_poison_fails_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients.sqs(), "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
    with pytest.raises(Unavailable):
        publish({})


def test_an_event_nobody_knows_cannot_be_made() -> None:
    with pytest.raises(ValueError, match=r"nobody\.knows"):
        events.event("nobody.knows", CALLER, {})
