"""KMarkdown and cards as other platforms show them: nothing raises, no text is lost, nobody is pinged."""

import html
import json
import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.forwarding.conversion import cards, document, kmarkdown, outgoing, splitting, writers
from functions.forwarding.conversion.kmarkdown import Names
from functions.forwarding.conversion.spans import Block, plain
from hub.connectors import connector, texts
from hub.connectors.kook import Quote, Said
from hub.connectors.protocol import Contact, Limits, Media

NAMES = Names({"1": "小明", "2": "everyone"}, {"7": "管理员"}, {"9": "公告"})
PLATFORMS = ("discord", "telegram", "feishu", "slack", "dingtalk", "wecom", "kook", "http")
ANY_TEXT = st.text(
    st.one_of(st.sampled_from(list("*~`_|>#[]()\\@<&!- \n\n.:")), st.characters(codec="utf-8"), st.just("\ud800")),
    max_size=200,
)
PIECES = st.lists(
    st.sampled_from(
        [
            "**",
            "*",
            "***",
            "~~",
            "`",
            "```",
            "(ins)",
            "(spl)",
            "(font)",
            "> ",
            "\n",
            "\n\n",
            " ",
            "[",
            "](https://a.b/c)",
            "字",
            "word",
            "😀",
            "(met)1(met)",
            "(emj)ok(emj)[1/2]",
            "\\",
            "---",
            "https://x.y/z_(a)",
            "_",
            "<at id=all>",
        ]
    ),
    max_size=60,
).map("".join)
MARKED = st.one_of(ANY_TEXT, PIECES)


def written(platform: str, text: str) -> str:
    return writers.of(platform).write(kmarkdown.parse(text, NAMES))


def words(text: str) -> str:
    return "".join(one for one in text if one.isalnum())


@pytest.mark.parametrize(
    ("platform", "text", "expected"),
    [
        ("discord", "**粗** *斜* ~~删~~ (ins)下划线(ins) (spl)剧透(spl)", "**粗** *斜* ~~删~~ __下划线__ ||剧透||"),
        (
            "telegram",
            "**粗** *斜* ~~删~~ (ins)下划线(ins) (spl)剧透(spl)",
            "<b>粗</b> <i>斜</i> <s>删</s> <u>下划线</u> <tg-spoiler>剧透</tg-spoiler>",
        ),
        ("feishu", "**粗** *斜* ~~删~~ (ins)下划线(ins) (spl)剧透(spl)", "**粗** *斜* ~~删~~ 下划线 剧透"),
        ("slack", "**粗** *斜* ~~删~~", "*粗* _斜_ ~删~"),
        ("dingtalk", "**粗** *斜* ~~删~~", "**粗** *斜* 删"),
        ("wecom", "**粗** *斜*", "**粗** 斜"),
        ("http", "**粗** *斜* [看](https://a.b/c)", "粗 斜 看 (https://a.b/c)"),
        ("discord", "[看](https://a.b/c_(d))", "[看](https://a.b/c_%28d%29)"),
        ("telegram", '[看 & "听"](https://a.b/c?d=1&e=2)', '<a href="https://a.b/c?d=1&amp;e=2">看 &amp; "听"</a>'),
        ("slack", "[看](https://a.b/c?d=1&e=2)", "<https://a.b/c?d=1&amp;e=2|看>"),
        ("feishu", "[看](https://a.b/c)", "[看](https://a.b/c)"),
        ("discord", "> 第一行\n第二行\n\n之后", "> 第一行\n> 第二行\n之后"),
        ("telegram", "> 第一行\n第二行\n\n之后", "<blockquote>第一行\n第二行</blockquote>\n之后"),
        ("discord", "```python\na = 1\n```", "```python\na = 1\n```"),
        ("telegram", "```python\na < 1\n```", '<pre><code class="language-python">a &lt; 1</code></pre>'),
        ("telegram", "`a < 1`", "<code>a &lt; 1</code>"),
        (
            "discord",
            "(met)1(met) (rol)7(rol) (chn)9(chn) (met)5(met)",
            "@小明 @管理员 #公告 @5".replace("@", "@\u200b"),
        ),
        ("feishu", "(met)1(met)在(chn)9(chn)", "@小明在&#35;公告"),
        ("discord", "(emj)微笑(emj)[3/abc] \\*不斜\\*", ":微笑: \\*不斜\\*"),
        ("discord", "**a *b***", "**a *b***"),
        ("telegram", "***都*** *a **b***", "<b><i>都</i></b> <i>a <b>b</b></i>"),
        ("discord", "2 * 3 * 4 = 24", "2 \\* 3 \\* 4 = 24"),
        ("discord", "** 不是粗体 **", "\\*\\* 不是粗体 \\*\\*"),
        ("discord", "1. 一\n# 二\n- 三", "1\\. 一\n\\# 二\n\\- 三"),
        ("discord", "看 https://a.b/c_d_e 吧_", "看 https://a.b/c_d_e 吧\\_"),
        ("telegram", "没有**关上 (ins)的", "没有**关上 (ins)的"),
        ("slack", "**两\n行**", "*两*\n*行*"),
        ("kook", "(ins)x(ins) (met)all(met)", "(ins)x(ins) @全体成员"),
    ],
)
def test_a_text_as_a_target_shows_it(platform: str, text: str, expected: str) -> None:
    assert written(platform, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "@everyone",
        "@here",
        "(met)all(met)",
        "(met)2(met)",
        "<@123>",
        "<@&1>",
        "<!channel>",
        "<!here>",
        "@user_name",
        '<at user_id="all">x</at>',
        "<at id=all></at>",
        "[@everyone](https://a.b)",
        "**@everyone**",
        "(met)1(met)",
    ],
)
def test_nobody_is_pinged_anywhere(text: str) -> None:
    assert not re.search(r"@(everyone|here|\w)", written("discord", text))
    assert not re.search(r"(?<!\\)<[@!#&]", written("discord", text))
    assert not re.search(r"@\w|<[^/a-z]", written("telegram", text))
    assert not re.search(r"<[@!#]", written("slack", text))
    assert "<" not in written("feishu", text).replace("<\u200b", "")
    assert "<@" not in written("wecom", text)
    assert not re.search(r"(?<!\\)\((met|rol)\)", written("kook", text))


