import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import errors
from hub.web import localisation, validation

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh-CN"),
        ("zh-CN", "zh-CN"),
        ("en-US", "en-US"),
        ("en", "en-US"),
        ("EN-gb", "en-US"),
        ("zh-TW, en;q=0.9", "zh-CN"),
        ("en;q=0.8, zh;q=0.9", "zh-CN"),
        ("en;q=0.9, zh;q=0.8", "en-US"),
        ("zh;q=0, en;q=0.1", "en-US"),
        ("en;q=0", "zh-CN"),
        ("fr-FR, de;q=0.9", "zh-CN"),
        ("fr, en;q=0.2", "en-US"),
        ("*", "zh-CN"),
        ("en ; q=1", "en-US"),
        ("en, zh", "en-US"),
        ("zh, en", "zh-CN"),
        (";;;,,,q=", "zh-CN"),
        ("en;q=high", "zh-CN"),
        ("en;q=nan", "zh-CN"),
        ("en;q=2, zh;q=1", "en-US"),
        ("en-", "en-US"),
        ("english", "zh-CN"),
        ("," * 100_000 + "en", "zh-CN"),
    ],
)
def test_language_is_the_one_asked_for_and_chinese_otherwise(header: str, language: str) -> None:
    assert localisation.negotiate(header) == language


@given(st.text(max_size=60))
def test_no_header_breaks_the_choice(header: str) -> None:
    assert localisation.negotiate(header) in ("zh-CN", "en-US")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", [*localisation.TEXTS, *localisation.SOLUTIONS])
def test_both_languages_say_the_same(key: str) -> None:
    chinese, english = localisation.TEXTS.get(key) or localisation.SOLUTIONS[key]
    assert chinese
    assert english
    assert placeholders(chinese) == placeholders(english)
    assert english.isascii(), "English text with characters of another"


def test_a_style_has_words_only_for_what_all_have_words_for() -> None:
    for key in localisation.TEXTS:
        style, _, plain = key.rpartition(".")
        assert plain in localisation.TEXTS
        assert style in ("", "D2", "D3", "D5")


def test_every_error_and_every_complaint_has_words() -> None:
    codes = {error.message for error in vars(errors).values() if hasattr(error, "message")}
    reasons = {*validation._WRONG_TYPES.values(), *validation._REASONS.values()}
    assert codes | reasons <= localisation.TEXTS.keys()


def test_every_error_code_has_a_solution() -> None:
    codes = {error.code for error in vars(errors).values() if hasattr(error, "code")}
    given = {
        code
        for file in (ROOT / "functions").rglob("*.py")
        for code in re.findall(r'code="([A-Z_]+)"', file.read_text())
    }
    assert codes | given == localisation.SOLUTIONS.keys()
    assert localisation.solution("SOMETHING_ELSE", "en-US") == localisation.solution("INTERNAL_ERROR", "en-US")


def test_a_field_has_the_documents_name_in_chinese_alone() -> None:
    assert localisation.label("contact.email", "zh-CN") == "邮箱"
    assert localisation.label("contact.email", "en-US") == "contact.email"
    assert localisation.label("unheard_of", "zh-CN") == "unheard_of"
