"""`/openapi.json` and `/docs`: the description of the whole API, made when the system is built."""

from functools import cache
from pathlib import Path
from typing import Any

from hub.telemetry import lambda_handler
from hub.web.request import Raw, Request
from hub.web.resolver import Api
from hub.web.styles import D1

api = Api("reference", D1())


@api.get("/openapi.json", public=True)
def get_openapi(request: Request) -> Raw:
    """The OpenAPI 3.1 description."""
    return Raw(
        _description(),
        "application/json; charset=utf-8",
        {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"},
    )


@api.get("/docs", public=True)
def get_docs(request: Request) -> Raw:
    """The same as a page for people."""
    return Raw(_page(), "text/html; charset=utf-8", {"Cache-Control": "public, max-age=300"})


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)


@cache
def _description() -> str:
    return Path(__file__).with_name("openapi.json").read_text()


@cache
def _page() -> str:
    return Path(__file__).with_name("docs.html").read_text()
