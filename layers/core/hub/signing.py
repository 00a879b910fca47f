"""Signatures of posts, ours and those to us: document 3's, and Standard Webhooks' (https://www.standardwebhooks.com).

Of the latter the version `v1`.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """Make a secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def headers(
    body: bytes, event_id: str, event_type: str, timestamp: int, signing_secrets: Sequence[str]
) -> dict[str, str]:
    """Sign a body. The first secret is the current one; others still good while they are being replaced sign too.

    `timestamp` is the attempt's, in epoch seconds: a receiver refuses what is too old.
    """
    to_sign = _to_sign(body, event_id, str(timestamp))
    versions = " ".join(f"v1,{_base64_hmac(_key(secret), to_sign)}" for secret in signing_secrets)
    document_3 = hmac.new(signing_secrets[0].encode(), body, hashlib.sha256).hexdigest()
    return {
        "X-Webhook-Signature": f"sha256={document_3}",
        "X-Webhook-Id": event_id,
        "X-Webhook-Event": event_type,
        "X-Webhook-Timestamp": str(timestamp),
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": versions,
    }


def is_signed(body: bytes, event_id: str, timestamp: str, given: str, secret: str) -> bool:
    """Whether one of the signatures that came (`v1,… v1,…`) is Standard Webhooks' by a secret; never by none."""
    key = _key(secret)
    expected = f"v1,{_base64_hmac(key, _to_sign(body, event_id, timestamp))}".encode()
    signatures = [one.encode(errors="replace") for one in given.split()]
    return bool(key) and any(hmac.compare_digest(one, expected) for one in signatures)


def _to_sign(body: bytes, event_id: str, timestamp: str) -> bytes:
    return b".".join((event_id.encode(errors="replace"), timestamp.encode(errors="replace"), body))


def _key(secret: str) -> bytes:
    """The key of a Standard Webhooks secret; one in another form is its own bytes."""
    if secret.startswith(PREFIX):
        encoded = secret.removeprefix(PREFIX)
        try:
            # The libraries, too, take a secret that lost its padding.
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except ValueError:  # also of letters beyond ASCII, which `binascii.Error` is not
            pass
    return secret.encode()


def _base64_hmac(key: bytes, message: bytes) -> str:
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
