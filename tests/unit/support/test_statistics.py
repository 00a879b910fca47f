"""Statistics by the calendar of a time zone, held against plain dates and times over everything that happened."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.support.statistics import count, service
from functions.support.statistics.models import StatisticsParameters
from hub.errors import InvalidRequest
from hub.store import counters
from tests.conftest import Clock

DAY = timedelta(days=1)
ZONES = [
    "UTC",
    "Africa/Cairo",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
]

Happening = tuple[datetime, str, int]
"""When a conversation or ticket was made, an answer given or a rating, and how many seconds or points."""


def made(happenings: list[Happening]) -> dict[str, Counter[str]]:
    """The counters of these happenings."""
    found: dict[str, Counter[str]] = {}
    for number, (at, kind, amount) in enumerate(happenings):
        name = f"{kind}_{number}"
        long_ago = datetime(1999, 1, 1, tzinfo=UTC)
        data: dict[str, Any] = {"version": 1, "created_at": at.isoformat()}
        match kind:
            case "ticket":
                event = "ticket.created"
                data |= {"ticket_id": name, "status": "open", "priority": "low"}
            case "answer":
                event = "conversation.message"
                data |= {"message_id": name, "response_seconds": amount}
            case _:
                event = "conversation.created"
                data |= {"conversation_id": name, "status": "active", "channel": "web"}
                data |= {"satisfaction": None, "rated_at": None}
                if kind == "rating":
                    data |= {"created_at": long_ago.isoformat(), "rated_at": at.isoformat(), "satisfaction": amount}
        fact = count.fact({"type": event, "tenant": "acme", "data": data})
        for counter, amounts in fact.counts.items():
            found.setdefault(counter, Counter()).update(amounts)
    return found


def asked(monkeypatch: pytest.MonkeyPatch, happenings: list[Happening], **query: Any) -> Any:
    """What is answered where nothing else happened, with no more read than the hours that the days have."""
    stored = made(happenings)

    def between(tenant: str, first: str, last: str) -> Iterator[tuple[str, dict[str, int]]]:
        assert tenant == "acme"
        moments = [datetime.fromisoformat(f"{name.removeprefix(count.HOURS)}:00+00:00") for name in (first, last)]
        assert moments[1] - moments[0] <= timedelta(days=service.MAX_DAYS + 1, hours=2)
        return ((name, dict(stored[name])) for name in sorted(stored) if first <= name <= last)

    with monkeypatch.context() as patched:
        patched.setattr(counters, "between", between)
        return service.statistics("acme", StatisticsParameters.model_validate(query))


def expected(happenings: list[Happening], zone: tzinfo, first: date, last: date, group_by: str) -> dict[str, Any]:
    """The same by dates and times alone."""
    within = [one for one in happenings if first <= one[0].astimezone(zone).date() <= last]

    def in_group(at: datetime, start: date) -> bool:
        day = at.astimezone(zone).date()
        if group_by == "week":
            return day.isocalendar()[:2] == start.isocalendar()[:2]
        return (day.year, day.month) == (start.year, start.month) if group_by == "month" else day == start

    days = [first + number * DAY for number in range((last - first).days + 1)]
    if group_by == "week":
        days = sorted({date.fromisocalendar(*day.isocalendar()[:2], 1) for day in days})
    elif group_by == "month":
        days = sorted({date(day.year, day.month, 1) for day in days})
    waited = [amount for _, kind, amount in within if kind == "answer"]
    ratings = [amount for _, kind, amount in within if kind == "rating"]
    return {
        "total_conversations": sum(kind == "conversation" for _, kind, _ in within),
        "total_tickets": sum(kind == "ticket" for _, kind, _ in within),
        "avg_response_time": round(sum(waited) / len(waited)) if waited else None,
        "satisfaction_rate": round(sum(one >= 4 for one in ratings) / len(ratings), 4) if ratings else None,
        "trends": [
            {
                "date": day.isoformat(),
                **({"week": f"{day:%G-W%V}"} if group_by == "week" else {}),
                "conversations": sum(kind == "conversation" and in_group(at, day) for at, kind, _ in within),
                "tickets": sum(kind == "ticket" and in_group(at, day) for at, kind, _ in within),
            }
            for day in days
        ],
    }


@st.composite
def periods(draw: st.DrawFn) -> tuple[str, date, date, list[Happening]]:
    # Newfoundland changed its clocks a minute past midnight until 2011: since then quarters of hours are enough.
    first = draw(st.dates(date(2011, 12, 1), date(2013, 12, 31)))
    last = first + draw(st.integers(0, 70)) * DAY
    earliest, latest = (datetime.fromisoformat(str(day)) for day in (first - 2 * DAY, last + 3 * DAY))
    at = st.datetimes(earliest, latest, timezones=st.just(UTC))
    kinds = st.sampled_from(["conversation", "ticket", "answer", "rating"])
    happening = st.tuples(at, kinds, st.integers(1, 5))
    return draw(st.sampled_from(ZONES)), first, last, draw(st.lists(happening, max_size=25))


@settings(max_examples=400, deadline=None)
@given(periods(), st.sampled_from(["day", "week", "month"]))
@example(("Pacific/Apia", date(2011, 12, 29), date(2011, 12, 31), []), "day")
def test_days_are_those_of_the_zone(period: tuple[str, date, date, list[Happening]], group_by: str) -> None:
    zone, first, last, happenings = period
    query = {"start_date": str(first), "end_date": str(last), "group_by": group_by, "timezone": zone}
    answer = asked(pytest.MonkeyPatch(), happenings, **query)
    assert answer == expected(happenings, ZoneInfo(zone), first, last, group_by)
    assert [*answer] == [*expected([], UTC, first, last, group_by)], "in the document's order"


def hourly(zone: str, day: date) -> list[Happening]:
    """A ticket in every quarter of an hour about a day."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - 2 * DAY
    return [(start + number * timedelta(minutes=15), "ticket", 1) for number in range(5 * 96)]


