"""Shapes of mappings on the wire (document 5 "频道映射API")."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WrapValidator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from functions.forwarding.bots.models import TargetChannel
from functions.forwarding.bots.store import Platform
from functions.forwarding.lists import ListParameters
from functions.forwarding.mappings.store import Filters
from hub.errors import InvalidRequest
from hub.web.validation import Body, answer_bytes, invalid, not_blank, refused

MAX_BATCH = 100
MAX_MAPPINGS = 500
"""Of a tenant: lists, exports and imports take them all."""

MAX_FILTER_BYTES = 4_000
"""Of a mapping's filters in an answer: all mappings together stay below Lambda's 6 MB."""

MAX_BOT_ID = 10**12 - 1

Switch = Literal[0, 1]
MessageType = Literal["text", "kmarkdown", "card", "image", "video", "audio", "file"]


def _number(value: Any) -> Any:
    # To a literal `true` is 1.
    if isinstance(value, bool) or not isinstance(value, int):
        raise refused("must_be_integer")
    return value


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise refused("duplicate")
    return values


def _short(filters: "NewFilters") -> "NewFilters":
    if answer_bytes(filters.model_dump()) > MAX_FILTER_BYTES:
        raise refused("too_many_bytes", limit=MAX_FILTER_BYTES)
    return filters


def _or_error(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    try:
        return check(value)
    except ValidationError as error:
        return invalid(error)


KookId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ChannelName = Annotated[str, Field(max_length=100)]
Keyword = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(not_blank)]
Keywords = Annotated[list[Keyword], Field(max_length=50), AfterValidator(_distinct)]
Enabled = Annotated[Switch, BeforeValidator(_number)]


class NewFilters(Body):
    """What is forwarded at all; an empty list lets everything through.

    Of the keywords in `include` a message must have one, of those in `exclude` none, whatever their case. `senders` are
    ids or names.
    """

    include: Keywords = []
    exclude: Keywords = []
    senders: Keywords = []
    types: Annotated[list[MessageType], Field(max_length=7), AfterValidator(_distinct)] = []


WantedFilters = Annotated[NewFilters, AfterValidator(_short)]


class NewMapping(Body):
    """Body of `POST /api/mappings`, and a row of a batch.

    `target_channel_id` may be left out where the bot writes to one chat by itself. `sender_prefix` puts the sender's
    name before what is forwarded.
    """

    kook_server_id: KookId
    kook_channel_id: KookId
    kook_channel_name: ChannelName = ""
    target_platform: Platform
    target_bot_id: Annotated[int, Field(ge=1, le=MAX_BOT_ID)]
    target_channel_id: TargetChannel = ""
    enabled: Enabled = 1
    filters: WantedFilters = NewFilters()
    sender_prefix: bool = False


class MappingChange(NewMapping):
    """Body of `PUT /api/mappings/{mapping_id}`: what is to change; `filters` as a whole."""

    kook_server_id: KookId = ""
    kook_channel_id: KookId = ""
    target_platform: Platform = "discord"
    target_bot_id: Annotated[int, Field(ge=1, le=MAX_BOT_ID)] = 1


class NewMappings(Body):
    """Body of `POST /api/mappings/batch`; a row that is wrong is answered for itself and keeps no other away."""

    mappings: Annotated[
        list[Annotated[NewMapping, WrapValidator(_or_error)]], Field(min_length=1, max_length=MAX_BATCH)
    ]

    @property
    def rows(self) -> list[NewMapping | InvalidRequest]:
        """The rows, and instead of one that is wrong what is wrong with it."""
        return cast("list[NewMapping | InvalidRequest]", self.mappings)


class ExportedMapping(NewMapping):
    """A row of an import. Its `id` is that of where it was exported, and counts for nothing."""

    id: int | None = None


class MappingImport(Body):
    """Body of `POST /api/mappings/import`: what an export answered with, or its `mappings` alone."""

    mappings: Annotated[list[ExportedMapping], Field(max_length=MAX_MAPPINGS)]
    version: Literal["1.0"] = "1.0"
    export_time: Annotated[str, Field(max_length=64)] = ""
    success: bool = True


class MappingParameters(ListParameters):
    """Query of `GET /api/mappings`."""

    platform: Platform | None = None
    kook_channel_id: KookId | None = None


class MappingRow(TypedDict):
    """A mapping as an export has it."""

    id: int
    kook_server_id: str
    kook_channel_id: str
    kook_channel_name: str
    target_platform: Platform
    target_bot_id: int
    target_channel_id: str
    enabled: Switch
    filters: Filters
    sender_prefix: bool


class Mapping(MappingRow):
    """A mapping as it is shown; times in UTC, without a zone."""

    created_at: str
    updated_at: str


class MappingList(TypedDict):
    """A list of mappings."""

    data: list[Mapping]
    total: int
    page: int


class OneMapping(TypedDict):
    """A mapping."""

    data: Mapping


class AddedMapping(TypedDict):
    """What adding a mapping is answered with."""

    message: str
    mapping_id: int


class MappingBatchRow(TypedDict):
    """What became of a row: `mapping_id` where it was made, else what an answer to it alone would say."""

    index: int
    mapping_id: NotRequired[int]
    error_code: NotRequired[str]
    error_message: NotRequired[str]
    solution: NotRequired[str]


class MappingBatch(TypedDict):
    """What became of the rows of a batch, in their order."""

    message: str
    created: int
    failed: int
    data: list[MappingBatchRow]


class MappingExport(TypedDict):
    """All mappings, as an import takes them."""

    version: str
    export_time: str
    mappings: list[MappingRow]


class MappingsImported(TypedDict):
    """What an import did: mappings made, changed, and those that were so already."""

    message: str
    created: int
    updated: int
    unchanged: int
