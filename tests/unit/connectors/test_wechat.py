"""WeChat, against its documented messages, and wechatpy for signatures and encryption."""

import base64
from typing import Any

import pytest
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import WeChatSigner

from hub.connectors import calls
from hub.connectors.protocol import (
    Contact,
    Disabled,
    Heard,
    Inbound,
    Permanent,
    ProviderError,
    StatusChange,
    Temporary,
    Unverified,
)
from hub.connectors.wechat import CONNECTOR, WeChatConfig, _error
from tests.conftest import Clock
from tests.unit.connectors.callbacks import NOT_READABLE, got, posted

TOKEN = "wechatCallbackToken"
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APP = "wxb11529c136998cb6"
PLAIN = WeChatConfig(app_id=APP, app_secret="a-secret", token=TOKEN)
SAFE = PLAIN.model_copy(update={"encoding_aes_key": KEY})
TIME, NONCE = "1409659813", "1372623149"

# https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html
TEXT = """<xml>
  <ToUserName><![CDATA[toUser]]></ToUserName>
  <FromUserName><![CDATA[fromUser]]></FromUserName>
  <CreateTime>1348831860</CreateTime>
  <MsgType><![CDATA[text]]></MsgType>
  <Content><![CDATA[this is a test]]></Content>
  <MsgId>1234567890123456</MsgId>
</xml>"""
IMAGE = """<xml>
  <ToUserName><![CDATA[toUser]]></ToUserName>
  <FromUserName><![CDATA[fromUser]]></FromUserName>
  <CreateTime>1348831860</CreateTime>
  <MsgType><![CDATA[image]]></MsgType>
  <PicUrl><![CDATA[http://mmbiz.qpic.cn/this-is-a-url]]></PicUrl>
  <MediaId><![CDATA[media_id]]></MediaId>
  <MsgId>1234567890123456</MsgId>
</xml>"""
LINK = """<xml>
  <ToUserName><![CDATA[toUser]]></ToUserName>
  <FromUserName><![CDATA[fromUser]]></FromUserName>
  <CreateTime>1351776360</CreateTime>
  <MsgType><![CDATA[link]]></MsgType>
  <Title><![CDATA[公众平台官网链接]]></Title>
  <Description><![CDATA[公众平台官网链接]]></Description>
  <Url><![CDATA[http://mp.weixin.qq.com]]></Url>
  <MsgId>1234567890123456</MsgId>
</xml>"""
SUBSCRIBED = """<xml>
  <ToUserName><![CDATA[toUser]]></ToUserName>
  <FromUserName><![CDATA[FromUser]]></FromUserName>
  <CreateTime>123456789</CreateTime>
  <MsgType><![CDATA[event]]></MsgType>
  <Event><![CDATA[subscribe]]></Event>
</xml>"""
# https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html
JOB = """<xml>
  <ToUserName><![CDATA[gh_7f083739789a]]></ToUserName>
  <FromUserName><![CDATA[oia2TjuEGTNoeX76QEjQNrcURxG8]]></FromUserName>
  <CreateTime>1395658920</CreateTime>
  <MsgType><![CDATA[event]]></MsgType>
  <Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event>
  <MsgID>200163836</MsgID>
  <Status><![CDATA[%s]]></Status>
</xml>"""
SUCCESS = Heard(reply="success")
MIDNIGHT = 1_795_190_400_000
"""2026-11-21T00:00 in China, the next one after the clock's."""


def signature(*parts: str) -> str:
    signer = WeChatSigner()
    signer.add_data(*parts)
    return str(signer.signature)


QUERY = {"signature": signature(TOKEN, TIME, NONCE), "timestamp": TIME, "nonce": NONCE}


def heard(xml: str | bytes) -> Heard:
    return CONNECTOR.hear(PLAIN, posted(xml, query=QUERY))


def encrypted(xml: str, *, key: str = KEY, app: str = APP, token: str = TOKEN) -> tuple[str, dict[str, str]]:
    """A body and query as WeChat sends them in safe mode, made by wechatpy."""
    body = str(WeChatCrypto(token, key, app).encrypt_message(xml, NONCE, TIME))
    sealed = body.split("<Encrypt><![CDATA[")[1].split("]]>", maxsplit=1)[0]
    return body, {**QUERY, "msg_signature": signature(token, TIME, NONCE, sealed), "encrypt_type": "aes"}


def test_a_message_is_heard() -> None:
    expected = Inbound("1234567890123456", Contact("fromUser", ""), "this is a test", 1348831860000)
    assert heard(TEXT) == Heard(messages=[expected], reply="success")


@pytest.mark.parametrize("text", ["a <!-- b", "<!DOCTYPE x>", "<?xml?>", "你好 😀", "&amp; &lt;", " ", "<![CDATA["])
def test_people_may_write_what_they_like(text: str) -> None:
    [found] = heard(TEXT.replace("this is a test", text)).messages
    assert found.text == text


def test_a_picture_is_heard() -> None:
    [found] = heard(IMAGE).messages
    assert found.text == ""
    assert found.data == {"type": "image", "PicUrl": "http://mmbiz.qpic.cn/this-is-a-url", "MediaId": "media_id"}


def test_a_link_is_heard() -> None:
    [found] = heard(LINK).messages
    assert (found.text, found.data["type"], found.data["Url"]) == (
        "公众平台官网链接",
        "link",
        "http://mp.weixin.qq.com",
    )


def test_a_template_messages_end_is_heard() -> None:
    assert heard(JOB % "success").changes == [StatusChange("200163836", "delivered", 1395658920000)]
    [failed] = heard(JOB % "failed:user block").changes
    assert (failed.status, failed.error and failed.error.message) == ("failed", "failed:user block")


