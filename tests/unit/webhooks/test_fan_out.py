import json
from typing import Any

import pytest

from hub import aws as clients
from tests.conftest import new_tenant
from tests.unit.webhooks.conftest import Webhooks, failed


def test_each_subscriber_gets_one_message(webhooks: Webhooks) -> None:
    wanted = {
        webhooks.deployment.new_webhook(events=names)["id"]
        for names in (["*"], ["api_key.*"], ["api_key.created"], ["user.created", "api_key.created"])
    }
    for names in (["api_key.deleted"], ["user.*"]):
        webhooks.deployment.new_webhook(events=names)
    webhooks.deployment.new_webhook(events=["*"], active=False)
    event = webhooks.event(name_="中")
    assert webhooks.fan_out(event) == failed()
    queued = webhooks.queued()
    assert {message["webhook_id"] for message in queued} == wanted
    assert len(queued) == len(wanted)
    assert {message["event_id"] for message in queued} == {event["id"]}


def test_an_event_goes_only_where_the_filter_lets_it(webhooks: Webhooks) -> None:
    """Where it does not, it is not missed either: a webhook that is inactive gets no row of it."""
    wanted = {"data": {"label": [{"prefix": "prod"}], "uses": [{"numeric": [">", 10]}]}}
    webhook = webhooks.deployment.new_webhook(events=["*"], filter=wanted)
    inactive = webhooks.deployment.new_webhook(events=["*"], filter=wanted, active=False)
    other = webhooks.deployment.new_webhook(events=["user.*"], filter=wanted)
    passed, *_ = happened = [
        webhooks.event(label="production", uses=11),
        webhooks.event(label="production", uses=10),
        webhooks.event(label="test", uses=11),
        webhooks.event(label="production"),
    ]
    assert webhooks.fan_out(*happened) == failed()
    assert [(one["webhook_id"], one["event_id"]) for one in webhooks.queued()] == [(webhook["id"], passed["id"])]
    assert [row["payload"]["id"] for row in webhooks.logs(inactive["id"])] == [passed["id"]]
    assert webhooks.logs(other["id"]) == []


def test_no_event_reaches_another_tenant(webhooks: Webhooks) -> None:
    new_tenant("other").new_webhook()
    mine = webhooks.deployment.new_webhook()
    webhooks.fan_out(webhooks.event())
    assert [(message["tenant"], message["webhook_id"]) for message in webhooks.queued()] == [("default", mine["id"])]


def test_an_event_sent_twice_makes_the_same_deliveries(webhooks: Webhooks) -> None:
    webhooks.deployment.new_webhook()
    event = webhooks.event()
    webhooks.fan_out(event)
    webhooks.fan_out(event)
    first, second = webhooks.queued()
    assert first["id"] == second["id"]
    assert first["body"] == second["body"]


def test_a_deleted_webhook_gets_nothing(webhooks: Webhooks) -> None:
    webhook = webhooks.deployment.new_webhook()
    webhooks.deployment.call("DELETE", f"/v1/webhooks/{webhook['id']}")
    assert webhooks.fan_out(webhooks.event()) == failed()
    assert webhooks.queued() == []


@pytest.mark.parametrize(
    "broken",
    ["", "{", "[]", "{}", {}, {"id": "a"}, {"id": "a", "type": "b", "timestamp": "c"}, None, "text", ["list"]],
    ids=str,
)
def test_a_broken_message_goes_alone(webhooks: Webhooks, broken: Any) -> None:
    webhooks.deployment.new_webhook()
    assert webhooks.fan_out(webhooks.event(), broken, webhooks.event()) == failed(1)
    assert len(webhooks.queued()) == 2


def test_an_event_without_its_envelope_is_one_too(webhooks: Webhooks) -> None:
    webhooks.deployment.new_webhook()
    event = webhooks.event()
    assert webhooks.fan_out(json.dumps(event), event) == failed()
    assert {message["event_id"] for message in webhooks.queued()} == {event["id"]}


def test_events_that_the_queue_did_not_take_stay(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(6):
        webhooks.deployment.new_webhook()

    def refuse(**parameters: Any) -> dict[str, Any]:
        return {"Failed": [{"Id": entry["Id"]} for entry in parameters["Entries"] if entry["Id"] in ("7", "10")]}

    monkeypatch.setattr(clients.sqs(), "send_message_batch", refuse)
    assert webhooks.fan_out(webhooks.event(), webhooks.event(), webhooks.event()) == failed(1)
