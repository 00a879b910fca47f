"""Shapes of contacts on the wire (document 4)."""

from typing import Annotated, Literal, TypedDict

from pydantic import AfterValidator, AliasChoices, Field

from functions.messaging.messages.models import ListParameters
from functions.messaging.told import MAX_ID, printable
from hub.outcomes import Trouble
from hub.web.validation import Body, Parameters, not_blank

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID), AfterValidator(not_blank), AfterValidator(printable)]
SyncStatus = Literal["running", "succeeded", "failed"]


class NewContactSync(Body):
    """Body of `POST /third-party/{platform}/contacts/sync`: whose contacts they become."""

    userId: Id


class ContactSyncParameters(Parameters):
    """Query of `GET /third-party/{platform}/contacts/sync`."""

    userId: Id


class ContactParameters(ListParameters):
    """Query of `GET /third-party/{platform}/contacts`: one contact of a user's, or all in pages."""

    userId: Id
    # Document 4's example has its ampersand as HTML writes it, and works as it stands.
    platformUserId: Annotated[
        Id | None, Field(validation_alias=AliasChoices("platformUserId", "amp;platformUserId"))
    ] = None


class ThirdPartyContact(TypedDict):
    """A contact (document 4)."""

    id: str
    platform: str
    platformUserId: str
    name: str
    avatar: str | None
    userId: str
    syncedAt: str


class ContactSync(TypedDict):
    """How far a sync that goes on in the background is; `error` is why it failed, in the platform's words."""

    id: str
    platform: str
    userId: str
    status: SyncStatus
    synced: int
    error: Trouble | None
    startedAt: str
    endedAt: str | None
