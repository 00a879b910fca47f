"""Shapes of messages on the wire (document 4 "ThirdPartyMessage")."""

from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import AfterValidator, Field, model_validator

from hub import outbound
from hub.outcomes import Status, Trouble
from hub.web.validation import Body, PageParameters, answer_bytes, not_blank, refused

Kind = Literal["text", "image", "video", "audio", "file", "template"]

MAX_CONTENT = 65_536
MAX_METADATA_BYTES = 8192


def _bounded(value: dict[str, Any]) -> dict[str, Any]:
    if answer_bytes(value) > MAX_METADATA_BYTES:
        raise refused("too_many_bytes", limit=MAX_METADATA_BYTES)
    return value


def _target(url: str) -> str:
    if reason := outbound.refusal(url):
        raise refused(reason)
    return url


Account = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(not_blank)]
Object = Annotated[dict[str, Any], AfterValidator(_bounded)]


class NewMedia(Body):
    """A picture, a film, a sound or a file, which the platform or we fetch from an address."""

    url: Annotated[str, Field(max_length=2048), AfterValidator(_target)]
    name: Annotated[str, Field(max_length=255)] = ""


class NewThirdPartyMessage(Body):
    """Body of `POST /third-party/{platform}/messages`.

    `from` picks one of several connections. A `type` other than `text` needs `media`, where `content` is the caption
    (WhatsApp's audio takes none: `""`), and `template` needs `template`, as the platform describes it.
    """

    to: Account
    sender: Annotated[Account, Field(alias="from")]
    content: Annotated[str, Field(max_length=MAX_CONTENT)]
    type: Kind = "text"
    metadata: Object = {}
    media: NewMedia | None = None
    template: Object | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_its_name(cls, body: Any) -> Any:
        # Which pydantic takes for `from`, and drops: no field can be called as the wire calls this one.
        if isinstance(body, dict) and "sender" in body:
            raise refused("unknown_field", field="sender")
        return body

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.type == "text" and not self.content.strip():
            raise refused("missing", field="content")
        if self.type == "template" and self.template is None:
            raise refused("missing", field="template")
        if self.type != "template" and self.template is not None:
            raise refused("not_with_type", field="template", type=self.type)
        has_media = self.type not in ("text", "template")
        if has_media and self.media is None:
            raise refused("missing", field="media")
        if self.media is not None and not has_media:
            raise refused("not_with_type", field="media", type=self.type)
        return self


class ListParameters(PageParameters):
    """Query of a list: the header `Link` names the next page (RFC 8288)."""


class MessageParameters(ListParameters):
    """Query of `GET /third-party/{platform}/messages`."""

    status: Status | None = None


class Media(TypedDict):
    """What goes with a message."""

    url: str
    name: str


ThirdPartyMessage = TypedDict(
    "ThirdPartyMessage",
    {
        "id": str,
        "platform": str,
        "to": str,
        "from": str,
        "content": str,
        "type": Kind,
        "status": Status,
        "metadata": dict[str, Any],
        "media": Media | None,
        "error": Trouble | None,
        "createdAt": str,
        "updatedAt": str,
    },
)
"""A message as it is shown (document 4 "ThirdPartyMessage"); `error` is why it failed or waits."""
