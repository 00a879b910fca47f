"""The whole description, of all routes."""

import inspect
import json
import tomllib
from pathlib import Path
from typing import Any

from hub.auth import LIMITS
from local.openapi import answers, deliveries
from local.openapi.components import HEADERS, PARAMETERS, security_schemes
from local.openapi.discovery import Resolver, resolvers
from local.openapi.examples import EXAMPLES
from local.openapi.operations import Operation
from local.openapi.samples import Schema
from local.openapi.shapes import Shapes

FILE = "functions/reference/openapi.json"

_INTRODUCTION = f"""\
One HTTP API in the wire styles of five documents: a group answers as its document says, errors included.

- **Credentials**: `Authorization: Bearer <API key or OAuth access token>`. Every operation names the permissions of
  which one is needed; an access token has them as its scopes.
- **Languages**: messages come in Chinese, or in English with `Accept-Language: en-US`.
- **Request ids**: `X-Request-ID` is echoed, or made when absent, and found in logs and events.
- **Rate limits**: {LIMITS["api_key"]} requests a minute for each API key, {LIMITS["access_token"]} for each grant,
  fewer where an operation says so.
- **Lists**: by `page` and size, exact up to 10,000 rows; by `cursor` (empty for the first page) at any depth.
- **Versions**: an `ETag` names the version that is shown. Sent back as `If-Match`, it lets a PUT or PATCH be made to
  that version alone; as `If-None-Match`, it spares a GET sending the version again. Elsewhere neither is evaluated:
  what is added with POST, a message or a comment, is true whatever else changed.
- **Sending twice**: a POST with an `Idempotency-Key` is done once, and answered the same for 24 hours.
- Paths and methods that are not listed here get API Gateway's own 404, `{{"message": "Not Found"}}`.
"""


def text(root: Path) -> str:
    """The description as it stands in the file."""
    return json.dumps(build(root), ensure_ascii=False, indent=2) + "\n"


def build(root: Path) -> dict[str, Any]:
    """Describe every route there is."""
    shapes = Shapes()
    found = resolvers(root)
    components: dict[str, Any] = {"responses": {}}
    paths: dict[str, dict[str, Any]] = {}
    for resolver in found:
        for route in resolver.api.routes.values():
            operation = Operation(resolver.api, route, shapes)
            paths.setdefault(route.path, {})[route.method.lower()] = operation.described()
            components["responses"] |= operation.error_responses()
        shapes.schemas[answers.error_name(resolver.api.style)] = answers.error_schema(resolver.api.style)
    webhooks = deliveries.webhooks(root)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hub", "version": _version(root), "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "tags": _tags(found),
        "paths": paths,
        "webhooks": webhooks,
        "components": components
        | {
            "schemas": {name: _with_example(name, schema) for name, schema in shapes.schemas.items()},
            "headers": {name: {"description": told, "schema": shape} for name, (told, shape) in HEADERS.items()},
            "parameters": {name: {"name": name, "in": "header", **more} for name, more in PARAMETERS.items()},
            "securitySchemes": security_schemes(paths),
        },
    }


def _tags(found: list[Resolver]) -> list[dict[str, str]]:
    told: dict[str, list[str]] = {}
    for resolver in found:
        style = resolver.api.style
        told.setdefault(resolver.api.group, []).append(
            f"{resolver.purpose}\n\nWire style {type(style).__name__}: {(inspect.getdoc(style) or '').splitlines()[0]}"
        )
    return [{"name": group, "description": "\n\n".join(texts)} for group, texts in told.items()]


def _with_example(name: str, schema: Schema) -> Schema:
    return schema | {"examples": [EXAMPLES[name]]} if name in EXAMPLES else schema


def _version(root: Path) -> str:
    version: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return version
