import json
from collections.abc import Mapping
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from hub import outbound
from hub.connectors import calls, tokens
from hub.connectors.protocol import Disabled, Permanent, ProviderError, Temporary
from tests.conftest import Clock


def answer(status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> calls.Answer:
    return calls.Answer(status, headers or {}, body)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Permanent),
        (401, Disabled),
        (403, Disabled),
        (404, Disabled),
        (410, Disabled),
        (422, Permanent),
        (408, Temporary),
        (425, Temporary),
        (429, Temporary),
        (500, Temporary),
        (502, Temporary),
        (503, Temporary),
        (301, Permanent),
    ],
)
def test_a_status_stands_for_an_error(status: int, error: type[ProviderError]) -> None:
    found = calls.refused(answer(status, b"its own words"))
    assert type(found) is error
    assert (found.code, found.message) == (str(status), "its own words")


def test_an_acceptance_that_nobody_can_read_may_be_tried_again() -> None:
    found = calls.refused(answer(200, b"<html>"), "", "")
    assert (type(found), found.code) == (Temporary, "bad_answer")


def test_the_providers_own_code_and_words_come_first() -> None:
    found = calls.refused(answer(400, b"{}"), 1234, "what is wrong")
    assert (found.code, found.message) == ("1234", "what is wrong")


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("0", 0),
        ("17", 17),
        ("2.5", 2.5),
        ("999999999", calls.MAX_WAIT_SECONDS),
        ("inf", calls.MAX_WAIT_SECONDS),
        (formatdate(Clock.START + 90, usegmt=True), 90),
        (formatdate(Clock.START + 90), 90),
        (formatdate(Clock.START - 90, usegmt=True), 0),
    ],
)
def test_a_provider_says_when(clock: Clock, retry_after: str, seconds: float) -> None:
    found = calls.refused(answer(429, headers={"Retry-After": retry_after}))
    assert isinstance(found, Temporary)
    assert found.retry_at == round((clock.seconds + seconds) * 1000)


@pytest.mark.parametrize("retry_after", ["", "soon", "-1", "nan", "Wed, 99 Nov 2026 07:28:00 GMT", None])
def test_a_provider_says_nothing_of_when(retry_after: str | None) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    found = calls.refused(answer(503, headers=headers))
    assert isinstance(found, Temporary)
    assert found.retry_at is None


@pytest.mark.parametrize("wait", [None, [], {}, "x", -1, float("nan")])
def test_what_is_no_number_of_seconds_is_no_time(wait: Any) -> None:
    assert calls.after(wait) is None


def test_words_without_end_are_cut() -> None:
    assert len(calls.refused(answer(400, b"x" * 100_000)).message) == 2000
    assert len(Permanent("1", "x" * 100_000).message) == 4000


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff\xfe", b'{"a":', b"[" * 100_000, b'{"a": ' + b"1" * 5000 + b"}"]
)
def test_a_body_that_is_no_json_is_none(body: bytes) -> None:
    assert answer(body=body).json is None
    assert answer(body=body).fields == {}


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"7", b"null"])
def test_json_that_is_no_object_has_no_fields(body: bytes) -> None:
    assert answer(body=body).fields == {}


def test_a_field_that_is_not_there_is_trouble_on_the_way() -> None:
    told = answer(body=b'{"a": [{"b": 1}]}').fields
    assert told["a"][0]["b"] == 1
    assert told.get("c") is None
    for place in (told, told["a"][0]):
        with pytest.raises(Temporary) as caught:
            place["c"]
        assert caught.value.code == "bad_answer"


@pytest.mark.parametrize("broken", [KeyError, IndexError, TypeError, ValueError, AttributeError])
def test_an_answer_that_cannot_be_read_is_trouble_on_the_way(broken: type[Exception]) -> None:
    with pytest.raises(Temporary, match="bad_answer"), calls.reading():
        raise broken


