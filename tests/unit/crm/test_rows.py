"""CSV read from an offset: the rows that `csv.reader` finds, wherever reading begins and however bytes arrive."""

import csv
import io
import random
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.crm.imports import rows
from functions.crm.imports.rows import Encoding, Row

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "gb18030")


def source(content: bytes, sizes: Iterator[int] | None = None) -> Callable[[], bytes]:
    """A stream of some bytes, in pieces."""
    stream = io.BytesIO(content)
    return lambda: stream.read(next(sizes) if sizes else 1000)


def read(content: bytes, encoding: Encoding = "utf-8") -> list[Row]:
    return list(rows.read(source(content), encoding))


def in_pages(content: bytes, encoding: Encoding, draw: Callable[[], int]) -> list[Row]:
    """Read in pages of any size, each from the offset at which the one before ended, bytes coming as they like."""
    found: list[Row] = []
    while True:
        offset, number = (found[-1].end, found[-1].number) if found else (0, 0)
        more = source(content[offset:], iter(draw, 0))
        page = list(islice(rows.read(more, encoding, offset, number), draw()))
        if not page:
            return found
        found += page


CELLS = st.text(
    st.sampled_from("a,\"\r\n;='\t 客𠀀é\x00\x85\u2028\ufeff")
    | st.characters(codec="utf-8", exclude_characters="\ufeff"),
    max_size=8,
)
WRITTEN = st.lists(st.lists(CELLS, max_size=4), max_size=8)


@settings(max_examples=200, deadline=None)
@given(WRITTEN, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(ENCODINGS), st.booleans(), st.randoms())
def test_every_page_from_every_offset_is_what_csv_reads_at_once(
    written: list[list[str]], line_end: str, encoding: Encoding, quoted: bool, rng: random.Random
) -> None:
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(written)
    content = text.getvalue()
    if rng.random() < 0.5:
        content = content.removesuffix(line_end)
    at_once = list(csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline=""), strict=True))

    found = in_pages(content.encode(encoding), encoding, lambda: rng.randint(1, 30))

    assert [row.values for row in found] == at_once
    assert [row.number for row in found] == list(range(1, len(at_once) + 1))
    assert not [row for row in found if row.flaw]
    assert (found[-1].end if found else 0) == len(content.encode(encoding))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([b'"', b",", b"\r", b"\n", b"\r\n", b"a", "客".encode(), b"\xff", b"\x81", b"\x81\x30"])),
    st.sampled_from(ENCODINGS),
    st.randoms(),
)
def test_any_bytes_are_rows_or_flaws_the_same_from_every_offset(
    parts: list[bytes], encoding: Encoding, rng: random.Random
) -> None:
    content = b"".join(parts)
    found = read(content, encoding)
    assert in_pages(content, encoding, lambda: rng.randint(1, 5)) == found
    ends = [row.end for row in found]
    assert ends == sorted(set(ends)), "every row takes something"
    assert (ends[-1] if ends else 0) == len(content)


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (b"", []),
        (b"a,b\n", [["a", "b"]]),
        (b"a,b", [["a", "b"]]),
        (b"a\r\nb\rc\n", [["a"], ["b"], ["c"]]),
        (b"a\n\n\r\nb\n", [["a"], [], [], ["b"]]),
        (b'"a\r\nb",c\n', [["a\r\nb", "c"]]),
        (b'"a""b","",\n', [['a"b', "", ""]]),
        (b'5" pipe,b\n', [['5" pipe', "b"]]),
        ("\ufeff名称,a\n\ufeffb\n".encode(), [["名称", "a"], ["\ufeffb"]]),
        (b"\xef\xbb\xbf", [[]]),
    ],
)
def test_what_spreadsheets_write(content: bytes, values: list[list[str]]) -> None:
    found = read(content)
    assert [row.values for row in found] == values
    assert not any(row.flaw for row in found)


def test_gb18030() -> None:
    assert [row.values for row in read("\ufeff名称,丂\n𠀀,a\n".encode("gb18030"), "gb18030")] == [
        ["名称", "丂"],
        ["𠀀", "a"],
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'a\n"b,c\nd\n"e"\n', ["a", "bad_quotes", "d", "e"]),
        (b'a\n"b"c,d\ne\n', ["a", "bad_quotes", "e"]),
        (b"a\n\xff\xfe,b\nc\n", ["a", "bad_encoding", "c"]),
        (b'a\n"\xff\nb",c\nd\n', ["a", "bad_encoding", "d"]),
        ("a\n客户\n".encode("gb18030") + b"c\n", ["a", "bad_encoding", "c"]),
    ],
)
def test_a_bad_row_costs_no_other(content: bytes, told: list[str]) -> None:
    assert [row.flaw or row.values[0] for row in read(content)] == told


def flaws(content: bytes) -> list[Any]:
    return [row.flaw or row.values for row in read(content)]


def test_a_row_that_is_too_long() -> None:
    most = rows.MAX_ROW_BYTES
    longest = b"a" * (most - 1) + b"\n"
    assert flaws(b"1\n" + longest + b"2\n") == [["1"], [longest.decode().strip()], ["2"]]
    for line_end in (b"\n", b"\r\n", b"\r"):
        too_long = b"a" * most + line_end
        assert flaws(b"1\n" + too_long + b"2\n") == [["1"], "row_too_long", ["2"]]
        assert flaws(b"1\n" + too_long * 2) == [["1"], "row_too_long", "row_too_long"]
    assert flaws(b"1\n" + b"a" * 5 * most) == [["1"], "row_too_long"]
    assert flaws(b'"' + b"a\n" * most) == ["row_too_long"] + [["a"]] * (most - 1)


def test_an_open_quote_is_not_searched_for_beyond_the_longest_row() -> None:
    taken: list[int] = []
    stream = io.BytesIO(b'a\n"b\n' + b"c\n" * 10_000_000)

    def more() -> bytes:
        taken.append(10_000)
        return stream.read(10_000)

    first, second, third = islice(rows.read(more, "utf-8"), 3)
    assert (first.values, second.flaw, third.values) == (["a"], "row_too_long", ["c"])
    assert sum(taken) <= rows.MAX_ROW_BYTES + 20_000
