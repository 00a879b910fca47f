"""Document 5 "账号管理API": accounts are added, started, asked, stopped and deleted."""

import json
import re
from typing import Any

import pytest

from functions.forwarding.accounts import cookies, service, store
from tests.conftest import Answer, Clock, Deployment
from tests.contract import memory
from tests.contract.connectors.fakes import OUT_OF_ORDER, told
from tests.kook import TOKEN, Kook

DOCUMENT_5 = {
    "email": "user@example.com",
    "cookie": '[{"name":"token","value":"xxx","domain":".kookapp.cn"}]',
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\Z")
PATH = "/api/accounts"
ENGLISH = {"accept-language": "en-US"}


def add(deployment: Deployment, **more: Any) -> str:
    answer = deployment.call("POST", PATH, {"email": "user@example.com", **more})
    assert answer.status == 201, answer.text
    return str(answer.json["account_id"])


def of(kook: Kook, deployment: Deployment, **more: Any) -> str:
    return add(deployment, token=TOKEN, base_url=kook.base_url, **more)


def shown(deployment: Deployment, account: str) -> dict[str, Any]:
    return dict(deployment.call("GET", f"{PATH}/{account}").json["data"])


def refused(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """The error, in document 5's shape."""
    assert answer.status == status, answer.text
    assert answer.json.keys() == {"success", "error_code", "error_message", "solution", "timestamp"}
    assert (answer.json["success"], answer.json["error_code"]) == (False, code)
    assert TIME.match(answer.json["timestamp"])
    return dict(answer.json)


def events() -> list[str]:
    return [one["detail-type"] for one in memory.published() if one["source"] == "hub.forwarding"]


def test_the_documents_examples(deployment: Deployment, kook: Kook) -> None:
    first = deployment.call("POST", PATH, DOCUMENT_5)
    assert first.status == 201
    assert first.json == {"success": True, "message": "账号添加成功", "account_id": 1}
    second = of(kook, deployment, email="bot@example.com")
    assert second == "2"
    started = deployment.call("POST", f"{PATH}/2/start")
    assert (started.status, started.json) == (200, {"success": True, "message": "抓取器启动成功"})
    listed = deployment.call("GET", PATH).json
    assert (listed["success"], listed["total"], listed["page"]) == (True, 2, 1)
    [offline, online] = listed["data"]
    assert (offline["id"], offline["email"], offline["status"], offline["last_active"]) == (
        1,
        "user@example.com",
        "offline",
        None,
    )
    assert (online["status"], online["bot_user_id"], online["bot_name"]) == ("online", "364862", "test")
    assert TIME.match(online["last_active"])
    assert TIME.match(online["created_at"])
    servers = deployment.call("GET", f"{PATH}/2/servers").json
    assert servers == {
        "success": True,
        "servers": [
            {
                "id": "1234567890",
                "name": "游戏公会",
                "icon": "https://img.kaiheila.cn/icons/2021-01/guild.jpg/icon",
            }
        ],
    }
    channels = deployment.call("GET", f"{PATH}/2/channels?server_id=1234567890").json
    assert channels["channels"][0] == {
        "id": "9876543210",
        "name": "公告频道",
        "type": "text",
        "server_id": "1234567890",
    }
    assert [one["name"] for one in channels["channels"]] == ["公告频道", "闲聊"], "a category is no channel"
    stopped = deployment.call("POST", f"{PATH}/2/stop")
    assert (stopped.status, stopped.json) == (200, {"success": True, "message": "抓取器停止成功"})
    gone = deployment.call("DELETE", f"{PATH}/2")
    assert (gone.status, gone.text) == (204, "")
    assert [one["id"] for one in deployment.call("GET", PATH).json["data"]] == [1]


@pytest.mark.parametrize(
    "cookie",
    [
        *("", "x", "{}", "[]", "[1]", '"token=xxx"', "[" * 5000),
        *('[{"name":"token"}]', '[{"name":"a b","value":"x"}]', '[{"name":"a","value":1}]'),
        *('[{"name":"a","value":"x;y"}]', '[{"name":"a","value":"x\\r\\ny"}]'),
    ],
)
def test_a_cookie_that_is_none_is_refused_in_the_documents_words(deployment: Deployment, cookie: str) -> None:
    told = refused(deployment.call("POST", PATH, {**DOCUMENT_5, "cookie": cookie}), 400, "INVALID_COOKIE")
    assert told["error_message"] == "Cookie格式无效"
    assert told["solution"] == "请检查Cookie格式是否为有效的JSON数组"
    assert deployment.call("GET", PATH).json["data"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "邮箱"),
        ({"email": "user"}, "邮箱"),
        ({"email": 1}, "邮箱"),
        ({"email": "a@example.com", "colour": "red"}, "colour"),
        ({"email": "a@example.com", "verify_token": "x"}, "Token"),
        ({"email": "a@example.com", "token": "***"}, "Token"),
        ({"email": "a@example.com", "token": "t", "base_url": "ftp://a"}, "base_url"),
        ({"email": "a@example.com", "token": "t", "base_url": "http://10.0.0.1/"}, "base_url"),
        ({"email": "a@example.com", "base_url": "http://169.254.169.254/"}, "base_url"),
        ({"email": "a@example.com", "token": "t", "encrypt_key": "k" * 33}, "encrypt_key"),
    ],
)
def test_bad_input(deployment: Deployment, body: Any, field: str) -> None:
    told = refused(deployment.call("POST", PATH, body), 400, "INVALID_REQUEST")
    assert field in told["error_message"]


