"""Document 4, "同步联系人" and "获取联系人": contacts from address books, and of those who wrote."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.messaging.contacts import people, run, runs, service, store
from functions.messaging.contacts.store import StoredContact
from hub import times
from hub.store import paging
from tests.conftest import Answer, Clock, Deployment
from tests.contract import memory
from tests.contract.connectors.fakes import Asked, Fake, Reply, told
from tests.contract.connectors.followed import WeChat
from tests.contract.messaging import CONTEXT, connect

MACHINE = "ContactSyncStateMachine"
USER = "user-uuid"
ENGLISH = {"accept-language": "en-US"}
NUMBERS = ["+8613800138000", "+8613900139000"]


class AddressBook(Fake):
    """A signal-cli-rest-api: its contacts, or what it answers before them."""

    def __init__(self, *numbers: str) -> None:
        self.numbers = list(numbers)
        super().__init__()

    def answer(self, asked: Asked) -> Reply:
        """All contacts at once, as the API does it."""
        if self.replies:
            return self.replies.pop(0)
        return told([{"number": one, "name": f"名 {one[-2:]}"} for one in self.numbers])


def sync(deployment: Deployment, platform: str = "signal", user: Any = USER, **more: Any) -> Answer:
    return deployment.call("POST", f"/third-party/{platform}/contacts/sync", {"userId": user}, **more)


def find(deployment: Deployment, query: str, platform: str = "signal") -> Answer:
    return deployment.call("GET", f"/third-party/{platform}/contacts?{query}")


def latest(deployment: Deployment, platform: str = "signal") -> Any:
    return deployment.call("GET", f"/third-party/{platform}/contacts/sync?userId={USER}").json


def go_on() -> list[dict[str, Any]]:
    """Run the state machine of the execution that was started last, its waits left out; its steps' outcomes."""
    state = memory.executions(MACHINE)[-1]
    outcomes = []
    while state["step"]["status"] == "running":
        state["step"] = dict(run.handler(state, CONTEXT))
        outcomes.append(state["step"])
    return outcomes


@pytest.fixture
def book(deployment: Deployment) -> Iterator[AddressBook]:
    """A Signal account of the tenant's with two contacts."""
    with AddressBook(*NUMBERS) as fake:
        connect(deployment, "signal", base_url=fake.url)
        yield fake


def test_documents_examples(deployment: Deployment, book: AddressBook) -> None:
    answer = sync(deployment)
    assert answer.status == 200, answer.text
    first, second = answer.json
    assert first.keys() == {"id", "platform", "platformUserId", "name", "avatar", "userId", "syncedAt"}
    assert [one["platformUserId"] for one in (first, second)] == NUMBERS
    assert (first["platform"], first["name"], first["avatar"], first["userId"]) == ("signal", "名 00", None, USER)
    assert first["id"] != second["id"]
    for ampersand in ("&", "&amp;"):
        found = find(deployment, f"userId={USER}{ampersand}platformUserId=%2B8613800138000")
        assert (found.status, found.json) == (200, first)
    unknown = find(deployment, f"userId={USER}&platformUserId=%2B49")
    assert (unknown.status, unknown.text) == (200, "null")
    assert find(deployment, "userId=another&platformUserId=%2B8613800138000").text == "null"


def test_a_sync_takes_what_the_address_book_has_and_no_other(deployment: Deployment, book: AddressBook) -> None:
    before = sync(deployment).json
    book.numbers[0] = "+49"
    after = sync(deployment).json
    assert {one["platformUserId"] for one in after} == {NUMBERS[1], "+49"}
    assert {one["id"] for one in before} & {one["id"] for one in after} == {before[1]["id"]}
    assert [one["platformUserId"] for one in find(deployment, f"userId={USER}").json] == ["+49", NUMBERS[1]]
    assert latest(deployment)["status"] == "succeeded"
    assert latest(deployment)["synced"] == 2


def test_contacts_come_in_pages_and_are_a_users_and_tenants_own(
    deployment: Deployment, other_tenant: Deployment, book: AddressBook
) -> None:
    sync(deployment)
    sync(deployment, user="another#user")
    first = find(deployment, f"userId={USER}&limit=1")
    assert [one["platformUserId"] for one in first.json] == [NUMBERS[0]]
    following = first.headers["Link"].partition(">")[0].removeprefix("<")
    assert [one["platformUserId"] for one in deployment.call("GET", following).json] == [NUMBERS[1]]
    assert len(find(deployment, "userId=another%23user").json) == 2
    assert find(deployment, "userId=another").json == []
    assert find(other_tenant, f"userId={USER}").json == []
    assert find(other_tenant, f"userId={USER}&platformUserId=%2B8613800138000").text == "null"
    assert other_tenant.call("GET", f"/third-party/signal/contacts/sync?userId={USER}").status == 404
    assert sync(other_tenant).status == 422


