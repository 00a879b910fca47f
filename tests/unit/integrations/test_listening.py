"""What integrations hear: their own events keep their schedules, everybody's are forwarded to those that subscribe."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.integrations import listen, schedule, service, store
from functions.integrations.forwards import words
from functions.integrations.models import IntegrationChange, NewIntegration
from functions.integrations.syncs import service as syncs
from hub import aws as clients
from hub import events, ids, schedules
from hub.events import Caller
from hub.web.validation import PageParameters
from tests.conftest import Clock
from tests.contract import memory
from tests.unit.connectors.configs import CONFIGS
from tests.unit.integrations.running import CALLER, Source, all_records, begin, integrate, run
from tests.unit.interruptions import Calls
from tests.unit.racing import race

pytestmark = pytest.mark.usefixtures("aws")

TELEGRAM = {"bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "chat_id": "42"}


def listening(service_type: str = "telegram", config: dict[str, Any] | None = None, **settings: Any) -> str:
    """A new integration; its id."""
    wanted = {"name": "一", "service_type": service_type, "config": config or TELEGRAM, "settings": settings}
    return service.create(CALLER, NewIntegration.model_validate(wanted))["id"]


def hear(*bodies: Any) -> list[str]:
    """Hand the listener messages of its queue; the ids of those that failed."""
    records = [{"messageId": str(number), "body": json.dumps(body)} for number, body in enumerate(bodies)]
    return [one["itemIdentifier"] for one in listen.handler({"Records": records}, None)["batchItemFailures"]]


def deliver() -> None:
    """Publish what has happened and let the listener hear it all."""
    memory.published()
    while bodies := [json.loads(body) for body in memory.received("IntegrationEventsQueue")]:
        assert hear(*bodies) == []


def happened(name: str, data: dict[str, Any] | None = None, tenant: str = "default") -> dict[str, Any]:
    return {"detail": events.event(name, Caller(tenant, "", "user_1", "req_1"), data or {"name": "张三"})}


def posts() -> list[dict[str, Any]]:
    return [json.loads(body) for body in memory.received("IntegrationForwardQueue")]


def scheduled() -> dict[str, str]:
    """Every schedule there is, and how often."""
    client = clients.scheduler()
    names = [one["Name"] for one in client.list_schedules(GroupName="hub")["Schedules"]]
    return {name: client.get_schedule(Name=name, GroupName="hub")["ScheduleExpression"] for name in names}


def change(one: str, **wanted: Any) -> None:
    service.change(CALLER, one, IntegrationChange.model_validate(wanted))


def test_a_schedule_follows_its_integration() -> None:
    one = integrate(auto_sync=True, sync_interval=300)
    name = f"default.{one}"
    deliver()
    assert scheduled() == {name: "rate(5 minutes)"}
    target = clients.scheduler().get_schedule(Name=name, GroupName="hub")["Target"]
    assert target["Arn"].endswith(":IntegrationEventsQueue")
    assert json.loads(target["Input"]) == {"do": "sync", "tenant": "default", "integration_id": one}
    for wanted, found in (
        ({"settings": {"sync_interval": 90}}, {name: "rate(2 minutes)"}),
        ({"status": "inactive"}, {}),
        ({"status": "active"}, {name: "rate(2 minutes)"}),
        ({"settings": {"auto_sync": False}}, {}),
        ({"settings": {"auto_sync": True}}, {name: "rate(2 minutes)"}),
        ({"config": {"records_url": None}}, {}),
        ({"config": {"records_url": "http://127.0.0.1:1/", "token": "a"}}, {name: "rate(2 minutes)"}),
    ):
        change(one, **wanted)
        deliver()
        assert scheduled() == found, wanted
    service.note(CALLER, store.get("default", one), {"code": "401", "message": "revoked"})
    deliver()
    assert scheduled() == {}, "one in error does not sync"
    change(one, status="active")
    deliver()
    assert scheduled() == {name: "rate(2 minutes)"}
    service.delete(CALLER, one)
    deliver()
    assert scheduled() == {}


def test_a_name_that_changes_does_not_begin_the_interval_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    one = integrate(auto_sync=True)
    made: list[str] = []
    monkeypatch.setattr(schedule, "reconcile", lambda *_: made.append("anew"))
    change(one, name="新的名称")
    [changed] = [event for event in memory.told() if event["type"] == "integration.updated"]
    assert changed["data"]["changes"] == ["name"]
    assert hear({"detail": changed}) == []
    assert not made


def test_one_that_only_takes_messages_has_no_schedule() -> None:
    config = {"webhook_url": "https://hooks.slack.com/services/..."}
    listening("slack", config, auto_sync=True)
    listening(auto_sync=True)
    readable = listening(
        "slack",
        {"bot_token": "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy", "channel": "#general"},
        auto_sync=True,
    )
    deliver()
    assert scheduled() == {f"default.{readable}": "rate(60 minutes)"}


@pytest.mark.parametrize("after", [False, True])
def test_wherever_it_dies_the_schedule_is_right_in_the_end(monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    calls = Calls(monkeypatch)
    for at in range(30):
        one = integrate(auto_sync=True)
        [created] = [event for event in memory.told() if event["data"]["integration_id"] == one]
        service.delete(CALLER, one)
        deleted = memory.told()[-1]
        # The event of the creation comes late: what counts is what the integration is by now.
        deaths = 0
        for event in (deleted, created):
            with calls.dying(at, after) as died:
                hear({"detail": event})
            if died:
                deaths += 1
                assert hear({"detail": event}) == []
            assert scheduled() == {}
        if not deaths:
            return
    raise AssertionError("it never ends")


def test_of_two_changes_that_are_seen_to_at_once_the_later_one_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    one = integrate(auto_sync=True)
    put = schedules.put

    def late(*given: Any) -> None:
        monkeypatch.setattr(schedules, "put", put)
        change(one, settings={"auto_sync": False})
        schedule.reconcile("default", one)
        put(*given)

    monkeypatch.setattr(schedules, "put", late)
    schedule.reconcile("default", one)
    assert scheduled() == {}


def test_many_at_once_leave_one_schedule() -> None:
    one = integrate(auto_sync=True)
    race(5, lambda _: schedule.reconcile("default", one))
    assert scheduled() == {f"default.{one}": "rate(60 minutes)"}


def test_a_sync_that_is_due_is_begun_once(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.connectors.connector", lambda _: Source())
    one = integrate(auto_sync=True)
    due = {"do": "sync", "tenant": "default", "integration_id": one}
    by_hand = begin(one)
    assert hear(due, due) == []
    assert [sync["id"] for sync in syncs.listed("default", one, PageParameters()).items] == [by_hand["id"]]
    run(by_hand, clock)
    assert hear(due) == []
    found = syncs.listed("default", one, PageParameters()).items
    assert sorted(sync["trigger"] for sync in found) == ["manual", "schedule"]


def test_a_sync_of_what_is_gone_or_switched_off_is_not_due() -> None:
    gone, off = integrate(auto_sync=True), integrate(auto_sync=True)
    deliver()
    service.delete(CALLER, gone)
    change(off, status="inactive")
    assert hear(*({"do": "sync", "tenant": "default", "integration_id": one} for one in (gone, off))) == []
    assert memory.executions("IntegrationSyncStateMachine") == []
    assert scheduled() == {f"default.{off}": "rate(60 minutes)"}, "what is gone leaves nothing behind"


def test_records_go_with_their_integration(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(page=100)
    for number in range(30):
        source.put(str(number), 1)
    monkeypatch.setattr("hub.connectors.connector", lambda _: source)
    monkeypatch.setattr(listen, "FORGOTTEN_TOGETHER", 10)
    one = integrate()
    run(begin(one), clock)
    service.delete(CALLER, one)
    [deleted] = [event for event in memory.told() if event["type"] == "integration.deleted"]
    assert hear({"detail": deleted}) == []
    assert len(all_records(one)) == 30
    assert hear({"do": "forget", "tenant": "default", "integration_id": one}) == []
    assert 0 < len(all_records(one)) < 30
    deliver()
    for _ in range(5):
        hear({"do": "forget", "tenant": "default", "integration_id": one})
    assert not all_records(one)


def test_an_event_goes_to_those_that_subscribe() -> None:
    chinese = listening(forward_events=["ticket.*"])
    english = listening(forward_events=["ticket.created", "user.created"], language="en-US")
    listening(forward_events=["order.*"])
    off = listening(forward_events=["*"])
    change(off, status="inactive")
    event = happened("ticket.created", {"ticket_id": "ticket_1", "title": "产品咨询", "priority": "high"})
    assert hear(event, happened("ticket.created", tenant="other")) == []
    found = {post["integration_id"]: post for post in posts()}
    assert found.keys() == {chinese, english}
    assert found[chinese]["text"] == "【新的工单】\n标题:产品咨询\n优先级:high\n编号:ticket_1"
    assert found[english]["text"] == "[New ticket]\nTitle: 产品咨询\nPriority: high\nId: ticket_1"
    assert {post["event_id"] for post in found.values()} == {event["detail"]["id"]}


def test_events_of_a_tenant_that_forwards_nothing_cost_one_query(monkeypatch: pytest.MonkeyPatch) -> None:
    listening()
    calls = Calls(monkeypatch)
    with calls.dying(99, after=False):
        assert hear(*(happened("user.created") for _ in range(50))) == []
    assert calls.made == ["Query"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("message.received", lambda one, signature: {"integration_id": "int_other", "text": f"…\n{signature}"}),
        ("conversation.message", lambda one, signature: {"text": signature}),
        ("forward.succeeded", lambda one, signature: {"content": signature}),
        ("message.received", lambda one, _: {"integration_id": one, "text": "你好"}),
        ("message.sent", lambda one, _: {"integration_id": one, "text": "你好"}),
    ],
)
@pytest.mark.parametrize("service_type", ["telegram", "kook", "discord"])
def test_what_forwarding_causes_is_not_forwarded(
    service_type: str, name: str, data: Callable[[str, str], dict[str, Any]]
) -> None:
    one = listening(forward_events=["*"])
    before = happened("user.created")["detail"]
    event = happened(name, data(one, words.signature(before, service_type)))
    assert hear(event) == []
    assert posts() == []


def test_what_was_forwarded_out_of_kook_does_not_go_back_in() -> None:
    listening("kook", {"token": "1/MTA=/a", "channel_id": "1"}, forward_events=["forward.*"])
    assert hear(happened("forward.succeeded")) == []
    assert posts() == []


@pytest.mark.parametrize(
    ("trigger", "told"), [("callback", {"slack"}), ("schedule", {"slack", "github", "http", "jira"})]
)
def test_of_a_sync_that_a_callback_began_is_not_told_where_a_post_calls_back(trigger: str, told: set[str]) -> None:
    types = {listening(name, CONFIGS[name], forward_events=["*"]): name for name in ("slack", "github", "http", "jira")}
    synced = {"integration_id": "int_other", "trigger": trigger, "added": 1}
    for event in (happened("integration.synced", synced), happened("integration.sync_failed", synced)):
        assert hear(event) == []
        assert {types[post["integration_id"]] for post in posts()} == told


def test_a_failure_is_told_elsewhere_and_not_to_the_one_that_failed() -> None:
    one, other = (listening(forward_events=["integration.updated"]) for _ in range(2))
    deliver()
    service.note(CALLER, store.get("default", one), {"code": "401", "message": "revoked"})
    deliver()
    [post] = posts()
    assert post["integration_id"] == other
    assert "错误信息:revoked" in post["text"]


def test_what_cannot_be_read_or_seen_to_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.errors import Unavailable

    listening(forward_events=["*"])
    one = integrate(auto_sync=True)
    memory.published()
    memory.received("IntegrationEventsQueue")

    def broken(*_: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(schedules, "put", broken)
    created = [event for event in memory.told() if event["data"]["integration_id"] == one]
    gone = {"do": "sync", "tenant": "x", "integration_id": ids.new("int")}
    strange = ({"tenant": "default"}, {"tenant": "default", "do": "dance", "integration_id": one})
    assert hear({"detail": created[0]}, [], happened("user.created"), gone, *strange) == ["0", "1", "4", "5"]
    assert len(posts()) == 1
