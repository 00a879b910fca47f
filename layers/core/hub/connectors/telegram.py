"""Telegram, by its Bot API (https://core.telegram.org/bots/api)."""

import html
import json
import re
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub.connectors import callbacks, calls, files
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
    Media,
    MediaKind,
    Move,
    Outgoing,
    Page,
    Permanent,
    ProviderError,
    Sent,
    Target,
    Temporary,
    Unverified,
)

API = "https://api.telegram.org"
MAX_PHOTO = 10 * 1024 * 1024
MAX_FILE = files.MAX_BYTES
"""Telegram itself takes 50 MB."""
_SENDING: dict[MediaKind, tuple[str, str]] = {
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


_NOT_FETCHED = (
    "failed to get http url content",
    "wrong file identifier/http url specified",
    "wrong type of the web page content",
    "wrong remote file identifier",
    "webpage_curl_failed",
    "webpage_media_empty",
    "wrong http url",
    "file is too big",
)
"""What Telegram says of an address that it does not fetch: a server it cannot reach, a photo beyond 5 MB, a document
that is no PDF, ZIP or GIF."""
_NONE_TO_EDIT = ("there is no text in the message to edit", "there is no caption in the message to edit")
_NO_PHOTO = ("photo_invalid_dimensions", "image_process_failed", "photo_ext_invalid", "photo_save_file_invalid")
"""What it says of a picture that it shows as a document only."""


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
    limits: ClassVar[Limits] = Limits(
        text=4096,
        caption=1024,
        unit="utf16",
        per_second=30,
        per_second_each=1,
        formats={"html": 4096},
        files={"image": MAX_PHOTO, "video": MAX_FILE, "audio": MAX_FILE, "file": MAX_FILE},
    )
    abilities: ClassVar = frozenset({"send", "edit", "delete", "targets", "callbacks"})

    def test(self, config: TelegramConfig) -> Account:
        """`getMe`, and `getChat` of the chat that is written to by itself."""
        bot = _call(config, "getMe")
        if config.chat_id:
            _call(config, "getChat", {"chat_id": config.chat_id})
        with calls.reading():
            return Account(str(bot["id"]), str(bot.get("username") or bot.get("first_name", "")))

    def send(self, config: TelegramConfig, message: Outgoing) -> Sent:
        """`sendMessage`, or what sends a picture or a file: Telegram fetches it, or gets it from us where it cannot.

        A group that became a supergroup has a new id, which is told (`moved_to`).
        """
        moved_to = None
        try:
            found = _send(config, message, message.to or config.chat_id)
        except _Moved as moved:
            moved_to = moved.chat_id
            found = _send(config, message, moved_to)
        with calls.reading():
            return Sent(f"{found['chat']['id']}:{found['message_id']}", moved_to=moved_to)

    def edit(self, config: TelegramConfig, message: Outgoing, provider_id: str) -> None:
        """`editMessageText`, or `editMessageCaption` of what went with media; the media stay."""
        ways = [("editMessageText", "text"), ("editMessageCaption", "caption")]
        for method, name in reversed(ways) if message.media else ways:
            try:
                _formatted(config, method, _place(provider_id), name, message)
            except Permanent as error:
                if _says(error, ("message is not modified",)):
                    return
                if method == ways[message.media is None][0] or not _says(error, _NONE_TO_EDIT):
                    raise
            else:
                return

    def delete(self, config: TelegramConfig, provider_id: str) -> None:
        """`deleteMessage`, which Telegram does within 48 hours."""
        try:
            _call(config, "deleteMessage", _place(provider_id))
        except Permanent as error:
            if "message to delete not found" not in error.message:
                raise

    def targets(self, config: TelegramConfig, cursor: str | None) -> Page[Target]:
        """The chat that is written to by itself (`getChat`): a bot cannot list the others."""
        if not config.chat_id:
            return Page([])
        found = _call(config, "getChat", {"chat_id": config.chat_id})
        with calls.reading():
            return Page([Target(str(found["id"]), _name(found))])

    def hear(self, config: TelegramConfig, callback: Callback) -> Heard:
        """Read an `Update`; one of a kind that says nothing to us is heard and empty."""
        if not callbacks.is_secret(callback.headers.get("x-telegram-bot-api-secret-token", ""), config.webhook_secret):
            raise Unverified
        [heard] = callbacks.readable(_heard, [callback.body]) or [Heard()]
        return heard


class _Moved(Permanent):
    """A group that became a supergroup."""

    def __init__(self, chat_id: str, message: str) -> None:
        super().__init__("400", f"{message}: its id is {chat_id} from now on")
        self.chat_id = chat_id


def _place(provider_id: str) -> dict[str, Any]:
    chat, _, number = provider_id.rpartition(":")
    if not chat or not number.isdigit():
        raise Permanent("bad_id", f"{provider_id} is no message's id")
    return {"chat_id": chat, "message_id": int(number)}


def _send(config: TelegramConfig, message: Outgoing, chat_id: str) -> Any:
    to = {"chat_id": chat_id}
    if message.media is None:
        return _formatted(config, "sendMessage", to, "text", message)
    if message.media.attach:
        try:
            return _attached(config, message, message.media, to)
        except files.NOT_HAD:
            pass
    method, name = _SENDING[message.media.kind]
    try:
        return _formatted(config, method, {**to, name: message.media.url}, "caption", message)
    except Permanent as error:
        if message.media.attach or not _says(error, _NOT_FETCHED + _NO_PHOTO):
            raise
        try:
            return _attached(config, message, message.media, to)
        except files.Unfit:
            raise error from None


def _attached(config: TelegramConfig, message: Outgoing, media: Media, to: dict[str, Any]) -> Any:
    """Hand a file over; a picture that Telegram does not show goes as a document. Raises `files.Unfit`."""
    with files.fetched(media, MAX_FILE) as file:
        is_photo = media.kind == "image" and len(file.content) <= MAX_PHOTO
        method, name = _SENDING[media.kind if is_photo or media.kind != "image" else "file"]
        try:
            return _formatted(config, method, to, "caption", message, (name, file))
        except Permanent as error:
            if not is_photo or not _says(error, _NO_PHOTO):
                raise
            method, name = _SENDING["file"]
            return _formatted(config, method, to, "caption", message, (name, file))


def _formatted(
    config: TelegramConfig,
    method: str,
    parameters: dict[str, Any],
    name: str,
    message: Outgoing,
    attached: tuple[str, files.File] | None = None,
) -> Any:
    """Call a method with the message's text under a name; once more without marks where Telegram cannot read them."""
    text = {name: message.text} if message.text or name == "text" else {}
    if message.format != "html":
        return _call(config, method, parameters | text, attached)
    try:
        return _call(config, method, parameters | text | {"parse_mode": "HTML"}, attached)
    except Permanent as error:
        if not _says(error, ("can't parse entities",)):
            raise
    return _call(config, method, parameters | {name: _unmarked(message.text)}, attached)


def _unmarked(text: str) -> str:
    return html.unescape(re.sub(r"</?[a-z][^<>]*>", "", text))


def _says(error: Permanent, words: tuple[str, ...]) -> bool:
    said = error.message.lower()
    return any(one in said for one in words)


def _call(
    config: TelegramConfig,
    method: str,
    parameters: dict[str, Any] | None = None,
    attached: tuple[str, files.File] | None = None,
) -> Any:
    """Call a method and answer with its result; a file goes along under its name. Raises `ProviderError`."""
    address = f"{calls.base(config.base_url, API)}/bot{config.bot_token}/{method}"
    if attached is None:
        answer = calls.call("POST", address, body=parameters or {})
    else:
        body, headers = files.form({key: str(value) for key, value in (parameters or {}).items()}, *attached)
        answer = calls.call("POST", address, body=body, headers=headers, seconds=files.SECONDS)
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


def _heard(body: bytes) -> Heard:
    """What an update says: a message, or that a group became a supergroup."""
    update = json.loads(body)
    message = update.get("message") or update.get("channel_post")
    if not message:
        return Heard()
    here = str(message["chat"]["id"])
    if "migrate_to_chat_id" in message:
        return Heard(moves=[Move(here, str(message["migrate_to_chat_id"]))])
    if "migrate_from_chat_id" in message:
        return Heard(moves=[Move(str(message["migrate_from_chat_id"]), here)])
    inbound = _inbound(message, here)
    return Heard(messages=[inbound]) if inbound else Heard()


def _inbound(message: dict[str, Any], chat_id: str) -> Inbound | None:
    """A message of a person's; `None` for what bots and the chat itself say."""
    if (message.get("from") or {}).get("is_bot"):
        return None
    carried = next((kind for kind in _KINDS if kind in message), None)
    text = message.get("text") or message.get("caption") or ""
    if not text and carried is None:
        return None
    return Inbound(
        id=f"{chat_id}:{message['message_id']}",
        sender=Contact(chat_id, _name(message.get("from") or message["chat"])),
        text=text,
        at=int(message["date"]) * 1000,
        data={"type": _KINDS[carried], carried: message[carried]} if carried else {},
    )


def _name(one: dict[str, Any]) -> str:
    """The name of a chat or a user."""
    name = " ".join(filter(None, (one.get("first_name") or one.get("title"), one.get("last_name"))))
    return name or str(one.get("username", ""))


CONNECTOR = Telegram()
