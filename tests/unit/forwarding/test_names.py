"""How alike names of channels are."""

import pytest

from functions.forwarding.smart_mapping import names
from functions.forwarding.smart_mapping.names import likeness, read


@pytest.mark.parametrize(
    ("one", "other", "method", "least", "most"),
    [
        ("公告", "公告", "exact", 1, 1),
        ("📢｜公告", "公告", "normalised", 0.95, 0.95),
        ("ＧＥＮＥＲＡＬ", "general", "normalised", 0.95, 0.95),
        ("General-Chat", "general chat", "normalised", 0.95, 0.95),
        ("公告頻道", "公告频道", "normalised", 0.95, 0.95),
        ("公告频道", "公告", "normalised", 0.95, 0.95),
        ("遊戲討論", "游戏讨论", "normalised", 0.95, 0.95),
        ("公告", "announcements", "keyword", 0.85, 0.85),
        ("闲聊", "general", "keyword", 0.85, 0.85),
        ("活动", "events", "keyword", 0.85, 0.85),
        ("更新日志", "changelog", "keyword", 0.5, 0.7),
        ("技术交流", "tech-talk", "keyword", 0.85, 0.85),
        ("Bug 反馈", "bugs", "keyword", 0.5, 0.7),
        ("公会活动一", "公会活动二", "keyword", 0.85, 0.85),
        ("raid-planning", "raid-plannings", "similar", 0.7, 0.8),
        ("公告", "闲聊", "similar", 0, 0),
        ("event", "prevent", "similar", 0, 0.59),
        ("contest", "test", "similar", 0, 0.59),
        ("", "", "similar", 0, 0),
        ("📢", "🎉", "similar", 0, 0),
    ],
)
def test_names(one: str, other: str, method: str, least: float, most: float) -> None:
    score, found = likeness(read(one), read(other))
    assert (found, least <= score <= most) == (method, True), score
    assert likeness(read(other), read(one)) == (score, found)


def test_a_name_of_nothing_but_a_generic_word_keeps_it() -> None:
    assert read("频道").plain == "频道"
    assert likeness(read("频道"), read("頻道")) == (0.95, "normalised")


def test_the_table_of_characters_has_no_gap() -> None:
    assert len(names._SIMPLIFIED) > 60
    assert all(
        traditional != simplified for traditional, simplified in names._SIMPLIFIED.items() if traditional != simplified
    )
