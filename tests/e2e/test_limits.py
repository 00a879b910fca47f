"""How often one may call, and from when on a credential is no good."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from requests import Response

from tests.e2e.concurrency import at_once
from tests.e2e.running import Client

LIMIT = 1000
WEBHOOKS_LIMIT = 100


def _wait_for_room(seconds: float) -> None:
    """Let the minute turn when less than this is left of it: the window is the minute, so nothing else will do."""
    left = 60 - time.time() % 60
    if left < seconds:
        time.sleep(left)


def _in_one_minute(calls: int, path: str, api: Client) -> tuple[Client, list[Response]]:
    """Make calls, 20 at a time, with a new key, all in one window; answers the key's caller and the answers."""
    for _ in range(3):
        caller = api.with_key(api.new_key("Counted", permissions=["admin"])["key"])
        _wait_for_room(25)
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(caller.get, [path] * calls))
        if len({answer.headers["X-RateLimit-Reset"] for answer in answers}) == 1:
            return caller, answers
        caller.close()
    pytest.fail(f"{calls} requests do not fit into a minute on this machine")


def _check_refusal(refusal: Response, limit: int) -> dict[str, Any]:
    assert refusal.status_code == 429
    assert refusal.headers["X-RateLimit-Limit"] == str(limit)
    assert refusal.headers["X-RateLimit-Remaining"] == "0"
    reset = int(refusal.headers["X-RateLimit-Reset"])
    assert reset % 60 == 0
    assert abs(reset - time.time() - int(refusal.headers["Retry-After"])) <= 3
    body: dict[str, Any] = refusal.json()
    return body


@pytest.mark.slow
def test_a_thousand_requests_pass_and_the_next_does_not(api: Client) -> None:
    caller, answers = _in_one_minute(LIMIT, "/v1/api-keys?limit=1", api)

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {str(LIMIT)}
    assert sorted(int(answer.headers["X-RateLimit-Remaining"]) for answer in answers) == list(range(LIMIT))

    for refusal in at_once(20, lambda: caller.get("/v1/api-keys?limit=1")):
        body = _check_refusal(refusal, LIMIT)
        assert body == {"error": {"code": "RATE_LIMITED", "message": "请求频率超限", "details": {}}}
    english = caller.get("/v1/api-keys", headers={"Accept-Language": "en-US"}).json()
    assert english["error"]["message"] == "Too many requests"
    caller.close()
    assert api.get("/v1/api-keys?limit=1").status_code == 200, "the limit is the key's own"


def test_webhook_management_has_a_limit_of_its_own(api: Client) -> None:
    caller, answers = _in_one_minute(WEBHOOKS_LIMIT, "/v1/webhooks", api)

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {str(WEBHOOKS_LIMIT)}
    body = _check_refusal(caller.get("/v1/webhooks"), WEBHOOKS_LIMIT)
    assert body["error"]["code"] == "RATE_LIMITED"
    assert body["code"] == 42901
    assert body["retryAfter"] > 0
    assert caller.get("/v1/api-keys?limit=1").status_code == 200, "other groups have room"
    caller.close()


def test_a_deleted_key_fails_on_the_very_next_request(api: Client) -> None:
    key = api.new_key("Short-lived", permissions=["admin"])
    caller = api.with_key(key["key"])
    assert caller.get("/v1/api-keys").status_code == 200

    assert api.request("DELETE", f"/v1/api-keys/{key['id']}").status_code == 204
    refused = caller.get("/v1/api-keys")

    assert refused.status_code == 401
    assert refused.json() == {"error": {"code": "UNAUTHORIZED", "message": "未授权访问", "details": {}}}
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert caller.get("/v1/webhooks").json()["code"] == 40101
    caller.close()


def test_a_rotated_key_stays_good_as_long_as_was_asked(api: Client) -> None:
    key = api.new_key("Rotated", permissions=["admin"])
    path = f"/v1/api-keys/{key['id']}/rotate"
    second = api.post(path, {"overlap_seconds": 3600}).json()
    callers = [api.with_key(secret) for secret in (key["key"], second["key"])]
    assert [caller.get("/v1/api-keys").status_code for caller in callers] == [200, 200]

    third = api.post(path, {"overlap_seconds": 0}).json()
    callers.append(api.with_key(third["key"]))
    assert [caller.get("/v1/api-keys").status_code for caller in callers] == [401, 401, 200]
    assert third["id"] == key["id"]
    assert third["expires_at"] is None
    for caller in callers:
        caller.close()


def test_usage_figures_are_real(api: Client) -> None:
    key = api.new_key("Used", permissions=["read", "admin"])
    caller = api.with_key(key["key"])
    started = int(time.time())
    for _ in range(7):
        assert caller.get("/v1/api-keys?limit=1").status_code == 200
    assert caller.get("/v1/api-keys?limit=0").status_code == 400, "a refused request was made all the same"
    caller.close()

    shown = api.get(f"/v1/api-keys/{key['id']}").json()
    assert shown["usage_count"] == 8
    assert _epoch(shown["last_used_at"]) >= started
    for period, points in (("day", 24), ("week", 7), ("month", 30)):
        usage = api.get(f"/v1/api-keys/{key['id']}/usage?period={period}").json()
        assert usage["total"] == usage["usage_count"] == sum(point["requests"] for point in usage["series"]) == 8
        assert usage["series"][-1]["requests"] + usage["series"][-2]["requests"] == 8, "the minute may have turned"
        assert len(usage["series"]) == points
        assert usage["last_used_at"] == shown["last_used_at"]


def test_the_same_request_at_once_is_done_once(api: Client) -> None:
    body = {"name": "Once", "permissions": ["read"]}
    headers = {"Idempotency-Key": "order-4711"}

    answers = at_once(10, lambda: api.post("/v1/api-keys", body, headers=headers))
    made = [answer.json() for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code != 201]

    assert made
    assert {answer.status_code for answer in waiting} <= {409}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in waiting)
    again = api.post("/v1/api-keys", body, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert all(answer == again.json() for answer in made)
    names = [key["name"] for key in api.get("/v1/api-keys").json()["data"]]
    assert names.count("Once") == 1
    assert api.post("/v1/api-keys", body | {"name": "Other"}, headers=headers).status_code in {409, 422}


def _epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
