"""WeChat Official Accounts (https://developers.weixin.qq.com/doc/offiaccount).

WeChat has no key against a second copy of a message, but of templates (`client_msg_id`, for ten minutes).
"""

import base64
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar
from xml.etree import ElementTree

from pydantic import Field

from hub import outbound
from hub.connectors import callbacks, calls, files, tokens
from hub.connectors.protocol import (
    SECRET,
    Account,
    ApiConfig,
    Callback,
    Connector,
    Contact,
    Disabled,
    Heard,
    Inbound,
    Limits,
    Media,
    MediaKind,
    Outgoing,
    Page,
    Permanent,
    ProviderError,
    Record,
    Sent,
    StatusChange,
    Temporary,
    Unverified,
)

API = "https://api.weixin.qq.com"
BATCH = 100
"""People whose details one call tells."""
PAGE = 5 * BATCH
"""People of a page: their list may be asked for 500 times a day, their details half a million times."""

_TOKEN_GONE = frozenset({40001, 40014, 42001})
_TOO_MANY_TODAY = 45009
_NOT_LISTED = 40164

# https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/Global_Return_Code.html
_TEMPORARY = frozenset({-1, 45011})
_DISABLED = frozenset({40013, 40125, 40164, 40243, 48001, 48004, 50002, 50007, 61004, 89503, *_TOKEN_GONE})
_FILES: Mapping[MediaKind, int] = {"image": 10 * 1024 * 1024, "audio": 2 * 1024 * 1024}
_UPLOADED: Mapping[MediaKind, str] = {"image": "image", "audio": "voice"}
_MAX_XML = 100_000
_ATTACHED = ("PicUrl", "MediaId", "Format", "ThumbMediaId", "Location_X", "Location_Y", "Label", "Title", "Url")
_KINDS = {"image": "image", "voice": "audio", "video": "video", "shortvideo": "video", "file": "file"}


class WeChatConfig(ApiConfig):
    """`token` and `encoding_aes_key` check and open what WeChat calls back."""

    app_id: Annotated[str, Field(pattern=r"^wx[A-Za-z0-9]{8,32}$")]
    app_secret: Annotated[str, SECRET]
    token: Annotated[str, SECRET, Field(pattern=r"^[A-Za-z0-9]{3,32}$")] = ""
    encoding_aes_key: Annotated[str, SECRET, Field(pattern=r"^[A-Za-z0-9]{43}$")] = ""


class WeChat(Connector[WeChatConfig]):
    """An account that people follow: it answers within 48 hours, or writes by templates."""

    service_type = "wechat"
    config = WeChatConfig
    limits: ClassVar[Limits] = Limits(text=2048, unit="bytes", per_second=10, files=_FILES)
    abilities: ClassVar = frozenset({"send", "contacts", "records", "callbacks"})

    def test(self, config: WeChatConfig) -> Account:
        """Get a token, which tells whether id, secret and the caller's address are right."""
        tokens.forget(_app(config))
        _token_of(config)
        return Account(config.app_id, "")

    def send(self, config: WeChatConfig, message: Outgoing) -> Sent:
        """Send a text as customer service; `options["template"]` ({"template_id", "data", …}) as a template message.

        A picture or a sound that goes without a text is uploaded; else the address follows the text.
        """
        if "template" in message.options:
            # https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html
            body = {"client_msg_id": message.id, **message.options["template"], "touser": message.to}
            found = _call("POST", config, "/cgi-bin/message/template/send", body=body)
            return Sent(str(found["msgid"]))
        body = {"touser": message.to, **_content(config, message)}
        _call("POST", config, "/cgi-bin/message/custom/send", body=body)
        return Sent(message.id)

    def contacts(self, config: WeChatConfig, cursor: str | None) -> Page[Contact]:
        """Followers, a hundred at a time; nicknames have been blank since 2021-12-27, so the remark is the name."""
        found, following = _followers(config, cursor)
        with calls.reading():
            return Page([Contact(one["openid"], _name(one), one.get("headimgurl") or None) for one in found], following)

    def records(self, config: WeChatConfig, cursor: str | None) -> Page[Record]:
        """Followers as records."""
        found, following = _followers(config, cursor)
        with calls.reading():
            return Page([Record(one["openid"], "follower", one) for one in found], following)

    def hear(self, config: WeChatConfig, callback: Callback) -> Heard:
        """Answer the verification of the address, or read a message or event.

        Without an `encoding_aes_key` the signature holds for the address alone, not for what is posted to it.
        """
        query = callback.query
        _check(config, query.get("signature", ""), query.get("timestamp", ""), query.get("nonce", ""))
        if callback.method == "GET":
            return Heard(reply=query.get("echostr", "")[:256])
        try:
            told = _fields(callback.body)
            if config.encoding_aes_key:
                sealed = told["Encrypt"]
                _check(config, query["msg_signature"], query["timestamp"], query["nonce"], sealed)
                told = _fields(_decrypted(config, sealed))
        except (*callbacks.UNREADABLE, struct.error, ElementTree.ParseError) as error:
            raise Unverified from error
        [heard] = callbacks.readable(_heard, [told]) or [Heard()]
        return replace(heard, reply="success")


