"""The template's tables and queues in memory (moto), and the functions run against them in this process."""

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from jwt import api_jwt

from tests.contract import memory

ROOT = Path(__file__).parents[2]
MINUTE, HOUR = 60, 3600


class BenchmarkError(Exception):
    """A sample no longer does what it stands for; says which and what came back."""


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda of the template: its logical id, the module of its handler, its memory, the routes it answers."""

    name: str
    module: str
    memory_mb: int
    routes: tuple[str, ...]


def functions() -> list[Function]:
    """Every Lambda of the template."""
    made = []
    usual = memory.TEMPLATE["Globals"]["Function"]["MemorySize"]
    for name, resource in memory.TEMPLATE["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        routes = tuple(route for route, function in memory.ROUTES.items() if function == name)
        module = properties["Handler"].rpartition(".")[0]
        made.append(Function(name, module, properties.get("MemorySize", usual), routes))
    return made


class Context:
    """What the functions use of Lambda's context."""

    aws_request_id = "3f9a7c1e-5b1d-4f7e-9d7e-2b8f6a4c0d11"
    function_name = "benchmark"

    def get_remaining_time_in_millis(self) -> int:
        """Time enough for any run."""
        return 60_000


@dataclass(slots=True)
class Answer:
    """What a function returned, and the bytes that it wrote to its log."""

    value: Any
    log: bytes


HOST = "abcdefghij.execute-api.us-east-1.amazonaws.com"


class Deployment:
    """The functions on an AWS in memory, with a clock that the benchmark sets."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self._tenants = 0
        self._now = time.time() // HOUR * HOUR + HOUR / 2

    def pass_time(self, seconds: float) -> None:
        """Move Hub's clock."""
        self._now += seconds

    def now(self) -> int:
        """Hub's clock, epoch seconds: it stands still, so that no minute turns while something is measured."""
        return int(self._now)

    def run(self, module: str, event: Any) -> Answer:
        """Invoke the handler of a module."""
        handler = importlib.import_module(module).handler
        return _captured(lambda: handler(event, Context()))

    def tenant(self) -> "Tenant":
        """Make a tenant."""
        self._tenants += 1
        name = f"tenant-{self._tenants}"
        made = self.run("functions.identity.bootstrap", {"tenant": name}).value
        return Tenant(self, name, made["api_key"])


@dataclass(slots=True)
class Tenant:
    """A tenant and its administrator's API key."""

    deployment: Deployment
    name: str
    key: str

    def event(
        self,
        route: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        **path: str,
    ) -> dict[str, Any]:
        """A request as API Gateway hands it to the function, with the headers that it always adds."""
        method, _, template = route.partition(" ")
        place = template.format(**path)
        address = "203.0.113.9"
        return {
            "version": "2.0",
            "routeKey": route,
            "rawPath": place,
            "rawQueryString": "&".join(f"{name}={value}" for name, value in (query or {}).items()),
            "headers": {
                "accept": "application/json",
                "accept-encoding": "gzip, deflate",
                "authorization": f"Bearer {self.key}",
                "content-type": "application/json",
                "host": HOST,
                "user-agent": "benchmark/1.0",
                "x-amzn-trace-id": "Root=1-65a4f2c1-0123456789abcdef01234567",
                "x-forwarded-for": address,
                "x-forwarded-port": "443",
                "x-forwarded-proto": "https",
                **(headers or {}),
            },
            "queryStringParameters": query,
            "pathParameters": path,
            "requestContext": {
                "domainName": HOST,
                "http": {"method": method, "path": place, "sourceIp": address},
                "routeKey": route,
            },
            "body": None if body is None else json.dumps(body, ensure_ascii=False),
            "isBase64Encoded": False,
        }

    def ask(self, module: str, route: str, body: Any = None, **more: Any) -> Any:
        """Make a request that must succeed; answers with its body."""
        response = self.deployment.run(module, self.event(route, body, **more)).value
        check(route, response)
        return json.loads(response["body"]) if response.get("body") else None


def check(name: str, response: Any) -> None:
    """Raise `BenchmarkError` for an answer that is none of success, or a batch that was not taken whole."""
    if isinstance(response, dict) and (response.get("statusCode", 200) >= 400 or response.get("batchItemFailures")):
        raise BenchmarkError(f"{name}: {json.dumps(response, ensure_ascii=False)[:500]}")


@contextmanager
def deployed(receiver: str) -> Iterator[Deployment]:
    """Deploy the data plane in memory, with a clock that stands still; live connections lead to the receivers."""
    from hub import times

    before = dict(os.environ)
    with memory.data_plane(), memory.signing_keys():
        os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"] = f"{receiver}/ok"
        # What the functions are deployed with: their other processes get the same.
        environment = {name: value for name, value in os.environ.items() if before.get(name) != value}
        deployment = Deployment(environment)
        with (
            patch.object(api_jwt, "datetime", jwt_clock(deployment.now)),
            # On a clock that stands still a wait for the next slot would be as long as all slots before it.
            patch.object(time, "sleep", lambda _: None),
            patch.object(times, "now", deployment.now),
            patch.object(times, "now_ms", lambda: deployment.now() * 1000),
        ):
            yield deployment


def jwt_clock(now: Callable[[], int]) -> type[datetime]:
    """PyJWT's clock: it reads the time for itself."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(now(), tz)

    return Clock


def _captured(work: Callable[[], Any]) -> Answer:
    """Do something, and catch what it writes to file descriptor 1, as Lambda does."""
    sys.stdout.flush()
    kept = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            value = work()
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        return Answer(value, file.read())
