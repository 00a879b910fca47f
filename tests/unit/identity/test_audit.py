import itertools
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from functions.identity.api_keys import service as api_keys
from functions.identity.api_keys.models import ApiKeyChange, NewApiKey
from functions.identity.audit import service, store
from functions.identity.audit.models import AuditParameters, AuditRecord
from functions.identity.users import service as users
from functions.identity.users.models import NewUser, UserChange
from functions.outbox import publisher
from hub import audit, events, ids, passwords, times
from hub.errors import InvalidRequest
from hub.store import keys, table
from hub.store.items import to_attribute
from tests.contract import memory

CALLER = events.Caller("acme", "enterprise", "ak_1", "req_1")
GOOD = "correct horse battery staple"
DAY = 86_400_000


@pytest.fixture(autouse=True)
def data_plane(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(passwords, "_COST", 2**4)
    with memory.data_plane():
        yield


def listed(**parameters: str | int) -> list[AuditRecord]:
    return service.listed("acme", AuditParameters.model_validate(parameters)).items


def walk(**parameters: str | int) -> list[str]:
    """The ids on all pages."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = service.listed("acme", AuditParameters.model_validate(parameters | {"cursor": cursor}))
        assert len(page.items) <= page.size
        found += [record["id"] for record in page.items]
        cursor = page.next
    return found


def write_rows(number: int, *, oldest: int, step: int = 1000) -> list[str]:
    """Write rows of actions on user_0 to user_4, `step` milliseconds apart; the newest id first."""
    made = []
    for count in range(number):
        at = oldest + count * step
        record = audit.record("user.updated" if count % 3 else "user.deleted", CALLER, f"user_{count % 5}")
        made.append(record | {"id": ids.new(audit.PREFIX, at), "at": at})
    table.put_many(table.activity(), [audit.row(record) for record in made])
    return [record["id"] for record in reversed(made)]


def let_time_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each reading of the clock be later than the one before: records of one millisecond have no order."""
    milliseconds = itertools.count(times.now_ms())
    monkeypatch.setattr(times, "now_ms", lambda: next(milliseconds))


def image(*, audit: Any = None, events: Any = None) -> dict[str, Any]:
    return {name: to_attribute(value) for name, value in (("audit", audit), ("events", events)) if value is not None}


def published(*records: dict[str, Any]) -> None:
    publisher.handler({"Records": [{"dynamodb": record} for record in records]}, None)


def test_everything_done_to_keys_and_users_is_there_with_who_did_it(monkeypatch: pytest.MonkeyPatch) -> None:
    let_time_pass(monkeypatch)
    memory.bootstrap("acme")
    key = api_keys.create(CALLER, NewApiKey(name="k", permissions=["read"]))
    api_keys.change(CALLER, key["id"], ApiKeyChange(permissions=["write"], expires_at=None))
    rotated = api_keys.rotate(CALLER, key["id"], 60)
    api_keys.delete(CALLER, key["id"])
    user = users.create(CALLER, NewUser(email="a@example.com", name="张三", password=GOOD))
    users.change(CALLER, user["id"], UserChange(role="admin", password="another good one"))
    users.delete(CALLER, user["id"])
    memory.published()

    done_by = [(record["actor"], record["action"]) for record in reversed(listed())]
    assert sorted(done_by[:2]) == [("operator", "api_key.created"), ("operator", "user.created")]
    assert done_by[2:] == [
        *(("ak_1", f"api_key.{done}") for done in ("created", "updated", "rotated", "deleted")),
        *(("ak_1", f"user.{done}") for done in ("created", "updated", "deleted")),
    ]
    (changed,) = listed(action="user.updated")
    assert changed["target"] == user["id"]
    assert changed["request_id"] == "req_1"
    assert changed["changes"] == {"role": "admin", "password": "***"}
    (changed,) = listed(action="api_key.updated")
    assert changed["changes"] == {"permissions": ["write"], "expires_at": None}
    everything = json.dumps(listed(limit=100))
    for secret in (key["key"], rotated["key"], GOOD, "another good one", "scrypt"):
        assert secret not in everything


def test_the_same_change_seen_twice_is_one_record() -> None:
    memory.bootstrap("acme")
    api_keys.create(CALLER, NewApiKey(name="k", permissions=["read"]))
    memory.published()
    before = listed()
    memory.published()
    assert listed() == before
    assert len(before) == 3


def test_a_record_that_the_old_image_carried_is_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    let_time_pass(monkeypatch)
    first, second = audit.record("user.created", CALLER, "user_1"), audit.record("user.updated", CALLER, "user_1")
    published({"NewImage": image(audit=first), "OldImage": image(audit=first)})
    assert listed() == []
    published(
        {"NewImage": image(audit=first)},
        {"NewImage": image(audit=first), "OldImage": image(audit=first)},
        {"NewImage": image(audit=second), "OldImage": image(audit=first)},
        {"NewImage": image(audit=second)},
        {"NewImage": image(), "OldImage": image(audit=second)},
    )
    assert [record["action"] for record in listed()] == ["user.updated", "user.created"]


def test_a_record_that_cannot_be_read_is_put_aside_and_holds_nothing_up() -> None:
    good = audit.record("user.created", CALLER, "user_1")
    broken = {name: value for name, value in good.items() if name != "tenant"}
    published({"NewImage": image(audit=broken)}, {"NewImage": image(audit=good)})
    assert len(listed()) == 1
    sqs = boto3.client("sqs", region_name=memory.REGION)
    url = sqs.get_queue_url(QueueName="PoisonEventsQueue")["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["reason"] == "'tenant'"


def test_a_row_goes_after_90_days() -> None:
    record = audit.record("user.created", CALLER, "user_1")
    published({"NewImage": image(audit=record)})
    item = table.get(table.activity(), keys.entity("acme", audit.KIND, record["id"]))
    assert item is not None
    assert item["ttl"] == record["at"] // 1000 + 90 * 86_400
    write_rows(1, oldest=times.now_ms() - 90 * DAY - 1000)
    assert [row["id"] for row in listed()] == [record["id"]]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("actor", "ak_1", 60),
        ("actor", "ak_2", 0),
        ("target", "user_3", 12),
        ("action", "user.deleted", 20),
    ],
)
def test_pages_hold_what_a_filter_lets_through_each_once(name: str, value: str, expected: int) -> None:
    rows = write_rows(60, oldest=times.now_ms() - DAY)
    wanted: dict[str, str | int] = {name: value, "limit": 7}
    found = walk(**wanted)
    assert len(found) == len(set(found)) == expected
    assert found == [row for row in rows if row in found]


