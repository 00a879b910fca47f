"""`/ws`: opening, closing, and what a client sends. Who may open one is decided once, before it is open.

The credential is an API key or an access token with `forwarding:read`, from wherever a client can put one:
`Authorization: Bearer`, `X-API-Token`, `?token=`, or, because a browser's WebSocket sets no headers, a subprotocol:
`new WebSocket(url, ["bearer", token])`. It is never logged, and never repeated but where it is the one subprotocol.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from functions.realtime import store
from functions.realtime.store import LiveConnection
from hub import auth, settings, times
from hub.errors import Forbidden, HubError, TooManyRequests, Unauthorized
from hub.telemetry import lambda_handler, logger

GROUP, PERMISSION = "forwarding", "read"
MAX_CONNECTIONS = 1000
"""Of a tenant. Those that open in the same moment do not see each other, so it may be a few more."""

SECONDS = 2 * 3600
"""API Gateway ends a connection after two hours, or ten minutes without a word."""

BEARER = "bearer"
"""The subprotocol that says: the next one is a token."""

_OK: dict[str, Any] = {"statusCode": 200}


@dataclass(frozen=True)
class ConnectionSettings:
    """`public_url`: the issuer of access tokens; `public_tenant`: whose a connection without a credential is."""

    public_url: str = ""
    public_tenant: str = ""


@dataclass(frozen=True, slots=True)
class _Opening:
    """What a client shows when it opens a connection: its token, and the subprotocol to answer with."""

    token: str | None
    protocol: str | None = None


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer `$connect`, `$disconnect`, and what a client sends."""
    context = event["requestContext"]
    match context["eventType"]:
        case "CONNECT":
            return _connect(context["connectionId"], _opening(event))
        case "DISCONNECT":
            return _disconnect(context["connectionId"])
    return _answer(event.get("body") or "")


def _connect(connection_id: str, opening: _Opening) -> dict[str, Any]:
    """Open a connection, or refuse it: 401, 403, 429 and 503 mean what they mean everywhere."""
    try:
        shown = _presented(opening.token)
        credential = auth.accept(shown)
        if not credential.allows(GROUP, PERMISSION):
            raise Forbidden
        if store.count(credential.tenant, MAX_CONNECTIONS) >= MAX_CONNECTIONS:
            raise TooManyRequests
        ends = times.now() + SECONDS
        ends = min(ends, shown.expires_at) if shown.expires_at else ends
        store.add(credential.tenant, LiveConnection(connection_id, shown.found_by, ends))
    except HubError as error:
        logger().info("a live connection is refused", extra={"status": error.status, "error": error.error_code})
        return {"statusCode": error.status}
    logger().info("a live connection is open", extra={"tenant": credential.tenant, "credential": credential.id})
    return _OK | ({"headers": {"Sec-WebSocket-Protocol": opening.protocol}} if opening.protocol else {})


def _disconnect(connection_id: str) -> dict[str, Any]:
    tenant = store.owner(connection_id)
    if tenant is not None:
        store.remove(tenant, [connection_id])
    return _OK


def _answer(body: str) -> dict[str, Any]:
    """Answer a ping, so that a client can keep its connection alive and see that it is; all else says nothing to us."""
    return _OK | ({"body": json.dumps({"type": "pong"})} if _is_ping(body) else {})


def _is_ping(body: str) -> bool:
    if body.strip() == "ping":
        return True
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(sent, dict) and sent.get("type") == "ping"


def _presented(token: str | None) -> auth.Presented:
    if token is not None:
        return auth.presented(token, _settings().public_url)
    if tenant := _settings().public_tenant:
        return auth.public(tenant)
    raise Unauthorized


def _opening(event: Mapping[str, Any]) -> _Opening:
    """The token, from the first place that has one. A place that is there and holds none makes a wrong token."""
    # API Gateway passes a WebSocket's headers on as they were written.
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    protocols = [one.strip() for one in headers.get("sec-websocket-protocol", "").split(",") if one.strip()]
    if "authorization" in headers:
        scheme, _, token = headers["authorization"].partition(" ")
        return _Opening(token.strip() if scheme.lower() == "bearer" else "")
    if "x-api-token" in headers:
        return _Opening(headers["x-api-token"])
    parameters = event.get("queryStringParameters") or {}
    if "token" in parameters:
        return _Opening(parameters["token"])
    if protocols[:1] == [BEARER]:
        return _Opening(protocols[1] if len(protocols) > 1 else "", BEARER)
    return _Opening(protocols[0], protocols[0]) if protocols else _Opening(None)


@cache
def _settings() -> ConnectionSettings:
    return settings.load(ConnectionSettings)
