"""Discord, by a channel's webhook (https://discord.com/developers/docs/resources/webhook).

A webhook has no key against a second copy: `nonce` is for bots' messages alone. A message's id here is Discord's, of
one in a thread `<thread>:<id>`.
"""

import json
import re
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub.connectors import calls, files
from hub.connectors.protocol import (
    SECRET,
    Account,
    Config,
    Connector,
    Disabled,
    Limits,
    Media,
    Outgoing,
    Page,
    Permanent,
    ProviderError,
    Sent,
    Target,
    Temporary,
)

# https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
MAX_FILE = 10 * 1024 * 1024
_UNKNOWN_MESSAGE = 10008
_TOO_LARGE = 40005
_DISABLED = frozenset({10015, 50027})
_TEMPORARY = frozenset({20016, 20022, 20028, 20029, 30046, 40333, 130000})
"""Slow mode, limits of writes and edits, trouble at Discord."""
_RESERVED = re.compile(r"dis(?=cord)|cly(?=de)|^here$|^everyone$", re.IGNORECASE)
_OF_THREAD = frozenset({10003, 50083, 160005, 220001, 220002, 220003, 220004})
"""A thread that is gone, closed, wanted or not wanted: the message's trouble, not the webhook's."""


class DiscordConfig(Config):
    """`webhook_url` as Discord shows it: who has it can post."""

    webhook_url: Annotated[
        str,
        SECRET,
        Field(max_length=2048, pattern=r"^https?://[^/\s]+/api/(v\d+/)?webhooks/\d+/[A-Za-z0-9_-][A-Za-z0-9_.-]*$"),
    ]
    username: Annotated[str, Field(max_length=80)] = ""


class Discord(Connector[DiscordConfig]):
    """A channel."""

    service_type = "discord"
    config = DiscordConfig
    limits: ClassVar[Limits] = Limits(
        text=2000,
        unit="utf16",
        per_second=0.5,
        per_second_each=0.5,
        formats={"markdown": 2000},
        files={"image": MAX_FILE, "video": MAX_FILE, "audio": MAX_FILE, "file": MAX_FILE},
    )
    abilities: ClassVar = frozenset({"send", "edit", "delete", "targets"})

    def test(self, config: DiscordConfig) -> Account:
        """Read the webhook, which posts nothing."""
        found = _call("GET", config.webhook_url)
        return Account(str(found["id"]), found.get("name") or "")

    def send(self, config: DiscordConfig, message: Outgoing) -> Sent:
        """Execute the webhook and wait for the message's id; nobody is pinged. `options`: `embeds`, `avatar_url`,
        `thread_id`."""
        body = _content(message)
        if sender := message.sender or config.username:
            body["username"] = _name(sender)
        body |= {name: message.options[name] for name in ("avatar_url",) if name in message.options}
        thread = str(message.options.get("thread_id", ""))
        query = {"wait": "true"} | _in_thread(thread)
        if message.media and message.media.attach:
            try:
                with files.fetched(message.media, MAX_FILE) as file:
                    return _sent(_upload(config, query, body, file), thread)
            except files.NOT_HAD:
                pass
        if message.media:
            # An address within the text would count towards the text's limit.
            body["embeds"] = [*body.get("embeds", [])[:9], _embed(message.media)]
        return _sent(_call("POST", config.webhook_url, query=query, body=body), thread)

    def edit(self, config: DiscordConfig, message: Outgoing, provider_id: str) -> None:
        """Replace the text, and the embeds where there are some; a file that was attached stays."""
        body = _content(message)
        if message.media and not message.media.attach:
            body["embeds"] = [*body.get("embeds", [])[:9], _embed(message.media)]
        address, query = _place(config, provider_id)
        _call("PATCH", address, query=query, body=body)

    def delete(self, config: DiscordConfig, provider_id: str) -> None:
        """Delete the message."""
        address, query = _place(config, provider_id)
        answer = calls.call("DELETE", address, query=query)
        if answer.status != 204 and answer.code("code") != _UNKNOWN_MESSAGE:
            raise _error(answer, answer.fields)

    def targets(self, config: DiscordConfig, cursor: str | None) -> Page[Target]:
        """The one channel that the webhook posts to; Discord tells its id, and the webhook's name."""
        found = _call("GET", config.webhook_url)
        return Page([Target(str(found["channel_id"]), found.get("name") or "", str(found.get("guild_id") or ""))])


def _content(message: Outgoing) -> dict[str, Any]:
    body: dict[str, Any] = {"content": message.text, "allowed_mentions": {"parse": []}}
    return body | {name: message.options[name] for name in ("embeds",) if name in message.options}


def _name(sender: str) -> str:
    """A name that Discord takes: of 80 characters, without words of its own
    (https://discord.com/developers/docs/resources/user#usernames-and-nicknames)."""
    name = _RESERVED.sub("\\g<0>\u00b7", sender.strip())
    return name[:80].strip() or "-"


def _in_thread(thread: str) -> dict[str, str]:
    return {"thread_id": thread} if thread else {}


def _place(config: DiscordConfig, provider_id: str) -> tuple[str, dict[str, str]]:
    """Where a message of the webhook's is."""
    thread, _, name = provider_id.rpartition(":")
    return f"{config.webhook_url}/messages/{name}", _in_thread(thread)


def _sent(found: dict[str, Any], thread: str) -> Sent:
    return Sent(f"{thread}:{found['id']}" if thread else str(found["id"]))


def _upload(config: DiscordConfig, query: dict[str, str], body: dict[str, Any], file: files.File) -> dict[str, Any]:
    payload = {"payload_json": json.dumps(body, ensure_ascii=False)}
    raw, headers = files.form(payload, "files[0]", file)
    answer = calls.call("POST", config.webhook_url, query=query, body=raw, headers=headers, seconds=files.SECONDS)
    if answer.status == 413 or answer.code("code") == _TOO_LARGE:
        raise files.Unfit("media_too_large", "Discord takes no file of that size")
    return _told(answer)


def _embed(media: Media) -> dict[str, Any]:
    if media.kind == "image":
        return {"image": {"url": media.url}}
    return {"title": (media.name or media.kind)[:256], "url": media.url}


def _call(method: str, url: str, *, query: dict[str, str] | None = None, body: Any = None) -> dict[str, Any]:
    return _told(calls.call(method, url, query=query, body=body))


def _told(answer: calls.Answer) -> dict[str, Any]:
    told = answer.fields
    if answer.ok and "id" in told:
        return told
    raise _error(answer, told)


def _error(answer: calls.Answer, told: dict[str, Any]) -> ProviderError:
    code, text = answer.code("code") or answer.status, str(told.get("message", ""))
    if answer.status == 429:
        return Temporary("429", text, calls.after(told.get("retry_after", answer.headers.get("Retry-After"))))
    if code in _TEMPORARY or (answer.status == 403 and not told):
        # Without words of Discord's it is who stands before it that lets nobody through.
        return Temporary(str(code), text)
    if code in _OF_THREAD or code == _UNKNOWN_MESSAGE:
        return Permanent(str(code), text)
    if code in _DISABLED or answer.status in (401, 404):
        return Disabled(str(code), text)
    return calls.refused(answer, code, text)


CONNECTOR = Discord()