def test_pages_are_read_in_few_calls_however_few_rows_match(monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(200, oldest=times.now_ms() - DAY)
    record = audit.record("user.created", CALLER, "user_1")
    oldest = record | {"id": ids.new(audit.PREFIX, times.now_ms() - 2 * DAY)}
    table.put_many(table.activity(), [audit.row(oldest)])
    pages = []
    query = table.pages

    def counted(*arguments: Any, **more: Any) -> Iterator[Any]:
        for page in query(*arguments, **more):
            pages.append(page)
            yield page

    monkeypatch.setattr(table, "pages", counted)
    assert len(listed(action="user.created", limit=1)) == 1
    assert len(pages) <= 8


def test_times_bound_what_is_shown() -> None:
    oldest = times.now_ms() // 1000 * 1000 - DAY
    rows = write_rows(10, oldest=oldest)
    third, seventh = (times.iso_ms(oldest + number * 1000) for number in (3, 7))
    both: dict[str, str | int] = {"from": third, "to": seventh, "limit": 3}
    assert walk(**both) == rows[3:7]
    assert walk(**{"from": seventh}) == rows[:3]
    assert walk(to=third) == rows[7:]
    assert walk(**{"from": seventh, "to": third}) == []
    assert walk(to="1960-01-01T00:00:00Z") == []


def test_a_cursor_from_outside_the_times_is_refused() -> None:
    oldest = times.now_ms() - DAY
    write_rows(5, oldest=oldest)
    page = service.listed("acme", AuditParameters(limit=2))
    assert page.next
    for parameters in ({"to": times.iso_ms(oldest)}, {"from": times.iso_ms(times.now_ms())}):
        with pytest.raises(InvalidRequest):
            listed(cursor=page.next, **parameters)
    for cursor in ("nonsense!", "eno"):
        with pytest.raises(InvalidRequest):
            listed(cursor=cursor)


def test_another_tenants_records_are_not_there() -> None:
    write_rows(3, oldest=times.now_ms() - DAY)
    assert store.page("other", {}, None, None, 20, "").items == []