def test_a_providers_own_error_stays_what_it_is() -> None:
    with pytest.raises(Disabled), calls.reading():
        raise Disabled("401", "gone")


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (outbound.AddressRefused, Disabled),
        (outbound.NotResolved, Temporary),
        (outbound.TimedOut, Temporary),
        (outbound.TlsFailed, Temporary),
        (outbound.ClosedEarly, Temporary),
        (outbound.BadAnswer, Temporary),
        (outbound.OutboundError, Temporary),
    ],
)
def test_trouble_on_the_way_says_nothing_of_the_address(
    monkeypatch: pytest.MonkeyPatch, trouble: type[outbound.OutboundError], error: type[ProviderError]
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise trouble("https://api.example.com/bot-secret/")

    monkeypatch.setattr(outbound, "send", failing)
    with pytest.raises(ProviderError) as caught:
        calls.call("POST", "https://api.example.com/bot-secret/")
    assert type(caught.value) is error
    assert caught.value.code == trouble.reason
    assert "secret" not in caught.value.message


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []

    def send(method: str, url: str, **more: Any) -> outbound.Response:
        found.append(SimpleNamespace(method=method, url=url, **more))
        return outbound.Response(200, {}, b"{}", 1)

    monkeypatch.setattr(outbound, "send", send)
    return found


def test_a_body_goes_as_utf_8_unescaped(sent: list[Any]) -> None:
    calls.call("POST", "https://example.com/a", body={"text": "你好"}, query={"token": "a b&c"})
    assert sent[0].url == "https://example.com/a?token=a+b%26c"
    assert sent[0].body.decode() == '{"text": "你好"}'
    assert sent[0].headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_query_is_added_to_the_addresss_own(sent: list[Any]) -> None:
    calls.call("GET", "https://example.com/a?key=1", query={"page": "2"})
    assert sent[0].url == "https://example.com/a?key=1&page=2"
    assert sent[0].body is None


def test_bytes_go_as_they_stand(sent: list[Any]) -> None:
    calls.call("POST", "https://example.com/a", body=b"\x00\x01", headers={"Content-Type": "image/png"})
    assert sent[0].body == b"\x00\x01"
    assert sent[0].headers["Content-Type"] == "image/png"


def test_a_signed_post_is_verified_by_standard_webhooks(sent: list[Any]) -> None:
    from standardwebhooks import Webhook

    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    calls.signed_post("https://example.com/a", {"text": "你好"}, "msg_1", secret, {"Authorization": "Bearer a"})
    assert Webhook(secret).verify(sent[0].body, sent[0].headers) == {"text": "你好"}
    assert sent[0].headers["Authorization"] == "Bearer a"
    calls.signed_post("https://example.com/a", {"text": "你好"}, "msg_1", "", {})
    assert "webhook-signature" not in sent[1].headers
    assert json.loads(sent[1].body) == {"text": "你好"}


class Giver:
    """Gives tokens, a new one each time it is asked."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.asked = 0

    def __call__(self) -> tokens.Token:
        self.asked += 1
        return tokens.Token(f"token-{self.asked}", self.seconds)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    monkeypatch.setattr(tokens, "_kept", {})
    return now


def test_a_token_is_asked_for_once_and_again_before_it_ends(at: SimpleNamespace) -> None:
    give = Giver(7200)
    assert [tokens.token(("a",), give) for _ in range(3)] == ["token-1"] * 3
    at.seconds += 7200 - tokens.EARLY_SECONDS - 1
    assert tokens.token(("a",), give) == "token-1"
    at.seconds += 1
    assert tokens.token(("a",), give) == "token-2"


def test_an_apps_token_is_nobody_elses(at: SimpleNamespace) -> None:
    give = Giver(7200)
    assert tokens.token(("a", "secret-1"), give) == "token-1"
    assert tokens.token(("a", "secret-2"), give) == "token-2"


def test_a_forgotten_token_is_asked_for_anew(at: SimpleNamespace) -> None:
    give = Giver(7200)
    tokens.token(("a",), give)
    tokens.forget(("a",))
    tokens.forget(("unknown",))
    assert tokens.token(("a",), give) == "token-2"


def test_a_token_that_hardly_lives_is_not_kept(at: SimpleNamespace) -> None:
    give = Giver(tokens.EARLY_SECONDS)
    assert [tokens.token(("a",), give) for _ in range(2)] == ["token-1", "token-2"]


def test_no_more_tokens_are_kept_than_memory_has_room_for(at: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_MOST", 3)
    give = Giver(7200)
    for number in range(10):
        tokens.token((str(number),), give)
    assert len(tokens._kept) == 3
