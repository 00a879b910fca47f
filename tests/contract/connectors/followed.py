"""An official account of WeChat's that has followers."""

from tests.contract.connectors.fakes import Asked, Fake, Reply, told


class WeChat(Fake):
    """An official account with followers: ids by 10,000, their details by 100."""

    def __init__(self, followers: int) -> None:
        self.ids = [f"o{number:06}" for number in range(followers)]
        super().__init__()

    def answer(self, asked: Asked) -> Reply:
        """What the documentation of the three calls says."""
        if self.replies:
            return self.replies.pop(0)
        if asked.path == "/cgi-bin/stable_token":
            return told({"access_token": "a-token", "expires_in": 7200})
        if asked.path == "/cgi-bin/user/get":
            begin = asked.query.get("next_openid", "")
            start = self.ids.index(begin) + 1 if begin else 0
            part = self.ids[start : start + 10_000]
            more = part[-1] if start + 10_000 < len(self.ids) else ""
            found = {"total": len(self.ids), "count": len(part), "next_openid": more}
            return told({**found, "data": {"openid": part}} if part else found)
        wanted = [one["openid"] for one in asked.json["user_list"]]
        return told({"user_info_list": [{"openid": one, "subscribe": 1, "remark": f"备注 {one}"} for one in wanted]})
