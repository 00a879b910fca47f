"""Reads KOOK's cards (https://developer.kookapp.cn/doc/cardmessage): their texts, links, pictures and files.

What a card lacks, or has otherwise than documented, is passed over; a text that is no card stays a text.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from functions.forwarding.conversion import kmarkdown
from functions.forwarding.conversion.kmarkdown import Names
from functions.forwarding.conversion.spans import Block, Mark, Span, merged
from hub.connectors.protocol import Media, MediaKind

MAX_MODULES = 250
"""KOOK takes five cards of fifty modules."""

_CHINA = timezone(timedelta(hours=8))
"""Where KOOK's clocks are."""

_FILES: Mapping[str, MediaKind] = {"file": "file", "audio": "audio", "video": "video"}
_DIVIDER = "———"


def parse(content: str, names: Names = kmarkdown.NOBODY) -> tuple[list[Block], list[Media]]:
    """A card message's texts as blocks, and its pictures and files."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return kmarkdown.unmarked(content), []
    blocks: list[Block] = []
    media: list[Media] = []
    for module in _modules(told):
        found, shown = _module(module, names)
        blocks += found
        media += shown
    if not blocks and not media:
        return kmarkdown.unmarked(content), []
    return blocks, media


def _modules(told: Any) -> list[Mapping[str, Any]]:
    cards = told if isinstance(told, list) else [told]
    modules = [module for card in _objects(cards) for module in _objects(card.get("modules"))]
    return modules[:MAX_MODULES]


def _objects(told: Any) -> Iterator[Mapping[str, Any]]:
    for one in told if isinstance(told, list) else ():
        if isinstance(one, dict):
            yield one


def _module(module: Mapping[str, Any], names: Names) -> tuple[list[Block], list[Media]]:
    kind = module.get("type")
    match kind:
        case "header":
            return _emphasised(_text(module.get("text"), names)), []
        case "section":
            accessory = [module["accessory"]] if isinstance(module.get("accessory"), dict) else []
            return [*_text(module.get("text"), names), *_elements(accessory, names)], _pictures(accessory)
        case "image-group" | "container" | "context" | "action-group":
            elements = list(_objects(module.get("elements")))
            return list(_elements(elements, names)), _pictures(elements)
        case "file" | "audio" | "video":
            title = str(module.get("title") or "")
            address = _address(module.get("src"))
            return ([], [Media(_FILES[kind], address, title)]) if address else (kmarkdown.unmarked(title), [])
        case "countdown":
            return kmarkdown.unmarked(_countdown(module)), []
        case "invite":
            code = str(module.get("code") or "")
            return kmarkdown.unmarked(f"https://kook.vip/{code}" if code and "/" not in code else code), []
        case "divider":
            return kmarkdown.unmarked(_DIVIDER), []
    return _text(module.get("text"), names), []


def _text(told: Any, names: Names) -> list[Block]:
    """A text element: plain, KMarkdown, or columns of either."""
    if isinstance(told, str):
        return kmarkdown.unmarked(told)
    if not isinstance(told, dict):
        return []
    if told.get("type") == "paragraph":
        fields = told.get("fields")
        return [block for one in (fields if isinstance(fields, list) else ()) for block in _text(one, names)]
    content = str(told.get("content") or "")
    return kmarkdown.parse(content, names) if told.get("type") == "kmarkdown" else kmarkdown.unmarked(content)


def _emphasised(blocks: Iterable[Block]) -> list[Block]:
    """A heading: no target has one that all others have."""
    bold = Mark("bold")
    return [
        Block(block.kind, merged(Span(one.text, (bold, *(m for m in one.marks if m != bold))) for one in block.spans))
        for block in blocks
    ]


def _elements(elements: Iterable[Mapping[str, Any]], names: Names) -> Iterator[Block]:
    """Texts and buttons; the buttons of a group stand in a line."""
    buttons: list[Span] = []
    for element in elements:
        match element.get("type"):
            case "button":
                buttons += [Span(" ")] * bool(buttons) + _button(element, names)
            case "image":
                pass
            case _:
                yield from _text(dict(element), names)
    if found := merged(buttons):
        yield Block("text", found)


def _button(element: Mapping[str, Any], names: Names) -> list[Span]:
    label = " ".join(block.text for block in _text(element.get("text"), names)) or "→"
    address = _address(element.get("value")) if element.get("click") == "link" else ""
    return [Span(f"[{label}]", (Mark("link", address),) if address else ())]


def _pictures(elements: Iterable[Mapping[str, Any]]) -> list[Media]:
    found = [(_address(one.get("src")), one) for one in elements if one.get("type") == "image"]
    return [Media("image", address, str(one.get("alt") or "")) for address, one in found if address]


def _address(told: Any) -> str:
    text = str(told or "")
    return text if text.startswith(("https://", "http://")) and not any(one.isspace() for one in text) else ""


def _countdown(module: Mapping[str, Any]) -> str:
    try:
        end = datetime.fromtimestamp(int(module["endTime"]) / 1000, UTC).astimezone(_CHINA)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return ""
    return f"⏳ {end:%Y-%m-%d %H:%M:%S} (UTC+8)"
