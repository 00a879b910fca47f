"""Shapes of bots on the wire (document 5 "Bot配置API")."""

from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field

from functions.forwarding.bots.store import Platform, Status
from functions.forwarding.lists import ListParameters
from hub.outcomes import Trouble
from hub.web.validation import Body, Name, fits

MAX_CONFIG_BYTES = 32_768

Values = Annotated[dict[str, Any], fits(MAX_CONFIG_BYTES)]
TargetChannel = Annotated[str, Field(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]


class NewBot(Body):
    """Body of `POST /api/bots`; `config` is what the platform asks for."""

    platform: Platform
    name: Name
    config: Values
    status: Literal["active", "inactive"] = "active"


class BotChange(Body):
    """Body of `PUT /api/bots/{bot_id}`: what is to change, of `config` too.

    A field of the config sent as `null` goes, a secret not sent or sent as `***` stays. A new config, or `active`, ends
    an `error`.
    """

    name: Name = ""
    config: Values = {}
    status: Literal["active", "inactive"] = "active"


class BotParameters(ListParameters):
    """Query of `GET /api/bots`."""

    platform: Platform | None = None


class BotTest(Body):
    """Body of `POST /api/bots/{bot_id}/test`: where the test message goes, if not where the bot writes by itself."""

    target_channel_id: TargetChannel = ""


class Bot(TypedDict):
    """A bot as it is shown: secrets of its config as `***`; times in UTC, without a zone."""

    id: int
    platform: Platform
    name: str
    config: dict[str, Any]
    status: Status
    error: Trouble | None
    mapping_count: int
    created_at: str
    updated_at: str


class BotList(TypedDict):
    """A list of bots."""

    data: list[Bot]
    total: int
    page: int


class OneBot(TypedDict):
    """A bot."""

    data: Bot


class AddedBot(TypedDict):
    """What adding a bot is answered with."""

    message: str
    bot_id: int


class BotTested(TypedDict):
    """What came of a test: whether a message was `sent`, or the bot only asked who it is."""

    message: str
    latency_ms: int
    sent: bool
    account: dict[str, str]
