"""Document 1 section 3.4: an integration is synced; its syncs and records are listed."""

import re
from typing import Any

import pytest

from functions.integrations import sync
from tests.conftest import Answer, Deployment
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, told
from tests.contract.test_integrations import DOCUMENT_1

PATH = "/v1/integrations"


def create(deployment: Deployment, url: str) -> str:
    config = {"url": url, "records_url": url, "token": "a-token"}
    made = deployment.call("POST", PATH, {"name": "自有服务", "service_type": "http", "config": config})
    assert made.status == 201, made.text
    return f"{PATH}/{made.json['id']}"


def run(deployment: Deployment, one: str) -> dict[str, Any]:
    """Sync an integration in one step; answers with how it ended."""
    begun = deployment.call("POST", f"{one}/sync")
    assert begun.status == 202, begun.text
    (state,) = (found for found in memory.executions("IntegrationSyncStateMachine") if found["id"] == begun.json["id"])
    assert sync.handler(state, None)["status"] == "ended"
    return dict(deployment.call("GET", f"{one}/syncs/{begun.json['id']}").json)


def test_3_4_sync_of_the_document_s_integration(deployment: Deployment) -> None:
    made = deployment.call("POST", PATH, DOCUMENT_1).json
    answer = deployment.call("POST", f"{PATH}/{made['id']}/sync")
    assert answer.status == 202
    begun = answer.json
    assert re.fullmatch(r"sync_[0-9A-HJKMNP-TV-Z]{26}", begun["id"])
    assert (begun["integration_id"], begun["trigger"], begun["status"]) == (made["id"], "manual", "pending")
    again = deployment.call("POST", f"{PATH}/{made['id']}/sync")
    assert (again.status, again.json) == (202, begun), "there is one at a time"
    (state,) = memory.executions("IntegrationSyncStateMachine")
    assert sync.handler(state, None)["status"] == "ended"
    ended = deployment.call("GET", f"{PATH}/{made['id']}/syncs/{begun['id']}").json
    assert (ended["status"], ended["error"]["code"]) == ("failed", "missing_token"), "an incoming webhook only takes"
    assert deployment.call("GET", f"{PATH}/{made['id']}").json["status"] == "active"


def test_records_and_syncs_are_listed(deployment: Deployment) -> None:
    first = [{"id": number, "kind": "issue", "title": f"问题 {number}", "updatedAt": 1000} for number in range(3)]
    second = [first[0], {**first[1], "title": "新的标题", "updatedAt": "2024-01-15T10:30:00Z"}]
    with Fake(told({"items": first[:2], "next": "2"}), told({"items": first[2:]}), told({"items": second})) as provider:
        one = create(deployment, provider.url)
        run(deployment, one)
        ended = run(deployment, one)
        assert [asked.query for asked in provider.asked] == [{}, {"cursor": "2"}, {}]
    assert {name: ended[name] for name in ("status", "pages", "records_read", "added", "updated", "deleted")} == {
        "status": "completed", "pages": 1, "records_read": 2, "added": 0, "updated": 1, "deleted": 1,
    }  # fmt: skip
    listed = deployment.call("GET", f"{one}/syncs").json
    assert listed["pagination"] == {"page": 1, "limit": 20, "total": 2, "total_pages": 1}
    assert listed["data"][0] == ended
    by_cursor = deployment.call("GET", f"{one}/syncs?cursor=&limit=1").json
    assert (by_cursor["data"], by_cursor["pagination"]["has_more"]) == ([ended], True)

    page = deployment.call("GET", f"{one}/records?limit=2").json
    assert [(row["id"], row["change"]) for row in page["data"]] == [("0", "added"), ("1", "updated")]
    changed = page["data"][1]
    assert (changed["kind"], changed["sync_id"], changed["updated_at"]) == (
        "issue", ended["id"], "2024-01-15T10:30:00.000Z",
    )  # fmt: skip
    assert changed["data"] == second[1]
    rest = deployment.call("GET", f"{one}/records?limit=2&cursor={page['pagination']['next_cursor']}").json
    assert [(row["id"], row["change"]) for row in rest["data"]] == [("2", "deleted")]
    assert rest["pagination"] == {"limit": 2, "next_cursor": None, "has_more": False}
    for query, found in (("change=updated", ["1"]), ("kind=issue&change=deleted", ["2"]), ("kind=other", [])):
        assert [row["id"] for row in deployment.call("GET", f"{one}/records?{query}").json["data"]] == found
    assert {event["detail-type"] for event in memory.published() if "sync" in event["detail-type"]} == {
        "integration.synced"
    }


def test_one_that_is_not_active_is_not_synced(deployment: Deployment) -> None:
    one = create(deployment, "http://127.0.0.1:1/")
    deployment.call("PUT", one, {"status": "inactive"})
    refused = deployment.call("POST", f"{one}/sync")
    assert (refused.status, refused.json["error"]["code"]) == (422, "UNPROCESSABLE")
    assert refused.json["error"]["message"] == "集成未启用或处于错误状态,无法同步"
    english = deployment.call("POST", f"{one}/sync", headers={"accept-language": "en-US"})
    assert english.json["error"]["message"].startswith("The integration is not active")


def test_a_sync_asked_for_twice_with_one_key_is_one(deployment: Deployment) -> None:
    one = create(deployment, "http://127.0.0.1:1/")
    answers = [deployment.call("POST", f"{one}/sync", headers={"idempotency-key": "k"}) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert answers[1].headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("change=gone", "change"),
        ("kind=", "kind"),
        ("page=1", "page"),
        ("cursor=!", "cursor"),
        ("cursor=b3RoZXI&kind=issue", "cursor"),
        ("cursor=b3RoZXI&kind=issue&change=deleted", "cursor"),
        ("colour=red", "colour"),
    ],
)
def test_a_bad_query_of_records_is_refused(deployment: Deployment, query: str, field: str) -> None:
    answer = deployment.call("GET", f"{create(deployment, 'http://127.0.0.1:1/')}/records?{query}")
    assert (answer.status, answer.json["error"]["details"]["field"]) == (400, field)


@pytest.mark.parametrize("query", ["page=0", "limit=101", "page=1&cursor=", "cursor=!"])
def test_a_bad_query_of_syncs_is_refused(deployment: Deployment, query: str) -> None:
    assert deployment.call("GET", f"{create(deployment, 'http://127.0.0.1:1/')}/syncs?{query}").status == 400


def test_another_tenant_sees_nothing_of_it(deployment: Deployment, other_tenant: Deployment) -> None:
    one = create(deployment, "http://127.0.0.1:1/")
    begun = deployment.call("POST", f"{one}/sync").json["id"]

    def answers(asking: Deployment, place: str) -> list[Answer]:
        paths = (f"{place}/syncs", f"{place}/syncs/{begun}", f"{place}/records")
        return [asking.call("POST", f"{place}/sync"), *(asking.call("GET", path) for path in paths)]

    assert {answer.status for answer in answers(other_tenant, one)} == {404}
    own = create(other_tenant, "http://127.0.0.1:1/")
    assert [answer.status for answer in answers(other_tenant, own)] == [202, 200, 404, 200]
    assert deployment.call("GET", f"{one}/syncs/sync_{'0' * 26}").status == 404


def test_reading_needs_read_and_syncing_write(deployment: Deployment) -> None:
    one = create(deployment, "http://127.0.0.1:1/")
    reader = deployment.new_key("integrations:read")["key"]
    assert deployment.call("GET", f"{one}/records", key=reader).status == 200
    assert deployment.call("POST", f"{one}/sync", key=reader).status == 403
