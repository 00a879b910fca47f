"""Passwords: scrypt (RFC 7914) with its parameters beside each hash so that they can grow, and what a new one must be.

NIST SP 800-63B section 5.1.1: compared in one Unicode form, at least 8 characters of any kind, none that is known
from breaches, no rules of composition.
"""

import base64
import hashlib
import hmac
import secrets
import unicodedata
from bisect import bisect_left
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from hub.web.validation import refused

MIN_LENGTH = 8
MAX_LENGTH = 256
"""Characters. What is hashed must have a bound, or one request could keep a function busy."""

BREACHED = Path(__file__).with_name("breached_passwords.bin")
BREACHED_BYTES = 5
"""Bytes of the SHA-256 of each breached password, in ascending order (docs/breached_passwords.py makes the file)."""

_COST = 2**15
_BLOCK_SIZE = 8
_PARALLEL = 3
_SALT_BYTES = 16
_DIGEST_BYTES = 32
_MEMORY = 128 * _COST * _BLOCK_SIZE * 2


def check_new(password: str) -> str:
    """Refuse a password that is too short, too long, or among the most common of those that were breached."""
    normal = _normal(password) if len(password) <= MAX_LENGTH else password
    if len(normal) < MIN_LENGTH:
        raise refused("too_short", min_length=MIN_LENGTH)
    if len(normal) > MAX_LENGTH:
        raise refused("too_long", max_length=MAX_LENGTH)
    if _is_breached(normal):
        raise refused("breached_password")
    return password


NewPassword = Annotated[str, AfterValidator(check_new)]
"""A field that sets a password."""


def generate() -> str:
    """Make a password of 144 random bits."""
    return secrets.token_urlsafe(18)


def hash_password(password: str) -> str:
    """Hash a password for storage: `scrypt$<N>$<r>$<p>$<salt>$<hash>`."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return _stored(salt, _scrypt(password, salt, _COST, _BLOCK_SIZE, _PARALLEL))


def is_password(password: str, stored: str | None) -> bool:
    """Whether a password is the one that was hashed; takes the same time either way.

    `stored` is `None` for an unknown user and for one without a password: as much is computed, and it is never right.
    """
    _, cost, block_size, parallel, salt, digest = (stored or _of_nobody()).split("$")
    bounded = password[:MAX_LENGTH]
    made = _scrypt(bounded, base64.b64decode(salt), int(cost), int(block_size), int(parallel))
    return hmac.compare_digest(made, base64.b64decode(digest)) and stored is not None and bounded == password


def needs_rehash(stored: str) -> bool:
    """Whether a hash was made with other parameters than are used now: hash again when the password is at hand."""
    return stored.split("$")[:4] != _of_nobody().split("$")[:4]


def _of_nobody() -> str:
    """The hash of no password, with the parameters of now."""
    return _stored(bytes(_SALT_BYTES), bytes(_DIGEST_BYTES))


def _stored(salt: bytes, digest: bytes) -> str:
    return "$".join(("scrypt", str(_COST), str(_BLOCK_SIZE), str(_PARALLEL), _base64(salt), _base64(digest)))


def _scrypt(password: str, salt: bytes, cost: int, block_size: int, parallel: int) -> bytes:
    text = _normal(password).encode()
    return hashlib.scrypt(text, salt=salt, n=cost, r=block_size, p=parallel, maxmem=_MEMORY, dklen=_DIGEST_BYTES)


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _is_breached(password: str) -> bool:
    prefix = hashlib.sha256(password.lower().encode()).digest()[:BREACHED_BYTES]
    known = _breached()
    place = bisect_left(range(len(known) // BREACHED_BYTES), prefix, key=lambda position: _entry(known, position))
    return _entry(known, place) == prefix


def _entry(known: bytes, position: int) -> bytes:
    return known[position * BREACHED_BYTES : (position + 1) * BREACHED_BYTES]


@cache
def _breached() -> bytes:
    return BREACHED.read_bytes()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
