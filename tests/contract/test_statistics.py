"""`/v1/statistics` in document 2's style: the document's example, its parameters, and what is refused."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from functions.support.statistics import count
from tests.conftest import Clock, Deployment
from tests.contract import memory
from tests.contract.tickets import ENGLISH, refused

STATISTICS = "/v1/statistics"
NEW_YEAR = datetime(2024, 1, 1, 9, 50, tzinfo=UTC)


def ask(api: Deployment, **query: str) -> Any:
    """The figures."""
    sent = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    answer = api.call("GET", f"{STATISTICS}?{sent}")
    assert (answer.status, set(answer.json), answer.json["code"]) == (200, {"code", "data"}, 200), answer.text
    return answer.json["data"]


def process_events() -> None:
    """Count what has happened up to now, as the queue hands it over."""
    happened = memory.published("SupportStatisticsQueue")
    records = [{"messageId": str(number), "body": json.dumps(one)} for number, one in enumerate(happened)]
    for start in range(0, len(records), 10):
        batch = {"Records": records[start : start + 10]}
        answer = count.handler(batch, SimpleNamespace(aws_request_id="an-invocation"))
        assert answer == {"batchItemFailures": []}


def conversation(api: Deployment, *, answered_by: Clock | None = None, satisfaction: int | None = None) -> None:
    """A conversation whose customer gets an answer after two minutes of the clock, and says how good it was."""
    body = {"user_id": "user_123", "channel": "web", "initial_message": "你好，我想咨询产品"}
    made = api.call("POST", "/v1/conversations", body)
    assert made.status == 201, made.text
    one = f"/v1/conversations/{made.json['data']['id']}"
    if answered_by:
        answered_by.advance(120)
        assert api.call("POST", f"{one}/messages", {"sender": "agent", "text": "您好"}).status == 201
    if satisfaction:
        assert api.call("PATCH", one, {"satisfaction": satisfaction, "status": "closed"}).status == 200


def ticket(api: Deployment) -> None:
    """A ticket."""
    assert api.call("POST", "/v1/tickets", {"title": "产品咨询"}).status == 201


def test_the_documents_example(clock: Clock, deployment: Deployment) -> None:
    clock.seconds = NEW_YEAR.timestamp()
    for number in range(20):
        conversation(deployment, answered_by=clock if number < 5 else None, satisfaction=5 if number < 17 else 1)
    for _ in range(4):
        ticket(deployment)
    process_events()
    asked = {"start_date": "2024-01-01", "end_date": "2024-01-01", "group_by": "day"}
    assert ask(deployment, **asked) == {
        "total_conversations": 20,
        "total_tickets": 4,
        "avg_response_time": 120,
        "satisfaction_rate": 0.85,
        "trends": [{"date": "2024-01-01", "conversations": 20, "tickets": 4}],
    }
    assert ask(deployment, type="conversation", **asked) == {
        "total_conversations": 20,
        "avg_response_time": 120,
        "trends": [{"date": "2024-01-01", "conversations": 20}],
    }
    assert ask(deployment, type="ticket", **asked) == {
        "total_tickets": 4,
        "trends": [{"date": "2024-01-01", "tickets": 4}],
    }
    assert ask(deployment, type="satisfaction", **asked) == {
        "satisfaction_rate": 0.85,
        "trends": [{"date": "2024-01-01", "satisfaction_rate": 0.85}],
    }


def test_only_what_counts_is_queued(clock: Clock, deployment: Deployment) -> None:
    conversation(deployment, answered_by=clock, satisfaction=5)
    made = deployment.call("POST", "/v1/tickets", {"title": "产品咨询"}).json["data"]["id"]
    assert deployment.call("PATCH", f"/v1/tickets/{made}", {"status": "resolved"}).status == 200
    queued = memory.published("SupportStatisticsQueue")
    assert sorted(one["detail-type"] for one in queued) == [
        "conversation.created",
        "conversation.message",
        "conversation.updated",
        "ticket.created",
        "ticket.updated",
    ], "neither what a version is told by twice nor the customer's message"
    answers = [one["detail"]["data"] for one in queued if one["detail-type"] == "conversation.message"]
    assert [(one["sender"]["type"], one["response_seconds"]) for one in answers] == [("agent", 120)]


def test_events_that_come_twice_change_nothing(clock: Clock, deployment: Deployment) -> None:
    conversation(deployment, answered_by=clock, satisfaction=4)
    process_events()
    before = ask(deployment)
    process_events()
    assert ask(deployment) == before


def test_days_weeks_and_months_without_gaps(clock: Clock, deployment: Deployment) -> None:
    clock.seconds = datetime(2023, 12, 31, 23, tzinfo=UTC).timestamp()
    conversation(deployment)
    clock.advance(3 * 3600)
    ticket(deployment)
    process_events()
    asked = {"start_date": "2023-12-30", "end_date": "2024-01-02"}
    assert ask(deployment, **asked)["trends"] == [
        {"date": "2023-12-30", "conversations": 0, "tickets": 0},
        {"date": "2023-12-31", "conversations": 1, "tickets": 0},
        {"date": "2024-01-01", "conversations": 0, "tickets": 1},
        {"date": "2024-01-02", "conversations": 0, "tickets": 0},
    ]
    assert ask(deployment, group_by="week", **asked)["trends"] == [
        {"date": "2023-12-25", "week": "2023-W52", "conversations": 1, "tickets": 0},
        {"date": "2024-01-01", "week": "2024-W01", "conversations": 0, "tickets": 1},
    ]
    assert ask(deployment, group_by="month", **asked)["trends"] == [
        {"date": "2023-12-01", "conversations": 1, "tickets": 0},
        {"date": "2024-01-01", "conversations": 0, "tickets": 1},
    ]
    in_shanghai = ask(deployment, timezone="Asia/Shanghai", **asked)["trends"]
    assert [(one["conversations"], one["tickets"]) for one in in_shanghai] == [(0, 0), (0, 0), (1, 1), (0, 0)]


def test_a_tenant_without_anything_has_zeros_and_no_rates(deployment: Deployment) -> None:
    data = ask(deployment)
    assert [data[name] for name in data if name != "trends"] == [0, 0, None, None]
    assert len(data["trends"]) == 30
    assert all((one["conversations"], one["tickets"]) == (0, 0) for one in data["trends"])


def test_nothing_is_told_of_another_tenant(deployment: Deployment, other_tenant: Deployment) -> None:
    ticket(deployment)
    process_events()
    assert ask(deployment)["total_tickets"] == 1
    assert ask(other_tenant)["total_tickets"] == 0


def test_the_totals_of_lists_are_those_of_their_filters(deployment: Deployment) -> None:
    for satisfaction in (None, None, 5):
        conversation(deployment, satisfaction=satisfaction)
    for _ in range(2):
        ticket(deployment)
    process_events()
    for path, total in (
        ("/v1/conversations", 3),
        ("/v1/conversations?status=active", 2),
        ("/v1/conversations?status=closed", 1),
        ("/v1/conversations?channel=web", 3),
        ("/v1/conversations?channel=kook", 0),
        ("/v1/conversations?channel=web&status=closed", 1),
        ("/v1/tickets", 2),
        ("/v1/tickets?status=open&priority=medium", 2),
        ("/v1/tickets?priority=urgent", 0),
    ):
        data = deployment.call("GET", path).json["data"]
        assert (data["total"], len(data["items"])) == (total, total), path


DATE = ("必须是 YYYY-MM-DD 形式的日期", "must be a date such as 2024-01-31")
ZONE = ("必须是 IANA 时区名称,例如 Asia/Shanghai", "must be an IANA time zone such as Asia/Shanghai")
UNKNOWN = ("未知字段", "is not a known field")
ENDS_FIRST = ("不能早于 start_date", "must not be before start_date")
TOO_LONG = ("时间范围不能超过 366 天", "must not make the period longer than 366 days")


def one_of(*values: str) -> tuple[str, str]:
    listed = ", ".join(f"'{value}'" for value in values[:-1]) + f" or '{values[-1]}'"
    return f"必须是以下之一: {listed}", f"must be one of: {listed}"


@pytest.mark.parametrize(
    ("query", "field", "reasons"),
    [
        ("type=messages", "type", one_of("conversation", "ticket", "satisfaction")),
        ("type=", "type", one_of("conversation", "ticket", "satisfaction")),
        ("type=ticket,conversation", "type", one_of("conversation", "ticket", "satisfaction")),
        ("group_by=year", "group_by", one_of("day", "week", "month")),
        ("group_by=Day", "group_by", one_of("day", "week", "month")),
        *(
            (f"{name}={value}", name, DATE)
            for name in ("start_date", "end_date")
            for value in (
                "",
                "yesterday",
                "2024-02-30",
                "2024-13-01",
                "2024-1-1",
                "20240101",
                "2024-W01-1",
                "1704067200",
                "2024-01-01T00:00:00Z",
                "2024-01-01%0A",
                "%EF%BC%92024-01-01",
                "-2024-01-01",
                "0000-00-00",
            )
        ),
        ("start_date=1999-12-31", "start_date", ("不能小于 2000-01-01", "must be at least 2000-01-01")),
        ("end_date=3000-01-01", "end_date", ("不能大于 2999-12-31", "must be at most 2999-12-31")),
        ("start_date=2024-01-02&end_date=2024-01-01", "end_date", ENDS_FIRST),
        ("start_date=2999-12-31", "start_date", ("不能晚于当前时间", "must not be in the future")),
        ("start_date=2020-01-01", "start_date", TOO_LONG),
        ("start_date=2024-01-01&end_date=2025-01-01", "end_date", TOO_LONG),
        ("start_date=2000-01-01&end_date=2999-12-31", "end_date", TOO_LONG),
        *(
            (f"timezone={value}", "timezone", ZONE)
            for value in (
                "",
                "Mars/Olympus",
                "asia/shanghai",
                "Asia",
                "Asia/",
                "/etc/localtime",
                "localtime",
                "posixrules",
                "right/UTC",
                "..%2F..%2Fetc%2Fpasswd",
                "Asia%2FShanghai%00",
                "UTC%2B8",
                "zone.tab",
                "%2B08:00",
            )
        ),
        ("timezone=" + "A" * 65, "timezone", ("长度不能超过 64", "must have a length of at most 64")),
        ("page=1", "page", UNKNOWN),
        ("tenant=other", "tenant", UNKNOWN),
    ],
)
def test_what_is_wrong_is_refused(deployment: Deployment, query: str, field: str, reasons: tuple[str, str]) -> None:
    chinese = deployment.call("GET", f"{STATISTICS}?{query}")
    assert refused(chinese, 400, "请求参数错误") == {field: reasons[0]}
    english = deployment.call("GET", f"{STATISTICS}?{query}", headers=ENGLISH)
    assert refused(english, 400, "The request is invalid") == {field: reasons[1]}


@pytest.mark.parametrize("days", [("2000-01-01", "2000-12-31"), ("2999-01-01", "2999-12-31"), ("2024-02-29",) * 2])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "Etc/GMT-14"])
def test_the_edges_of_what_can_be_asked(deployment: Deployment, days: tuple[str, str], zone: str) -> None:
    for group_by in ("day", "week", "month"):
        trends = ask(deployment, start_date=days[0], end_date=days[1], timezone=zone, group_by=group_by)["trends"]
        assert trends[0]["date"] <= days[0]
        assert trends[-1]["date"] <= days[1]


def test_who_may_ask(deployment: Deployment) -> None:
    message = "未授权，Token无效或过期"
    for token in (None, "sk_live_wrong"):
        answer = deployment.call("GET", STATISTICS, key=token)
        assert (answer.status, answer.json["code"], answer.json["message"]) == (401, 401, message)
    for permission, status in (("statistics:read", 200), ("read", 200), ("tickets:read", 403), ("write", 403)):
        key = deployment.new_key(permission)["key"]
        answer = deployment.call("GET", STATISTICS, key=key)
        assert (answer.status, answer.json["code"]) == (status, status)
        if status == 403:
            assert answer.json["message"] == "权限不足"


def test_the_plan_limits_how_often_it_is_asked(aws: None, clock: Clock) -> None:
    from tests.conftest import new_tenant

    free, enterprise = new_tenant("small", "free"), new_tenant("large", "enterprise")
    assert free.call("GET", STATISTICS).headers["X-RateLimit-Limit"] == "100"
    assert enterprise.call("GET", STATISTICS).headers["X-RateLimit-Limit"] == "1000"
    for _ in range(99):
        assert free.call("GET", STATISTICS).status == 200
    answer = free.call("GET", STATISTICS)
    assert (answer.status, answer.json["code"], answer.json["message"]) == (429, 429, "请求频率超限")
    clock.advance(60)
    assert free.call("GET", STATISTICS).status == 200
