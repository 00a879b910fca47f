"""Secrets inside items: AES-256-GCM under a data key of the tenant's, which only KMS can open.

A sealed secret carries its own encrypted data key. A process seals with one data key of a tenant for an hour and keeps
the opened ones as long as it lives, so that KMS is asked once per data key and process, not once per secret. The
place of a secret (`webhook/wh_…/secret`) is authenticated with it: a ciphertext moved to another item or another
tenant does not open.
"""

import os
import time
from dataclasses import dataclass
from functools import cache

from hub import aws, settings

MASK = "***"
"""What an answer shows instead of a secret; sent back, it keeps the stored value."""

_DATA_KEY_SECONDS = 3600
_NONCE_BYTES = 12
_VERSION = b"\x01"


@dataclass(frozen=True)
class SecretSettings:
    """The KMS key under which data keys are made."""

    encryption_key_arn: str


@dataclass(frozen=True, slots=True)
class _DataKey:
    plain: bytes
    encrypted: bytes
    made_at: float


_MAX_OPENED = 10_000
_current: dict[str, _DataKey] = {}
_plain_keys: dict[tuple[bytes, str], bytes] = {}


def seal(secret: str, tenant: str, place: str) -> bytes:
    """Encrypt a secret for an item."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = _data_key(tenant)
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key.plain).encrypt(nonce, secret.encode(), _context(tenant, place))
    return _VERSION + len(key.encrypted).to_bytes(2, "big") + key.encrypted + nonce + sealed


def unseal(sealed: bytes, tenant: str, place: str) -> str:
    """Decrypt a secret of an item. Raises `cryptography.exceptions.InvalidTag` for one that belongs elsewhere."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if sealed[:1] != _VERSION:
        raise ValueError("not a sealed secret")
    end = 3 + int.from_bytes(sealed[1:3], "big")
    plain = _opened(sealed[3:end], tenant)
    return (
        AESGCM(plain)
        .decrypt(sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :], _context(tenant, place))
        .decode()
    )


def _context(tenant: str, place: str) -> bytes:
    return f"{tenant}\0{place}".encode()


def _data_key(tenant: str) -> _DataKey:
    key = _current.get(tenant)
    if key is None or time.monotonic() - key.made_at > _DATA_KEY_SECONDS:
        arn = _settings().encryption_key_arn
        answer = aws.kms().generate_data_key(KeyId=arn, KeySpec="AES_256", EncryptionContext={"tenant": tenant})
        key = _current[tenant] = _DataKey(answer["Plaintext"], answer["CiphertextBlob"], time.monotonic())
    return key


def _opened(encrypted: bytes, tenant: str) -> bytes:
    plain = _plain_keys.get((encrypted, tenant))
    if plain is None:
        arn = _settings().encryption_key_arn
        plain = aws.kms().decrypt(CiphertextBlob=encrypted, KeyId=arn, EncryptionContext={"tenant": tenant})[
            "Plaintext"
        ]
        if len(_plain_keys) >= _MAX_OPENED:
            _plain_keys.pop(next(iter(_plain_keys)), None)
        _plain_keys[encrypted, tenant] = plain
    return plain


@cache
def _settings() -> SecretSettings:
    return settings.load(SecretSettings)


def forget_keys() -> None:
    """Drop every data key from memory."""
    _current.clear()
    _plain_keys.clear()
    _settings.cache_clear()
