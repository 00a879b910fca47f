"""Discord, by a channel's webhook (https://discord.com/developers/docs/resources/webhook)."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub.connectors import calls
from hub.connectors.protocol import (
    SECRET,
    Account,
    Config,
    Connector,
    Disabled,
    Limits,
    Media,
    Outgoing,
    Permanent,
    ProviderError,
    Sent,
    Temporary,
)

# https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
_DISABLED = frozenset({10015, 50027})
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
    limits: ClassVar[Limits] = Limits(text=2000, unit="utf16", per_second=0.5, per_second_each=0.5)
    abilities: ClassVar = frozenset({"send"})

    def test(self, config: DiscordConfig) -> Account:
        """Read the webhook, which posts nothing."""
        found = _call("GET", config.webhook_url)
        return Account(str(found["id"]), found.get("name") or "")

    def send(self, config: DiscordConfig, message: Outgoing) -> Sent:
        """Execute the webhook and wait for the message's id; nobody is pinged. `options`: `embeds`, `thread_id`."""
        body: dict[str, Any] = {"content": message.text, "allowed_mentions": {"parse": []}}
        if sender := message.sender or config.username:
            body["username"] = sender
        body |= {name: message.options[name] for name in ("avatar_url", "embeds") if name in message.options}
        if message.media:
            # An address within the text would count towards the text's limit.
            body["embeds"] = [*body.get("embeds", [])[:9], _embed(message.media)]
        query = {"wait": "true"} | {
            name: str(message.options[name]) for name in ("thread_id",) if name in message.options
        }
        return Sent(str(_call("POST", config.webhook_url, query=query, body=body)["id"]))


def _embed(media: Media) -> dict[str, Any]:
    if media.kind == "image":
        return {"image": {"url": media.url}}
    return {"title": (media.name or media.kind)[:256], "url": media.url}


def _call(method: str, url: str, *, query: dict[str, str] | None = None, body: Any = None) -> dict[str, Any]:
    answer = calls.call(method, url, query=query, body=body)
    told = answer.fields
    if answer.ok and "id" in told:
        return told
    raise _error(answer, told)


def _error(answer: calls.Answer, told: dict[str, Any]) -> ProviderError:
    code, text = answer.code("code") or answer.status, str(told.get("message", ""))
    if answer.status == 429:
        return Temporary("429", text, calls.after(told.get("retry_after", answer.headers.get("Retry-After"))))
    if code in _OF_THREAD:
        return Permanent(str(code), text)
    if code in _DISABLED or answer.status in (401, 404):
        return Disabled(str(code), text)
    return calls.refused(answer, code, text)


CONNECTOR = Discord()
