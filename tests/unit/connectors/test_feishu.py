"""Feishu's callbacks, against its documented events, and lark-oapi for signatures, encryption and tokens."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from hub.connectors.feishu import CONNECTOR, FeishuConfig, _decrypted
from hub.connectors.protocol import Callback, Contact, Heard, Inbound, StatusChange, Unverified
from tests.conftest import Clock
from tests.contract.connectors import lark
from tests.unit.connectors.callbacks import NOT_READABLE, posted

TOKEN, KEY = "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV", "kudryavka"
APP = {"app_id": "cli_9f5343c580712544", "app_secret": "a-secret"}
PLAIN = FeishuConfig(**APP, verification_token=TOKEN)
SEALED = FeishuConfig(**APP, verification_token=TOKEN, encrypt_key=KEY)
CHALLENGE = {"challenge": "ajls384kdjx98XX", "token": TOKEN, "type": "url_verification"}

# https://open.feishu.cn/document/server-docs/im-v1/message/events/receive
SENDER_ID = {
    "union_id": "on_8ed6aa67826108097d9ee143816345",
    "user_id": "e33ggbyz",
    "open_id": "ou_84aad35d084aa403a838cf73ee18467",
}
MESSAGE = {
    "message_id": "om_5ce6d572455d361153b7cb51da133945",
    "root_id": "om_5ce6d572455d361153b7cb5xxfsdfsdfdsf",
    "parent_id": "om_5ce6d572455d361153b7cb5xxfsdfsdfdsf",
    "create_time": "1609073151345",
    "chat_id": "oc_5ce6d572455d361153b7xx51da133945",
    "chat_type": "group",
    "message_type": "text",
    "content": '{"text":"@_user_1 hello"}',
    "mentions": [{"key": "@_user_1", "id": SENDER_ID, "name": "Tom", "tenant_key": "736588c9260f175e"}],
}


def event(name: str, body: Any, token: str = TOKEN) -> dict[str, Any]:
    return {
        "schema": "2.0",
        "header": {
            "event_id": "5e3702a84e847582be8db7fb73283c02",
            "event_type": name,
            "create_time": "1608725989000",
            "token": token,
            "app_id": APP["app_id"],
            "tenant_key": "2ca1d211f64f6438",
        },
        "event": body,
    }


def received(sender: Any = None, **more: Any) -> dict[str, Any]:
    return event(
        "im.message.receive_v1",
        {
            "sender": sender or {"sender_id": SENDER_ID, "sender_type": "user", "tenant_key": "736588c9260f175e"},
            "message": {**MESSAGE, **more},
        },
    )


def sealed(
    told: Any, *, key: str = KEY, at: int = Clock.START, signature: str = "", nonce: str = "1372623149"
) -> Callback:
    """A call as Feishu encrypts and signs it."""
    padder = PKCS7(128).padder()
    plain = padder.update(json.dumps(told).encode()) + padder.finalize()
    vector = b"0123456789abcdef"
    cipher = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(vector)).encryptor()
    body = json.dumps({"encrypt": base64.b64encode(vector + cipher.update(plain) + cipher.finalize()).decode()})
    own = hashlib.sha256(f"{at}{nonce}{key}{body}".encode()).hexdigest()
    headers = {
        "x-lark-request-timestamp": str(at),
        "x-lark-request-nonce": nonce,
        "x-lark-signature": signature or own,
    }
    return posted(body, headers=headers)


def lark_takes(dispatcher: Any, callback: Callback, config: FeishuConfig) -> bool:
    """Whether lark-oapi takes a call for Feishu's."""
    handled: list[Any] = []
    handler = (
        dispatcher.EventDispatcherHandler.builder(config.encrypt_key, config.verification_token)
        .register_p2_im_message_receive_v1(handled.append)
        .build()
    )
    request = dispatcher.RawRequest()
    request.uri, request.body = "/", callback.body
    request.headers = {"-".join(map(str.capitalize, name.split("-"))): text for name, text in callback.headers.items()}
    answer = handler.do(request)
    return answer.status_code == 200 and (bool(handled) or b"challenge" in answer.content)


