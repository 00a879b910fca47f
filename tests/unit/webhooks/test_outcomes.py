"""What follows from an answer: how long to wait, when to stop, what the receiver may ask for."""

import email.utils
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.webhooks import delivery, dispatch, endpoints
from functions.webhooks.delivery import SCHEDULES
from functions.webhooks.log import KEPT_ATTEMPTS
from hub import outbound, queues, times
from tests.conftest import Clock
from tests.contract import memory
from tests.unit.webhooks.conftest import Queued, Webhooks, failed

URL = "https://example.com/hook"
NOW = datetime.fromtimestamp(Clock.START, UTC)


def patience(status: int, retry_after: str) -> outbound.Response:
    return outbound.Response(status, {"Retry-After": retry_after}, b"", 12)


def in_http(seconds: float) -> str:
    return email.utils.format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@given(st.sampled_from([(policy, tries) for policy, waits in SCHEDULES.items() for tries in range(1, len(waits) + 1)]))
def test_waits_are_up_to_a_fifth_longer_and_never_shorter(attempt: tuple[str, int]) -> None:
    policy, tries = attempt
    planned = SCHEDULES[policy][tries - 1]
    waited = delivery.wait_after({"code": 500, "error": None}, tries, policy)
    assert planned <= waited <= round(planned * 1.2)


def test_what_failed_together_does_not_return_together() -> None:
    waits = {delivery.wait_after({"code": 500, "error": None}, 4, "extended") for _ in range(50)}
    assert len(waits) > 20


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("0", 0),
        ("1", 1),
        (" 120 ", 120),
        ("3600", 3600),
        ("3601", 3600),
        ("9" * 400, 3600),
        ("-1", 0),
        ("1.5", 0),
        ("+5", 0),
        ("٣", 0),
        ("", 0),
        ("soon", 0),
        ("Fri, 32 Foo 2026 25:61:61 GMT", 0),
        (in_http(90), 90),
        (in_http(-90), 0),
        (in_http(86_400), 3600),
        (in_http(60).replace("GMT", "-0000"), 60),
        (in_http(60).replace("GMT", "+0100"), 0),
        (in_http(-3000).replace("GMT", "-0100"), 600),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 3600),
        ("Fri, 31 Dec 9999 23:59:59 +999999999999999999", 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_within_an_hour(
    webhooks: Webhooks, clock: Clock, monkeypatch: pytest.MonkeyPatch, status: int, retry_after: str, seconds: int
) -> None:
    monkeypatch.setattr(delivery, "JITTER", 0)
    hook = webhooks.deployment.new_webhook()
    webhooks.receivers.answers[URL] = [patience(status, retry_after)]
    webhooks.deliver(webhooks.message(hook["id"]))
    assert memory.executions()[0]["outcome"]["wait_seconds"] == max(1, seconds)
    expected = times.now_ms() + seconds * 1000 if seconds else 0
    assert webhooks.endpoint(hook["id"]).paused_until == expected


@given(st.text())
def test_no_retry_after_is_an_error(text: str) -> None:
    assert 0 <= delivery._seconds(text) <= 3600


@pytest.mark.parametrize("status", [200, 400, 500, 502])
def test_patience_is_asked_for_with_429_and_503_only(webhooks: Webhooks, clock: Clock, status: int) -> None:
    hook = webhooks.deployment.new_webhook()
    webhooks.receivers.answers[URL] = [patience(status, "600")]
    webhooks.deliver(webhooks.message(hook["id"]))
    assert webhooks.endpoint(hook["id"]).paused_until == 0
    assert all(execution["outcome"]["wait_seconds"] < 600 for execution in memory.executions())


def test_the_schedule_goes_before_a_shorter_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "JITTER", 0)
    assert delivery.wait_after({"code": 503, "error": None, "retry_after": 10}, 3, "standard") == 30
    assert delivery.wait_after({"code": 503, "error": None, "retry_after": 60}, 3, "standard") == 60


def test_a_retry_that_is_asked_for_patience_pauses_its_endpoint_too(webhooks: Webhooks, clock: Clock) -> None:
    hook = webhooks.deployment.new_webhook()
    webhooks.receivers.answers[URL] = [500, patience(429, "600")]
    webhooks.deliver(webhooks.message(hook["id"]))
    clock.advance(2)
    outcome = webhooks.retry(*memory.executions())
    assert (outcome["status"], outcome["wait_seconds"] >= 600) == ("pending", True)
    assert webhooks.endpoint(hook["id"]).paused_until == times.now_ms() + 600_000


def test_410_ends_the_delivery_and_switches_the_webhook_off(webhooks: Webhooks, clock: Clock) -> None:
    hook = webhooks.deployment.new_webhook(retry_policy="extended")
    webhooks.receivers.answers[URL] = [410]
    clock.advance(1)
    assert webhooks.deliver(webhooks.message(hook["id"])) == failed()
    assert [row["status"] for row in webhooks.logs(hook["id"])] == ["failed"]
    assert memory.executions() == []
    stored = webhooks.webhook(hook["id"])
    assert (stored.active, stored.disabled_reason, stored.disabled_at) == (False, "gone", times.now_ms())
    (event,) = webhooks.told(hook["id"])
    known = {"webhook_id": hook["id"], "host": "example.com", "reason": "gone", "failing_since": None}
    assert event["type"] == "webhook.disabled"
    assert event["data"] == known | {"disabled_at": times.iso(times.now())}


