import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import aws as clients
from hub import schedules
from hub.errors import Unavailable
from hub.store.keys import TENANT_PATTERN

QUEUE = "arn:aws:sqs:us-east-1:123456789012:Subscriber"

pytestmark = pytest.mark.usefixtures("aws")


def found(name: str) -> dict[str, Any]:
    return dict(clients.scheduler().get_schedule(Name=name, GroupName="hub"))


@pytest.mark.parametrize(
    ("seconds", "expression"),
    [
        (0, "rate(1 minute)"),
        (60, "rate(1 minute)"),
        (61, "rate(2 minutes)"),
        (300, "rate(5 minutes)"),
        (604_800, "rate(10080 minutes)"),
    ],
)
def test_a_schedule_sends_to_a_queue_every_so_many_minutes(seconds: int, expression: str) -> None:
    schedules.put("acme.int_1", seconds, QUEUE, {"id": "整合"})
    schedule = found("acme.int_1")
    assert schedule["ScheduleExpression"] == expression
    assert schedule["Target"]["Arn"] == QUEUE
    assert schedule["Target"]["RoleArn"] == "arn:aws:iam::123456789012:role/schedules"
    assert json.loads(schedule["Target"]["Input"]) == {"id": "整合"}


def test_the_latest_replaces_what_had_the_name() -> None:
    schedules.put("acme.int_1", 60, QUEUE, {"n": 1})
    schedules.put("acme.int_1", 3600, QUEUE, {"n": 2})
    schedule = found("acme.int_1")
    assert schedule["ScheduleExpression"] == "rate(60 minutes)"
    assert json.loads(schedule["Target"]["Input"]) == {"n": 2}
    assert len(clients.scheduler().list_schedules(GroupName="hub")["Schedules"]) == 1


def test_it_is_gone_once_deleted_and_deleting_again_is_fine() -> None:
    schedules.put("acme.int_1", 60, QUEUE, {})
    for _ in range(2):
        schedules.delete("acme.int_1")
        assert clients.scheduler().list_schedules(GroupName="hub")["Schedules"] == []


def test_one_that_is_deleted_between_the_two_calls_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    schedules.put("acme.int_1", 60, QUEUE, {"n": 1})
    client, update = clients.scheduler(), clients.scheduler().update_schedule

    def gone(**parameters: Any) -> Any:
        schedules.delete("acme.int_1")
        return update(**parameters)

    monkeypatch.setattr(client, "update_schedule", gone)
    schedules.put("acme.int_1", 60, QUEUE, {"n": 2})
    assert json.loads(found("acme.int_1")["Target"]["Input"]) == {"n": 2}


def test_two_that_make_and_delete_it_without_end_do_not_keep_us(monkeypatch: pytest.MonkeyPatch) -> None:
    client = clients.scheduler()
    create, update = client.create_schedule, client.update_schedule

    def made(**parameters: Any) -> Any:
        create(**parameters)
        return create(**parameters)

    def gone(**parameters: Any) -> Any:
        schedules.delete("acme.int_1")
        return update(**parameters)

    monkeypatch.setattr(client, "create_schedule", made)
    monkeypatch.setattr(client, "update_schedule", gone)
    with pytest.raises(Unavailable):
        schedules.put("acme.int_1", 60, QUEUE, {})


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_regex(TENANT_PATTERN), st.text(min_size=1, max_size=80))
def test_a_name_is_one_that_scheduler_takes(tenant: str, thing: str) -> None:
    assert re.fullmatch(r"[0-9a-zA-Z_.-]{1,64}", schedules.named(tenant, thing))


def test_no_two_things_share_a_name_and_an_id_can_be_read_in_its_own() -> None:
    longest = "a" * 32
    pairs = [("a", "b-c"), ("a-b", "c"), ("a", "b#c"), ("a", "b%23c"), (longest, "x" * 32), (longest, "x" * 33)]
    assert len({schedules.named(*pair) for pair in pairs}) == len(pairs)
    one = "int_01M7WKAZHYMEQEM99NJSQK9VG9"
    assert schedules.named(longest, one) == f"{longest}.{one}"
