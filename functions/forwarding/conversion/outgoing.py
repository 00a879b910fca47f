"""The messages that a target is sent for one of KOOK's."""

from dataclasses import dataclass

from functions.forwarding.conversion import splitting, writers
from functions.forwarding.conversion.document import Document
from hub.connectors import texts
from hub.connectors.protocol import Format, Limits, Media


@dataclass(frozen=True, slots=True)
class Part:
    """A message to send: a text, a picture or file, or both."""

    text: str
    format: Format
    media: Media | None = None


def parts(document: Document, platform: str, limits: Limits) -> list[Part]:
    """A document as a target's messages, in order; those with a text first."""
    writer = writers.of(platform)
    written: Format = writer.format if writer.format in limits.formats else "text"
    if written != writer.format:
        writer = writers.Writer()
    own = limits.of(written)
    found = splitting.parts(document.blocks, writer, own)
    media = list(document.media)
    made: list[Part] = []
    for position, text in enumerate(found):
        is_last = position == len(found) - 1
        together = bool(media) and is_last and texts.length(text, own.unit) <= _caption(own)
        made.append(Part(text, written, media.pop(0) if together else None))
    return [*made, *(Part("", written, one) for one in media)]


def _caption(limits: Limits) -> int:
    return limits.text if limits.caption is None else limits.caption
