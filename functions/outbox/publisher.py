"""From the table's stream to the bus: the events that a change carries, at least once, in order per item.

The audit record of a change goes from the stream into the audit trail.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hub import audit, aws, events, queues, settings
from hub.errors import Unavailable
from hub.store import table
from hub.store.items import Item, from_attribute
from hub.telemetry import count, lambda_handler, logger

MAX_ENTRIES = 10
MAX_CALL_BYTES = 262_144
MAX_ASIDE_BYTES = 200_000
TRIES = 3

_PASSING = frozenset({"ThrottlingException", "InternalFailure", "InternalException"})
"""What the bus says of an entry that it may take later."""


@dataclass(frozen=True)
class PublisherSettings:
    """Where events go, and where those go that no try can publish."""

    event_bus_name: str
    poison_events_queue_url: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """An event on its way to the bus: the change that carries it (its place in the batch), the item changed."""

    change: int
    item: str
    event: Mapping[str, Any]
    area: str
    detail: str


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take a batch of the stream (new and old images); answers with the first change to be delivered again, if any.

    A record that cannot be read or published is put aside in the queue of poison events and does not hold up those
    behind it. What the bus postpones again and again fails the batch from its change on; when the bus or the queue
    itself does not answer, the whole batch fails.
    """
    records = event["Records"]
    poison: list[tuple[int, str]] = []
    entries: list[_Entry] = []
    rows: dict[str, Item] = {}
    for position, record in enumerate(records):
        try:
            images = record["dynamodb"]
            told = [_entry(position, images, one) for one in _new_events(images)]
            rows |= {one["id"]: audit.row(one) for one in _new_audit(images)}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            poison.append((position, _aside(_told_by(record), error)))
        else:
            entries += told
    # First, because a row written again is the same row, and an event sent again is a second one.
    table.put_many(table.activity(), list(rows.values()))
    postponed, refused = _publish(entries)
    first_again = postponed[0].change if postponed else len(records)
    # What stands behind comes again, and would be put aside a second time.
    _put_aside([text for position, text in [*poison, *refused] if position < first_again])
    count("EventsPublished", len(entries) - len(postponed) - len(refused))
    count("EventsPostponed", len(postponed))
    count("AuditRecords", len(rows))
    return queues.failures([one["dynamodb"]["SequenceNumber"] for one in records[first_again : first_again + 1]])


def _new_events(images: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The events of a change: those of the new image that the old one did not carry."""
    new = images.get("NewImage", {}).get("events")
    if new is None:
        return
    old = images.get("OldImage", {}).get("events")
    told = {event["id"] for event in from_attribute(old)} if old else set()
    for event in from_attribute(new):
        if event["id"] not in told:
            yield event


def _new_audit(images: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The audit record of a change, where the new image has another than the old one."""
    new, old = (images.get(name, {}).get("audit") for name in ("NewImage", "OldImage"))
    return [] if new is None or new == old else [from_attribute(new)]


def _entry(change: int, images: Mapping[str, Any], event: Mapping[str, Any]) -> _Entry:
    detail = {name: event[name] for name in ("id", "type", "timestamp", "tenant", "requestId", "data")}
    text = json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > MAX_CALL_BYTES - 1024:
        raise ValueError("the event is too large for the bus")
    return _Entry(change, str(images["Keys"]), event, events.AREAS[event["type"]], text)


def _publish(entries: Sequence[_Entry]) -> tuple[list[_Entry], list[tuple[int, str]]]:
    """Put entries on the bus; answers with those that it keeps postponing, and with what it refuses for good.

    An entry that is postponed keeps its place: none of the same item passes it.
    """
    waiting = list(entries)
    refused: list[tuple[int, str]] = []
    tries: Counter[str] = Counter()
    while waiting and max(tries.values(), default=0) < TRIES:
        batch = _next(waiting)
        answer = aws.events().put_events(Entries=[_bus_entry(entry) for entry in batch])
        for entry, result in zip(batch, answer["Entries"], strict=True):
            code = result.get("ErrorCode")
            if code in _PASSING:
                tries[entry.item] += 1
                continue
            waiting.remove(entry)
            del tries[entry.item]
            if code:
                refused.append((entry.change, _aside(entry.event, code)))
    return waiting, refused


def _next(waiting: Sequence[_Entry]) -> list[_Entry]:
    """What one call takes: the foremost entries, one of each item, as the bus may take a second without a first."""
    foremost: dict[str, _Entry] = {}
    size = 0
    for entry in waiting:
        if entry.item in foremost:
            continue
        size += len(entry.detail.encode()) + 256
        if foremost and (len(foremost) == MAX_ENTRIES or size > MAX_CALL_BYTES):
            break
        foremost[entry.item] = entry
    return list(foremost.values())


def _bus_entry(entry: _Entry) -> Any:
    return {
        "EventBusName": _settings().event_bus_name,
        "Source": f"hub.{entry.area}",
        "DetailType": entry.event["type"],
        "Detail": entry.detail,
    }


def _told_by(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record tells, without the rest of its item, where hashes of passwords and secrets stand."""
    images = record.get("dynamodb", {})
    image = images.get("NewImage", {})
    told = {name: image[name] for name in ("events", "audit") if name in image}
    return {"eventID": record.get("eventID"), "Keys": images.get("Keys"), **told}


def _aside(what: Mapping[str, Any], why: object) -> str:
    """A message of the queue of poison events; of what is too long for one, the names that find it."""
    text = json.dumps({"reason": str(why), "record": what}, default=str, ensure_ascii=False)
    if len(text.encode()) <= MAX_ASIDE_BYTES:
        return text
    names = {name: what[name] for name in ("eventID", "Keys", "id", "type", "tenant") if name in what}
    return json.dumps({"reason": str(why)[:1000], "record": names}, default=str, ensure_ascii=False)


def _put_aside(poison: list[str]) -> None:
    if not poison:
        return
    logger().error("events put aside", extra={"poison_events": len(poison)})
    count("PoisonEvents", len(poison))
    if queues.send(_settings().poison_events_queue_url, [queues.Message(text) for text in poison]):
        raise Unavailable


@cache
def _settings() -> PublisherSettings:
    return settings.load(PublisherSettings)
