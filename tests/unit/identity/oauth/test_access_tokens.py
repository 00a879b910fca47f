"""Access tokens: what a forger may try, and what a good one says."""

import base64
import hashlib
import hmac
import json
import os
from typing import Any
from unittest.mock import patch

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub import times
from hub import tokens as signed
from tests.contract.sign_in_server import ISSUER, App, Server, claims, part
from tests.unit.identity.oauth.answers import calls


@pytest.fixture
def token(app: App) -> str:
    text: str = app.token(grant_type="client_credentials").json()["access_token"]
    return text


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def forged(token: str, header: dict[str, Any], key: bytes) -> str:
    """The token's claims under another header, with an HMAC by `key`."""
    text = f"{encoded(json.dumps({**part(token, 0), **header}).encode())}.{token.split('.')[1]}"
    return f"{text}.{encoded(hmac.digest(key, text.encode(), hashlib.sha256))}"


def issued(token: str, **changed: Any) -> str:
    """A token with a good signature and other claims."""
    return signed.issue({name: value for name, value in {**claims(token), **changed}.items() if value is not None})


def test_a_token_says_what_rfc_9068_wants(app: App, token: str) -> None:
    header, said = part(token, 0), claims(token)
    assert (header["alg"], header["typ"]) == ("RS256", "at+jwt")
    assert said["iss"] == said["aud"] == ISSUER
    assert said["exp"] - said["iat"] == 3600
    assert said["client_id"] == said["sub"] == app.client_id
    assert said["scope"] == "read write"


def test_anyone_can_verify_a_token_by_the_jwks(server: Server, token: str) -> None:
    keys = jwt.PyJWKSet.from_dict(server.request("GET", "/.well-known/jwks.json").json())
    key = keys[part(token, 0)["kid"]]
    assert jwt.decode(token, key, algorithms=["RS256"], audience=ISSUER, issuer=ISSUER) == claims(token)


def test_the_jwks_shows_both_keys_and_nothing_private(server: Server) -> None:
    answer = server.request("GET", "/.well-known/jwks.json")
    shown = answer.json()["keys"]
    assert len({key["kid"] for key in shown}) == 2
    assert all(set(key) == {"kty", "n", "e", "kid", "use", "alg"} for key in shown)
    assert "max-age" in answer.headers["Cache-Control"]


def test_a_rotation_of_the_signing_key_leaves_no_gap(server: Server, app: App, token: str) -> None:
    swapped = ",".join(reversed(os.environ["SIGNING_KEY_ARNS"].split(",")))
    with patch.dict(os.environ, SIGNING_KEY_ARNS=swapped):
        signed.keys.cache_clear()
        new = app.token(grant_type="client_credentials").json()["access_token"]
        assert part(new, 0)["kid"] != part(token, 0)["kid"]
        assert (calls(server, token), calls(server, new)) == (200, 200)
    signed.keys.cache_clear()
    assert (calls(server, token), calls(server, new)) == (200, 200)


def test_the_issuers_own_claims_pass(server: Server, token: str) -> None:
    """The forgeries below fail by what they change, not by how they are made."""
    assert calls(server, issued(token)) == 200


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_alg_none_is_refused(server: Server, token: str, algorithm: str) -> None:
    header = encoded(json.dumps({**part(token, 0), "alg": algorithm}).encode())
    for signature in ("", token.split(".")[2], "x"):
        assert calls(server, f"{header}.{token.split('.')[1]}.{signature}") == 401


def test_hs256_with_the_public_key_is_refused(server: Server, token: str) -> None:
    public = signed.keys()[0].public
    known = [
        public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo) for encoding in (Encoding.PEM, Encoding.DER)
    ]
    for key in (*known, known[0].strip(), json.dumps(signed.keys()[0].jwk).encode()):
        assert calls(server, forged(token, {"alg": "HS256"}, key)) == 401
        assert calls(server, forged(token, {"alg": "RS256"}, key)) == 401


def test_a_key_that_the_token_brings_along_is_not_trusted(server: Server, token: str) -> None:
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key(), as_dict=True)
    for header in (
        {"kid": part(token, 0)["kid"], "jwk": jwk},
        {"kid": "own", "jwk": jwk},
        {"kid": "../../../dev/null", "jku": "https://evil.example/jwks.json"},
        {"kid": part(token, 0)["kid"], "x5u": "https://evil.example/cert.pem"},
    ):
        assert calls(server, jwt.encode(claims(token), own, "RS256", {"typ": "at+jwt", **header})) == 401


def test_changed_claims_break_the_signature(server: Server, token: str) -> None:
    header, _, signature = token.split(".")
    more = encoded(json.dumps({**claims(token), "scope": "admin"}).encode())
    assert calls(server, f"{header}.{more}.{signature}") == 401


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_cut_token_is_refused(server: Server, token: str, position: int) -> None:
    parts = token.split(".")
    parts[position] = parts[position][:-4]
    assert calls(server, ".".join(parts)) == 401


