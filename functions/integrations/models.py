"""Shapes of integrations on the wire (document 1 section 3)."""

from typing import Annotated, Any, Literal, TypedDict

from pydantic import AfterValidator, Field

from hub import events
from hub.connectors import SERVICE_TYPES
from hub.outcomes import Trouble
from hub.web.localisation import Language
from hub.web.validation import Body, Name, PageParameters, fits, refused

Status = Literal["active", "inactive", "error"]
"""`error`: its provider takes nothing from us until a person changes something."""

MAX_INTERVAL = 7 * 86_400
MAX_CONFIG_BYTES = 32_768


def _known_type(name: str) -> str:
    if name not in SERVICE_TYPES:
        raise refused("not_one_of", expected=", ".join(SERVICE_TYPES))
    return name


def _known_events(patterns: list[str]) -> list[str]:
    for pattern in patterns:
        if not events.is_known(pattern):
            raise refused("unknown_event", name=pattern[:50])
    if len(set(patterns)) != len(patterns):
        raise refused("duplicate")
    return patterns


ServiceType = Annotated[str, Field(json_schema_extra={"enum": list(SERVICE_TYPES)}), AfterValidator(_known_type)]
Patterns = Annotated[
    list[str],
    Field(max_length=len(events.PATTERNS), json_schema_extra={"items": {"enum": list(events.PATTERNS)}}),
    AfterValidator(_known_events),
]
Values = Annotated[dict[str, Any], fits(MAX_CONFIG_BYTES)]


class Settings(Body):
    """Whether and how often it syncs by itself (`sync_interval` in seconds, rounded up to minutes), and which domain
    events are posted to it, in which language.
    """

    auto_sync: bool = False
    sync_interval: Annotated[int, Field(ge=60, le=MAX_INTERVAL)] = 3600
    forward_events: Patterns = []
    language: Language = "zh-CN"


class NewIntegration(Body):
    """Body of `POST /v1/integrations`; `config` is what the service type asks for."""

    name: Name
    service_type: ServiceType
    config: Values
    settings: Settings = Settings()
    status: Literal["active", "inactive"] = "active"


class IntegrationChange(Body):
    """Body of `PUT /v1/integrations/{integration_id}`: what is to change, of `config` and `settings` too.

    A field of the config sent as `null` goes, a secret not sent or sent as `***` stays; where a URL changes to which
    secrets are sent, they must be sent anew. A new config, or `active`, ends an `error`.
    """

    name: Name = ""
    config: Values = {}
    settings: Settings = Settings()
    status: Literal["active", "inactive"] = "active"


class IntegrationParameters(PageParameters):
    """Query of `GET /v1/integrations`."""

    service_type: ServiceType | None = None
    status: Status | None = None


class ShownSettings(TypedDict):
    """The settings as they are shown."""

    auto_sync: bool
    sync_interval: int
    forward_events: list[str]
    language: Language


class Integration(TypedDict):
    """An integration as it is shown: secrets of its config as `***`, what is wrong with it as its `error`."""

    id: str
    name: str
    service_type: str
    status: Status
    config: dict[str, Any]
    settings: ShownSettings
    error: Trouble | None
    created_at: str
    updated_at: str


class Tested(TypedDict):
    """What came of asking the provider who we are; `account` is its answer, `error` its refusal."""

    success: bool
    latency_ms: int
    account: dict[str, str] | None
    error: Trouble | None
