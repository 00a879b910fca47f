"""Shapes of smart mapping on the wire (document 5 "智能映射API")."""

from typing import Annotated, TypedDict

from pydantic import Field

from functions.forwarding.accounts.models import KOOK_ID, KookChannel
from functions.forwarding.bots.store import Platform
from functions.forwarding.mappings.models import MAX_BATCH, NewMapping
from functions.forwarding.smart_mapping.names import Method
from hub.outcomes import Trouble
from hub.web.validation import Body, Parameters

AccountId = Annotated[int, Field(ge=1, le=10**12 - 1)]
KookId = Annotated[str, Field(pattern=KOOK_ID)]
ChannelName = Annotated[str, Field(min_length=1, max_length=200)]


class ServersOf(Parameters):
    """Query of `GET /api/smart-mapping/kook-servers`."""

    account_id: AccountId


class ChannelsOf(Parameters):
    """Query of `GET /api/smart-mapping/kook-channels`."""

    account_id: AccountId
    server_id: KookId


class AutoMatch(Body):
    """Body of `POST /api/smart-mapping/auto-match`: for which account's channels, and bots of which platform.

    `server_id` narrows it to a server. Proposals have a score of `min_score` at least.
    """

    account_id: AccountId
    platform: Platform
    server_id: KookId | None = None
    min_score: Annotated[float, Field(ge=0.1, le=1)] = 0.6


class ChosenMatch(NewMapping):
    """A proposal as it came, or changed: what makes the mapping counts, the rest is what is learned from."""

    target_name: Annotated[str, Field(max_length=200)] = ""
    kook_server_name: Annotated[str, Field(max_length=200)] = ""
    score: float | None = None
    method: Annotated[str, Field(max_length=20)] = ""
    reason: Annotated[str, Field(max_length=200)] = ""


class ChosenMatches(Body):
    """Body of `POST /api/smart-mapping/apply`."""

    matches: Annotated[list[ChosenMatch], Field(min_length=1, max_length=MAX_BATCH)]


class JudgedMatch(Body):
    """A proposal that was accepted or rejected."""

    kook_channel_name: ChannelName
    target_name: ChannelName


class Feedback(Body):
    """Body of `POST /api/smart-mapping/feedback`."""

    accepted: Annotated[list[JudgedMatch], Field(max_length=MAX_BATCH)] = []
    rejected: Annotated[list[JudgedMatch], Field(max_length=MAX_BATCH)] = []


class Match(TypedDict):
    """A proposal: what it would map, how sure it is (`score`, 0 to 1) and why."""

    kook_server_id: str
    kook_server_name: str
    kook_channel_id: str
    kook_channel_name: str
    target_platform: Platform
    target_bot_id: int
    target_channel_id: str
    target_name: str
    score: float
    method: Method
    reason: str


class SkippedBot(TypedDict):
    """A bot that could not be asked where it writes to; it took part by its own name."""

    bot_id: int
    error: Trouble


class Matches(TypedDict):
    """Proposals, the surest first; nothing is applied. `unmatched` channels have none."""

    matches: list[Match]
    unmatched: list[KookChannel]
    skipped: list[SkippedBot]


class Learned(TypedDict):
    """How many judgements were learned from."""

    message: str
    learned: int
