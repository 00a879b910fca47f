"""Changes of the configuration that one transaction cannot hold: all of it is written, or nothing.

1. A note goes to the queue of `finish.py`, to be read when whoever makes the change has ended or died.
2. The gate is shut: from now on nobody else writes.
3. What is to be written is worked out of what stands there, and kept in the bucket; the gate notes that it is decided.
4. It is written, up to 99 writes a transaction. None depends on what it finds, so each can be done again.
5. The gate is opened.

Who dies before the third step is through has changed nothing, and the note opens the gate; who dies later has, and the
note does the rest.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from functions.forwarding import gate, objects
from hub import ids, queues, settings
from hub.errors import Unavailable
from hub.queues import Message
from hub.store import table
from hub.store.table import Delete, Put, Update

Write = Put | Update | Delete

MAX_TOGETHER = 99
"""Writes of a transaction, beside the look at the gate."""

FINISH_SECONDS = 90
"""When the note is read: nobody's function lives that long."""


@dataclass(frozen=True)
class ChangeSettings:
    """The queue of `finish.py`."""

    forwarding_changes_queue_url: str


def make(tenant: str, work_out: Callable[[], Sequence[Write]]) -> None:
    """Write what `work_out` answers with, which reads what stands there by itself; what it raises changes nothing.

    The writes have no conditions. Raises `Conflict` while another change is written, `Unavailable` where it cannot be
    begun, or ended just now: then it ends by itself.
    """
    change_id = ids.new("change")
    note = Message(json.dumps({"tenant": tenant, "change_id": change_id}), delay_seconds=FINISH_SECONDS)
    if queues.send(_queue(), [note]):
        raise Unavailable
    gate.close(tenant, change_id)
    try:
        writes = _distinct(work_out())
        if writes:
            keep(tenant, change_id, writes)
    except Exception:  # whatever it was, nothing has changed, and nobody must wait for the note
        gate.give_up(tenant, change_id)
        raise
    _write(tenant, change_id, writes)


def keep(tenant: str, change_id: str, writes: Sequence[Write]) -> None:
    """Keep what a change is to write: from now on it is written. Raises `Conflict` where it was given up."""
    objects.write(_key(tenant, change_id), _kept(writes))
    gate.decide(tenant, change_id)


def finish(tenant: str, change_id: str) -> None:
    """Bring a change to its end whose maker died: one that was decided is written, another given up."""
    if gate.decided(tenant, change_id):
        _write(tenant, change_id, _read(objects.read(_key(tenant, change_id))))
    else:
        gate.give_up(tenant, change_id)


def _write(tenant: str, change_id: str, writes: Sequence[Write]) -> None:
    for together in _batches(writes):
        try:
            table.write(gate.is_held(tenant, change_id), *together)
        except table.ConditionFailed:
            return  # Another has written it to its end.
    gate.open_again(tenant, change_id)
    if writes:
        objects.delete(_key(tenant, change_id))


def _distinct(writes: Sequence[Write]) -> list[Write]:
    """One write of each item, the last: a transaction takes no more."""
    return list({(key["pk"], key["sk"]): write for write in writes for key in [_place(write)]}.values())


def _place(write: Write) -> Mapping[str, Any]:
    return write.item if isinstance(write, Put) else write.key


def _batches(writes: Iterable[Write]) -> Iterator[list[Write]]:
    left = iter(writes)
    while batch := list(islice(left, MAX_TOGETHER)):
        yield batch


def _kept(writes: Sequence[Write]) -> bytes:
    """Writes as they are kept."""
    rows: list[dict[str, Any]] = []
    for write in writes:
        row: dict[str, Any] = {"activity": write.table == table.activity()}
        match write:
            case Put():
                row |= {"item": write.item}
            case Delete():
                row |= {"key": write.key}
            case Update():
                row |= {"key": write.key, "expression": write.expression, "values": write.values}
        rows.append(row)
    return objects.as_json(rows)


def _read(kept: bytes) -> list[Write]:
    return [_one(row) for row in objects.from_json(kept)]


def _one(row: dict[str, Any]) -> Write:
    name = table.activity() if row["activity"] else table.entities()
    if "item" in row:
        return Put(name, row["item"])
    if "expression" in row:
        return Update(name, row["key"], row["expression"], values=row["values"])
    return Delete(name, row["key"])


def _key(tenant: str, change_id: str) -> str:
    return f"changes/{tenant}/{change_id}.json"


@cache
def _queue() -> str:
    return settings.load(ChangeSettings).forwarding_changes_queue_url
