"""Shapes of API keys on the wire (document 1 section 1)."""

from typing import Annotated, Literal, TypedDict

from pydantic import AfterValidator, Field

from hub.web.validation import Body, Description, FutureTime, Name, Parameters, refused

GROUPS = (
    "plugins",
    "integrations",
    "webhooks",
    "oauth",
    "conversations",
    "tickets",
    "statistics",
    "customers",
    "orders",
    "files",
    "iot",
    "messaging",
    "forwarding",
)
PERMISSIONS = frozenset(
    {"read", "write", "admin"} | {f"{group}:{verb}" for group in GROUPS for verb in ("read", "write")}
)


def _known(permissions: list[str]) -> list[str]:
    for name in permissions:
        if name not in PERMISSIONS:
            raise refused("unknown_permission", name=name[:50])
    if len(set(permissions)) != len(permissions):
        raise refused("duplicate")
    return permissions


_LISTED = {"items": {"enum": sorted(PERMISSIONS)}}
Permissions = Annotated[
    list[str],
    Field(min_length=1, max_length=len(PERMISSIONS), json_schema_extra=_LISTED),
    AfterValidator(_known),
]


class NewApiKey(Body):
    """Body of `POST /v1/api-keys`. Without `expires_at` the key is good until it is deleted."""

    name: Name
    description: Description = ""
    permissions: Permissions = ["read"]
    expires_at: FutureTime | None = None


class ApiKeyChange(Body):
    """Body of `PUT /v1/api-keys/{id}`: the fields that are to change. `expires_at: null` takes the expiry away."""

    name: Name = ""
    description: Description = ""
    permissions: Permissions = []
    expires_at: FutureTime | None = None


class Rotation(Body):
    """Body of `POST /v1/api-keys/{id}/rotate`: how long the old secret stays good, in seconds (default one day)."""

    overlap_seconds: Annotated[int, Field(ge=0, le=7 * 86_400)] = 86_400


class UsageParameters(Parameters):
    """Query of `GET /v1/api-keys/{id}/usage`."""

    period: Literal["day", "week", "month"] = "day"


class ApiKey(TypedDict):
    """An API key as it is shown."""

    id: str
    name: str
    description: str
    prefix: str
    permissions: list[str]
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    usage_count: int


class ApiKeyWithSecret(ApiKey):
    """A new API key; `key` is never shown again."""

    key: str


class RotatedApiKey(ApiKeyWithSecret):
    """A key with a new secret; the one before is good until `previous_expires_at`."""

    previous_expires_at: str


class UsagePoint(TypedDict):
    """Requests in one hour (period `day`) or one day (`week`, `month`), from `time` on, UTC."""

    time: str
    requests: int


class Usage(TypedDict):
    """A key's requests over a period; the series has no gaps."""

    id: str
    period: str
    total: int
    usage_count: int
    last_used_at: str | None
    series: list[UsagePoint]
