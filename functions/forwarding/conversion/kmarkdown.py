"""Reads KMarkdown (https://developer.kookapp.cn/doc/kmarkdown).

Whatever is no KMarkdown is text: nothing is refused, and no text is lost.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from functions.forwarding.conversion.spans import Block, Mark, Marks, Span, merged

MAX_DEPTH = 12
"""Of marks within marks; what lies deeper is text."""

_FENCE = re.compile(r"```(?:([\w+#.-]{1,20})\n)?(.*?)```", re.DOTALL)
_TOKEN = re.compile(
    r"\\(?P<escaped>[^\w\s])"
    r"|\((?P<tag>met|rol|chn)\)(?P<id>[^()\n]{1,64})\((?P=tag)\)"
    r"|\(emj\)(?P<emoji>[^()\n]{1,64})\(emj\)\[[^\]\n]{0,128}\]"
    r"|`(?P<code>[^`\n]+)`"
    r"|\[(?P<label>(?:[^\[\]\n\\]|\\.){1,2000})\]\((?P<url>https?://(?:[^\s()]|\([^\s()]*\)){1,2000})\)"
    r"|(?P<address>https?://[^\s<>()\[\]]+)"
    r"|\((?P<wrap>ins|spl|font)\)"
    r"|(?P<stars>\*{1,3})(?=\S)"
    r"|(?P<strike>~~)(?=\S)"
)
_EVERYBODY = {"all": "全体成员", "here": "在线成员"}
_STARS: Mapping[int, Marks] = {
    1: (Mark("italic"),),
    2: (Mark("bold"),),
    3: (Mark("bold"), Mark("italic")),
}
_WRAPS: Mapping[str, Marks] = {"ins": (Mark("underline"),), "spl": (Mark("spoiler"),), "font": ()}
_THEME = re.compile(r"\[[a-zA-Z]{1,16}\]")


@dataclass(frozen=True, slots=True)
class Names:
    """What those are called whom a text names by their ids."""

    users: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)

    def of(self, tag: str, told: str) -> str:
        """A mention in words; of one whose name nobody told, the id."""
        match tag:
            case "met":
                return "@" + (_EVERYBODY.get(told) or self.users.get(told) or told)
            case "rol":
                return "@" + (self.roles.get(told) or told)
        return "#" + (self.channels.get(told) or told)


NOBODY = Names()


def parse(text: str, names: Names = NOBODY) -> list[Block]:
    """Read a text as blocks."""
    text = sound(text)
    blocks: list[Block] = []
    at = 0
    for fence in _FENCE.finditer(text):
        blocks += _paragraphs(text[at : fence.start()], names)
        code = fence[2].removeprefix("\n").removesuffix("\n")
        blocks.append(Block("pre", (Span(code),), fence[1] or ""))
        at = fence.end()
    blocks += _paragraphs(text[at:], names)
    return [block for block in blocks if block.text]


def unmarked(text: str) -> list[Block]:
    """A text that has no marks, as blocks."""
    clean = sound(text)
    return [Block("text", (Span(clean),))] if clean else []


def sound(text: str) -> str:
    """A text that can be encoded: halves of characters are replaced; lines end as ours do."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _paragraphs(text: str, names: Names) -> Iterator[Block]:
    """Running text and quotations, which go on until an empty line."""
    lines: list[str] = []
    is_quote = False
    for line in text.strip("\n").split("\n"):
        opens = not is_quote and line.startswith(">")
        ends = is_quote and not line.strip()
        if opens or ends:
            yield from _block(lines, is_quote, names)
            lines, is_quote = [], opens
            if ends:
                continue
        lines.append(re.sub(r"^> ?", "", line) if is_quote else line)
    yield from _block(lines, is_quote, names)


def _block(lines: list[str], is_quote: bool, names: Names) -> Iterator[Block]:
    spans = _Reader("\n".join(lines), names).read()
    if spans:
        yield Block("quote" if is_quote else "text", spans)


class _Reader:
    """Reads running text. What was found to be closed nowhere is not looked for again: long texts cost little."""

    def __init__(self, text: str, names: Names) -> None:
        self._text = text
        self._names = names
        self._unclosed: set[str] = set()

    def read(self) -> tuple[Span, ...]:
        """The spans of the whole text."""
        return merged(self._spans(0, len(self._text), (), 0))

    def _spans(self, start: int, end: int, marks: Marks, depth: int) -> Iterator[Span]:
        at = start
        while at < end:
            token = _TOKEN.search(self._text, at, end)
            if token is None:
                break
            if token.start() > at:
                yield Span(self._text[at : token.start()], marks)
            inner, at = self._token(token, end, marks, depth)
            yield from inner
        if at < end:
            yield Span(self._text[at:end], marks)

    def _token(self, token: re.Match[str], end: int, marks: Marks, depth: int) -> tuple[list[Span], int]:
        """The spans of what begins here, and where it ends."""
        found = token.groupdict()
        if found["stars"] or found["strike"] or found["wrap"]:
            return self._wrapped(token, end, marks, depth)
        if found["label"]:
            link = (*marks, Mark("link", found["url"]))
            begin, stop = token.span("label")
            if depth >= MAX_DEPTH or any(mark.kind == "link" for mark in marks):
                return [Span(token[0], marks)], token.end()
            return list(self._spans(begin, stop, link, depth + 1)), token.end()
        if found["code"]:
            return [Span(found["code"], (*marks, Mark("code")))], token.end()
        if found["tag"]:
            return [Span(self._names.of(found["tag"], found["id"]), marks)], token.end()
        if found["emoji"]:
            return [Span(f":{found['emoji'].strip(':')}:", marks)], token.end()
        return [Span(found["escaped"] or token[0], marks)], token.end()

    def _wrapped(self, token: re.Match[str], end: int, marks: Marks, depth: int) -> tuple[list[Span], int]:
        """What stands between two of the same signs, or the sign itself where the second is missing."""
        sign = token[0]
        more, closer = self._meaning(token)
        stop = -1 if depth >= MAX_DEPTH or sign in self._unclosed else closer(token.end(), end)
        if stop < 0:
            if end == len(self._text):
                self._unclosed.add(sign)
            if sign.startswith("**"):
                # Fewer of them may yet have their like.
                return [Span("*", marks)], token.start() + 1
            return [Span(sign, marks)], token.end()
        inner = list(self._spans(token.end(), stop, (*marks, *(m for m in more if m not in marks)), depth + 1))
        after = stop + len(sign)
        if token["wrap"] == "font" and (theme := _THEME.match(self._text, after, end)):
            after = theme.end()
        return inner, after

    def _meaning(self, token: re.Match[str]) -> tuple[Marks, Callable[[int, int], int]]:
        if wrap := token["wrap"]:
            return _WRAPS[wrap], lambda start, end: self._text.find(f"({wrap})", start, end)
        if token["strike"]:
            return (Mark("strike"),), lambda start, end: self._closer("~~", start, end)
        stars = token["stars"]
        return _STARS[len(stars)], lambda start, end: self._closer(stars, start, end)

    def _closer(self, sign: str, start: int, end: int) -> int:
        """Where a sign closes: not behind a space or a backslash, and as one of its own length; `-1`: nowhere."""
        at = start
        while (at := self._text.find(sign, at, end)) >= 0:
            run = at
            while run < end and self._text[run] == sign[0]:
                run += 1
            size = run - at
            before = self._text[at - 1]
            if at > start and not before.isspace() and before != "\\" and size in (len(sign), 3):
                # Of three at the end of one within another, the inner one has the first.
                return run - len(sign)
            at = run
        return -1
