"""Feishu (Lark), by an app's bot or a group's custom bot (https://open.feishu.cn/document)."""

import base64
import hashlib
import hmac
import json
import re
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from hub import times
from hub.connectors import callbacks, calls, tokens
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
from hub.web.validation import refused

API = "https://open.feishu.cn"

_TOKEN_GONE = frozenset({99991661, 99991663, 99991664, 99991668, 99991671})
_TEMPORARY = frozenset({230020, 11232, 99991400, 1500, 2200})
_DISABLED = frozenset({99991662, 99991672, 10003, 10014, 230006, 19001, 19021, 19022, *_TOKEN_GONE})
_NO_CONTENT = frozenset({9499, 19002})
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

    A custom bot's post may have 20 KB: as many as a text of quotation marks and a media's address have in JSON at the
    limit.
    """

    service_type = "feishu"
    config = FeishuConfig
    limits: ClassVar[Limits] = Limits(text=9_000, unit="bytes", per_second=5, per_second_each=5)
    abilities: ClassVar = frozenset({"send", "records", "callbacks"})

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
        """Send a text, or the `options["card"]`; `uuid` keeps a repeated one from being shown twice."""
        text = f"{message.text}\n{message.media.url}".strip() if message.media else message.text
        # A mention in a text from outside must not ping anybody.
        text = re.sub("<(?=/?at)", "<\u200b", text, flags=re.IGNORECASE)
        card = message.options.get("card")
        kind, content = ("interactive", card) if card else ("text", {"text": text})
        if not config.app_id:
            form = {"card": content} if card else {"content": content}
            answer = calls.call("POST", config.webhook_url, body=_signed(config, {"msg_type": kind, **form}))
            if answer.ok and 0 in (answer.code("code"), answer.code("StatusCode")):
                return Sent(message.id)
            raise _error(answer)
        receiver = message.to or config.chat_id
        body = {
            "receive_id": receiver,
            "msg_type": kind,
            "content": json.dumps(content, ensure_ascii=False),
            "uuid": message.id[-50:],
        }
        query = {"receive_id_type": _kind_of(receiver)}
        told = _call("POST", config, "/open-apis/im/v1/messages", query=query, body=body)
        with calls.reading():
            return Sent(str(told["data"]["message_id"]))

    def reads(self, config: FeishuConfig) -> bool:
        """An app's bot reads, a custom bot does not."""
        return bool(config.app_id)

    def records(self, config: FeishuConfig, cursor: str | None) -> Page[Record]:
        """The chats that the bot is in."""
        if not config.app_id:
            raise Permanent("missing_app", "a custom bot cannot be read from: an app's bot can")
        query = {"page_size": "100"} | ({"page_token": cursor} if cursor else {})
        told = _call("GET", config, "/open-apis/im/v1/chats", query=query)
        with calls.reading():
            found = told["data"]
            rows = [Record(one["chat_id"], "chat", one) for one in found.get("items") or []]
            return Page(rows, found.get("page_token") or None if found.get("has_more") else None)

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


def _kind_of(receiver: str) -> str:
    """What an id is of, as its beginning tells."""
    kinds = {"oc_": "chat_id", "ou_": "open_id", "on_": "union_id"}
    return kinds.get(receiver[:3]) or ("email" if "@" in receiver else "user_id")


def _call(
    method: str, config: FeishuConfig, path: str, *, query: dict[str, str] | None = None, body: Any = None
) -> dict[str, Any]:
    """Call the API; a token that it does not know any more is asked for anew, once."""
    answer = _try(method, config, path, query, body)
    if answer.code("code") in _TOKEN_GONE:
        tokens.forget(_app(config))
        answer = _try(method, config, path, query, body)
    if answer.ok and answer.code("code") == 0:
        return answer.fields
    raise _error(answer)


def _app(config: FeishuConfig) -> tuple[str, ...]:
    return config.base_url, config.app_id, config.app_secret


def _try(method: str, config: FeishuConfig, path: str, query: dict[str, str] | None, body: Any) -> calls.Answer:
    headers = {"Authorization": f"Bearer {tokens.token(_app(config), lambda: _token(config))}"}
    return calls.call(method, calls.base(config.base_url, API) + path, query=query, body=body, headers=headers)


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
    if abs(times.now() - int(stamp)) > _FRESH_SECONDS:
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
