"""KOOK, by a bot's token (https://developer.kookapp.cn/doc).

KOOK gives a message's `nonce` back, and drops no second copy by it.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    Media,
    MediaKind,
    Outgoing,
    Page,
    Permanent,
    ProviderError,
    Record,
    Sent,
    Target,
    Temporary,
    Unverified,
)

API = "https://www.kookapp.cn/api/v3"
KMARKDOWN, CARD = 9, 10
MAX_EVENT = 1_000_000
_CHALLENGE = "WEBHOOK_CHALLENGE"
_FORWARDED = frozenset({1, 2, 3, 4, 8, KMARKDOWN, CARD})
MAX_PAGES = 20
"""Of fifty each: as many servers, or channels of one, as are read."""
_MEDIA: dict[int, MediaKind] = {2: "image", 3: "video", 4: "file", 8: "audio"}
_KINDS = {2: "image", 3: "video", 4: "file", 8: "audio", CARD: "card"}
_DISABLED = frozenset({401, 40100, 40101, 40102, 40103})
_REFUSED = "40000"
"""KOOK's code for what it does not do, whatever the reason."""


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
    limits: ClassVar[Limits] = Limits(text=8000, per_second=2, formats={"markdown": 8000})
    abilities: ClassVar = frozenset({"send", "edit", "delete", "records", "targets", "callbacks"})

    def test(self, config: KookConfig) -> Account:
        """`GET /user/me`."""
        found = _call("GET", config, "/user/me")
        return Account(str(found["id"]), str(found.get("username", "")))

    def send(self, config: KookConfig, message: Outgoing) -> Sent:
        """`POST /message/create`, as KMarkdown; `nonce` is the message's own id."""
        target = message.to or config.channel_id
        body = {"type": KMARKDOWN, "target_id": target, "content": _written(message), "nonce": message.id}
        return Sent(str(_call("POST", config, "/message/create", body=body)["msg_id"]))

    def edit(self, config: KookConfig, message: Outgoing, provider_id: str) -> None:
        """`POST /message/update`."""
        _call("POST", config, "/message/update", body={"msg_id": provider_id, "content": _written(message)})

    def delete(self, config: KookConfig, provider_id: str) -> None:
        """`POST /message/delete`."""
        _call("POST", config, "/message/delete", body={"msg_id": provider_id})

    def targets(self, config: KookConfig, cursor: str | None) -> Page[Target]:
        """The text channels of the bot's servers, each page those of a server."""
        place = int(cursor or 0)
        servers = guilds(config)
        found = channels(config, servers[place].id) if place < len(servers) else []
        rows = [Target(one.id, one.name, servers[place].name) for one in found]
        return Page(rows, str(place + 1) if place + 1 < len(servers) else None)

    def records(self, config: KookConfig, cursor: str | None) -> Page[Record]:
        """The bot's servers and their text channels: a page of servers, then those of each, fifty at a time."""
        place: dict[str, Any] = json.loads(cursor) if cursor else {"page": 1, "guilds": []}
        path, query = "/guild/list", {"page": str(place["page"]), "page_size": "50"}
        if place["guilds"]:
            path = "/channel/list"
            query |= {"page": str(place.get("channels", 1)), "guild_id": place["guilds"][0], "type": "1"}
        found = _call("GET", config, path, query=query)
        with calls.reading():
            has_more = found["meta"]["page"] < found["meta"]["page_total"]
            if not place["guilds"]:
                rows = [Record(str(one["id"]), "guild", one) for one in found["items"]]
                following = {"page": place["page"] + 1 if has_more else 0, "guilds": [row.id for row in rows]}
            else:
                rows = [Record(str(one["id"]), "channel", one) for one in found["items"] if not one.get("is_category")]
                following = {"page": place["page"], "guilds": place["guilds"] if has_more else place["guilds"][1:]}
                following |= {"channels": place.get("channels", 1) + 1} if has_more else {}
        is_done = not following["guilds"] and not following["page"]
        return Page(rows, None if is_done else json.dumps(following))

    def hear(self, config: KookConfig, callback: Callback) -> Heard:
        """Answer the challenge, or read a message of a channel; deflated and encrypted or neither."""
        data = event(config, callback.body)
        if data.get("channel_type") == _CHALLENGE:
            reply = json.dumps({"challenge": str(data.get("challenge", ""))[:256]})
            return Heard(reply=reply, content_type="application/json")
        return Heard(messages=callbacks.readable(_inbound, [data]))


