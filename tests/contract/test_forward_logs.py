"""Document 5 "日志查询API": the log of forwarded messages, its figures, and clearing it."""

import json
from typing import Any

import pytest

from functions.forwarding.logs import clearing, service
from functions.forwarding.messages import store
from functions.forwarding.statistics import days
from hub import times
from hub.store import paging
from tests.conftest import Answer, Clock, Deployment
from tests.contract import memory
from tests.contract.forward_logs import count_them, ended, write
from tests.forwarder import row

LOGS, STATS, CLEAR = "/api/logs", "/api/logs/stats", "/api/logs/clear"
DAY = 86_400


def numbers(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.text
    assert answer.json["success"] is True
    return [one["id"] for one in answer.json["data"]]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("page=0", "page"),
        ("status=sent", "status"),
        ("platform=icq", "platform"),
        ("channel_id=", "channel_id"),
        ("cursor=x&page=1", "cursor"),
        ("cursor=!", "cursor"),
        ("cursor=YWJj&status=success", "cursor"),
        ("colour=red", "colour"),
        ("page=10002&limit=1", "page"),
    ],
)
def test_a_bad_query_is_told_in_document_5s_words(deployment: Deployment, query: str, wrong: str) -> None:
    answer = deployment.call("GET", f"{LOGS}?{query}", headers={"Accept-Language": "en"})
    assert answer.status == 400
    assert answer.json.keys() == {"success", "error_code", "error_message", "solution", "timestamp"}
    assert (answer.json["success"], answer.json["error_code"]) == (False, "INVALID_REQUEST")
    assert wrong in answer.json["error_message"]


def test_a_message_is_shown_as_documented(deployment: Deployment, clock: Clock) -> None:
    write("default", row(1))
    answer = deployment.call("GET", f"{LOGS}?limit=100&status=success&platform=discord")
    assert answer.status == 200
    assert answer.json == {
        "success": True,
        "data": [
            {
                "id": 1,
                "kook_message_id": "msg_1",
                "kook_channel_id": "channel_456",
                "content": "测试消息",
                "message_type": "text",
                "sender_name": "用户A",
                "target_platform": "discord",
                "target_channel": "discord_ch_789",
                "status": "success",
                "error_message": None,
                "latency_ms": 1234,
                "created_at": "2026-11-20T13:00:30",
            }
        ],
        "total": 1,
        "page": 1,
    }


def test_an_empty_log_has_no_pages(deployment: Deployment) -> None:
    assert deployment.call("GET", LOGS).json == {"success": True, "data": [], "total": 0, "page": 1}
    assert deployment.call("GET", f"{LOGS}?cursor=").json == {"success": True, "data": [], "next_cursor": None}


