"""Signal over a socket, as signal-cli-rest-api answers (https://bbernhard.github.io/signal-cli-rest-api)."""

import base64
from typing import Any

import pytest

from hub.connectors.protocol import (
    Account,
    Contact,
    Disabled,
    Media,
    Outgoing,
    Permanent,
    ProviderError,
    Sent,
    Temporary,
)
from hub.connectors.signal import CONNECTOR, MAX_ATTACHMENT, SignalConfig
from tests.contract.connectors.fakes import Fake, Reply, told

NUMBER = "+4915112345678"
ABOUT = told(
    '{"versions":["v1","v2"],"build":2,"mode":"json-rpc","version":"0.95","capabilities":{"v2/send":["quotes"]}}'
)
ACCEPTED = told('{"timestamp":"1708285134389"}', 201)
PERSON = {
    "number": "+431212131491291",
    "uuid": "0cc10e61-d64c-4dbc-b51c-334f7dd45a4a",
    "name": "",
    "profile_name": "Sheena",
    "username": "",
    "blocked": False,
}
HIDDEN = {**PERSON, "number": "", "uuid": "5c0e1d02-0f0c-4b0e-9a51-7c5f6a9b5a01", "name": "Ana"}


def config(provider: Fake, **more: str) -> SignalConfig:
    return SignalConfig(base_url=provider.url + "/", number=NUMBER, **more)


def message(**more: Any) -> Outgoing:
    return Outgoing(**{"id": "msg_1", "to": "+431212131491291", "text": "你好", **more})


def test_the_number_is_registered_there(provider: Fake) -> None:
    provider.will(ABOUT, told(["+4900000000000", NUMBER]))
    assert CONNECTOR.test(config(provider, token="a-token")) == Account(NUMBER, NUMBER)
    assert [(asked.method, asked.path) for asked in provider.asked] == [("GET", "/v1/about"), ("GET", "/v1/accounts")]
    assert {asked.headers["authorization"] for asked in provider.asked} == {"Bearer a-token"}


def test_a_number_that_is_not_registered_there_is_none(provider: Fake) -> None:
    provider.will(ABOUT, told([]))
    with pytest.raises(Disabled, match="unregistered"):
        CONNECTOR.test(config(provider))


def test_a_text_is_sent(provider: Fake) -> None:
    provider.will(ACCEPTED)
    assert CONNECTOR.send(config(provider), message()) == Sent("1708285134389")
    [asked] = provider.asked
    assert (asked.method, asked.path) == ("POST", "/v2/send")
    assert asked.json == {"number": NUMBER, "recipients": ["+431212131491291"], "message": "你好"}
    assert "authorization" not in asked.headers


def test_a_file_goes_along(provider: Fake) -> None:
    picture = b"\x89PNG\r\n\x1a\n"
    provider.will(Reply(200, picture, {"Content-Type": "image/png; charset=binary"}), ACCEPTED)
    media = Media("image", f"{provider.url}/files/a.png", "a b.png")
    CONNECTOR.send(config(provider), message(media=media))
    assert (provider.asked[0].method, provider.asked[0].path) == ("GET", "/files/a.png")
    [attached] = provider.asked[1].json["base64_attachments"]
    assert attached == f"data:image/png;filename=a%20b.png;base64,{base64.b64encode(picture).decode()}"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(404), Permanent),
        (Reply(302, headers={"Location": "http://10.0.0.1/b"}), Permanent),
        (Reply(200, b"x" * (MAX_ATTACHMENT + 1)), Permanent),
        (Reply(500), Temporary),
        (Reply(429), Temporary),
        (Reply(200, b"x", is_cut=True), Temporary),
    ],
    ids=["gone", "elsewhere", "too big", "out of order", "too many", "cut"],
)
def test_a_file_that_cannot_be_read_is_not_sent(provider: Fake, reply: Reply, error: type[ProviderError]) -> None:
    provider.will(reply)
    with pytest.raises(ProviderError) as caught:
        CONNECTOR.send(config(provider), message(media=Media("file", f"{provider.url}/a")))
    assert isinstance(caught.value, error)
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "ftp://a.example/"]
)
def test_a_file_inside_is_nobodys(provider: Fake, address: str) -> None:
    with pytest.raises(Permanent, match="address_refused") as caught:
        CONNECTOR.send(config(provider), message(media=Media("file", address)))
    assert not isinstance(caught.value, Disabled), "it is the file's address that is wrong, not the connection"
    assert not provider.asked


def test_a_captcha_is_not_tried_again(provider: Fake) -> None:
    words = "Rate limit. Use the attached challenge tokens to lift the rate limit restrictions"
    provider.will(told({"error": words, "challenge_tokens": ["a"], "account": NUMBER}, 429))
    with pytest.raises(Disabled, match="challenge tokens"):
        CONNECTOR.send(config(provider), message())


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (told({"error": "Unregistered user"}, 400), Permanent),
        (Reply(401), Disabled),
        (told({"error": "oops"}, 500), Temporary),
        (told("{}", 201), Temporary),
        (told("[]", 201), Temporary),
    ],
)
def test_a_refusal_is_what_it_says(provider: Fake, reply: Reply, error: type[ProviderError]) -> None:
    provider.will(reply)
    with pytest.raises(ProviderError) as caught:
        CONNECTOR.send(config(provider), message())
    assert type(caught.value) is error
    assert len(provider.asked) == 1


def test_contacts_are_read(provider: Fake) -> None:
    nobody = {**PERSON, "number": "", "uuid": ""}
    provider.will(told([PERSON, HIDDEN, nobody, None]), told([PERSON]))
    page = CONNECTOR.contacts(config(provider), None)
    assert list(page.items) == [Contact("+431212131491291", "Sheena"), Contact(HIDDEN["uuid"], "Ana")]  # type: ignore[arg-type]
    assert page.next is None
    assert provider.asked[0].path == "/v1/contacts/%2B4915112345678"
    [record] = CONNECTOR.records(config(provider), None).items
    assert (record.kind, record.id, record.data["profile_name"]) == ("contact", "+431212131491291", "Sheena")


def test_contacts_that_are_no_list_may_be_asked_for_again(provider: Fake) -> None:
    provider.will(told({"error": "what"}))
    with pytest.raises(Temporary):
        CONNECTOR.contacts(config(provider), None)