@dataclass(frozen=True, slots=True)
class Guild:
    """A server that the bot is in."""

    id: str
    name: str
    icon: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A text channel of a server."""

    id: str
    name: str
    guild_id: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What a message answers to."""

    id: str
    type: int
    content: str
    author: str


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a channel, as a callback tells it or a list shows it; times in epoch ms.

    `users`, `roles` and `channels` are the names of those that `content` mentions, by id. `updated_at` is when it was
    edited last. `channel_name` and `guild_id` are empty where a list does not tell them.
    """

    id: str
    channel_id: str
    type: int
    content: str
    at: int
    author: Contact
    is_bot: bool
    updated_at: int | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    media: Media | None = None
    quote: Quote | None = None
    guild_id: str = ""
    channel_name: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """Messages of a channel, the oldest first. `is_full`: KOOK listed as many as were asked for, so there may be more;
    one that cannot be read counts there, and is not in `said`."""

    said: list[Said]
    is_full: bool


def guilds(config: KookConfig) -> list[Guild]:
    """The bot's servers. Raises `ProviderError`."""
    found = _all(config, "/guild/list", {})
    with calls.reading():
        return [Guild(str(one["id"]), str(one["name"]), str(one.get("icon") or "")) for one in found]


def channels(config: KookConfig, guild_id: str) -> list[Channel]:
    """The text channels of a server. Raises `ProviderError`."""
    found = _all(config, "/channel/list", {"guild_id": guild_id, "type": "1"})
    with calls.reading():
        return [Channel(str(one["id"]), str(one["name"]), guild_id) for one in found if not one.get("is_category")]


def messages_after(config: KookConfig, channel_id: str, msg_id: str, most: int = 50) -> Listed:
    """The messages of a channel after one, or the latest where none is named, the oldest first; 50 at most.

    Raises `ProviderError`.
    """
    query = {"target_id": channel_id, "page_size": str(most)}
    query |= {"msg_id": msg_id, "flag": "after"} if msg_id else {}
    found = _call("GET", config, "/message/list", query=query)
    with calls.reading():
        said = callbacks.readable(lambda one: _readable(one, channel_id), found["items"])
        return Listed(sorted(said, key=lambda one: one.at), len(found["items"]) >= most)


def message_of(config: KookConfig, channel_id: str, msg_id: str) -> Said:
    """A message as it stands now. Raises `ProviderError`."""
    found = _call("GET", config, "/message/view", query={"msg_id": msg_id})
    with calls.reading():
        return _listed(found, str(found.get("channel_id") or channel_id))


def is_gone(config: KookConfig, msg_id: str) -> bool:
    """Whether KOOK itself says that it does not know a message any more: what stands before it may refuse a call, too.

    Raises `Disabled`, `Temporary`.
    """
    try:
        _call("GET", config, "/message/view", query={"msg_id": msg_id})
    except Disabled:
        raise
    except Permanent as error:
        return error.code == _REFUSED
    return False


def user_name(config: KookConfig, user_id: str, guild_id: str = "") -> str:
    """What a user is called, in a server where one is named. Raises `ProviderError`."""
    query = {"user_id": user_id} | ({"guild_id": guild_id} if guild_id else {})
    return _called(_call("GET", config, "/user/view", query=query))


def said(data: Mapping[str, Any]) -> Said:
    """The message of an `event` of a channel. Raises what `callbacks.UNREADABLE` names."""
    extra = data["extra"]
    marks = extra.get("kmarkdown") or {}
    return Said(
        id=str(data["msg_id"]),
        channel_id=str(data["target_id"]),
        type=int(data["type"]),
        content=str(data["content"]),
        at=int(data["msg_timestamp"]),
        author=_author(extra["author"]),
        is_bot=bool(extra["author"].get("bot")),
        users=_names(marks.get("mention_part"), "id", "full_name", "username"),
        roles=_names(marks.get("mention_role_part"), "role_id", "name"),
        channels=_names(marks.get("channel_part"), "id", "name"),
        media=_media(int(data["type"]), str(data["content"]), extra.get("attachments")),
        quote=_quote(extra.get("quote")),
        guild_id=str(extra.get("guild_id") or ""),
        channel_name=str(extra.get("channel_name") or ""),
    )


