"""How alike two names of channels are, across spellings, scripts and the two languages."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Method = Literal["exact", "normalised", "keyword", "similar"]

_CONCEPTS: dict[str, tuple[str, ...]] = {
    "announcement": ("公告", "通知", "通告", "announcement", "announcements", "announce", "notice", "notices"),
    "news": ("新闻", "资讯", "快讯", "news"),
    "general": ("闲聊", "聊天", "水群", "灌水", "综合", "general", "chat", "chitchat", "lounge", "offtopic", "random"),
    "events": ("活动", "赛事", "event", "events", "activity", "activities"),
    "updates": ("更新", "版本", "补丁", "update", "updates", "changelog", "release", "releases", "patch", "patches"),
    "tech": ("技术", "开发", "编程", "tech", "technology", "technical", "dev", "development", "engineering"),
    "help": ("帮助", "求助", "答疑", "提问", "help", "support", "question", "questions", "faq", "qa"),
    "feedback": ("反馈", "建议", "意见", "feedback", "suggestion", "suggestions", "ideas"),
    "bugs": ("故障", "缺陷", "报错", "bug", "bugs", "issue", "issues"),
    "rules": ("规则", "版规", "守则", "rule", "rules"),
    "welcome": ("欢迎", "新人", "报到", "welcome", "introductions", "introduction"),
    "games": ("游戏", "开黑", "game", "games", "gaming"),
    "music": ("音乐", "歌曲", "music", "songs"),
    "pictures": ("图片", "美图", "相册", "美术", "绘画", "art", "picture", "pictures", "image", "images", "photos"),
    "memes": ("表情", "沙雕", "梗图", "meme", "memes"),
    "video": ("视频", "直播", "video", "videos", "stream", "streams", "live"),
    "test": ("测试", "test", "tests", "testing"),
    "staff": ("管理", "管理员", "内部", "admin", "admins", "staff", "mod", "mods", "moderators"),
    "trade": ("交易", "买卖", "集市", "trade", "trading", "market", "marketplace"),
    "teams": ("招募", "组队", "招聘", "recruit", "recruitment", "team", "teams", "lfg", "jobs"),
    "guides": ("攻略", "教程", "指南", "文档", "guide", "guides", "tutorial", "tutorials", "docs"),
    "logs": ("日志", "记录", "log", "logs"),
    "resources": ("资源", "下载", "分享", "resource", "resources", "download", "downloads", "share", "sharing"),
}
"""What channels are about, in both languages."""

_SIMPLIFIED = str.maketrans(
    "頻閒遊戲術開發測試問題報錯規則圖視員務資訊聞訊動賽項讀寫點擊壇論討組隊歡迎樂畫錄載議饋學習業產買賣貨電腦網絡機關聲優變護說話語記誌導師團會體驗際標準選擇專區總類",
    "频闲游戏术开发测试问题报错规则图视员务资讯闻讯动赛项读写点击坛论讨组队欢迎乐画录载议馈学习业产买卖货电脑网络机关声优变护说话语记志导师团会体验际标准选择专区总类",
)
"""The characters of channels' names that differ most often: a table of all would be larger than all the rest."""

_GENERIC = re.compile(r"频道|群组|讨论区|专区|channel|group", re.IGNORECASE)
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Name:
    """A name, and what it is compared by."""

    text: str
    plain: str
    pieces: frozenset[str]
    concepts: frozenset[str]


@lru_cache(4096)
def read(text: str) -> Name:
    """Read a name."""
    words = unicodedata.normalize("NFKC", text).casefold().translate(_SIMPLIFIED)
    # Letters and digits of any script; emoji, punctuation, white space and marks tell channels apart for the eye only.
    spelled = "".join(one if unicodedata.category(one)[0] in "LN" else " " for one in words)
    plain = spelled.replace(" ", "")
    plain = _GENERIC.sub("", plain) or plain
    return Name(text.strip(), plain, _pieces(plain), _about(spelled))


def likeness(one: Name, other: Name) -> tuple[float, Method]:
    """How alike two names are, from 0 to 1, and what tells."""
    if one.text == other.text and one.text:
        return 1.0, "exact"
    if one.plain == other.plain and one.plain:
        return 0.95, "normalised"
    similar = 0.9 * _overlap(one.pieces, other.pieces) ** 1.5
    about = 0.85 * _overlap(one.concepts, other.concepts)
    return (about, "keyword") if about and about >= similar else (similar, "similar")


def _about(spelled: str) -> frozenset[str]:
    """What a name is about."""
    words, joined = set(_WORD.findall(spelled)), spelled.replace(" ", "")
    return frozenset(
        concept
        for concept, keywords in _CONCEPTS.items()
        if any(word in words if word.isascii() else word in joined for word in keywords)
    )


def _pieces(plain: str) -> frozenset[str]:
    """The pairs of characters of a name, its first and last with nothing beside them."""
    bounded = f"^{plain}$"
    return frozenset(bounded[place : place + 2] for place in range(len(bounded) - 1)) if plain else frozenset()


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Dice's coefficient: twice what is common, of all."""
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0
