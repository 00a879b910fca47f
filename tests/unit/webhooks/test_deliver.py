"""First attempts: what is sent, what is kept, and what happens when a run dies or comes twice."""

import json
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError
from standardwebhooks.webhooks import Webhook as StandardWebhook

from functions.webhooks import delivery, endpoints
from functions.webhooks.log import StoredDelivery
from functions.webhooks.store import StoredWebhook
from hub import aws as clients
from hub import outbound
from hub.errors import Unavailable
from hub.store import table
from tests.contract import memory
from tests.unit.webhooks.conftest import Webhooks, failed

URL = "https://example.com/hook"


def test_a_delivery_is_signed_sent_and_logged(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook(headers={"X-Custom-Header": "value", "X-Token": "hidden"})
    event = webhooks.event(name_="中文")
    assert webhooks.deliver(webhooks.message(hook["id"], event)) == failed()
    ((url, headers, body),) = webhooks.receivers.sent
    assert url == URL
    assert (headers["X-Custom-Header"], headers["X-Token"]) == ("value", "hidden")
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert (headers["webhook-id"], headers["X-Webhook-Event"]) == (event["id"], "api_key.created")
    told = StandardWebhook(hook["secret"]).verify(body, headers)
    assert told == {name: event[name] for name in ("id", "type", "timestamp", "data")} | {"event": "api_key.created"}
    (row,) = webhooks.logs(hook["id"])
    assert (row["status"], row["response_code"], row["response_time"]) == ("success", 200, 12)
    assert row["payload"] == told
    assert memory.executions() == []


@pytest.mark.parametrize(
    ("answer", "code", "error"),
    [
        (500, 500, None),
        (301, 301, None),
        (404, 404, None),
        (199, 199, None),
        (300, 300, None),
        (outbound.AddressRefused(), None, "address_refused"),
        (outbound.NotResolved(), None, "not_resolved"),
        (outbound.TimedOut(), None, "timed_out"),
        (outbound.OutboundError(), None, "unreachable"),
    ],
    ids=repr,
)
def test_a_delivery_that_was_not_taken_waits_for_its_retry(
    webhooks: Webhooks, answer: Any, code: int | None, error: str | None
) -> None:
    hook = webhooks.deployment.new_webhook()
    webhooks.receivers.answers[URL] = [answer]
    message = webhooks.message(hook["id"])
    assert webhooks.deliver(message) == failed()
    (row,) = webhooks.logs(hook["id"])
    assert (row["status"], row["response_code"]) == ("pending", code)
    assert [attempt["error"] for attempt in row["attempts"]] == [error]
    place = {name: message[name] for name in ("tenant", "webhook_id", "id")}
    assert memory.executions() == [place | {"generation": 0, "outcome": {"status": "pending", "wait_seconds": 1}}]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_success(webhooks: Webhooks, status: int) -> None:
    hook = webhooks.deployment.new_webhook()
    webhooks.receivers.answers[URL] = [status]
    webhooks.deliver(webhooks.message(hook["id"]))
    assert webhooks.logs(hook["id"])[0]["status"] == "success"


def test_the_extended_policy_waits_longer(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "JITTER", 0)
    hook = webhooks.deployment.new_webhook(retry_policy="extended")
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(webhooks.message(hook["id"]))
    assert [execution["outcome"]["wait_seconds"] for execution in memory.executions()] == [5]


def test_a_message_that_comes_again_is_not_sent_again(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook()
    message = webhooks.message(hook["id"])
    webhooks.deliver(message, message)
    webhooks.deliver(message)
    assert len(webhooks.receivers.sent) == 1
    assert len(webhooks.logs(hook["id"])) == 1


def test_a_failed_message_that_comes_again_starts_no_second_execution(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook()
    webhooks.receivers.answers[URL] = [500]
    message = webhooks.message(hook["id"])
    webhooks.deliver(message)
    assert webhooks.deliver(message) == failed()
    assert len(webhooks.receivers.sent) == 1
    assert len(memory.executions()) == 1


def test_what_died_before_its_retry_was_started_is_started_by_the_next_run(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = webhooks.deployment.new_webhook()
    webhooks.receivers.answers[URL] = [500]
    message = webhooks.message(hook["id"])
    response: Any = {"Error": {"Code": "StateMachineDoesNotExist"}}

    def die(**_: Any) -> None:
        raise ClientError(response, "StartExecution")

    with monkeypatch.context() as broken:
        broken.setattr(clients.stepfunctions(), "start_execution", die)
        assert webhooks.deliver(message) == failed(0)
    assert [row["status"] for row in webhooks.rows(hook["id"])] == ["pending"]
    assert memory.executions() == []
    assert webhooks.deliver(message) == failed()
    assert len(memory.executions()) == 1
    assert len(webhooks.receivers.sent) == 1


def test_what_died_before_its_row_was_written_is_sent_again_under_the_same_id(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = webhooks.deployment.new_webhook()
    message = webhooks.message(hook["id"])

    def die(*_: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as broken:
        broken.setattr(table, "put_many", die)
        assert webhooks.deliver(message) == failed(0)
    webhooks.deliver(message)
    first, second = webhooks.receivers.sent
    assert (first[1]["webhook-id"], first[2]) == (second[1]["webhook-id"], second[2])
    assert len(webhooks.logs(hook["id"])) == 1


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_what_waits_for_a_webhook_that_ended_is_not_sent(webhooks: Webhooks, method: str) -> None:
    hook = webhooks.deployment.new_webhook()
    message = webhooks.message(hook["id"])
    body = {"active": False} if method == "PUT" else None
    assert webhooks.deployment.call(method, f"/v1/webhooks/{hook['id']}", body).status < 300
    assert webhooks.deliver(message) == failed()
    assert webhooks.receivers.sent == []
    # One that is only switched off missed it, which a replay makes good.
    missed = [[attempt["error"] for attempt in row["attempts"]] for row in webhooks.rows(hook["id"])]
    assert missed == ([["webhook_inactive"]] if method == "PUT" else [])


def test_a_message_of_another_tenant_finds_no_webhook(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook()
    assert webhooks.deliver(webhooks.message(hook["id"]) | {"tenant": "other"}) == failed()
    assert webhooks.receivers.sent == []


@pytest.mark.parametrize("broken", ["", "{", "[]", "null", {}, {"tenant": "default"}], ids=str)
def test_a_broken_message_goes_alone(webhooks: Webhooks, broken: Any) -> None:
    hook = webhooks.deployment.new_webhook()
    good = [webhooks.message(hook["id"]) for _ in range(2)]
    assert webhooks.deliver(good[0], broken, good[1]) == failed(1)
    assert len(webhooks.receivers.sent) == 2


def test_a_receiver_that_hangs_delays_no_other(webhooks: Webhooks) -> None:
    slow = webhooks.deployment.new_webhook(url="https://slow.example.com/")
    others = [webhooks.deployment.new_webhook(url=f"https://{n}.example.com/") for n in range(9)]
    done = Event()
    came: list[str] = []

    def meanwhile(url: str) -> None:
        if "slow" in url:
            assert done.wait(20), "the others wait for it"
            return
        came.append(url)
        if len(came) == len(others):
            done.set()

    webhooks.receivers.meanwhile = meanwhile
    webhooks.deliver(*(webhooks.message(hook["id"]) for hook in [slow, *others]))
    assert {row["status"] for hook in [slow, *others] for row in webhooks.logs(hook["id"])} == {"success"}


def test_a_delivery_that_cannot_be_attempted_comes_again_alone(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine, broken = (webhooks.deployment.new_webhook(url=url) for url in (URL, "https://broken.example.com/"))
    signing_secrets = StoredWebhook.signing_secrets

    def unsealed(webhook: StoredWebhook, now: int) -> list[str]:
        if webhook.id == broken["id"]:
            raise ValueError("not a sealed secret")
        return signing_secrets(webhook, now)

    monkeypatch.setattr(StoredWebhook, "signing_secrets", unsealed)
    answer = webhooks.deliver(webhooks.message(fine["id"]), webhooks.message(broken["id"]))
    assert len(answer["batchItemFailures"]) == 1
    assert [row["status"] for row in webhooks.logs(fine["id"])] == ["success"]
    assert webhooks.logs(broken["id"]) == []


def test_a_late_run_does_not_write_over_what_another_recorded(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook()
    message = webhooks.message(hook["id"])

    def meanwhile(_url: str) -> None:
        webhooks.receivers.meanwhile = lambda _: None
        webhooks.deliver(message)

    webhooks.receivers.meanwhile = meanwhile
    webhooks.receivers.answers[URL] = [200, 500]
    webhooks.deliver(message)
    assert [row["status"] for row in webhooks.logs(hook["id"])] == ["success"]
    assert memory.executions() == []


def test_a_retry_does_not_wait_for_the_slowest_of_its_batch(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, slow = (webhooks.deployment.new_webhook(url=url) for url in (URL, "https://slow.example.com/hook"))
    retried = Event()
    keep_trying = delivery.keep_trying

    def started(row: StoredDelivery) -> None:
        keep_trying(row)
        retried.set()

    def send(_method: str, url: str, **_given: Any) -> outbound.Response:
        if url == URL:
            return outbound.Response(500, {}, b"", 1)
        assert retried.wait(10), "the slow receiver answers only once the other's retry is under way"
        return outbound.Response(200, {}, b"", 1)

    monkeypatch.setattr(delivery, "keep_trying", started)
    monkeypatch.setattr(outbound, "send", send)
    webhooks.deliver(webhooks.message(slow["id"]), webhooks.message(failing["id"]))
    assert [row["status"] for row in webhooks.logs(slow["id"])] == ["success"]
    assert [row["status"] for row in webhooks.logs(failing["id"])] == ["pending"]


def test_a_batch_makes_one_read_and_one_write_and_counts_once_however_many_it_has(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = webhooks.deployment.new_webhook()
    endpoints.change("default", hook["id"], slow=False)
    messages = [webhooks.message(hook["id"]) for _ in range(10)]
    calls: list[str] = []
    for operation in ("batch_get_item", "batch_write_item", "put_item", "get_item", "update_item"):
        real = getattr(clients.dynamodb(), operation)

        def counted(*, real: Any = real, operation: str = operation, **parameters: Any) -> Any:
            calls.append(operation)
            return real(**parameters)

        monkeypatch.setattr(clients.dynamodb(), operation, counted)
    webhooks.deliver(*messages)
    assert calls == ["batch_get_item", "batch_write_item", "update_item"]
    assert len(webhooks.receivers.sent) == 10


def test_a_row_ends_after_thirty_days(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook()
    webhooks.deliver(webhooks.message(hook["id"]))
    (row,) = webhooks.rows(hook["id"])
    assert abs(row["ttl"] - row["created_at"] / 1000 - 30 * 86_400) < 60


def test_ids_are_stable_and_sort_by_time() -> None:
    event = {"id": "evt_1", "type": "a", "timestamp": "2024-01-15T10:30:00.000Z", "data": {}}
    later = event | {"id": "evt_2", "timestamp": "2024-01-15T10:30:00.001Z"}
    first = delivery.new("t", "wh_1", event)
    assert first.id == delivery.new("t", "wh_1", json.loads(json.dumps(event))).id
    assert first.id != delivery.new("t", "wh_2", event).id
    assert first.id < delivery.new("t", "wh_1", later).id
