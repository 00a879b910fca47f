"""`/third-party/{platform}/messages` and `/received`: the messaging gateway of document 4."""

from typing import Any

from functions.messaging.messages import service
from functions.messaging.messages.models import (
    ListParameters,
    MessageParameters,
    NewThirdPartyMessage,
    ThirdPartyMessage,
)
from functions.messaging.received import service as received
from functions.messaging.received.models import ReceivedMessage
from hub.outcomes import Status
from hub.store.paging import CursorPage, OffsetPage
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D4

api = Api("messaging", D4())


@api.post("/third-party/{platform}/messages", status=201)
def send_message(request: Request, platform: str, body: NewThirdPartyMessage) -> ThirdPartyMessage:
    """Take a message to send; it is queued, and its status tells what became of it."""
    return service.create(request.caller, platform, body)


@api.get("/third-party/{platform}/messages")
def list_third_party_messages(
    request: Request, platform: str, query: MessageParameters
) -> OffsetPage[ThirdPartyMessage] | CursorPage[ThirdPartyMessage]:
    """List messages that go out or went out, the newest first."""
    return service.listed(request.caller.tenant, platform, query)


@api.get("/third-party/{platform}/messages/{message_id}")
def get_third_party_message(request: Request, platform: str, message_id: str) -> ThirdPartyMessage:
    """Show a message, and why it failed or waits."""
    return service.get(request.caller.tenant, platform, message_id)


@api.get("/third-party/{platform}/received")
def list_received(
    request: Request, platform: str, query: ListParameters
) -> OffsetPage[ReceivedMessage] | CursorPage[ReceivedMessage]:
    """List messages that people sent, the newest first."""
    return received.listed(request.caller.tenant, platform, query)


@api.get("/third-party/{platform}/messages/{message_id}/status")
def get_message_status(request: Request, platform: str, message_id: str) -> Status:
    """Tell what became of a message."""
    return service.status(request.caller.tenant, platform, message_id)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
