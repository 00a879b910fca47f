import importlib
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from hub import errors
from hub.errors import FieldError, HubError
from hub.store.paging import CursorPage, OffsetPage
from hub.web import styles
from local.openapi import __main__ as command
from local.openapi import answers, description
from local.openapi.deliveries import event_schemas
from local.openapi.discovery import resolvers
from local.openapi.examples import EXAMPLES
from tests.contract import memory

PUBLIC = {"GET /docs", "GET /openapi.json"}
"""Every route that needs no credential; a route that comes to this list is a decision."""

RESOLVERS = resolvers(memory.ROOT)
ROUTES = {key: route for resolver in RESOLVERS for key, route in resolver.api.routes.items()}
DESCRIPTION: dict[str, Any] = json.loads((memory.ROOT / description.FILE).read_text())
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DESCRIPTION["paths"].items()
    for method, operation in operations.items()
}


def functions() -> dict[str, dict[str, Any]]:
    """The properties of every function of the template, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in memory.TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def routes(function: Mapping[str, Any]) -> set[str]:
    """Route keys of a function's `HttpApi` events."""
    sources = [event["Properties"] for event in function.get("Events", {}).values() if event["Type"] == "HttpApi"]
    return {f"{source['Method'].upper()} {source['Path']}" for source in sources}


def validator(schema: Mapping[str, Any], *, closed: bool = False) -> Draft202012Validator:
    """Checks against a schema of the description; `closed`: nothing may be there that it does not name."""
    resolved = _resolved(schema)
    return Draft202012Validator(_closed(resolved) if closed else resolved, format_checker=FormatChecker())


