"""Events reach plugins: each once, again where that may help, and no plugin is in another's way."""

import time
from dataclasses import replace
from typing import Any

import pytest

from functions.plugins import lanes, run, runs, service, store
from hub import times
from hub.events import Caller
from hub.store import table
from tests.contract import memory
from tests.contract.connectors.fakes import OUT_OF_ORDER, SILENT, Fake, Reply, told
from tests.contract.plugins import KEY
from tests.unit.plugins.conftest import CALLER, configure, fan, happened, install, queued, work

OK = Reply(204)
REFUSED = told({"code": "bad_event", "message": f"not {KEY}"}, 400)
DONE: dict[str, Any] = {"batchItemFailures": []}


def listener(name: str = "plugin_translator") -> store.Listener:
    """What is known of how it fares."""
    (found,) = (one for one in store.listeners("acme") if one.id == name)
    return found


def test_an_event_goes_to_those_who_listen_and_to_no_others(plugin: Fake) -> None:
    install(plugin)
    install(plugin, "greeter", events=["customer.created"])
    install(plugin, caller=Caller("other", "enterprise", "ak_2", "req_2"))
    assert fan(happened(), happened(name="ticket.created"), happened(tenant="nobody")) == DONE
    assert queued("quick") == []
    (message,) = queued("slow")
    assert (message["tenant"], message["plugin"]) == ("acme", "plugin_translator")
    assert message["event"].keys() == {"id", "type", "timestamp", "requestId", "data"}


def test_a_tenant_without_plugins_costs_one_query_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    items = table.items

    def counted(query: table.Query) -> Any:
        calls.append(query.pk)
        return items(query)

    monkeypatch.setattr(table, "items", counted)
    assert fan(*(happened() for _ in range(5)), *(happened(tenant="other") for _ in range(5))) == DONE
    assert sorted(calls) == ["T#acme#PLUGIN_LISTENER", "T#other#PLUGIN_LISTENER"]
    assert queued("slow") == []


def test_an_event_is_posted_once_however_often_it_comes(plugin: Fake) -> None:
    one = install(plugin)
    event = happened()
    fan(event, event)
    messages = queued("slow")
    plugin.will(OK)
    again = work(messages)
    assert len(plugin.asked) == 1
    for message in again["batchItemFailures"]:
        assert work([messages[int(message["itemIdentifier"])]]) == DONE
    assert work(messages) == DONE
    assert len(plugin.asked) == 1
    (row,) = one.runs
    assert (row["status"], row["tries"], row["event_id"], row["name"]) == ("success", 1, event["id"], event["type"])
    posted = plugin.asked[0].json
    assert {name: posted[name] for name in ("id", "type", "timestamp", "data")} == {
        name: event[name] for name in ("id", "type", "timestamp", "data")
    }
    assert posted["config"] == {"token": KEY, "target": "en"}
    assert "tenant" not in posted


