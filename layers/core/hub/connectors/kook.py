"""KOOK, by a bot's token (https://developer.kookapp.cn/doc)."""

import base64
import json
import zlib
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub.connectors import callbacks, calls
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
_KINDS = {2: "image", 3: "video", 4: "file", 8: "audio", CARD: "card"}
_DISABLED = frozenset({401, 40100, 40101, 40102, 40103})


class KookConfig(ApiConfig):
    """`token` of the bot; `verify_token` and `encrypt_key` check and open what KOOK calls back.

    `channel_id` is written to where a message names no channel.
    """

    token: Annotated[str, SECRET]
    verify_token: Annotated[str, SECRET] = ""
    encrypt_key: Annotated[str, SECRET, Field(max_length=32)] = ""
    channel_id: Annotated[str, Field(pattern=r"^[0-9]{0,32}$")] = ""


class KookCookieConfig(KookConfig):
    """A browser's `cookie` (a header's value) instead of a token, which KOOK's documentation does not know."""

    token: str = ""
    cookie: Annotated[str, SECRET, Field(max_length=32_768)]


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
        """The bot's servers and their text channels: a page of servers, then those of each, fifty at a time."""
        place: dict[str, Any] = json.loads(cursor) if cursor else {"page": 1, "guilds": []}
        if not place["guilds"]:
            found = guilds(config, place["page"])
            rows = [Record(one["id"], "guild", one) for one in found.items]
            following = {"page": place["page"] + 1 if found.next else 0, "guilds": [row.id for row in rows]}
        else:
            found = channels(config, place["guilds"][0], place.get("channels", 1))
            rows = [Record(one["id"], "channel", one) for one in found.items]
            following = {"page": place["page"], "guilds": place["guilds"] if found.next else place["guilds"][1:]}
            following |= {"channels": place.get("channels", 1) + 1} if found.next else {}
        is_done = not following["guilds"] and not following["page"]
        return Page(rows, None if is_done else json.dumps(following))

    def hear(self, config: KookConfig, callback: Callback) -> Heard:
        """Answer the challenge, or read a message of a channel; deflated and encrypted or neither."""
        data = event(config, callback.body)
        if data.get("channel_type") == _CHALLENGE:
            reply = json.dumps({"challenge": str(data.get("challenge", ""))[:256]})
            return Heard(reply=reply, content_type="application/json")
        return Heard(messages=callbacks.readable(_inbound, [data]))


def guilds(config: KookConfig, page: int) -> Page[dict[str, Any]]:
    """A page, from 1, of the servers that the bot is in, each with its `id` as text. Raises `ProviderError`."""
    return _listed(config, "/guild/list", {"page": str(page)})


def channels(config: KookConfig, guild_id: str, page: int) -> Page[dict[str, Any]]:
    """A page, from 1, of a server's text channels, categories left out. Raises `ProviderError`."""
    found = _listed(config, "/channel/list", {"page": str(page), "guild_id": guild_id, "type": "1"})
    return Page([one for one in found.items if not one.get("is_category")], found.next)


def event(config: KookConfig, body: bytes) -> dict[str, Any]:
    """The `d` of a callback, which is KOOK's. Raises `Unverified`, for what is no event too."""
    try:
        told = json.loads(_inflated(body))
        if config.encrypt_key:
            told = json.loads(_decrypted(config.encrypt_key, told["encrypt"]))
        data: dict[str, Any] = told["d"]
        given = str(data.get("verify_token", ""))
    except (*callbacks.UNREADABLE, zlib.error) as error:
        raise Unverified from error
    if not callbacks.is_secret(given, config.verify_token):
        raise Unverified
    return data


def _inflated(body: bytes) -> bytes:
    """A body as JSON: unless its address says `compress=0`, KOOK deflates it. One beyond all measure is cut."""
    return body if body[:1] == b"{" else zlib.decompressobj().decompress(body, MAX_EVENT)


def _decrypted(key: str, text: str) -> bytes:
    """AES-256-CBC, the key padded with NUL; before the base64 of the rest stands the initialisation vector."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    sealed = base64.b64decode(text, validate=True)
    cipher = Cipher(algorithms.AES(key.encode().ljust(32, b"\0")), modes.CBC(sealed[:16])).decryptor()
    padded = cipher.update(base64.b64decode(sealed[16:], validate=True)) + cipher.finalize()
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def _listed(config: KookConfig, path: str, query: dict[str, str]) -> Page[dict[str, Any]]:
    """A page of a list; `next` is the number of the next."""
    found = _call("GET", config, path, query={**query, "page_size": "50"})
    with calls.reading():
        page = int(query["page"])
        has_more = page < int(found["meta"]["page_total"])
        return Page([{**one, "id": str(one["id"])} for one in found["items"]], str(page + 1) if has_more else None)


def _call(
    method: str, config: KookConfig, path: str, *, query: dict[str, str] | None = None, body: Any = None
) -> dict[str, Any]:
    headers = (
        {"Cookie": config.cookie} if isinstance(config, KookCookieConfig) else {"Authorization": f"Bot {config.token}"}
    )
    answer = calls.call(method, calls.base(config.base_url, API) + path, query=query, body=body, headers=headers)
    told = answer.fields
    if answer.ok and told.get("code") == 0 and isinstance(told.get("data"), dict):
        return calls.Fields(told["data"])
    raise _error(answer)


def _error(answer: calls.Answer) -> ProviderError:
    told = answer.fields
    code, text = told.get("code"), str(told.get("message", ""))
    if answer.status == 429 or code == 429:
        return Temporary("429", text, calls.after(answer.headers.get("X-Rate-Limit-Reset") or 1))
    if answer.status == 401 or (isinstance(code, int) and code in _DISABLED):
        return Disabled(str(code or answer.status), text)
    if answer.status in (403, 404) or (answer.ok and code):
        # Of a channel, not of the bot, which may well write to others.
        return Permanent(str(code or answer.status), text)
    return calls.refused(answer, code, text)


def _inbound(data: dict[str, Any]) -> Inbound | None:
    """A message of a person; `None` for one of a bot, which might answer us for ever, and for what KOOK tells."""
    if data.get("channel_type") not in ("GROUP", "PERSON") or data.get("type") not in _FORWARDED:
        return None
    author = data["extra"]["author"]
    if author.get("bot"):
        return None
    kind = data["type"]
    name = author.get("nickname") or author.get("username", "")
    return Inbound(
        id=str(data["msg_id"]),
        sender=Contact(str(data["author_id"]), str(name), author.get("avatar")),
        text=str(data["content"]) if kind in (1, KMARKDOWN) else "",
        at=int(data["msg_timestamp"]),
        data={"type": _KINDS.get(kind, "text"), "channel_id": str(data["target_id"]), "content": data["content"]},
    )


CONNECTOR = Kook()