def filled(tenant: str = "default") -> None:
    trouble: Any = {"code": "10015", "message": "Unknown Webhook"}
    for number in range(1, 13):
        platform = ("discord", "telegram", "feishu")[number % 3]
        status = {4: "failed", 8: "failed", 12: "pending"}.get(number, "success")
        channel = "a" if number % 2 else "b"
        some = {"error": trouble if status == "failed" else None, "latency_ms": 100 if status == "success" else None}
        write(tenant, row(number, target_platform=platform, status=status, channel=channel, **some))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ("status=failed", [8, 4]),
        ("status=pending", [12]),
        ("status=success", [11, 10, 9, 7, 6, 5, 3, 2, 1]),
        ("platform=discord", [12, 9, 6, 3]),
        ("platform=telegram&status=failed", [4]),
        ("platform=discord&status=success", [9, 6, 3]),
        ("channel_id=a", [11, 9, 7, 5, 3, 1]),
        ("channel_id=b&status=failed", [8, 4]),
        ("channel_id=a&platform=feishu", [11, 5]),
        ("channel_id=b&platform=discord&status=pending", [12]),
        ("channel_id=nothing", []),
    ],
)
@pytest.mark.parametrize("size", [100, 2])
def test_every_filter_by_number_and_by_cursor(deployment: Deployment, query: str, wanted: list[int], size: int) -> None:
    filled()
    filled("other")
    found: list[int] = []
    for page in range(1, len(wanted) // size + 2):
        answer = deployment.call("GET", f"{LOGS}?{query}&limit={size}&page={page}".replace("?&", "?"))
        found += numbers(answer)
        assert (answer.json["total"], answer.json["page"]) == (len(wanted), page), query
    assert found == wanted
    found, cursor = [], ""
    for _ in range(len(wanted) + 2):
        answer = deployment.call("GET", f"{LOGS}?{query}&limit={size}&cursor={cursor}".replace("?&", "?"))
        found += numbers(answer)
        cursor = answer.json["next_cursor"]
        if cursor is None:
            break
    assert found == wanted


def test_what_went_wrong_is_shown(deployment: Deployment) -> None:
    filled()
    (first, _) = deployment.call("GET", f"{LOGS}?status=failed").json["data"]
    assert (first["error_message"], first["latency_ms"]) == ("Unknown Webhook", None)


def test_a_total_comes_of_the_figures_where_rows_are_many(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled()
    monkeypatch.setattr(paging, "MAX_OFFSET_ROWS", 3)
    monkeypatch.setattr(service, "MAX_PASSED", 3)
    for query, total in {"": 12, "status=success": 9, "status=failed": 2, "platform=discord": 4}.items():
        answer = deployment.call("GET", f"{LOGS}?{query}&limit=1".replace("?&", "?"))
        assert (answer.status, answer.json["total"]) == (200, total), query
    refused = deployment.call("GET", f"{LOGS}?channel_id=a&limit=1", headers={"Accept-Language": "en"})
    assert (refused.status, "use cursor paging" in refused.json["error_message"]) == (400, True)


def test_a_list_that_finds_little_reads_a_bounded_number_of_rows(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("default", *(row(number, target_platform="telegram") for number in range(1, 252)))
    monkeypatch.setattr(service, "MAX_PASSED", 100)
    refused = deployment.call("GET", f"{LOGS}?platform=discord")
    assert refused.status == 400
    cursors: list[Any] = [""]
    while cursors[-1] is not None:
        answer = deployment.call("GET", f"{LOGS}?platform=discord&cursor={cursors[-1]}")
        assert numbers(answer) == []
        cursors.append(answer.json["next_cursor"])
    assert len(cursors) == 4, "three pages"


def test_the_figures_are_as_documented(deployment: Deployment) -> None:
    filled()
    answer = deployment.call("GET", f"{STATS}?period=today")
    assert answer.status == 200
    assert answer.json == {
        "total": 11,
        "success": 9,
        "failed": 2,
        "success_rate": 81.8,
        "avg_latency_ms": 100,
        "by_platform": {"discord": 3, "telegram": 4, "feishu": 4},
    }


def test_document_5s_example_of_the_rate(deployment: Deployment) -> None:
    days.add("default", days.day_of(times.now_ms()), [])
    some = [days.Ending(f"s{n}", "success", "discord", 1234) for n in range(1200)]
    some += [days.Ending(f"f{n}", "failed", "discord", None) for n in range(34)]
    days.add("default", days.day_of(times.now_ms()), some)
    found = deployment.call("GET", STATS).json
    assert (found["total"], found["success_rate"], found["avg_latency_ms"]) == (1234, 97.2, 1234)


def test_nothing_is_summed_up_to_zeros(deployment: Deployment) -> None:
    nothing = {"total": 0, "success": 0, "failed": 0, "success_rate": 0.0, "avg_latency_ms": 0}
    assert deployment.call("GET", STATS).json == {
        **nothing,
        "by_platform": dict.fromkeys(("discord", "telegram", "feishu"), 0),
    }


def test_a_period_is_today_or_the_last_7_or_30_days_with_it(deployment: Deployment, clock: Clock) -> None:
    write("default", row(1))
    for days_later, today, week, month in [(0, 1, 1, 1), (1, 0, 1, 1), (6, 0, 1, 1), (7, 0, 0, 1), (30, 0, 0, 0)]:
        clock.seconds = Clock.START + days_later * DAY
        totals = [deployment.call("GET", f"{STATS}?period={one}").json["total"] for one in ("today", "week", "month")]
        assert totals == [today, week, month], days_later


@pytest.mark.parametrize("query", ["period=year", "period=", "colour=red"])
def test_another_period_is_refused(deployment: Deployment, query: str) -> None:
    assert deployment.call("GET", f"{STATS}?{query}").json["error_code"] == "INVALID_REQUEST"


def cleared(deployment: Deployment, query: str = "") -> Answer:
    """Ask for a clearing, and let the worker do it."""
    answer = deployment.call("POST", f"{CLEAR}{query}")
    while bodies := memory.received("ForwardFiguresQueue"):
        assert count_them(map(json.loads, bodies)) == {"batchItemFailures": []}
    return answer


def test_clearing_removes_whole_days_in_the_background(deployment: Deployment, clock: Clock) -> None:
    old = times.now_ms() - 40 * DAY * 1000
    write("default", row(1, created_at=old, updated_at=old), row(2, created_at=old, updated_at=old, status="failed"))
    write("default", row(3, created_at=old, status="pending", latency_ms=None), row(4))
    write("other", row(1, created_at=old, updated_at=old))
    answer = cleared(deployment, "?days=30")
    assert (answer.status, answer.json["success"], answer.json["before"]) == (202, True, "2026-10-21T00:00:00")
    assert numbers(deployment.call("GET", LOGS)) == [4, 3], "what waits stays, however old"
    assert [one["sk"]["S"] for one in memory.stored() if one["pk"]["S"] == "T#other#FORWARD#000000000001"] == ["msg_1"]
    assert deployment.call("GET", f"{LOGS}?limit=1").json["total"] == 2
    assert days.between("default", "2026-01-01", "2026-12-31").number() == 3, "figures stay"


def test_a_clearing_goes_on_where_a_run_left_off(
    deployment: Deployment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearing, "ROWS", 100)
    old = times.now_ms() - 40 * DAY * 1000
    for number in range(1, 251):
        store.write("default", None, row(number, created_at=old, updated_at=old), None)
    write("default", row(251))
    runs: list[int] = []
    go_on = clearing.go_on

    def note(one: clearing.Clearing) -> None:
        runs.append(1)
        go_on(one)

    monkeypatch.setattr(clearing, "go_on", note)
    cleared(deployment)
    assert len(runs) == 3
    assert numbers(deployment.call("GET", LOGS)) == [251]


def test_clearing_needs_an_administrator_and_a_number_of_days(deployment: Deployment) -> None:
    writer = deployment.new_key("read", "write")["key"]
    assert deployment.call("POST", CLEAR, key=writer).status == 403
    for query in ("?days=0", "?days=366", "?days=x", "?all=1"):
        assert deployment.call("POST", CLEAR + query).status == 400
    assert memory.received("ForwardFiguresQueue") == []


def test_another_tenants_messages_are_nowhere(deployment: Deployment, other_tenant: Deployment) -> None:
    filled()
    assert numbers(other_tenant.call("GET", LOGS)) == []
    assert other_tenant.call("GET", STATS).json["total"] == 0
    assert ended("default", row(1))["detail"]["tenant"] == "default"
