"""A version is described by its `ETag`, the headers that name one, and what comes of them; nothing else is."""

import json
from typing import Any, get_origin, get_type_hints

import pytest

from hub.web.request import Versioned
from local.openapi import description
from local.openapi.discovery import resolvers
from tests.contract import memory

DESCRIPTION: dict[str, Any] = json.loads((memory.ROOT / description.FILE).read_text())
ROUTES = {key: route for resolver in resolvers(memory.ROOT) for key, route in resolver.api.routes.items()}


def operation(key: str) -> dict[str, Any]:
    method, _, path = key.partition(" ")
    described: dict[str, Any] = DESCRIPTION["paths"][path][method.lower()]
    return described


def is_versioned(key: str) -> bool:
    return get_origin(get_type_hints(ROUTES[key].function).get("return")) is Versioned


def taken(key: str) -> set[str]:
    """The headers of requests that name a version."""
    named = {parameter.get("$ref", "").rpartition("/")[2] for parameter in operation(key)["parameters"]}
    return named & {"If-Match", "If-None-Match"}


@pytest.mark.parametrize("key", ROUTES)
def test_a_version_is_described_where_there_is_one(key: str) -> None:
    described, route = operation(key), ROUTES[key]
    versioned = is_versioned(key)
    reads, changes = route.method == "GET", route.method in ("PUT", "PATCH")
    responses = described["responses"]
    assert ("ETag" in responses[str(route.status)].get("headers", {})) == versioned
    assert taken(key) == (
        {"If-None-Match"} if versioned and reads else {"If-Match"} if versioned and changes else set()
    )
    assert ("412" in responses) == (versioned and changes)
    assert ("304" in responses) == (versioned and reads)


def test_tickets_are_described_with_their_versions() -> None:
    versioned = {key for key in ROUTES if is_versioned(key) and "/v1/tickets" in key}
    one = "/v1/tickets/{ticket_id}"
    assert versioned == {"POST /v1/tickets", f"GET {one}", f"PATCH {one}"}
    unchanged = operation(f"GET {one}")["responses"]["304"]
    assert "content" not in unchanged
    assert set(unchanged["headers"]) == {
        "X-Request-ID",
        "ETag",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
    }
    assert operation(f"PATCH {one}")["responses"]["412"]["$ref"].endswith("/D2PreconditionFailed")
    body = operation(f"GET {one}")["responses"]["200"]["content"]["application/json"]["schema"]
    assert body["properties"]["data"] == {"$ref": "#/components/schemas/Ticket"}


def test_both_headers_say_what_they_do() -> None:
    for name, word in (("If-Match", "412"), ("If-None-Match", "304")):
        parameter = DESCRIPTION["components"]["parameters"][name]
        assert (parameter["name"], parameter["in"]) == (name, "header")
        assert word in parameter["description"]
    assert "ETag" in DESCRIPTION["components"]["headers"]
