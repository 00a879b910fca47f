"""Document 1 section 4 and document 3 "Webhook": every example, in the style that serves both."""

import re
from typing import Any

import pytest

from functions.webhooks import delivery, log
from functions.webhooks.models import Status
from hub import events, outbound, times
from hub.events import Caller
from tests.conftest import Clock, Deployment
from tests.contract import memory

DOCUMENT_1 = {
    "url": "https://your-app.com/webhook",
    "events": ["user.created", "user.updated"],
    "secret": "your_webhook_secret",
    "headers": {"X-Custom-Header": "value"},
    "active": True,
}
DOCUMENT_3 = {
    "url": "https://your-server.com/webhook",
    "events": ["customer.created", "order.paid"],
    "secret": "your_webhook_secret",
}
SINCE = {"since": "2026-11-20T12:00:00Z"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Statuses that receivers answer with."""
    statuses = [200]

    def send(*_: Any, **__: Any) -> outbound.Response:
        return outbound.Response(statuses[0], {}, b"", 150)

    monkeypatch.setattr(outbound, "send", send)
    return statuses


def create(deployment: Deployment, **changes: Any) -> dict[str, Any]:
    return deployment.new_webhook(**(DOCUMENT_1 | changes))


@pytest.mark.parametrize("body", [DOCUMENT_1, DOCUMENT_3], ids=["document 1", "document 3"])
def test_create(deployment: Deployment, body: dict[str, Any]) -> None:
    answer = deployment.call("POST", "/v1/webhooks", body)
    assert answer.status == 201
    assert answer.json.keys() == {"code", "message", "data"}
    assert (answer.json["code"], answer.json["message"]) == (0, "success")
    made = answer.json["data"]
    assert {name: made[name] for name in body} == body
    assert made["id"].startswith("wh_")
    assert made["active"] is True
    assert made["retry_policy"] == "standard"
    assert TIME.fullmatch(made["created_at"])


def test_a_secret_is_made_where_none_is_given(deployment: Deployment) -> None:
    first, second = (deployment.new_webhook()["secret"] for _ in range(2))
    assert first.startswith("whsec_")
    assert first != second


def test_list(deployment: Deployment) -> None:
    made = [create(deployment) for _ in range(3)]
    listed = deployment.call("GET", "/v1/webhooks").json
    assert listed.keys() == {"code", "message", "data", "pagination"}
    assert listed["pagination"] == {"page": 1, "limit": 20, "total": 3, "total_pages": 1}
    assert [one["id"] for one in listed["data"]] == [one["id"] for one in reversed(made)]
    assert not [one for one in listed["data"] if "secret" in one]


def test_show_change_and_delete(deployment: Deployment) -> None:
    made = create(deployment)
    path = f"/v1/webhooks/{made['id']}"
    assert deployment.call("GET", path).json["data"] == {name: made[name] for name in made if name != "secret"}
    for method, body in (("PUT", {"events": ["*"]}), ("PATCH", {"active": False})):
        changed = deployment.call(method, path, body)
        assert changed.status == 200
        assert changed.json["data"] == deployment.call("GET", path).json["data"]
        assert body.items() <= changed.json["data"].items()
    assert deployment.call("GET", path).json["data"]["events"] == ["*"], "what is not sent stays"
    gone = deployment.call("DELETE", path)
    assert (gone.status, gone.text) == (204, "")
    assert deployment.call("GET", path).status == deployment.call("DELETE", path).status == 404


def test_headers_that_carry_secrets_are_masked_and_kept(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(deployment, headers={"Authorization": "Basic abc", "X-Plain": "a"})
    assert made["headers"] == {"Authorization": "***", "X-Plain": "a"}
    path = f"/v1/webhooks/{made['id']}"
    changed = deployment.call("PUT", path, {"headers": {"Authorization": "***", "X-Plain": "b"}}).json["data"]
    assert changed["headers"] == {"Authorization": "***", "X-Plain": "b"}
    refused = deployment.call("PUT", path, {"headers": {"X-Token": "***"}})
    assert (refused.status, refused.json["errors"][0]["field"]) == (400, "headers.X-Token")
    sent: list[Any] = []

    def send(*_: Any, headers: Any, **__: Any) -> outbound.Response:
        sent.append(headers)
        return outbound.Response(200, {}, b"", 1)

    monkeypatch.setattr(outbound, "send", send)
    deployment.call("POST", f"{path}/test")
    assert (sent[0]["Authorization"], sent[0]["X-Plain"]) == ("Basic abc", "b")


@pytest.mark.parametrize(("status", "success"), [(200, True), (204, True), (302, False), (500, False)])
def test_4_3_test(deployment: Deployment, answering: list[int], status: int, success: bool) -> None:
    answering[0] = status
    made = create(deployment)
    answer = deployment.call("POST", f"/v1/webhooks/{made['id']}/test")
    assert answer.status == 200
    assert answer.json["data"] == {
        "success": success,
        "log_id": answer.json["data"]["log_id"],
        "response_code": status,
        "response_time": 150,
        "error": None,
    }
    (row,) = deployment.call("GET", f"/v1/webhooks/{made['id']}/logs").json["data"]
    assert (row["id"], row["status"]) == (answer.json["data"]["log_id"], "success" if success else "failed")


@pytest.mark.usefixtures("answering")
def test_4_4_logs(deployment: Deployment) -> None:
    made = create(deployment)
    deployment.call("POST", f"/v1/webhooks/{made['id']}/test")
    answer = deployment.call("GET", f"/v1/webhooks/{made['id']}/logs?page=1&limit=50").json
    assert answer["pagination"] == {"page": 1, "limit": 50, "total": 1, "total_pages": 1}
    (row,) = answer["data"]
    documented = {"id", "webhook_id", "event", "status", "response_code", "response_time", "created_at", "payload"}
    assert row.keys() == documented | {"attempts"}
    assert row["id"].startswith("log_")
    assert row["webhook_id"] == made["id"]
    assert (row["status"], row["response_code"], row["response_time"]) == ("success", 200, 150)
    assert TIME.fullmatch(row["created_at"])
    assert {"event", "timestamp", "data"} <= row["payload"].keys()
    assert len(row["attempts"]) == 1


@pytest.mark.usefixtures("answering")
def test_logs_are_filtered_and_fifty_by_default(deployment: Deployment) -> None:
    made = create(deployment)
    path = f"/v1/webhooks/{made['id']}/logs"
    deployment.call("POST", f"/v1/webhooks/{made['id']}/test")
    assert deployment.call("GET", path).json["pagination"]["limit"] == 50
    for query, count in (("status=success", 1), ("status=failed", 0), ("event=webhook.test", 1), ("event=a.b", 0)):
        assert len(deployment.call("GET", f"{path}?{query}").json["data"]) == count
    for bad in ("status=lost", "limit=101", "limit=0", "page=0", "size=1"):
        answer = deployment.call("GET", f"{path}?{bad}")
        assert (answer.status, answer.json["error"]["details"]["field"]) == (400, bad.partition("=")[0])


def test_4_5_retry(deployment: Deployment, answering: list[int]) -> None:
    answering[0] = 500
    made = create(deployment)
    path = f"/v1/webhooks/{made['id']}"
    deployment.call("POST", f"{path}/test")
    assert deployment.call("POST", f"{path}/retry").status == 422, "nothing failed but a test"
    missed = events.event("api_key.created", Caller(deployment.tenant, "enterprise", "ak_1", "req_1"), {})
    log.put([delivery.unsent(delivery.new(deployment.tenant, made["id"], missed), delivery.INACTIVE)])
    answer = deployment.call("POST", f"{path}/retry")
    assert (answer.status, answer.json["data"]) == (202, {"accepted": 1, "has_more": False})
    assert len(memory.received("WebhookSlowDeliveryQueue")) == 1
    deployment.call("PUT", path, {"active": False})
    assert deployment.call("POST", f"{path}/retry").json["message"] == "Webhook 未启用"


NO_FIGURES = {
    "attempts": 0,
    "delivered": 0,
    "failed": 0,
    "success_rate": None,
    "response_time": {"p50": None, "p95": None},
}


def count(deployment: Deployment, webhook_id: str, hours_ago: int, code: int | None, ms: int, status: Status) -> None:
    """Count an attempt as the workers do."""
    from functions.webhooks import statistics

    at = (Clock.START - hours_ago * 3600) * 1000
    statistics.add(deployment.tenant, webhook_id, [({"at": at, "code": code, "ms": ms, "error": None}, status)])


@pytest.mark.usefixtures("clock")
def test_statistics_in_all_and_by_hour(deployment: Deployment) -> None:
    made = create(deployment)
    count(deployment, made["id"], 30, 200, 1, "success")
    count(deployment, made["id"], 1, 500, 7, "pending")
    count(deployment, made["id"], 1, 200, 5, "success")
    count(deployment, made["id"], 0, None, 10_000, "failed")
    answer = deployment.call("GET", f"/v1/webhooks/{made['id']}/stats")
    assert (answer.status, answer.json["code"], answer.json["message"]) == (200, 0, "success")
    told = answer.json["data"]
    before = {"attempts": 2, "delivered": 1, "failed": 0, "success_rate": 1.0, "response_time": {"p50": 5, "p95": 7}}
    running = NO_FIGURES | {"attempts": 1, "failed": 1, "success_rate": 0.0}
    hours = told.pop("hours")
    assert told == {
        "webhook_id": made["id"],
        "start": "2026-11-19T14:00:00Z",
        "end": "2026-11-20T14:00:00Z",
        **before,
        "attempts": 3,
        "failed": 1,
        "success_rate": 0.5,
    }
    assert len(hours) == 24
    assert hours[-2:] == [{"hour": "2026-11-20T12:00:00Z", **before}, {"hour": "2026-11-20T13:00:00Z", **running}]
    assert [hour | NO_FIGURES for hour in hours[:-2]] == hours[:-2], "the other hours are there, with nothing in them"
    assert hours[0]["hour"] == told["start"]


@pytest.mark.usefixtures("clock")
def test_statistics_of_a_period(deployment: Deployment) -> None:
    made = create(deployment)
    for hours_ago in range(5):
        count(deployment, made["id"], hours_ago, 200, 3, "success")
    path = f"/v1/webhooks/{made['id']}/stats"
    for query, first, attempts in (
        ("hours=2", "2026-11-20T12:00:00Z", [1, 1]),
        ("hours=720", "2026-10-21T14:00:00Z", [0] * 715 + [1] * 5),
        ("start=2026-11-20T11:30:00Z", "2026-11-20T11:00:00Z", [1, 1, 1]),
        ("start=2026-11-20T08:00:00Z&end=2026-11-20T11:00:00Z", "2026-11-20T08:00:00Z", [0, 1, 1]),
        ("start=2026-11-20T16:00:00%2B08:00&end=2026-11-20T19:00:00%2B08:00", "2026-11-20T08:00:00Z", [0, 1, 1]),
    ):
        told = deployment.call("GET", f"{path}?{query}").json["data"]
        assert (told["start"], told["attempts"]) == (first, sum(attempts))
        assert [hour["attempts"] for hour in told["hours"]] == attempts


@pytest.mark.usefixtures("answering")
def test_a_test_is_not_in_the_statistics(deployment: Deployment) -> None:
    made = create(deployment)
    deployment.call("POST", f"/v1/webhooks/{made['id']}/test")
    told = deployment.call("GET", f"/v1/webhooks/{made['id']}/stats?hours=2").json["data"]
    assert told == told | NO_FIGURES
    assert [hour | NO_FIGURES for hour in told["hours"]] == told["hours"]


def test_another_tenants_webhook_has_no_statistics(deployment: Deployment, other_tenant: Deployment) -> None:
    path = f"/v1/webhooks/{create(deployment)['id']}/stats"
    answers = [other_tenant.call("GET", path), deployment.call("GET", "/v1/webhooks/wh_none/stats")]
    assert [answer.status for answer in answers] == [404, 404]


@pytest.mark.parametrize(
    ("query", "field", "chinese", "english"),
    [
        ("hours=0", "hours", "不能小于 1", "must be at least 1"),
        ("hours=721", "hours", "不能大于 720", "must be at most 720"),
        ("hours=many", "hours", "必须是整数", "must be an integer"),
        ("start=yesterday", "start", "必须是 ISO 8601 时间", "must be an ISO 8601 time"),
        ("start=2026-11-20T08:00:00", "start", "必须带时区的 ISO 8601 时间", "must be an ISO 8601 time with a zone"),
        ("end=2026-11-20T08:00:00Z", "start", "不能为空", "is required"),
        ("hours=1&start=2026-11-20T08:00:00Z", "hours", "不能与 start 同时使用", "cannot be combined with start"),
        ("hours=24&end=2026-11-20T08:00:00Z", "hours", "不能与 end 同时使用", "cannot be combined with end"),
        (
            "start=2026-11-20T08:00:00Z&end=2026-11-20T08:00:00Z",
            "end",
            "必须晚于 start",
            "must be after start",
        ),
        (
            "start=2026-10-21T13:00:00Z&end=2026-11-20T13:00:01Z",
            "end",
            "时间范围不能超过 720 小时",
            "must not make the period longer than 720 hours",
        ),
        ("start=2026-10-21T11:00:00Z", "start", "必须在最近 30 天内", "must be within the last 30 days"),
        ("start=2026-11-20T14:00:00Z", "start", "必须在最近 30 天内", "must be within the last 30 days"),
        ("period=day", "period", "未知字段", "is not a known field"),
    ],
)
@pytest.mark.usefixtures("clock")
def test_a_bad_period_is_refused(deployment: Deployment, query: str, field: str, chinese: str, english: str) -> None:
    path = f"/v1/webhooks/{create(deployment)['id']}/stats?{query}"
    for language, reason in (("zh-CN", chinese), ("en-US", english)):
        answer = deployment.call("GET", path, headers={"accept-language": language})
        assert (answer.status, answer.json["code"]) in {(400, 40001), (400, 40002)}
        assert answer.json["error"]["details"] == {"field": field, "reason": reason}


@pytest.mark.usefixtures("clock")
def test_replay(deployment: Deployment) -> None:
    path = f"/v1/webhooks/{create(deployment)['id']}"
    body = {"since": "2026-11-20T20:00:00+08:00", "until": "2026-11-20T12:30:00.250Z", "status": "failed"}
    answer = deployment.call("POST", f"{path}/replay", body)
    assert answer.status == 202
    started = answer.json["data"]
    period = {"since": "2026-11-20T12:00:00.000Z", "until": "2026-11-20T12:30:00.250Z"}
    assert started == {"replay_id": started["replay_id"], **period}
    shown = deployment.call("GET", f"{path}/replays/{started['replay_id']}")
    state = {"status": "running", "queued": 0, "started_at": "2026-11-20T13:00:30Z", "ended_at": None}
    assert (shown.status, shown.json["data"]) == (200, started | state)
    for language, message in (
        ("zh-CN", "该 Webhook 正在重放,请等待其结束"),
        ("en-US", "A replay of this webhook is running: wait for its end"),
    ):
        again = deployment.call("POST", f"{path}/replay", body, headers={"accept-language": language})
        assert (again.status, again.json["code"], again.json["message"]) == (409, 40901, message)


def test_a_replay_of_an_inactive_webhook_is_refused(deployment: Deployment, other_tenant: Deployment) -> None:
    made = create(deployment, active=False)
    body = {"since": times.iso(times.now() - 60)}
    for language, message in (("zh-CN", "Webhook 未启用"), ("en-US", "The webhook is not active")):
        answer = deployment.call(
            "POST", f"/v1/webhooks/{made['id']}/replay", body, headers={"accept-language": language}
        )
        assert (answer.status, answer.json["code"], answer.json["message"]) == (422, 42201, message)
    assert other_tenant.call("POST", f"/v1/webhooks/{made['id']}/replay", body).status == 404


@pytest.mark.parametrize(
    ("body", "field", "chinese", "english"),
    [
        ({}, "since", "不能为空", "is required"),
        ({"since": None}, "since", "必须是 ISO 8601 时间", "must be an ISO 8601 time"),
        ({"since": "yesterday"}, "since", "必须是 ISO 8601 时间", "must be an ISO 8601 time"),
        ({"since": 1795179630}, "since", "必须是 ISO 8601 时间", "must be an ISO 8601 time"),
        ({"since": "2026-11-20"}, "since", "必须是 ISO 8601 时间", "must be an ISO 8601 time"),
        (
            {"since": "2026-11-20T12:00:00"},
            "since",
            "必须带时区的 ISO 8601 时间",
            "must be an ISO 8601 time with a zone",
        ),
        ({"since": "2026-11-20T13:00:31Z"}, "since", "不能晚于当前时间", "must not be in the future"),
        ({"since": "9999-12-31T23:59:59-23:59"}, "since", "不能晚于当前时间", "must not be in the future"),
        ({"since": "2026-10-21T11:00:00Z"}, "since", "必须在最近 30 天内", "must be within the last 30 days"),
        ({"since": "0001-01-01T00:00:00+23:59"}, "since", "必须在最近 30 天内", "must be within the last 30 days"),
        (SINCE | {"until": "2026-11-20T13:00:31Z"}, "until", "不能晚于当前时间", "must not be in the future"),
        (SINCE | {"until": "2026-11-20T12:00:00Z"}, "until", "必须晚于 since", "must be after since"),
        (SINCE | {"until": "soon"}, "until", "必须是 ISO 8601 时间", "must be an ISO 8601 time"),
        (SINCE | {"status": "pending"}, "status", "必须是以下之一", "must be one of"),
        (SINCE | {"from": "2026-11-20T12:00:00Z"}, "from", "未知字段", "is not a known field"),
        ("[]", "body", "必须是对象", "must be an object"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.usefixtures("clock")
def test_a_bad_replay_is_refused(deployment: Deployment, body: Any, field: str, chinese: str, english: str) -> None:
    path = f"/v1/webhooks/{create(deployment)['id']}/replay"
    for language, reason in (("zh-CN", chinese), ("en-US", english)):
        answer = deployment.call("POST", path, body, headers={"accept-language": language})
        assert (answer.status, answer.json["code"]) in {(400, 40001), (400, 40002)}
        assert answer.json["error"]["details"]["field"] == field
        assert answer.json["error"]["details"]["reason"].startswith(reason)
    assert memory.executions("WebhookReplayStateMachine") == []


def test_a_tenant_has_a_hundred_webhooks_at_most(deployment: Deployment) -> None:
    from functions.webhooks import service

    for _ in range(3):
        create(deployment)
    limit, service.MAX_WEBHOOKS = service.MAX_WEBHOOKS, 3
    try:
        answer = deployment.call("POST", "/v1/webhooks", DOCUMENT_1)
    finally:
        service.MAX_WEBHOOKS = limit
    assert limit == 100
    assert (answer.status, answer.json["code"]) == (422, 42201)
    assert deployment.call("GET", "/v1/webhooks").json["pagination"]["total"] == 3


FILTER = {
    "type": [{"prefix": "user."}],
    "data": {
        "role": ["admin", None, True, 1, 1.5],
        "$or": [{"name": [{"wildcard": "张*"}]}, {"email": [{"exists": False}]}],
    },
}


def test_a_filter_is_kept_as_it_was_sent_until_it_is_removed(deployment: Deployment) -> None:
    assert create(deployment)["filter"] is None
    made = create(deployment, filter=FILTER)
    path = f"/v1/webhooks/{made['id']}"
    assert made["filter"] == FILTER
    for body, expected in (
        ({"description": "other"}, FILTER),
        ({"filter": {"data": {"a": [1.0]}}}, {"data": {"a": [1.0]}}),
        ({"filter": None}, None),
    ):
        assert deployment.call("PATCH", path, body).json["data"]["filter"] == expected
        assert deployment.call("GET", path).json["data"]["filter"] == expected
        assert deployment.call("GET", "/v1/webhooks").json["data"][0]["filter"] == expected


@pytest.mark.parametrize(
    ("pattern", "field", "chinese", "english"),
    [
        ({}, "filter", "长度不能少于 1", "must have a length of at least 1"),
        ([], "filter", "必须是对象", "must be an object"),
        ("*", "filter", "必须是对象", "must be an object"),
        ({"detail": {"a": [1]}}, "filter.detail", "未知字段", "is not a known field"),
        (
            {"data": {"role": [{"contains": "a"}]}},
            "filter.data.role.0",
            "未知操作符: contains",
            "has an unknown operator: contains",
        ),
        (
            {"data": {"total": [{"numeric": [">", "5"]}]}},
            "filter.data.total.0.numeric",
            '必须形如 ["=", 5] 或 [">", 0, "<=", 5]',
            'must be like ["=", 5] or [">", 0, "<=", 5]',
        ),
        ({"data": {"name": ["x" * 5000]}}, "filter", "不能超过 4096 字节", "must have at most 4096 bytes"),
        (
            {"data": {"n" * 3000: []}},
            f"filter.data.{'n' * 3000}"[:200],
            "长度不能少于 1",
            "must have a length of at least 1",
        ),
    ],
    ids=["empty", "list", "text", "field", "operator", "operand", "bytes", "place"],
)
def test_what_is_no_filter_is_refused_and_not_kept(
    deployment: Deployment, pattern: Any, field: str, chinese: str, english: str
) -> None:
    made = create(deployment, filter=FILTER)
    path = f"/v1/webhooks/{made['id']}"
    for language, reason in (("zh-CN", chinese), ("en-US", english)):
        for method, place, body in (
            ("POST", "/v1/webhooks", DOCUMENT_1 | {"filter": pattern}),
            ("PATCH", path, {"filter": pattern}),
        ):
            answer = deployment.call(method, place, body, headers={"Accept-Language": language})
            assert answer.status == 400
            assert answer.json["error"]["details"] == {"field": field, "reason": reason}
    (kept,) = deployment.call("GET", "/v1/webhooks").json["data"]
    assert kept["filter"] == FILTER
