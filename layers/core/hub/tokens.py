"""Access tokens: JWT (RFC 9068, `typ: at+jwt`), RS256 by KMS keys that never leave KMS.

Imported only by what issues tokens and, when a JWT comes, by `hub.auth`: PyJWT costs 60 ms at a cold start.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt.algorithms import RSAAlgorithm

from hub import aws, settings
from hub.errors import CredentialExpired, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHM = "RS256"
TYPE = "at+jwt"
LEEWAY_SECONDS = 5
MAX_LENGTH = 8192


@dataclass(frozen=True)
class TokenSettings:
    """KMS keys, comma-separated: the first signs, all verify; the next one stands there before it signs."""

    signing_key_arns: str


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A KMS key and its public half; `kid` is the thumbprint of that (RFC 7638)."""

    arn: str
    kid: str
    public: "RSAPublicKey"
    jwk: dict[str, str]


class _KmsRs256(RSAAlgorithm):
    """PyJWT's RS256 with the signature made by KMS; the key is the ARN."""

    def prepare_key(self, key: Any) -> Any:
        return key

    def check_key_length(self, key: Any) -> str | None:
        return None

    def sign(self, msg: bytes, key: Any) -> bytes:
        answer = aws.kms().sign(
            KeyId=key,
            Message=hashlib.sha256(msg).digest(),
            MessageType="DIGEST",
            SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
        )
        return answer["Signature"]


def issue(claims: "Mapping[str, Any]") -> str:
    """Sign claims as an access token."""
    key = keys()[0]
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return _signer().encode(payload, key.arn, ALGORITHM, {"typ": TYPE, "kid": key.kid})


def verify(token: str, issuer: str) -> dict[str, Any]:
    """Check a token's form, signature, type, time, issuer and audience; answers with its claims.

    Raises `CredentialExpired` or `Unauthorized`. Whether its grant still stands is the credential item's to say.
    """
    if len(token) > MAX_LENGTH:
        raise Unauthorized
    try:
        header = jwt.get_unverified_header(token)
        key = next((key for key in keys() if key.kid == header.get("kid")), None)
        if key is None or str(header.get("typ", "")).lower() != TYPE:
            raise Unauthorized
        claims: dict[str, Any] = jwt.decode(
            token,
            key.public,
            algorithms=[ALGORITHM],
            audience=issuer,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "jti", "client_id", "grant"]},
        )
    except jwt.ExpiredSignatureError:
        raise CredentialExpired from None
    except jwt.PyJWTError:
        raise Unauthorized from None
    return claims


def jwks() -> dict[str, Any]:
    """The public keys, as `/.well-known/jwks.json` shows them (RFC 7517)."""
    return {"keys": [key.jwk for key in keys()]}


@cache
def keys() -> tuple[SigningKey, ...]:
    """All signing keys, the current one first."""
    return tuple(_signing_key(arn) for arn in settings.load(TokenSettings).signing_key_arns.split(","))


def _signing_key(arn: str) -> SigningKey:
    public: Any = load_der_public_key(aws.kms().get_public_key(KeyId=arn)["PublicKey"])
    written = RSAAlgorithm.to_jwk(public, as_dict=True)
    jwk = {"kty": "RSA", "n": str(written["n"]), "e": str(written["e"])}
    digest = hashlib.sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()).digest()
    kid = urlsafe_b64encode(digest).decode().rstrip("=")
    return SigningKey(arn, kid, public, {**jwk, "kid": kid, "use": "sig", "alg": ALGORITHM})


@cache
def _signer() -> jwt.PyJWS:
    signer = jwt.PyJWS(algorithms=[])
    signer.register_algorithm(ALGORITHM, _KmsRs256(RSAAlgorithm.SHA256))
    return signer
