"""Manifests at a URL: what is wrong with one is told field by field, and nothing of it is installed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Deployment
from tests.contract.connectors.fakes import CLOSED_EARLY, GARBAGE, OUT_OF_ORDER, Fake, Reply, told
from tests.contract.plugins import KEY, PATH, manifest, wrong

URL = "https://plugin.example.com/hub"
VERSION = {"id": "plugin_translator_v2.0.0"}


def at(url: str) -> dict[str, Any]:
    """A runtime there."""
    return {"runtime": {"type": "http", "url": url}}


@pytest.fixture
def author() -> Iterator[Fake]:
    """Where the manifest is."""
    with Fake() as opened:
        yield opened


def install(deployment: Deployment, author: Fake, reply: Reply, **more: Any) -> Any:
    author.will(reply)
    body = {"source": "url", "manifest_url": author.url, "config": {"token": KEY}, **more}
    return deployment.call("POST", f"{PATH}/install", body)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": "translator"}, {"manifest.id": "必须形如 plugin_weather_v1.0.0"}),
        ({"id": "plugin_Translator_v1.0.0"}, {"manifest.id": "必须形如 plugin_weather_v1.0.0"}),
        ({"id": "plugin_translator_v01.0.0"}, {"manifest.id": "必须形如 plugin_weather_v1.0.0"}),
        ({"id": "plugin_" + "x" * 100 + "_v1.0.0"}, {"manifest.id": "长度不能超过 100"}),
        (VERSION, {"manifest.version": "必须与 id 中的版本一致: 2.0.0"}),
        ({"id": "plugin_weather_v1.0.0"}, {"manifest.id": "是插件市场中的插件"}),
        ({"name": ""}, {"manifest.name": "长度不能少于 1"}),
        ({"author": " "}, {"manifest.author": "不能为空"}),
        ({"homepage": "javascript:alert(1)"}, {"manifest.homepage": "格式不正确"}),
        ({"icon": "x"}, {"manifest.icon": "未知字段"}),
        ({"events": ["ticket.gone"]}, {"manifest.events": "未知事件: ticket.gone"}),
        ({"events": ["customer.*", "customer.*"]}, {"manifest.events": "不能重复"}),
        ({"events": ["ticket.created"]}, {"manifest.events": "订阅 ticket.created 需要权限 tickets:read"}),
        ({"events": ["*"]}, {"manifest.events": "订阅 user.created 需要权限 users:read"}),
        ({"permissions": ["write"]}, {"manifest.permissions": "未知权限: write"}),
        ({"permissions": ["customers:write"]}, {"manifest.permissions": "未知权限: customers:write"}),
        ({"runtime": {"type": "builtin", "name": "weather"}}, {"manifest.runtime.type": "必须是以下之一: http"}),
        ({"runtime": {"type": "lambda"}}, {"manifest.runtime": "格式不正确"}),
        ({"runtime": {"type": "http"}}, {"manifest.runtime.url": "不能为空"}),
        (
            {"runtime": {"type": "http", "url": "http://plugin.example.com/"}},
            {"manifest.runtime.url": "必须是 https 网址"},
        ),
        ({"runtime": {"type": "http", "url": "https://10.0.0.1/"}}, {"manifest.runtime.url": "不允许指向内部地址"}),
        (
            {"runtime": {"type": "http", "url": "http://localhost.evil.example/"}},
            {"manifest.runtime.url": "必须是 https 网址"},
        ),
        (
            {"runtime": {"type": "http", "url": "http://127.0.0.1@example.com/"}},
            {"manifest.runtime.url": "必须是 http 或 https 网址"},
        ),
        ({"commands": [{"name": "Do"}]}, {"manifest.commands.0.name": "格式不正确"}),
        ({"commands": [{"name": "do"}, {"name": "do"}]}, {"manifest": "不能重复"}),
        (
            {"commands": [{"name": "do", "parameters": {}}]},
            {"manifest.commands.0.parameters.type": "必须是以下之一: object"},
        ),
        (
            {"config_schema": {"type": "object", "properties": {"a": {"$ref": "https://example.com/schema"}}}},
            {"manifest.config_schema.properties.a.$ref": "是不支持的 JSON Schema 关键字"},
        ),
        (
            {"config_schema": {"type": "object", "properties": {"config": {"type": "object"}}}},
            {"manifest.config_schema.properties.config": "是保留的名称"},
        ),
        ({"description": "x" * 1001}, {"manifest.description": "长度不能超过 1000"}),
        (
            {
                "commands": [
                    {"name": f"do{n}", "parameters": {"type": "object", "description": '"' * 900}} for n in range(40)
                ]
            },
            {"manifest": "不能超过 49152 字节"},
        ),
    ],
)
def test_what_is_wrong_with_a_manifest(
    deployment: Deployment, author: Fake, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    assert wrong(install(deployment, author, told(manifest(URL, **changes)))) == expected
    assert deployment.call("GET", PATH).json["data"] == []


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (GARBAGE, {"manifest": "不是有效的 JSON"}),
        (told("[]"), {"manifest": "必须是对象"}),
        (told('{"a":' * 5000 + "1" + "}" * 5000), {"manifest": "不是有效的 JSON"}),
        (told(json.dumps(manifest(URL)) + " " * 50_000), {"manifest": "不能超过 49152 字节"}),
    ],
)
def test_what_is_no_manifest(deployment: Deployment, author: Fake, reply: Reply, expected: dict[str, str]) -> None:
    assert wrong(install(deployment, author, reply)) == expected


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (OUT_OF_ORDER, "HTTP 502"),
        (Reply(404), "HTTP 404"),
        (Reply(302, b"", {"Location": "http://169.254.169.254/"}), "HTTP 302"),
        (CLOSED_EARLY, "closed_early"),
    ],
)
def test_a_manifest_that_cannot_be_read(deployment: Deployment, author: Fake, reply: Reply, reason: str) -> None:
    answer = install(deployment, author, reply)
    assert (answer.status, answer.json["error"]["message"]) == (422, f"无法读取插件清单: {reason}")


def test_the_id_that_is_asked_for_is_the_manifests(deployment: Deployment, author: Fake) -> None:
    document = told(manifest(URL))
    assert wrong(install(deployment, author, document, plugin_id="plugin_other_v1.0.0")) == {
        "plugin_id": "必须是以下之一: plugin_translator_v1.0.0"
    }
    assert install(deployment, author, document, plugin_id="plugin_translator_v1.0.0").status == 201


def test_every_version_that_semver_has_is_one(deployment: Deployment, author: Fake) -> None:
    for version in ("0.0.1", "10.20.30", "1.0.0-alpha.1", "1.0.0-0.3.7"):
        made = install(deployment, author, told(manifest(URL, version)))
        assert (made.status, made.json["version"]) == (201, version)
        assert deployment.call("DELETE", f"{PATH}/{made.json['id']}").status == 204
