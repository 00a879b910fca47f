"""Shapes of the OAuth endpoints."""

from typing import Annotated, NotRequired, TypedDict

from pydantic import BaseModel, ConfigDict, Field

Parameter = Annotated[str, Field(max_length=4096)]


class OAuthParameters(BaseModel):
    """Parameters of an OAuth endpoint, from form, JSON or query; unknown ones are ignored (RFC 6749 section 3.2)."""

    model_config = ConfigDict(extra="ignore", strict=True, defer_build=True)


class ClientParameters(OAuthParameters):
    """A client that authenticates in the body (`client_secret_post`), or says who it is (public clients)."""

    client_id: Parameter = ""
    client_secret: Parameter = ""


class TokenRequest(ClientParameters):
    """Body of `POST /oauth/token`."""

    grant_type: Parameter = ""
    code: Parameter = ""
    redirect_uri: Parameter = ""
    code_verifier: Parameter = ""
    refresh_token: Parameter = ""
    scope: Parameter = ""
    resource: Parameter = ""


class TokenHint(ClientParameters):
    """Body of `POST /oauth/revoke` and `/oauth/introspect`."""

    token: Annotated[str, Field(max_length=8192)] = ""
    token_type_hint: Parameter = ""


class AuthorizeParameters(OAuthParameters):
    """Query of `GET /oauth/authorize`."""

    response_type: Parameter = "code"
    client_id: Parameter = ""
    redirect_uri: Parameter = ""
    scope: Parameter = ""
    state: Parameter = ""
    code_challenge: Parameter = ""
    code_challenge_method: Parameter = ""
    resource: Parameter = ""


class TokenAnswer(TypedDict):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: NotRequired[str]


class Revocation(TypedDict):
    """Nothing: RFC 7009 section 2.2 has the status tell all."""


class AuthorizationUrl(TypedDict):
    """Where a person allows the access asked for."""

    authorization_url: str


class Introspection(TypedDict):
    """RFC 7662 section 2.2; `active` alone for whatever is not a good token of the asking client."""

    active: bool
    scope: NotRequired[str]
    client_id: NotRequired[str]
    username: NotRequired[str]
    token_type: NotRequired[str]
    exp: NotRequired[int]
    iat: NotRequired[int]
    sub: NotRequired[str]
    aud: NotRequired[str]
    iss: NotRequired[str]
    jti: NotRequired[str]
