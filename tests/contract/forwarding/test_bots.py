"""Document 5 "Bot配置API": bots are added, listed, tested and deleted."""

import json
from typing import Any

import pytest

from functions.forwarding.bots import service
from tests.conftest import Deployment
from tests.contract import memory
from tests.contract.connectors.fakes import OUT_OF_ORDER, Fake, told
from tests.contract.forwarding.test_accounts import refused

DISCORD: dict[str, Any] = {
    "platform": "discord",
    "name": "测试Discord Bot",
    "config": {"webhook_url": "https://discord.com/api/webhooks/123456/abc..."},
}
TELEGRAM: dict[str, Any] = {
    "platform": "telegram",
    "name": "测试Telegram Bot",
    "config": {"bot_token": "123456:ABC-DEF...", "chat_id": "-1001234567890"},
}
FEISHU: dict[str, Any] = {
    "platform": "feishu",
    "name": "测试飞书Bot",
    "config": {"app_id": "cli_abc123", "app_secret": "secret_xyz789"},
}
PATH = "/api/bots"
ME = told({"ok": True, "result": {"id": 123456, "is_bot": True, "first_name": "Hub", "username": "hub_bot"}})
CHAT = told({"ok": True, "result": {"id": -1001234567890, "type": "supergroup", "title": "公告"}})
SENT = told({"ok": True, "result": {"message_id": 7, "chat": {"id": -1001234567890}}})
REVOKED = told({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)


def add(deployment: Deployment, body: Any = None, **config: Any) -> str:
    wanted = body or DISCORD
    answer = deployment.call("POST", PATH, {**wanted, "config": {**wanted["config"], **config}})
    assert answer.status == 201, answer.text
    return str(answer.json["bot_id"])


def shown(deployment: Deployment, bot: str) -> dict[str, Any]:
    return dict(deployment.call("GET", f"{PATH}/{bot}").json["data"])


@pytest.fixture
def provider() -> Any:
    """A platform, on loopback."""
    with Fake() as fake:
        yield fake


def test_the_documents_examples(deployment: Deployment) -> None:
    answers = [deployment.call("POST", PATH, body) for body in (DISCORD, TELEGRAM, FEISHU)]
    assert [(one.status, one.json) for one in answers] == [
        (201, {"success": True, "message": "Bot添加成功", "bot_id": number}) for number in (1, 2, 3)
    ]
    found = deployment.call("GET", f"{PATH}?platform=discord").json
    assert found["success"] is True
    [one] = found["data"]
    assert (one["id"], one["platform"], one["name"], one["status"]) == (1, "discord", "测试Discord Bot", "active")
    assert one["config"] == {"webhook_url": "***"}
    assert one.keys() >= {"id", "platform", "name", "config", "status", "created_at"}
    assert [one["id"] for one in deployment.call("GET", PATH).json["data"]] == [1, 2, 3]
    stored = json.dumps(memory.stored(), default=repr)
    assert "abc..." not in stored
    assert "ABC-DEF" not in stored
    assert "secret_xyz789" not in stored
    gone = deployment.call("DELETE", f"{PATH}/1")
    assert (gone.status, gone.text) == (204, "")
    assert deployment.call("DELETE", f"{PATH}/1").status == 404


@pytest.mark.parametrize(
    ("platform", "config"),
    [
        ("slack", {"webhook_url": "https://hooks.slack.com/services/T/B/x"}),
        ("dingtalk", {"access_token": "a" * 64}),
        ("wecom", {"key": "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"}),
        ("http", {"url": "https://example.com/hook", "secret": "s"}),
    ],
)
def test_platforms_beyond_the_document(deployment: Deployment, platform: str, config: Any) -> None:
    made = add(deployment, {"platform": platform, "name": "一", "config": config})
    assert shown(deployment, made)["platform"] == platform


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"platform": "kook"}, "必须是以下之一"),
        ({"platform": None}, "必须是以下之一"),
        ({"name": " "}, "不能为空"),
        ({"config": {}}, "webhook_url"),
        ({"config": {"webhook_url": "https://discord.com/"}}, "webhook_url"),
        ({"config": {"webhook_url": "http://10.0.0.1/api/webhooks/1/a"}}, "webhook_url"),
        ({"config": {"webhook_url": "https://discord.com/api/webhooks/1/.."}}, "webhook_url"),
        ({"config": {"webhook_url": "***"}}, "webhook_url"),
        ({"config": {"webhook_url": DISCORD["config"]["webhook_url"], "color": 1}}, "color"),
        ({"color": "red"}, "color"),
        ({"status": "error"}, "必须是以下之一"),
    ],
)
def test_bad_input(deployment: Deployment, change: Any, told: str) -> None:
    answer = refused(deployment.call("POST", PATH, {**DISCORD, **change}), 400, "INVALID_REQUEST")
    assert told in answer["error_message"]
    assert deployment.call("GET", PATH).json["data"] == []


def test_a_test_sends_a_message_to_the_bots_own_chat(deployment: Deployment, provider: Fake) -> None:
    made = add(deployment, TELEGRAM, base_url=provider.url)
    provider.will(ME, CHAT, SENT)
    answer = deployment.call("POST", f"{PATH}/{made}/test")
    assert answer.status == 200
    assert answer.json["latency_ms"] >= 0
    assert {name: value for name, value in answer.json.items() if name != "latency_ms"} == {
        "success": True,
        "message": "测试消息发送成功",
        "sent": True,
        "account": {"id": "123456", "name": "hub_bot"},
    }
    assert provider.asked[-1].json == {"chat_id": "-1001234567890", "text": "【测试Telegram Bot】这是一条测试消息"}


