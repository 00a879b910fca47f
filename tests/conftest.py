"""What tests in one process share: the deployment in memory (moto), a caller of its API, a clock that stands still."""

import base64
import importlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from tests.contract import memory, pristine

ROOT = Path(__file__).parents[1]
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered; `json` is the parsed body, `None` where there is none."""

    status: int
    headers: Mapping[str, str]
    text: str
    json: Any


@dataclass(frozen=True, slots=True)
class Deployment:
    """A tenant of the deployment, and its first API key (`read`, `write`, `admin`)."""

    tenant: str
    api_key: str

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        key: str | None = "",
        encoded: bool = False,
    ) -> Answer:
        """Send a request as API Gateway hands it over.

        `body` goes as JSON unless it is text or bytes (`encoded`: in base64), `key` is a token other than the
        tenant's own, `None` for none. A header of `headers` replaces the one that is sent by default.
        """
        token = self.api_key if key == "" else key
        sent = (JSON if body is not None else {}) | ({"authorization": f"Bearer {token}"} if token else {})
        return send(request_event(method, path, body, sent | dict(headers or {}), encoded=encoded))

    def new_key(self, *permissions: str, **more: Any) -> dict[str, Any]:
        """Make an API key."""
        made = self.call("POST", "/v1/api-keys", {"name": "test", "permissions": list(permissions), **more})
        assert made.status == 201, made.text
        return dict(made.json)

    def new_webhook(self, **more: Any) -> dict[str, Any]:
        """Make a webhook, by default of every event."""
        made = self.call("POST", "/v1/webhooks", {"url": "https://example.com/hook", "events": ["*"], **more})
        assert made.status == 201, made.text
        return dict(made.json["data"])


class Clock:
    """Hub's time: stands still until it is moved. Starts half a minute into a minute, not the hour's last."""

    START = 1_795_179_630  # 2026-11-20T13:00:30Z

    def __init__(self) -> None:
        self.seconds: float = self.START

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def time(self) -> float:
        """As `time.time`."""
        return self.seconds

    def time_ns(self) -> int:
        """As `time.time_ns`."""
        return round(self.seconds * 1000) * 1_000_000


@pytest.fixture
def aws() -> Iterator[None]:
    """Tables, key, queues, bus and state machine, empty; no setting or data key of a test before."""
    with memory.data_plane():
        yield


@pytest.fixture
def deployment(aws: None) -> Deployment:
    """The first tenant, as the operator makes it."""
    return new_tenant("default")


@pytest.fixture
def other_tenant(deployment: Deployment) -> Deployment:
    """Another tenant of the same deployment."""
    return new_tenant("other")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Hub's time in the test's hands; libraries keep the real one."""
    from functions.identity.api_keys import service
    from hub import ids, times
    from hub.web import validation

    clock = Clock()

    class Standing(datetime):
        """A date and time whose present is the clock's."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            """The clock's time."""
            return cls.fromtimestamp(clock.seconds, tz)

    for module in (ids, times):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=clock.time, time_ns=clock.time_ns))
    for module in (service, validation):
        monkeypatch.setattr(module, "datetime", Standing)
    return clock


def new_tenant(name: str, plan: str = "enterprise") -> Deployment:
    """Make a tenant as the operator does."""
    return pristine.once(_make_tenant, name, plan)


def _make_tenant(name: str, plan: str) -> Deployment:
    from functions.identity import bootstrap

    made = bootstrap.handler({"tenant": name, "plan": plan}, SimpleNamespace(aws_request_id="a-request"))
    return Deployment(made["tenant"], made["api_key"])


@cache
def handlers() -> dict[str, Any]:
    """The Lambda handler of every route, by route key, out of the template."""
    found = {}
    for route, function in memory.ROUTES.items():
        module, _, name = memory.TEMPLATE["Resources"][function]["Properties"]["Handler"].rpartition(".")
        found[route] = getattr(importlib.import_module(module), name)
    return found


def match(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The route that API Gateway chooses, and its path parameters: a literal segment goes before a parameter."""
    for route, shape in _shapes(method):
        if matched := shape.fullmatch(path):
            return route, matched.groupdict()
    raise LookupError(f"{method} {path}: API Gateway would answer 404 itself")


@cache
def _shapes(method: str) -> list[tuple[str, re.Pattern[str]]]:
    """A method's routes with what their paths look like, those with the fewest parameters first."""
    found = [route.partition(" ") for route in sorted(handlers(), key=lambda route: route.count("{"))]
    return [
        (f"{method} {path}", re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]*)", re.escape(path))))
        for wanted, _, path in found
        if wanted == method
    ]


def request_event(
    method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None, *, encoded: bool = False
) -> dict[str, Any]:
    """An event of an HTTP API, payload format 2.0: lower-case headers, repeated parameters joined by commas."""
    path, _, query = target.partition("?")
    route, parameters = match(method, path)
    text = body if body is None or isinstance(body, str | bytes) else json.dumps(body, ensure_ascii=False)
    if encoded or isinstance(text, bytes):
        text = base64.b64encode(text.encode() if isinstance(text, str) else text or b"").decode()
        encoded = True
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name.lower(): value for name, value in (headers or {}).items()},
        "queryStringParameters": _joined(query) or None,
        "pathParameters": parameters or None,
        "requestContext": {
            "domainName": "api.example.com",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"},
        },
        "isBase64Encoded": encoded,
        "body": text,
    }


def send(event: Mapping[str, Any]) -> Answer:
    """Have the route's Lambda answer an event."""
    answer = handlers()[event["routeKey"]](event, SimpleNamespace(aws_request_id="an-invocation"))
    text = answer.get("body", "")
    is_json = "json" in answer["headers"].get("Content-Type", "")
    return Answer(answer["statusCode"], answer["headers"], text, json.loads(text) if is_json and text else None)


def _joined(query: str) -> dict[str, str]:
    from urllib.parse import parse_qsl

    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return {name: ",".join(given) for name, given in values.items()}
