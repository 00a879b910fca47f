"""What a message to Feishu is made of: a text, lines (`post`), a card, a picture, a file
(https://open.feishu.cn/document/server-docs/im-v1/message-content-description/create_json)."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from hub.connectors.files import File
from hub.connectors.protocol import Media, Outgoing

Kind = Literal["text", "post", "interactive", "image", "file", "media", "audio"]

_BY_ENDING = {
    "pdf": "pdf",
    "doc": "doc",
    "docx": "doc",
    "xls": "xls",
    "xlsx": "xls",
    "ppt": "ppt",
    "pptx": "ppt",
    "mp4": "mp4",
    "opus": "opus",
}
"""What Feishu calls a file, by its name's ending; all others are a `stream`."""


@dataclass(frozen=True, slots=True)
class Content:
    """A message's type and its content."""

    kind: Kind
    body: dict[str, Any]


def of(message: Outgoing, image_key: str = "") -> Content:
    """A message's content, with a picture that was uploaded; without one an address follows the text."""
    if "card" in message.options:
        return Content("interactive", dict(message.options["card"]))
    if "post" in message.options:
        return Content("post", dict(message.options["post"]))
    media = None if image_key else message.media
    text = unpinging(message.text)
    if message.format == "card":
        return Content("interactive", _card(message, _followed(text, _link(media)), image_key))
    if image_key and not text:
        return Content("image", {"image_key": image_key})
    if message.format == "post" or image_key:
        return Content("post", _post(message, _followed(text, media.url if media else ""), image_key))
    return Content("text", {"text": _followed(text, media.url if media else "")})


def file_type(media: Media, file: File) -> tuple[str, Kind]:
    """What Feishu calls a file when it is uploaded, and the type of the message that shows it."""
    ending = file.name.rpartition(".")[2].lower()
    told = _BY_ENDING.get(ending, "stream")
    if told == "mp4":
        return (told, "media") if media.kind == "video" else ("stream", "file")
    if told == "opus":
        return (told, "audio") if media.kind == "audio" else ("stream", "file")
    return told, "file"


def unpinging(text: str) -> str:
    """A text whose mentions, which come from outside, ping nobody."""
    return re.sub("<(?=/?at)", "<\u200b", text, flags=re.IGNORECASE)


def _followed(text: str, more: str) -> str:
    return f"{text}\n{more}".strip() if more else text


def _link(media: Media | None) -> str:
    name = re.sub(r"[\[\]\n]", " ", media.name).strip() if media else ""
    return f"[{name or media.kind}]({media.url})" if media else ""


def _card(message: Outgoing, text: str, image_key: str) -> dict[str, Any]:
    elements: list[dict[str, Any]] = [{"tag": "div", "text": {"tag": "lark_md", "content": text}}] if text else []
    if image_key:
        name = message.media.name if message.media else ""
        elements.append({"tag": "img", "img_key": image_key, "alt": {"tag": "plain_text", "content": name}})
    # Feishu changes a card that all see the same only where it says so.
    card: dict[str, Any] = {"config": {"wide_screen_mode": True, "update_multi": True}, "elements": elements}
    if title := message.options.get("title"):
        card["header"] = {"title": {"tag": "plain_text", "content": title}}
    return card


def _post(message: Outgoing, text: str, image_key: str) -> dict[str, Any]:
    lines: list[list[dict[str, Any]]] = [[{"tag": "text", "text": line}] for line in text.split("\n")] if text else []
    if image_key:
        lines.append([{"tag": "img", "image_key": image_key}])
    return {"zh_cn": {"title": message.options.get("title", ""), "content": lines}}
