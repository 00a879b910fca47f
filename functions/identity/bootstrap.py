"""The first tenant of a deployment, its administrator and first API key; further tenants likewise.

Invoked by the operator, who alone may (IAM): `sam remote invoke BootstrapFunction`.
"""

from typing import Any

from pydantic import Field

from functions.identity.api_keys import service as api_keys
from functions.identity.api_keys.models import NewApiKey
from functions.identity.users import service as users
from functions.identity.users import store as user_store
from functions.identity.users.models import NewUser
from hub import auth, events, passwords, times
from hub.errors import Conflict
from hub.store import keys, table
from hub.telemetry import lambda_handler
from hub.web.validation import Body, Email


class FirstTenant(Body):
    """What the operator sends; all of it may be left out."""

    tenant: str = Field(default="default", pattern=keys.TENANT_PATTERN)
    plan: str = Field(default="enterprise", pattern="^(free|enterprise)$")
    email: Email = "admin@example.com"
    name: str = Field(default="Administrator", min_length=1, max_length=100)


@lambda_handler
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Make a tenant, all of it or nothing. The answer holds the password and the key, stored as hashes only.

    Raises `Conflict` where the tenant exists already.
    """
    wanted = FirstTenant.model_validate(event or {})
    password = passwords.generate()
    caller = events.Caller(wanted.tenant, wanted.plan, "operator", context.aws_request_id)
    first_key = NewApiKey(name="first key", permissions=["read", "write", "admin"])
    key_writes, key = api_keys.prepared(caller, first_key)
    try:
        table.write(*_tenant_writes(caller, wanted, password), *key_writes)
    except table.ConditionFailed:
        raise Conflict from None
    return {"tenant": wanted.tenant, "admin_email": wanted.email, "admin_password": password, "api_key": key["key"]}


def _tenant_writes(caller: events.Caller, wanted: FirstTenant, password: str) -> list[table.Put]:
    # Good for nothing until a parameter of the deployment opens a group of endpoints as this tenant.
    public = auth.credential_item(
        auth.public_credential(wanted.tenant),
        tenant=wanted.tenant,
        credential_id="public",
        kind="public",
        plan=wanted.plan,
        permissions=auth.PUBLIC_PERMISSIONS,
        expires_at=None,
    )
    tenant = {
        **keys.entity(wanted.tenant, user_store.TENANTS, wanted.tenant),
        "plan": wanted.plan,
        "administrators": 1,
        "created_at": times.now(),
    }
    user = users.new_user(NewUser(email=wanted.email, name=wanted.name, role="admin", password=password))
    made = user_store.creation(wanted.tenant, user, *users.creation_records(caller, user))
    return [table.Put(table.entities(), tenant, table.ABSENT), table.Put(table.activity(), public), *made]
