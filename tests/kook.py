"""A KOOK on loopback: the bytes of its documentation (https://developer.kookapp.cn/doc), for what a test puts into it.

It knows one bot, by its token, the servers it is in and their channels; `messages` holds what the channels say, the
oldest first. Lists come in pages of `page_size`, as KOOK's do.
"""

import json
from typing import Any

from tests.contract.connectors.fakes import Asked, Fake, Reply, told

TOKEN = "1/MTA2MjE=/kook-bot-token"
MAX_PAGE = 50


class Kook(Fake):
    """KOOK; what a test scripts with `will` is answered first."""

    def __init__(self, token: str = TOKEN) -> None:
        super().__init__()
        self.token = token
        self.me: dict[str, Any] = {
            "id": "364862",
            "username": "test",
            "identify_num": "5926",
            "online": False,
            "os": "Websocket",
            "status": 0,
            "avatar": "https://img.kaiheila.cn/avatars/2021-01/kook.jpg/icon",
            "bot": True,
            "mobile_verified": True,
            "client_id": "Q1PqUyuxAFtw2gVH",
            "invited_count": 0,
        }
        self.guilds: list[dict[str, Any]] = []
        self.channels: dict[str, list[dict[str, Any]]] = {}
        self.messages: dict[str, list[dict[str, Any]]] = {}

    @property
    def base_url(self) -> str:
        """An account's `base_url`."""
        return f"{self.url}/api/v3"

    def server(self, guild_id: str, name: str, *channels: tuple[str, str], category: str = "") -> None:
        """Put the bot into a server with text channels (id, name), under a category where it has a name."""
        self.guilds.append(
            {
                "id": guild_id,
                "name": name,
                "topic": "",
                "user_id": "17",
                "icon": "https://img.kaiheila.cn/icons/2021-01/guild.jpg/icon",
                "notify_type": 2,
                "region": "beijing",
                "enable_open": False,
                "open_id": "",
                "default_channel_id": channels[0][0] if channels else "",
                "welcome_channel_id": "0",
                "boost_num": 0,
                "level": 0,
            }
        )
        rows = [_channel(guild_id, channel_id, name) for channel_id, name in channels]
        if category:
            rows.insert(0, {**_channel(guild_id, f"{guild_id}0", category), "is_category": True, "type": 0})
        self.channels[guild_id] = rows

    def answer(self, asked: Asked) -> Reply:
        """As KOOK answers."""
        if self.replies:
            return super().answer(asked)
        if asked.headers.get("authorization") != f"Bot {self.token}":
            return _refused(401, "用户签名过期", 401)
        match asked.path.removeprefix("/api/v3"):
            case "/user/me":
                return _told(self.me)
            case "/guild/list":
                return _listed(self.guilds, asked)
            case "/channel/list":
                if asked.query.get("guild_id") not in self.channels:
                    return _refused(40000, "服务器不存在或者你不在服务器中")
                kind = int(asked.query.get("type", "0"))
                rows = self.channels[asked.query["guild_id"]]
                return _listed([row for row in rows if not kind or row["type"] in (kind, 0)], asked)
            case "/message/list":
                return self._said(asked)
            case "/message/view":
                known = [one for said in self.messages.values() for one in said if one["id"] == asked.query["msg_id"]]
                return _told(known[0]) if known else _refused(40000, "消息不存在")
        return _refused(404, "你访问的资源不存在", 404)

    def say(self, channel_id: str, message_id: str, content: str, at: int) -> None:
        """Have somebody say something in a channel, at a time (epoch ms)."""
        author = {"id": "1780328354", "username": "小明", "nickname": "明明", "bot": False, "avatar": ""}
        self.messages.setdefault(channel_id, []).append(
            {
                "id": message_id,
                "type": 9,
                "content": content,
                "mention": [],
                "mention_all": False,
                "mention_roles": [],
                "mention_here": False,
                "embeds": [],
                "attachments": None,
                "create_at": at,
                "updated_at": 0,
                "reactions": [],
                "author": author,
                "image_name": "",
                "read_status": False,
                "quote": None,
                "mention_info": {"mention_part": [], "mention_role_part": []},
            }
        )

    def _said(self, asked: Asked) -> Reply:
        """The messages behind one (`flag=after`), or the latest, the oldest first."""
        said, size = self.messages.get(asked.query["target_id"], []), int(asked.query.get("page_size", "50"))
        found = said[-size:]
        if after := asked.query.get("msg_id"):
            places = [place for place, one in enumerate(said) if one["id"] == after]
            if not places:
                return _refused(40000, "消息不存在")
            found = said[places[0] + 1 : places[0] + 1 + size]
        return _told({"items": found})


def _channel(guild_id: str, channel_id: str, name: str) -> dict[str, Any]:
    return {
        "id": channel_id,
        "name": name,
        "user_id": "17",
        "guild_id": guild_id,
        "is_category": False,
        "parent_id": "",
        "level": 1,
        "slow_mode": 0,
        "type": 1,
        "limit_amount": 0,
    }


def _told(data: Any) -> Reply:
    return told(json.dumps({"code": 0, "message": "操作成功", "data": data}, ensure_ascii=False))


def _refused(code: int, message: str, status: int = 200) -> Reply:
    return told(json.dumps({"code": code, "message": message, "data": {}}, ensure_ascii=False), status)


def _listed(rows: list[dict[str, Any]], asked: Asked) -> Reply:
    page, size = int(asked.query.get("page", "1")), min(int(asked.query.get("page_size", "50")), MAX_PAGE)
    start = (page - 1) * size
    meta = {"page": page, "page_total": max(-(-len(rows) // size), 1), "page_size": size, "total": len(rows)}
    return _told({"items": rows[start : start + size], "meta": meta, "sort": {"id": 1}})