def test_secrets_are_kept_sealed_and_shown_as_asterisks(deployment: Deployment) -> None:
    made = add(
        deployment,
        cookie=DOCUMENT_5["cookie"],
        password="hunter2-hunter2",
        token=TOKEN,
        verify_token="verify-me-please",
        encrypt_key="encrypt-with-this",
    )
    one = shown(deployment, made)
    for name in ("token", "verify_token", "encrypt_key", "cookie", "password"):
        assert one[name] == "***"
    stored = json.dumps(memory.stored(), default=repr, ensure_ascii=False)
    for secret in (TOKEN, "verify-me-please", "encrypt-with-this", "hunter2", "kookapp.cn"):
        assert secret not in stored


def test_an_email_is_added_once(deployment: Deployment) -> None:
    add(deployment)
    told = refused(deployment.call("POST", PATH, {"email": "USER@example.com"}, headers=ENGLISH), 409, "ACCOUNT_EXISTS")
    assert told["error_message"] == "There is an account with this email already"


def test_no_more_than_the_quota(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_ACCOUNTS", 1)
    add(deployment)
    told = refused(deployment.call("POST", PATH, {"email": "b@example.com"}), 422, "QUOTA_EXCEEDED")
    assert told["error_message"] == "数量已达上限 1"


def test_an_account_without_a_token_says_what_it_needs(
    deployment: Deployment, kook: Kook, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare, cookie = add(deployment), add(deployment, email="c@example.com", cookie=DOCUMENT_5["cookie"])
    told = refused(deployment.call("POST", f"{PATH}/{bare}/start"), 422, "TOKEN_MISSING")
    assert "token" in told["solution"]
    told = refused(deployment.call("POST", f"{PATH}/{cookie}/start"), 422, "COOKIE_NOT_ALLOWED")
    assert "token" in told["solution"]
    refused(deployment.call("GET", f"{PATH}/{bare}/servers"), 422, "TOKEN_MISSING")
    assert not kook.asked
    assert {one["status"] for one in deployment.call("GET", PATH).json["data"]} == {"offline"}


def test_a_cookie_is_used_where_the_deployment_allows_it(
    deployment: Deployment, kook: Kook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOW_COOKIE_ACCOUNTS", "true")
    cookies._settings.cache_clear()
    made = add(deployment, cookie=DOCUMENT_5["cookie"], base_url=kook.base_url)
    kook.will(told({"code": 0, "message": "操作成功", "data": {"id": "17", "username": "某人"}}))
    assert deployment.call("POST", f"{PATH}/{made}/start").status == 200
    assert kook.asked[0].headers["cookie"] == "token=xxx"
    assert "authorization" not in kook.asked[0].headers


def test_starting_tells_once_and_again_is_fine(deployment: Deployment, kook: Kook) -> None:
    made = of(kook, deployment)
    for _ in range(2):
        assert deployment.call("POST", f"{PATH}/{made}/start").status == 200
    for _ in range(2):
        assert deployment.call("POST", f"{PATH}/{made}/stop").status == 200
    assert events() == ["kook_account.created", "kook_account.started", "kook_account.stopped"]


def test_deleting_a_started_account_stops_it(deployment: Deployment, kook: Kook) -> None:
    made = of(kook, deployment)
    deployment.call("POST", f"{PATH}/{made}/start")
    callback = shown(deployment, made)["callback_url"].rpartition("/")[2]
    assert store.by_callback(callback)[1].email == "user@example.com"
    assert deployment.call("DELETE", f"{PATH}/{made}").status == 204
    names = ["created", "started", "stopped", "deleted"]
    assert events() == [f"kook_account.{name}" for name in names]
    assert deployment.call("DELETE", f"{PATH}/{made}").status == 404
    assert of(kook, deployment) == "2", "the email is free again, the id is not"


def test_a_token_that_kook_refuses_is_told_in_its_words_and_noted(deployment: Deployment, kook: Kook) -> None:
    made = add(deployment, token="1/wrong=/t", base_url=kook.base_url)
    told = refused(deployment.call("POST", f"{PATH}/{made}/start"), 422, "KOOK_REFUSED")
    assert "用户签名过期" in told["error_message"]
    one = shown(deployment, made)
    assert (one["status"], one["is_started"], one["error"]) == (
        "error",
        False,
        {"code": "401", "message": "用户签名过期"},
    )
    deployment.call("PATCH", f"{PATH}/{made}", {"token": TOKEN, "base_url": kook.base_url})
    assert shown(deployment, made)["error"] is None
    assert deployment.call("POST", f"{PATH}/{made}/start").status == 200


def test_kook_out_of_order_changes_nothing(deployment: Deployment, kook: Kook) -> None:
    made = of(kook, deployment)
    kook.will(OUT_OF_ORDER)
    refused(deployment.call("POST", f"{PATH}/{made}/start"), 503, "KOOK_UNAVAILABLE")
    assert shown(deployment, made)["status"] == "offline"
    kook.will(OUT_OF_ORDER)
    refused(deployment.call("GET", f"{PATH}/{made}/servers"), 503, "KOOK_UNAVAILABLE")
    told = refused(deployment.call("GET", f"{PATH}/{made}/channels?server_id=1"), 422, "KOOK_REFUSED")
    assert "40000" in told["error_message"]
    refused(deployment.call("GET", f"{PATH}/{made}/channels"), 400, "INVALID_REQUEST")


def test_a_started_account_gets_no_token_that_kook_refuses(deployment: Deployment, kook: Kook) -> None:
    made = of(kook, deployment)
    deployment.call("POST", f"{PATH}/{made}/start")
    refused(deployment.call("PUT", f"{PATH}/{made}", {"token": "1/wrong=/t"}), 422, "KOOK_REFUSED")
    assert shown(deployment, made)["status"] == "online"
    assert deployment.call("PUT", f"{PATH}/{made}", {"verify_token": "new"}).status == 200
    refused(deployment.call("PUT", f"{PATH}/{made}", {"token": None, "verify_token": None}), 422, "TOKEN_MISSING")


def test_secrets_stay_where_asterisks_come_back_and_go_with_null(deployment: Deployment, kook: Kook) -> None:
    made = of(kook, deployment, cookie=DOCUMENT_5["cookie"], verify_token="v", password="p")
    changed = deployment.call("PUT", f"{PATH}/{made}", {"token": "***", "cookie": "***", "password": None})
    assert changed.status == 200
    assert (changed.json["data"]["cookie"], changed.json["data"]["password"]) == ("***", None)
    assert deployment.call("POST", f"{PATH}/{made}/start").status == 200
    refused(deployment.call("PUT", f"{PATH}/{made}", {}), 400, "INVALID_REQUEST")
    refused(deployment.call("PUT", f"{PATH}/{made}", {"cookie": "{}"}), 400, "INVALID_COOKIE")


def test_an_address_changes_with_the_secrets_that_go_there_only(deployment: Deployment, kook: Kook) -> None:
    made = of(kook, deployment, cookie=DOCUMENT_5["cookie"])
    elsewhere = {"base_url": "http://127.0.0.1:1/"}
    refused(deployment.call("PUT", f"{PATH}/{made}", elsewhere), 400, "INVALID_REQUEST")
    refused(deployment.call("PUT", f"{PATH}/{made}", {**elsewhere, "token": TOKEN}), 400, "INVALID_REQUEST")
    both = {**elsewhere, "token": TOKEN, "cookie": DOCUMENT_5["cookie"]}
    assert deployment.call("PUT", f"{PATH}/{made}", both).status == 200


def test_lists_come_in_pages_where_that_is_asked_for(deployment: Deployment) -> None:
    for number in range(3):
        add(deployment, email=f"{number}@example.com")
    page = deployment.call("GET", f"{PATH}?page=2&limit=2").json
    assert ([one["id"] for one in page["data"]], page["total"], page["page"]) == ([3], 3, 2)
    for bad in ("page=0", "limit=101", "limit=x", "color=red"):
        refused(deployment.call("GET", f"{PATH}?{bad}"), 400, "INVALID_REQUEST")


def test_when_it_was_started_is_when_it_was_last_active(deployment: Deployment, kook: Kook, clock: Clock) -> None:
    made = of(kook, deployment)
    clock.advance(3600)
    deployment.call("POST", f"{PATH}/{made}/start")
    assert shown(deployment, made)["last_active"] == "2026-11-20T14:00:30"