def test_who_follows_the_links_gets_all_however_many(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_OFFSET_ROWS", 4)
    numbers = [f"+861380013800{number}" for number in range(9)]
    with AddressBook(*numbers) as book:
        connect(deployment, "signal", base_url=book.url)
        sync(deployment)
    path, followed, found = f"/third-party/signal/contacts?userId={USER}&limit=2", [], []
    while path:
        answer = deployment.call("GET", path)
        found += [one["platformUserId"] for one in answer.json]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
        followed.append("cursor" if "cursor=" in path else path.partition("page=")[2])
    assert found == numbers
    assert followed == ["2", "3", "cursor", "cursor", ""]


@pytest.mark.parametrize("platform", ["whatsapp", "telegram"])
def test_without_an_address_book_they_are_those_who_wrote(deployment: Deployment, platform: str) -> None:
    integration = connect(deployment, platform)
    people.remember(deployment.tenant, integration, "+8613800138000", "张三", "https://example.com/avatar.jpg")
    people.remember(deployment.tenant, "int_another", "+49", "李四", None)
    (found,) = sync(deployment, platform).json
    assert (found["platformUserId"], found["name"]) == ("+8613800138000", "张三")
    assert found["avatar"] == "https://example.com/avatar.jpg"


def test_of_several_connections_all_are_read(deployment: Deployment, book: AddressBook) -> None:
    with AddressBook("+49", NUMBERS[0]) as second:
        connect(deployment, "signal", base_url=second.url, number="+4915112345679")
        assert {one["platformUserId"] for one in sync(deployment).json} == {*NUMBERS, "+49"}


@pytest.mark.parametrize(
    "body", [{}, {"userId": ""}, {"userId": " "}, {"userId": 5}, {"userId": "x" * 129}, {"userId": "a", "b": 1}]
)
def test_bad_bodies(deployment: Deployment, body: Any) -> None:
    assert deployment.call("POST", "/third-party/signal/contacts/sync", body).status == 400


@pytest.mark.parametrize("query", ["", "platformUserId=a", "userId=", "userId=a&limit=0", "userId=a&platformUserId="])
def test_bad_queries(deployment: Deployment, query: str) -> None:
    answer = find(deployment, query)
    assert (answer.status, answer.json["error"]) == (400, "Bad Request")


def test_an_unknown_platform_is_a_400_and_one_without_a_connection_a_422(deployment: Deployment) -> None:
    assert sync(deployment, "line").status == find(deployment, "userId=a", "line").status == 400
    assert sync(deployment).json["message"] == "没有可用的 signal 集成"
    assert deployment.call("GET", f"/third-party/signal/contacts/sync?userId={USER}").status == 404


def test_what_the_platform_refuses_is_told_in_its_words(deployment: Deployment, book: AddressBook) -> None:
    book.will(told({"error": "Number is not registered"}, 400))
    answer = sync(deployment, headers=ENGLISH)
    assert (answer.status, answer.json["message"]) == (422, "signal refused it: Number is not registered (400)")
    assert latest(deployment)["error"] == {"code": "400", "message": "Number is not registered"}
    assert sync(deployment).status == 200, "the next one is free to try"


def test_one_at_a_time_for_each_user(deployment: Deployment, book: AddressBook, clock: Clock) -> None:
    runs.begin(deployment.tenant, "signal", USER, "req_1")
    busy = sync(deployment)
    assert (busy.status, busy.json["error"]) == (409, "Conflict")
    assert sync(deployment, user="another").status == 200
    assert latest(deployment)["status"] == "running"
    # A request that died.
    clock.advance(runs.REQUEST_ALIVE_MS / 1000 + 1)
    assert latest(deployment)["status"] == "failed"
    assert sync(deployment).status == 200


def test_a_platform_that_is_out_of_order_is_asked_again_in_the_background(
    deployment: Deployment, book: AddressBook
) -> None:
    book.will(Reply(503, b"", {"Retry-After": "7"}))
    answer = sync(deployment)
    assert (answer.status, answer.json) == (202, [])
    (started,) = memory.executions(MACHINE)
    assert 6 <= started["step"]["wait_seconds"] <= 7
    assert latest(deployment)["error"]["code"] == "503"
    assert [one["status"] for one in go_on()] == ["succeeded"]
    assert deployment.call("GET", answer.headers["Location"]).json["synced"] == 2
    assert latest(deployment)["error"] is None


def test_a_platform_that_stays_out_of_order_is_given_up(
    deployment: Deployment, book: AddressBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.pacing.reserve", lambda *_: [0])
    book.will(*[Reply(502, b"<html>")] * service.MAX_FAILURES)
    assert sync(deployment).status == 202
    waits = [one["wait_seconds"] for one in go_on()]
    assert waits == [16, 64, 256, 1024, 0]
    assert latest(deployment)["status"] == "failed"
    assert not book.replies


def test_more_contacts_than_a_request_tells_go_on_in_the_background(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.pacing.reserve", lambda *_: [0])
    with WeChat(1200) as account:
        integration = connect(deployment, "wechat", base_url=account.url)
        store.put_many(deployment.tenant, "wechat", USER, [StoredContact("gone", "a", None, 1)])
        answer = sync(deployment, "wechat", headers={"idempotency-key": "one"})
        assert answer.status == 202
        assert len(answer.json) == service.MAX_ANSWERED
        assert answer.headers["Location"] == f"/third-party/wechat/contacts/sync?userId={USER}"
        again = sync(deployment, "wechat", headers={"idempotency-key": "one"})
        assert (again.status, again.json, again.headers["Location"]) == (202, answer.json, answer.headers["Location"])
        assert sync(deployment, "wechat").status == 409
        assert [one["status"] for one in go_on()] == ["succeeded"]
        assert latest(deployment, "wechat")["synced"] == 1200
        asked = [one for one in account.asked if one.path.endswith("batchget")]
        assert len(asked) == 12, "no page is read twice"
    assert find(deployment, f"userId={USER}&platformUserId=o001199", "wechat").json["name"] == "备注 o001199"
    assert find(deployment, f"userId={USER}&platformUserId=gone", "wechat").text == "null"
    assert integration


def test_a_step_that_dies_goes_on_from_the_last_page_that_was_noted(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.pacing.reserve", lambda *_: [0])
    with WeChat(1700) as account:
        connect(deployment, "wechat", base_url=account.url)
        assert sync(deployment, "wechat").status == 202
        note = runs.note

        def dying(tenant: str, noted: runs.StoredSync) -> bool:
            if noted.synced == 1500:
                raise KeyboardInterrupt
            return note(tenant, noted)

        with monkeypatch.context() as patched:
            patched.setattr(runs, "note", dying)
            with pytest.raises(KeyboardInterrupt):
                go_on()
        assert latest(deployment, "wechat")["synced"] == 1000
        before = len(account.asked)
        assert go_on()[-1]["status"] == "succeeded"
        assert latest(deployment, "wechat")["synced"] == 1700
        assert len(account.asked) - before == 2 + 7, "two pages: 1000 to 1500, and the rest"
    assert len(store.page(deployment.tenant, "wechat", USER, 1, 100, None).items) == 100


def test_who_waits_for_others_to_read_has_not_failed(
    deployment: Deployment, book: AddressBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = iter([10_000] * (service.MAX_FAILURES + 1) + [0])
    monkeypatch.setattr("hub.pacing.reserve", lambda *_: [times.now_ms() + next(slots)])
    assert sync(deployment).status == 202
    assert [one["wait_seconds"] for one in go_on()] == [10] * service.MAX_FAILURES + [0]
    assert latest(deployment)["status"] == "succeeded"


def test_a_sync_that_another_has_replaced_stops(deployment: Deployment, book: AddressBook, clock: Clock) -> None:
    book.will(Reply(502, b""))
    assert sync(deployment).status == 202
    clock.advance(runs.ALIVE_MS / 1000 + 100)
    assert sync(deployment).status == 200
    assert [one["status"] for one in go_on()] == ["stopped"]
    other = {**memory.executions(MACHINE)[-1], "user_id": "nobody"}
    assert run.handler(other, CONTEXT)["status"] == "stopped"


def test_connections_that_come_and_go_meanwhile_shift_no_page(deployment: Deployment, book: AddressBook) -> None:
    with AddressBook("+49") as second:
        connect(deployment, "signal", base_url=second.url, number="+4915112345679")
        book.will(Reply(502, b""))
        assert sync(deployment).status == 202
        first = deployment.call("GET", "/v1/integrations?service_type=signal").json["data"][-1]["id"]
        deployment.call("DELETE", f"/v1/integrations/{first}")
        assert go_on()[-1]["status"] == "succeeded"
    assert [one["platformUserId"] for one in find(deployment, f"userId={USER}").json] == ["+49"]


def test_what_no_key_could_hold_is_left_out(deployment: Deployment, book: AddressBook) -> None:
    book.will(
        told(
            [
                {"number": "x" * 129, "name": "a"},
                {"number": "a\nb", "name": "b"},
                {"number": "+49", "name": "名" * 1000},
                {"number": "+49", "name": "名" * 1000},
            ]
        )
    )
    (found,) = sync(deployment).json
    assert (found["platformUserId"], len(found["name"])) == ("+49", 255)


def test_the_answer_stays_within_its_bytes() -> None:
    contact: Any = {"name": "名" * 255, "avatar": "https://example.com/" + "a" * 2000}
    fitting, is_whole = service._fitting([contact] * 400)
    assert (len(fitting) < 120, is_whole) == (True, False)
    assert len(json.dumps(fitting)) > 100_000
