"""KOOK, against its documented events (https://developer.kookapp.cn/doc/webhook, …/event) and its sample's cipher."""

import base64
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from hub.connectors import calls
from hub.connectors.kook import CONNECTOR, MAX_EVENT, KookConfig, _error
from hub.connectors.protocol import Contact, Disabled, Heard, Inbound, Permanent, ProviderError, Temporary, Unverified
from tests.conftest import Clock
from tests.unit.connectors.callbacks import NOT_READABLE, posted

VERIFY = "kook-verify-token"
KEY = "testKey"
PLAIN = KookConfig(token="1/MTA2MjE=/bot", verify_token=VERIFY)
SAFE = PLAIN.model_copy(update={"encrypt_key": KEY})
AUTHOR = {
    "identify_num": "5618",
    "avatar": "https://img.kaiheila.cn/avatars/2020-11/r0j9.jpg/icon",
    "username": "tz-un",
    "id": "2418200000",
    "nickname": "12316993",
    "roles": [],
}
# https://developer.kookapp.cn/doc/event/message
TEXT: dict[str, Any] = {
    "channel_type": "GROUP",
    "type": 1,
    "target_id": "48818200000000000",
    "author_id": "2418200000",
    "content": "dddd",
    "msg_id": "67637d4c-xxxx-xxxx-xxxx-xxxxx",
    "msg_timestamp": 1607674740160,
    "nonce": "",
    "extra": {"type": 1, "guild_id": "6016389914000000", "channel_name": "文字频道", "author": AUTHOR},
    "verify_token": VERIFY,
}
CHALLENGE = {"type": 255, "channel_type": "WEBHOOK_CHALLENGE", "challenge": "bkes654x09XY", "verify_token": VERIFY}


def event(**change: Any) -> bytes:
    return json.dumps({"s": 0, "d": {**TEXT, **change}, "sn": 2199}).encode()


def encrypted(plain: bytes, key: str = KEY) -> bytes:
    """A body as KOOK's sample encrypts it, by pycryptodome, which its documentation uses."""
    initial = b"0123456789abcdef"
    cipher = AES.new((key + (32 - len(key)) * "\0").encode(), AES.MODE_CBC, initial)
    sealed = base64.b64encode(cipher.encrypt(pad(plain, 16)))
    return json.dumps({"encrypt": base64.b64encode(initial + sealed).decode()}).encode()


def heard(body: bytes, config: KookConfig = PLAIN) -> Heard:
    return CONNECTOR.hear(config, posted(body))


MESSAGE = Inbound(
    "67637d4c-xxxx-xxxx-xxxx-xxxxx",
    Contact("2418200000", "12316993", "https://img.kaiheila.cn/avatars/2020-11/r0j9.jpg/icon"),
    "dddd",
    1607674740160,
    data={"type": "text", "channel_id": "48818200000000000", "content": "dddd"},
)


def test_a_message_is_heard() -> None:
    assert heard(event()) == Heard(messages=[MESSAGE])
    assert heard(event(channel_type="PERSON")) == Heard(messages=[MESSAGE])


def test_a_deflated_message_is_heard() -> None:
    assert heard(zlib.compress(event())) == Heard(messages=[MESSAGE])


@pytest.mark.parametrize("squeeze", [bytes, zlib.compress])
def test_an_encrypted_message_is_heard(squeeze: Any) -> None:
    assert heard(squeeze(encrypted(event())), SAFE) == Heard(messages=[MESSAGE])


@pytest.mark.parametrize(
    ("kind", "name", "text"), [(2, "image", ""), (3, "video", ""), (4, "file", ""), (8, "audio", ""), (10, "card", "")]
)
def test_a_message_of_another_kind_is_heard(kind: int, name: str, text: str) -> None:
    address = "https://img.kaiheila.cn/assets/2020-12/asasd.jpg"
    [found] = heard(event(type=kind, content=address)).messages
    assert (found.text, found.data["type"], found.data["content"]) == (text, name, address)


def test_kmarkdown_is_text() -> None:
    [found] = heard(event(type=9, content="*Hello World*")).messages
    assert (found.text, found.data["type"]) == ("*Hello World*", "text")


@pytest.mark.parametrize(
    ("body", "config"),
    [
        (json.dumps({"s": 0, "d": CHALLENGE}).encode(), PLAIN),
        (zlib.compress(json.dumps({"s": 0, "d": CHALLENGE}).encode()), PLAIN),
        (zlib.compress(encrypted(json.dumps({"s": 0, "d": CHALLENGE}).encode())), SAFE),
    ],
    ids=["plain", "deflated", "encrypted"],
)
def test_the_challenge_is_answered(body: bytes, config: KookConfig) -> None:
    found = heard(body, config)
    assert json.loads(found.reply) == {"challenge": "bkes654x09XY"}
    assert (found.content_type, found.messages) == ("application/json", ())


