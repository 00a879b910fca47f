"""The first tenant of a deployment, its administrator and first API key; further tenants likewise.

Invoked by the operator, who alone may (IAM): `sam remote invoke BootstrapFunction`.
"""

from typing import Any

from pydantic import Field

from functions.identity import service
from functions.identity.models import NewApiKey
from hub import events, ids, passwords, times
from hub.errors import Conflict
from hub.store import keys, table
from hub.telemetry import lambda_handler
from hub.web.validation import Body


class FirstTenant(Body):
    """What the operator sends; all of it may be left out."""

    tenant: str = Field(default="default", pattern=keys.TENANT_PATTERN)
    plan: str = Field(default="enterprise", pattern="^(free|enterprise)$")
    email: str = Field(default="admin@example.com", pattern=r"^[^@\s]{1,64}@[^@\s]{1,180}$")
    name: str = Field(default="Administrator", min_length=1, max_length=100)


@lambda_handler
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Make a tenant. The answer holds the password and the key, which are stored as hashes only.

    Raises `Conflict` where the tenant exists already.
    """
    wanted = FirstTenant.model_validate(event or {})
    password = passwords.generate()
    caller = events.Caller(wanted.tenant, wanted.plan, "operator", context.aws_request_id)
    _add_tenant(caller, wanted, password)
    key = service.create(caller, NewApiKey(name="first key", permissions=["read", "write", "admin"]))
    return {"tenant": wanted.tenant, "admin_email": wanted.email, "admin_password": password, "api_key": key["key"]}


def _add_tenant(caller: events.Caller, wanted: FirstTenant, password: str) -> None:
    now = times.now()
    tenant = {**keys.entity(wanted.tenant, "TENANT", wanted.tenant), "plan": wanted.plan, "created_at": now}
    user_id = ids.new("user")
    told = {
        "user_id": user_id,
        "email": wanted.email,
        "name": wanted.name,
        "role": "admin",
        "created_at": times.iso(now),
    }
    user = {
        **keys.entity(wanted.tenant, "USER", user_id),
        "email": wanted.email,
        "name": wanted.name,
        "role": "admin",
        "status": "active",
        "password": passwords.hash_password(password),
        "created_at": now,
        "updated_at": now,
        "events": [events.event("user.created", caller, told)],
    }
    address = {**keys.entity(wanted.tenant, "EMAIL", wanted.email.lower()), "user_id": user_id}
    try:
        table.write(*(table.Put(table.entities(), item, table.ABSENT) for item in (tenant, user, address)))
    except table.ConditionFailed:
        raise Conflict from None
