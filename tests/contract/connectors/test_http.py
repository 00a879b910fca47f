"""A service of one's own over a socket: what it is asked, and what its answers become."""

from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from hub.connectors.http import CONNECTOR, HttpConfig
from hub.connectors.protocol import Account, Disabled, Media, Outgoing, Permanent, Sent, Temporary
from tests.conftest import Clock
from tests.contract.connectors.fakes import CLOSED_EARLY, GARBAGE, SILENT, Fake, Reply, told

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def config(provider: Fake, **more: str) -> HttpConfig:
    return HttpConfig(url=f"{provider.url}/messages", records_url=f"{provider.url}/records?of=hub", **more)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "fred", "text": "你好 @all", **more})


@pytest.mark.parametrize("status", [200, 204, 400, 404, 405])
def test_somebody_is_there(provider: Fake, status: int) -> None:
    provider.will(Reply(status))
    assert CONNECTOR.test(config(provider, token="a-token")) == Account(f"{provider.url}/messages", "")
    [asked] = provider.asked
    assert (asked.method, asked.path, asked.headers["authorization"]) == ("HEAD", "/messages", "Bearer a-token")


@pytest.mark.parametrize(("status", "error"), [(401, Disabled), (403, Disabled), (500, Temporary), (503, Temporary)])
def test_somebody_is_there_and_does_not_want_us(provider: Fake, status: int, error: type[Exception]) -> None:
    provider.will(Reply(status))
    with pytest.raises(error):
        CONNECTOR.test(config(provider))


def test_a_message_is_posted_signed(provider: Fake) -> None:
    provider.will(told({"id": "theirs"}, 202))
    media = Media("file", "https://example.com/a", "a.pdf")
    found = CONNECTOR.send(config(provider, secret=SECRET, token="a-token"), message(sender="bot", media=media))
    assert found == Sent("theirs")
    [asked] = provider.asked
    assert (asked.method, asked.path, asked.headers["authorization"]) == ("POST", "/messages", "Bearer a-token")
    body = Webhook(SECRET).verify(asked.body, dict(asked.headers))
    assert asked.headers["webhook-id"] == "msg_1"
    assert body.pop("timestamp").endswith("Z")
    assert body == {
        "id": "msg_1",
        "to": "fred",
        "from": "bot",
        "text": "你好 @all",
        "media": {"type": "file", "url": "https://example.com/a", "name": "a.pdf"},
    }


def test_without_a_secret_nothing_is_signed(provider: Fake) -> None:
    provider.will(Reply(204))
    assert CONNECTOR.send(config(provider), message()) == Sent("msg_1")
    assert not [name for name in provider.asked[0].headers if name.startswith(("webhook-", "x-webhook"))]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Permanent),
        (401, Disabled),
        (404, Permanent),
        (405, Permanent),
        (410, Disabled),
        (302, Permanent),
        (500, Temporary),
    ],
)
def test_what_a_service_answers(provider: Fake, status: int, error: type[Exception]) -> None:
    provider.will(Reply(status, b"its own words"))
    with pytest.raises(error) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_says_how_long_to_wait(provider: Fake, clock: Clock, status: int) -> None:
    provider.will(Reply(status, b"later", {"Retry-After": "Fri, 20 Nov 2026 13:05:30 GMT"}))
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert caught.value.retry_at == (clock.START + 300) * 1000


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("reply", "code"), [(SILENT, "timed_out"), (CLOSED_EARLY, "closed_early")])
def test_a_message_that_is_not_answered_may_be_sent_later(provider: Fake, reply: Reply, code: str) -> None:
    provider.will(reply)
    with pytest.raises(Temporary) as caught:
        CONNECTOR.send(config(provider), message())
    assert caught.value.code == code


def test_records_are_read_to_the_end(provider: Fake) -> None:
    provider.will(
        told({"items": [{"id": "a", "kind": "order", "updatedAt": 1795179630000, "total": 7}], "next": 2}),
        told({"items": [{"id": 7, "updatedAt": "2026-11-20T13:00:30Z"}, {"id": "c"}], "next": None}),
    )
    first = CONNECTOR.records(config(provider), None)
    last = CONNECTOR.records(config(provider), first.next)
    assert [(one.kind, one.id, one.updated_at) for one in (*first.items, *last.items)] == [
        ("order", "a", 1795179630000),
        ("record", "7", 1795179630000),
        ("record", "c", None),
    ]
    assert first.items[0].data["total"] == 7
    assert last.next is None
    assert [asked.query for asked in provider.asked] == [{"of": "hub"}, {"of": "hub", "cursor": "2"}]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"items": {}},
        {"items": [7]},
        {"items": [{"kind": "order"}]},
        {"items": [{"id": ""}]},
        {"items": [{"id": "x" * 257}]},
        {"items": [{"id": "a", "kind": "a#b"}]},
        {"items": [{"id": "a", "kind": ""}]},
        {"items": [{"id": "a", "updatedAt": "yesterday"}]},
        {"items": [{"id": "a", "updatedAt": "0001-01-01"}]},
        {"items": [{"id": "a", "updatedAt": -1}]},
        {"items": [{"id": "a", "updatedAt": 10**30}]},
        {"items": [{"id": "a", "updatedAt": True}]},
        {"items": [{"id": "a", "updatedAt": 1.5}]},
        {"items": [{"id": "a", "updatedAt": []}]},
    ],
)
def test_records_that_are_none_are_told_to_whoever_writes_the_service(provider: Fake, body: Any) -> None:
    provider.will(told(body))
    with pytest.raises(Permanent) as caught:
        CONNECTOR.records(config(provider), None)
    assert caught.value.code == "bad_answer"


def test_a_list_that_goes_on_where_it_is_ends(provider: Fake) -> None:
    provider.will(told({"items": [], "next": "2"}))
    with pytest.raises(Permanent, match="goes on where it is"):
        CONNECTOR.records(config(provider), "2")


def test_a_proxys_page_is_trouble_on_the_way(provider: Fake) -> None:
    provider.will(GARBAGE)
    with pytest.raises(Temporary, match="bad_answer"):
        CONNECTOR.records(config(provider), None)


@pytest.mark.parametrize(("status", "error"), [(404, Disabled), (401, Disabled), (500, Temporary)])
def test_a_list_that_is_not_given(provider: Fake, status: int, error: type[Exception]) -> None:
    provider.will(Reply(status, b"its own words"))
    with pytest.raises(error):
        CONNECTOR.records(config(provider), None)


def test_without_an_address_nothing_is_read() -> None:
    with pytest.raises(Permanent, match="no address") as caught:
        CONNECTOR.records(HttpConfig(url="https://example.com"), None)
    # Messages are sent all the same.
    assert not isinstance(caught.value, Disabled)