@pytest.mark.parametrize(
    "change",
    [
        {"extra": {"author": {**AUTHOR, "bot": True}}},
        {"type": 255, "extra": {"type": "updated_message", "body": {}}},
        {"type": 12},
        {"channel_type": "BROADCAST"},
        {"extra": {}},
        {"extra": None},
        {"msg_timestamp": "soon"},
    ],
    ids=["a bot's", "the system's", "an item", "to all", "no author", "no extra", "no time"],
)
def test_what_says_nothing_to_us_is_heard_and_empty(change: dict[str, Any]) -> None:
    assert heard(event(**change)) == Heard(messages=[])


@pytest.mark.parametrize("token", ["", "x", VERIFY + "x", None, 5, []])
def test_another_token_is_not_kooks(token: Any) -> None:
    for config, body in ((PLAIN, event(verify_token=token)), (SAFE, encrypted(event(verify_token=token)))):
        with pytest.raises(Unverified):
            heard(body, config)
    with pytest.raises(Unverified):
        heard(json.dumps({"s": 0, "d": {**CHALLENGE, "verify_token": token}}).encode())


def test_without_a_token_nothing_is_kooks() -> None:
    with pytest.raises(Unverified):
        heard(event(verify_token=""), PLAIN.model_copy(update={"verify_token": ""}))


def test_a_plain_message_is_refused_where_a_key_is_set() -> None:
    with pytest.raises(Unverified):
        heard(event(), SAFE)


@pytest.mark.parametrize("config", [PLAIN, SAFE.model_copy(update={"encrypt_key": "another"})])
def test_what_another_encrypted_is_refused(config: KookConfig) -> None:
    with pytest.raises(Unverified):
        heard(encrypted(event()), config)


@pytest.mark.parametrize(
    "sealed", [None, 5, "", "é", "AAAA", base64.b64encode(bytes(16)).decode(), base64.b64encode(bytes(40)).decode()]
)
def test_what_does_not_decrypt_is_refused(sealed: Any) -> None:
    with pytest.raises(Unverified):
        heard(json.dumps({"encrypt": sealed}).encode(), SAFE)


@pytest.mark.parametrize("body", [*NOT_READABLE, b'{"s": 0}', b'{"d": 5}', b'{"d": []}', zlib.compress(event())[:-20]])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    for raw in (body, zlib.compress(body)):
        with pytest.raises(Unverified):
            heard(raw)


def test_a_bomb_is_refused() -> None:
    bomb = zlib.compress(b'{"d": "' + b" " * (50 * MAX_EVENT) + b'"}')
    tracemalloc.start()
    with pytest.raises(Unverified):
        heard(bomb)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5 * MAX_EVENT, "no more of it is inflated than an event may have"


def error(status: int, told: Any, headers: dict[str, str] | None = None) -> ProviderError:
    return _error(calls.Answer(status, headers or {}, told if isinstance(told, bytes) else json.dumps(told).encode()))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (200, 40000, Permanent),
        (200, 40100, Disabled),
        (200, 40101, Disabled),
        (200, 40103, Disabled),
        (401, 401, Disabled),
        (403, 40300, Permanent),
        (404, 404, Permanent),
        (500, 500, Temporary),
        (502, 502, Temporary),
    ],
)
def test_an_error_is_what_it_says(status: int, code: int, kind: type[ProviderError]) -> None:
    found = error(status, {"code": code, "message": "你没有权限", "data": {}})
    assert type(found) is kind
    assert (found.code, found.message) == (str(code), "你没有权限")


@pytest.mark.parametrize("status", [429, 200])
def test_the_rate_limit_says_when(clock: Clock, status: int) -> None:
    # https://developer.kookapp.cn/doc/rate-limit
    headers = {"X-Rate-Limit-Limit": "5", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "14"}
    found = error(status, {"code": 429, "message": "too fast", "data": {}}, headers)
    assert isinstance(found, Temporary)
    assert (found.code, found.retry_at) == ("429", round(clock.seconds * 1000) + 14_000)


@pytest.mark.parametrize(
    ("status", "told"), [(200, b"<html>"), (200, {}), (200, []), (200, {"code": 0, "data": []}), (503, b"<html>")]
)
def test_an_answer_that_is_none_of_kooks_may_be_tried_again(status: int, told: Any) -> None:
    assert type(error(status, told)) is Temporary
