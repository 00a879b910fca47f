"""Writes blocks of spans in the marks of a target. What comes from outside is made safe here: it neither changes the
marks of the target nor pings anybody there."""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar

from functions.forwarding.conversion.spans import Block, Kind, Mark, Marks, Span
from hub.connectors.protocol import Format

_BREAK = "\u200b"
"""Has no width: a mention with it behind its sign is none."""

_SIGNS = "*_~|`"
_MENTION = re.compile(r"(?<![\w.+-])@(?=[\w(])")
_ADDRESS = re.compile(r"https?://[^\s<>\[\]()*|`\\]+")


class Writer:
    """A text without any marks, for targets that have none. Those that have some derive from it."""

    format: ClassVar[Format] = "text"
    pairs: ClassVar[dict[Kind, tuple[str, str]]] = {}
    """Before and behind a text that is marked; a kind that is missing is not shown."""
    keeps_lines: ClassVar[bool] = False
    """Whether a mark ends with its line."""

    def write(self, blocks: Sequence[Block]) -> str:
        """Write blocks, each on lines of its own."""
        return "\n".join(filter(None, map(self._block, blocks)))

    def _block(self, block: Block) -> str:
        match block.kind:
            case "pre":
                return self.pre(block.text, block.value)
            case "quote":
                return self.quote(self._running(block.spans))
        return self._running(block.spans)

    def escape(self, text: str) -> str:
        """A text as it is read literally."""
        return text

    def code(self, text: str) -> str:
        """A piece of code within a line."""
        return self.escape(text)

    def pre(self, text: str, language: str) -> str:
        """A block of code."""
        return self.escape(text)

    def quote(self, written: str) -> str:
        """A quotation of what is written already."""
        return "\n".join(f"> {line}" for line in written.split("\n"))

    def link(self, written: str, address: str) -> str:
        """A link on what is written already."""
        return f"{written} ({address})"

    def _running(self, spans: Sequence[Span]) -> str:
        """Text with marks: of neighbours' marks those that they share stay open from one to the next."""
        return self._nested(list(_pieces(spans, per_line=self.keeps_lines)), 0)

    def _nested(self, pieces: Sequence[Span], depth: int) -> str:
        written: list[str] = []
        at = 0
        while at < len(pieces):
            mark = pieces[at].marks[depth] if len(pieces[at].marks) > depth else None
            end = at + 1
            while end < len(pieces) and pieces[end].marks[depth : depth + 1] == ((mark,) if mark else ()):
                end += 1
            some = pieces[at:end]
            following = self._marked(mark, some, depth) if mark else self.escape("".join(one.text for one in some))
            if written and following and written[-1][-1:] == following[0] and following[0] in _SIGNS:
                # Two marks' signs in a row would be read as one.
                written.append(_BREAK)
            written.append(following)
            at = end
        return "".join(written)

    def _marked(self, mark: Mark, pieces: Sequence[Span], depth: int) -> str:
        text = "".join(one.text for one in pieces)
        if mark.kind == "code":
            return self.code(text)
        inner = self._nested(pieces, depth + 1)
        if mark.kind == "link":
            # An address that stands for itself is one everywhere.
            return self.escape(text) if text == mark.value else self.link(inner, mark.value)
        before, behind = self.pairs.get(mark.kind, ("", ""))
        return f"{before}{inner}{behind}"


class Discord(Writer):
    """https://support.discord.com/hc/en-us/articles/210298617"""

    format = "markdown"
    pairs: ClassVar = {
        "bold": ("**", "**"),
        "italic": ("*", "*"),
        "strike": ("~~", "~~"),
        "underline": ("__", "__"),
        "spoiler": ("||", "||"),
    }

    def escape(self, text: str) -> str:
        """Signs of Markdown behind a backslash, but in addresses."""
        return _outside_addresses(text, self._escaped)

    def _escaped(self, text: str) -> str:
        signs = re.sub(r"([\\*_~`|\[\]<])", r"\\\1", text)
        signs = re.sub(r"(?m)^(\s*)([>#]|-#|[-+](?=\s))", r"\1\\\2", signs)
        return _unpinged(re.sub(r"(?m)^(\s*\d+)\.(?=\s)", r"\1\\.", signs))

    def code(self, text: str) -> str:
        """Between two signs on each side where it has one itself."""
        return f"`` {text} ``" if "`" in text else f"`{text}`"

    def pre(self, text: str, language: str) -> str:
        """A fence; one within the code is broken."""
        return f"```{language}\n{text.replace('```', f'`{_BREAK}``')}\n```"

    def link(self, written: str, address: str) -> str:
        """Parentheses of an address would end it."""
        return f"[{written}]({_in_parentheses(address)})"


