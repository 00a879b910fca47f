"""`/third-party/{platform}/callback/{integration_id}`: what platforms tell us. Checked, queued, answered at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from functions.messaging import platforms, told
from functions.messaging.platforms import Platform
from hub import connections, connectors, queues, settings
from hub.connectors.protocol import Callback, Config, Heard, Unverified
from hub.errors import Forbidden, NotFound, Unavailable
from hub.telemetry import count, lambda_handler
from hub.web.request import Raw, Request
from hub.web.resolver import Api
from hub.web.styles import D4

api = Api("messaging", D4())


@dataclass(frozen=True)
class CallbackSettings:
    """Where what was heard goes."""

    messaging_heard_queue_url: str


@api.get("/third-party/{platform}/callback/{integration_id}", public=True)
def verify_callback(request: Request, platform: str, integration_id: str) -> Annotated[Raw, "text/plain"]:
    """Answer a platform that asks whether the address is ours, as it prescribes."""
    return _hear(request, "GET", platforms.known(platform), integration_id)


@api.post("/third-party/{platform}/callback/{integration_id}", public=True)
def receive_callback(request: Request, platform: str, integration_id: str) -> Annotated[Raw, "text/plain"]:
    """Take what a platform tells: statuses of messages, and messages."""
    return _hear(request, "POST", platforms.known(platform), integration_id)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)


def _hear(request: Request, method: str, platform: Platform, integration_id: str) -> Raw:
    tenant = connections.owner(integration_id)
    if tenant is None:
        raise NotFound
    connection = connections.get(tenant, integration_id)
    if connection.service_type != platform:
        raise NotFound
    config = connections.opened(tenant, connection)
    callback = Callback(method, request.query(), request.headers, request.body)
    try:
        heard = connectors.connector(platform).hear(config, callback)
    except Unverified:
        raise Forbidden from None
    if connection.status == "inactive":
        # Answered like any other: refused, the platform would keep it and tell it once the connection is switched on.
        count("CallbacksDropped")
    else:
        _queue(request, tenant, platform, integration_id, list(_told(heard, config)))
    return Raw(heard.reply, heard.content_type)


def _told(heard: Heard, config: Config) -> Iterator[dict[str, Any]]:
    """What was heard, thing by thing: one that is wrong holds up no other."""
    for change in heard.changes:
        error = connections.trouble(change.error, config) if change.error else None
        for one in told.changed(change.provider_id, change.status, change.at, error):
            yield {"change": one}
    for message in heard.messages:
        for written in told.written(message):
            yield {"message": written}
    for move in heard.moves:
        for moved in told.moved(move.before, move.after):
            yield {"move": moved}


def _queue(request: Request, tenant: str, platform: Platform, integration_id: str, parts: list[dict[str, Any]]) -> None:
    """Queue what was heard. Raises `Unavailable` where SQS does not take it: the platform tells it again."""
    place: dict[str, Any] = {"tenant": tenant, "platform": platform, "connection_id": integration_id}
    messages = [
        queues.Message(
            told.Heard(**place, request_id=request.request_id, **part).model_dump_json(exclude_none=True),
            group=integration_id,
        )
        for part in parts
    ]
    if queues.send(_settings().messaging_heard_queue_url, messages):
        raise Unavailable


@cache
def _settings() -> CallbackSettings:
    return settings.load(CallbackSettings)
