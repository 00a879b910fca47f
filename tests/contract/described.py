"""The API's description (openapi.json) as tests hold the code against it."""

import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from local.openapi import description
from local.openapi.discovery import resolvers
from tests.contract import memory

RESOLVERS = resolvers(memory.ROOT)
ROUTES = {key: route for resolver in RESOLVERS for key, route in resolver.api.routes.items()}
DESCRIPTION: dict[str, Any] = json.loads((memory.ROOT / description.FILE).read_text())
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DESCRIPTION["paths"].items()
    for method, operation in operations.items()
}


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
