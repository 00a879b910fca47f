"""Shapes of OAuth applications on the wire."""

import re
from typing import Annotated, Literal, TypedDict
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from functions.identity.api_keys.models import Permissions
from hub.web.validation import Body, Description, Name, refused

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

_PRIVATE_USE = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+\Z")


def _redirect_uris(uris: list[str]) -> list[str]:
    for uri in uris:
        if not is_redirect_uri(uri):
            raise refused("bad_redirect_uri", uri=uri[:100])
    if len(set(uris)) != len(uris):
        raise refused("duplicate")
    return uris


def is_redirect_uri(uri: str) -> bool:
    """Whether an app may register a redirect URI (RFC 9700 section 4.1, RFC 8252 section 7).

    https; http on the loopback; a private-use scheme with a dot in it. No fragment, no wildcard, no user.
    """
    if not uri.isascii() or any(character <= " " or character in "*\\#" for character in uri):
        return False
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None:
        return False
    match parts.scheme:
        case "https":
            return bool(host)
        case "http":
            return host in LOOPBACK
    return bool(_PRIVATE_USE.match(parts.scheme)) and not parts.netloc and parts.path.startswith("/")


RedirectUri = Annotated[str, Field(min_length=1, max_length=2000)]
RedirectUris = Annotated[list[RedirectUri], Field(max_length=20), AfterValidator(_redirect_uris)]
ClientType = Literal["confidential", "public"]


class NewApp(Body):
    """Body of `POST /v1/oauth/apps`. A public client has no secret and must use PKCE."""

    name: Name
    description: Description = ""
    redirect_uris: RedirectUris = []
    scopes: Permissions = ["read"]
    client_type: ClientType = "confidential"


class AppChange(Body):
    """Body of `PUT /v1/oauth/apps/{app_id}`: the fields that are to change."""

    name: Name = ""
    description: Description = ""
    redirect_uris: RedirectUris = []
    scopes: Permissions = []


class App(TypedDict):
    """An OAuth application as it is shown."""

    id: str
    name: str
    description: str
    client_id: str
    client_type: str
    redirect_uris: list[str]
    scopes: list[str]
    created_at: str
    updated_at: str


class AppWithSecret(App):
    """A new application; `client_secret` is never shown again, and `null` for a public client."""

    client_secret: str | None


class RotatedSecret(AppWithSecret):
    """An application with a new secret; the one before is good until `previous_expires_at`."""

    previous_expires_at: str


class Consent(TypedDict):
    """What a user allows an application; revoking it ends every token that came of it."""

    id: str
    user_id: str
    app_id: str
    app_name: str
    scopes: list[str]
    created_at: str
    updated_at: str
