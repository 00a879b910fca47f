"""Two lanes and the slots in them: what is attempted where and when, and what is put back."""

from threading import Event
from typing import Any

import pytest

from functions.webhooks import dispatch, endpoints, health
from hub import aws as clients
from hub import outbound, times
from hub.errors import Unavailable
from tests.conftest import Clock
from tests.contract import memory
from tests.unit.webhooks.conftest import Queued, Webhooks, failed

URL = "https://example.com/hook"
FAST, SLOW = "WebhookDeliveryQueue", "WebhookSlowDeliveryQueue"


@pytest.fixture
def hook(webhooks: Webhooks, clock: Clock) -> str:
    """A webhook whose endpoint has answered quickly before."""
    return known(webhooks)


def known(webhooks: Webhooks, **more: Any) -> str:
    """A webhook that the quick lane is for."""
    made = str(webhooks.deployment.new_webhook(**more)["id"])
    endpoints.change("default", made, slow=False)
    return made


def taking(milliseconds: int, status: int = 200) -> outbound.Response:
    return outbound.Response(status, {}, b"", milliseconds)


def test_what_has_no_slot_yet_waits_in_the_queue(webhooks: Webhooks, clock: Clock, hook: str, lanes: Any) -> None:
    for _ in range(3):
        webhooks.fan_out(*(webhooks.event() for _ in range(50)))
    at_once, spread = lanes[:100], lanes[100:]
    assert [queued.delay for queued in at_once] == [0] * 100
    # The clock stands half a minute before the next one, whose slots are 0.54 s apart: its last tenth stays free.
    assert [queued.delay for queued in spread] == [30 + -(-position * 540 // 1000) for position in range(50)]
    assert {(queued.lane, queued.group) for queued in lanes} == {(FAST, hook)}
    assert all(0 <= times.now_ms() + queued.delay * 1000 - queued.message["due"] < 1000 for queued in spread)


def test_a_slot_further_off_than_a_queue_waits_is_waited_for_in_steps(
    webhooks: Webhooks, clock: Clock, hook: str, lanes: list[Queued]
) -> None:
    endpoints.reserve("default", hook, 100 * 40)
    webhooks.fan_out(webhooks.event())
    due, delays = lanes[0].message["due"], []
    while not webhooks.receivers.sent:
        (waiting,) = lanes
        lanes.clear()
        delays.append(waiting.delay)
        clock.advance(waiting.delay)
        assert webhooks.deliver(waiting.message) == failed()
        assert all(queued.message["due"] == due for queued in lanes), "it keeps its slot"
    # Forty minutes of slots from the start of this minute, half of which is over.
    assert delays == [900, 900, 40 * 60 - 30 - 2 * 900]


@pytest.mark.parametrize(("early", "sent"), [(0, 1), (1000, 1), (1001, 0), (60_000, 0)])
def test_a_message_that_is_early_is_put_back_until_its_slot(
    webhooks: Webhooks, hook: str, lanes: list[Queued], early: int, sent: int
) -> None:
    due = times.now_ms() + early
    assert webhooks.deliver(webhooks.message(hook) | {"due": due}) == failed()
    assert len(webhooks.receivers.sent) == sent
    assert [queued.message["due"] for queued in lanes] == [due] * (1 - sent)


def test_messages_that_are_late_take_other_slots(webhooks: Webhooks, clock: Clock, hook: str, lanes: Any) -> None:
    # As after an outage: the backlog goes out at the pace, not all at once.
    late = [webhooks.message(hook) for _ in range(150)]
    clock.advance(61)
    for position in range(0, 150, 10):
        assert webhooks.deliver(*late[position : position + 10]) == failed()
    assert len(webhooks.receivers.sent) == 100
    assert len(lanes) == 50
    assert all(queued.message["due"] // 60_000 == times.now_ms() // 60_000 + 1 for queued in lanes)


def test_a_message_within_its_grace_is_sent_in_its_own_slot(webhooks: Webhooks, clock: Clock, hook: str) -> None:
    message = webhooks.message(hook)
    clock.advance(60)
    webhooks.deliver(message)
    assert len(webhooks.receivers.sent) == 1
    assert endpoints.reserve("default", hook, 100)[1] == [times.now_ms()] * 100, "no other was taken"


def test_a_paused_endpoint_gets_nothing_until_it_said(
    webhooks: Webhooks, clock: Clock, hook: str, lanes: list[Queued]
) -> None:
    until = times.now_ms() + 45_000
    endpoints.pause("default", hook, until)
    assert webhooks.deliver(webhooks.message(hook), webhooks.message(hook)) == failed()
    assert webhooks.receivers.sent == []
    assert [queued.message["due"] for queued in lanes] == [until, until]
    clock.advance(46)
    assert webhooks.deliver(*(queued.message for queued in lanes)) == failed()
    assert len(webhooks.receivers.sent) == 2


def test_a_message_of_a_slow_endpoint_changes_lanes(webhooks: Webhooks, hook: str, lanes: list[Queued]) -> None:
    endpoints.change("default", hook, slow=True)
    message = webhooks.message(hook) | {"slow": False}
    assert webhooks.deliver(message) == failed()
    assert webhooks.receivers.sent == []
    ((lane, moved),) = ((queued.lane, queued.message) for queued in lanes)
    assert (lane, moved) == (SLOW, message | {"slow": True})
    assert webhooks.deliver(moved) == failed()
    assert len(webhooks.receivers.sent) == 1


def test_new_deliveries_of_a_slow_endpoint_go_into_its_lane(webhooks: Webhooks, hook: str, lanes: list[Queued]) -> None:
    other = known(webhooks)
    endpoints.change("default", hook, slow=True)
    webhooks.fan_out(webhooks.event())
    assert {(queued.group, queued.lane) for queued in lanes} == {(hook, SLOW), (other, FAST)}


@pytest.mark.parametrize("answers", [[], [500] * 3, [429], [taking(1001)], [outbound.TimedOut()]])
def test_an_endpoint_that_never_answered_quickly_is_in_the_slow_lane(
    webhooks: Webhooks, lanes: list[Queued], answers: list[Any]
) -> None:
    """Met for the first time, a dead one holds up no other that is known."""
    webhooks.receivers.answers[URL] = list(answers)
    new = webhooks.deployment.new_webhook()["id"]
    webhooks.deliver(*(webhooks.message(new) for _ in answers))
    webhooks.fan_out(webhooks.event())
    assert {(queued.group, queued.lane) for queued in lanes} == {(new, SLOW)}


def test_one_quick_success_brings_a_new_endpoint_into_the_quick_lane(webhooks: Webhooks, lanes: list[Queued]) -> None:
    new = webhooks.deployment.new_webhook()["id"]
    webhooks.fan_out(webhooks.event())
    (first,) = lanes
    assert first.lane == SLOW
    webhooks.deliver(first.message)
    lanes.clear()
    webhooks.fan_out(webhooks.event())
    assert {(queued.group, queued.lane) for queued in lanes} == {(new, FAST)}


def test_a_retry_that_succeeds_quickly_tells_it_too(webhooks: Webhooks, clock: Clock) -> None:
    new = webhooks.deployment.new_webhook()["id"]
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(webhooks.message(new))
    assert webhooks.endpoint(new).slow
    clock.advance(2)
    assert webhooks.retry(*memory.executions())["status"] == "success"
    assert not webhooks.endpoint(new).slow


def test_another_address_is_an_endpoint_that_is_not_known(webhooks: Webhooks, hook: str) -> None:
    answer = webhooks.deployment.call("PUT", f"/v1/webhooks/{hook}", {"url": "https://other.example.com/"})
    assert answer.status == 200
    assert webhooks.endpoint(hook).slow


@pytest.mark.parametrize("answer", [taking(1001), taking(1001, 500), taking(9999)])
def test_an_answer_that_takes_long_makes_slow(webhooks: Webhooks, hook: str, answer: outbound.Response) -> None:
    webhooks.receivers.answers[URL] = [answer]
    webhooks.deliver(webhooks.message(hook))
    assert webhooks.endpoint(hook).slow


@pytest.mark.parametrize(
    ("answers", "slow"),
    [
        ([taking(1000)], False),
        ([taking(1001)], True),
        ([taking(12, 500)], True),
        ([taking(12), taking(1001)], True),
        ([taking(12), taking(12, 500)], False),
    ],
)
def test_a_quick_success_ends_being_slow(
    webhooks: Webhooks, hook: str, answers: list[outbound.Response | int], slow: bool
) -> None:
    endpoints.change("default", hook, slow=True)
    webhooks.receivers.answers[URL] = list(answers)
    webhooks.deliver(*(webhooks.message(hook) | {"slow": True} for _ in answers))
    assert webhooks.endpoint(hook).slow is slow


def test_what_is_left_in_the_slow_lane_is_sent_from_there(webhooks: Webhooks, hook: str, lanes: list[Queued]) -> None:
    webhooks.deliver(webhooks.message(hook) | {"slow": True})
    assert len(webhooks.receivers.sent) == 1
    assert lanes == []


def test_an_endpoint_that_does_not_answer_is_known_as_slow_while_it_does_not(
    webhooks: Webhooks, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = known(webhooks, url="https://quick.example.com/")
    seen, change = Event(), endpoints.change

    def noted(*place: str, **changes: Any) -> Any:
        changed = change(*place, **changes)
        if changes.get("slow"):
            seen.set()
        return changed

    def hang(url: str) -> None:
        assert url != URL or seen.wait(20), "it is not noted before it answers"

    monkeypatch.setattr(health, "SLOW_MS", 50)
    monkeypatch.setattr(endpoints, "change", noted)
    webhooks.receivers.meanwhile = hang
    assert webhooks.deliver(webhooks.message(hook), webhooks.message(quick)) == failed()
    assert not webhooks.endpoint(quick).slow
    assert {row["status"] for one in (hook, quick) for row in webhooks.logs(one)} == {"success"}


def test_an_endpoint_that_cannot_be_noted_as_slow_sends_no_batch_again(
    webhooks: Webhooks, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, change = Event(), endpoints.change

    def refuse(*place: str, **changes: Any) -> Any:
        if refused.is_set():
            return change(*place, **changes)
        refused.set()
        raise Unavailable

    def hang(_url: str) -> None:
        assert refused.wait(20)

    monkeypatch.setattr(health, "SLOW_MS", 50)
    monkeypatch.setattr(endpoints, "change", refuse)
    webhooks.receivers.meanwhile = hang
    assert webhooks.deliver(webhooks.message(hook)) == failed()
    assert [row["status"] for row in webhooks.logs(hook)] == ["success"]


def test_what_a_lane_does_not_take_stays_where_it_is(
    webhooks: Webhooks, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = webhooks.deployment.new_webhook()["id"]
    moved = webhooks.message(hook) | {"slow": False}
    endpoints.change("default", hook, slow=True)
    monkeypatch.setattr(clients.sqs(), "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
    assert webhooks.deliver(webhooks.message(other), moved) == failed(1)
    assert len(webhooks.receivers.sent) == 1


def test_retries_take_slots_like_all_others(webhooks: Webhooks, clock: Clock, hook: str) -> None:
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(webhooks.message(hook))
    endpoints.reserve("default", hook, 250)
    (execution,) = memory.executions()
    waiting = webhooks.retry(execution)
    assert waiting["status"] == "pending"
    assert waiting["due"] > times.now_ms() + 60_000
    assert webhooks.rows(hook)[0]["gsi2_sk"].startswith(str(waiting["due"])), "as the reaper sees it"
    assert len(webhooks.receivers.sent) == 1
    clock.advance(waiting["wait_seconds"])
    assert webhooks.retry(execution | {"outcome": waiting})["status"] == "success"
    assert endpoints.reserve("default", hook, 1)[1][0] < times.now_ms() + 60_000, "one slot for the attempt, no more"


def test_a_retry_that_comes_too_late_or_into_a_pause_takes_another_slot(
    webhooks: Webhooks, clock: Clock, hook: str
) -> None:
    webhooks.receivers.answers[URL] = [500]
    webhooks.deliver(webhooks.message(hook))
    endpoints.reserve("default", hook, 250)
    (execution,) = memory.executions()
    first = webhooks.retry(execution)
    clock.advance(first["wait_seconds"] + 62)
    endpoints.reserve("default", hook, 150)
    second = webhooks.retry(execution | {"outcome": first})
    assert second["due"] > first["due"]
    clock.advance(second["wait_seconds"])
    endpoints.pause("default", hook, times.now_ms() + 600_000)
    third = webhooks.retry(execution | {"outcome": second})
    assert third["due"] >= times.now_ms() + 600_000
    assert len(webhooks.receivers.sent) == 1


def test_a_retry_by_hand_waits_for_its_slot(webhooks: Webhooks, clock: Clock, hook: str, lanes: list[Queued]) -> None:
    webhooks.receivers.answers[URL] = [410]
    webhooks.deliver(webhooks.message(hook))
    webhooks.deployment.call("PUT", f"/v1/webhooks/{hook}", {"active": True})
    endpoints.reserve("default", hook, 200)
    assert webhooks.deployment.call("POST", f"/v1/webhooks/{hook}/retry", {}).status == 202
    assert [queued.delay for queued in lanes] == [90]


def test_messages_are_sorted_by_endpoint_in_their_order() -> None:
    places = enumerate([("a", "b"), ("a", "c"), ("a", "b"), ("b", "b")])
    messages = [{"tenant": tenant, "webhook_id": hook, "id": number} for number, (tenant, hook) in places]
    assert [[one["id"] for one in group] for group in dispatch.by_endpoint(messages)] == [[0, 2], [1], [3]]
