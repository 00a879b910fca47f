"""What the token endpoint gives: access and refresh tokens, out of codes, refresh tokens and client credentials.

A refresh token is `rt_<grant id>_<secret><MAC>`; the grant's row holds the key of the MAC and the hash of the current
token and of the one before, so a replay is told from garbage: who knows a grant's id, which stands in its access
tokens, must not be able to end it. For ten seconds a replay gets the answer again that the first use got (sealed in
the row), because the client may have lost it; later it ends the grant (RFC 9700 section 4.14.2).
"""

import base64
import hashlib
import hmac
import json
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from functions.identity import credentials
from functions.identity.credentials import Grant
from functions.identity.oauth.errors import (
    InvalidGrant,
    InvalidOAuthRequest,
    InvalidScope,
    InvalidTarget,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from functions.identity.oauth.models import TokenAnswer, TokenRequest
from functions.identity.oauth_apps import store as app_store
from functions.identity.oauth_apps.store import StoredApp
from functions.identity.users import store as users
from functions.identity.users.store import StoredUser
from hub import auth, ids, secrets, times, tokens
from hub.store import keys, table
from hub.store.items import Item

ACCESS_SECONDS = 3600
REFRESH_SECONDS = 30 * 86_400
CODE_SECONDS = 60
REPLAY_MS = 10_000
_ULID_CHARACTERS = 26

_MAC_BYTES = 16
_MAC_CHARACTERS = 22


@dataclass(frozen=True, slots=True)
class Code:
    """What an authorization code stands for."""

    app: StoredApp
    user: StoredUser
    redirect_uri: str
    redirect_uri_sent: bool
    scopes: list[str]
    code_challenge: str
    resource: str


def answer(app: StoredApp, sent: TokenRequest, issuer: str) -> TokenAnswer:
    """Answer a token request of an authenticated client. Raises `OAuthError`."""
    match sent.grant_type:
        case "authorization_code":
            return _exchange(app, sent, issuer)
        case "refresh_token":
            return _refresh(app, sent, issuer)
        case "client_credentials":
            return _client_credentials(app, sent, issuer)
        case "":
            raise InvalidOAuthRequest("grant_type is missing")
    raise UnsupportedGrantType("grant_type is authorization_code, refresh_token or client_credentials")


def new_code(code: Code) -> str:
    """Make an authorization code: good for 60 seconds and one use."""
    text = random.token_urlsafe(32)
    item = {
        **keys.code(auth.credential_hash(text)),
        "tenant": code.app.tenant,
        "app_id": code.app.id,
        "user_id": code.user.id,
        "user_updated_at": code.user.updated_at,
        "redirect_uri": code.redirect_uri,
        "redirect_uri_sent": code.redirect_uri_sent,
        "scopes": code.scopes,
        "code_challenge": code.code_challenge,
        "resource": code.resource,
        "grant_id": ids.new("gr"),
        "expires_at": times.now() + CODE_SECONDS,
        # Kept longer than it is good: a second use must be recognised as one.
        "ttl": times.now() + ACCESS_SECONDS,
    }
    table.write(table.Put(table.activity(), item, "attribute_not_exists(pk)"))
    return text


def scopes_of(sent: str, allowed: Sequence[str]) -> list[str]:
    """The scopes a request asks for, all that are allowed where it names none. Raises `InvalidScope` beyond those."""
    wanted = list(dict.fromkeys(sent.split())) or list(allowed)
    if not set(wanted) <= set(allowed):
        raise InvalidScope("the scope is beyond what was registered or granted")
    return wanted


def check_resource(sent: str, issuer: str) -> None:
    """Raise `InvalidTarget` unless a request names this API or nothing (RFC 8707)."""
    if sent.rstrip("/") not in ("", issuer):
        raise InvalidTarget("resource must be this API")


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def parts_of(refresh_token: str) -> tuple[str, str]:
    """Grant id and hash of a refresh token; two empty strings for anything else."""
    match refresh_token.split("_", 2):
        case ["rt", ulid, _] if len(ulid) == _ULID_CHARACTERS and ulid.isascii() and ulid.isalnum():
            return f"gr_{ulid}", auth.credential_hash(refresh_token)
    return "", ""


def was_given(row: Item, refresh_token: str) -> bool:
    """Whether a grant gave this refresh token, lately or long ago."""
    key, body, mac = row.get("refresh_key"), refresh_token[:-_MAC_CHARACTERS], refresh_token[-_MAC_CHARACTERS:]
    return key is not None and hmac.compare_digest(_mac(key, body).encode(), mac.encode())


def _exchange(app: StoredApp, sent: TokenRequest, issuer: str) -> TokenAnswer:
    check_resource(sent.resource, issuer)
    if not sent.code:
        raise InvalidOAuthRequest("code is missing")
    key = keys.code(auth.credential_hash(sent.code))
    code = table.get(table.activity(), key, consistent=True)
    if code is None or code["app_id"] != app.id or code["tenant"] != app.tenant:
        raise InvalidGrant("the code is not valid")
    _check_code(code, sent)
    if code["expires_at"] <= times.now() and "used_at" not in code:
        raise InvalidGrant("the code has expired")
    if not set(code["scopes"]) <= set(app.scopes):
        raise InvalidGrant("the application may no longer have this scope")
    user = users.find(app.tenant, code["user_id"])
    if user is None or user.updated_at != code["user_updated_at"]:
        # Suspended, no longer an administrator, or with another password: it all shows here.
        raise InvalidGrant("the user changed after the authorization")
    grant = Grant(
        tenant=app.tenant,
        plan=app.plan,
        id=code["grant_id"],
        app_id=app.id,
        client_id=app.client_id,
        user_id=user.id,
        scopes=code["scopes"],
        expires_at=times.now() + REFRESH_SECONDS,
    )
    refresh_key = random.token_bytes(32)
    refresh_token = _new_refresh_token(grant.id, refresh_key)
    use = table.Update(
        table.activity(), key, "SET #used_at = :now", "attribute_not_exists(#used_at)", {"now": times.now()}
    )
    state = {"refresh_hash": auth.credential_hash(refresh_token), "refresh_key": refresh_key}
    made = credentials.new_grant(grant, state)
    # Signed before the code is spent: if KMS fails, the client tries again with the same code.
    answered = _answer(grant, issuer, grant.scopes, refresh_token)
    standing = [
        users.unchanged(app.tenant, user),
        app_store.consented(app.tenant, user.id, app.id),
        app_store.standing(app),
    ]
    try:
        table.write(use, *made, *standing)
    except table.ConditionFailed as failure:
        if failure.position > len(made):
            raise InvalidGrant("the user no longer allows this") from None
        credentials.end(app.tenant, app.id, code["grant_id"], user.id)
        raise InvalidGrant("the code was used before; what it gave is revoked") from None
    return answered


def _check_code(code: Item, sent: TokenRequest) -> None:
    """Raise `InvalidGrant` unless redirect URI and verifier are those of the authorization request."""
    if (code["redirect_uri_sent"] or sent.redirect_uri) and sent.redirect_uri != code["redirect_uri"]:
        raise InvalidGrant("redirect_uri is not that of the authorization request")
    if bool(code["code_challenge"]) != bool(sent.code_verifier):
        # A verifier without a challenge is a downgrade (RFC 9700 section 4.8.2), a challenge without one a theft.
        raise InvalidGrant("code_verifier and code_challenge go together")
    if sent.code_verifier:
        if not 43 <= len(sent.code_verifier) <= 128 or not sent.code_verifier.isascii():
            raise InvalidGrant("code_verifier is malformed")
        if not hmac.compare_digest(challenge(sent.code_verifier), code["code_challenge"]):
            raise InvalidGrant("code_verifier does not match")


def _refresh(app: StoredApp, sent: TokenRequest, issuer: str) -> TokenAnswer:
    check_resource(sent.resource, issuer)
    if not sent.refresh_token:
        raise InvalidOAuthRequest("refresh_token is missing")
    grant_id, digest = parts_of(sent.refresh_token)
    row = credentials.get(app.tenant, app.id, grant_id) if grant_id else None
    if row is None or row["expires_at"] <= times.now() or not was_given(row, sent.refresh_token):
        raise InvalidGrant("the refresh token is not valid")
    if not set(row["scopes"]) <= set(app.scopes):
        credentials.end(app.tenant, app.id, grant_id, row.get("user_id"))
        raise InvalidGrant("the application may no longer have this scope")
    scopes = scopes_of(sent.scope, row["scopes"])
    if row.get("refresh_hash") == digest:
        rotated = _rotate(app, row, digest, scopes, issuer)
        if rotated:
            return rotated
        row = credentials.get(app.tenant, app.id, grant_id) or {}
    return _replay(app, row, grant_id, digest)


def _rotate(app: StoredApp, row: Item, digest: str, scopes: list[str], issuer: str) -> TokenAnswer | None:
    """Give a new pair for the current refresh token; `None` when another request was first."""
    grant = Grant(
        tenant=app.tenant,
        plan=app.plan,
        id=row["sk"],
        app_id=app.id,
        client_id=app.client_id,
        user_id=row.get("user_id"),
        scopes=row["scopes"],
        expires_at=times.now() + REFRESH_SECONDS,
    )
    refresh_token = _new_refresh_token(grant.id, row["refresh_key"])
    answered = _answer(grant, issuer, scopes, refresh_token)
    change = table.Update(
        table.activity(),
        {"pk": row["pk"], "sk": row["sk"]},
        "SET #refresh_hash = :new, #previous_hash = :presented, #rotated_at = :now, #answer = :answer,"
        " #expires_at = :expires_at, #ttl = :expires_at",
        "#refresh_hash = :presented",
        {
            "new": auth.credential_hash(refresh_token),
            "presented": digest,
            "now": times.now_ms(),
            "answer": secrets.seal(json.dumps(answered), app.tenant, f"grant/{grant.id}"),
            "expires_at": grant.expires_at,
        },
    )
    prolong = table.Update(
        table.activity(),
        keys.credential(auth.grant_credential(grant.id)),
        "SET #expires_at = :expires_at, #ttl = :expires_at",
        "attribute_exists(pk)",
        {"expires_at": grant.expires_at},
    )
    standing = [app_store.standing(app)]
    if grant.user_id:
        standing.append(app_store.consented(app.tenant, grant.user_id, app.id))
    try:
        table.write(change, prolong, *standing)
    except table.ConditionFailed as failure:
        if failure.position > 1:
            raise InvalidGrant("this is no longer allowed") from None
        return None
    return answered


def _replay(app: StoredApp, row: Item, grant_id: str, digest: str) -> TokenAnswer:
    if row.get("previous_hash") == digest and times.now_ms() - row["rotated_at"] <= REPLAY_MS:
        again: TokenAnswer = json.loads(secrets.unseal(row["answer"], app.tenant, f"grant/{grant_id}"))
        return again
    if row:
        # One that was used: stolen, or shared by two. Nobody keeps it.
        credentials.end(app.tenant, app.id, grant_id, row.get("user_id"))
    raise InvalidGrant("the refresh token was used before; its grant is revoked")


def _client_credentials(app: StoredApp, sent: TokenRequest, issuer: str) -> TokenAnswer:
    check_resource(sent.resource, issuer)
    if app.client_type == "public":
        raise UnauthorizedClient("a public client has no credentials")
    scopes = scopes_of(sent.scope, app.scopes)
    grant = Grant(
        tenant=app.tenant,
        plan=app.plan,
        id=ids.new("gr"),
        app_id=app.id,
        client_id=app.client_id,
        user_id=None,
        scopes=scopes,
        expires_at=times.now() + ACCESS_SECONDS,
    )
    answered = _answer(grant, issuer, scopes, None)
    try:
        table.write(*credentials.new_grant(grant, {}), app_store.standing(app))
    except table.ConditionFailed:
        raise InvalidGrant("the application changed meanwhile") from None
    return answered


def _answer(grant: Grant, issuer: str, scopes: Sequence[str], refresh_token: str | None) -> TokenAnswer:
    answered: TokenAnswer = {
        "access_token": access_token(grant, issuer, scopes, ACCESS_SECONDS),
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
        "scope": " ".join(scopes),
    }
    return {**answered, "refresh_token": refresh_token} if refresh_token else answered


def access_token(grant: Grant, issuer: str, scopes: Sequence[str], seconds: int) -> str:
    """Sign an access token of a grant (RFC 9068 section 2.2)."""
    now = times.now()
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": issuer,
        "sub": grant.user_id or grant.client_id,
        "client_id": grant.client_id,
        "iat": now,
        "exp": now + seconds,
        "jti": random.token_urlsafe(16),
        "scope": " ".join(scopes),
        "grant": grant.id,
        "app": grant.app_id,
        "tenant": grant.tenant,
    }
    return tokens.issue(claims)


def _new_refresh_token(grant_id: str, key: bytes) -> str:
    body = f"rt_{grant_id.removeprefix('gr_')}_{random.token_urlsafe(32)}"
    return body + _mac(key, body)


def _mac(key: bytes, text: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")[:_MAC_BYTES]).decode().rstrip("=")
