"""`/third-party/{platform}/callback/{integration_id}`: what platforms tell us. Checked, queued, answered at once."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Annotated, Any

from functions.messaging import platforms
from hub import connections, connectors, queues, settings
from hub.connectors.protocol import Callback, Heard, Inbound, StatusChange, Unverified
from hub.errors import Forbidden, NotFound, Unavailable
from hub.telemetry import lambda_handler
from hub.web.request import Raw, Request
from hub.web.resolver import Api
from hub.web.styles import D4

MAX_MESSAGE_BYTES = 200_000

api = Api("messaging", D4())


@dataclass(frozen=True)
class CallbackSettings:
    """Where what was heard goes."""

    messaging_heard_queue_url: str


@api.get("/third-party/{platform}/callback/{integration_id}", public=True)
def verify_callback(request: Request, platform: str, integration_id: str) -> Annotated[Raw, "text/plain"]:
    """Answer a platform that asks whether the address is ours, as it prescribes."""
    return _hear(request, platform, integration_id)


@api.post("/third-party/{platform}/callback/{integration_id}", public=True)
def receive_callback(request: Request, platform: str, integration_id: str) -> Annotated[Raw, "text/plain"]:
    """Take what a platform tells: statuses of messages, and messages."""
    return _hear(request, platform, integration_id)


def _hear(request: Request, platform: str, integration_id: str) -> Raw:
    known = platforms.known(platform)
    tenant = connections.owner(integration_id)
    if tenant is None:
        raise NotFound
    connection = connections.get(tenant, integration_id)
    if connection.service_type != known:
        raise NotFound
    connector = connectors.connector(known)
    callback = Callback(request.method, request.query(), request.headers, request.body)
    try:
        heard = connector.hear(connections.opened(tenant, connection), callback)
    except Unverified:
        raise Forbidden from None
    place = {"tenant": tenant, "platform": known, "connection_id": integration_id, "request_id": request.request_id}
    if queues.send(_settings().messaging_heard_queue_url, [_message(place, one) for one in _told(heard)]):
        raise Unavailable
    return Raw(heard.reply, heard.content_type, status=200)


def _told(heard: Heard) -> Iterator[dict[str, Any]]:
    """What was heard, thing by thing: one that is wrong holds up no other."""
    for change in heard.changes:
        yield {"change": _change(change)}
    for message in heard.messages:
        yield {"message": _inbound(message)}


def _change(change: StatusChange) -> dict[str, Any]:
    error = {"code": change.error.code, "message": change.error.message} if change.error else None
    return {"provider_id": change.provider_id, "status": change.status, "at": change.at, "error": error}


def _inbound(message: Inbound) -> dict[str, Any]:
    return asdict(message) | {"media": [asdict(one) for one in message.media], "data": dict(message.data)}


def _message(place: dict[str, Any], told: dict[str, Any]) -> queues.Message:
    body = json.dumps({**place, **told}, ensure_ascii=False)
    if len(body.encode()) > MAX_MESSAGE_BYTES:
        told["message"]["data"] = {}
        body = json.dumps({**place, **told}, ensure_ascii=False)
    return queues.Message(body, group=place["connection_id"])


@cache
def _settings() -> CallbackSettings:
    return settings.load(CallbackSettings)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
