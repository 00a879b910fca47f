"""Cuts a message where a target's limit is: each part has all of its marks, opened and closed."""

from collections.abc import Sequence

from functions.forwarding.conversion.spans import Block, Span, cut, length, merged, plain, stripped
from functions.forwarding.conversion.writers import Writer
from hub.connectors import texts
from hub.connectors.protocol import Limits

_ENDS = ("\n\n", "\n", "。", "！", "？", ". ", " ")
"""Where a text is best cut, the best first."""


def parts(blocks: Sequence[Block], writer: Writer, limits: Limits) -> list[str]:
    """The parts of a text as written, each within the limits; none of an empty one."""
    found: list[str] = []
    rest = stripped(_shortened(blocks, limits.text))
    while rest:
        written = writer.write(stripped(rest, left=False))
        if texts.length(written, limits.unit) <= limits.text:
            return [*found, written] if written else found
        head, rest = _first(rest, writer, limits)
        found += [part for part in (writer.write(head),) if part]
    return found


def _first(blocks: list[Block], writer: Writer, limits: Limits) -> tuple[list[Block], list[Block]]:
    """The part that goes first, at least a character, and the rest."""
    most = _fitting(blocks, writer, limits)
    text = plain(blocks)[:most]
    ends = (found + len(mark) for mark in _ENDS if (found := text.rfind(mark)) >= most // 2)
    for at in (next(ends, most), most):
        head, rest = cut(blocks, at)
        head = stripped(head, left=False)
        if head and _fits(head, writer, limits):
            return head, stripped(rest)
    # Not even one character with its marks: it goes without.
    head, rest = cut(blocks, 1)
    return [Block("text", tuple(Span(block.text) for block in head))], rest


def _fitting(blocks: list[Block], writer: Writer, limits: Limits) -> int:
    """How many characters fit with their marks."""
    low, high = 1, min(length(blocks), limits.text)
    blocks, _ = cut(blocks, high)
    while low < high:
        middle = (low + high + 1) // 2
        if _fits(stripped(cut(blocks, middle)[0], left=False), writer, limits):
            low = middle
        else:
            high = middle - 1
    return low


def _fits(blocks: list[Block], writer: Writer, limits: Limits) -> bool:
    return texts.length(writer.write(blocks), limits.unit) <= limits.text


def _shortened(blocks: Sequence[Block], most: int) -> list[Block]:
    """Blocks without links that fill a part by themselves: their addresses stand in the text, where they can be cut."""
    return [Block(block.kind, merged(_spelled(block.spans, most)), block.value) for block in blocks]


def _spelled(spans: Sequence[Span], most: int) -> list[Span]:
    found: list[Span] = []
    for span in spans:
        link = next((mark for mark in span.marks if mark.kind == "link" and len(mark.value.encode()) > most // 3), None)
        if link is None:
            found.append(span)
            continue
        rest = tuple(mark for mark in span.marks if mark is not link)
        found.append(Span(span.text, rest))
        if span.text != link.value:
            found.append(Span(f" ({link.value})"))
    return found
