"""Document 1 section 3: integrations are made, listed, tested, changed and deleted."""

import re
import socket
from typing import Any

import pytest

from functions.integrations import service, store
from hub import connections
from hub.connectors import SERVICE_TYPES
from tests.conftest import Answer, Clock, Deployment
from tests.contract import memory
from tests.contract.connectors.fakes import OUT_OF_ORDER, Fake, Reply, told
from tests.unit.connectors.configs import CONFIGS

DOCUMENT_1 = {
    "name": "Slack集成",
    "service_type": "slack",
    "config": {
        "webhook_url": "https://hooks.slack.com/services/...",
        "channel": "#general",
        "username": "TaiShangLaoJun",
    },
    "settings": {"auto_sync": True, "sync_interval": 300},
}
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
ANOTHER = "110201543:BBHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
BOT = told({"ok": True, "result": {"id": 110201543, "is_bot": True, "first_name": "Hub", "username": "hub_bot"}})
REVOKED = told({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)
IN_A_HURRY = told({"ok": False, "error_code": 429, "description": "slow", "parameters": {"retry_after": 3}}, 429)
PATH = "/v1/integrations"


@pytest.fixture
def provider() -> Any:
    """Telegram, on loopback."""
    with Fake() as fake:
        yield fake


def create(deployment: Deployment, service_type: str = "telegram", **more: Any) -> dict[str, Any]:
    config = more.pop("config", {"bot_token": TOKEN})
    made = deployment.call("POST", PATH, {"name": "一", "service_type": service_type, "config": config, **more})
    assert made.status == 201, made.text
    return dict(made.json)


def of(provider: Fake, deployment: Deployment, **more: Any) -> dict[str, Any]:
    return create(deployment, config={"bot_token": TOKEN, "base_url": provider.url}, **more)


def wrong(answer: Answer) -> dict[str, str]:
    """What is wrong, by field."""
    assert answer.status == 400, answer.text
    assert answer.json["error"]["code"] == "INVALID_REQUEST"
    details = answer.json["error"]["details"]
    return {one["field"]: one["reason"] for one in details.get("errors", [details])}


def updates() -> list[dict[str, Any]]:
    """What all events of changes tell."""
    return [one["detail"]["data"] for one in memory.published() if one["detail-type"] == "integration.updated"]


def test_3_1_create(deployment: Deployment) -> None:
    answer = deployment.call("POST", PATH, DOCUMENT_1)
    assert answer.status == 201
    made = answer.json
    assert re.fullmatch(r"int_[0-9A-HJKMNP-TV-Z]{26}", made["id"])
    assert (made["name"], made["service_type"], made["status"]) == ("Slack集成", "slack", "active")
    assert made["config"] == {"webhook_url": "***", "channel": "#general", "username": "TaiShangLaoJun"}
    assert made["settings"] == {"auto_sync": True, "sync_interval": 300, "forward_events": [], "language": "zh-CN"}
    assert made["error"] is None
    assert TIME.fullmatch(made["created_at"])
    assert made["updated_at"] == made["created_at"]
    assert deployment.call("GET", f"{PATH}/{made['id']}").json == made
    (event,) = (one for one in memory.published() if one["source"] == "hub.integrations")
    assert event["detail-type"] == "integration.created"
    assert event["detail"]["data"]["integration_id"] == made["id"]
    assert "config" not in event["detail"]["data"]


def test_what_the_python_sdk_of_document_1_sends(deployment: Deployment) -> None:
    made = create(deployment, "slack", config={name: DOCUMENT_1["config"][name] for name in ("webhook_url", "channel")})  # type: ignore[index]
    assert made["settings"] == {"auto_sync": False, "sync_interval": 3600, "forward_events": [], "language": "zh-CN"}


@pytest.mark.parametrize("service_type", SERVICE_TYPES)
def test_every_service_type_keeps_its_secrets(deployment: Deployment, service_type: str) -> None:
    from hub.connectors import connector

    config = CONFIGS[service_type]
    made = create(deployment, service_type, config=config)
    hidden = connections.secret_fields(connector(service_type).config)
    assert made["config"] == {name: "***" if name in hidden else value for name, value in config.items()}
    stored, events = str(memory.stored()), str(memory.published())
    for name in hidden:
        assert str(config[name]) not in stored + events
    kept = connections.get(deployment.tenant, made["id"])
    assert connections.opened(deployment.tenant, kept).model_dump() == config
    assert connections.owner(made["id"]) == deployment.tenant
    answer = deployment.call("PUT", f"{PATH}/{made['id']}", {"config": made["config"]})
    assert answer.json == made, "what was shown, sent back, changes nothing"


def test_the_page_tells_every_config() -> None:
    from hub.connectors import connector

    page = (memory.ROOT / "docs" / "integrations.md").read_text()
    rows: dict[str, str] = {}
    # What connectors can do stands in another table, further down.
    for name, cell in re.findall(r"^\| `(\w+)` \| (.+?) \| ", page, re.MULTILINE):
        rows.setdefault(name, cell)
    assert tuple(rows) == ("service_type", *SERVICE_TYPES)
    for service_type in SERVICE_TYPES:
        shape = connector(service_type).config
        fields = {name for name in re.findall(r"`(\w+)`", rows[service_type]) if name not in ("setWebhook", "Bearer")}
        assert fields == set(shape.model_fields)
        required = {name for name, field in shape.model_fields.items() if field.is_required()}
        assert set(re.findall(r"\*\*`(\w+)`\*\*", rows[service_type])) == required
        assert set(re.findall(r"🔒 (?:\*\*)?`(\w+)`", rows[service_type])) == set(connections.secret_fields(shape))


@pytest.mark.parametrize(
    ("service_type", "config", "expected"),
    [
        ("slack", {}, {"config.webhook_url": "不能为空"}),
        ("slack", {"bot_token": "xoxb-short"}, {"config.bot_token": "格式不正确"}),
        ("slack", {"webhook_url": 5}, {"config.webhook_url": "必须是字符串"}),
        ("slack", {"webhook_url": "***"}, {"config.webhook_url": "不能为空"}),
        ("telegram", {"bot_token": "abc"}, {"config.bot_token": "格式不正确"}),
        ("telegram", {"bot_token": None}, {"config.bot_token": "必须是字符串"}),
        ("telegram", {"token": "a"}, {"config.bot_token": "不能为空", "config.token": "未知字段"}),
        ("feishu", {"app_id": "cli_a"}, {"config.app_secret": "不能为空"}),
        ("whatsapp", {"access_token": "a"}, {"config.phone_number_id": "不能为空"}),
        ("whatsapp", {"phone_number_id": "1", "access_token": "***"}, {"config.access_token": "不能为空"}),
        ("github", {"token": "a", "repository": "a/b", "issue": "1"}, {"config.issue": "必须是整数"}),
        ("github", {"token": "a", "repository": "a/b", "issue": 0}, {"config.issue": "不能小于 1"}),
        ("github", {"token": "a", "repository": "a/b", "issue": 10**40}, {"config.issue": "不能大于 2147483647"}),
        ("jira", {"base_url": "x"}, {f"config.{name}": "不能为空" for name in ("email", "api_token", "project")}),
        ("http", {"url": "https://example.com/", "token": "t" * 4097}, {"config.token": "长度不能超过 4096"}),
        ("http", {"url": "https://example.com/", "token": ["密" * 40_000]}, {"config": "不能超过 32768 字节"}),
        ("http", [], {"config": "必须是对象"}),
        ("http", None, {"config": "必须是对象"}),
        ("myspace", {}, None),
        (5, {}, {"service_type": "必须是字符串"}),
    ],
)
def test_a_config_is_checked_as_its_type_asks(
    deployment: Deployment, service_type: Any, config: Any, expected: dict[str, str] | None
) -> None:
    body = {"name": "一", "service_type": service_type, "config": config}
    found = wrong(deployment.call("POST", PATH, body))
    if expected is None:
        assert found == {"service_type": f"必须是以下之一: {', '.join(SERVICE_TYPES)}"}
    else:
        assert expected.items() <= found.items()
    assert deployment.call("GET", PATH).json["data"] == []


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"name": ""}, "name", "must have a length of at least 1"),
        ({"name": " "}, "name", "is required"),
        ({"name": "n" * 101}, "name", "must have a length of at most 100"),
        ({"status": "error"}, "status", "must be one of: 'active' or 'inactive'"),
        ({"settings": {"sync_interval": 59}}, "settings.sync_interval", "must be at least 60"),
        ({"settings": {"sync_interval": 604_801}}, "settings.sync_interval", "must be at most 604800"),
        ({"settings": {"sync_interval": 60.5}}, "settings.sync_interval", "must be an integer"),
        ({"settings": {"auto_sync": "yes"}}, "settings.auto_sync", "must be true or false"),
        ({"settings": {"forward_events": ["a.b"]}}, "settings.forward_events", "has an unknown event: a.b"),
        ({"settings": {"forward_events": ["*", "*"]}}, "settings.forward_events", "must not repeat"),
        ({"settings": {"every": 5}}, "settings.every", "is not a known field"),
        ({"settings": None}, "settings", "must be an object"),
        ({"id": "int_1"}, "id", "is not a known field"),
    ],
)
def test_bad_fields_in_english(deployment: Deployment, change: dict[str, Any], field: str, reason: str) -> None:
    english = {"accept-language": "en-US"}
    made = create(deployment)
    for answer in (
        deployment.call("POST", PATH, {**DOCUMENT_1, **change}, headers=english),
        deployment.call("PUT", f"{PATH}/{made['id']}", change, headers=english),
    ):
        assert wrong(answer) == {field: reason}
        assert answer.json["error"]["message"] in ("The request is invalid", "A parameter has the wrong type")
    assert [one["id"] for one in deployment.call("GET", PATH).json["data"]] == [made["id"]]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://[fd00:ec2::254]/",
        "http://0xa9fea9fe/",
        "http://[::ffff:10.0.0.1]/",
        "http://metadata.google.internal/",
    ],
)
@pytest.mark.parametrize(
    ("service_type", "field"),
    [
        ("telegram", "base_url"),
        ("http", "url"),
        ("http", "records_url"),
        ("slack", "webhook_url"),
        ("jira", "base_url"),
    ],
)
def test_no_address_leads_inside(deployment: Deployment, service_type: str, field: str, url: str) -> None:
    config = {**CONFIGS[service_type], field: url}
    body = {"name": "一", "service_type": service_type, "config": config}
    expected = {f"config.{field}": "不允许指向内部地址"}
    assert wrong(deployment.call("POST", PATH, body)) == expected
    made = create(deployment, service_type, config=CONFIGS[service_type])
    assert wrong(deployment.call("PUT", f"{PATH}/{made['id']}", {"config": config})) == expected