@pytest.mark.parametrize(
    ("zone", "day", "quarters"),
    [
        ("UTC", date(2026, 3, 29), 96),
        ("Europe/Berlin", date(2026, 3, 29), 23 * 4),
        ("Europe/Berlin", date(2026, 10, 25), 25 * 4),
        ("America/Sao_Paulo", date(2018, 11, 4), 23 * 4),  # Midnight was skipped,
        ("America/Sao_Paulo", date(2018, 2, 17), 25 * 4),  # and the hour before it lived twice.
        ("Atlantic/Azores", date(2026, 10, 25), 25 * 4),  # Midnight came twice.
        ("Australia/Lord_Howe", date(2026, 10, 4), 94),
        ("Pacific/Apia", date(2011, 12, 29), 96),
        ("Pacific/Apia", date(2011, 12, 30), 0),  # The day that never was.
        ("Pacific/Apia", date(2011, 12, 31), 96),
    ],
)
def test_a_day_has_its_own_length(monkeypatch: pytest.MonkeyPatch, zone: str, day: date, quarters: int) -> None:
    answer = asked(monkeypatch, hourly(zone, day), start_date=str(day), end_date=str(day), timezone=zone)
    assert answer["trends"] == [{"date": str(day), "conversations": 0, "tickets": quarters}]


