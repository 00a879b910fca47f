"""Shapes of users on the wire, in document 3's camelCase."""

from typing import Literal, TypedDict

from hub.passwords import NewPassword
from hub.web.validation import Body, Email, Name

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
