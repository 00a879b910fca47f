"""Feishu (Lark), by an app's bot or a group's custom bot (https://open.feishu.cn/document).

An app's `uuid` keeps a message that is sent again within an hour from being shown twice; a custom bot has no such key.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from hub import outbound, times
from hub.connectors import callbacks, calls, feishu_contents, files, tokens
from hub.connectors.feishu_contents import Content
from hub.connectors.protocol import (
    SECRET,
    Ability,
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
    Target,
    Temporary,
    Unverified,
)
from hub.web.validation import refused

API = "https://open.feishu.cn"

_TOKEN_GONE = frozenset({99991661, 99991663, 99991664, 99991668, 99991671})
_TEMPORARY = frozenset({230020, 11232, 99991400, 1500, 2200})
_DISABLED = frozenset({99991401, 99991662, 99991672, 10003, 10014, 230006, 19001, 19021, 19022, *_TOKEN_GONE})
_NO_CONTENT = frozenset({9499, 19002})
_RECALLED = 230011
MAX_IMAGE = 10 * 1024 * 1024
MAX_FILE = files.MAX_BYTES
"""Feishu itself takes 30 MB."""
_FILES: Mapping[MediaKind, int] = {"image": MAX_IMAGE, "video": MAX_FILE, "audio": MAX_FILE, "file": MAX_FILE}
_AND = "+"
"""Between the ids of a text and of the file that went after it."""
_FRESH_SECONDS = 86_400
"""Feishu tells an event again for about seven hours, and does not say with which time."""
_KINDS = {"image": "image", "sticker": "image", "media": "video", "audio": "audio", "file": "file"}


class FeishuConfig(ApiConfig):
    """An app (`app_id`, `app_secret`), or a custom bot (`webhook_url`, and its `secret` where it checks signatures).

    `verification_token` and `encrypt_key` check what an app's event subscription calls back. `chat_id` is written to
    where a message names nobody.
    """

    app_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = ""
    app_secret: Annotated[str, SECRET] = ""
    webhook_url: Annotated[str, SECRET, Field(max_length=2048, pattern=r"^https?://\S+$")] = ""
    secret: Annotated[str, SECRET] = ""
    verification_token: Annotated[str, SECRET] = ""
    encrypt_key: Annotated[str, SECRET] = ""
    chat_id: Annotated[str, Field(max_length=64)] = ""

    @model_validator(mode="after")
    def _reaches_feishu(self) -> Self:
        if not self.webhook_url and not (self.app_id and self.app_secret):
            raise refused("missing", field="app_id" if not self.app_id else "app_secret")
        return self


class Feishu(Connector[FeishuConfig]):
    """An organisation's chats.

    A custom bot's post may have 20 KB, an app's text 150 KB and an app's card or rich text 30 KB: as many as a text of
    quotation marks and a media's address have in JSON at the limit, which an app's content is twice.
    """

    service_type = "feishu"
    config = FeishuConfig
    limits: ClassVar[Limits] = Limits(
        text=9_000, unit="bytes", per_second=100 / 60, per_second_each=100 / 60, formats={"post": 4_000, "card": 7_000}
    )
    abilities: ClassVar = frozenset({"send", "edit", "delete", "records", "targets", "callbacks"})

    def able(self, config: FeishuConfig) -> frozenset[Ability]:
        """A custom bot does nothing but post."""
        return self.abilities if config.app_id else frozenset({"send"})

    def limits_for(self, config: FeishuConfig) -> Limits:
        """An app's texts may be longer, and it uploads files."""
        if not config.app_id:
            return self.limits
        # A text with a picture is a post.
        caption = self.limits.formats["post"]
        return replace(self.limits, text=36_000, caption=caption, per_second=1000 / 60, per_second_each=5, files=_FILES)

    def test(self, config: FeishuConfig) -> Account:
        """The bot's own description. Of a custom bot nothing can be asked without a post: an empty one is refused."""
        if config.app_id:
            tokens.forget(_app(config))
            told = _call("GET", config, "/open-apis/bot/v3/info")
            with calls.reading():
                bot = told["bot"]
                return Account(str(bot.get("open_id", config.app_id)), str(bot.get("app_name", "")))
        answer = calls.call("POST", config.webhook_url, body=_signed(config, {"msg_type": "text", "content": {}}))
        if answer.code("code") in _NO_CONTENT:
            return Account("webhook", "")
        raise _error(answer)

    def send(self, config: FeishuConfig, message: Outgoing) -> Sent:
        """Send a text, a post or a card, or an `options["card"]` or `options["post"]` as it stands.

        An app uploads pictures and files; a file goes in a message of its own, after the text. What cannot be had
        goes by its address.
        """
        if not config.app_id:
            return self._posted(config, message)
        media = message.media
        if media and media.kind != "image" and message.text:
            try:
                file = _file(config, media)
            except files.NOT_HAD:
                return Sent(_created(config, message, feishu_contents.of(message), message.id))
            text = _created(config, message, feishu_contents.of(replace(message, media=None)), message.id)
            return Sent(f"{text}{_AND}{_created(config, message, file, f'{message.id}-file')}")
        return Sent(_created(config, message, _content(config, message), message.id))

    def _posted(self, config: FeishuConfig, message: Outgoing) -> Sent:
        """A custom bot tells no id: the message's own stands for it."""
        content = feishu_contents.of(message)
        form: dict[str, Any] = {"content": {"post": content.body} if content.kind == "post" else content.body}
        if content.kind == "interactive":
            form = {"card": content.body}
        answer = calls.call("POST", config.webhook_url, body=_signed(config, {"msg_type": content.kind, **form}))
        if answer.ok and 0 in (answer.code("code"), answer.code("StatusCode")):
            return Sent(message.id)
        raise _error(answer)

    def edit(self, config: FeishuConfig, message: Outgoing, provider_id: str) -> None:
        """Edit a text or a post (`PUT`, 20 times at most), or a card (`PATCH`, within 14 days); a file stays."""
        _app_only(config)
        own, _, file = provider_id.partition(_AND)
        content = feishu_contents.of(replace(message, media=None)) if file else _content(config, message)
        told = {"content": json.dumps(content.body, ensure_ascii=False)}
        method, body = ("PATCH", told) if content.kind == "interactive" else ("PUT", {"msg_type": content.kind, **told})
        _call(method, config, _message(own), body=body)

    def delete(self, config: FeishuConfig, provider_id: str) -> None:
        """Recall the message."""
        _app_only(config)
        for one in provider_id.split(_AND):
            try:
                _call("DELETE", config, _message(one))
            except Permanent as error:
                if error.code != str(_RECALLED):
                    raise

    def targets(self, config: FeishuConfig, cursor: str | None) -> Page[Target]:
        """The chats that the bot is in."""
        found, following = _chats(config, cursor)
        with calls.reading():
            return Page([Target(str(one["chat_id"]), str(one.get("name") or "")) for one in found], following)

    def reads(self, config: FeishuConfig) -> bool:
        """An app's bot reads, a custom bot does not."""
        return bool(config.app_id)

    def records(self, config: FeishuConfig, cursor: str | None) -> Page[Record]:
        """The chats that the bot is in."""
        found, following = _chats(config, cursor)
        with calls.reading():
            return Page([Record(one["chat_id"], "chat", one) for one in found], following)

    def hear(self, config: FeishuConfig, callback: Callback) -> Heard:
        """Answer the verification of the address, or read a message or that one was read (event schema 2.0)."""
        try:
            told = _opened(config, callback)
            header = told.get("header") or told
            _check_token(config, header.get("token"))
        except callbacks.UNREADABLE as error:
            raise Unverified from error
        if told.get("type") == "url_verification":
            reply = json.dumps({"challenge": str(told.get("challenge", ""))[:256]})
            return Heard(reply=reply, content_type="application/json")
        match header.get("event_type"):
            case "im.message.receive_v1":
                return Heard(messages=callbacks.readable(_inbound, [told]))
            case "im.message.message_read_v1":
                return Heard(changes=[change for some in callbacks.readable(_read, [told]) for change in some])
        return Heard()


