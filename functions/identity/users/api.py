"""`/v1/users`: who belongs to the tenant."""

from typing import Any

from functions.identity.users import service
from functions.identity.users.models import NewUser, User, UserChange
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D3

api = Api("users", D3())


@api.post("/v1/users", permission="admin", status=201)
def create_user(request: Request, body: NewUser) -> User:
    """Make a user, who can sign in once a password is set: here, or later by a change."""
    return service.create(request.caller, body)


@api.get("/v1/users", permission="admin", list_of=service.LISTING.schema)
def list_users(request: Request, query: ListQuery) -> Page[User]:
    """List users, filtered, sorted, searched and cut down as document 3's query language says."""
    return service.listed(request.caller.tenant, query)


@api.get("/v1/users/{user_id}", permission="admin")
def get_user(request: Request, user_id: str) -> User:
    """Show a user."""
    return service.get(request.caller.tenant, user_id)


@api.put("/v1/users/{user_id}", permission="admin")
def update_user(request: Request, user_id: str, body: UserChange) -> User:
    """Change the fields sent. A new password, an end of administration and a deactivation end the user's tokens."""
    return service.change(request.caller, user_id, body)


@api.patch("/v1/users/{user_id}", permission="admin")
def patch_user(request: Request, user_id: str, body: UserChange) -> User:
    """Change the fields sent, as PUT does."""
    return service.change(request.caller, user_id, body)


@api.delete("/v1/users/{user_id}", permission="admin")
def delete_user(request: Request, user_id: str) -> None:
    """Delete a user and end every token of theirs; their email is free again."""
    service.delete(request.caller, user_id)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
