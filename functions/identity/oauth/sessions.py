"""Who is signed in on the pages: a session in a cookie that no script reads, and the token that guards the forms.

The forms' token is a cookie of its own that the form must repeat. Both cookies carry the `__Host-` prefix wherever
the API stands on https, so that no other host of the domain can set them.
"""

import hmac
import secrets
from dataclasses import dataclass

from functions.identity import credentials
from functions.identity.users import store as users
from functions.identity.users.store import StoredUser
from hub import auth, times
from hub.store import keys, table
from hub.web.request import Request

SECONDS = 12 * 3600
_SESSION = "hub_session"
_CSRF = "hub_csrf"


@dataclass(frozen=True, slots=True)
class Csrf:
    """The token of this browser's forms, and the cookie to set where it is new."""

    token: str
    cookies: tuple[str, ...]


def user_of(request: Request, tenant: str) -> StoredUser | None:
    """The user who is signed in to this tenant on the requesting browser, if still active."""
    cookie = request.cookies.get(_name(request, _SESSION))
    if not cookie:
        return None
    # The browser comes back milliseconds after it signed in, and must fail as soon as its session was ended.
    session = table.get(table.activity(), keys.session(auth.credential_hash(cookie)), consistent=True)
    if session is None or session["tenant"] != tenant or session["expires_at"] <= times.now():
        return None
    user = users.find(tenant, session["user_id"])
    return user if user is not None and user.status == "active" else None


def start(request: Request, tenant: str, user: StoredUser) -> str:
    """Sign a user in on this browser; answers with the cookie to set.

    Raises `ConditionFailed` where the user changed since the password was checked.
    """
    text = secrets.token_urlsafe(32)
    digest = auth.credential_hash(text)
    ends = times.now() + SECONDS
    table.write(
        table.Put(
            table.activity(),
            {**keys.session(digest), "tenant": tenant, "user_id": user.id, "expires_at": ends, "ttl": ends},
        ),
        table.Put(table.activity(), {**keys.belonging(tenant, credentials.SESSIONS, user.id, digest), "ttl": ends}),
        users.unchanged(tenant, user),
    )
    return _cookie(request, _SESSION, text, SECONDS)


def end(request: Request) -> str:
    """Sign out on this browser; answers with the cookie to set."""
    cookie = request.cookies.get(_name(request, _SESSION))
    if cookie:
        table.write(table.Delete(table.activity(), keys.session(auth.credential_hash(cookie))))
    return _cookie(request, _SESSION, "", 0)


def csrf(request: Request) -> Csrf:
    """The token for this browser's forms."""
    token = request.cookies.get(_name(request, _CSRF), "")
    if len(token) >= 40:
        return Csrf(token, ())
    token = secrets.token_urlsafe(32)
    return Csrf(token, (_cookie(request, _CSRF, token, SECONDS),))


def is_own_form(request: Request, sent: str) -> bool:
    """Whether a form was sent by a page of ours: it repeats the browser's token, and comes from no other site."""
    cookie = request.cookies.get(_name(request, _CSRF), "")
    origin = request.headers.get("origin", request.base_url)
    return bool(cookie) and hmac.compare_digest(cookie.encode(), sent.encode()) and origin in (request.base_url, "null")


def _name(request: Request, name: str) -> str:
    return f"__Host-{name}" if request.base_url.startswith("https://") else name


def _cookie(request: Request, name: str, value: str, seconds: int) -> str:
    secure = "; Secure" if request.base_url.startswith("https://") else ""
    return f"{_name(request, name)}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}"
