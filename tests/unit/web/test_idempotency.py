"""`Idempotency-Key`, through the whole request: what is done once, answered twice, and never left in clear."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.identity.api_keys import service
from hub.errors import Conflict
from hub.store import table
from tests.conftest import Answer, Clock, Deployment
from tests.contract import memory

BODY = {"name": "once", "permissions": ["read"]}


def post(deployment: Deployment, body: Any = BODY, key: str = "a", path: str = "/v1/api-keys", **more: Any) -> Answer:
    return deployment.call("POST", path, body, headers={"idempotency-key": key}, **more)


def keys_named(deployment: Deployment, name: str) -> list[str]:
    listed = deployment.call("GET", "/v1/api-keys?limit=100").json["data"]
    return [key["id"] for key in listed if key["name"] == name]


def records() -> list[dict[str, Any]]:
    return [item for item in memory.stored() if "IDEMPOTENCY" in item["pk"]["S"]]


def test_the_same_request_gets_the_first_answer(deployment: Deployment, clock: Clock) -> None:
    first = post(deployment)
    clock.advance(86_000)
    again = deployment.call("POST", "/v1/api-keys", BODY, headers={"idempotency-key": "a", "x-request-id": "req_again"})
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["X-Request-ID"] == "req_again"
    assert int(again.headers["X-RateLimit-Reset"]) > clock.seconds, "the figures are those of this request"
    assert len(keys_named(deployment, "once")) == 1


def test_a_day_later_it_is_another_request(deployment: Deployment, clock: Clock) -> None:
    first = post(deployment)
    clock.advance(86_400)
    assert post(deployment).json["id"] != first.json["id"]


def test_another_body_is_422(deployment: Deployment) -> None:
    post(deployment)
    answer = post(deployment, BODY | {"name": "twice"})
    assert answer.status == 422
    assert answer.json["error"]["message"] == "该 Idempotency-Key 已用于不同的请求"
    assert keys_named(deployment, "twice") == []


def test_another_key_route_or_tenant_is_another_request(deployment: Deployment, other_tenant: Deployment) -> None:
    first = post(deployment)
    answers = [
        post(deployment, key="b"),
        post(other_tenant),
        post(deployment, {}, path=f"/v1/api-keys/{first.json['id']}/rotate"),
    ]
    assert [answer.status for answer in answers] == [201, 201, 200]
    assert not any("Idempotency-Replayed" in answer.headers for answer in answers)


@pytest.mark.parametrize("junk", ["", " ", "a b", "a\n", "名", "x" * 256, "\x7f"])
def test_a_key_that_is_junk_is_refused(deployment: Deployment, junk: str) -> None:
    answer = post(deployment, key=junk)
    assert answer.status == 400
    assert answer.json["error"]["details"] == {"field": "Idempotency-Key", "reason": "格式不正确"}
    assert keys_named(deployment, "once") == []


@pytest.mark.parametrize("body", [{"name": 5}, {"name": "once", "permissions": ["root"]}, "{"])
def test_a_request_that_failed_can_be_mended(deployment: Deployment, body: Any) -> None:
    assert post(deployment, body).status == 400
    assert records() == []
    assert post(deployment).status == 201


def test_a_second_request_while_the_first_is_under_way_is_409(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = service.create
    during: list[Answer] = []

    def overtaken(*given: Any) -> Any:
        if not during:
            during.append(post(deployment))
        return real(*given)

    monkeypatch.setattr(service, "create", overtaken)
    assert post(deployment).status == 201
    assert during[0].status == 409
    assert during[0].headers["Retry-After"] == "1"
    assert during[0].json["error"]["code"] == "CONFLICT"
    assert len(keys_named(deployment, "once")) == 1


def test_of_many_at_once_one_is_done(deployment: Deployment) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post(deployment), range(12)))
    assert {answer.status for answer in answers} <= {201, 409}
    assert len({answer.text for answer in answers if answer.status == 201}) == 1
    assert len(keys_named(deployment, "once")) == 1


class Died(BaseException):
    """Ends a function as a time-out does: nothing after it runs."""


@pytest.fixture
def dying(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    real = service.create

    def die(*given: Any) -> Any:
        real(*given)
        raise Died

    monkeypatch.setattr(service, "create", die)
    return lambda: monkeypatch.setattr(service, "create", real)


def test_after_a_crash_the_key_is_free_in_a_minute(
    deployment: Deployment, clock: Clock, dying: Callable[[], None]
) -> None:
    with pytest.raises(Died):
        post(deployment)
    dying()
    clock.advance(59)
    assert post(deployment).status == 409
    clock.advance(1)
    assert post(deployment).status == 201
    assert "Idempotency-Replayed" in post(deployment).headers


@pytest.mark.usefixtures("dying")
def test_a_crash_does_not_open_the_key_to_another_body(deployment: Deployment) -> None:
    with pytest.raises(Died):
        post(deployment)
    assert post(deployment, BODY | {"name": "twice"}).status == 422


def test_an_error_while_working_frees_the_key(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise Conflict

    monkeypatch.setattr(service, "create", fail)
    assert post(deployment).status == 409
    assert records() == []


def test_a_stranger_gets_no_stored_answer(deployment: Deployment) -> None:
    post(deployment)
    reader = deployment.new_key("read")["key"]
    assert post(deployment).status == 201
    forbidden = deployment.call("POST", "/v1/api-keys", BODY, headers={"idempotency-key": "a"}, key=reader)
    assert forbidden.status == 403


def test_no_secret_stands_in_the_tables(deployment: Deployment) -> None:
    made = post(deployment)
    rotated = post(deployment, {}, path=f"/v1/api-keys/{made.json['id']}/rotate")
    hook = {
        "url": "https://example.com/",
        "events": ["*"],
        "secret": "a-secret-of-mine",
        "headers": {"Authorization": "Basic a-header-of-mine"},
    }
    given = post(deployment, hook, path="/v1/webhooks")
    generated = post(deployment, {"url": "https://example.com/", "events": ["*"]}, "c", "/v1/webhooks")
    assert {answer.status for answer in (made, given, generated)} == {201}
    dump = repr(memory.stored())
    for secret in (
        deployment.api_key,
        made.json["key"],
        rotated.json["key"],
        "a-secret-of-mine",
        "a-header-of-mine",
        generated.json["data"]["secret"],
    ):
        assert secret not in dump
        assert secret[12:] not in dump
        assert base64.b64encode(secret.encode()).decode() not in dump
    assert made.json["id"] in dump, "the dump is of the right tables"


def test_a_record_ends_by_itself(deployment: Deployment, clock: Clock) -> None:
    post(deployment)
    (record,) = records()
    assert int(record["ttl"]["N"]) == clock.seconds + 86_400
    assert table.activity() == "ActivityTable"
