"""Statistics of a period out of the counters of its hours, grouped by the calendar of a time zone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from functions.support.statistics import count, models
from functions.support.statistics.models import (
    GroupBy,
    Statistics,
    StatisticsParameters,
    StatisticsType,
    Totals,
    Trend,
)
from hub import times
from hub.errors import FieldError, InvalidRequest
from hub.store import counters

MAX_DAYS = 366
"""What bounds the cost: an hour is a row, so 8,784 rows and the hours of one day more where clocks change."""

_DEFAULT_DAYS = 30
_DAY = timedelta(days=1)
_TYPES: tuple[StatisticsType, ...] = ("conversation", "ticket", "satisfaction")


def statistics(tenant: str, wanted: StatisticsParameters) -> Statistics:
    """The figures asked for. Raises `InvalidRequest` for a period that is too long or ends before it starts."""
    zone = _zone(wanted.timezone)
    first, last = _period(wanted, zone)
    groups: dict[date, Counter[str]] = {day: Counter() for day in _starts(first, last, wanted.group_by)}
    for day, name, amount in _quarters(tenant, first, last, zone):
        if first <= day <= last:
            groups[_start(day, wanted.group_by)][name] += amount
    total: Counter[str] = Counter()
    for counts in groups.values():
        total.update(counts)
    types = _TYPES if wanted.type is None else (wanted.type,)
    # Without a type as in document 2, whose trends have no satisfaction.
    in_trends = types if wanted.type else _TYPES[:2]
    return {
        **_totals(total, types),
        "trends": [_trend(day, counts, in_trends, wanted.group_by) for day, counts in groups.items()],
    }


def _period(wanted: StatisticsParameters, zone: tzinfo) -> tuple[date, date]:
    last = wanted.end_date or datetime.fromtimestamp(times.now(), zone).date()
    first = wanted.start_date or last - (_DEFAULT_DAYS - 1) * _DAY
    if last < first:
        if wanted.end_date is None:
            raise InvalidRequest(FieldError("start_date", "in_the_future"))
        raise InvalidRequest(FieldError("end_date", "not_before", {"other": "start_date"}))
    if last - first >= MAX_DAYS * _DAY:
        named = "end_date" if wanted.end_date else "start_date"
        raise InvalidRequest(FieldError(named, "too_many_days", {"days": MAX_DAYS}))
    return first, last


def _zone(name: str) -> tzinfo:
    if name == models.UTC:
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def _quarters(tenant: str, first: date, last: date, zone: tzinfo) -> Iterator[tuple[date, str, int]]:
    """What was counted: the day of the zone, what, how many. Days about the period may be among them."""
    # A midnight that a clock change skips or repeats is two moments: the earlier begins a day, the later ends one.
    begin = min(_midnight(first, zone, fold) for fold in (0, 1))
    end = max(_midnight(last + _DAY, zone, fold) for fold in (0, 1))
    names = count.HOURS + times.hour_of(begin), count.HOURS + times.hour_of(end - 1)
    for name, amounts in counters.between(tenant, *names):
        hour = datetime.fromisoformat(f"{name.removeprefix(count.HOURS)}:00+00:00").timestamp()
        days: dict[str, date] = {}
        for attribute, amount in amounts.items():
            quarter, _, counted = attribute.partition("_")
            if quarter not in days:
                at = hour + int(quarter[1:]) * count.QUARTER
                days[quarter] = datetime.fromtimestamp(at, zone).date()
            yield days[quarter], counted, amount


def _midnight(day: date, zone: tzinfo, fold: int) -> int:
    return int(datetime.combine(day, time(fold=fold), zone).timestamp())


def _start(day: date, group_by: GroupBy) -> date:
    """The first day of the week (ISO 8601: a Monday) or month that a day lies in; the day itself."""
    match group_by:
        case "week":
            return day - day.weekday() * _DAY
        case "month":
            return day.replace(day=1)
    return day


def _starts(first: date, last: date, group_by: GroupBy) -> Iterator[date]:
    start = _start(first, group_by)
    while start <= last:
        yield start
        start = _start(start + {"day": 1, "week": 7, "month": 31}[group_by] * _DAY, group_by)


def _totals(counts: Counter[str], types: tuple[StatisticsType, ...]) -> Totals:
    found: Totals = {}
    if "conversation" in types:
        found["total_conversations"] = counts[count.CONVERSATIONS]
    if "ticket" in types:
        found["total_tickets"] = counts[count.TICKETS]
    if "conversation" in types:
        found["avg_response_time"] = _average_response(counts)
    if "satisfaction" in types:
        found["satisfaction_rate"] = _satisfaction(counts)
    return found


def _trend(day: date, counts: Counter[str], types: tuple[StatisticsType, ...], group_by: GroupBy) -> Trend:
    trend: Trend = {"date": day.isoformat()}
    if group_by == "week":
        year, week, _ = day.isocalendar()
        trend["week"] = f"{year}-W{week:02}"
    if "conversation" in types:
        trend["conversations"] = counts[count.CONVERSATIONS]
    if "ticket" in types:
        trend["tickets"] = counts[count.TICKETS]
    if "satisfaction" in types:
        trend["satisfaction_rate"] = _satisfaction(counts)
    return trend


def _average_response(counts: Mapping[str, int]) -> int | None:
    number = counts[count.RESPONSES]
    return round(counts[count.RESPONSE_SECONDS] / number) if number else None


def _satisfaction(counts: Mapping[str, int]) -> float | None:
    number = counts[count.RATINGS]
    return round(counts[count.SATISFIED] / number, 4) if number else None