def test_where_no_chat_is_known_the_bot_says_who_it_is(deployment: Deployment, provider: Fake) -> None:
    made = add(deployment, {**TELEGRAM, "config": {"bot_token": "123456:ABC-DEF..."}}, base_url=provider.url)
    provider.will(ME)
    answer = deployment.call("POST", f"{PATH}/{made}/test", headers={"accept-language": "en-US"})
    assert (answer.json["sent"], len(provider.asked)) == (False, 1)
    assert answer.json["message"] == "The connection works; no test message was sent, as no channel is known"
    provider.will(ME, SENT)
    answer = deployment.call("POST", f"{PATH}/{made}/test", {"target_channel_id": "-42"})
    assert (answer.json["sent"], provider.asked[-1].json["chat_id"]) == (True, "-42")


def test_what_a_platform_refuses_is_told_and_noted_until_it_takes_it_again(
    deployment: Deployment, provider: Fake
) -> None:
    made = add(deployment, TELEGRAM, base_url=provider.url)
    provider.will(REVOKED)
    answer = refused(deployment.call("POST", f"{PATH}/{made}/test"), 422, "BOT_TEST_FAILED")
    assert "401 Unauthorized" in answer["error_message"]
    one = shown(deployment, made)
    assert (one["status"], one["error"]) == ("error", {"code": "401", "message": "Unauthorized"})
    provider.will(OUT_OF_ORDER)
    refused(deployment.call("POST", f"{PATH}/{made}/test"), 503, "BOT_TEST_FAILED")
    assert shown(deployment, made)["status"] == "error", "a provider that is out of order says nothing of the bot"
    provider.will(ME, CHAT, SENT)
    assert deployment.call("POST", f"{PATH}/{made}/test").status == 200
    assert (shown(deployment, made)["status"], shown(deployment, made)["error"]) == ("active", None)


def test_a_change_keeps_the_secrets_that_are_not_sent(deployment: Deployment, provider: Fake) -> None:
    made = add(deployment, TELEGRAM, base_url=provider.url)
    changed = deployment.call("PUT", f"{PATH}/{made}", {"name": "新名", "config": {"chat_id": "7", "bot_token": "***"}})
    assert changed.status == 200
    assert changed.json["data"]["config"] == {"bot_token": "***", "chat_id": "7", "base_url": provider.url}
    provider.will(ME, CHAT, SENT)
    assert deployment.call("POST", f"{PATH}/{made}/test").status == 200
    elsewhere = {"config": {"base_url": "http://127.0.0.1:1/"}}
    refused(deployment.call("PUT", f"{PATH}/{made}", elsewhere), 400, "INVALID_REQUEST")
    refused(deployment.call("PUT", f"{PATH}/{made}", {}), 400, "INVALID_REQUEST")
    off = deployment.call("PUT", f"{PATH}/{made}", {"status": "inactive"})
    assert off.json["data"]["status"] == "inactive"


def test_what_happens_to_a_bot_is_told_without_its_config(deployment: Deployment, provider: Fake) -> None:
    made = add(deployment, TELEGRAM, base_url=provider.url)
    deployment.call("PUT", f"{PATH}/{made}", {"name": "新名", "config": {"chat_id": "7"}})
    deployment.call("PUT", f"{PATH}/{made}", {"name": "新名"})
    provider.will(REVOKED)
    deployment.call("POST", f"{PATH}/{made}/test")
    provider.will(ME, CHAT, SENT)
    deployment.call("POST", f"{PATH}/{made}/test")
    deployment.call("DELETE", f"{PATH}/{made}")
    told_of_it = memory.told("forward_bot.")
    assert [(event["type"], event["data"].get("changes")) for event in told_of_it] == [
        ("forward_bot.created", None),
        ("forward_bot.updated", ["config", "name"]),
        ("forward_bot.updated", ["error", "status"]),
        ("forward_bot.disabled", None),
        ("forward_bot.updated", ["error", "status"]),
        ("forward_bot.deleted", None),
    ]
    assert [event["data"]["version"] for event in told_of_it] == [1, 2, 3, 3, 4, 5]
    assert told_of_it[3]["data"]["error"] == {"code": "401", "message": "Unauthorized"}
    assert "123456:ABC" not in json.dumps(told_of_it)


def test_no_more_than_the_quota(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_BOTS", 1)
    add(deployment)
    refused(deployment.call("POST", PATH, DISCORD), 422, "QUOTA_EXCEEDED")


def test_a_bot_in_use_is_not_deleted(deployment: Deployment) -> None:
    made = add(deployment)
    wanted = {
        "kook_server_id": "1",
        "kook_channel_id": "2",
        "target_platform": "discord",
        "target_bot_id": int(made),
    }
    assert deployment.call("POST", "/api/mappings", wanted).status == 201
    answer = refused(deployment.call("DELETE", f"{PATH}/{made}"), 409, "BOT_IN_USE")
    assert answer["error_message"] == "该 Bot 正被 1 个映射使用"
    assert shown(deployment, made)["mapping_count"] == 1
    assert deployment.call("DELETE", "/api/mappings/1").status == 204
    assert deployment.call("DELETE", f"{PATH}/{made}").status == 204