def test_410_of_a_retry_does_the_same(webhooks: Webhooks) -> None:
    hook = webhooks.deployment.new_webhook()
    webhooks.receivers.answers[URL] = [500, 410]
    webhooks.deliver(webhooks.message(hook["id"]))
    assert webhooks.retry(*memory.executions())["status"] == "failed"
    assert webhooks.webhook(hook["id"]).disabled_reason == "gone"


def test_410_does_not_switch_off_what_was_changed_meanwhile(webhooks: Webhooks) -> None:
    # Its owner may have given it another address, which is not gone.
    hook = webhooks.deployment.new_webhook()
    webhooks.receivers.answers[URL] = [410]
    other = {"url": "https://example.com/other"}
    webhooks.receivers.meanwhile = lambda _: webhooks.deployment.call("PUT", f"/v1/webhooks/{hook['id']}", other)
    webhooks.deliver(webhooks.message(hook["id"]))
    assert webhooks.webhook(hook["id"]).active


def event_of(webhooks: Webhooks, size: int, character: str) -> dict[str, Any]:
    """An event whose body is so many bytes long, filled with a character."""
    empty = len(delivery.new("t", "wh", webhooks.event(text="")).body)
    each = len(delivery.new("t", "wh", webhooks.event(text=character)).body.encode()) - empty
    rest = size - empty
    return webhooks.event(text=character * (rest // each) + "a" * (rest % each))


WORST = ['"', "\\", "\x00", "\x7f", "中", "\uffff", "😀", "\n"]


@pytest.mark.parametrize("character", WORST, ids=ascii)
def test_a_payload_just_under_the_limit_fits_a_message(webhooks: Webhooks, lanes: list[Queued], character: str) -> None:
    hook = webhooks.deployment.new_webhook()
    event = event_of(webhooks, delivery.MAX_PAYLOAD_BYTES, character)
    made = delivery.new(webhooks.deployment.tenant, hook["id"], event)
    assert len(made.body.encode()) == delivery.MAX_PAYLOAD_BYTES
    assert webhooks.fan_out(event) == failed()
    assert [queued.bytes + len(queued.group) < queues.MAX_BATCH_BYTES for queued in lanes] == [True]
    assert webhooks.deliver(*(queued.message for queued in lanes)) == failed()
    assert [body for _, _, body in webhooks.receivers.sent] == [made.body.encode()]


@pytest.mark.parametrize("character", ["a", "中", '"'])
def test_a_payload_over_the_limit_is_a_row_that_says_so(
    webhooks: Webhooks, lanes: list[Queued], character: str
) -> None:
    hook = webhooks.deployment.new_webhook()
    event = event_of(webhooks, delivery.MAX_PAYLOAD_BYTES + 1, character)
    for _ in range(2):
        assert webhooks.fan_out(event) == failed()
    assert lanes == []
    (row,) = webhooks.logs(hook["id"], "?status=failed")
    assert [attempt["error"] for attempt in row["attempts"]] == ["payload_too_large"]
    assert row["payload"] == {
        "id": event["id"],
        "event": event["type"],
        **{name: event[name] for name in ("type", "timestamp")},
        "data": None,
    }


def test_a_payload_over_the_limit_is_not_sent_by_hand_either(webhooks: Webhooks, lanes: list[Queued]) -> None:
    hook = webhooks.deployment.new_webhook()
    webhooks.fan_out(event_of(webhooks, delivery.MAX_PAYLOAD_BYTES + 1, "a"))
    assert webhooks.deployment.call("POST", f"/v1/webhooks/{hook['id']}/retry", {}).status == 202
    assert webhooks.deliver(*(queued.message for queued in lanes)) == failed()
    assert webhooks.receivers.sent == []
    (row,) = webhooks.logs(hook["id"])
    assert row["status"] == "failed"
    assert [attempt["error"] for attempt in row["attempts"]] == ["payload_too_large"] * 2
    assert webhooks.endpoint(hook["id"]).failing_since == 0, "it is no fault of the endpoint's"


def test_a_row_keeps_the_latest_attempts_only(webhooks: Webhooks, clock: Clock, lanes: list[Queued]) -> None:
    hook = webhooks.deployment.new_webhook()
    webhooks.receivers.answers[URL] = [500, 418] * KEPT_ATTEMPTS
    message = webhooks.message(hook["id"])
    webhooks.deliver(message)
    place = {name: message[name] for name in ("tenant", "webhook_id", "id")}
    outcome = {"status": "pending", "wait_seconds": 0}
    for generation in range(KEPT_ATTEMPTS // 4 + 2):
        execution = {**place, "generation": generation, "outcome": outcome}
        while webhooks.retry(execution)["status"] == "pending":
            clock.advance(60)
        webhooks.deployment.call("POST", f"/v1/webhooks/{hook['id']}/retry", {})
        webhooks.deliver(lanes.pop().message)
    (row,) = webhooks.rows(hook["id"])
    assert len(row["attempts"]) == KEPT_ATTEMPTS
    codes = [attempt["code"] for attempt in row["attempts"]]
    assert codes == [500, 418] * (KEPT_ATTEMPTS // 2) or codes == [418, 500] * (KEPT_ATTEMPTS // 2)
    assert len(webhooks.receivers.sent) > KEPT_ATTEMPTS


def test_messages_of_both_kinds_are_told_by_their_delivery(webhooks: Webhooks) -> None:
    made = delivery.new("default", "wh_1", webhooks.event())
    assert delivery.from_message(dispatch.first(made)) == made
    assert dispatch.again(made) == {"tenant": "default", "webhook_id": "wh_1", "id": made.id, "generation": 1}
    assert endpoints.key("default", "wh_1") == {"pk": "T#default#ENDPOINT", "sk": "wh_1"}
