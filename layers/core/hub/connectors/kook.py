"""KOOK, by a bot's token (https://developer.kookapp.cn/doc)."""

import base64
import hmac
import json
import zlib
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub.connectors import calls
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

API = "https://www.kookapp.cn/api/v3"
KMARKDOWN, CARD = 9, 10
MAX_EVENT = 1_000_000
_CHALLENGE = "WEBHOOK_CHALLENGE"
_FORWARDED = frozenset({1, 2, 3, 4, 8, KMARKDOWN, CARD})
_DISABLED = frozenset({401, 40100, 40101, 40103, 40300})


class KookConfig(ApiConfig):
    """`token` of the bot; `verify_token` and `encrypt_key` check and open what KOOK calls back.

    `channel_id` is written to where a message names no channel.
    """

    token: Annotated[str, SECRET]
    verify_token: Annotated[str, SECRET] = ""
    encrypt_key: Annotated[str, SECRET, Field(max_length=32)] = ""
    channel_id: Annotated[str, Field(pattern=r"^[0-9]{0,32}$")] = ""


class Kook(Connector[KookConfig]):
    """A bot in its servers' channels."""

    service_type = "kook"
    config = KookConfig
    limits: ClassVar[Limits] = Limits(text=8000, per_second=2)
    abilities: ClassVar = frozenset({"send", "records", "callbacks"})

    def test(self, config: KookConfig) -> Account:
        """`GET /user/me`."""
        found = _call("GET", config, "/user/me")
        return Account(str(found["id"]), str(found.get("username", "")))

    def send(self, config: KookConfig, message: Outgoing) -> Sent:
        """`POST /message/create`, as KMarkdown; `nonce` is the message's own id."""
        text = f"{message.text}\n{message.media.url}".strip() if message.media else message.text
        target = message.to or config.channel_id
        body = {"type": KMARKDOWN, "target_id": target, "content": text, "nonce": message.id}
        return Sent(str(_call("POST", config, "/message/create", body=body)["msg_id"]))

    def records(self, config: KookConfig, cursor: str | None) -> Page[Record]:
        """The text channels of the bot's servers, a server's page at a time."""
        place: dict[str, Any] = json.loads(cursor) if cursor else {"page": 1, "guilds": []}
        guilds: list[str] = place["guilds"]
        rows: list[Record] = []
        following: dict[str, Any] | None
        if not guilds:
            found = _call("GET", config, "/guild/list", query={"page": str(place["page"]), "page_size": "50"})
            rows = [Record(str(one["id"]), "guild", one) for one in found["items"]]
            page = place["page"] + 1 if found["meta"]["page"] < found["meta"]["page_total"] else 0
            following = {"page": page, "guilds": [row.id for row in rows]}
        else:
            query = {"guild_id": guilds[0], "type": "1", "page_size": "50", "page": str(place.get("channels", 1))}
            found = _call("GET", config, "/channel/list", query=query)
            rows = [Record(str(one["id"]), "channel", one) for one in found["items"] if not one.get("is_category")]
            is_last = found["meta"]["page"] >= found["meta"]["page_total"]
            following = {"page": place["page"], "guilds": guilds[1:] if is_last else guilds}
            if not is_last:
                following["channels"] = place.get("channels", 1) + 1
        is_done = not following["guilds"] and not following["page"]
        return Page(rows, None if is_done else json.dumps(following))

    def hear(self, config: KookConfig, callback: Callback) -> Heard:
        """Answer the challenge, or read a message of a channel; deflated and encrypted or neither."""
        try:
            data = event(config, callback.body)
            if data.get("channel_type") == _CHALLENGE:
                return Heard(reply=json.dumps({"challenge": data["challenge"]}), content_type="application/json")
            if data.get("channel_type") not in ("GROUP", "PERSON") or data.get("type") not in _FORWARDED:
                return Heard()
            return Heard(messages=[] if data["extra"]["author"].get("bot") else [_inbound(data)])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error) as error:
            raise Unverified from error


def event(config: KookConfig, body: bytes) -> dict[str, Any]:
    """The `d` of a callback, checked to be KOOK's. Raises `Unverified`, `ValueError` for what is no event."""
    told = json.loads(_inflated(body))
    if "encrypt" in told:
        told = json.loads(_decrypted(config.encrypt_key, told["encrypt"]))
    elif config.encrypt_key:
        raise Unverified
    data: dict[str, Any] = told["d"]
    given = str(data.get("verify_token", ""))
    if not config.verify_token or not hmac.compare_digest(given.encode(), config.verify_token.encode()):
        raise Unverified
    return data


def _inflated(body: bytes) -> bytes:
    """A body as JSON: unless its address says `compress=0`, KOOK deflates it."""
    if body[:1] == b"{":
        return body
    inflater = zlib.decompressobj()
    plain = inflater.decompress(body, MAX_EVENT)
    if inflater.unconsumed_tail:
        raise ValueError("an event beyond all measure")
    return plain


def _decrypted(key: str, text: str) -> bytes:
    """AES-256-CBC, the key padded with NUL; before the base64 of the rest stands the initialisation vector."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    if not key:
        raise Unverified
    sealed = base64.b64decode(text, validate=True)
    cipher = Cipher(algorithms.AES(key.encode().ljust(32, b"\0")), modes.CBC(sealed[:16])).decryptor()
    padded = cipher.update(base64.b64decode(sealed[16:], validate=True)) + cipher.finalize()
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def _call(
    method: str, config: KookConfig, path: str, *, query: dict[str, str] | None = None, body: Any = None
) -> dict[str, Any]:
    headers = {"Authorization": f"Bot {config.token}"}
    answer = calls.call(method, calls.base(config.base_url, API) + path, query=query, body=body, headers=headers)
    told = answer.fields
    if answer.ok and told.get("code") == 0 and isinstance(told.get("data"), dict):
        return dict(told["data"])
    raise _error(answer)


def _error(answer: calls.Answer) -> ProviderError:
    told = answer.fields
    code, text = told.get("code", answer.status), str(told.get("message", ""))
    if answer.status == 429 or code == 429:
        return Temporary("429", text, calls.after(answer.headers.get("X-Rate-Limit-Reset") or 1))
    if code in _DISABLED or answer.status == 401:
        return Disabled(str(code), text)
    return Permanent(str(code), text) if answer.ok else calls.refused(answer, code, text)


def _inbound(data: dict[str, Any]) -> Inbound:
    author = data["extra"]["author"]
    name = author.get("nickname") or author.get("username", "")
    return Inbound(
        id=str(data["msg_id"]),
        sender=Contact(str(data["author_id"]), str(name), author.get("avatar")),
        text=str(data["content"]) if data["type"] in (1, KMARKDOWN) else "",
        at=int(data["msg_timestamp"]),
        data={"channel_id": str(data["target_id"]), "type": data["type"], "content": data["content"]},
    )


CONNECTOR = Kook()
