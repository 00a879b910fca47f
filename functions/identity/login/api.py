"""`/api/auth` (document 5 "认证API", CONTRACT section 3)."""

from typing import Any

from functions.identity.login import service
from functions.identity.login.models import Changed, LoggedIn, Login, PasswordChange, TokenToVerify, Verified
from hub.telemetry import lambda_handler
from hub.web.localisation import text
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D5

api = Api("login", D5())


@api.post("/api/auth/login", public=True)
def log_in(request: Request, body: Login) -> LoggedIn:
    """Sign in with a password; the token is good for 30 days."""
    return service.log_in(body, request.source_ip, request.base_url)


@api.post("/api/auth/verify", public=True)
def verify_token(request: Request, body: TokenToVerify) -> Verified:
    """Tell whether a token is good."""
    return service.verify(body.token, request.base_url)


@api.post("/api/auth/change-password", permission="read")
def change_password(request: Request, body: PasswordChange) -> Changed:
    """Change the signed-in user's password; every token given before it ends."""
    service.change_password(request.caller, request.accepted.user_id, body, request.source_ip)
    return {"message": text("password_changed", request.language)}


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