def _app_only(config: FeishuConfig) -> None:
    if not config.app_id:
        raise Permanent("missing_app", "a custom bot can only post: an app's bot can do more")


def _chats(config: FeishuConfig, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
    _app_only(config)
    query = {"page_size": "100"} | ({"page_token": cursor} if cursor else {})
    told = _call("GET", config, "/open-apis/im/v1/chats", query=query)
    with calls.reading():
        found = told["data"]
        return found.get("items") or [], calls.onward(found.get("has_more") and found.get("page_token"), cursor)


def _message(provider_id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_=-]{1,128}", provider_id):
        raise Permanent("bad_id", f"{provider_id} is no message's id")
    return f"/open-apis/im/v1/messages/{provider_id}"


def _created(config: FeishuConfig, message: Outgoing, content: Content, once: str) -> str:
    """Send a content, once under a name; answers with its id."""
    receiver = message.to or config.chat_id
    body = {
        "receive_id": receiver,
        "msg_type": content.kind,
        "content": json.dumps(content.body, ensure_ascii=False),
        "uuid": once[-50:],
    }
    told = _call("POST", config, "/open-apis/im/v1/messages", query={"receive_id_type": _kind_of(receiver)}, body=body)
    with calls.reading():
        return str(told["data"]["message_id"])


def _content(config: FeishuConfig, message: Outgoing) -> Content:
    """What an app sends, a picture uploaded, and a file that has no text with it."""
    media = message.media
    if media is None or (media.kind != "image" and message.text) or not {"card", "post"}.isdisjoint(message.options):
        return feishu_contents.of(message)
    try:
        return feishu_contents.of(message, _image(config, media)) if media.kind == "image" else _file(config, media)
    except files.NOT_HAD:
        return feishu_contents.of(message)


def _image(config: FeishuConfig, media: Media) -> str:
    with files.fetched(media, MAX_IMAGE) as file:
        body, headers = files.form({"image_type": "message"}, "image", file)
        return str(_upload(config, "/open-apis/im/v1/images", body, headers)["image_key"])


def _file(config: FeishuConfig, media: Media) -> Content:
    with files.fetched(media, MAX_FILE) as file:
        told, kind = feishu_contents.file_type(media, file)
        body, headers = files.form({"file_type": told, "file_name": file.name}, "file", file)
        return Content(kind, {"file_key": str(_upload(config, "/open-apis/im/v1/files", body, headers)["file_key"])})


def _upload(config: FeishuConfig, path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Hand a file over. Raises `files.Unfit`: an app without the scope for files may still write."""
    try:
        told = _call("POST", config, path, body=body, headers=headers)
    except Permanent as error:
        raise files.Unfit(error.code, error.message) from error
    with calls.reading():
        found: dict[str, Any] = told["data"]
        return found


def _kind_of(receiver: str) -> str:
    """What an id is of, as its beginning tells."""
    kinds = {"oc_": "chat_id", "ou_": "open_id", "on_": "union_id"}
    return kinds.get(receiver[:3]) or ("email" if "@" in receiver else "user_id")


def _call(
    method: str,
    config: FeishuConfig,
    path: str,
    *,
    query: dict[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Call the API; a token that it does not know any more is asked for anew, once."""

    def attempt() -> calls.Answer:
        bearer = {"Authorization": f"Bearer {tokens.token(_app(config), lambda: _token(config))}"}
        address = calls.base(config.base_url, API) + path
        seconds = files.SECONDS if isinstance(body, bytes) else outbound.SECONDS
        return calls.call(
            method, address, query=query, body=body, headers=bearer | dict(headers or {}), seconds=seconds
        )

    answer = attempt()
    if answer.code("code") in _TOKEN_GONE:
        tokens.forget(_app(config))
        answer = attempt()
    if answer.ok and answer.code("code") == 0:
        return answer.fields
    raise _error(answer)


def _app(config: FeishuConfig) -> tuple[str, ...]:
    return config.base_url, config.app_id, config.app_secret


def _token(config: FeishuConfig) -> tokens.Token:
    address = calls.base(config.base_url, API) + "/open-apis/auth/v3/tenant_access_token/internal"
    answer = calls.call("POST", address, body={"app_id": config.app_id, "app_secret": config.app_secret})
    if answer.ok and answer.code("code") == 0:
        with calls.reading():
            return tokens.Token(str(answer.fields["tenant_access_token"]), int(answer.fields["expire"]))
    raise _error(answer)


def _error(answer: calls.Answer) -> ProviderError:
    code, text = answer.code("code"), str(answer.fields.get("msg", ""))
    if answer.status == 429 or code in _TEMPORARY:
        return Temporary(str(code or 429), text, calls.after(answer.headers.get("x-ogw-ratelimit-reset")))
    if code in _DISABLED:
        return Disabled(str(code), text)
    if code and answer.status < 500:
        # Of a chat or a message: the app's own troubles are named above.
        return Permanent(str(code), text)
    return calls.refused(answer, code, text)


def _signed(config: FeishuConfig, body: dict[str, Any]) -> dict[str, Any]:
    """A custom bot's signature: the secret is part of the HMAC's key, the message empty."""
    if not config.secret:
        return body
    now = str(times.now())
    digest = hmac.new(f"{now}\n{config.secret}".encode(), b"", hashlib.sha256).digest()
    return {"timestamp": now, "sign": base64.b64encode(digest).decode(), **body}


def _opened(config: FeishuConfig, callback: Callback) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(callback.body)
    if not config.encrypt_key:
        return told
    opened: dict[str, Any] = json.loads(_decrypted(config.encrypt_key, told["encrypt"]))
    if opened.get("type") == "url_verification":  # which alone is not signed
        return opened
    stamp = callback.headers.get("x-lark-request-timestamp", "")
    nonce = callback.headers.get("x-lark-request-nonce", "")
    expected = hashlib.sha256((stamp + nonce + config.encrypt_key).encode() + callback.body).hexdigest()
    if not callbacks.is_secret(callback.headers.get("x-lark-signature", ""), expected):
        raise Unverified
    if not callbacks.is_fresh(stamp, _FRESH_SECONDS):
        raise Unverified
    return opened


def _decrypted(key: str, text: str) -> bytes:
    """AES-256-CBC under the key's SHA-256; the first 16 bytes are the initialisation vector."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    sealed = base64.b64decode(text, validate=True)
    cipher = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(sealed[:16])).decryptor()
    padded = cipher.update(sealed[16:]) + cipher.finalize()
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def _check_token(config: FeishuConfig, given: Any) -> None:
    if not config.verification_token and config.encrypt_key:
        return  # what could be decrypted comes from who knows the key
    if not callbacks.is_secret(str(given), config.verification_token):
        raise Unverified


def _inbound(told: dict[str, Any]) -> Inbound | None:
    """A message of a person; `None` for one of an app, which might answer us for ever."""
    message, sender = told["event"]["message"], told["event"]["sender"]
    if sender.get("sender_type", "user") != "user":
        return None
    content, kind = json.loads(message["content"]), message["message_type"]
    data = {"chat_id": message["chat_id"], "chat_type": message.get("chat_type", "")}
    if kind != "text":
        data |= {"type": _KINDS.get(kind, kind), "content": content}
    return Inbound(
        id=message["message_id"],
        sender=Contact(sender["sender_id"]["open_id"], ""),
        text=_named(_text(kind, content), message.get("mentions") or []),
        at=int(message["create_time"]),
        data=data,
    )


def _text(kind: str, content: dict[str, Any]) -> str:
    """The words of a text, or of a rich text's lines."""
    if kind != "post":
        return str(content.get("text", "")) if kind == "text" else ""
    lines = ["".join(str(part.get("text", "")) for part in line) for line in content["content"]]
    return "\n".join(filter(None, [str(content.get("title", "")), *lines]))


def _named(text: str, mentions: list[dict[str, Any]]) -> str:
    """A text with names where it has keys of mentions (`@_user_1`)."""
    names = {str(one["key"]): f"@{one['name']}" for one in mentions}
    return re.sub(r"@_(user_[0-9]+|all)", lambda found: names.get(found[0], found[0]), text)


def _read(told: dict[str, Any]) -> list[StatusChange]:
    """The messages that someone has read."""
    at = int(told["event"]["reader"]["read_time"])
    return [StatusChange(str(one), "read", at) for one in told["event"]["message_id_list"]]


CONNECTOR = Feishu()
