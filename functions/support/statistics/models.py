"""Shapes of the statistics on the wire (document 2 "数据统计")."""

import re
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from pydantic import AfterValidator, BeforeValidator, Field

from hub.web.validation import Parameters, refused

StatisticsType = Literal["conversation", "ticket", "satisfaction"]
GroupBy = Literal["day", "week", "month"]

UTC = "UTC"
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)


def _date(value: Any) -> date:
    try:
        # `fromisoformat` alone would take weeks and dates without dashes, pydantic times and epoch seconds.
        return date.fromisoformat(value if re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII) else "")
    except ValueError:
        raise refused("must_be_date") from None


@cache
def _time_zones() -> frozenset[str]:
    """IANA's names. A system's own folder has more that are none: `localtime`, `right/UTC`."""
    from importlib import resources

    return frozenset((resources.files("tzdata") / "zones").read_text().split())


def _known(name: str) -> str:
    if name != UTC and name not in _time_zones():
        raise refused("unknown_time_zone")
    return name


Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY), BeforeValidator(_date)]
TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_known)]


class StatisticsParameters(Parameters):
    """Query of `GET /v1/statistics`: both days are included and are those of the time zone.

    By default the thirty days up to `end_date`, and that is today.
    """

    type: StatisticsType | None = None
    start_date: Day | None = None
    end_date: Day | None = None
    group_by: GroupBy = "day"
    timezone: TimeZone = UTC


class Trend(TypedDict):
    """A day, week or month, by its first day; a week is named beside it. The rest depends on `type`."""

    date: str
    week: NotRequired[str]
    conversations: NotRequired[int]
    tickets: NotRequired[int]
    satisfaction_rate: NotRequired[float | None]


class Totals(TypedDict, total=False):
    """The figures of a period; those of a `type` only where one was asked for.

    `avg_response_time` is in seconds, `satisfaction_rate` from 0 to 1; both are `null` where there was nothing to tell.
    """

    total_conversations: int
    total_tickets: int
    avg_response_time: int | None
    satisfaction_rate: float | None


class Statistics(Totals):
    """The figures of a period, and how they came about: one trend for each of its days, weeks or months."""

    trends: list[Trend]