@pytest.fixture(scope="module")
def dispatcher() -> Iterator[Any]:
    """lark-oapi's module that takes events."""
    with lark.messaging():
        yield lark.dispatcher()


def is_taken(callback: Callback, config: FeishuConfig) -> bool:
    try:
        CONNECTOR.hear(config, callback)
    except Unverified:
        return False
    return True


def test_the_documented_text_is_decrypted() -> None:
    # https://open.feishu.cn/document/server-docs/event-subscription-guide/event-subscription-configure-/encrypt-key-encryption-configuration-case
    assert _decrypted("test key", "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=") == b"hello world"


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("callback", "config", "taken"),
    [
        pytest.param(posted(received()), PLAIN, True, id="plain"),
        pytest.param(posted({**CHALLENGE}), PLAIN, True, id="plain challenge"),
        pytest.param(posted(event("im.message.receive_v1", {}, "other")), PLAIN, False, id="another token"),
        pytest.param(posted({**CHALLENGE, "token": "other"}), PLAIN, False, id="a challenge with another token"),
        pytest.param(sealed(received()), SEALED, True, id="sealed"),
        pytest.param(sealed(CHALLENGE), SEALED, True, id="sealed challenge"),
        pytest.param(sealed(CHALLENGE, signature="none"), SEALED, True, id="a challenge is not signed"),
        pytest.param(
            sealed({**CHALLENGE, "token": "other"}), SEALED, False, id="a sealed challenge with another token"
        ),
        pytest.param(sealed(received(), signature="0" * 64), SEALED, False, id="another signature"),
        pytest.param(sealed(received(), key="other"), SEALED, False, id="another key"),
        pytest.param(posted(received()), SEALED, False, id="not sealed"),
        pytest.param(posted({"encrypt": "AAAA"}), SEALED, False, id="nothing within"),
    ],
)
def test_we_take_for_feishus_what_lark_takes_for_it(
    callback: Callback, config: FeishuConfig, taken: bool, dispatcher: Any
) -> None:
    assert (is_taken(callback, config), lark_takes(dispatcher, callback, config)) == (taken, taken)


@pytest.mark.parametrize("config", [FeishuConfig(**APP), FeishuConfig(webhook_url="https://open.feishu.cn/hook")])
@pytest.mark.parametrize("told", [received(), CHALLENGE, {**CHALLENGE, "token": ""}, {**CHALLENGE, "token": None}])
def test_without_token_and_key_nobody_is_believed(config: FeishuConfig, told: Any) -> None:
    with pytest.raises(Unverified):
        CONNECTOR.hear(config, posted(told))


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("age", "taken"), [(0, True), (25_200, True), (86_401, False), (-86_401, False)])
def test_an_old_call_is_refused_and_a_repeated_one_is_not(age: int, taken: bool) -> None:
    assert is_taken(sealed(received(), at=Clock.START - age), SEALED) is taken


@pytest.mark.usefixtures("clock")
def test_a_key_alone_is_enough() -> None:
    config = FeishuConfig(**APP, encrypt_key=KEY)
    assert is_taken(sealed(received()), config)
    assert not is_taken(sealed(received(), signature="0" * 64), config)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", ["x-lark-request-timestamp", "x-lark-request-nonce", "x-lark-signature"])
@pytest.mark.parametrize("value", [None, "", "é", "1" * 5000])
def test_headers_that_are_none(name: str, value: str | None) -> None:
    call = sealed(received())
    headers = {**call.headers, name: value} if value is not None else {}
    with pytest.raises(Unverified):
        CONNECTOR.hear(SEALED, Callback("POST", {}, {one: str(text) for one, text in headers.items()}, call.body))


