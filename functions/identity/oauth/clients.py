"""Which client calls, and whether it is the one it says (RFC 6749 section 2.3)."""

import base64
import hmac
from urllib.parse import unquote_plus, urlsplit

from functions.identity.oauth.errors import InvalidClient, InvalidOAuthRequest
from functions.identity.oauth.models import ClientParameters
from functions.identity.oauth_apps import store
from functions.identity.oauth_apps.models import LOOPBACK, is_redirect_uri
from functions.identity.oauth_apps.store import StoredApp
from hub import auth, throttle, times
from hub.web.request import Request

FAILURES = 50
"""Failed client authentications in 15 minutes, from one address or for one client."""


def authenticated(request: Request, sent: ClientParameters) -> StoredApp:
    """The client of a request: by `client_secret_basic`, `client_secret_post`, or, where public, by its id alone.

    Raises `InvalidClient`, whether the client or the secret is wrong, `InvalidOAuthRequest` for two methods at once
    or a secret in the URL, `TooManyRequests` after too many failures.
    """
    if "client_secret" in request.parameters:
        raise InvalidOAuthRequest("client_secret must not be sent in the URL")
    client_id, secret = _sent(request, sent)
    app = store.by_client_id(client_id) if client_id else None
    if app is not None and _is_authentic(app, secret):
        return app
    throttle.attempt("client address", request.source_ip, FAILURES)
    throttle.attempt("client id", client_id, FAILURES)
    raise InvalidClient("client authentication failed")


def redirect_uri(app: StoredApp, sent: str) -> str | None:
    """The registered redirect URI that a request names; `None` where it names none of the application's.

    Exact, but for the port of a loopback address (RFC 8252 section 7.3). Left out, it is the only registered one.
    """
    if not sent:
        return app.redirect_uris[0] if len(app.redirect_uris) == 1 else None
    if any(sent == uri or _is_same_loopback(uri, sent) for uri in app.redirect_uris):
        return sent
    return None


def _sent(request: Request, sent: ClientParameters) -> tuple[str, str]:
    header = request.headers.get("authorization", "")
    if not header:
        return sent.client_id, sent.client_secret
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("client authentication is client_secret_basic or client_secret_post")
    if sent.client_secret:
        raise InvalidOAuthRequest("only one way of client authentication may be used")
    try:
        user, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:  # bad base64 and bad UTF-8 alike
        raise InvalidClient("the Basic credentials are malformed") from None
    client_id = unquote_plus(user)
    if not colon or (sent.client_id and sent.client_id != client_id):
        raise InvalidClient("client authentication failed")
    return client_id, unquote_plus(password)


def _is_authentic(app: StoredApp, secret: str) -> bool:
    if app.client_type == "public":
        return not secret
    digest = auth.credential_hash(secret)
    now = times.now()
    good = [stored for stored, expires_at in app.secrets if not expires_at or expires_at > now]
    # All are compared, so that the time tells nothing about which.
    return sum(hmac.compare_digest(stored, digest) for stored in good) > 0


def _is_same_loopback(registered: str, sent: str) -> bool:
    try:
        one, other = urlsplit(registered), urlsplit(sent)
        port = other.port
    except ValueError:
        return False
    # urlsplit passes over tabs and line breaks, which would reach the Location header.
    if one.scheme != "http" or one.hostname not in LOOPBACK or not is_redirect_uri(sent):
        return False
    host = f"[{one.hostname}]" if ":" in (one.hostname or "") else one.hostname
    netloc = f"{host}:{port}" if port else host
    return one._replace(netloc="").geturl() == other._replace(netloc="").geturl() and other.netloc == netloc
