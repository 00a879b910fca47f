"""What a KOOK message says, whatever its type: blocks of text, pictures and files, what it answers to, who said it."""

from dataclasses import dataclass

from functions.forwarding.conversion import cards, kmarkdown
from functions.forwarding.conversion.kmarkdown import Names
from functions.forwarding.conversion.spans import Block, Mark, Span, plain, stripped
from hub.connectors.kook import CARD, KMARKDOWN, Quote, Said
from hub.connectors.protocol import Media

MAX_QUOTED = 100
"""Characters of what a message answers to."""

_PLACEHOLDERS = {2: "[图片]", 3: "[视频]", 4: "[文件]", 8: "[语音]"}


@dataclass(frozen=True, slots=True)
class Document:
    """A message: `blocks` of text, then `media`."""

    blocks: tuple[Block, ...]
    media: tuple[Media, ...]


def read(said: Said, *, named: bool) -> Document:
    """Read a message; `named`: with its sender's name before it."""
    blocks, media = _content(said.type, said.content, said.media, _names(said))
    if said.quote:
        blocks = [*_quotation(said.quote, _names(said)), *blocks]
    if named and said.author.name:
        blocks = _introduced(said.author.name, blocks, bool(said.quote))
    return Document(tuple(blocks), tuple(media))


def shown(said: Said) -> str:
    """A message's text in a log; a picture or a file is its name or its kind."""
    blocks, media = _content(said.type, said.content, said.media, _names(said))
    named = [one.name or f"[{one.kind}]" for one in media]
    return "\n".join(filter(None, (plain(blocks).strip(), *named)))


def _names(said: Said) -> Names:
    return Names(said.users, said.roles, said.channels)


def _content(kind: int, content: str, media: Media | None, names: Names) -> tuple[list[Block], list[Media]]:
    if kind == CARD:
        return cards.parse(content, names)
    if media is not None:
        return [], [media]
    if kind == KMARKDOWN:
        return kmarkdown.parse(content, names), []
    return kmarkdown.unmarked(content), []


def _quotation(quote: Quote, names: Names) -> list[Block]:
    """What a message answers to, in a line."""
    text = _PLACEHOLDERS.get(quote.type)
    if text is None:
        blocks, media = _content(quote.type, quote.content, None, names)
        text = " ".join(plain(blocks).split()) or "".join(f"[{one.kind}]" for one in media)
    if len(text) > MAX_QUOTED:
        text = text[: MAX_QUOTED - 1] + "…"
    author = kmarkdown.sound(quote.author)
    spans = (Span(author, (Mark("bold"),)), Span(f": {text}")) if author else (Span(text),)
    return [Block("quote", spans)] if author or text else []


def _introduced(name: str, blocks: list[Block], is_answer: bool) -> list[Block]:
    """The blocks with a name before the first line of the text."""
    who = Span(" ".join(kmarkdown.sound(name).split()), (Mark("bold"),))
    quoted, rest = (blocks[:1], blocks[1:]) if is_answer else ([], blocks)
    rest = stripped(rest)
    if rest and rest[0].kind == "text":
        first = Block("text", (who, Span(": "), *rest[0].spans))
        return [*quoted, first, *rest[1:]]
    return [*quoted, Block("text", (who, Span(":"))), *rest]
