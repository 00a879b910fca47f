"""Shapes of plugins on the wire (document 1 section 2)."""

from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import AfterValidator, Field, model_validator

from functions.plugins.manifest import PluginId
from hub import outbound
from hub.outcomes import Trouble
from hub.web.validation import Body, PageParameters, fits, refused

Status = Literal["active", "inactive", "error"]
"""`error`: switched off because it failed again and again; `disabled_reason` says how."""

Source = Literal["marketplace", "url"]
RunKind = Literal["command", "event"]
RunStatus = Literal["pending", "success", "failed"]

MAX_CONFIG_BYTES = 16_384


def _address(url: str) -> str:
    if reason := outbound.refusal(url):
        raise refused(reason)
    return url


ManifestUrl = Annotated[str, Field(max_length=2048), AfterValidator(_address)]
Config = Annotated[dict[str, Any], fits(MAX_CONFIG_BYTES)]


class NewPlugin(Body):
    """Body of `POST /v1/plugins/install`: a plugin of the marketplace by its id, or one whose manifest is at a URL.

    `config` is what the plugin's `config_schema` asks for.
    """

    plugin_id: PluginId | None = None
    source: Source = "marketplace"
    manifest_url: ManifestUrl | None = None
    config: Config = {}

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.source == "marketplace":
            if self.plugin_id is None:
                raise refused("missing", field="plugin_id")
            if self.manifest_url is not None:
                raise refused("not_combined", field="manifest_url", other="source=marketplace")
        elif self.manifest_url is None:
            raise refused("missing", field="manifest_url")
        return self


class PluginStatusChange(Body):
    """Body of `PATCH /v1/plugins/{plugin_id}/status`. `active` ends an `error` too."""

    status: Literal["active", "inactive"]


class PluginConfigChange(Body):
    """Body of `PUT /v1/plugins/{plugin_id}/config`: the fields that are to change, in `config` or by themselves.

    A field sent as `null` goes; a secret not sent, or sent as `***`, stays, but where an address changes it must be
    sent anew.
    """

    config: Config

    @model_validator(mode="before")
    @classmethod
    def _wrapped(cls, value: Any) -> Any:
        # No config has a field of this name, so it cannot be meant.
        if isinstance(value, dict) and "config" not in value:
            return {"config": value}
        return value


class PluginVersionChange(Body):
    """Body of `PUT /v1/plugins/{plugin_id}/version`: another version of an installed plugin.

    One of the marketplace is named by `version`; one from a URL is read from `manifest_url`, or where it was read
    before. `config` has fields to change along, as the new version's `config_schema` asks for them.
    """

    version: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    manifest_url: ManifestUrl | None = None
    config: Config = {}


class PluginCommand(Body):
    """Body of `POST /v1/plugins/{plugin_id}/commands/{name}`: what the command takes."""

    parameters: Config = {}


class PluginParameters(PageParameters):
    """Query of `GET /v1/plugins`."""

    status: Status | None = None


class RunParameters(PageParameters):
    """Query of `GET /v1/plugins/{plugin_id}/runs`: all, or those that failed or wait for another try."""

    status: Literal["pending", "failed"] | None = None


class ShownCommand(TypedDict):
    """A command; `parameters` is the schema of what it takes."""

    name: str
    description: str
    parameters: dict[str, Any]


class CataloguePlugin(TypedDict):
    """A plugin that can be installed."""

    id: str
    name: str
    description: str
    version: str
    author: str
    homepage: str | None
    permissions: list[str]
    events: list[str]
    commands: list[ShownCommand]
    config_schema: dict[str, Any]


class Plugin(TypedDict):
    """An installed plugin: secrets of its config as `***`, what it may be told as its `permissions`.

    Until `previous_secret_expires_at` the signing secret before this one signs too; `null` when there is none.
    """

    id: str
    name: str
    description: str
    version: str
    author: str
    status: Status
    installed_at: str
    config: dict[str, Any]
    updated_at: str
    installation_id: str
    source: Source
    manifest_url: str | None
    homepage: str | None
    runtime: Literal["builtin", "http"]
    permissions: list[str]
    events: list[str]
    commands: list[ShownCommand]
    config_schema: dict[str, Any]
    disabled_reason: Trouble | None
    previous_secret_expires_at: str | None


class PluginWithSecret(Plugin):
    """The same with the secret that signs what is posted to it, which is shown this once; `null` for a builtin one."""

    secret: str | None


class CommandRun(TypedDict):
    """How a command ended: the plugin's `result`, or its `error` in its own words."""

    run_id: str
    command: str
    success: bool
    result: Any
    error: Trouble | None
    response_time: int


class Run(TypedDict):
    """A command or an event and how it ended; `response_time` in ms, `note` is what the plugin says that it did."""

    id: str
    kind: RunKind
    name: str
    event_id: str | None
    status: RunStatus
    tries: int
    note: str
    error: Trouble | None
    response_time: int | None
    created_at: str
    updated_at: str
    next_try_at: str | None