def test_a_jwt_of_another_type_is_refused(server: Server, token: str) -> None:
    """An id token, or any other JWT under the same key, is no access token (RFC 9068 section 4)."""
    key = signed.keys()[0]
    for kind in ("JWT", "id+jwt", None):
        header = {"typ": kind, "kid": key.kid}
        other = signed._signer().encode(json.dumps(claims(token)).encode(), key.arn, "RS256", header)
        assert calls(server, other) == 401


def test_an_expired_token_is_told_so(server: Server, token: str) -> None:
    old = issued(token, iat=times.now() - 7200, exp=times.now() - 3600)
    answer = server.request("GET", "/v1/webhooks", token=old)
    assert (answer.status, answer.json()["code"]) == (401, 40102)


def test_a_token_of_the_future_is_refused(server: Server, token: str) -> None:
    later = times.now() + 600
    assert calls(server, issued(token, iat=later, exp=later + 3600)) == 401
    assert calls(server, issued(token, nbf=later)) == 401


@pytest.mark.parametrize("audience", ["https://other.example", f"{ISSUER}.evil.example", f"{ISSUER}/", [], ""])
def test_another_audiences_token_is_refused(server: Server, token: str, audience: Any) -> None:
    assert calls(server, issued(token, aud=audience)) == 401


@pytest.mark.parametrize("issuer", ["https://other.example", f"{ISSUER}/", "", [ISSUER], 1])
def test_another_issuers_token_is_refused(server: Server, token: str, issuer: Any) -> None:
    assert calls(server, issued(token, iss=issuer)) == 401


@pytest.mark.parametrize("claim", ["exp", "iat", "iss", "aud", "sub", "jti", "client_id", "grant"])
def test_a_token_without_a_required_claim_is_refused(server: Server, token: str, claim: str) -> None:
    assert calls(server, issued(token, **{claim: None})) == 401


def test_a_token_for_no_grant_is_refused(server: Server, token: str) -> None:
    assert calls(server, issued(token, grant="gr_01M7WME9SAQH6XKWQ7D6A4C55P")) == 401


def test_a_token_can_carry_no_more_than_its_grant(server: Server, token: str) -> None:
    wanted = {"name": "x", "permissions": ["admin"]}
    more = issued(token, scope="read write admin")
    assert server.request("POST", "/v1/api-keys", token=more, body=wanted).status == 403


def test_a_huge_token_is_refused_before_it_is_read(server: Server) -> None:
    huge = ".".join(["x" * 100_000] * 3)
    with patch.object(jwt, "get_unverified_header", side_effect=AssertionError):
        assert calls(server, huge) == 401


@pytest.mark.parametrize("header", ["[]", "1", "null", '"x"', "{", '{"alg":["RS256"]}', '{"alg":"RS256","kid":{}}'])
def test_a_malformed_header_is_refused(server: Server, token: str, header: str) -> None:
    _, body, signature = token.split(".")
    assert calls(server, f"{encoded(header.encode())}.{body}.{signature}") == 401


def test_a_token_of_one_tenant_sees_nothing_of_another(server: Server, token: str) -> None:
    other = Server("other-tenant")
    wanted = {"url": "https://example.com/hook", "events": ["*"]}
    theirs = other.call("POST", "/v1/webhooks", wanted)["data"]["id"]
    path = f"/v1/webhooks/{theirs}"
    assert other.request("GET", path, token=other.api_key).status == 200
    assert server.request("GET", path, token=token).status == 404
    assert server.request("DELETE", path, token=token).status == 404
    assert server.request("GET", "/v1/webhooks", token=token).json()["data"] == []
    assert calls(server, issued(token, tenant=other.tenant)) == 200
    assert server.request("GET", path, token=issued(token, tenant=other.tenant)).status == 404


def test_500_requests_a_minute_and_not_one_more(server: Server, app: App) -> None:
    token = app.token(grant_type="client_credentials").json()["access_token"]
    now = times.now() // 60 * 60 + 30
    with patch.object(times, "now", lambda: now):
        statuses = [calls_users(server, token) for _ in range(501)]
        answer = server.request("GET", "/v1/oauth/grants", token=token)
    assert statuses == [200] * 500 + [429]
    assert (answer.status, answer.headers["X-RateLimit-Limit"], answer.headers["Retry-After"]) == (429, "500", "30")


def test_two_tokens_of_a_grant_share_its_limit(server: Server, app: App) -> None:
    token = app.token(grant_type="client_credentials").json()["access_token"]
    one = server.request("GET", "/v1/oauth/grants", token=token).headers["X-RateLimit-Remaining"]
    two = server.request("GET", "/v1/oauth/grants", token=issued(token)).headers["X-RateLimit-Remaining"]
    assert int(one) - int(two) == 1


def calls_users(server: Server, token: str) -> int:
    """The status of a call whose group has no tighter limit of its own."""
    return server.request("GET", "/v1/oauth/grants", token=token).status