@pytest.mark.parametrize(("zone", "minutes"), [("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("Asia/Shanghai", 0)])
def test_zones_a_part_of_an_hour_away_lose_nothing(monkeypatch: pytest.MonkeyPatch, zone: str, minutes: int) -> None:
    midnight = datetime(2026, 3, 2, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert midnight.minute == minutes
    second = timedelta(seconds=1)
    happenings: list[Happening] = [(midnight - second, "ticket", 1), (midnight, "ticket", 1), (midnight, "ticket", 1)]
    answer = asked(monkeypatch, happenings, start_date="2026-03-01", end_date="2026-03-02", timezone=zone)
    assert [one["tickets"] for one in answer["trends"]] == [1, 2]


def test_quarters_of_an_hour_are_enough_for_every_zone() -> None:
    """Every clock change to come happens at one, and leads from one to another."""
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    for name in (resources.files("tzdata") / "zones").read_text().split():
        zone = ZoneInfo(name)

        def offset(at: int, zone: ZoneInfo = zone) -> float:
            return datetime.fromtimestamp(at, zone).utcoffset().total_seconds()  # type: ignore[union-attr]

        for day in range(start, start + 3 * 366 * 86_400, 86_400):
            before, after = offset(day), offset(day + 86_400)
            assert before % count.QUARTER == 0, name
            if before != after:
                early, late = day, day + 86_400
                while late - early > 1:
                    middle = (early + late) // 2
                    early, late = (middle, late) if offset(middle) == before else (early, middle)
                assert late % count.QUARTER == 0, name


def test_weeks_and_months_that_the_period_cuts_count_what_lies_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    happenings: list[Happening] = [
        (datetime(2023, 12, 20, tzinfo=UTC) + number * DAY, "conversation", 1) for number in range(40)
    ]
    asked_for = {"start_date": "2023-12-29", "end_date": "2024-01-09"}
    weeks = asked(monkeypatch, happenings, group_by="week", **asked_for)
    assert [(one["date"], one["week"], one["conversations"]) for one in weeks["trends"]] == [
        ("2023-12-25", "2023-W52", 3),
        ("2024-01-01", "2024-W01", 7),
        ("2024-01-08", "2024-W02", 2),
    ]
    months = asked(monkeypatch, happenings, group_by="month", **asked_for)
    assert [(one["date"], one["conversations"]) for one in months["trends"]] == [("2023-12-01", 3), ("2024-01-01", 9)]
    assert weeks["total_conversations"] == months["total_conversations"] == 12


@pytest.mark.parametrize(
    ("wanted", "figures", "trend"),
    [
        ("conversation", {"total_conversations": 1, "avg_response_time": 90}, {"conversations": 1}),
        ("ticket", {"total_tickets": 2}, {"tickets": 2}),
        ("satisfaction", {"satisfaction_rate": 0.5}, {"satisfaction_rate": 0.5}),
    ],
)
def test_a_type_leaves_its_parts(
    monkeypatch: pytest.MonkeyPatch, wanted: str, figures: dict[str, Any], trend: dict[str, Any]
) -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    happenings: list[Happening] = [
        (at, "conversation", 1),
        (at, "ticket", 1),
        (at, "ticket", 1),
        (at, "answer", 120),
        (at, "answer", 60),
        (at, "rating", 4),
        (at, "rating", 3),
    ]
    period = {"start_date": "2026-11-19", "end_date": "2026-11-20"}
    empty = dict.fromkeys(trend, None if wanted == "satisfaction" else 0)
    assert asked(monkeypatch, happenings, type=wanted, **period) == {
        **figures,
        "trends": [{"date": "2026-11-19", **empty}, {"date": "2026-11-20", **trend}],
    }


def test_by_default_the_last_thirty_days_of_the_zone(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    clock.seconds = datetime(2026, 11, 20, 23, 30, tzinfo=UTC).timestamp()

    def days(**query: str) -> tuple[str, str, int]:
        trends = asked(monkeypatch, [], **query)["trends"]
        return trends[0]["date"], trends[-1]["date"], len(trends)

    assert days() == ("2026-10-22", "2026-11-20", 30)
    assert days(timezone="Asia/Shanghai") == ("2026-10-23", "2026-11-21", 30)
    assert days(timezone="America/New_York") == ("2026-10-22", "2026-11-20", 30)
    assert days(end_date="2024-03-01") == ("2024-02-01", "2024-03-01", 30)
    assert days(start_date="2026-11-19") == ("2026-11-19", "2026-11-20", 2)
    assert days(start_date="2024-01-01", end_date="2024-12-31") == ("2024-01-01", "2024-12-31", 366)
    with pytest.raises(InvalidRequest):
        days(start_date="2023-12-31", end_date="2024-12-31")
    with pytest.raises(InvalidRequest):
        days(start_date="2026-11-21")
    assert days(start_date="2026-11-21", timezone="Asia/Shanghai") == ("2026-11-21", "2026-11-21", 1)