@given(MARKED)
@settings(max_examples=300, deadline=None)
def test_nothing_raises_and_no_word_is_lost(text: str) -> None:
    blocks = kmarkdown.parse(text)
    for platform in PLATFORMS:
        shown = writers.of(platform).write(blocks)
        shown.encode()
        # Tags, addresses and languages of code may stand in between.
        found = iter(html.unescape(shown))
        assert all(one in found for one in words(plain(blocks)))


@given(st.text(st.sampled_from(list("*~`_|># \n\\-.,!字母abc012😀")), max_size=300))
@settings(max_examples=400, deadline=None)
def test_all_letters_of_a_text_are_still_there(text: str) -> None:
    assert words(plain(kmarkdown.parse(text))) == words(text)


class Tags(HTMLParser):
    """Telegram's reading of HTML: every tag that is opened is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag in {"b", "i", "s", "u", "tg-spoiler", "a", "code", "pre", "blockquote"}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@given(MARKED, st.integers(24, 120))
@settings(max_examples=300, deadline=None)
def test_parts_are_within_the_limit_whole_and_together_the_text(text: str, limit: int) -> None:
    blocks = kmarkdown.parse(text, NAMES)
    for platform in PLATFORMS:
        limits = Limits(text=limit, unit=connector(platform).limits.unit)
        found = splitting.parts(blocks, writers.of(platform), limits)
        assert all(0 < texts.length(part, limits.unit) <= limit for part in found)
        if platform == "telegram":
            together = "".join(Tags(part).text for part in found)
            assert words(together) in (words(plain(blocks)), words(plain(splitting._shortened(blocks, limit))))


def test_a_long_bold_text_is_bold_in_every_part() -> None:
    found = splitting.parts(
        kmarkdown.parse("**" + "字 " * 3000 + "末**"), writers.of("discord"), connector("discord").limits
    )
    assert len(found) == 4
    assert all(part.startswith("**字") and part.endswith("**") for part in found)
    code = splitting.parts(
        kmarkdown.parse("```\n" + "x = 1\n" * 1000 + "```"), writers.of("discord"), Limits(text=2000)
    )
    assert len(code) > 3
    assert all(part.startswith("```\nx = 1") and part.endswith("x = 1\n```") for part in code)


def test_an_address_that_fills_a_part_is_spelled_out() -> None:
    address = "https://a.b/" + "x" * 1900
    found = splitting.parts(kmarkdown.parse(f"[看]({address})"), writers.of("discord"), Limits(text=1000))
    assert "".join(found).replace(" ", "") == f"看({address})"


@pytest.mark.parametrize(
    "text", ["**a " * 2000, "*a" * 4000, "~~a" * 2600, "(ins)" * 1600, "`" * 8000, "[" * 8000, "(spl)a" * 1300,
             "**a*b" * 1600, "> " * 4000, "[a](" * 2000, "***" * 2600, "(met)" * 1600, "```" * 2600, "(" * 8000]
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    blocks = kmarkdown.parse(text)
    splitting.parts(blocks, writers.of("discord"), connector("discord").limits)
    assert time.process_time() - started < 4


CARD = [
    {
        "type": "card",
        "theme": "secondary",
        "size": "lg",
        "modules": [
            {"type": "header", "text": {"type": "plain-text", "content": "更新公告"}},
            {"type": "section", "text": {"type": "kmarkdown", "content": "**1.2** 已发布"},
             "accessory": {"type": "image", "src": "https://img.kookapp.cn/a.png", "alt": "图"}},
            {"type": "section", "text": {"type": "paragraph", "cols": 2, "fields": [
                {"type": "kmarkdown", "content": "**昵称**"}, {"type": "plain-text", "content": "小明"}]}},
            {"type": "divider"},
            {"type": "action-group", "elements": [
                {"type": "button", "theme": "primary", "value": "https://a.b/dl", "click": "link",
                 "text": {"type": "plain-text", "content": "下载"}},
                {"type": "button", "value": "ok", "click": "return-val", "text": "确定"}]},
            {"type": "countdown", "mode": "day", "endTime": 1764400000000},
            {"type": "file", "title": "说明.pdf", "src": "https://img.kookapp.cn/b.pdf", "size": "120"},
            {"type": "image-group", "elements": [{"type": "image", "src": "https://img.kookapp.cn/c.png"}]},
            {"type": "context", "elements": [{"type": "plain-text", "content": "开发组"}]},
        ],
    }
]  # fmt: skip


def test_a_card_is_read_whole() -> None:
    blocks, media = cards.parse(json.dumps(CARD, ensure_ascii=False), NAMES)
    assert writers.of("discord").write(blocks).split("\n") == [
        "**更新公告**",
        "**1.2** 已发布",
        "**昵称**",
        "小明",
        "———",
        "[\\[下载\\]](https://a.b/dl) \\[确定\\]",
        "⏳ 2025-11-29 15:06:40 (UTC+8)",
        "开发组",
    ]
    assert media == [
        Media("image", "https://img.kookapp.cn/a.png", "图"),
        Media("file", "https://img.kookapp.cn/b.pdf", "说明.pdf"),
        Media("image", "https://img.kookapp.cn/c.png", ""),
    ]


NESTED = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "modules", "text", "content", "elements", "fields", "src", "value", "endTime"]),
            st.one_of(inner, st.sampled_from(["card", "section", "kmarkdown", "paragraph", "button", "countdown"])),
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(NESTED)
@settings(max_examples=300, deadline=None)
def test_a_card_that_is_none_is_a_text(told: Any) -> None:
    raw = json.dumps(told)
    blocks, media = cards.parse(raw)
    assert plain(blocks) == raw or media or blocks
    cards.parse(json.dumps([{"type": "card", "modules": [told, {"type": "section", "text": told}]}]))


def said(content: str, kind: int = 9, **more: Any) -> Said:
    return Said("m", "9", kind, content, 1, Contact("1", "小*明"), False, **more)


def test_a_message_tells_who_said_it_and_to_what() -> None:
    quote = Quote("q", 9, "**之前** " + "长" * 200, "小红")
    read = document.read(said("好的", quote=quote), named=True)
    assert writers.of("discord").write(read.blocks) == f"> **小红**: 之前 {'长' * 96}…\n**小\\*明**: 好的"
    assert writers.of("http").write(document.read(said("好的"), named=False).blocks) == "好的"
    pictured = document.read(said("https://x/a.png", 2, media=Media("image", "https://x/a.png", "a.png")), named=True)
    assert outgoing.parts(pictured, "discord", connector("discord").limits) == [
        outgoing.Part("**小\\*明**:", "markdown", Media("image", "https://x/a.png", "a.png"))
    ]
    assert document.shown(said("https://x/a.png", 2, media=Media("image", "https://x/a.png", "a.png"))) == "a.png"


def test_a_picture_goes_with_its_text_where_that_is_a_caption_and_behind_it_else() -> None:
    picture = Media("image", "https://x/a.png", "")
    limits = connector("telegram").limits
    short = document.Document((Block("text", kmarkdown.parse("短")[0].spans),), (picture, picture))
    assert [(part.text, part.media) for part in outgoing.parts(short, "telegram", limits)] == [
        ("短", picture),
        ("", picture),
    ]
    long = document.Document(tuple(kmarkdown.parse("长" * 2000)), (picture,))
    assert [bool(part.media) for part in outgoing.parts(long, "telegram", limits)] == [False, True]


def test_a_target_without_a_format_gets_the_text() -> None:
    [part] = outgoing.parts(document.read(said("**粗**"), named=False), "http", connector("http").limits)
    assert part == outgoing.Part("粗", "text")
