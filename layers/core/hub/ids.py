"""Identifiers: a prefix that tells the kind and a ULID, so that ids of one kind sort by time of creation."""

import hashlib
import secrets
import time

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


def new(prefix: str, milliseconds: int | None = None) -> str:
    """Make an id such as `wh_01JD3Z…`: prefix and a ULID (48 bits of milliseconds, 80 random ones)."""
    made = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    return f"{prefix}_{_ulid(made, secrets.randbits(_RANDOM_BITS))}"


def first(prefix: str, milliseconds: int) -> str:
    """The id that no other of this kind and time sorts before: where a search by time begins or ends."""
    return f"{prefix}_{_ulid(milliseconds, 0)}"


def derived(prefix: str, milliseconds: int, *parts: str) -> str:
    """Make the id that always comes of the same time and parts, so that work done twice names its result alike."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return f"{prefix}_{_ulid(milliseconds, int.from_bytes(digest[:10], 'big'))}"


def milliseconds(made: str) -> int:
    """The time that is in an id."""
    number = 0
    for character in made.rpartition("_")[2]:
        number = number * 32 + _CROCKFORD.index(character)
    return number >> _RANDOM_BITS


def _ulid(milliseconds: int, entropy: int) -> str:
    number = (milliseconds << _RANDOM_BITS) | entropy
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
