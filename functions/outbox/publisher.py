"""From the table's stream to the bus: the events that a change carries, at least once, in order per item.

The audit record of a change goes from the stream into the audit trail.
"""

import json
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
    event: Mapping[str, Any]
    area: str
    detail: str


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> None:
    """Take a batch of the stream (new and old images).

    A record that cannot be read or published is put aside in the queue of poison events and does not hold up those
    behind it; when the bus itself does not answer, the batch fails and the stream delivers it again.
    """
    poison: list[str] = []
    entries: list[_Entry] = []
    rows: dict[str, Item] = {}
    for record in event["Records"]:
        try:
            images = record["dynamodb"]
            told = [_entry(one) for one in _new_events(images)]
            rows |= {one["id"]: audit.row(one) for one in _new_audit(images)}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            poison.append(_aside(_told_by(record), error))
        else:
            entries += told
    # First, because a row written again is the same row, and an event sent again is a second one.
    table.put_many(table.activity(), list(rows.values()))
    for batch in _batches(entries):
        poison += _publish(batch)
    _put_aside(poison)
    count("EventsPublished", len(entries))
    count("AuditRecords", len(rows))


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


def _entry(event: Mapping[str, Any]) -> _Entry:
    detail = {name: event[name] for name in ("id", "type", "timestamp", "tenant", "requestId", "data")}
    text = json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > MAX_CALL_BYTES - 1024:
        raise ValueError("the event is too large for the bus")
    return _Entry(event, events.AREAS[event["type"]], text)


def _batches(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    batch: list[_Entry] = []
    size = 0
    for entry in entries:
        length = len(entry.detail.encode()) + 256
        if batch and (len(batch) == MAX_ENTRIES or size + length > MAX_CALL_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch


def _publish(batch: list[_Entry]) -> list[str]:
    """Put a batch on the bus; answers with what it refuses for good. Raises `Unavailable` for what it postpones."""
    refused: list[str] = []
    for _ in range(TRIES):
        answer = aws.events().put_events(Entries=[_bus_entry(entry) for entry in batch])
        results = list(zip(batch, answer["Entries"], strict=True))
        batch = [entry for entry, result in results if result.get("ErrorCode") in _PASSING]
        refused += [
            _aside(entry.event, result.get("ErrorCode"))
            for entry, result in results
            if result.get("ErrorCode", "") not in {"", *_PASSING}
        ]
        if not batch:
            return refused
    raise Unavailable


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
    if queues.send(_settings().poison_events_queue_url, poison):
        raise Unavailable


@cache
def _settings() -> PublisherSettings:
    return settings.load(PublisherSettings)