def test_a_name_that_leads_inside_is_refused_when_it_is_called(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(deployment, config={"bot_token": TOKEN, "base_url": "https://innocent.example.com"})
    inside = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443))
    monkeypatch.setattr("hub.outbound.socket.getaddrinfo", lambda *_, **__: [inside])
    tested = deployment.call("POST", f"{PATH}/{made['id']}/test").json
    assert (tested["success"], tested["error"]["code"]) == (False, "address_refused")


def test_3_2_list(deployment: Deployment, other_tenant: Deployment, clock: Clock) -> None:
    made = []
    for service_type, status in (("slack", "active"), ("telegram", "active"), ("slack", "inactive")):
        clock.advance(1)
        made.append(create(deployment, service_type, config=CONFIGS[service_type], status=status))
    create(other_tenant, "slack", config=CONFIGS["slack"])
    slack, telegram, off = made
    for query, expected in (
        ("", [off, telegram, slack]),
        ("?service_type=slack&status=active", [slack]),
        ("?service_type=slack", [off, slack]),
        ("?status=active", [telegram, slack]),
        ("?status=error", []),
        ("?service_type=kook", []),
    ):
        listed = deployment.call("GET", PATH + query).json
        assert listed == {
            "data": expected,
            "pagination": {"page": 1, "limit": 20, "total": len(expected), "total_pages": -(-len(expected) // 20)},
        }
    first = deployment.call("GET", f"{PATH}?service_type=slack&cursor=&limit=1").json
    assert (first["data"], first["pagination"]["has_more"]) == ([off], True)
    following = deployment.call("GET", f"{PATH}?service_type=slack&cursor={first['pagination']['next_cursor']}").json
    assert (following["data"], following["pagination"]["has_more"]) == ([slack], False)
    for query in ("service_type=myspace", "status=on", "page=0", "limit=101", "cursor=%21", "name=a"):
        assert list(wrong(deployment.call("GET", f"{PATH}?{query}"))) == [query.partition("=")[0]]


def test_3_3_test(deployment: Deployment, provider: Fake) -> None:
    made = of(provider.will(BOT), deployment)
    answer = deployment.call("POST", f"{PATH}/{made['id']}/test")
    assert answer.status == 200
    tested = answer.json
    assert tested == {
        "success": True,
        "latency_ms": tested["latency_ms"],
        "account": {"id": "110201543", "name": "hub_bot"},
        "error": None,
    }
    assert tested["latency_ms"] >= 0
    assert [one.path for one in provider.asked] == [f"/bot{TOKEN}/getMe"]
    assert deployment.call("GET", f"{PATH}/{made['id']}").json == made
    assert updates() == [], "it was active before"


def test_a_revoked_credential_is_an_error_until_there_is_a_new_one(deployment: Deployment, provider: Fake) -> None:
    made = of(provider.will(REVOKED, REVOKED, BOT), deployment)
    path, error = f"{PATH}/{made['id']}", {"code": "401", "message": "Unauthorized"}
    for _ in range(2):
        tested = deployment.call("POST", f"{path}/test").json
        assert (tested["success"], tested["account"], tested["error"]) == (False, None, error)
    shown = deployment.call("GET", path).json
    assert (shown["status"], shown["error"]) == ("error", error)
    assert deployment.call("GET", f"{PATH}?status=error").json["data"] == [shown]
    (update,) = updates()
    assert (update["changes"], update["status"], update["error"]) == (["error", "status"], "error", error)
    named = deployment.call("PUT", path, {"name": "二"}).json
    assert (named["status"], named["error"]) == ("error", error), "a name is no credential"
    changed = deployment.call("PUT", path, {"config": {"bot_token": ANOTHER}}).json
    assert (changed["status"], changed["error"]) == ("active", None)
    assert deployment.call("POST", f"{path}/test").json["success"]
    assert provider.asked[-1].path == f"/bot{ANOTHER}/getMe"
    assert [one["changes"] for one in updates()] == [["error", "status"], ["name"], ["config", "error", "status"]]


def test_an_error_ends_with_a_test_that_succeeds_or_by_hand(deployment: Deployment, provider: Fake) -> None:
    made = of(provider.will(REVOKED, BOT, REVOKED), deployment)
    path = f"{PATH}/{made['id']}"
    deployment.call("POST", f"{path}/test")
    assert deployment.call("POST", f"{path}/test").json["success"]
    assert deployment.call("GET", path).json["status"] == "active"
    deployment.call("POST", f"{path}/test")
    by_hand = deployment.call("PUT", path, {"status": "active"}).json
    assert (by_hand["status"], by_hand["error"]) == ("active", None)


@pytest.mark.parametrize("reply", [OUT_OF_ORDER, IN_A_HURRY], ids=["out of order", "in a hurry"])
def test_a_provider_in_trouble_says_nothing_about_the_integration(
    deployment: Deployment, provider: Fake, reply: Reply
) -> None:
    made = of(provider.will(reply), deployment)
    tested = deployment.call("POST", f"{PATH}/{made['id']}/test").json
    assert (tested["success"], tested["error"]["code"]) == (False, str(reply.status))
    assert deployment.call("GET", f"{PATH}/{made['id']}").json == made


def test_one_that_is_switched_off_can_be_tested_and_stays_off(deployment: Deployment, provider: Fake) -> None:
    made = of(provider.will(REVOKED, BOT), deployment, status="inactive")
    path = f"{PATH}/{made['id']}"
    deployment.call("POST", f"{path}/test")
    shown = deployment.call("GET", path).json
    assert (shown["status"], shown["error"]["code"]) == ("inactive", "401")
    assert deployment.call("POST", f"{path}/test").json["success"]
    shown = deployment.call("GET", path).json
    assert (shown["status"], shown["error"]) == ("inactive", None)


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(404, f"The requested URL /bot{TOKEN}/getMe was not found on this server.".encode()), "error"),
        (told({"ok": False, "error_code": "9" * 600_000, "description": "x" * 600_000}, 401), "error"),
        (told({"ok": False, "error_code": 401, "description": "\ud800"}, 401), "error"),
        (told({"ok": True, "result": {"id": ["a"] * 9000, "username": {"a": "\ud800"}}}), "active"),
    ],
    ids=["repeats the token", "is endless", "is no Unicode", "has no names"],
)
def test_what_a_provider_says_is_kept_and_shown_within_bounds(
    deployment: Deployment, provider: Fake, reply: Reply, status: str
) -> None:
    made = of(provider.will(reply), deployment)
    tested = deployment.call("POST", f"{PATH}/{made['id']}/test")
    assert tested.status == 200
    shown = deployment.call("GET", f"{PATH}/{made['id']}")
    assert shown.json["status"] == status
    for answer in (tested, shown):
        assert TOKEN not in answer.text
        assert len(answer.text) < 2000
    assert TOKEN not in str(memory.stored()) + str(memory.published())


