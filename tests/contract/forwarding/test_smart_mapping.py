"""Document 5 "智能映射API": proposals by name, applied only when they are chosen, better for what was chosen before."""

from typing import Any

import pytest

from functions.forwarding.smart_mapping import store
from tests.conftest import Clock, Deployment
from tests.contract.connectors.fakes import Asked, Fake, Reply, told
from tests.contract.forwarding.test_accounts import refused
from tests.kook import TOKEN, Kook

PATH = "/api/smart-mapping"


class Discord(Fake):
    """Webhooks of Discord's: each tells its own name and channel."""

    def __init__(self, **webhooks: str) -> None:
        super().__init__()
        self.webhooks = webhooks

    def answer(self, asked: Asked) -> Reply:
        number = asked.path.split("/")[-2]
        name = self.webhooks.get(f"w{number}")
        if name is None:
            return told({"message": "Unknown Webhook", "code": 10015}, 404)
        return told({"id": number, "type": 1, "name": name, "channel_id": f"9{number}", "guild_id": "7"})


@pytest.fixture
def account(deployment: Deployment, kook: Kook) -> int:
    """An account in one server with the channels 公告频道 and 闲聊."""
    made = {"email": "user@example.com", "token": TOKEN, "base_url": kook.base_url}
    return int(deployment.call("POST", "/api/accounts", made).json["account_id"])


def bot(deployment: Deployment, discord: Fake, number: int, name: str = "机器人") -> int:
    config = {"webhook_url": f"{discord.url}/api/webhooks/{number}/abc"}
    made = deployment.call("POST", "/api/bots", {"platform": "discord", "name": name, "config": config})
    return int(made.json["bot_id"])


def match(deployment: Deployment, account: int, **more: Any) -> Any:
    answer = deployment.call("POST", f"{PATH}/auto-match", {"account_id": account, "platform": "discord", **more})
    assert answer.status == 200, answer.text
    return answer.json


def test_the_documents_examples(deployment: Deployment, account: int) -> None:
    servers = deployment.call("GET", f"{PATH}/kook-servers?account_id={account}").json
    assert (servers["success"], servers["servers"][0]["name"]) == (True, "游戏公会")
    channels = deployment.call("GET", f"{PATH}/kook-channels?account_id={account}&server_id=1234567890").json
    assert [one["name"] for one in channels["channels"]] == ["公告频道", "闲聊"]
    with Discord(w1="announcements", w2="General") as discord:
        bot(deployment, discord, 1)
        bot(deployment, discord, 2)
        found = match(deployment, account)
    assert found["success"] is True
    assert [
        (one["kook_channel_name"], one["target_bot_id"], one["target_channel_id"], one["target_name"], one["method"])
        for one in found["matches"]
    ] == [("公告频道", 1, "91", "announcements", "keyword"), ("闲聊", 2, "92", "General", "keyword")]
    assert [one["score"] for one in found["matches"]] == [0.85, 0.85]
    assert found["matches"][0]["reason"] == "名称含义相同"
    assert (found["unmatched"], found["skipped"]) == ([], [])
    assert deployment.call("GET", "/api/mappings").json["data"] == [], "nothing is applied without being asked"


def test_what_is_chosen_becomes_mappings_and_is_not_proposed_again(deployment: Deployment, account: int) -> None:
    with Discord(w1="announcements", w2="General") as discord:
        bot(deployment, discord, 1)
        bot(deployment, discord, 2)
        found = match(deployment, account)["matches"]
        made = deployment.call("POST", f"{PATH}/apply", {"matches": [found[0], {**found[0], "target_bot_id": 99}]})
        assert (made.json["created"], made.json["failed"]) == (1, 1)
        assert made.json["data"][1]["error_code"] == "BOT_NOT_FOUND"
        [mapping] = deployment.call("GET", "/api/mappings").json["data"]
        assert (mapping["kook_channel_name"], mapping["target_channel_id"]) == ("公告频道", "91")
        again = match(deployment, account)
    assert [one["kook_channel_name"] for one in again["matches"]] == ["闲聊"]
    assert [one["name"] for one in again["unmatched"]] == ["公告频道"]


