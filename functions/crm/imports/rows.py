"""CSV, read row by row from any offset of a file at which a row begins.

`csv.reader` says what a row is (RFC 4180; nothing may stand between a closing quote and the comma). It is fed lines
one by one, so those that it took tell where a row ends: a line break inside quotes is the row's own. In UTF-8 and in
GB 18030 no byte of a longer character is a quote, a comma or a line break, so lines are cut before they are decoded.
"""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Encoding = Literal["utf-8", "gb18030"]

MAX_ROW_BYTES = 65_536
"""A row that has not ended by then is none: most likely a quote that nobody closed."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its number as spreadsheets count (the first is 1), its values, the offset at which the next one begins.

    An empty line has no values. A row that cannot be read has a `flaw` instead, a key of `hub.web.localisation`.
    """

    number: int
    values: list[str]
    end: int
    flaw: str = ""


def read(more: Callable[[], bytes], encoding: Encoding, offset: int = 0, number: int = 0) -> Iterator[Row]:
    """Read the rows behind `offset`, where row `number` ends; `more` gives the next bytes from there on, then `b""`.

    Of a row whose quotes are wrong, or that is too long, the first line is taken as bad and the next row begins behind
    it: so a quote that nobody closed costs one row, not the rest of the file.
    """
    ahead: deque[_Line] = deque()
    source = _lines(more)
    while True:
        lines = _RowLines(ahead, source, encoding, is_first=offset == 0)
        flaw = ""
        values: list[str] = []
        try:
            values = next(csv.reader(lines, strict=True))
        except StopIteration:
            return
        except csv.Error:
            flaw = "bad_quotes"
        except _TooLong:
            flaw = "row_too_long"
        if flaw:
            ahead.extendleft(reversed(lines.taken[1:]))
            offset += lines.taken[0].size
        else:
            offset += lines.size
            if not lines.readable:
                flaw, values = "bad_encoding", []
        number += 1
        yield Row(number, values, offset, flaw)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with its end, and how many bytes it has; of one that is too long for a row the beginning is missing."""

    raw: bytes
    size: int


def _lines(more: Callable[[], bytes]) -> Iterator[_Line]:
    held, dropped = b"", 0
    while chunk := more():
        held += chunk
        start = 0
        for found in _LINE_END.finditer(held):
            if found.group() == b"\r" and found.end() == len(held):
                # It may be followed by its line feed.
                break
            yield _Line(held[start : found.end()], dropped + found.end() - start)
            start, dropped = found.end(), 0
        held = held[start:]
        if len(held) > MAX_ROW_BYTES:
            kept = held[-1:] if held.endswith(b"\r") else b""
            held, dropped = kept, dropped + len(held) - len(kept)
    if held or dropped:
        yield _Line(held, dropped + len(held))


class _TooLong(Exception):
    """A row has not ended where it should."""


class _RowLines:
    """The lines of one row, decoded as they are taken; `readable` when every one of them could be."""

    def __init__(self, ahead: deque[_Line], source: Iterator[_Line], encoding: Encoding, *, is_first: bool) -> None:
        self._ahead = ahead
        self._source = source
        self._encoding = encoding
        self._is_first = is_first
        self.taken: list[_Line] = []
        self.size = 0
        self.readable = True

    def __iter__(self) -> "_RowLines":
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else next(self._source)
        self.taken.append(line)
        self.size += line.size
        if self.size > MAX_ROW_BYTES:
            raise _TooLong
        try:
            text = line.raw.decode(self._encoding)
        except UnicodeDecodeError:
            self.readable = False
            text = line.raw.decode(self._encoding, errors="replace")
        if self._is_first and len(self.taken) == 1:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        return text
