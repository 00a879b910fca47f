"""Feishu (Lark), by an app's bot or a group's custom bot (https://open.feishu.cn/document)."""

import base64
import hashlib
import hmac
import json
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from hub import times
from hub.connectors import calls, tokens
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
    Temporary,
    Unverified,
)
from hub.web.validation import refused

API = "https://open.feishu.cn"

_TOKEN_GONE = frozenset({99991661, 99991663, 99991664, 99991668, 99991671})
_TEMPORARY = frozenset({230020, 11232, 99991400, 1500, 2200})
_DISABLED = frozenset({99991662, 10003, 10014, 230006, 19001, 19021, 19022, 19024})
_FRESH_SECONDS = 3600


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
    """An organisation's chats."""

    service_type = "feishu"
    config = FeishuConfig
    limits: ClassVar[Limits] = Limits(text=18_000, unit="bytes", per_second=5, per_second_each=5)
    abilities: ClassVar = frozenset({"send", "records", "callbacks"})

    def test(self, config: FeishuConfig) -> Account:
        """The bot's own description. Of a custom bot nothing can be asked without a post: an empty one is refused."""
        if config.app_id:
            found = _call("GET", config, "/open-apis/bot/v3/info")["bot"]
            return Account(str(found.get("open_id", config.app_id)), str(found.get("app_name", "")))
        answer = calls.call("POST", config.webhook_url, body=_signed(config, {"msg_type": "text", "content": {}}))
        code = answer.fields.get("code")
        if answer.ok and code in (9499, 19002, 0):
            return Account("webhook", "")
        raise _error(answer)

    def send(self, config: FeishuConfig, message: Outgoing) -> Sent:
        """Send a text, or the `options["card"]`; `uuid` keeps a repeated one from being shown twice."""
        text = f"{message.text}\n{message.media.url}".strip() if message.media else message.text
        card = message.options.get("card")
        kind, content = ("interactive", card) if card else ("text", {"text": text})
        if not config.app_id:
            form = {"card": content} if card else {"content": content}
            answer = calls.call("POST", config.webhook_url, body=_signed(config, {"msg_type": kind, **form}))
            if answer.ok and answer.fields.get("code", 0) == 0:
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
        return Sent(_call("POST", config, "/open-apis/im/v1/messages", query=query, body=body)["data"]["message_id"])

    def records(self, config: FeishuConfig, cursor: str | None) -> Page[Record]:
        """The chats that the bot is in."""
        if not config.app_id:
            raise Disabled("missing_app", "a custom bot cannot be read from: an app's bot can")
        query = {"page_size": "100"} | ({"page_token": cursor} if cursor else {})
        found = _call("GET", config, "/open-apis/im/v1/chats", query=query)["data"]
        rows = [Record(one["chat_id"], "chat", one) for one in found.get("items") or []]
        return Page(rows, found.get("page_token") if found.get("has_more") else None)

    def hear(self, config: FeishuConfig, callback: Callback) -> Heard:
        """Answer the verification of the address, or read a message (event schema 2.0), encrypted or not."""
        try:
            told = _opened(config, callback)
            if told.get("type") == "url_verification":
                _check_token(config, told.get("token"))
                return Heard(reply=json.dumps({"challenge": told["challenge"]}), content_type="application/json")
            _check_token(config, told["header"]["token"])
            if told["header"]["event_type"] != "im.message.receive_v1":
                return Heard()
            return Heard(messages=[_inbound(told["event"])])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Unverified from error


def _kind_of(receiver: str) -> str:
    """What an id is of, as its beginning tells."""
    kinds = {"oc_": "chat_id", "ou_": "open_id", "on_": "union_id"}
    return kinds.get(receiver[:3]) or ("email" if "@" in receiver else "user_id")


def _call(
    method: str, config: FeishuConfig, path: str, *, query: dict[str, str] | None = None, body: Any = None
) -> dict[str, Any]:
    """Call the API; a token that it does not know any more is asked for anew, once."""
    app = (config.base_url, config.app_id, config.app_secret)
    answer = _try(method, config, app, path, query, body)
    if answer.fields.get("code") in _TOKEN_GONE:
        tokens.forget(app)
        answer = _try(method, config, app, path, query, body)
    if answer.ok and answer.fields.get("code") == 0:
        return answer.fields
    raise _error(answer)


def _try(
    method: str, config: FeishuConfig, app: tuple[str, ...], path: str, query: dict[str, str] | None, body: Any
) -> calls.Answer:
    headers = {"Authorization": f"Bearer {tokens.token(app, lambda: _token(config))}"}
    return calls.call(method, calls.base(config.base_url, API) + path, query=query, body=body, headers=headers)


def _token(config: FeishuConfig) -> tokens.Token:
    address = calls.base(config.base_url, API) + "/open-apis/auth/v3/tenant_access_token/internal"
    answer = calls.call("POST", address, body={"app_id": config.app_id, "app_secret": config.app_secret})
    told = answer.fields
    if answer.ok and told.get("code") == 0:
        return tokens.Token(told["tenant_access_token"], int(told["expire"]))
    raise _error(answer)


def _error(answer: calls.Answer) -> ProviderError:
    told = answer.fields
    code, text = told.get("code", answer.status), str(told.get("msg", ""))
    if answer.status == 429 or code in _TEMPORARY:
        return Temporary(str(code), text, calls.after(answer.headers.get("x-ogw-ratelimit-reset")))
    if code in _DISABLED:
        return Disabled(str(code), text)
    return Permanent(str(code), text) if answer.ok else calls.refused(answer, code, text)


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
    if not hmac.compare_digest(callback.headers.get("x-lark-signature", "").encode(), expected.encode()):
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
    if not config.verification_token or not hmac.compare_digest(
        str(given).encode(), config.verification_token.encode()
    ):
        raise Unverified


def _inbound(event: dict[str, Any]) -> Inbound:
    message, sender = event["message"], event["sender"]
    content = json.loads(message["content"])
    is_text = message["message_type"] == "text"
    return Inbound(
        id=message["message_id"],
        sender=Contact(sender["sender_id"]["open_id"], ""),
        text=str(content.get("text", "")) if is_text else "",
        at=int(message["create_time"]),
        data={"chat_id": message["chat_id"]}
        | ({} if is_text else {"type": message["message_type"], "content": content}),
    )


CONNECTOR = Feishu()
