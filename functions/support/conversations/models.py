"""Shapes of conversations and messages on the wire (document 2 "对话查询")."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self, TypedDict, get_args

from pydantic import AfterValidator, Field, model_validator

from functions.support.people import PersonId
from hub import outcomes
from hub.outcomes import Trouble
from hub.web.validation import Body, PageParameters, Time, answer_bytes, not_blank, refused

Status = Literal["active", "closed"]
Channel = Literal[
    "web",
    "app",
    "email",
    "phone",
    "api",
    "slack",
    "discord",
    "telegram",
    "feishu",
    "dingtalk",
    "wecom",
    "whatsapp",
    "wechat",
    "signal",
    "kook",
    "other",
]
"""Where a customer writes: on the tenant's own ground, or on a platform that an integration connects."""

Sender = Literal["customer", "agent"]

STATUSES: tuple[Status, ...] = get_args(Status)
CHANNELS: tuple[Channel, ...] = get_args(Channel)
MAX_TEXT = 10_000
MAX_ATTACHMENTS = 10
MAX_MESSAGE_BYTES = 60_000
"""Of text and attachments by `weight`: a page of 100 messages must stay below Lambda's 6 MB."""


def _web_address(url: str) -> str:
    # What an agent's screen shows as a link must not be `javascript:`.
    if not url.startswith(("https://", "http://")) or not url.isprintable() or " " in url:
        raise refused("bad_url")
    return url


Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(not_blank)]
FileUrl = Annotated[str, Field(max_length=2048), AfterValidator(_web_address)]


class NewAttachment(Body):
    """A file of a message, by its address; `type` is its media type."""

    url: FileUrl
    name: Annotated[str, Field(max_length=255)] = ""
    type: Annotated[str, Field(max_length=100)] = ""


class Attachment(TypedDict):
    """A file of a message."""

    url: str
    name: str
    type: str


def weight(text: str, attachments: Sequence[Attachment]) -> int:
    """The bytes of a message in an answer."""
    return answer_bytes([text, attachments])


class NewConversation(Body):
    """Body of `POST /v1/conversations`. `initial_message` is the customer's."""

    user_id: PersonId
    channel: Channel
    initial_message: Text | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.initial_message is not None and weight(self.initial_message, []) > MAX_MESSAGE_BYTES:
            raise refused("too_many_bytes", field="initial_message", limit=MAX_MESSAGE_BYTES)
        return self


class ConversationChange(Body):
    """Body of `PATCH /v1/conversations/{conversation_id}`: what is to change. `assignee_id: null` unassigns."""

    status: Status = "active"
    assignee_id: PersonId | None = None
    satisfaction: Annotated[int, Field(ge=1, le=5)] = 5


class NewMessage(Body):
    """Body of `POST /v1/conversations/{conversation_id}/messages`: a text, attachments or both.

    Without `sender_id` a customer is the conversation's, an agent the caller.
    """

    text: Annotated[str, Field(max_length=MAX_TEXT)] = ""
    sender: Sender
    sender_id: PersonId | None = None
    attachments: Annotated[list[NewAttachment], Field(max_length=MAX_ATTACHMENTS)] = []

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.text.strip() and not self.attachments:
            raise refused("missing", field="text")
        if weight(self.text, self.files) > MAX_MESSAGE_BYTES:
            raise refused(
                "too_many_bytes", field="attachments" if self.attachments else "text", limit=MAX_MESSAGE_BYTES
            )
        return self

    @property
    def files(self) -> list[Attachment]:
        """Its attachments as they are kept."""
        return [{"url": one.url, "name": one.name, "type": one.type} for one in self.attachments]


class ConversationParameters(PageParameters):
    """Query of `GET /v1/conversations`; those made from `start_time` to `end_time`, both included."""

    status: Status | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    channel: Channel | None = None
    user_id: PersonId | None = None
    assignee_id: PersonId | None = None

    @model_validator(mode="after")
    def _one_period(self) -> Self:
        if self.start_time and self.end_time and self.end_time < self.start_time:
            raise refused("not_before", field="end_time", other="start_time")
        return self


class MessageParameters(PageParameters):
    """Query of `GET /v1/conversations/{conversation_id}/messages`: the newest first unless `order` is `asc`."""

    order: Literal["asc", "desc"] = "desc"


class Contact(TypedDict):
    """Who writes over a messaging connection: there an agent's answer goes back to."""

    integration_id: str
    platform: str
    id: str
    name: str


class Conversation(TypedDict):
    """A conversation as it is shown.

    `waiting_since` is when the customer wrote what no agent has answered yet; `version` is the `ETag`.
    """

    id: str
    user_id: str
    channel: Channel
    status: Status
    created_at: str
    updated_at: str
    assignee_id: str | None
    satisfaction: int | None
    rated_at: str | None
    message_count: int
    last_message_at: str | None
    waiting_since: str | None
    closed_at: str | None
    contact: Contact | None
    version: int


class MessageDelivery(TypedDict):
    """What became of an answer on its way to a contact, `error` in the words of the platform.

    Of a text and its files, each a message of its own there, the one that has got least far; `failed` where any has.
    """

    status: outcomes.Status
    error: Trouble | None


class Message(TypedDict):
    """A message as it is shown.

    `response_seconds` is how long the customer had waited when this was the first answer, else `null`. `delivery` is
    `null` of what goes nowhere: a customer's message, or one of a conversation without a `contact`.
    """

    id: str
    conversation_id: str
    sender: Sender
    sender_id: str
    text: str
    attachments: list[Attachment]
    response_seconds: int | None
    delivery: MessageDelivery | None
    created_at: str
