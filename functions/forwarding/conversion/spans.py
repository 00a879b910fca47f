"""A message's text as blocks of marked spans: what parsers make, splitting cuts and writers write."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["bold", "italic", "strike", "underline", "spoiler", "code", "link"]


class Mark(NamedTuple):
    """How a text is shown; `value` is a link's address."""

    kind: Kind
    value: str = ""


Marks = tuple[Mark, ...]
"""The outermost first."""


@dataclass(frozen=True, slots=True)
class Span:
    """A text with the same marks all along."""

    text: str
    marks: Marks = ()


@dataclass(frozen=True, slots=True)
class Block:
    """A running text, a quotation or a block of code (`value`: its language)."""

    kind: Literal["text", "quote", "pre"]
    spans: tuple[Span, ...]
    value: str = ""

    @property
    def text(self) -> str:
        """Its text without marks."""
        return "".join(span.text for span in self.spans)


def plain(blocks: Iterable[Block]) -> str:
    """The text without marks."""
    return "\n".join(block.text for block in blocks)


def length(blocks: Iterable[Block]) -> int:
    """Characters of the text, the line between two blocks included."""
    return len(plain(blocks))


def cut(blocks: Sequence[Block], at: int) -> tuple[list[Block], list[Block]]:
    """Blocks before and behind a character: the same marks stand on both sides."""
    head: list[Block] = []
    for position, block in enumerate(blocks):
        size = len(block.text)
        if at < size:
            first, second = _cut_spans(block.spans, at)
            before = [Block(block.kind, first, block.value)] if first else []
            return [*head, *before], [Block(block.kind, second, block.value), *blocks[position + 1 :]]
        head.append(block)
        # The line that ends the block.
        at -= size + 1
        if at < 0:
            return head, list(blocks[position + 1 :])
    return head, []


def stripped(blocks: Sequence[Block], *, left: bool = True) -> list[Block]:
    """Blocks without the white space, and the empty blocks, at an end. Code keeps its first line's indentation."""
    rest = list(blocks)
    while rest:
        position = 0 if left else -1
        block = rest[position]
        space = "\n" if block.kind == "pre" else None
        size = len(block.text)
        kept = len(block.text.lstrip(space) if left else block.text.rstrip(space))
        if kept:
            first, second = _cut_spans(block.spans, size - kept if left else kept)
            rest[position] = Block(block.kind, second if left else first, block.value)
            return rest
        rest.pop(position)
    return rest


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans without empty ones, neighbours of the same marks as one."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].marks == span.marks:
            found[-1] = Span(found[-1].text + span.text, span.marks)
        elif span.text:
            found.append(span)
    return tuple(found)


def _cut_spans(spans: Sequence[Span], at: int) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    first: list[Span] = []
    second: list[Span] = []
    for span in spans:
        first.append(Span(span.text[: max(at, 0)], span.marks))
        second.append(Span(span.text[max(at, 0) :], span.marks))
        at -= len(span.text)
    return merged(first), merged(second)
