"""Requests against the providers' own descriptions of their APIs: GitHub's OpenAPI, Discord's as zod schemas (npm).

Prism would serve both, and takes three times as long to install as all else that tests have from npm; the description
is what counts, so it is read here.
"""

import json
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import ValidationError
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from hub.connectors import discord, github
from hub.connectors.protocol import Media, Outgoing
from tests.contract.connectors.fakes import Asked, Fake, picture, told
from tests.contract.connectors.test_discord import ACCEPTED
from tests.contract.connectors.test_discord import config as webhook
from tests.contract.connectors.test_github import config as repository
from tests.contract.connectors.test_github import issue

NODE = Path(__file__).parents[2] / "node"
GITHUB = NODE / "node_modules/@octokit/openapi/generated/api.github.com.json"


@cache
def github_description() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(GITHUB.read_text())
    return found


def operation(asked: Asked) -> Mapping[str, Any]:
    """What the description says of a request: its path has names where ours has values."""
    for path, methods in github_description()["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", path), asked.path) and asked.method.lower() in methods:
            found: Mapping[str, Any] = methods[asked.method.lower()]
            return found
    raise AssertionError(f"GitHub describes no {asked.method} {asked.path}")


def resolved(told: Mapping[str, Any]) -> Any:
    """What a reference leads to."""
    if "$ref" not in told:
        return told
    found: Any = github_description()
    for name in told["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def check(schema: Mapping[str, Any], value: Any) -> None:
    """A value is as a schema has it; where the schema names properties, it has no others."""
    if properties := resolved(schema).get("properties"):
        assert set(value) <= set(properties), set(value) - set(properties)
    whole = Resource.from_contents(github_description(), default_specification=DRAFT4)
    registry: Any = Registry().with_resource("urn:github", whole)
    OAS30Validator(_absolute(schema), registry=registry).validate(value)


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            name: f"urn:github{one}" if name == "$ref" and isinstance(one, str) else _absolute(one)
            for name, one in schema.items()
        }
    return [_absolute(one) for one in schema] if isinstance(schema, list) else schema


def check_request(asked: Asked) -> None:
    """A request is one that GitHub describes: its path, its query, its body."""
    described = operation(asked)
    parameters = {one["name"]: one for one in map(resolved, described.get("parameters", ())) if one["in"] == "query"}
    assert set(asked.query) <= set(parameters)
    for name, value in asked.query.items():
        schema = parameters[name]["schema"]
        check(schema, int(value) if schema["type"] == "integer" else value)
    if asked.body:
        check(described["requestBody"]["content"]["application/json"]["schema"], asked.json)
    else:
        assert not described.get("requestBody", {}).get("required")


def test_every_request_of_github_is_one_that_it_describes(provider: Fake) -> None:
    made = told({"number": 1347, "id": 1}, 201)
    provider.will(told({"id": 1, "full_name": "a/b"}), made, made, told([issue(1)]), told([issue(1)]))
    config = repository(provider)
    github.CONNECTOR.test(config)
    github.CONNECTOR.send(config, Outgoing("msg_1", "", "A title\n\nA body", Media("image", "https://a.example/b")))
    github.CONNECTOR.send(config, Outgoing("msg_1", "42", "A comment"))
    github.CONNECTOR.records(config, None)
    assert len(provider.asked) == 4
    for asked in provider.asked:
        check_request(asked)


def test_the_description_would_refuse_another(provider: Fake) -> None:
    path = "/repos/octocat/hello-world/issues"
    for wrong in (
        Asked("POST", path, {}, {}, b'{"body": "no title"}'),
        Asked("POST", path, {}, {}, b'{"title": "t", "text": "unknown"}'),
        Asked("GET", path, {"state": "gone"}, {}, b""),
        Asked("GET", path, {"pages": "1"}, {}, b""),
        Asked("PUT", path, {}, {}, b"{}"),
    ):
        with pytest.raises((AssertionError, ValidationError)):
            check_request(wrong)


def test_what_is_read_of_an_issue_is_described(provider: Fake) -> None:
    provider.will(told([issue(1)]))
    described = github_description()["components"]["schemas"]["issue-simple"]["properties"]
    [record] = github.CONNECTOR.records(repository(provider), None).items
    assert set(record.data) <= set(described)
    for name in ("number", "title", "state", "updated_at"):
        check(described[name], record.data[name])


def discord_finds(*wanted: tuple[str, Any]) -> list[str | None]:
    """What Discord's description has against values."""
    command = ["node", str(NODE / "discord.mjs")]
    done = subprocess.run(command, input=json.dumps(wanted), capture_output=True, text=True, check=True, timeout=60)
    found: list[str | None] = json.loads(done.stdout)
    return found


def test_every_request_of_discord_is_one_that_it_describes(provider: Fake) -> None:
    options = {"embeds": [{"title": "t", "description": "d"}], "avatar_url": "https://example.com/a.png"}
    message = Outgoing("msg_1", "", "你好" * 1000, sender="Ann", options=options)
    provider.will(ACCEPTED, ACCEPTED, ACCEPTED, picture(), ACCEPTED)
    config = webhook(provider)
    discord.CONNECTOR.send(config, message)
    discord.CONNECTOR.send(config, Outgoing("msg_1", "", "a", Media("image", "https://example.com/a.png")))
    discord.CONNECTOR.edit(config, message, "1098765432109876543")
    discord.CONNECTOR.send(config, Outgoing("msg_1", "", "a", Media("image", f"{provider.url}/a.png", attach=True)))
    sent, linked, edited, _, attached = provider.asked
    execute, update = "IncomingWebhookRequestPartial", "IncomingWebhookUpdateRequestPartial"
    payload = json.loads(attached.form["payload_json"][2])
    found = discord_finds((execute, sent.json), (execute, linked.json), (update, edited.json), (execute, payload))
    assert found == [None] * 4


def test_discords_description_would_refuse_another() -> None:
    found = discord_finds(
        ("IncomingWebhookRequestPartial", {"content": "x" * 2001}),
        ("IncomingWebhookRequestPartial", {"content": "x", "nonce": "a webhook has none", "enforce_nonce": True}),
        ("IncomingWebhookRequestPartial", {"username": "x" * 81}),
        ("IncomingWebhookUpdateRequestPartial", {"content": "x", "username": "Ann"}),
    )
    assert all(found)