def test_3_5_update(deployment: Deployment, clock: Clock) -> None:
    made = create(deployment, "slack", config=CONFIGS["slack"], settings={"auto_sync": True, "sync_interval": 300})
    clock.advance(1)
    wanted = {
        "name": "二",
        "status": "inactive",
        "config": {"channel": None, "username": "***", "bot_token": "***"},
        "settings": {"forward_events": ["ticket.*"]},
    }
    answer = deployment.call("PUT", f"{PATH}/{made['id']}", wanted)
    assert answer.status == 200
    assert answer.json == {
        **made,
        "name": "二",
        "status": "inactive",
        "config": {
            "webhook_url": "***",
            "bot_token": "***",
            "signing_secret": "***",
            "username": "***",
            "base_url": CONFIGS["slack"]["base_url"],
        },
        "settings": {"auto_sync": True, "sync_interval": 300, "forward_events": ["ticket.*"], "language": "zh-CN"},
        "updated_at": answer.json["updated_at"],
    }
    assert answer.json["updated_at"] > made["updated_at"]
    kept = connections.opened(deployment.tenant, connections.get(deployment.tenant, made["id"]))
    expected = {**CONFIGS["slack"], "channel": "", "username": "***"}
    assert kept.model_dump() == expected, "*** is a name like any other where nothing is hidden"
    (update,) = updates()
    assert (update["changes"], update["version"]) == (["config", "name", "settings", "status"], 2)
    assert deployment.call("PUT", f"{PATH}/{made['id']}", wanted).json == answer.json
    assert updates() == [update], "nothing changed"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"bot_token": None}, {"config.bot_token": "不能为空"}),
        ({"webhook_secret": "***"}, {"config.webhook_secret": "不能为空"}),
        ({"nonsense": None}, {"config.nonsense": "未知字段"}),
        ({"chat_id": 5}, {"config.chat_id": "必须是字符串"}),
        ([], {"config": "必须是对象"}),
        ({"chat_id": "密" * 20_000}, {"config": "不能超过 32768 字节"}),
    ],
)
def test_a_changed_config_is_checked_as_a_whole(deployment: Deployment, config: Any, expected: dict[str, str]) -> None:
    made = create(deployment)
    assert wrong(deployment.call("PUT", f"{PATH}/{made['id']}", {"config": config})) == expected
    assert wrong(deployment.call("PUT", f"{PATH}/{made['id']}", {})) == {"body": "没有可更新的字段"}
    assert deployment.call("GET", f"{PATH}/{made['id']}").json == made


