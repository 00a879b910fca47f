"""Endpoints that do nothing but fail: warned of after half of five days, switched off after all of them."""

from typing import Any

import pytest

from functions.webhooks import endpoints, statistics
from hub import outbound, times
from hub.errors import Unavailable
from hub.store import table
from tests.conftest import Clock
from tests.contract import memory
from tests.unit.webhooks.conftest import Webhooks, failed

URL = "https://example.com/hook"
DAY = 86_400


@pytest.fixture
def hook(webhooks: Webhooks, clock: Clock) -> str:
    """A webhook, which nothing was sent to yet."""
    return str(webhooks.deployment.new_webhook()["id"])


def send(webhooks: Webhooks, hook: str, *answers: Any) -> None:
    """Have the endpoint answer deliveries so, one after the other."""
    for answer in answers:
        webhooks.receivers.answers[URL] = [answer]
        assert webhooks.deliver(webhooks.message(hook)) == failed()


def names(webhooks: Webhooks, hook: str) -> list[str]:
    return [event["type"] for event in webhooks.told(hook)]


def test_five_days_of_failure_are_warned_of_once_and_end_in_disabling(
    webhooks: Webhooks, clock: Clock, hook: str
) -> None:
    since = times.now()
    while webhooks.webhook(hook).active and times.now() < since + 6 * DAY:
        send(webhooks, hook, 500, outbound.TimedOut())
        clock.advance(DAY / 8)
    failing, disabled = webhooks.told(hook)
    known = {"webhook_id": hook, "url": URL, "failing_since": times.iso(since)}
    assert (failing["type"], disabled["type"]) == ("webhook.failing", "webhook.disabled")
    assert failing["data"] == known | {"disabled_from": times.iso(since + 5 * DAY)}
    assert disabled["data"] == known | {"reason": "failing", "disabled_at": times.iso(since + 5 * DAY)}
    assert failing["timestamp"] == times.iso_ms((since + 5 * DAY // 2) * 1000)
    stored = webhooks.deployment.call("GET", f"/v1/webhooks/{hook}").json["data"]
    assert (stored["active"], stored["disabled_reason"]) == (False, "failing")
    assert stored["disabled_at"] == times.iso(since + 5 * DAY)


def test_one_success_resets_it(webhooks: Webhooks, clock: Clock, hook: str) -> None:
    for _ in range(3):
        send(webhooks, hook, 500)
        clock.advance(2.4 * DAY)
        send(webhooks, hook, 500, 200)
    clock.advance(2.4 * DAY)
    send(webhooks, hook, 500)
    assert names(webhooks, hook) == []
    assert webhooks.webhook(hook).active


def test_a_warning_is_repeated_when_it_fails_anew(webhooks: Webhooks, clock: Clock, hook: str) -> None:
    for _ in range(2):
        send(webhooks, hook, 500)
        clock.advance(3 * DAY)
        send(webhooks, hook, 500, 500, 200)
    assert names(webhooks, hook) == ["webhook.failing", "webhook.failing"]


def test_a_retry_that_succeeds_resets_it_too(webhooks: Webhooks, clock: Clock, hook: str) -> None:
    send(webhooks, hook, 500)
    clock.advance(4.9 * DAY)
    assert webhooks.retry(*memory.executions())["status"] == "success"
    assert webhooks.endpoint(hook).failing_since == 0
    clock.advance(DAY)
    send(webhooks, hook, 500)
    assert webhooks.webhook(hook).active


def test_a_time_of_failing_that_was_left_standing_disables_nothing(webhooks: Webhooks, clock: Clock, hook: str) -> None:
    send(webhooks, hook, 500)
    standing = webhooks.endpoint(hook).failing_since
    clock.advance(2 * DAY)
    send(webhooks, hook, 200)
    # A failure that ended at the same moment noted its time after the success had cleared it.
    endpoints.change("default", hook, failing_since=standing)
    clock.advance(3 * DAY)
    send(webhooks, hook, 500)
    assert webhooks.webhook(hook).active
    assert webhooks.endpoint(hook).failing_since == 0
    send(webhooks, hook, 500)
    assert webhooks.endpoint(hook).failing_since == times.now_ms()


def test_switching_on_again_starts_anew(webhooks: Webhooks, clock: Clock, hook: str) -> None:
    send(webhooks, hook, 500)
    clock.advance(5 * DAY)
    send(webhooks, hook, 500)
    assert not webhooks.webhook(hook).active
    answer = webhooks.deployment.call("PUT", f"/v1/webhooks/{hook}", {"active": True})
    told = answer.json["data"]
    assert (told["active"], told["disabled_reason"], told["disabled_at"]) == (True, None, None)
    assert webhooks.endpoint(hook) == endpoints.Endpoint()
    send(webhooks, hook, 500)
    assert webhooks.webhook(hook).active
    assert webhooks.endpoint(hook).failing_since == times.now_ms()


def test_a_webhook_that_its_owner_switched_off_has_no_reason(webhooks: Webhooks, hook: str) -> None:
    told = webhooks.deployment.call("PUT", f"/v1/webhooks/{hook}", {"active": False}).json["data"]
    assert (told["active"], told["disabled_reason"], told["disabled_at"]) == (False, None, None)


def test_what_changed_meanwhile_is_asked_again_at_the_next_failure(webhooks: Webhooks, clock: Clock, hook: str) -> None:
    send(webhooks, hook, 500)
    clock.advance(3 * DAY)
    change = {"description": "changed while the attempt ran"}
    webhooks.receivers.meanwhile = lambda _: webhooks.deployment.call("PUT", f"/v1/webhooks/{hook}", change)
    send(webhooks, hook, 500)
    assert names(webhooks, hook) == []
    webhooks.receivers.meanwhile = lambda _: None
    send(webhooks, hook, 500, 500)
    assert names(webhooks, hook) == ["webhook.failing"]
    assert webhooks.webhook(hook).description == change["description"]


def test_two_workers_that_see_the_end_tell_it_once(webhooks: Webhooks, clock: Clock, hook: str) -> None:
    send(webhooks, hook, 500)
    clock.advance(6 * DAY)
    webhooks.receivers.answers[URL] = [500, 500]
    first, second = (webhooks.message(hook) for _ in range(2))

    def other_worker(_url: str) -> None:
        webhooks.receivers.meanwhile = lambda _: None
        webhooks.deliver(second)

    webhooks.receivers.meanwhile = other_worker
    webhooks.deliver(first)
    assert names(webhooks, hook) == ["webhook.disabled"]


def test_statistics_that_cannot_be_written_hold_up_nothing(
    webhooks: Webhooks, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable

    write = table.write
    counted = (statistics.KIND,)
    monkeypatch.setattr(
        table, "write", lambda one, *more: refuse() if counted[0] in str(getattr(one, "key", "")) else write(one, *more)
    )
    send(webhooks, hook, 200, 500)
    assert sorted(row["status"] for row in webhooks.logs(hook)) == ["pending", "success"]