class Kook(Discord):
    """KMarkdown: of a message that goes from a KOOK channel into another."""

    pairs: ClassVar = {
        "bold": ("**", "**"),
        "italic": ("*", "*"),
        "strike": ("~~", "~~"),
        "underline": ("(ins)", "(ins)"),
        "spoiler": ("(spl)", "(spl)"),
    }

    def _escaped(self, text: str) -> str:
        return re.sub(r"([\\*~`\[\]()>])", r"\\\1", text)

    def code(self, text: str) -> str:
        """There is no way to have the sign itself in it."""
        return self.escape(text) if "`" in text else f"`{text}`"

    def quote(self, written: str) -> str:
        """A quotation goes on until an empty line: there must be none in it."""
        lines = [line or _BREAK for line in written.split("\n")]
        return "> " + "\n".join(lines) + "\n"


class Telegram(Writer):
    """https://core.telegram.org/bots/api#html-style"""

    format = "html"
    pairs: ClassVar = {
        "bold": ("<b>", "</b>"),
        "italic": ("<i>", "</i>"),
        "strike": ("<s>", "</s>"),
        "underline": ("<u>", "</u>"),
        "spoiler": ("<tg-spoiler>", "</tg-spoiler>"),
    }

    def escape(self, text: str) -> str:
        """Entities, and mentions of names."""
        return html.escape(_outside_addresses(text, _unpinged), quote=False)

    def code(self, text: str) -> str:
        """Nothing in it is a mention."""
        return f"<code>{html.escape(text, quote=False)}</code>"

    def pre(self, text: str, language: str) -> str:
        """With its language where that is known."""
        code = html.escape(text, quote=False)
        inner = f'<code class="language-{html.escape(language)}">{code}</code>' if language else code
        return f"<pre>{inner}</pre>"

    def quote(self, written: str) -> str:
        """A quotation."""
        return f"<blockquote>{written}</blockquote>"

    def link(self, written: str, address: str) -> str:
        """An anchor."""
        return f'<a href="{html.escape(address)}">{written}</a>'


class Slack(Writer):
    """https://docs.slack.dev/messaging/formatting-message-text: it has no way to write its marks' signs literally."""

    format = "markdown"
    pairs: ClassVar = {"bold": ("*", "*"), "italic": ("_", "_"), "strike": ("~", "~")}
    keeps_lines = True

    def escape(self, text: str) -> str:
        """The three signs that mentions and links are made of."""
        return html.escape(_outside_addresses(text, _unpinged), quote=False)

    def code(self, text: str) -> str:
        """There is no way to have the sign itself in it."""
        return self.escape(text) if "`" in text else f"`{html.escape(text, quote=False)}`"

    def pre(self, text: str, language: str) -> str:
        """A fence; one within the code is broken."""
        return f"```\n{html.escape(text.replace('```', f'`{_BREAK}``'), quote=False)}\n```"

    def link(self, written: str, address: str) -> str:
        """A link ends at the first `>`, its address at the first `|`."""
        return f"<{html.escape(address.replace('|', '%7C').replace('>', '%3E'), quote=False)}|{written}>"


class Feishu(Writer):
    """lark_md (https://open.feishu.cn/document/uAjLw4CM/ukzMukzMukzM/feishu-cards/card-components/content-components/rich-text)."""

    format = "card"
    pairs: ClassVar = {"bold": ("**", "**"), "italic": ("*", "*"), "strike": ("~~", "~~")}
    keeps_lines = True

    def escape(self, text: str) -> str:
        """Signs as entities, but in addresses."""
        return _outside_addresses(text, self._escaped)

    def _escaped(self, text: str) -> str:
        return re.sub(r"[&<>*~`\[\]_#]", lambda sign: f"&#{ord(sign[0])};", text)

    def link(self, written: str, address: str) -> str:
        """Parentheses of an address would end it."""
        return f"[{written}]({_in_parentheses(address)})"


