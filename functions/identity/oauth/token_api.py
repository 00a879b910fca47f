"""`/oauth/token`, `/oauth/revoke`, `/oauth/introspect` and what clients discover; also under `/v1`."""

import json
from typing import Annotated, Any

from functions.identity import credentials
from functions.identity.api_keys.models import PERMISSIONS
from functions.identity.oauth import clients, tokens
from functions.identity.oauth.errors import InvalidGrant, InvalidOAuthRequest
from functions.identity.oauth.models import Introspection, Revocation, TokenAnswer, TokenHint, TokenRequest
from functions.identity.oauth_apps.store import StoredApp
from hub import throttle, times
from hub import tokens as signed
from hub.errors import Unauthorized
from hub.store.items import Item
from hub.telemetry import lambda_handler
from hub.web.request import Raw, Request
from hub.web.resolver import Api
from hub.web.styles import OAuth

api = Api("oauth_server", OAuth())

MAX_CLIENT_CREDENTIALS = 500
"""In 15 minutes, of one client: its tokens last an hour."""

AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


@api.post("/oauth/token", public=True)
@api.post("/v1/oauth/token", public=True)
def issue_token(request: Request, form: TokenRequest) -> TokenAnswer:
    """Give tokens for a code, a refresh token or a client's own credentials (RFC 6749)."""
    app = clients.authenticated(request, form)
    if form.grant_type == "client_credentials":
        # Each is a signature of KMS's and a credential with a limit of its own.
        throttle.attempt("client credentials", app.client_id, MAX_CLIENT_CREDENTIALS)
    try:
        return tokens.answer(app, form, request.base_url)
    except InvalidGrant:
        throttle.attempt("grant", f"{request.source_ip}\0{app.client_id}", clients.FAILURES)
        raise


@api.post("/oauth/revoke", public=True)
@api.post("/v1/oauth/revoke", public=True)
def revoke_token(request: Request, form: TokenHint) -> Revocation:
    """End the grant that a token belongs to; a token that is none is no error (RFC 7009)."""
    app = clients.authenticated(request, form)
    if not form.token:
        raise InvalidOAuthRequest("token is missing")
    row = _row(app, form.token, request.base_url)
    if row is not None:
        credentials.end(app.tenant, app.id, row["sk"], row.get("user_id"))
    return {}


@api.post("/oauth/introspect", public=True)
@api.post("/v1/oauth/introspect", public=True)
def introspect_token(request: Request, form: TokenHint) -> Introspection:
    """Tell whether a token of the asking client is good, and what it allows (RFC 7662)."""
    app = clients.authenticated(request, form)
    if app.client_type == "public":
        raise InvalidOAuthRequest("only a client with a secret may introspect")
    if not form.token:
        raise InvalidOAuthRequest("token is missing")
    row = _row(app, form.token, request.base_url)
    if row is None or row["expires_at"] <= times.now():
        return {"active": False}
    grant_id, digest = tokens.parts_of(form.token)
    if grant_id:
        active = row.get("refresh_hash") == digest
        return _described(app, row) if active else {"active": False}
    claims = signed.verify(form.token, request.base_url)
    return {
        **_described(app, row),
        "scope": claims["scope"],
        "token_type": "Bearer",
        "exp": claims["exp"],
        "iat": claims["iat"],
        "sub": claims["sub"],
        "aud": claims["aud"],
        "iss": claims["iss"],
        "jti": claims["jti"],
    }


@api.get("/.well-known/oauth-authorization-server", public=True)
def get_metadata(request: Request) -> Annotated[Raw, "application/json"]:
    """What a client needs to know of this server (RFC 8414)."""
    return _cacheable(_metadata(request.base_url))


@api.get("/.well-known/jwks.json", public=True)
def get_jwks(_request: Request) -> Annotated[Raw, "application/json"]:
    """The public keys of access tokens (RFC 7517), those to come and those going out included."""
    return _cacheable(signed.jwks())


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)


def _row(app: StoredApp, token: str, issuer: str) -> Item | None:
    """The row of a token's grant, if it is this client's."""
    grant_id, _ = tokens.parts_of(token)
    if grant_id:
        row = credentials.get(app.tenant, app.id, grant_id)
        return row if row is not None and tokens.was_given(row, token) else None
    try:
        claims = signed.verify(token, issuer)
    except Unauthorized:
        return None
    return credentials.get(app.tenant, app.id, claims["grant"])


def _described(app: StoredApp, row: Item) -> Introspection:
    described: Introspection = {
        "active": True,
        "client_id": app.client_id,
        "scope": " ".join(row["scopes"]),
        "exp": row["expires_at"],
    }
    return {**described, "sub": row["user_id"]} if "user_id" in row else described


def _metadata(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "scopes_supported": sorted(PERMISSIONS),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": [*AUTH_METHODS, "none"],
        "revocation_endpoint_auth_methods_supported": [*AUTH_METHODS, "none"],
        "introspection_endpoint_auth_methods_supported": AUTH_METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["zh-CN", "en-US"],
        "service_documentation": f"{issuer}/docs",
    }


def _cacheable(document: dict[str, Any]) -> Raw:
    headers = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
    return Raw(json.dumps(document), "application/json", headers)