def _readable(one: Mapping[str, Any], channel_id: str) -> Said:
    """One that lacks something is left out by who reads it: it must not hold up those after it."""
    try:
        return _listed(one, channel_id)
    except Temporary as error:
        raise ValueError(error.message) from error


def _listed(one: Mapping[str, Any], channel_id: str) -> Said:
    """A message as lists and views show it."""
    told = one.get("mention_info") or {}
    return Said(
        id=str(one["id"]),
        channel_id=channel_id,
        type=int(one["type"]),
        content=str(one["content"]),
        at=int(one["create_at"]),
        author=_author(one["author"]),
        is_bot=bool(one["author"].get("bot")),
        updated_at=int(one.get("updated_at") or 0) or None,
        users=_names(told.get("mention_part"), "id", "full_name", "username"),
        roles=_names(told.get("mention_role_part"), "role_id", "name"),
        channels=_names(told.get("channel_part"), "id", "name"),
        media=_media(int(one["type"]), str(one["content"]), one.get("attachments")),
        quote=_quote(one.get("quote")),
    )


def _author(one: Mapping[str, Any]) -> Contact:
    return Contact(str(one["id"]), _called(one), one.get("avatar") or None)


def _called(one: Mapping[str, Any]) -> str:
    return str(one.get("nickname") or one.get("username") or "")


def _names(told: Any, key: str, *names: str) -> dict[str, str]:
    """Names by id, of what a message says of those it mentions."""
    return {str(one[key]): next((str(one[name]) for name in names if one.get(name)), "") for one in told or ()}


def _media(kind: int, content: str, attached: Any) -> Media | None:
    """The picture or file that a message is: its content is its address, its name stands apart."""
    if kind not in _MEDIA:
        return None
    more = attached if isinstance(attached, dict) else {}
    return Media(_MEDIA[kind], str(more.get("url") or content), str(more.get("name") or ""))


def _quote(one: Any) -> Quote | None:
    # A message that answers to none has an empty list or an empty text here.
    if not isinstance(one, dict) or not one:
        return None
    return Quote(
        str(one.get("rong_id") or one.get("id") or ""),
        int(one.get("type") or 1),
        str(one.get("content") or ""),
        _called(one.get("author") or {}),
    )


def _all(config: KookConfig, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """Every page of a list."""
    rows: list[dict[str, Any]] = []
    for page in range(1, MAX_PAGES + 1):
        found = _call("GET", config, path, query={**query, "page": str(page), "page_size": "50"})
        with calls.reading():
            rows += found["items"]
            if found["meta"]["page"] >= found["meta"]["page_total"]:
                break
    return rows


def _written(message: Outgoing) -> str:
    text = f"{message.text}\n{message.media.url}".strip() if message.media else message.text
    # A mention in a text from outside must not ping anybody.
    return re.sub(r"\((?=(?:met|rol)\))", "(\u200b", text)


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


def _call(
    method: str, config: KookConfig, path: str, *, query: dict[str, str] | None = None, body: Any = None
) -> dict[str, Any]:
    headers = {"Authorization": f"Bot {config.token}"}
    if isinstance(config, KookCookieConfig):
        headers = {"Cookie": config.cookie}
    answer = calls.call(method, calls.base(config.base_url, API) + path, query=query, body=body, headers=headers)
    told = answer.fields
    if answer.ok and told.get("code") == 0 and isinstance(told.get("data"), dict):
        return calls.Fields(told["data"])
    raise _error(answer)


def _error(answer: calls.Answer) -> ProviderError:
    told = answer.fields
    code, text = told.get("code"), str(told.get("message", ""))
    if answer.status == 429 or code == 429:
        # Seconds until the bucket, or (`X-Rate-Limit-Global`) everything of the bot's, is free again.
        return Temporary("429", text, calls.after(answer.headers.get("X-Rate-Limit-Reset")) or calls.after(1))
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
