"""`/openapi.json` and `/docs`: the description of the whole API, made when the system is built."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import aws_lambda_powertools

from hub.telemetry import lambda_handler
from hub.web.request import Raw, Request
from hub.web.resolver import Api
from hub.web.styles import D1

api = Api("reference", D1())

_HERE = Path(__file__).parent
# Powertools carries Swagger UI, so the runtime layer has it: nothing is loaded from elsewhere, nothing copied here.
_SWAGGER_UI = Path(aws_lambda_powertools.__file__).parent / "event_handler" / "openapi" / "swagger_ui"


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it is served: it changes with a deployment only."""

    body: str
    headers: Mapping[str, str]
    etag: str


@api.get("/openapi.json", public=True)
def get_openapi(request: Request) -> Annotated[Raw, "application/json"]:
    """Show the OpenAPI 3.1 description."""
    return _served(request, _description(), "application/json; charset=utf-8")


@api.get("/docs", public=True)
def get_docs(request: Request) -> Annotated[Raw, "text/html"]:
    """Show the description as a page for people."""
    return _served(request, _page(), "text/html; charset=utf-8")


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)


def _served(request: Request, document: Document, content_type: str) -> Raw:
    headers = {**document.headers, "ETag": document.etag, "Cache-Control": "public, max-age=300"}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if document.etag in known:
        return Raw("", content_type, headers, status=304)
    return Raw(document.body, content_type, headers)


@cache
def _description() -> Document:
    return _document((_HERE / "openapi.json").read_text(encoding="utf-8"), {"Access-Control-Allow-Origin": "*"})


@cache
def _page() -> Document:
    page = (_HERE / "docs.html").read_text(encoding="utf-8")
    for name in ("swagger-ui.min.css", "swagger-ui-bundle.min.js"):
        page = page.replace(f"{{{{{name}}}}}", (_SWAGGER_UI / name).read_text(encoding="utf-8"))
    scripts = " ".join(
        f"'sha256-{_sha256(script)}'" for script in re.findall("<script>(.*?)</script>", page, re.DOTALL)
    )
    # Swagger UI writes style attributes, which no hash can allow.
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return _document(page, {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"})


def _document(body: str, headers: Mapping[str, str]) -> Document:
    return Document(body, headers, f'"{_sha256(body)}"')


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
