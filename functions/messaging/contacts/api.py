"""`/third-party/{platform}/contacts`: people whom a platform knows (document 4)."""

from typing import Any

from functions.messaging.contacts import service
from functions.messaging.contacts.models import (
    ContactParameters,
    ContactSync,
    ContactSyncParameters,
    NewContactSync,
    ThirdPartyContact,
)
from hub.store.paging import CursorPage, OffsetPage
from hub.telemetry import lambda_handler
from hub.web.request import Accepted, Request
from hub.web.resolver import Api
from hub.web.styles import D4

api = Api("messaging", D4())


@api.post("/third-party/{platform}/contacts/sync")
def sync_contacts(
    request: Request, platform: str, body: NewContactSync
) -> list[ThirdPartyContact] | Accepted[list[ThirdPartyContact]]:
    """Sync a user's contacts from the platform.

    Answers with all of them; where they are too many for a request, with the first ones and a 202, and `Location` is
    where the sync shows how far it is.
    """
    return service.synced(request.caller, platform, body.userId)


@api.get("/third-party/{platform}/contacts/sync")
def get_contact_sync(request: Request, platform: str, query: ContactSyncParameters) -> ContactSync:
    """Show the latest sync of a user's contacts."""
    return service.latest(request.caller.tenant, platform, query.userId)


@api.get("/third-party/{platform}/contacts")
def find_contacts(
    request: Request, platform: str, query: ContactParameters
) -> ThirdPartyContact | OffsetPage[ThirdPartyContact] | CursorPage[ThirdPartyContact] | None:
    """Find a user's contact by the platform's id (`null` where there is none), or list all of a user's."""
    return service.found(request.caller.tenant, platform, query)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
