"""Shapes of users on the wire, in document 3's camelCase."""

from typing import Annotated, Literal, TypedDict

from pydantic import Field

from hub.passwords import NewPassword
from hub.web.validation import Body, Name

# As browsers check an email field (HTML, "valid e-mail address"), with RFC 5321's lengths.
_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = rf"^[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*$"

MAX_EMAIL = 254
Email = Annotated[str, Field(max_length=MAX_EMAIL, pattern=_EMAIL)]
Role = Literal["admin", "member"]
Status = Literal["active", "inactive"]


class NewUser(Body):
    """Body of `POST /v1/users`. Without `password` the user cannot sign in until one is set."""

    email: Email
    name: Name
    role: Role = "member"
    status: Status = "active"
    password: NewPassword | None = None


class UserChange(Body):
    """Body of `PUT` and `PATCH /v1/users/{user_id}`: the fields that are to change."""

    email: Email = ""
    name: Name = ""
    role: Role = "member"
    status: Status = "active"
    password: NewPassword = ""


class User(TypedDict):
    """A user as it is shown."""

    id: str
    email: str
    name: str
    role: Role
    status: Status
    createdAt: str
    updatedAt: str