@pytest.mark.parametrize("service_type", ["telegram", "http"])
def test_no_secret_goes_to_an_address_that_it_was_not_given_for(deployment: Deployment, service_type: str) -> None:
    secret, field = ("bot_token", "base_url") if service_type == "telegram" else ("token", "records_url")
    value = TOKEN if service_type == "telegram" else "a-bearer-token"
    own = {} if service_type == "telegram" else {"url": "https://example.com/"}
    made = create(deployment, service_type, config={secret: value, **own})
    path, theirs = f"{PATH}/{made['id']}", {field: "https://attacker.example.com"}
    for config in (theirs, {**theirs, secret: "***"}):
        assert wrong(deployment.call("PUT", path, {"config": config})) == {f"config.{secret}": "更改网址时须重新填写"}
    assert deployment.call("GET", path).json == made
    changed = deployment.call("PUT", path, {"config": {**theirs, secret: value}})
    assert changed.json["config"] == {**made["config"], **theirs}
    back = deployment.call("PUT", path, {"config": {field: None}})
    assert back.json["config"] == made["config"], "the provider's own address needs nothing anew"


def test_3_6_delete(deployment: Deployment) -> None:
    made = create(deployment)
    path = f"{PATH}/{made['id']}"
    gone = deployment.call("DELETE", path)
    assert (gone.status, gone.text) == (204, "")
    for method, target, body in (
        ("GET", path, None),
        ("DELETE", path, None),
        ("PUT", path, {"name": "二"}),
        ("POST", f"{path}/test", None),
    ):
        assert deployment.call(method, target, body).status == 404
    assert connections.owner(made["id"]) is None
    assert deployment.call("GET", f"{PATH}?service_type=telegram").json["pagination"]["total"] == 0
    deleted = [one["detail"]["data"] for one in memory.published() if one["detail-type"] == "integration.deleted"]
    assert [one["integration_id"] for one in deleted] == [made["id"]]