@pytest.mark.parametrize(
    "xml",
    [SUBSCRIBED, "<xml/>", TEXT.replace("1348831860", "soon"), TEXT.replace("<MsgId>1234567890123456</MsgId>", "")],
)
def test_what_says_nothing_to_us_is_heard_and_empty(xml: str) -> None:
    assert heard(xml) == SUCCESS


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><xml><Content>&b;</Content></xml>'


@pytest.mark.parametrize(
    "body",
    [
        *NOT_READABLE,
        BOMB,
        BOMB.encode("utf-16"),
        "<?a <![CDATA[ ?>" + BOMB + "<!-- ]]> -->",
        '<!DOCTYPE a SYSTEM "http://169.254.169.254/">' + TEXT,
        "<xml>" + "a" * 100_000 + "</xml>",
        "<xml><a></xml>",
    ],
)
def test_what_is_no_message_is_refused(body: str | bytes) -> None:
    with pytest.raises(Unverified):
        heard(body)


@pytest.mark.parametrize(
    "change",
    [
        {"signature": ""},
        {"signature": "x"},
        {"signature": QUERY["signature"].upper()},
        {"signature": signature("another", TIME, NONCE)},
        {"timestamp": "1409659814"},
        {"nonce": "1"},
    ],
)
def test_another_signature_is_not_wechats(change: dict[str, str]) -> None:
    for callback in (posted(TEXT, query={**QUERY, **change}), got({**QUERY, **change, "echostr": "1"})):
        with pytest.raises(Unverified):
            CONNECTOR.hear(PLAIN, callback)


@pytest.mark.parametrize("name", ["signature", "timestamp", "nonce"])
def test_a_signature_that_is_not_there_is_not_wechats(name: str) -> None:
    query = {key: value for key, value in QUERY.items() if key != name}
    with pytest.raises(Unverified):
        CONNECTOR.hear(PLAIN, posted(TEXT, query=query))


def test_without_a_token_nothing_is_wechats() -> None:
    query = {**QUERY, "signature": signature("", TIME, NONCE)}
    with pytest.raises(Unverified):
        CONNECTOR.hear(PLAIN.model_copy(update={"token": ""}), posted(TEXT, query=query))


@pytest.mark.parametrize("config", [PLAIN, SAFE])
def test_the_address_is_verified(config: WeChatConfig) -> None:
    query = {**QUERY, "echostr": "4375120948345356249"}
    assert CONNECTOR.hear(config, got(query)) == Heard(reply="4375120948345356249")


@pytest.mark.parametrize("xml", [TEXT, IMAGE, LINK, TEXT.replace("this is a test", "你好" * 500)])
def test_an_encrypted_message_is_heard(xml: str) -> None:
    body, query = encrypted(xml)
    assert CONNECTOR.hear(SAFE, posted(body, query=query)) == heard(xml)


def test_a_plain_message_is_refused_where_a_key_is_set() -> None:
    with pytest.raises(Unverified):
        CONNECTOR.hear(SAFE, posted(TEXT, query=QUERY))


@pytest.mark.parametrize(
    "change", [{"key": "0" * 43}, {"app": "wx0000000000000000"}, {"app": ""}, {"token": "another"}], ids=str
)
def test_what_another_encrypted_is_refused(change: dict[str, str]) -> None:
    body, query = encrypted(TEXT, **change)
    with pytest.raises(Unverified):
        CONNECTOR.hear(SAFE, posted(body, query=query))


@pytest.mark.parametrize(
    "sealed", ["", "=", "é", "AAAA", base64.b64encode(bytes(16)).decode(), base64.b64encode(bytes(64)).decode()]
)
def test_what_does_not_decrypt_is_refused(sealed: str) -> None:
    query = {**QUERY, "msg_signature": signature(TOKEN, TIME, NONCE, sealed)}
    with pytest.raises(Unverified):
        CONNECTOR.hear(SAFE, posted(f"<xml><Encrypt>{sealed}</Encrypt></xml>", query=query))


def test_an_encrypted_message_needs_its_own_signature() -> None:
    body, query = encrypted(TEXT)
    for wrong in ({}, {"msg_signature": ""}, {"msg_signature": QUERY["signature"]}):
        with pytest.raises(Unverified):
            CONNECTOR.hear(SAFE, posted(body, query={**QUERY, **wrong}))
    assert CONNECTOR.hear(SAFE, posted(body, query=query)).messages


def error(told: Any, status: int = 200) -> ProviderError:
    return _error(calls.Answer(status, {}, told if isinstance(told, bytes) else str(told).replace("'", '"').encode()))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, Temporary) for code in (-1, 45011, 45009)),
        *((code, Disabled) for code in (40001, 40013, 40125, 40164, 48001, 50002)),
        *((code, Permanent) for code in (40003, 43004, 43019, 45002, 45015, 45047, 47001, 48002)),
    ],
)
def test_a_code_is_what_wechat_says(code: int, kind: type[ProviderError]) -> None:
    found = error({"errcode": code, "errmsg": "its own words"})
    assert type(found) is kind
    assert found.code == str(code)
    more = ": the account's IP whitelist must name the address that we call from" if code == 40164 else ""
    assert found.message == f"its own words{more}"


def test_the_days_end_ends_the_days_quota(clock: Clock) -> None:
    found = error({"errcode": 45009, "errmsg": "reach max api daily quota limit"})
    assert isinstance(found, Temporary)
    assert found.retry_at == MIDNIGHT


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b"[]"), (200, b"{}"), (502, b"<html>")])
def test_an_answer_that_is_none_of_wechats_may_be_tried_again(status: int, body: bytes) -> None:
    assert type(error(body, status)) is Temporary
