"""Entities with a version: each write counts it up, so that none is overwritten unread."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hub import times
from hub.errors import Unavailable
from hub.store import table

TRIES = 6
"""Of what is written whatever else changes meanwhile: a message, a comment."""

T = TypeVar("T")

Expects = Callable[[int], None]
"""Holds a version against what the caller has read (`Request.expects`)."""


class Changed(Exception):
    """The thing is not as it was read, or is being written right now: nothing was written.

    `version` is the one that stands there, 0 where nothing does any more.
    """

    def __init__(self, version: int) -> None:
        self.version = version
        super().__init__(version)


def replacement(item: Mapping[str, Any], seen: int) -> table.Put:
    """The write of a changed thing; fails where it is no longer the version `seen`."""
    return table.Put(table.entities(), item, table.PRESENT + " AND #version = :seen", {"seen": seen})


def write(seen: int, *operations: table.Operation) -> None:
    """Write a `replacement`, and after it what belongs to the change. Raises `Changed`."""
    try:
        table.write(*operations)
    except table.ConditionFailed as failure:
        raise Changed((failure.item or {}).get("version", 0)) from None
    except table.Contended:
        raise Changed(seen) from None


def retried(once: Callable[[], T]) -> T:
    """Do what reads a thing and writes it, again where it `Changed` meanwhile. Raises `Unavailable` after `TRIES`."""
    for attempt in range(TRIES):
        table.back_off(attempt)
        try:
            return once()
        except Changed:
            continue
    raise Unavailable


def iso(milliseconds: int | None) -> str | None:
    """A time as answers show it."""
    return None if milliseconds is None else times.iso(milliseconds / 1000)
