"""What a plugin says of itself: who made it, what it is to be told, what it asks for, what it does, where it runs."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from functions.plugins import dialect
from hub import outbound
from hub.errors import FieldError, InvalidRequest
from hub.events import AREAS, PATTERNS, is_known, matches
from hub.web.validation import Body, Name, answer_bytes, invalid, not_blank, refused

MAX_MANIFEST_BYTES = 49_152
MAX_COMMANDS = 50

GROUPS: dict[str, str] = {
    "user": "users",
    "api_key": "api-keys",
    "plugin": "plugins",
    "integration": "integrations",
    "conversation": "conversations",
    "ticket": "tickets",
    "customer": "customers",
    "order": "orders",
    "device": "iot",
    "message": "messaging",
    "contact": "messaging",
    "kook_account": "forwarding",
    "forward": "forwarding",
    "forwarding": "forwarding",
    "forwarder": "forwarding",
    "forward_bot": "forwarding",
    "forward_mapping": "forwarding",
    "webhook": "webhooks",
}
"""The group of endpoints that shows what an event tells: who may read there may be told."""

PERMISSIONS = tuple(dict.fromkeys(f"{group}:read" for group in GROUPS.values()))

_ID = re.compile(
    r"(plugin_[a-z0-9]+(?:[_-][a-z0-9]+)*)_v((?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9a-z]+(?:[.-][0-9a-z]+)*)?)"
)
_LONGEST_ID = 100


def parts(plugin_id: str) -> tuple[str, str] | None:
    """A plugin's name and version, which its id is made of: `plugin_weather_v1.0.0`; `None` for what is no id."""
    found = _ID.fullmatch(plugin_id) if len(plugin_id) <= _LONGEST_ID else None
    return (found[1], found[2]) if found else None


def permission_for(event: str) -> str:
    """The permission by which a plugin may be told of an event."""
    return f"{GROUPS[event.split('.', maxsplit=1)[0]]}:read"


def named(pattern: str) -> list[str]:
    """The events that a subscription is about."""
    return [name for name in AREAS if matches(pattern, name)]


def _known_events(patterns: list[str]) -> list[str]:
    for pattern in patterns:
        if not is_known(pattern):
            raise refused("unknown_event", name=pattern[:50])
    return _distinct(patterns)


def _known_permissions(permissions: list[str]) -> list[str]:
    for permission in permissions:
        if permission not in PERMISSIONS:
            raise refused("unknown_permission", name=permission[:50])
    return _distinct(permissions)


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise refused("duplicate")
    return names


def _plugin_id(value: str) -> str:
    if parts(value) is None:
        raise refused("malformed_plugin_id")
    return value


def _reachable(url: str) -> str:
    if reason := outbound.refusal(url):
        raise refused(reason)
    # What is posted there holds the config's secrets. This machine itself is refused above unless it is allowed.
    if not re.match(r"https://|http://(localhost|127\.0\.0\.1|\[::1\])([:/?#]|\Z)", url):
        raise refused("must_be_https")
    return url


Url = Annotated[str, Field(max_length=2048), AfterValidator(_reachable)]
PluginId = Annotated[str, Field(max_length=_LONGEST_ID), AfterValidator(_plugin_id)]
Patterns = Annotated[list[str], Field(max_length=len(PATTERNS)), AfterValidator(_known_events)]
Permissions = Annotated[list[str], Field(max_length=len(PERMISSIONS)), AfterValidator(_known_permissions)]
Schema = dict[str, Any]


class Command(Body):
    """A command: `parameters` is the schema of what it takes, an object."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
    description: Annotated[str, Field(max_length=500)] = ""
    parameters: Schema = {"type": "object", "additionalProperties": False}


class HttpRuntime(Body):
    """Runs where its author has it: commands and events are posted to `url`, signed."""

    type: Literal["http"]
    url: Url


class BuiltinRuntime(Body):
    """Runs here: `name` is the module of `functions/plugins/builtin`."""

    type: Literal["builtin"]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]


class Manifest(Body):
    """A plugin's manifest (docs/plugins.md)."""

    id: PluginId
    name: Name
    description: Annotated[str, Field(max_length=1000)] = ""
    version: Annotated[str, Field(max_length=50)]
    author: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(not_blank)]
    homepage: Annotated[str, Field(max_length=2048, pattern=r"^https?://[^\s]+$")] | None = None
    config_schema: Schema = {"type": "object", "additionalProperties": False}
    permissions: Permissions = []
    commands: Annotated[list[Command], Field(max_length=MAX_COMMANDS)] = []
    events: Patterns = []
    runtime: Annotated[HttpRuntime | BuiltinRuntime, Field(discriminator="type")]

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        found = parts(self.id)
        if found and found[1] != self.version:
            raise refused("not_the_version_of_the_id", field="version", expected=found[1])
        _distinct([command.name for command in self.commands])
        for pattern in self.events:
            for event in named(pattern):
                if permission_for(event) not in self.permissions:
                    raise refused("needs_permission", field="events", event=event, permission=permission_for(event))
        return self

    @property
    def family(self) -> str:
        """The plugin whose version this is: `plugin_weather`."""
        return self.id.rpartition("_v")[0]


def read(text: str | bytes, *, place: str = "manifest") -> Manifest:
    """Read a manifest. Raises `InvalidRequest` naming what is wrong under `place`."""
    try:
        found = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise InvalidRequest([_under(place, one) for one in invalid(error).fields]) from None
    wrong = dialect.problems(found.config_schema, f"{place}.config_schema")
    if "config" in found.config_schema.get("properties", {}):
        # What is sent to change a config may be wrapped in it.
        wrong.append(FieldError(f"{place}.config_schema.properties.config", "reserved_name"))
    for number, command in enumerate(found.commands):
        wrong += dialect.problems(command.parameters, f"{place}.commands.{number}.parameters")
    if answer_bytes(found.model_dump()) > MAX_MANIFEST_BYTES:
        wrong.append(FieldError(place, "too_many_bytes", {"limit": MAX_MANIFEST_BYTES}))
    if wrong:
        raise InvalidRequest(wrong)
    return found


def _under(place: str, error: FieldError) -> FieldError:
    # The kind of a runtime stands in pydantic's place of it, and in nobody's manifest.
    inner = re.sub(r"^runtime\.(http|builtin)\.", "runtime.", error.field)
    field = place if error.field == "body" else f"{place}.{inner}"
    return FieldError(field, error.reason, error.values, error.wrong_type)
