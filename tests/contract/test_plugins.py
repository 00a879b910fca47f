"""Document 1 section 2: plugins are installed, listed, switched, configured, run, brought on and uninstalled."""

import base64
import hmac
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from functions.plugins import catalogue, dialect, schemas, service
from functions.plugins.manifest import GROUPS, PERMISSIONS, read
from hub.events import PATTERNS
from tests.conftest import Clock, Deployment
from tests.contract import memory
from tests.contract.connectors.fakes import GARBAGE, Fake, Reply, told
from tests.contract.plugins import (
    BAD_KEY,
    CURRENT,
    DOCUMENT_1,
    KEY,
    NO_CITY,
    PATH,
    TOO_MANY,
    WEATHER,
    install_from,
    manifest,
    wrong,
)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A provider, or a plugin, on loopback."""
    with Fake() as opened:
        yield opened


def install(deployment: Deployment, **config: Any) -> dict[str, Any]:
    """Install the weather plugin."""
    made = deployment.call("POST", f"{PATH}/install", DOCUMENT_1 | {"config": {"api_key": KEY, **config}})
    assert made.status == 201, made.text
    return dict(made.json)


def run(deployment: Deployment, plugin_id: str, name: str, **parameters: Any) -> dict[str, Any]:
    answer = deployment.call("POST", f"{PATH}/{plugin_id}/commands/{name}", {"parameters": parameters})
    assert answer.status == 200, answer.text
    return dict(answer.json)


def updates() -> list[list[str]]:
    """What all events of changes say that changed."""
    return [one["detail"]["data"]["changes"] for one in memory.published() if one["detail-type"] == "plugin.updated"]


def test_2_1_install_and_2_2_list(deployment: Deployment) -> None:
    answer = deployment.call("POST", f"{PATH}/install", DOCUMENT_1)
    assert answer.status == 201
    made = answer.json
    listed = deployment.call("GET", f"{PATH}?status=active&page=1&limit=20").json
    assert listed["pagination"] == {"page": 1, "limit": 20, "total": 1, "total_pages": 1}
    (row,) = listed["data"]
    documented = {
        "id": "plugin_weather_v1.0.0",
        "name": "天气插件",
        "description": "获取实时天气信息",
        "version": "1.0.0",
        "author": "WeatherCorp",
        "status": "active",
        "installed_at": row["installed_at"],
        "config": {"api_key": "***", "default_city": "Beijing"},
    }
    assert {name: row[name] for name in documented} == documented
    assert TIME.fullmatch(row["installed_at"])
    assert made == {**row, "secret": None}, "a builtin plugin is called by nobody but Hub"
    assert deployment.call("GET", f"{PATH}/{WEATHER}").json == row
    assert "your_weather_api_key" not in str(memory.stored())
    (event,) = (one for one in memory.published() if one["source"] == "hub.plugins")
    assert (event["detail-type"], event["detail"]["data"]["plugin_id"]) == ("plugin.installed", WEATHER)
    assert "config" not in event["detail"]["data"]


def test_what_the_javascript_sdk_of_document_1_sends(deployment: Deployment) -> None:
    body = {"plugin_id": WEATHER, "config": {"api_key": "weather_api_key"}}
    made = deployment.call("POST", f"{PATH}/install", body)
    assert (made.status, made.json["source"], made.json["config"]) == (201, "marketplace", {"api_key": "***"})


def test_installing_twice_is_409_in_every_version_and_once_more_after_an_uninstall(deployment: Deployment) -> None:
    first = install(deployment)
    for version in ("1.0.0", "1.1.0"):
        body = DOCUMENT_1 | {"plugin_id": f"plugin_weather_v{version}"}
        again = deployment.call("POST", f"{PATH}/install", body, headers={"accept-language": "en"})
        assert (again.status, again.json["error"]["code"]) == (409, "CONFLICT")
        assert f"PUT /v1/plugins/{WEATHER}/version" in again.json["error"]["message"]
    assert deployment.call("DELETE", f"{PATH}/{WEATHER}").status == 204
    assert deployment.call("GET", f"{PATH}/{WEATHER}").status == 404
    assert install(deployment)["installation_id"] != first["installation_id"]


def test_an_idempotency_key_installs_once(deployment: Deployment) -> None:
    keyed = {"idempotency-key": "install-1"}
    answers = [deployment.call("POST", f"{PATH}/install", DOCUMENT_1, headers=keyed) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json


def test_2_3_switching_off_and_on(deployment: Deployment) -> None:
    install(deployment)
    status = f"{PATH}/{WEATHER}/status"
    off = deployment.call("PATCH", status, {"status": "inactive"})
    assert (off.status, off.json["status"]) == (200, "inactive")
    refused = deployment.call("POST", f"{PATH}/{WEATHER}/commands/current", {})
    assert (refused.status, refused.json["error"]["message"]) == (409, "插件未启用")
    assert deployment.call("GET", f"{PATH}?status=active").json["data"] == []
    assert [row["id"] for row in deployment.call("GET", f"{PATH}?status=inactive").json["data"]] == [WEATHER]
    assert deployment.call("PATCH", status, {"status": "active"}).json["status"] == "active"
    assert deployment.call("PATCH", status, {"status": "active"}).status == 200
    assert updates() == [["status"], ["status"]], "what changes nothing tells nothing"
    assert wrong(deployment.call("PATCH", status, {"status": "error"})) == {
        "status": "必须是以下之一: 'active' or 'inactive'"
    }


def test_2_4_uninstalling(deployment: Deployment) -> None:
    install(deployment)
    assert deployment.call("DELETE", f"{PATH}/{WEATHER}").status == 204
    assert deployment.call("DELETE", f"{PATH}/{WEATHER}").status == 404
    names = [one["detail-type"] for one in memory.published() if one["source"] == "hub.plugins"]
    assert names == ["plugin.installed", "plugin.uninstalled"]


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_2_5_a_config_changes_field_by_field_and_keeps_its_secrets(
    deployment: Deployment, fake: Fake, is_wrapped: bool
) -> None:
    shown = install(deployment, default_city="Beijing", base_url=fake.url)["config"]
    path = f"{PATH}/{WEATHER}/config"

    def change(**fields: Any) -> Any:
        return deployment.call("PUT", path, {"config": fields} if is_wrapped else fields)

    assert change(**shown).json["config"] == shown
    assert updates() == [], "what was shown, sent back, changes nothing"
    assert change(default_city="Shanghai").json["config"] == {**shown, "default_city": "Shanghai"}
    assert change(default_city=None).json["config"] == {"api_key": "***", "base_url": fake.url}
    assert run(deployment, WEATHER, "current")["error"]["code"] == "missing_city"
    fake.will(CURRENT, CURRENT)
    run(deployment, WEATHER, "current", city="Xi'an")
    assert change(api_key="another", default_city="Tianjin").json["config"]["api_key"] == "***"
    run(deployment, WEATHER, "current")
    assert [(asked.query["appid"], asked.query["q"]) for asked in fake.asked] == [
        (KEY, "Xi'an"),
        ("another", "Tianjin"),
    ]
    assert updates() == [["config"]] * 3


def test_a_secret_does_not_follow_an_address_that_changes(deployment: Deployment, fake: Fake) -> None:
    install(deployment)
    path = f"{PATH}/{WEATHER}/config"
    for secret in ({}, {"api_key": "***"}):
        moved = deployment.call("PUT", path, {"config": {"base_url": fake.url, **secret}})
        assert wrong(moved) == {"config.api_key": "更改网址时须重新填写"}
    assert deployment.call("PUT", path, {"config": {"base_url": fake.url, "api_key": KEY}}).status == 200
    assert deployment.call("PUT", path, {"config": {"base_url": None}}).status == 200, "back to the provider's own"
    assert wrong(deployment.call("PUT", path, {"config": {"api_key": None}})) == {"config.api_key": "不能为空"}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {"config.api_key": "不能为空"}),
        ({"api_key": "***"}, {"config.api_key": "不能为空"}),
        ({"api_key": 5}, {"config.api_key": "必须是字符串"}),
        ({"api_key": ""}, {"config.api_key": "长度不能少于 1"}),
        ({"api_key": "a", "default_city": None}, {"config.default_city": "必须是字符串"}),
        ({"api_key": "a", "city": "b", "x": 1}, {"config.city": "未知字段", "config.x": "未知字段"}),
        ({"api_key": "a", "base_url": "ftp://example.com"}, {"config.base_url": "必须是 http 或 https 网址"}),
        ({"api_key": "a", "base_url": "http://10.0.0.1/"}, {"config.base_url": "不允许指向内部地址"}),
        ({"api_key": "a", "default_city": "x" * 20_000}, {"config": "不能超过 16384 字节"}),
    ],
)
def test_a_config_is_held_against_the_plugins_schema(
    deployment: Deployment, config: dict[str, Any], expected: dict[str, str]
) -> None:
    assert wrong(deployment.call("POST", f"{PATH}/install", {"plugin_id": WEATHER, "config": config})) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"plugin_id": "不能为空"}),
        ({"plugin_id": "weather"}, {"plugin_id": "必须形如 plugin_weather_v1.0.0"}),
        ({"plugin_id": "plugin_weather_v1.0"}, {"plugin_id": "必须形如 plugin_weather_v1.0.0"}),
        ({"plugin_id": "plugin_weather_v9.9.9"}, {"plugin_id": "不存在"}),
        ({"plugin_id": "../plugin_weather_v1.0.0"}, {"plugin_id": "必须形如 plugin_weather_v1.0.0"}),
        ({"plugin_id": WEATHER, "source": "git"}, {"source": "必须是以下之一: 'marketplace' or 'url'"}),
        (
            {"plugin_id": WEATHER, "manifest_url": "https://example.com/"},
            {"manifest_url": "不能与 source=marketplace 同时使用"},
        ),
        ({"source": "url"}, {"manifest_url": "不能为空"}),
        ({"source": "url", "manifest_url": "http://169.254.169.254/"}, {"manifest_url": "不允许指向内部地址"}),
        ({"plugin_id": WEATHER, "version": "1.0.0"}, {"version": "未知字段"}),
        ({"plugin_id": WEATHER, "config": []}, {"config": "必须是对象"}),
    ],
)
def test_bad_installations(deployment: Deployment, body: dict[str, Any], expected: dict[str, str]) -> None:
    assert wrong(deployment.call("POST", f"{PATH}/install", body)) == expected


def test_another_tenants_plugin_is_not_there(deployment: Deployment, other_tenant: Deployment) -> None:
    install(deployment)
    for method, path, body in (
        ("GET", WEATHER, None),
        ("DELETE", WEATHER, None),
        ("PATCH", f"{WEATHER}/status", {"status": "inactive"}),
        ("PUT", f"{WEATHER}/config", {"config": {}}),
        ("PUT", f"{WEATHER}/version", {"version": "1.1.0"}),
        ("POST", f"{WEATHER}/rotate-secret", None),
        ("POST", f"{WEATHER}/commands/current", {}),
        ("GET", f"{WEATHER}/runs", None),
        ("GET", "no_plugin", None),
        ("GET", "plugin_weather_v1.1.0", None),
    ):
        answer = other_tenant.call(method, f"{PATH}/{path}", body)
        assert (answer.status, answer.json["error"]["code"]) == (404, "NOT_FOUND"), path
    assert deployment.call("GET", f"{PATH}/plugin_weather_v1.1.0").status == 404, "another version is not installed"
    assert other_tenant.call("GET", PATH).json["data"] == []
    install(other_tenant)


def test_permissions_of_the_caller(deployment: Deployment) -> None:
    reader = deployment.new_key("plugins:read")["key"]
    assert deployment.call("GET", PATH, key=reader).status == 200
    assert deployment.call("POST", f"{PATH}/install", DOCUMENT_1, key=reader).status == 403
    writer = deployment.new_key("plugins:write")["key"]
    assert deployment.call("POST", f"{PATH}/install", DOCUMENT_1, key=writer).status == 201
    body = {"plugin_id": "plugin_escalation_v1.0.0", "config": {"hub_url": "https://example.com", "api_key": "k"}}
    english = {"accept-language": "en"}
    refused = deployment.call("POST", f"{PATH}/install", body, key=writer, headers=english)
    assert (refused.status, refused.json["error"]["code"]) == (403, "FORBIDDEN")
    assert refused.json["error"]["message"] == "The plugin asks for conversations:read, which this credential lacks"
    both = deployment.new_key("plugins:write", "conversations:read")["key"]
    assert deployment.call("POST", f"{PATH}/install", body, key=both).json["permissions"] == ["conversations:read"]


def test_users_events_are_for_administrators_to_give(deployment: Deployment, fake: Fake) -> None:
    document = manifest(fake.url, permissions=["users:read"], events=["user.created"])
    body = {"source": "url", "manifest_url": fake.url, "config": {"token": KEY}}
    fake.will(told(document), told(document))
    writer = deployment.new_key("read", "write")["key"]
    assert deployment.call("POST", f"{PATH}/install", body, key=writer).status == 403
    assert deployment.call("POST", f"{PATH}/install", body).status == 201


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if pattern.endswith("*")])
def test_whatever_happens_can_be_told_to_a_plugin(pattern: str) -> None:
    document = manifest("https://example.com/", permissions=list(PERMISSIONS), events=[pattern])
    assert read(json.dumps(document)).events == [pattern]


def test_the_marketplace(deployment: Deployment) -> None:
    whole = deployment.call("GET", f"{PATH}/marketplace").json
    ids = [row["id"] for row in whole["data"]]
    assert ids == sorted(ids, key=lambda one: one.rpartition("_v")[0])
    assert ids.index("plugin_weather_v1.1.0") < ids.index(WEATHER), "the newest first"
    assert whole["pagination"]["total"] == len(ids)
    one_by_one = [
        deployment.call("GET", f"{PATH}/marketplace?limit=1&page={n + 1}").json["data"] for n in range(len(ids))
    ]
    assert [row["id"] for rows in one_by_one for row in rows] == ids
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = deployment.call("GET", f"{PATH}/marketplace?limit=3&cursor={cursor}").json
        seen += [row["id"] for row in page["data"]]
        cursor = page["pagination"]["next_cursor"]
    assert seen == ids
    assert wrong(deployment.call("GET", f"{PATH}/marketplace?cursor=eA")) == {"cursor": "格式不正确"}
    for plugin in whole["data"]:
        assert not [name for name in plugin if name == "runtime"], "how it runs is nothing to choose by"
        assert plugin["config_schema"]["additionalProperties"] is False


def test_the_weather_in_the_providers_documented_bytes(deployment: Deployment, fake: Fake) -> None:
    install(deployment, default_city="Beijing", base_url=fake.url)
    fake.will(CURRENT, BAD_KEY, NO_CITY, TOO_MANY, GARBAGE)
    answer = run(deployment, WEATHER, "current")
    assert answer["success"], answer
    assert answer["result"] == {
        "city": "Beijing",
        "country": "CN",
        "units": "metric",
        "temperature": 284.2,
        "feels_like": 282.93,
        "humidity": 60,
        "pressure": 1021,
        "wind_speed": 4.09,
        "description": "moderate rain",
        "icon": "10d",
        "observed_at": "2024-09-18T11:59:18Z",
    }
    (asked,) = fake.asked
    assert (asked.method, asked.path) == ("GET", "/data/2.5/weather")
    assert asked.query == {"q": "Beijing", "appid": KEY, "units": "metric", "lang": "zh_cn"}
    troubles = [run(deployment, WEATHER, "current") for _ in range(4)]
    assert [one["error"]["code"] for one in troubles] == ["401", "404", "429", "bad_answer"]
    assert troubles[0]["error"]["message"].startswith("Invalid API key. Please see https://openweathermap.org/faq")
    assert troubles[1]["error"]["message"] == "city not found"
    assert not any(one["success"] or one["result"] for one in troubles)
    rows = deployment.call("GET", f"{PATH}/{WEATHER}/runs").json
    assert [(row["name"], row["status"]) for row in rows["data"]] == [("current", "failed")] * 4 + [
        ("current", "success")
    ]
    failed = deployment.call("GET", f"{PATH}/{WEATHER}/runs?status=failed&limit=3&cursor=").json
    assert [row["error"]["code"] for row in failed["data"]] == ["bad_answer", "429", "404"]
    assert failed["pagination"]["has_more"]
    assert rows["data"][-1]["id"] == answer["run_id"]


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("current", {"city": 1}, {"parameters.city": "必须是字符串"}),
        ("current", {"town": "x"}, {"parameters.town": "未知字段"}),
        ("current", {"lang": "chinese"}, {"parameters.lang": "格式不正确"}),
        ("forecast", {"steps": 41}, {"parameters.steps": "不能大于 40"}),
        ("forecast", {"steps": 1.5}, {"parameters.steps": "必须是整数"}),
    ],
)
def test_parameters_are_held_against_the_commands_schema(
    deployment: Deployment, name: str, parameters: dict[str, Any], expected: dict[str, str]
) -> None:
    install(deployment)
    answer = deployment.call("POST", f"{PATH}/{WEATHER}/commands/{name}", {"parameters": parameters})
    assert wrong(answer) == expected


def test_an_unknown_command_is_not_there(deployment: Deployment) -> None:
    install(deployment)
    assert deployment.call("POST", f"{PATH}/{WEATHER}/commands/storm", {}).status == 404
    assert wrong(deployment.call("POST", f"{PATH}/{WEATHER}/commands/current", {"city": "x"})) == {"city": "未知字段"}


def test_another_version_keeps_config_and_log(deployment: Deployment, fake: Fake) -> None:
    before = install(deployment, default_city="Beijing", base_url=fake.url)
    fake.will(CURRENT, CURRENT)
    run(deployment, WEATHER, "current")
    path = f"{PATH}/{WEATHER}/version"
    assert wrong(deployment.call("PUT", path, {"version": "7.0.0"})) == {"version": "必须是以下之一: 1.1.0, 1.0.0"}
    assert wrong(deployment.call("PUT", path, {})) == {"version": "不能为空"}
    assert wrong(deployment.call("PUT", path, {"version": "1.1.0", "config": {"units": "kelvin"}})) == {
        "config.units": "必须是以下之一: metric, imperial, standard"
    }
    assert deployment.call("PUT", path, {"version": "1.0.0"}).status == 409
    after = deployment.call("PUT", path, {"version": "1.1.0", "config": {"units": "imperial"}}).json
    assert (after["id"], after["version"]) == ("plugin_weather_v1.1.0", "1.1.0")
    assert after["config"] == {**before["config"], "units": "imperial"}
    assert (after["installation_id"], after["installed_at"]) == (before["installation_id"], before["installed_at"])
    assert deployment.call("GET", f"{PATH}/{WEATHER}").status == 404
    run(deployment, after["id"], "current")
    assert [asked.query["units"] for asked in fake.asked] == ["metric", "imperial"]
    assert len(deployment.call("GET", f"{PATH}/{after['id']}/runs").json["data"]) == 2
    back = deployment.call("PUT", f"{PATH}/{after['id']}/version", {"version": "1.0.0"})
    assert wrong(back) == {"config.units": "未知字段"}, "what the other version does not know is to be taken away"
    back = deployment.call("PUT", f"{PATH}/{after['id']}/version", {"version": "1.0.0", "config": {"units": None}})
    assert (back.status, back.json["config"]) == (200, before["config"])
    assert updates() == [["config", "version"], ["config", "version"]]


def test_a_plugin_of_ones_own_is_installed_from_its_manifest(deployment: Deployment, fake: Fake) -> None:
    made = install_from(deployment, fake)
    assert made.status == 201, made.text
    shown = made.json
    assert (shown["id"], shown["source"], shown["runtime"]) == ("plugin_translator_v1.0.0", "url", "http")
    assert (shown["permissions"], shown["events"]) == (
        ["conversations:read", "customers:read"],
        ["conversation.message", "customer.*"],
    )
    secret = shown.pop("secret")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert deployment.call("GET", f"{PATH}/{shown['id']}").json == shown, "the secret is shown once"
    assert secret not in str(memory.stored())
    assert KEY not in str(memory.stored())


def test_a_command_is_posted_and_signed(deployment: Deployment, fake: Fake, clock: Clock) -> None:
    secret = install_from(deployment, fake).json["secret"]
    fake.will(
        told({"text": "你好 → hello"}), Reply(204), told({"error": {"code": "quota", "message": f"no {KEY}"}}, 403)
    )
    first = run(deployment, "plugin_translator_v1.0.0", "translate", text="你好😀")
    assert (first["success"], first["result"]) == (True, {"text": "你好 → hello"})
    assert run(deployment, "plugin_translator_v1.0.0", "translate", text="a")["result"] is None
    refused = run(deployment, "plugin_translator_v1.0.0", "translate", text="b")
    assert refused["error"] == {"code": "quota", "message": "no ***"}
    asked = fake.asked[1]
    assert (asked.method, asked.path) == ("POST", "/hub")
    assert asked.json == {
        "type": "command",
        "id": first["run_id"],
        "timestamp": "2026-11-20T13:00:30.000Z",
        "data": {"command": "translate", "parameters": {"formal": True, "text": "你好😀"}},
        "plugin_id": "plugin_translator_v1.0.0",
        "installation_id": asked.json["installation_id"],
        "config": {"target": "en", "token": KEY},
    }
    assert asked.headers["webhook-id"] == first["run_id"]
    stamped = f"{first['run_id']}.{asked.headers['webhook-timestamp']}.".encode() + asked.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, stamped, "sha256")).decode()
    assert asked.headers["webhook-signature"] == f"v1,{signature}"


def test_standard_webhooks_own_library_takes_both_secrets_during_an_overlap(deployment: Deployment, fake: Fake) -> None:
    plugin = "plugin_translator_v1.0.0"
    secrets = [install_from(deployment, fake).json["secret"]]
    fake.will(*[Reply(204)] * 3)
    for body in (None, {"overlap_seconds": 0}):
        run(deployment, plugin, "translate", text="a")
        secrets.append(deployment.call("POST", f"{PATH}/{plugin}/rotate-secret", body).json["secret"])
    run(deployment, plugin, "translate", text="b")
    for asked, good in zip(fake.asked[1:], ({0}, {0, 1}, {2}), strict=True):
        for number, secret in enumerate(secrets):
            if number in good:
                Webhook(secret).verify(asked.body, dict(asked.headers))
            else:
                with pytest.raises(WebhookVerificationError, match="No matching signature"):
                    Webhook(secret).verify(asked.body, dict(asked.headers))
    assert updates() == [["secret"], ["secret"]]


def test_an_overlap_lasts_a_day_by_default_and_as_long_as_asked(
    deployment: Deployment, fake: Fake, clock: Clock
) -> None:
    plugin = "plugin_translator_v1.0.0"
    install_from(deployment, fake)
    path = f"{PATH}/{plugin}/rotate-secret"
    assert deployment.call("POST", path).json["previous_secret_expires_at"] == "2026-11-21T13:00:30Z"
    rotated = deployment.call("POST", path, {"overlap_seconds": 60}).json
    assert rotated["previous_secret_expires_at"] == "2026-11-20T13:01:30Z"
    fake.will(*[Reply(204)] * 2)
    for _ in range(2):
        run(deployment, plugin, "translate", text="a")
        clock.advance(60)
    assert [len(asked.headers["webhook-signature"].split()) for asked in fake.asked[1:]] == [2, 1]
    assert deployment.call("GET", f"{PATH}/{plugin}").json["previous_secret_expires_at"] is None
    for bad in (-1, 604_801, "60", True):
        assert deployment.call("POST", path, {"overlap_seconds": bad}).status == 400


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(200, b"<html>"), "bad_answer"),
        (Reply(200, b'{"a": NaN}'), "bad_answer"),
        (Reply(200, b'{"a": 1e999}'), "bad_answer"),
        (Reply(200, b'{"a": "\\ud800"}'), "bad_answer"),
        (Reply(200, b"[" * 100_00 + b"]" * 100_00), "bad_answer"),
        (Reply(200, b'"' + b"x" * 70_000 + b'"'), "answer_too_large"),
        (Reply(302, b"", {"Location": "http://169.254.169.254/"}), "302"),
        (Reply(500, b"oops"), "500"),
        (Reply(is_cut=True, body=b"{"), "closed_early"),
    ],
)
def test_an_answer_that_is_none_is_told(deployment: Deployment, fake: Fake, reply: Reply, code: str) -> None:
    install_from(deployment, fake)
    fake.will(reply)
    answer = run(deployment, "plugin_translator_v1.0.0", "translate", text="a")
    assert (answer["success"], answer["error"]["code"]) == (False, code)


def test_a_plugin_of_ones_own_moves_to_another_version(deployment: Deployment, fake: Fake) -> None:
    made = install_from(deployment, fake).json
    path = f"{PATH}/{made['id']}/version"
    fake.will(told(manifest(fake.url + "/hub", "1.1.0")))
    moved = deployment.call("PUT", path, {})
    assert (moved.status, moved.json["id"]) == (200, "plugin_translator_v1.1.0")
    path = f"{PATH}/plugin_translator_v1.1.0/version"
    fake.will(told(manifest(fake.url + "/elsewhere", "2.0.0")))
    assert wrong(deployment.call("PUT", path, {"version": "2.0.0"})) == {"config.token": "更改网址时须重新填写"}
    fake.will(told(manifest(fake.url + "/elsewhere", "2.0.0")))
    assert deployment.call("PUT", path, {"config": {"token": "new"}}).status == 200
    path = f"{PATH}/plugin_translator_v2.0.0/version"
    fake.will(told(manifest(fake.url, "2.0.0") | {"id": "plugin_other_v2.0.0"}))
    assert wrong(deployment.call("PUT", path, {})) == {"manifest.id": "必须是 plugin_translator 的版本"}
    fake.will(told(manifest(fake.url, "3.0.0")))
    assert wrong(deployment.call("PUT", path, {"version": "2.5.0"})) == {"version": "必须是以下之一: 3.0.0"}
    wider = manifest(
        fake.url + "/elsewhere", "3.0.0", permissions=["conversations:read", "customers:read", "orders:read"]
    )
    fake.will(told(wider))
    writer = deployment.new_key("plugins:write", "conversations:read", "customers:read")["key"]
    assert deployment.call("PUT", path, {}, key=writer).status == 403


def test_the_quota(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_PLUGINS", 1)
    install(deployment)
    over = deployment.call("POST", f"{PATH}/install", {"plugin_id": "plugin_exchange_rates_v1.0.0"})
    assert (over.status, over.json["error"]["code"]) == (422, "UNPROCESSABLE")
    assert over.json["error"]["message"] == "数量已达上限 1"


def test_the_list_is_paged_by_name(deployment: Deployment) -> None:
    install(deployment)
    config = {"hub_url": "https://example.com", "api_key": "k"}
    for plugin, settings in (("escalation", config), ("exchange_rates", {})):
        body = {"plugin_id": f"plugin_{plugin}_v1.0.0", "config": settings}
        assert deployment.call("POST", f"{PATH}/install", body).status == 201
    names = [f"plugin_{name}_v1.0.0" for name in ("escalation", "exchange_rates", "weather")]
    assert [row["id"] for row in deployment.call("GET", PATH).json["data"]] == names
    first = deployment.call("GET", f"{PATH}?limit=2&cursor=").json
    assert [row["id"] for row in first["data"]] == names[:2]
    rest = deployment.call("GET", f"{PATH}?limit=2&cursor={first['pagination']['next_cursor']}").json
    assert [row["id"] for row in rest["data"]] == names[2:]
    for query in ("limit=0", "limit=101", "page=0", "status=off", "x=1", "cursor=&page=1"):
        assert deployment.call("GET", f"{PATH}?{query}").status == 400, query


def test_the_page_tells_every_plugin_of_the_marketplace_and_every_group_of_events() -> None:
    page = (memory.ROOT / "docs" / "plugins.md").read_text()
    rows = dict(re.findall(r"^\| `(plugin_\w+_v[\d.]+)` \| (.+)$", page, re.MULTILINE))
    assert set(rows) == set(catalogue.manifests())
    for plugin_id, plugin in catalogue.manifests().items():
        told_of = rows[plugin_id]
        if " the same | also " in told_of:
            told_of += rows[WEATHER]
        for command in plugin.commands:
            assert f"`{command.name}`" in told_of
            assert all(f"`{name}`" in told_of for name in command.parameters["properties"]), plugin_id
        assert all(f"`{event}`" in told_of for event in plugin.events)
        assert all(f"`{name}`" in told_of for name in plugin.config_schema["properties"])
        assert all(f"**`{name}`**" in told_of for name in plugin.config_schema.get("required", []))
        assert all(f"🔒 **`{name}`**" in told_of for name in schemas.secret_fields(plugin.config_schema))
    assert all(f"`{area}` `{group}:read`" in page for area, group in GROUPS.items())
    assert all(f"`{keyword}`" in page for keyword in dialect.KEYWORDS)
    (example,) = (block for block in re.findall("```json\n(.*?)```", page, re.DOTALL) if '"runtime"' in block)
    assert read(example).id == "plugin_translator_v1.0.0"
