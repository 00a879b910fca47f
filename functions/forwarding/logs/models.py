"""Shapes of the log on the wire (document 5 "日志查询API")."""

from typing import Annotated, Literal, TypedDict

from pydantic import Field

from functions.forwarding.bots.store import Platform
from functions.forwarding.messages.store import Status, Type
from functions.forwarding.statistics.service import Period
from hub.web.validation import PageParameters, Parameters

MAX_DAYS = 365


class LogParameters(PageParameters):
    """Query of `GET /api/logs`: the newest first."""

    limit: Annotated[int, Field(ge=1, le=100)] = 100
    status: Status | None = None
    platform: Platform | None = None
    channel_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class StatisticsParameters(Parameters):
    """Query of `GET /api/logs/stats`: today, the last 7 or 30 days with today, by UTC."""

    period: Period = "today"


class ClearParameters(Parameters):
    """Query of `POST /api/logs/clear`: how many days before today stay."""

    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = 30


class ForwardLog(TypedDict):
    """A message that was forwarded, will not be, or waits; `latency_ms` is `null` where none took it."""

    id: int
    kook_message_id: str
    kook_channel_id: str
    content: str
    message_type: Type
    sender_name: str
    target_platform: str
    target_channel: str
    status: Status
    error_message: str | None
    latency_ms: int | None
    created_at: str


class Clearing(TypedDict):
    """What was asked for: messages from before that time go, in the background."""

    success: Literal[True]
    message: str
    before: str
