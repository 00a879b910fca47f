"""`/oauth/authorize`: a person allows an application to act for them; also under `/v1`."""

import math
import re
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from functions.identity import sign_in
from functions.identity.oauth import clients, pages, sessions, tokens
from functions.identity.oauth.errors import (
    AccessDenied,
    InvalidClient,
    InvalidOAuthRequest,
    OAuthError,
    UnsupportedResponse,
)
from functions.identity.oauth.models import AuthorizationUrl, AuthorizeParameters
from functions.identity.oauth_apps import service as apps
from functions.identity.oauth_apps import store as app_store
from functions.identity.users.store import StoredUser
from hub import auth
from hub.errors import HubError, TooManyRequests
from hub.events import Caller
from hub.store import table
from hub.telemetry import lambda_handler
from hub.web.localisation import text
from hub.web.request import Raw, Request
from hub.web.resolver import Api
from hub.web.styles import OAuth
from hub.web.validation import parse_parameters

api = Api("oauth_pages", OAuth())

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")


@api.get("/oauth/authorize", public=True)
@api.get("/v1/oauth/authorize", public=True)
def authorize(request: Request) -> Annotated[Raw, "text/html", 303, 400, 401, 429] | AuthorizationUrl:
    """Show sign-in or consent, or go back to the application where consent stands; to a caller with a credential
    who accepts JSON, answer with the address to open in a browser."""
    wants_json = "application/json" in request.headers.get("accept", "") and "authorization" in request.headers
    try:
        if wants_json:
            request.credential = auth.authenticate(request.token(), request.base_url)
        asked = _Asked(request)
        return {"authorization_url": asked.url} if wants_json else _next_page(request, asked)
    except HubError as error:
        if wants_json:
            raise (error.reason if isinstance(error, _SentBack) else error) from None
        return _shown_or_sent(request, error)


@api.post("/oauth/authorize", public=True)
@api.post("/v1/oauth/authorize", public=True)
def submit_authorization(request: Request) -> Annotated[Raw, "text/html", 303, 400, 401, 413, 415, 429]:
    """Take a form of these pages: sign in, allow, deny, or sign out."""
    try:
        asked = _Asked(request)
        form = request.form()
        if not sessions.is_own_form(request, form.get("csrf", "")):
            return _sign_in_page(request, asked, error="expired")
        match form.get("action"):
            case "sign_in":
                return _sign_in(request, asked, form.get("email", ""), form.get("password", ""))
            case "sign_out":
                return pages.redirect(asked.url, [sessions.end(request)])
            case "allow" | "deny" as action:
                return _decide(request, asked, allowed=action == "allow")
        raise InvalidOAuthRequest("action is missing")
    except HubError as error:
        return _shown_or_sent(request, error)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)


class _SentBack(HubError):
    """An error that the application is told of at its redirect URI (RFC 6749 section 4.1.2.1)."""

    def __init__(self, reason: OAuthError, location: str) -> None:
        self.reason = reason
        self.location = location
        super().__init__()


