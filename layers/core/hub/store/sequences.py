"""Integer ids, counted for each tenant and kind: none is given twice, and some may never be given.

| item | table | pk | sk |
|---|---|---|---|
| sequence | ActivityTable | `T#<tenant>#SEQUENCE` | the kind |

Items have their id with zeros before it as their sort key, so that keys sort as the ids do; callers see the number.
"""

import re

from hub.errors import NotFound
from hub.store import keys, table

KIND = "SEQUENCE"
DIGITS = 12
"""Of a sort key."""

_ID = re.compile(r"[1-9][0-9]{0,11}\Z", re.ASCII)


def following(tenant: str, kind: str, count: int = 1) -> int:
    """Take the next id of a kind, or the first of the next `count`."""
    counted = table.update(
        table.Update(table.activity(), keys.entity(tenant, KIND, kind), "ADD #latest :count", values={"count": count}),
        "UPDATED_NEW",
    )
    latest: int = counted["latest"]
    return latest - count + 1


def padded(number: int) -> str:
    """An id as a sort key."""
    return f"{number:0{DIGITS}}"


def is_padded(text: str) -> bool:
    """Whether a text is an id as a sort key."""
    return len(text) == DIGITS and text.isascii() and text.isdecimal()


def place(text: str) -> str:
    """The sort key of an id as a caller writes it. Raises `NotFound` for what is no id."""
    if not _ID.match(text):
        raise NotFound
    return text.zfill(DIGITS)
