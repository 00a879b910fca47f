"""Passwords: scrypt (RFC 7914), its parameters beside each hash so that they can grow."""

import base64
import hashlib
import hmac
import secrets

_COST = 2**15
_BLOCK_SIZE = 8
_PARALLEL = 1
_SALT_BYTES = 16
_MEMORY = 128 * _COST * _BLOCK_SIZE * 2


def generate() -> str:
    """Make a password of 144 random bits."""
    return secrets.token_urlsafe(18)


def hash_password(password: str) -> str:
    """Hash a password for storage: `scrypt$<N>$<r>$<p>$<salt>$<hash>`."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(password, salt, _COST, _BLOCK_SIZE, _PARALLEL)
    return "$".join(("scrypt", str(_COST), str(_BLOCK_SIZE), str(_PARALLEL), _base64(salt), _base64(digest)))


def is_password(password: str, stored: str) -> bool:
    """Whether a password is the one that was hashed; takes the same time either way."""
    _, cost, block_size, parallel, salt, digest = stored.split("$")
    made = _scrypt(password, base64.b64decode(salt), int(cost), int(block_size), int(parallel))
    return hmac.compare_digest(made, base64.b64decode(digest))


def _scrypt(password: str, salt: bytes, cost: int, block_size: int, parallel: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block_size, p=parallel, maxmem=_MEMORY, dklen=32)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
