import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.connectors import texts
from hub.connectors.protocol import Limits, Unit

UNITS: tuple[Unit, ...] = ("characters", "utf16", "bytes")
WORDS = st.text(st.sampled_from("ab \n.。é你😀👍\u00a0\u3000"), max_size=80)


@pytest.mark.parametrize(
    ("unit", "length"),
    [("characters", 4), ("utf16", 5), ("bytes", 10)],
)
def test_a_text_is_as_long_as_its_provider_counts(unit: Unit, length: int) -> None:
    assert texts.length("aé你😀", unit) == length


@given(text=WORDS | st.text(max_size=60), most=st.integers(4, 30), unit=st.sampled_from(UNITS))
@example(text=" " * 40, most=4, unit="bytes")
@example(text="😀" * 9, most=5, unit="utf16")
def test_the_parts_fit_and_nothing_but_white_space_is_lost(text: str, most: int, unit: Unit) -> None:
    parts = texts.split(text, Limits(most, unit=unit))
    rest = text
    for part in parts:
        assert part
        assert texts.length(part, unit) <= most
        before, found, rest = rest.partition(part)
        assert found, "each part stands in the text, after the one before it"
        assert not before.strip(), "before and between them there is white space alone"
    assert not rest.strip()


@given(text=st.text(max_size=30), unit=st.sampled_from(UNITS))
def test_a_text_that_fits_stays_as_it_is(text: str, unit: Unit) -> None:
    assert texts.split(text, Limits(200, unit=unit)) == ([text] if text else [])


@given(text=st.text(st.sampled_from("a😀"), min_size=1, max_size=40), most=st.integers(2, 9))
def test_no_surrogate_is_cut(text: str, most: int) -> None:
    for part in texts.split(text, Limits(most, unit="utf16")):
        part.encode("utf-16-le").decode("utf-16-le")
    assert "".join(texts.split(text, Limits(most, unit="utf16"))) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("one two three four", ["one two", "three four"]),
        ("one.\n\ntwo three", ["one.", "two three"]),
        ("one two\nthree", ["one two", "three"]),
        ("你好。再见。谢谢", ["你好。再见。谢谢"]),
        ("abcdefghijklmno", ["abcdefghij", "klmno"]),
        ("a bcdefghijklmno", ["a bcdefghi", "jklmno"]),
    ],
)
def test_a_text_is_cut_where_a_reader_would(text: str, parts: list[str]) -> None:
    assert texts.split(text, Limits(10)) == parts


def test_a_megabyte_is_split_too() -> None:
    text = " ".join(["word"] * 200_000)
    parts = texts.split(text, Limits(2000, unit="bytes"))
    assert re.sub(r"\s", "", "".join(parts)) == "word" * 200_000
