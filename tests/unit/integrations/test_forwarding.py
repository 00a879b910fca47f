"""Posts of events: once, in parts, at a provider's pace and on its terms; one that refuses for good is left alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.integrations import forward, service
from functions.integrations.forwards import store
from functions.integrations.models import IntegrationChange, NewIntegration
from hub import ids, times
from tests.conftest import Clock
from tests.contract import memory
from tests.contract.connectors.fakes import Fake, Reply, told
from tests.unit.integrations.running import CALLER
from tests.unit.interruptions import Calls
from tests.unit.racing import race

pytestmark = pytest.mark.usefixtures("aws")

SENT = told({"ok": True, "result": {"message_id": 7, "chat": {"id": 42}}})
REVOKED = told({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)
TOO_LONG = told({"ok": False, "error_code": 400, "description": "Bad Request: message is too long"}, 400)
BROKEN = Reply(502, b"<html>")


@pytest.fixture
def telegram(clock: Clock) -> Iterator[Fake]:
    """Telegram, on loopback."""
    with Fake() as fake:
        yield fake


def listening(telegram: Fake) -> str:
    config = {"bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "chat_id": "42", "base_url": telegram.url}
    settings = {"forward_events": ["*"]}
    wanted = {"name": "一", "service_type": "telegram", "config": config, "settings": settings}
    return service.create(CALLER, NewIntegration.model_validate(wanted))["id"]


def post(one: str, **more: Any) -> dict[str, Any]:
    event_id = ids.new("evt")
    known = {"tenant": "default", "integration_id": one, "event_id": event_id, "text": "【新用户】\n名称:张三"}
    return {**known, "signature": f"2026-11-20 13:00:30 UTC · {event_id}", "due": 0, "tries": 0, **more}


def take(*posts: Any) -> list[str]:
    """Hand the function a batch; the ids of what is to come again."""
    records = [{"messageId": str(number), "body": json.dumps(one)} for number, one in enumerate(posts)]
    return [one["itemIdentifier"] for one in forward.handler({"Records": records}, None)["batchItemFailures"]]


def queued() -> list[dict[str, Any]]:
    sqs = memory.client("sqs")
    url = sqs.get_queue_url(QueueName="IntegrationForwardQueue")["QueueUrl"]
    from moto.sqs.models import sqs_backends

    queue = sqs_backends["123456789012"]["us-east-1"].get_queue(url.rpartition("/")[2])
    found = [json.loads(message.body) for message in queue._messages]
    queue._messages.clear()
    return found


def texts_of(telegram: Fake) -> list[str]:
    return [asked.json["text"] for asked in telegram.asked]


def test_an_event_is_posted_once(telegram: Fake) -> None:
    one = post(listening(telegram))
    telegram.will(SENT)
    for _ in range(2):
        assert take(one, one) in ([], ["1"], ["0"])
    assert texts_of(telegram) == [f"{one['text']}\n{one['signature']}"]
    assert telegram.asked[0].json["chat_id"] == "42"


def test_a_long_one_goes_in_parts_that_are_each_known_again(telegram: Fake, clock: Clock) -> None:
    one = post(listening(telegram), text="好" * 6000)
    telegram.will(SENT, BROKEN)
    assert take(one) == []
    [again] = queued()
    assert again["tries"] == 1
    telegram.will(SENT)
    clock.advance(60)
    assert take({**again, "due": times.now_ms()}) == []
    parts = texts_of(telegram)
    assert len(parts) == 3
    assert parts[1] == parts[2] != parts[0], "what was posted is not posted again"
    assert all(part.endswith(one["signature"]) and len(part) <= 4096 for part in parts)
    assert sum(part.count("好") for part in (parts[0], parts[2])) == 6000


def test_posts_keep_a_provider_s_pace(telegram: Fake, clock: Clock) -> None:
    one = listening(telegram)
    telegram.will(*[SENT] * 100)
    assert take(*(post(one) for _ in range(100))) == []
    early = len(telegram.asked)
    waiting = queued()
    assert early + len(waiting) == 100
    assert 0 < early < 100
    assert all(later["due"] > times.now_ms() + forward.EARLY_MS for later in waiting)
    clock.advance(30)
    assert take(*waiting) == []
    assert len(telegram.asked) == 100


def test_what_would_wait_too_long_is_dropped(telegram: Fake) -> None:
    one = listening(telegram)
    telegram.will(SENT)
    assert take(post(one, due=times.now_ms() + forward.MAX_AHEAD_MS + 1)) == []
    assert (queued(), telegram.asked) == ([], [])


def test_a_provider_s_limit_is_honoured(telegram: Fake, clock: Clock) -> None:
    one = listening(telegram)
    telegram.will(told({"ok": False, "error_code": 429, "description": "slow", "parameters": {"retry_after": 30}}, 429))
    assert take(post(one)) == []
    [again] = queued()
    assert (again["due"], again["tries"]) == (times.now_ms() + 30_000, 1)
    assert take(post(one)) == []
    assert len(telegram.asked) == 1, "nothing goes there meanwhile"
    [other] = queued()
    assert other["due"] >= again["due"]
    clock.advance(31)
    telegram.will(SENT, SENT)
    assert take(again, other) == []
    for later in queued():
        clock.advance(2)
        assert take(later) == []
    assert len(telegram.asked) == 3


def test_trouble_on_the_way_is_tried_again_with_longer_waits_and_not_for_ever(telegram: Fake, clock: Clock) -> None:
    one = post(listening(telegram))
    telegram.will(*[BROKEN] * 10)
    waits = []
    pending = [one]
    while pending:
        assert take(pending[0]) == []
        pending = queued()
        for later in pending:
            waits.append((later["due"] - times.now_ms()) // 1000)
            clock.advance(waits[-1])
    assert waits == [4, 16, 64, 256, 1024]
    assert len(telegram.asked) == forward.MAX_TRIES
    assert take(one) == []
    assert len(telegram.asked) == forward.MAX_TRIES, "given up is given up"


def test_what_is_refused_for_good_is_not_tried_again(telegram: Fake) -> None:
    one = listening(telegram)
    telegram.will(TOO_LONG, SENT)
    assert take(post(one)) == []
    assert queued() == []
    assert service.get("default", one)["status"] == "active"
    assert take(post(one)) == []
    assert len(telegram.asked) == 2


def test_one_that_takes_nothing_any_more_is_in_error_and_left_alone(telegram: Fake) -> None:
    one = listening(telegram)
    telegram.will(REVOKED)
    assert take(post(one)) == []
    shown = service.get("default", one)
    assert (shown["status"], shown["error"] is None) == ("error", False)
    assert take(post(one), post(one)) == []
    assert len(telegram.asked) == 1
    service.change(CALLER, one, IntegrationChange(status="active"))
    telegram.will(SENT)
    assert take(post(one)) == []
    assert len(telegram.asked) == 2


def test_nothing_is_posted_where_nothing_is(telegram: Fake) -> None:
    one, off = listening(telegram), listening(telegram)
    service.delete(CALLER, one)
    service.change(CALLER, off, IntegrationChange(status="inactive"))
    assert take(post(one), post(off), {"broken": True}) == ["2"]
    assert (queued(), telegram.asked) == ([], [])


def test_of_many_that_take_a_post_one_has_it(telegram: Fake) -> None:
    def one_of(_: int) -> Any:
        try:
            return store.take("default", "int_1", "evt_1")
        except store.Taken:
            return "taken"

    assert sorted(map(str, race(5, one_of))) == ["0", *["taken"] * 4]


@pytest.mark.parametrize("after", [False, True])
def test_wherever_it_dies_the_event_is_posted(
    telegram: Fake, clock: Clock, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    one, calls = listening(telegram), Calls(monkeypatch)
    for at in range(20):
        telegram.asked.clear()
        telegram.will(*[SENT] * 3)
        wanted = post(one)
        with calls.dying(at, after) as died:
            take(wanted)
        clock.advance(store.LEASE_SECONDS + 1)
        for _ in range(2):
            assert take(wanted) == []
        assert 1 <= len(telegram.asked) <= 2, "a second time at most where nobody could note the first"
        telegram.replies.clear()
        if not died:
            assert len(telegram.asked) == 1
            return
    raise AssertionError("it never ends")


MOVED = told(
    {
        "ok": False,
        "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": -100123},
    },
    400,
)


def test_a_group_that_moved_is_posted_to_under_its_new_id_from_then_on(telegram: Fake) -> None:
    one = listening(telegram)
    telegram.will(MOVED, SENT, SENT)
    assert take(post(one)) == []
    event = memory.published()[-1]["detail"]["data"]
    assert (event["changes"], event["version"]) == (["config"], 2)
    assert service.get("default", one)["config"]["chat_id"] == "-100123"
    assert take(post(one, due=times.now_ms())) == []
    assert [asked.json["chat_id"] for asked in telegram.asked] == ["42", "-100123", "-100123"]


def test_a_chat_that_somebody_else_chose_meanwhile_stays(telegram: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    one = listening(telegram)
    telegram.will(MOVED, SENT)
    follow = service.follow

    def after_a_change(*told_of: Any) -> None:
        service.change(CALLER, one, IntegrationChange(config={"chat_id": "7"}))
        follow(*told_of)

    monkeypatch.setattr(service, "follow", after_a_change)
    assert take(post(one)) == []
    assert service.get("default", one)["config"]["chat_id"] == "7"
