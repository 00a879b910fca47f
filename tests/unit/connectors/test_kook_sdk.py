"""KOOK's callbacks as khl.py, a well-known client, opens them: what it takes for an event, we do."""

import base64
import json
import zlib
from typing import Any

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad
from khl.cert import Cert

from hub.connectors import kook
from hub.connectors.protocol import Contact, Unverified
from tests.unit.connectors.test_kook import KEY, TEXT, VERIFY

EVENT = {"s": 0, "d": {**TEXT, "content": "(met)all(met) 你好"}, "sn": 2199}


def sealed(plain: bytes, key: str) -> bytes:
    """As KOOK's documentation encrypts, which neither khl.py nor we do."""
    initial = b"0123456789abcdef"
    cipher = AES.new(key.encode().ljust(32, b"\0"), AES.MODE_CBC, initial)
    inner = base64.b64encode(cipher.encrypt(pad(plain, 16)))
    return json.dumps({"encrypt": base64.b64encode(initial + inner).decode()}).encode()


def khl_opens(body: bytes, key: str, *, compress: bool) -> Any:
    """What khl.py's webhook receiver hands on, of a body that is deflated or not."""
    cert = Cert(type=Cert.Types.WEBHOOK, token="t", verify_token=VERIFY, encrypt_key=key)
    data = zlib.decompress(body) if compress else body
    return cert.decode_raw(data)["d"]


@pytest.mark.parametrize("key", ["", KEY, "k" * 32])
@pytest.mark.parametrize("compress", [True, False])
def test_we_open_what_khl_opens(key: str, compress: bool) -> None:
    plain = json.dumps(EVENT, ensure_ascii=False).encode()
    body = sealed(plain, key) if key else plain
    body = zlib.compress(body) if compress else body
    config = kook.KookConfig.model_validate(
        {"token": "t", "verify_token": VERIFY} | ({"encrypt_key": key} if key else {})
    )
    assert kook.event(config, body) == khl_opens(body, key, compress=compress) == EVENT["d"]


def test_another_key_opens_it_for_neither() -> None:
    body = sealed(json.dumps(EVENT).encode(), KEY)
    with pytest.raises(ValueError, match="adding"):
        khl_opens(body, "another", compress=False)
    with pytest.raises(Unverified):
        kook.event(kook.KookConfig(token="t", verify_token=VERIFY, encrypt_key="another"), body)


def test_a_callbacks_message_is_one_that_a_list_would_show() -> None:
    author = {"id": "1", "username": "Tom", "nickname": "Tommy", "avatar": "https://a.example/t.png", "bot": True}
    data = {
        "channel_type": "GROUP",
        "type": 9,
        "target_id": "99",
        "author_id": "1",
        "content": "(met)7(met) (chn)8(chn)",
        "msg_id": "m-1",
        "msg_timestamp": 1607674740160,
        "extra": {
            "type": 9,
            "guild_id": "5",
            "channel_name": "general",
            "author": author,
            "quote": {"id": "q", "rong_id": "m-0", "type": 9, "content": "before", "author": {"username": "Ann"}},
            "kmarkdown": {
                "raw_content": "@Ann #news",
                "mention_part": [{"id": "7", "username": "Ann", "full_name": "Ann#1"}],
                "mention_role_part": [],
                "channel_part": [{"id": "8", "name": "news"}],
            },
        },
    }
    said = kook.said(data)
    assert said == kook.Said(
        id="m-1",
        channel_id="99",
        type=9,
        content="(met)7(met) (chn)8(chn)",
        at=1607674740160,
        author=Contact("1", "Tommy", "https://a.example/t.png"),
        is_bot=True,
        users={"7": "Ann#1"},
        channels={"8": "news"},
        quote=kook.Quote("m-0", 9, "before", "Ann"),
        guild_id="5",
        channel_name="general",
    )
