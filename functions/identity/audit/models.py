"""Shapes of the audit trail on the wire."""

from typing import Annotated, Any, TypedDict

from pydantic import Field

from hub.web.validation import Parameters, Time

Value = Annotated[str, Field(min_length=1, max_length=128)]


class AuditParameters(Parameters):
    """Query of `GET /v1/audit-log`: records of an actor, an action, a target, from one time on and before another."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=1024)] = ""
    actor: Value | None = None
    action: Value | None = None
    target: Value | None = None
    since: Annotated[Time | None, Field(alias="from")] = None
    until: Annotated[Time | None, Field(alias="to")] = None


class AuditRecord(TypedDict):
    """One action. `actor` is a user's id, or that of the API key or application that acted for none.

    `changes` are the new values of what changed; that of a secret is shown as `***`.
    """

    id: str
    created_at: str
    actor: str
    action: str
    target: str
    request_id: str
    changes: dict[str, Any]