def _resolved(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "$ref" in value:
            name = value["$ref"].removeprefix("#/components/schemas/")
            return _resolved(DESCRIPTION["components"]["schemas"][name])
        return {key: _resolved(one) for key, one in value.items()}
    return [_resolved(one) for one in value] if isinstance(value, list) else value


def _closed(value: Any) -> Any:
    if isinstance(value, list):
        return [_closed(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    if "allOf" in value:
        return {**value, "unevaluatedProperties": False}
    closed = {key: _closed(one) for key, one in value.items()}
    if "properties" in value and isinstance(value.get("required", []), list):
        closed.setdefault("unevaluatedProperties", False)
    return closed


def test_template_resolvers_and_description_have_the_same_routes() -> None:
    in_template = set().union(*(routes(function) for function in functions().values()))
    assert in_template == set(ROUTES) == set(OPERATIONS)
    assert len(ROUTES) == sum(len(resolver.api.routes) for resolver in RESOLVERS)


def test_each_route_leads_to_the_function_whose_resolver_has_it() -> None:
    served = {f"{resolver.module}.handler": set(resolver.api.routes) for resolver in RESOLVERS}
    assert {one["Handler"]: routes(one) for one in functions().values() if routes(one)} == served


@pytest.mark.parametrize("name", functions())
def test_a_handler_of_the_template_exists(name: str) -> None:
    function = functions()[name]
    module, _, handler = function["Handler"].rpartition(".")
    assert callable(getattr(importlib.import_module(module), handler))
    assert module.startswith(function["CodeUri"].replace("/", ".") + ".")


def test_only_the_listed_routes_are_public() -> None:
    assert {key for key, route in ROUTES.items() if route.public} == PUBLIC
    assert {key for key, operation in OPERATIONS.items() if not operation["security"]} == PUBLIC


def test_the_description_is_current() -> None:
    assert (memory.ROOT / description.FILE).read_text() == description.text(memory.ROOT), "run `make openapi`"


def test_the_command_writes_what_its_check_finds_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "openapi.json"
    file.write_text("{}")
    monkeypatch.setattr(description, "FILE", str(file))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", ["openapi", "--check"])
    assert command.main() == 1
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n"), file.read_text()) == ("", 1, "{}")
    monkeypatch.setattr(sys, "argv", ["openapi"])
    assert command.main() == 0
    assert file.read_text() == description.text(memory.ROOT)
    monkeypatch.setattr(sys, "argv", ["openapi", "--check"])
    assert command.main() == 0


def test_the_description_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DESCRIPTION).validate()


def test_operations_have_names_of_their_own() -> None:
    hooks = [hook["post"] for hook in DESCRIPTION["webhooks"].values()]
    names = [operation["operationId"] for operation in [*OPERATIONS.values(), *hooks]]
    assert len(set(names)) == len(names)


def test_every_component_is_used() -> None:
    told = json.dumps(DESCRIPTION)
    for kind in ("schemas", "responses", "headers", "parameters"):
        for name in DESCRIPTION["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in told


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_of_the_shape_it_shows(name: str) -> None:
    validator({"$ref": f"#/components/schemas/{name}"}, closed=True).validate(EXAMPLES[name])


def test_every_example_request_is_accepted() -> None:
    for route in ROUTES.values():
        model = inspect.get_annotations(route.function).get("body")
        if model is not None and model.__name__ in EXAMPLES:
            model.model_validate_json(json.dumps(EXAMPLES[model.__name__]))


@pytest.mark.parametrize("name", DESCRIPTION["components"]["responses"])
def test_an_error_response_shows_both_languages_in_its_own_shape(name: str) -> None:
    content = DESCRIPTION["components"]["responses"][name]["content"]["application/json"]
    assert list(content["examples"]) == ["zh-CN", "en-US"]
    assert content["examples"]["zh-CN"] != content["examples"]["en-US"]
    for example in content["examples"].values():
        validator(content["schema"], closed=True).validate(example["value"])


STYLES = (styles.D1(), styles.D2(), styles.D3(), styles.D4(), styles.D5(), styles.D12(), styles.OAuth())
THING = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}


@pytest.mark.parametrize("style", STYLES, ids=lambda style: type(style).__name__)
def test_what_a_style_answers_is_what_is_read_off_it(style: styles.Style) -> None:
    thing = {"id": "1"}
    validator(answers.one(style, THING), closed=True).validate(style.ok(thing))
    with_other = style.ok({"id": 1})
    assert not validator(answers.one(style, THING)).is_valid(with_other)
    schema = answers.error_schema(style)
    every_error = [
        errors.InvalidRequest([FieldError("a", "missing"), FieldError("b", "too_long", {"max_length": 3})]),
        errors.CredentialExpired(),
        errors.TooManyRequests(retry_after=7),
        errors.Conflict("idempotency_in_progress", retry_after=1),
        HubError(),
    ]
    for error in every_error:
        validator(schema, closed=True).validate(style.error(error, "en-US", "req_1"))


@pytest.mark.parametrize("style", STYLES[:-1], ids=lambda style: type(style).__name__)
def test_a_list_of_a_style_is_what_is_read_off_it(style: styles.Style) -> None:
    check = validator(answers.page(style, THING), closed=True)
    for page in (
        OffsetPage([{"id": "1"}, {"id": "2"}], 1, 20, 2),
        OffsetPage([], 3, 10, 11),
        CursorPage([{"id": "1"}], 1, "abc"),
        CursorPage([], 20, None),
    ):
        check.validate(style.page(page))
    assert not check.is_valid(style.page(OffsetPage([{"id": 1}], 1, 20, 1)))


@dataclass(frozen=True)
class Exchange:
    """A request that was made of the real handlers, and its answer."""

    route: str
    status: int
    headers: dict[str, str]
    body: str


class Client:
    """Sends requests as API Gateway would, and keeps what came back."""

    def __init__(self, api_key: str) -> None:
        self.api_key = api_key
        self.exchanges: list[Exchange] = []

    def __call__(
        self,
        route: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **ids: str,
    ) -> Any:
        handler = next(resolver for resolver in RESOLVERS if route in resolver.api.routes).module
        path = route.partition(" ")[2].format_map(ids)
        sent = {"authorization": f"Bearer {self.api_key}", "content-type": "application/json"} | dict(headers or {})
        event: dict[str, Any] = {"routeKey": route, "rawPath": path, "headers": sent, "pathParameters": ids}
        if query:
            event["queryStringParameters"] = dict(query)
        if body is not None:
            event["body"] = body if isinstance(body, str) else json.dumps(body)
        answer = importlib.import_module(handler).handler(event, None)
        self.exchanges.append(Exchange(route, answer["statusCode"], answer["headers"], answer.get("body", "")))
        return json.loads(answer["body"]) if answer.get("body", "").startswith("{") else None


BODIES = {"POST /v1/api-keys": "NewApiKey", "POST /v1/webhooks": "NewWebhook"}


class Receiver(BaseHTTPRequestHandler):
    """Takes every webhook."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def client() -> Iterator[Client]:
    with memory.data_plane():
        yield Client(memory.bootstrap("acme").api_key)


def test_real_answers_are_what_the_description_says(client: Client, receiver: str) -> None:
    use_api_keys(client)
    use_webhooks(client, receiver)
    use_wrongly(client)
    client("GET /openapi.json")
    client("GET /docs")
    for exchange in client.exchanges:
        check(exchange)
    succeeded = {exchange.route for exchange in client.exchanges if exchange.status < 300}
    assert succeeded == set(OPERATIONS), "each operation is seen answering"
    failures = {exchange.status for exchange in client.exchanges if exchange.status >= 400}
    assert failures == {400, 401, 403, 404, 413, 415, 422, 429}


def use_api_keys(client: Client) -> None:
    key = "/v1/api-keys/{api_key_id}"
    made = client("POST /v1/api-keys", EXAMPLES["NewApiKey"])
    made_id = made["id"]
    client("GET /v1/api-keys", query={"page": "1", "limit": "1"})
    client("GET /v1/api-keys", query={"cursor": "", "limit": "1"})
    client(f"GET {key}", api_key_id=made_id)
    client(f"PUT {key}", {"expires_at": None}, api_key_id=made_id)
    client("GET /v1/webhooks", headers=bearer(made["key"]))
    assert client.exchanges[-1].status == 200
    client("GET /v1/api-keys", headers=bearer(made["key"]))
    assert client.exchanges[-1].status == 403
    client(f"POST {key}/rotate", {"overlap_seconds": 60}, api_key_id=made_id)
    for period in ("day", "week", "month"):
        client(f"GET {key}/usage", query={"period": period}, api_key_id=made_id)
    client(f"DELETE {key}", api_key_id=made_id)


def use_webhooks(client: Client, receiver: str) -> None:
    webhook = "/v1/webhooks/{webhook_id}"
    made_id = client("POST /v1/webhooks", EXAMPLES["NewWebhook"] | {"url": receiver})["data"]["id"]
    client("GET /v1/webhooks")
    client("GET /v1/webhooks", query={"cursor": ""})
    client(f"GET {webhook}", webhook_id=made_id)
    client(f"POST {webhook}/test", webhook_id=made_id)
    client(f"PATCH {webhook}", {"description": "一"}, webhook_id=made_id)
    client(f"PUT {webhook}", {"url": "http://127.0.0.1:1/"}, webhook_id=made_id)
    assert client(f"POST {webhook}/test", webhook_id=made_id)["data"]["success"] is False
    client(f"GET {webhook}/logs", webhook_id=made_id)
    client(f"GET {webhook}/logs", query={"status": "failed", "cursor": ""}, webhook_id=made_id)
    client(f"POST {webhook}/retry", webhook_id=made_id)
    client(f"POST {webhook}/retry", {"log_ids": ["log_none"]}, webhook_id=made_id)
    client(f"DELETE {webhook}", webhook_id=made_id)


def use_wrongly(client: Client) -> None:
    for route in ("POST /v1/api-keys", "POST /v1/webhooks"):
        for body in ({}, {"name": 1, "url": 1, "events": 1}, "{", '{"a": "' + "x" * 2_000_000 + '"}'):
            client(route, body)
        client(route, {}, headers=bearer("sk_live_none"))
        client(route, "name=a", headers={"content-type": "application/x-www-form-urlencoded"})
        client(route, EXAMPLES[BODIES[route]], headers={"idempotency-key": "1"})
        client(route, {}, headers={"idempotency-key": "1"})
    client("GET /v1/api-keys/{api_key_id}", api_key_id="ak_none")
    client("GET /v1/webhooks/{webhook_id}", webhook_id="wh_none")
    client("GET /v1/webhooks", query={"page": "0", "colour": "red"})
    # Two minutes' worth and more, because the minute may turn on the way.
    for _ in range(250):
        client("GET /v1/webhooks/{webhook_id}", webhook_id="wh_none")
        if client.exchanges[-1].status == 429:
            break


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def check(exchange: Exchange) -> None:
    """Hold an answer against its operation: the status, the headers, the body and nothing beside."""
    response = OPERATIONS[exchange.route]["responses"][str(exchange.status)]
    if "$ref" in response:
        response = DESCRIPTION["components"]["responses"][response["$ref"].rpartition("/")[2]]
    optional = {"Idempotency-Replayed", "Retry-After"}
    assert set(response["headers"]) - optional <= set(exchange.headers)
    if "content" not in response:
        assert exchange.body == ""
        return
    ((media_type, content),) = response["content"].items()
    assert exchange.headers["Content-Type"].startswith(media_type)
    if "schema" in content:
        validator(content["schema"], closed=True).validate(json.loads(exchange.body))


def test_a_delivery_is_what_the_description_says(client: Client) -> None:
    from functions.webhooks import payload

    hooks = DESCRIPTION["webhooks"]
    assert set(hooks) == set(event_schemas(memory.ROOT))
    for event in memory.published():
        body = json.loads(payload.serialize(event["detail"]))
        content = hooks[event["detail-type"]]["post"]["requestBody"]["content"]
        validator(content["application/json"]["schema"], closed=True).validate(body)
