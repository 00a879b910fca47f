"""Shapes of contacts on the wire (document 4)."""

from typing import Annotated, TypedDict

from pydantic import AfterValidator, Field

from hub.web.validation import Body, Parameters, not_blank

Id = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(not_blank)]


class ContactSync(Body):
    """Body of `POST /third-party/{platform}/contacts/sync`: whose address book it becomes."""

    user_id: Annotated[Id, Field(alias="userId")]


class ContactParameters(Parameters):
    """Query of `GET /third-party/{platform}/contacts`: one contact, or all of a user's from `cursor` on."""

    user_id: Annotated[Id, Field(alias="userId")]
    platform_user_id: Annotated[Id, Field(alias="platformUserId")] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 100
    cursor: Annotated[str, Field(max_length=1024)] = ""


class Contact(TypedDict):
    """A contact as it is shown."""

    id: str
    platform: str
    platformUserId: str
    name: str
    avatar: str | None
    userId: str
    syncedAt: str
