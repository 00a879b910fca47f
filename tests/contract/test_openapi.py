"""The template, the routes and the description tell the same."""

import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from functions.identity.api_keys.models import PERMISSIONS
from hub import errors
from hub.errors import FieldError, HubError
from hub.store import query
from hub.store.paging import CursorPage, OffsetPage
from hub.web import styles
from local.openapi import __main__ as command
from local.openapi import answers, description
from local.openapi.examples import EXAMPLES
from tests.contract import memory
from tests.contract.described import DESCRIPTION, OPERATIONS, RESOLVERS, ROUTES, validator

PUBLIC = {
    "GET /third-party/{platform}/callback/{integration_id}",
    "POST /third-party/{platform}/callback/{integration_id}",
    "POST /kook/callback/{callback_id}",
    "POST /v1/integrations/{integration_id}/callback",
    "GET /.well-known/jwks.json",
    "GET /.well-known/oauth-authorization-server",
    "GET /docs",
    "GET /health",
    "GET /oauth/authorize",
    "GET /openapi.json",
    "GET /v1/oauth/authorize",
    "POST /api/auth/login",
    "POST /api/auth/verify",
    "POST /oauth/authorize",
    "POST /oauth/introspect",
    "POST /oauth/revoke",
    "POST /oauth/token",
    "POST /v1/oauth/authorize",
    "POST /v1/oauth/introspect",
    "POST /v1/oauth/revoke",
    "POST /v1/oauth/token",
}
"""Every route that needs no credential; a route that comes to this list is a decision."""


def functions() -> dict[str, dict[str, Any]]:
    """The properties of every function of the template, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in memory.TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def test_template_resolvers_and_description_have_the_same_routes() -> None:
    assert set(memory.ROUTES) == set(ROUTES) == set(OPERATIONS)
    assert len(ROUTES) == sum(len(resolver.api.routes) for resolver in RESOLVERS)


def test_each_route_leads_to_the_function_whose_resolver_has_it() -> None:
    served = {f"{resolver.module}.handler": set(resolver.api.routes) for resolver in RESOLVERS}
    found: dict[str, set[str]] = {}
    for route, function in memory.ROUTES.items():
        found.setdefault(functions()[function]["Handler"], set()).add(route)
    assert found == served


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


def test_a_change_lists_a_422_only_where_a_rule_gives_it() -> None:
    changes = {route for route in OPERATIONS if route.startswith(("PUT ", "PATCH ", "DELETE "))}
    user = "/v1/users/{user_id}"
    assert {route for route in changes if "422" in OPERATIONS[route]["responses"]} == {
        f"PUT {user}",
        f"PATCH {user}",
        f"DELETE {user}",
        "PATCH /v1/tickets/{ticket_id}",
        "PUT /api/accounts/{account_id}",
        "PATCH /api/accounts/{account_id}",
        "PUT /api/mappings/{mapping_id}",
    }


def test_operations_have_names_of_their_own() -> None:
    hooks = [hook["post"] for hook in DESCRIPTION["webhooks"].values()]
    names = [operation["operationId"] for operation in [*OPERATIONS.values(), *hooks]]
    assert len(set(names)) == len(names)


def test_a_scope_of_an_operation_is_one_that_an_application_can_register() -> None:
    flows = DESCRIPTION["components"]["securitySchemes"]["oauth2"]["flows"]
    asked = {
        scope
        for operation in OPERATIONS.values()
        for requirement in operation["security"]
        for scope in requirement.get("oauth2", [])
    }
    assert asked <= PERMISSIONS
    assert [set(flow["scopes"]) for flow in flows.values()] == [asked, asked]
    assert list(flows) == ["authorizationCode", "clientCredentials"]


def test_every_parameter_of_a_described_list_is_taken() -> None:
    listed = [(route.list_of, OPERATIONS[key]) for key, route in ROUTES.items() if route.list_of]
    assert listed
    samples: dict[str, Any] = {"string": "1", "integer": 1, "number": 1, "boolean": "true"}
    for schema_of_rows, operation in listed:
        for parameter in operation["parameters"]:
            if parameter.get("in") != "query":
                continue
            schema = parameter["schema"].get("items", parameter["schema"])
            value = schema["enum"][0] if "enum" in schema else samples[schema["type"]]
            sent = "2026-11-20T13:00:00Z" if schema.get("format") == "date-time" else str(value)
            if parameter["name"] == "cursor":
                sent = ""
            query.parse({parameter["name"]: sent}, schema_of_rows)


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
    if "OAuth" in name:
        assert list(content["examples"]) == ["en-US"], "RFC 6749 section 5.2"
    else:
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