def test_it_learns_and_forgets_half_in_thirty_days(deployment: Deployment, account: int, clock: Clock) -> None:
    pair = {"kook_channel_name": "公告频道", "target_name": "announcements"}

    def score() -> float:
        with Discord(w1="announcements") as discord:
            config = {"config": {"webhook_url": f"{discord.url}/api/webhooks/1/abc"}}
            assert deployment.call("PUT", f"/api/bots/{only}", config).status == 200
            found = match(deployment, account, min_score=0.1)["matches"]
        return float(found[0]["score"])

    with Discord() as discord:
        only = bot(deployment, discord, 1)
    assert score() == 0.85
    told = deployment.call("POST", f"{PATH}/feedback", {"rejected": [pair]})
    assert (told.status, told.json) == (200, {"success": True, "message": "已记录反馈", "learned": 1})
    assert score() == pytest.approx(0.85 / 2, abs=0.001)
    clock.advance(30 * 86_400)
    assert score() == pytest.approx(0.85 * 0.5**0.5, abs=0.001)
    deployment.call("POST", f"{PATH}/feedback", {"accepted": [pair]})
    assert score() == pytest.approx(0.85 + 0.15 * (1 - 0.5**0.5), abs=0.001)
    for _ in range(9):
        deployment.call("POST", f"{PATH}/feedback", {"accepted": [pair]})
    assert max(store.weights("default").values()) == store.MAX_WEIGHT


def test_a_channels_earlier_name_and_the_bots_own_count_too(deployment: Deployment, account: int) -> None:
    with Discord(w1="Captain Hook") as discord:
        bot(deployment, discord, 1, name="闲聊转发")
        assert match(deployment, account, min_score=0.5)["matches"][0]["kook_channel_name"] == "闲聊"


def test_a_bot_that_cannot_be_asked_is_told(deployment: Deployment, account: int) -> None:
    with Discord() as discord:
        one = bot(deployment, discord, 5, name="公告")
        found = match(deployment, account)
    assert found["skipped"] == [{"bot_id": one, "error": {"code": "10015", "message": "Unknown Webhook"}}]
    assert [(one["kook_channel_name"], one["target_channel_id"]) for one in found["matches"]] == [("公告频道", "")]


def test_pairs_over_the_bound_are_forgotten_the_faintest_first(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_PAIRS", 2)
    for number, times in ((1, 2), (2, 1), (3, 1)):
        for _ in range(times):
            pair = {"kook_channel_name": f"频{number}", "target_name": f"c{number}"}
            deployment.call("POST", f"{PATH}/feedback", {"accepted": [pair]})
    assert sorted(store.weights("default")) == ["频1#c1", "频3#c3"]


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("auto-match", {}),
        ("auto-match", {"account_id": "1", "platform": "discord"}),
        ("auto-match", {"account_id": 1, "platform": "kook"}),
        ("auto-match", {"account_id": 1, "platform": "discord", "min_score": 0}),
        ("auto-match", {"account_id": 1, "platform": "discord", "color": 1}),
        ("apply", {"matches": []}),
        ("apply", {"matches": [{}]}),
        ("feedback", {}),
        ("feedback", {"accepted": [{"kook_channel_name": "a"}]}),
    ],
)
def test_bad_input(deployment: Deployment, route: str, body: Any) -> None:
    refused(deployment.call("POST", f"{PATH}/{route}", body), 400, "INVALID_REQUEST")


def test_without_the_account_or_its_token(deployment: Deployment) -> None:
    refused(deployment.call("GET", f"{PATH}/kook-servers?account_id=9"), 404, "NOT_FOUND")
    refused(deployment.call("GET", f"{PATH}/kook-servers"), 400, "INVALID_REQUEST")
    refused(deployment.call("GET", f"{PATH}/kook-channels?account_id=9&server_id=1"), 404, "NOT_FOUND")
    wanted = {"account_id": 9, "platform": "discord"}
    refused(deployment.call("POST", f"{PATH}/auto-match", wanted), 404, "NOT_FOUND")
    deployment.call("POST", "/api/accounts", {"email": "a@example.com"})
    refused(deployment.call("POST", f"{PATH}/auto-match", {**wanted, "account_id": 1}), 422, "TOKEN_MISSING")