def test_a_tenant_has_a_hundred_at_most(
    deployment: Deployment, other_tenant: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_INTEGRATIONS", 2)
    made = [create(deployment) for _ in range(2)]
    create(other_tenant)
    refused = deployment.call("POST", PATH, DOCUMENT_1)
    assert (refused.status, refused.json["error"]["message"]) == (422, "数量已达上限 2")
    deployment.call("DELETE", f"{PATH}/{made[0]['id']}")
    create(deployment)


def test_the_same_request_makes_one(deployment: Deployment) -> None:
    once = {"idempotency-key": "a-key"}
    first, second = (deployment.call("POST", PATH, DOCUMENT_1, headers=once) for _ in range(2))
    assert first.json == second.json
    assert len(deployment.call("GET", PATH).json["data"]) == 1


def meanwhile(monkeypatch: pytest.MonkeyPatch, name: str, work: Any) -> None:
    """Have something done once, after an integration was read and before it is written."""
    write = getattr(store, name)

    def late(*arguments: Any) -> None:
        monkeypatch.setattr(store, name, write)
        work()
        write(*arguments)

    monkeypatch.setattr(store, name, late)


def test_changes_at_once_are_both_made(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{PATH}/{create(deployment)['id']}"
    meanwhile(monkeypatch, "replace", lambda: deployment.call("PUT", path, {"config": {"chat_id": "@hub"}}))
    changed = deployment.call("PUT", path, {"name": "二"}).json
    assert (changed["name"], changed["config"]["chat_id"]) == ("二", "@hub")
    assert [one["version"] for one in updates()] == [2, 3]


def test_what_is_deleted_while_it_changes_stays_deleted(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{PATH}/{create(deployment)['id']}"
    meanwhile(monkeypatch, "replace", lambda: deployment.call("DELETE", path))
    assert deployment.call("PUT", path, {"name": "二"}).status == 404
    assert deployment.call("GET", path).status == 404


def test_a_deletion_tells_of_the_last_change(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{PATH}/{create(deployment)['id']}"
    meanwhile(monkeypatch, "remove", lambda: deployment.call("PUT", path, {"name": "二"}))
    assert deployment.call("DELETE", path).status == 204
    (deleted,) = (one["detail"]["data"] for one in memory.published() if one["detail-type"] == "integration.deleted")
    assert (deleted["name"], deleted["version"]) == ("二", 2)


@pytest.mark.parametrize("ends", ["changed", "deleted"])
def test_a_token_that_was_replaced_meanwhile_says_nothing(
    deployment: Deployment, provider: Fake, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    made = of(provider.will(REVOKED), deployment)
    path = f"{PATH}/{made['id']}"
    method, body = ("PUT", {"config": {"bot_token": ANOTHER}}) if ends == "changed" else ("DELETE", None)
    meanwhile(monkeypatch, "replace", lambda: deployment.call(method, path, body))
    tested = deployment.call("POST", f"{path}/test")
    assert (tested.status, tested.json["success"]) == (200, False)
    shown = deployment.call("GET", path)
    assert shown.status == 404 if ends == "deleted" else shown.json["status"] == "active"