class _Asked:
    """An authorization request that is known to come of a registered application, with a redirect URI of its own."""

    def __init__(self, request: Request) -> None:
        """Check the request. What is wrong with client or redirect URI is raised as it is, not sent there."""
        sent = parse_parameters(AuthorizeParameters, request.query())
        app = app_store.by_client_id(sent.client_id) if sent.client_id else None
        if app is None:
            raise InvalidClient("client_id is unknown")
        redirect_uri = clients.redirect_uri(app, sent.redirect_uri)
        if redirect_uri is None:
            raise InvalidOAuthRequest("redirect_uri is not one that the application registered")
        self.app = app
        self.redirect_uri = redirect_uri
        self.issuer = request.base_url
        self.sent = sent
        self.url = f"{request.base_url}/oauth/authorize?{urlencode(sent.model_dump(exclude_defaults=True))}"
        try:
            self.scopes = self._checked()
        except OAuthError as error:
            raise self.sent_back(error) from None

    def _checked(self) -> list[str]:
        sent = self.sent
        if sent.response_type != "code":
            raise UnsupportedResponse("response_type is code")
        if sent.code_challenge:
            if sent.code_challenge_method != "S256":
                raise InvalidOAuthRequest("code_challenge_method is S256")
            if not _CHALLENGE.match(sent.code_challenge):
                raise InvalidOAuthRequest("code_challenge is malformed")
        elif sent.code_challenge_method:
            raise InvalidOAuthRequest("code_challenge is missing")
        elif self.app.client_type == "public":
            raise InvalidOAuthRequest("a public client must use PKCE: code_challenge is missing")
        tokens.check_resource(sent.resource, self.issuer)
        return tokens.scopes_of(sent.scope, self.app.scopes)

    def sent_back(self, error: OAuthError) -> _SentBack:
        """The error as one that the application is told of."""
        description = text(error.message_key, "en-US", error.values)
        return _SentBack(error, self._back(error=error.error_code, error_description=description))

    def is_sent_to_its_owner(self) -> bool:
        """Whether nobody but the application gets the code; a native one is asked about each time (RFC 8252 8.6)."""
        return self.app.client_type == "confidential" or self.redirect_uri.startswith("https://")

    def code(self, user: StoredUser, scopes: list[str]) -> str:
        """The address that brings the application its code."""
        made = tokens.new_code(
            tokens.Code(
                app=self.app,
                user=user,
                redirect_uri=self.redirect_uri,
                redirect_uri_sent=bool(self.sent.redirect_uri),
                scopes=scopes,
                code_challenge=self.sent.code_challenge,
                resource=self.sent.resource,
            )
        )
        return self._back(code=made)

    def _back(self, **parameters: str) -> str:
        if self.sent.state:
            parameters["state"] = self.sent.state
        parameters["iss"] = self.issuer
        joint = "&" if urlsplit(self.redirect_uri).query else "?"
        return f"{self.redirect_uri}{joint}{urlencode(parameters)}"


def _next_page(request: Request, asked: _Asked) -> Raw:
    user = sessions.user_of(request, asked.app.tenant)
    if user is None:
        return _sign_in_page(request, asked)
    scopes = _allowed_to(user, asked)
    if asked.is_sent_to_its_owner() and apps.consent_covers(asked.app.tenant, user.id, asked.app.id, scopes):
        return pages.redirect(asked.code(user, scopes))
    csrf = sessions.csrf(request)
    host = urlsplit(asked.redirect_uri).netloc or asked.redirect_uri.partition(":")[0]
    page = pages.consent(asked.app.name, user.email, host, scopes, csrf.token, request.language)
    return page.with_cookies(csrf.cookies)


def _sign_in_page(request: Request, asked: _Asked, *, email: str = "", error: str = "", minutes: int = 0) -> Raw:
    csrf = sessions.csrf(request)
    page = pages.sign_in(
        asked.app.name, csrf.token, request.language, email=email, error=error, values={"minutes": minutes}
    )
    return page.with_cookies(csrf.cookies)


def _sign_in(request: Request, asked: _Asked, email: str, password: str) -> Raw:
    try:
        user = sign_in.check(asked.app.tenant, email, password, request.source_ip)
    except TooManyRequests as error:
        minutes = math.ceil((error.retry_after or 60) / 60)
        page = _sign_in_page(request, asked, email=email, error="too_often", minutes=minutes)
        return replace(page, headers={**(page.headers or {}), "Retry-After": str(error.retry_after)})
    if user is None:
        return _sign_in_page(request, asked, email=email, error="wrong")
    try:
        return pages.redirect(asked.url, [sessions.start(request, asked.app.tenant, user)])
    except table.ConditionFailed:
        return _sign_in_page(request, asked, email=email, error="expired")


def _decide(request: Request, asked: _Asked, *, allowed: bool) -> Raw:
    user = sessions.user_of(request, asked.app.tenant)
    if user is None:
        return _sign_in_page(request, asked)
    if not allowed:
        raise asked.sent_back(AccessDenied("the user denied access"))
    scopes = _allowed_to(user, asked)
    caller = Caller(asked.app.tenant, asked.app.plan, user.id, request.request_id)
    apps.remember_consent(caller, user.id, asked.app.id, scopes)
    return pages.redirect(asked.code(user, scopes))


def _allowed_to(user: StoredUser, asked: _Asked) -> list[str]:
    """What of the scopes asked for a user can give: administration only an administrator."""
    scopes = asked.scopes if user.role == "admin" else [scope for scope in asked.scopes if scope != "admin"]
    if not scopes:
        raise asked.sent_back(AccessDenied("the user may not allow any of these scopes"))
    return scopes


def _shown_or_sent(request: Request, error: HubError) -> Raw:
    if isinstance(error, _SentBack):
        return pages.redirect(error.location)
    described = OAuth().error(error, request.language, request.request_id)
    return pages.error(described["error_description"], request.language, error.status)
