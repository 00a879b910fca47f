"""Telegram, by its Bot API (https://core.telegram.org/bots/api)."""

import json
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
    Heard,
    Inbound,
    Limits,
    Outgoing,
    Permanent,
    ProviderError,
    Sent,
    Temporary,
    Unverified,
)

API = "https://api.telegram.org"
_SENDING = {
    "image": ("sendPhoto", "photo"),
    "video": ("sendVideo", "video"),
    "audio": ("sendAudio", "audio"),
    "file": ("sendDocument", "document"),
}
_KINDS = {
    "photo": "image",
    "video": "video",
    "animation": "video",
    "video_note": "video",
    "audio": "audio",
    "voice": "audio",
    "document": "file",
    "sticker": "image",
    "contact": "contact",
    "venue": "venue",
    "location": "location",
    "poll": "poll",
}
"""What a `Message` may carry, and what we call it: an animation is a document too, a venue a location."""


class TelegramConfig(ApiConfig):
    """`bot_token` as BotFather gave it. `webhook_secret` is what `setWebhook` was told as `secret_token`.

    `chat_id` is written to where a message names no chat.
    """

    bot_token: Annotated[str, SECRET, Field(pattern=r"^[0-9]{1,20}:[A-Za-z0-9_-][A-Za-z0-9_.-]{2,99}$")]
    webhook_secret: Annotated[str, SECRET, Field(pattern=r"^[A-Za-z0-9_-]{1,256}$")] = ""
    chat_id: Annotated[str, Field(max_length=64)] = ""


class Telegram(Connector[TelegramConfig]):
    """A bot: it writes to chats that know it, and hears what is written to it."""

    service_type = "telegram"
    config = TelegramConfig
    limits: ClassVar[Limits] = Limits(text=4096, caption=1024, unit="utf16", per_second=30, per_second_each=1)
    abilities: ClassVar = frozenset({"send", "callbacks"})

    def test(self, config: TelegramConfig) -> Account:
        """`getMe`, and `getChat` of the chat that is written to by itself."""
        bot = _call(config, "getMe")
        if config.chat_id:
            _call(config, "getChat", {"chat_id": config.chat_id})
        with calls.reading():
            return Account(str(bot["id"]), str(bot.get("username") or bot.get("first_name", "")))

    def send(self, config: TelegramConfig, message: Outgoing) -> Sent:
        """`sendMessage`, or what sends a picture or a file; a group that became a supergroup has a new id."""
        try:
            found = _send(config, message, message.to or config.chat_id)
        except _Moved as moved:
            found = _send(config, message, moved.chat_id)
        with calls.reading():
            return Sent(f"{found['chat']['id']}:{found['message_id']}")

    def hear(self, config: TelegramConfig, callback: Callback) -> Heard:
        """Read an `Update`; one of a kind that says nothing to us is heard and empty."""
        if not callbacks.is_secret(callback.headers.get("x-telegram-bot-api-secret-token", ""), config.webhook_secret):
            raise Unverified
        return Heard(messages=callbacks.readable(_heard, [callback.body]))


class _Moved(Permanent):
    """A group that became a supergroup."""

    def __init__(self, chat_id: str, message: str) -> None:
        super().__init__("400", message)
        self.chat_id = chat_id


def _send(config: TelegramConfig, message: Outgoing, chat_id: str) -> Any:
    if message.media is None:
        method, content = "sendMessage", {"text": message.text}
    else:
        method, name = _SENDING[message.media.kind]
        content = {name: message.media.url} | ({"caption": message.text} if message.text else {})
    format_of = {name: message.options[name] for name in ("parse_mode",) if name in message.options}
    try:
        return _call(config, method, {"chat_id": chat_id, **content, **format_of})
    except Permanent as error:
        if not format_of or "can't parse entities" not in error.message:
            raise
        return _call(config, method, {"chat_id": chat_id, **content})


def _call(config: TelegramConfig, method: str, parameters: dict[str, Any] | None = None) -> Any:
    """Call a method and answer with its result. Raises `ProviderError`."""
    address = f"{calls.base(config.base_url, API)}/bot{config.bot_token}/{method}"
    answer = calls.call("POST", address, body=parameters or {})
    told = answer.fields
    if told.get("ok") is True and "result" in told:
        return told["result"]
    raise _error(answer, told)


def _error(answer: calls.Answer, told: dict[str, Any]) -> ProviderError:
    """What Telegram's `error_code`, `description` and `parameters` (type ResponseParameters) mean."""
    code, text = told.get("error_code", answer.status), str(told.get("description", ""))
    given = told.get("parameters")
    more = given if isinstance(given, dict) else {}
    if "migrate_to_chat_id" in more:
        return _Moved(str(more["migrate_to_chat_id"]), text)
    if code == 429:
        return Temporary("429", text, calls.after(more.get("retry_after")))
    if code in (400, 403):
        return Permanent(str(code), text)
    return calls.refused(answer, code, text)


def _heard(body: bytes) -> Inbound | None:
    """The message of an update; `None` for an update of another kind, and for what bots and the chat itself say."""
    update = json.loads(body)
    message = update.get("message") or update.get("channel_post")
    if not message or (message.get("from") or {}).get("is_bot"):
        return None
    carried = next((kind for kind in _KINDS if kind in message), None)
    text = message.get("text") or message.get("caption") or ""
    if not text and carried is None:
        return None
    chat, sender = message["chat"], message.get("from") or message["chat"]
    name = " ".join(filter(None, (sender.get("first_name") or sender.get("title"), sender.get("last_name"))))
    return Inbound(
        id=f"{chat['id']}:{message['message_id']}",
        sender=Contact(str(chat["id"]), name or sender.get("username", "")),
        text=text,
        at=int(message["date"]) * 1000,
        data={"type": _KINDS[carried], carried: message[carried]} if carried else {},
    )


CONNECTOR = Telegram()
