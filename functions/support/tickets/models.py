"""Shapes of tickets and their comments on the wire (document 2 "工单管理")."""

from typing import Annotated, Literal, Self, TypedDict

from pydantic import AfterValidator, Field, model_validator

from functions.support.people import PersonId
from hub.web.validation import Body, Email, PageParameters, Tags, fits, not_blank, refused

Status = Literal["open", "in_progress", "pending", "resolved", "closed"]
Priority = Literal["low", "medium", "high", "urgent"]

MAX_TITLE = 200
MAX_TEXT_BYTES = 50_000
"""As an answer shows it: a page of 100 must stay below Lambda's 6 MB."""


Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE), AfterValidator(not_blank)]
Text = Annotated[str, Field(max_length=10_000), fits(MAX_TEXT_BYTES)]
CommentText = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(not_blank), fits(MAX_TEXT_BYTES)]
ConversationId = Annotated[str, Field(min_length=1, max_length=128)]


class NewTicket(Body):
    """Body of `POST /v1/tickets`.

    One from a conversation has the customer's first message as its description, and the beginning of its
    description as its title, where the body has none.
    """

    title: Title | None = None
    description: Text | None = None
    priority: Priority = "medium"
    customer_email: Email | None = None
    assignee_id: PersonId | None = None
    tags: Tags = []
    conversation_id: ConversationId | None = None

    @model_validator(mode="after")
    def _titled(self) -> Self:
        if self.title is None and self.conversation_id is None:
            raise refused("missing", field="title")
        return self


class TicketChange(Body):
    """Body of `PATCH /v1/tickets/{ticket_id}`: the fields that are to change, and what is to be said about it."""

    status: Status = "open"
    comment: CommentText = ""
    title: Title = ""
    description: Text = ""
    priority: Priority = "medium"
    customer_email: Email | None = None
    assignee_id: PersonId | None = None
    tags: Tags = []


class NewComment(Body):
    """Body of `POST /v1/tickets/{ticket_id}/comments`; an `internal` one is not meant for the customer."""

    text: CommentText
    internal: bool = False


class TicketParameters(PageParameters):
    """Query of `GET /v1/tickets`."""

    status: Status | None = None
    priority: Priority | None = None
    assignee_id: PersonId | None = None


class Ticket(TypedDict):
    """A ticket as it is shown."""

    id: str
    title: str
    description: str
    status: Status
    priority: Priority
    customer_email: str | None
    assignee_id: str | None
    tags: list[str]
    conversation_id: str | None
    created_at: str
    updated_at: str
    resolved_at: str | None
    closed_at: str | None
    comment_count: int
    version: int


class Comment(TypedDict):
    """A comment as it is shown; `author_id` is the user, or the API key or grant, that wrote it."""

    id: str
    ticket_id: str
    author_id: str
    text: str
    internal: bool
    created_at: str