def _content(config: WeChatConfig, message: Outgoing) -> dict[str, Any]:
    media = message.media
    if media and media.kind in _FILES and not message.text:
        try:
            kind = _UPLOADED[media.kind]
            return {"msgtype": kind, kind: {"media_id": _uploaded(config, media, kind)}}
        except files.NOT_HAD:
            pass
    text = f"{message.text}\n{media.url}".strip() if media else message.text
    return {"msgtype": "text", "text": {"content": text}}


def _uploaded(config: WeChatConfig, media: Media, kind: str) -> str:
    """Hand a file over, for three days. Raises `files.Unfit`: an account without that right may still write."""
    with files.fetched(media, _FILES[media.kind]) as file:
        body, headers = files.form({}, "media", file)
        try:
            found = _call("POST", config, "/cgi-bin/media/upload", query={"type": kind}, body=body, headers=headers)
        except Permanent as error:
            raise files.Unfit(error.code, error.message) from error
        return str(found["media_id"])


def _followers(config: WeChatConfig, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """A page of followers. WeChat lists 10,000 ids a call: the cursor tells the call's beginning and how far in it."""
    begin, _, place = (cursor or "|0").partition("|")
    start = int(place or 0)
    listed = _call("GET", config, "/cgi-bin/user/get", query={"next_openid": begin} if begin else {})
    with calls.reading():
        ids = list((listed.get("data") or {}).get("openid") or ())
    found: list[dict[str, Any]] = []
    for first in range(start, min(start + PAGE, len(ids)), BATCH):
        asked = {"user_list": [{"openid": one, "lang": "zh_CN"} for one in ids[first : first + BATCH]]}
        told = _call("POST", config, "/cgi-bin/user/info/batchget", body=asked)
        with calls.reading():
            found += told["user_info_list"]
    if start + PAGE < len(ids):
        return found, f"{begin}|{start + PAGE}"
    following = listed.get("next_openid", "")
    return found, f"{following}|0" if ids and following and following != begin else None


def _name(one: dict[str, Any]) -> str:
    return str(one.get("remark") or one.get("nickname") or "")


def _call(
    method: str,
    config: WeChatConfig,
    path: str,
    *,
    query: dict[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Call the API; a token that it does not know any more is asked for anew, once."""

    def attempt() -> calls.Answer:
        address, token = calls.base(config.base_url, API) + path, {"access_token": _token_of(config)}
        seconds = files.SECONDS if isinstance(body, bytes) else outbound.SECONDS
        return calls.call(method, address, query=token | (query or {}), body=body, headers=headers, seconds=seconds)

    answer = attempt()
    if answer.code("errcode") in _TOKEN_GONE:
        tokens.forget(_app(config))
        answer = attempt()
    told = answer.fields
    if answer.ok and told and not told.get("errcode"):
        return told
    raise _error(answer)


def _app(config: WeChatConfig) -> tuple[str, ...]:
    return config.base_url, config.app_id, config.app_secret


def _token_of(config: WeChatConfig) -> str:
    return tokens.token(_app(config), lambda: _token(config))


def _token(config: WeChatConfig) -> tokens.Token:
    """The stable token: every process that asks gets the same."""
    body = {"grant_type": "client_credential", "appid": config.app_id, "secret": config.app_secret}
    answer = calls.call("POST", calls.base(config.base_url, API) + "/cgi-bin/stable_token", body=body)
    told = answer.fields
    if answer.ok and "access_token" in told:
        with calls.reading():
            return tokens.Token(str(told["access_token"]), int(told["expires_in"]))
    raise _error(answer)


def _error(answer: calls.Answer) -> ProviderError:
    code, text = answer.code("errcode"), str(answer.fields.get("errmsg", ""))
    if code == _TOO_MANY_TODAY:
        return Temporary(str(code), text, calls.china_midnight())
    if code in _TEMPORARY:
        return Temporary(str(code), text)
    if code == _NOT_LISTED:
        text = f"{text}: the account's IP whitelist must name the address that we call from"
    if code in _DISABLED:
        return Disabled(str(code), text)
    return Permanent(str(code), text) if answer.ok and code else calls.refused(answer, code, text)


def _check(config: WeChatConfig, given: str, *parts: str) -> None:
    """WeChat's signature: SHA-1 over the sorted parts, the token among them."""
    text = "".join(sorted((config.token, *parts)))
    expected = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - the provider's choice
    if not config.token or not callbacks.is_secret(given, expected):
        raise Unverified


class _Builder(ElementTree.TreeBuilder):
    """Builds a message, which has no document type: no entity grows beyond all measure, none is fetched."""

    def doctype(self, *_: str | None) -> None:
        """Refuse it before anything it declares is read."""
        raise ValueError("a message of WeChat's has no document type")


def _fields(xml: bytes) -> dict[str, str]:
    """The elements of a message."""
    if len(xml) > _MAX_XML:
        raise ValueError("a message beyond all measure")
    parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314 - no document type, so no entities
    root = ElementTree.fromstring(xml, parser)  # noqa: S314
    return {element.tag: element.text or "" for element in root}


def _decrypted(config: WeChatConfig, text: str) -> bytes:
    """AES-256-CBC: 16 random bytes, the length, the message, the app's id."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    key = base64.b64decode(config.encoding_aes_key + "=")
    cipher = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    padded = cipher.update(base64.b64decode(text, validate=True)) + cipher.finalize()
    plain = padded[: -padded[-1]]
    (length,) = struct.unpack(">I", plain[16:20])
    if plain[20 + length :].decode() != config.app_id:
        raise Unverified
    return plain[20 : 20 + length]


def _heard(told: dict[str, str]) -> Heard | None:
    """What a message or event says; `None` for events that are about no message."""
    at = int(told["CreateTime"]) * 1000
    kind = told["MsgType"]
    if kind == "event":
        if told["Event"] != "TEMPLATESENDJOBFINISH":
            return None
        failed = told["Status"] != "success"
        error = Permanent(told["Status"], told["Status"]) if failed else None
        return Heard(changes=[StatusChange(told["MsgID"], "failed" if failed else "delivered", at, error)])
    text = told.get("Content") or told.get("Recognition") or told.get("Description") or ""
    more: dict[str, Any] = {name: told[name] for name in _ATTACHED if name in told}
    data = {"type": _KINDS.get(kind, kind), **more} if kind != "text" else {}
    return Heard(messages=[Inbound(told["MsgId"], Contact(told["FromUserName"], ""), text, at, data=data)])


CONNECTOR = WeChat()