class DingTalk(Writer):
    """https://open.dingtalk.com/document/orgapp/custom-robots-send-group-messages: a line ends with an empty one."""

    format = "markdown"
    pairs: ClassVar = {"bold": ("**", "**"), "italic": ("*", "*")}
    keeps_lines = True

    def write(self, blocks: Sequence[Block]) -> str:
        """Lines apart: a single end of line is a space."""
        return re.sub(r"(?<!\n)\n(?!\n)", "\n\n", super().write(blocks))

    def escape(self, text: str) -> str:
        """Signs of Markdown behind a backslash, but in addresses."""
        return _outside_addresses(text, lambda one: re.sub(r"([\\*_`\[\]<>#])", r"\\\1", one))

    def link(self, written: str, address: str) -> str:
        """Parentheses of an address would end it."""
        return f"[{written}]({_in_parentheses(address)})"


class WeCom(Writer):
    """https://developer.work.weixin.qq.com/document/path/91770: it has no way to write its marks' signs literally."""

    format = "markdown"
    pairs: ClassVar = {"bold": ("**", "**")}
    keeps_lines = True

    def escape(self, text: str) -> str:
        """A mention is `<@name>`."""
        return text.replace("<@", f"<{_BREAK}@")

    def code(self, text: str) -> str:
        """There is no way to have the sign itself in it."""
        return self.escape(text) if "`" in text else f"`{text}`"

    def link(self, written: str, address: str) -> str:
        """Parentheses of an address would end it."""
        return f"[{written}]({_in_parentheses(address)})"


_WRITERS: dict[str, type[Writer]] = {
    "discord": Discord,
    "telegram": Telegram,
    "feishu": Feishu,
    "slack": Slack,
    "dingtalk": DingTalk,
    "wecom": WeCom,
    "kook": Kook,
}


def of(platform: str) -> Writer:
    """The writer of a platform; those that have no marks get the text."""
    return _WRITERS.get(platform, Writer)()


def _pieces(spans: Iterable[Span], *, per_line: bool) -> Iterator[Span]:
    """Spans of words and of the white space between them: Markdown reads a sign beside white space as a sign.

    White space has the marks that its neighbours share; none of them across lines where marks end with their line.
    """
    found = [piece for span in spans for piece in _words(span, per_line=per_line)]
    worded = [not piece.text.isspace() for piece in found]
    for position, piece in enumerate(found):
        if worded[position] or any(mark.kind == "code" for mark in piece.marks):
            yield piece
            continue
        before = next((found[one].marks for one in range(position - 1, -1, -1) if worded[one]), ())
        behind = next((found[one].marks for one in range(position + 1, len(found)) if worded[one]), ())
        shared = () if per_line and "\n" in piece.text else _shared(before, behind)
        yield Span(piece.text, shared)


def _words(span: Span, *, per_line: bool) -> Iterator[Span]:
    """A span's leading and trailing white space apart from its words, and its lines where they matter."""
    if not span.marks or any(mark.kind == "code" for mark in span.marks):
        yield span
        return
    lines = re.split(r"(\s*\n\s*)", span.text) if per_line else [span.text]
    for line in lines:
        core = line.strip()
        if not core:
            yield from (Span(one, span.marks) for one in (line,) if one)
            continue
        start = line.index(core)
        parts = (line[:start], core, line[start + len(core) :])
        yield from (Span(part, span.marks) for part in parts if part)


def _shared(first: Marks, second: Marks) -> Marks:
    shared: list[Mark] = []
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        shared.append(one)
    return tuple(shared)


def _outside_addresses(text: str, escape: Callable[[str], str]) -> str:
    """A text with what is no address escaped: a backslash in an address would be a part of it."""
    parts: list[str] = []
    at = 0
    for address in _ADDRESS.finditer(text):
        parts += [escape(text[at : address.start()]), address[0]]
        at = address.end()
    return "".join((*parts, escape(text[at:])))


def _unpinged(text: str) -> str:
    return _MENTION.sub(f"@{_BREAK}", text)


def _in_parentheses(address: str) -> str:
    return address.replace("(", "%28").replace(")", "%29")
