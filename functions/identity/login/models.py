"""Shapes of document 5's sign-in."""

from typing import Annotated, NotRequired, TypedDict

from pydantic import Field

from hub.passwords import NewPassword
from hub.store import keys
from hub.web.validation import Body

Password = Annotated[str, Field(min_length=1, max_length=256)]


class Login(Body):
    """Body of `POST /api/auth/login`. Without `email` the tenant's first administrator signs in."""

    password: Password
    email: Annotated[str, Field(max_length=254)] = ""
    tenant: Annotated[str, Field(pattern=keys.TENANT_PATTERN)] = "default"


class TokenToVerify(Body):
    """Body of `POST /api/auth/verify`."""

    token: Annotated[str, Field(min_length=1, max_length=8192)]


class PasswordChange(Body):
    """Body of `POST /api/auth/change-password`."""

    old_password: Password
    new_password: NewPassword


class LoggedIn(TypedDict):
    """A token and how many seconds it is good."""

    token: str
    expires_in: int


class Verified(TypedDict):
    """Whether a token is good, and until when."""

    valid: bool
    expires_at: NotRequired[str]
    user_id: NotRequired[str]
    tenant: NotRequired[str]


class Changed(TypedDict):
    """What was done."""

    message: str