@pytest.mark.parametrize("body", [*NOT_READABLE, b'{"header": 7}', b'{"header": []}', b'{"encrypt": 7}'])
@pytest.mark.parametrize("config", [PLAIN, SEALED])
def test_what_is_not_feishus(config: FeishuConfig, body: bytes) -> None:
    with pytest.raises(Unverified):
        CONNECTOR.hear(config, posted(body))


def test_the_address_is_verified() -> None:
    found = CONNECTOR.hear(PLAIN, posted(CHALLENGE))
    assert (json.loads(found.reply), found.content_type) == ({"challenge": "ajls384kdjx98XX"}, "application/json")


def test_a_message_is_heard_with_names_for_mentions() -> None:
    assert CONNECTOR.hear(PLAIN, posted(received())) == Heard(
        messages=[
            Inbound(
                id="om_5ce6d572455d361153b7cb51da133945",
                sender=Contact("ou_84aad35d084aa403a838cf73ee18467", ""),
                text="@Tom hello",
                at=1609073151345,
                data={"chat_id": "oc_5ce6d572455d361153b7xx51da133945", "chat_type": "group"},
            )
        ]
    )


def test_a_rich_text_is_heard_as_its_words() -> None:
    rich = {
        "title": "我是一个标题",
        "content": [
            [{"tag": "text", "text": "第一行 "}, {"tag": "a", "href": "https://example.com", "text": "超链接"}],
            [{"tag": "img", "image_key": "img_7ea74629-9191-4176-998c-2e603c9c5e8g"}],
            [{"tag": "text", "text": "第三行"}],
        ],
    }
    call = posted(received(message_type="post", content=json.dumps(rich)))
    [found] = CONNECTOR.hear(PLAIN, call).messages
    assert found.text == "我是一个标题\n第一行 超链接\n第三行"
    assert found.data["type"] == "post"


@pytest.mark.parametrize(
    ("kind", "ours"), [("image", "image"), ("media", "video"), ("audio", "audio"), ("share_chat", "share_chat")]
)
def test_media_are_heard(kind: str, ours: str) -> None:
    content = {"image_key": "img_v2_1"}
    [found] = CONNECTOR.hear(PLAIN, posted(received(message_type=kind, content=json.dumps(content)))).messages
    assert (found.text, found.data["type"], found.data["content"]) == ("", ours, content)


def test_an_apps_message_is_not_heard() -> None:
    sender = {"sender_id": SENDER_ID, "sender_type": "app", "tenant_key": "736588c9260f175e"}
    assert not CONNECTOR.hear(PLAIN, posted(received(sender))).messages


def test_a_receipt_is_heard() -> None:
    # https://open.feishu.cn/document/server-docs/im-v1/message/events/message_read
    ids = ["om_dc13264520392913993dd051dba21dcf", "om_2"]
    reader = {"reader_id": SENDER_ID, "read_time": "1609484183000", "tenant_key": "2ed263bf32cf1651"}
    call = posted(event("im.message.message_read_v1", {"reader": reader, "message_id_list": ids}))
    assert CONNECTOR.hear(PLAIN, call).changes == [StatusChange(one, "read", 1609484183000) for one in ids]


@pytest.mark.parametrize(
    "told", [event("im.chat.updated_v1", {}), {"uuid": "1", "token": TOKEN, "type": "event_callback"}]
)
def test_events_that_say_nothing_to_us(told: Any) -> None:
    assert CONNECTOR.hear(PLAIN, posted(told)) == Heard()


@pytest.mark.parametrize(
    "told",
    [
        event("im.message.receive_v1", None),
        event("im.message.receive_v1", {}),
        received(content="no JSON"),
        received(content="[]"),
        received(create_time="yesterday"),
        received(mentions=7),
        received(message_type="post", content='{"content": 7}'),
        event("im.message.message_read_v1", {"reader": {}}),
    ],
)
def test_what_cannot_be_read_of_feishus_is_left_out(told: Any) -> None:
    found = CONNECTOR.hear(PLAIN, posted(told))
    assert (list(found.messages), list(found.changes), found.reply) == ([], [], "")
