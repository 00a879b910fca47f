"""Figures of a tenant's days (UTC): how many messages ended how and where, and how long they took.

| item | table | pk | sk |
|---|---|---|---|
| day | ActivityTable | `T#<tenant>#FORWARD_DAY` | `2026-11-20` |
| what was cleared | ActivityTable | `T#<tenant>#FORWARD_DAY` | `CLEARED`: the first day that was not |

A day has an attribute for each status and platform (`success__discord`), `latency_ms` (the sum), `latency_n`, and
`recent`: the marks of the last 200 messages that were counted, five bytes of a hash each. What is told again while its
mark is there changes nothing, and mark and figures are one write. So a batch costs a read and a write of two units for
each tenant and day in it, however many messages it has; a ledger of every message would cost four for each of them.

The error: what is told again after 200 later ones of its day counts twice. That takes a worker that dies between its
write and its answer, or an SQS duplicate that is as late. That a message counts not at all, because its mark is like
one of 200 others, has the odds of one in five thousand million.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hub import times
from hub.errors import Unavailable
from hub.store import keys, table
from hub.store.items import Item

KIND = "FORWARD_DAY"
CLEARED = "CLEARED"
KEEP_SECONDS = 120 * 86_400

RECENT = 200
_MARK_BYTES = 5
_TRIES = 8
_BETWEEN = "__"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a message ended: `success` or `failed`, and what tells it from every other."""

    id: str
    status: str
    platform: str
    latency_ms: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted in some days: messages by status and platform, and the time of those that tell one."""

    counts: Mapping[tuple[str, str], int]
    latency_ms: int = 0
    latency_n: int = 0

    def number(self, status: str | None = None, platform: str | None = None) -> int:
        """How many ended so, and there."""
        return sum(
            count for (one, where), count in self.counts.items() if status in (None, one) and platform in (None, where)
        )


def day_of(milliseconds: int) -> str:
    """The day that a time lies in."""
    return times.iso(milliseconds / 1000)[:10]


def add(tenant: str, day: str, endings: Sequence[Ending]) -> None:
    """Count messages of a day; those that were counted a moment ago change nothing. Raises `Unavailable`."""
    key = keys.entity(tenant, KIND, day)
    for attempt in range(_TRIES):
        table.back_off(attempt)
        before = table.get(table.activity(), key, consistent=True)
        after = _counted(before or {}, endings)
        if after is None:
            return
        item = {**key, **after, "ttl": times.epoch_ms(f"{day}T00:00:00Z") // 1000 + KEEP_SECONDS}
        condition = "#version = :seen" if before else "attribute_not_exists(pk)"
        try:
            table.write(table.Put(table.activity(), item, condition, {"seen": before["version"]} if before else {}))
        except table.ConditionFailed:
            continue
        return
    raise Unavailable


def between(tenant: str, first: str, last: str) -> Figures:
    """The figures of all days from one to another, both included."""
    query = table.Query(table.activity(), keys.partition(tenant, KIND), between=(first, last))
    return _together(table.items(query))


def kept(tenant: str, first: str, last: str) -> Figures:
    """The figures of the days from one to another whose messages were not cleared from the log since."""
    rows = list(table.items(table.Query(table.activity(), keys.partition(tenant, KIND), between=(first, CLEARED))))
    cleared = max((row["first"] for row in rows if row["sk"] == CLEARED), default="")
    return _together(row for row in rows if cleared <= row["sk"] <= last)


def clear(tenant: str, first: str) -> None:
    """Note that the log has nothing of the days before one any more; the figures stay."""
    change = table.Update(
        table.activity(),
        keys.entity(tenant, KIND, CLEARED),
        "SET #first = :first",
        "attribute_not_exists(#first) OR #first < :first",
        {"first": first},
    )
    try:
        table.write(change)
    except table.ConditionFailed:
        return  # More was cleared before.


def _counted(before: Item, endings: Sequence[Ending]) -> Item | None:
    """A day with messages added to it; `None` where none of them is new."""
    recent: bytes = before.get("recent", b"")
    known = {recent[start : start + _MARK_BYTES] for start in range(0, len(recent), _MARK_BYTES)}
    added: Counter[str] = Counter()
    for one in endings:
        mark = hashlib.sha256(one.id.encode()).digest()[:_MARK_BYTES]
        if mark in known:
            continue
        known.add(mark)
        recent += mark
        added[f"{one.status}{_BETWEEN}{one.platform}"] += 1
        if one.latency_ms is not None:
            added["latency_ms"] += one.latency_ms
            added["latency_n"] += 1
    if not added:
        return None
    figures = {name: before.get(name, 0) + number for name, number in added.items()}
    kept_marks = recent[-RECENT * _MARK_BYTES :]
    return {**before, **figures, "recent": kept_marks, "version": before.get("version", 0) + 1}


def _together(rows: Iterable[Item]) -> Figures:
    counts: Counter[tuple[str, str]] = Counter()
    latency_ms = latency_n = 0
    for row in rows:
        counts.update(dict(_numbers(row)))
        latency_ms += row.get("latency_ms", 0)
        latency_n += row.get("latency_n", 0)
    return Figures(counts, latency_ms, latency_n)


def _numbers(row: Item) -> Iterator[tuple[tuple[str, str], int]]:
    for name, number in row.items():
        status, between_them, platform = name.partition(_BETWEEN)
        if between_them:
            yield (status, platform), number
