"""`/v1/tickets`: what a support team works on, and what was said about it."""

from typing import Any

from functions.support.tickets import service
from functions.support.tickets.models import (
    Comment,
    NewComment,
    NewTicket,
    Ticket,
    TicketChange,
    TicketParameters,
)
from hub.errors import Forbidden
from hub.store.paging import Page
from hub.telemetry import lambda_handler
from hub.web.request import Request, Versioned
from hub.web.resolver import Api
from hub.web.styles import D2
from hub.web.validation import PageParameters

api = Api("tickets", D2(), bucket="support")


@api.post("/v1/tickets", status=201)
def create_ticket(request: Request, body: NewTicket) -> Versioned[Ticket]:
    """Make a ticket, of its own or from a conversation.

    One from a conversation shows what the customer wrote there, so it also needs `read` or `conversations:read`.
    """
    if body.conversation_id is not None and not request.accepted.allows("conversations", "read"):
        raise Forbidden
    return service.create(request.caller, body)


@api.get("/v1/tickets")
def list_tickets(request: Request, query: TicketParameters) -> Page[Ticket]:
    """List tickets, the newest first; those of a status, a priority, an assignee."""
    return service.listed(request.caller.tenant, query)


@api.get("/v1/tickets/{ticket_id}")
def get_ticket(request: Request, ticket_id: str) -> Versioned[Ticket]:
    """Show a ticket."""
    return service.get(request.caller.tenant, ticket_id)


@api.patch("/v1/tickets/{ticket_id}")
def update_ticket(request: Request, ticket_id: str, body: TicketChange) -> Versioned[Ticket]:
    """Change the fields sent, and comment on it. Sent with `If-Match`, it changes only what the caller has read."""
    return service.change(request.caller, ticket_id, body, request.expects)


@api.get("/v1/tickets/{ticket_id}/comments")
def list_ticket_comments(request: Request, ticket_id: str, query: PageParameters) -> Page[Comment]:
    """List the comments on a ticket, the newest first."""
    return service.comments(request.caller.tenant, ticket_id, query)


@api.post("/v1/tickets/{ticket_id}/comments", status=201)
def comment_on_ticket(request: Request, ticket_id: str, body: NewComment) -> Comment:
    """Comment on a ticket."""
    return service.comment(request.caller, ticket_id, body)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
