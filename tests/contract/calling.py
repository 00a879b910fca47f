"""Requests to handlers in process, as API Gateway would hand them over."""

import importlib
import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True)
class Answer:
    """What a handler answered; `body` is parsed, `None` where there is none."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class Client:
    """Calls the handler of one Lambda with a credential."""

    module: str
    token: str

    def __call__(
        self, method: str, route: str, body: Any = None, *, query: dict[str, str] | None = None, **more: str
    ) -> Answer:
        """Send a request; `more` are the path's parameters, and headers under names with `_` for `-`."""
        ids = {name: more.pop(name) for name in list(more) if f"{{{name}}}" in route}
        path = route.format_map(ids)
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        event = {
            "version": "2.0",
            "routeKey": f"{method} {route}",
            "rawPath": path,
            "rawQueryString": urlencode(query or {}),
            "headers": headers | {name.replace("_", "-"): value for name, value in more.items()},
            "pathParameters": ids,
            "requestContext": {
                "domainName": "api.example.com",
                "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
            },
        }
        if query:
            event["queryStringParameters"] = query
        if body is not None:
            event["body"] = json.dumps(body, ensure_ascii=False)
        handler = importlib.import_module(self.module).handler
        answer = handler(event, SimpleNamespace(aws_request_id="a-request", function_name="a-function"))
        text = answer.get("body")
        return Answer(answer["statusCode"], json.loads(text) if text else None, answer["headers"])
