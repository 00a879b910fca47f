"""`/v1/conversations` (document 2 "对话查询")."""

from typing import Any

from functions.support.conversations import service
from functions.support.conversations.models import (
    Conversation,
    ConversationChange,
    ConversationParameters,
    Message,
    MessageParameters,
    NewConversation,
    NewMessage,
)
from hub.store.paging import Page
from hub.telemetry import lambda_handler
from hub.web.request import Request, Versioned
from hub.web.resolver import Api
from hub.web.styles import D2

api = Api("conversations", D2(), bucket="support")


@api.get("/v1/conversations")
def list_conversations(request: Request, query: ConversationParameters) -> Page[Conversation]:
    """List conversations, the newest first."""
    return service.listed(request.caller.tenant, query)


@api.post("/v1/conversations", status=201)
def create_conversation(request: Request, body: NewConversation) -> Versioned[Conversation]:
    """Make a conversation, with its first message if there is one."""
    return service.create(request.caller, body)


@api.get("/v1/conversations/{conversation_id}")
def get_conversation(request: Request, conversation_id: str) -> Versioned[Conversation]:
    """Show a conversation."""
    return service.get(request.caller.tenant, conversation_id)


@api.patch("/v1/conversations/{conversation_id}")
def update_conversation(request: Request, conversation_id: str, body: ConversationChange) -> Versioned[Conversation]:
    """Close, reopen, assign or rate a conversation."""
    return service.change(request.caller, conversation_id, body, request.expects)


@api.get("/v1/conversations/{conversation_id}/messages")
def list_messages(request: Request, conversation_id: str, query: MessageParameters) -> Page[Message]:
    """List the messages of a conversation."""
    return service.messages(request.caller.tenant, conversation_id, query)


@api.post("/v1/conversations/{conversation_id}/messages", status=201)
def add_message(request: Request, conversation_id: str, body: NewMessage) -> Message:
    """Add a message of the customer or an agent. A customer's reopens a closed conversation, an agent's is a 422."""
    return service.add_message(request.caller, conversation_id, body)


@api.post("/v1/conversations/{conversation_id}/messages/{message_id}/retry")
def retry_message(request: Request, conversation_id: str, message_id: str) -> Message:
    """Send again what failed of an agent's answer; what arrived is not sent twice."""
    return service.retry(request.caller, conversation_id, message_id)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