def test_one_that_answers_quickly_comes_into_the_quick_lane_and_one_that_does_not_leaves_it(
    plugin: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(plugin)
    plugin.will(OK, OK, OK, OK)
    fan(happened())
    work(queued("slow"))
    assert not listener().slow
    fan(happened(), happened())
    first, second = queued("quick")
    monkeypatch.setattr(run, "SLOW_MS", -1)
    work([first])
    assert listener().slow
    assert work([second]) == DONE
    assert len(plugin.asked) == 2, "what had come by the quick lane is handed on"
    monkeypatch.setattr(run, "SLOW_MS", 2000)
    (moved,) = queued("slow")
    work([moved])
    assert len(plugin.asked) == 3
    assert not listener().slow


def test_one_that_hangs_keeps_nobody_of_its_batch_waiting(plugin: Fake) -> None:
    with Fake() as other:
        install(plugin, "hanging")
        install(other)
        other.will(OK)
        fan(happened())
        messages = sorted(queued("slow"), key=lambda one: str(one["plugin"]))
        plugin.will(SILENT)
        started = time.monotonic()
        from threading import Thread

        worker = Thread(target=work, args=(messages,))
        worker.start()
        while not other.asked:
            assert time.monotonic() - started < 8
            time.sleep(0.01)
        plugin.closing.set()
        worker.join()
    assert [row["status"] for row in service.logged("acme", "plugin_translator_v1.0.0", _all()).items] == ["success"]
    (hung,) = service.logged("acme", "plugin_hanging_v1.0.0", _all()).items
    assert hung["status"] == "pending"


def _all() -> Any:
    from functions.plugins.models import RunParameters

    return RunParameters()


def test_what_may_pass_is_tried_again_later_and_later_and_then_given_up(plugin: Fake) -> None:
    one = install(plugin)
    fan(happened())
    (message,) = queued("slow")
    waits = []
    for tries in range(1, len(run.WAITS) + 2):
        plugin.will(OUT_OF_ORDER)
        assert work([message]) == DONE
        (row,) = one.runs
        assert row["tries"] == tries
        if tries <= len(run.WAITS):
            assert row["status"] == "pending"
            waits.append(times.epoch_ms(row["next_try_at"]) - times.epoch_ms(row["updated_at"]))
            message = again(message)
    (row,) = one.runs
    assert (row["status"], row["error"]["code"]) == ("failed", "502")
    for wait, least in zip(waits, run.WAITS, strict=True):
        assert least * 1000 <= wait <= min(least * 1200, 900_000) + 1000
    assert listener().failures == 1
    plugin.will(OK)
    fan(happened())
    work(queued("slow"))
    assert listener().failures == 0


def again(message: dict[str, Any]) -> dict[str, Any]:
    """The message of the next try, which SQS keeps back for its time; moto hands it out as time passes."""
    from tests.contract.memory import client

    url = client("sqs").get_queue_url(QueueName="PluginSlowRunsQueue")["QueueUrl"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert int(attributes["Attributes"]["ApproximateNumberOfMessagesDelayed"]) >= 1
    return {**message, "tries": message["tries"] + 1, "slow": True}


def test_a_plugin_says_how_long_it_wants_to_be_left_alone(plugin: Fake) -> None:
    one = install(plugin)
    fan(happened(), happened())
    plugin.will(Reply(429, b"", {"Retry-After": "120"}), Reply(503, b"", {"Retry-After": "86400"}))
    for message in queued("slow"):
        work([message])
    waits = [times.epoch_ms(row["next_try_at"]) - times.epoch_ms(row["updated_at"]) for row in one.runs]
    assert sorted(round(wait / 1000) for wait in waits) == [120, 900]


def test_a_run_that_died_before_it_was_queued_again_is_queued(plugin: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    one = install(plugin)
    fan(happened())
    (message,) = queued("slow")
    plugin.will(OUT_OF_ORDER)
    with monkeypatch.context() as patched:
        patched.setattr(lanes, "queue", list)
        assert work([message])["batchItemFailures"] == [{"itemIdentifier": "0"}]
    assert (one.runs[0]["status"], one.runs[0]["tries"]) == ("pending", 1)
    assert work([message]) == DONE
    assert len(plugin.asked) == 1
    again(message)


def test_a_run_whose_worker_died_is_taken_over_when_its_lease_is_over(
    plugin: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = install(plugin)
    event = happened()
    fan(event)
    (message,) = queued("slow")
    installation = one.shown["installation_id"]
    assert runs.claim("acme", installation, runs.of_event(installation, event)) is not None
    assert work([message])["batchItemFailures"] == [{"itemIdentifier": "0"}], "somebody is at it"
    monkeypatch.setattr(runs, "LEASE_MS", 0)
    now = times.now_ms()
    monkeypatch.setattr(times, "now_ms", lambda: now + 61_000)
    plugin.will(OK)
    assert work([message]) == DONE
    assert [row["status"] for row in one.runs] == ["success"]


def test_an_end_that_came_too_late_is_not_noted(plugin: Fake) -> None:
    one = install(plugin)
    installation = one.shown["installation_id"]
    taken = runs.claim("acme", installation, runs.of_event(installation, happened()))
    assert taken is not None
    other = replace(taken, status="success", tries=1, leased_until=0)
    assert runs.end("acme", installation, taken, other)
    assert not runs.end("acme", installation, taken, replace(taken, status="failed", tries=1))
    assert [row["status"] for row in one.runs] == ["success"]


def test_one_that_refuses_again_and_again_is_switched_off_with_the_reason(plugin: Fake) -> None:
    one = install(plugin)
    for number in range(run.MAX_FAILURES):
        assert one.shown["status"] == "active", number
        fan(happened())
        plugin.will(REFUSED)
        work(queued("slow"))
    assert one.shown["status"] == "error"
    assert one.shown["disabled_reason"] == {
        "code": "failing",
        "message": "10 runs failed in a row, the last with bad_event: not ***",
    }
    assert store.listeners("acme") == []
    (event,) = (one["detail"] for one in memory.published() if one["detail-type"] == "plugin.updated")
    assert event["data"]["changes"] == ["disabled_reason", "status"]
    assert event["data"]["disabled_reason"] == one.shown["disabled_reason"]
    fan(happened())
    assert queued("slow") == []
    assert service.switch(CALLER, one.id, "active")["disabled_reason"] is None
    assert listener().failures == 0


def test_a_success_in_between_keeps_it_on(plugin: Fake) -> None:
    one = install(plugin)
    for _ in range(run.MAX_FAILURES - 1):
        fan(happened())
        plugin.will(REFUSED)
        work(queued("slow"))
    plugin.will(OK, REFUSED)
    for _ in range(2):
        fan(happened())
        work([*queued("slow"), *queued("quick")])
    assert (one.shown["status"], listener().failures) == ("active", 1)


def test_one_that_is_gone_is_switched_off_at_once(plugin: Fake) -> None:
    one = install(plugin)
    fan(happened())
    plugin.will(Reply(410, b"moved out"))
    work(queued("slow"))
    assert one.shown["status"] == "error"
    assert one.shown["disabled_reason"] == {"code": "gone", "message": "the plugin says that it is gone: moved out"}


def test_a_new_config_brings_back_what_was_switched_off(plugin: Fake) -> None:
    one = install(plugin)
    reason = {"code": "failing", "message": "x"}
    service.disable("acme", one.shown["installation_id"], "plugin_translator", reason, "req")  # type: ignore[arg-type]
    assert one.shown["status"] == "error"
    configure(one, target="zh")
    assert (one.shown["status"], one.shown["disabled_reason"]) == ("active", None)


def test_what_waits_for_a_plugin_that_is_switched_off_is_noted_and_for_one_that_is_gone_dropped(plugin: Fake) -> None:
    one = install(plugin)
    fan(happened(), happened())
    first, second = queued("slow")
    service.switch(CALLER, one.id, "inactive")
    assert work([first]) == DONE
    (row,) = one.runs
    assert (row["status"], row["error"]["code"]) == ("failed", "plugin_inactive")
    service.uninstall(CALLER, one.id)
    assert work([second]) == DONE
    install(plugin)
    assert work([second]) == DONE, "it was for the installation before"
    assert plugin.asked == []
    assert one.runs == []


def test_an_event_that_is_too_long_is_told_in_the_log(plugin: Fake) -> None:
    one = install(plugin)
    fan(happened("长" * 60_000))
    work(queued("slow"))
    (row,) = one.runs
    assert (row["status"], row["error"]["code"]) == ("failed", "event_too_large")
    assert plugin.asked == []


def test_a_message_that_is_none_goes_alone(plugin: Fake) -> None:
    install(plugin)
    fan(happened())
    plugin.will(OK)
    answer = work([{"tenant": "acme"}, *queued("slow")])
    assert answer["batchItemFailures"] == [{"itemIdentifier": "0"}]
    assert len(plugin.asked) == 1


def test_two_failures_of_one_plugin_at_once_both_count(plugin: Fake) -> None:
    install(plugin)
    fan(happened(), happened())
    plugin.will(REFUSED, REFUSED)
    work(queued("slow"))
    assert listener().failures == 2
