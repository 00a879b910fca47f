"""What a wire style's answers look like: read off the style itself, errors with an example in each language."""

import inspect
from typing import Any
from unittest.mock import patch

from hub import errors, times
from hub.errors import FieldError, HubError
from hub.store.paging import CursorPage, OffsetPage
from hub.web.localisation import Language
from hub.web.request import MAX_BODY_BYTES
from hub.web.styles import Style
from local.openapi.samples import Schema, any_of, placeholder, schema_of

_LANGUAGES: tuple[Language, ...] = ("zh-CN", "en-US")
_FIXED_NOW = 1_705_314_600
"""2024-01-15T10:30:00Z, the documents' favourite moment: an error that tells the time is the same at every run."""

_FIELD = FieldError("email", "malformed")
EXAMPLES: dict[int, HubError] = {
    400: errors.InvalidRequest(_FIELD),
    401: errors.Unauthorized(),
    403: errors.Forbidden(),
    404: errors.NotFound(),
    409: errors.Conflict(),
    412: errors.PreconditionFailed(),
    413: errors.PayloadTooLarge(limit=MAX_BODY_BYTES),
    415: errors.UnsupportedMediaType(expected="application/json"),
    422: errors.Unprocessable(),
    429: errors.TooManyRequests(retry_after=30),
    500: HubError(),
    503: errors.Unavailable(),
}
"""Every error that a route can answer with, by status."""

_MORE_SAMPLES = (
    errors.InvalidRequest([_FIELD, FieldError("name", "missing")]),
    errors.InvalidRequest(FieldError("page", "must_be_integer", wrong_type=True)),
    errors.TooManyRequests(retry_after=60),
)


def one(style: Style, schema: Schema) -> Schema:
    """The body of a success that holds `schema`."""
    return schema_of([style.ok(placeholder(schema)), style.ok(placeholder(schema))])


def page(style: Style, schema: Schema) -> Schema:
    """The body of a list of `schema`: numbered, or by cursor."""
    held = [placeholder(schema)]
    numbered = [OffsetPage(held, 1, 20, 41), OffsetPage(held, 2, 50, 200)]
    by_cursor = [CursorPage(held, 20, "a"), CursorPage(held, 50, None)]
    return any_of(
        [
            schema_of([style.page(sample) for sample in numbered]),
            schema_of([style.page(sample) for sample in by_cursor]),
        ]
    )


def error_name(style: Style) -> str:
    """What the schema of a style's errors is called."""
    return f"{type(style).__name__}Error"


def error_schema(style: Style) -> Schema:
    """The body of an error."""
    return schema_of(
        [
            _body(style, error, language, request_id, now)
            for error in (*EXAMPLES.values(), *_MORE_SAMPLES)
            for language in _LANGUAGES
            for request_id, now in (("a", _FIXED_NOW), ("b", _FIXED_NOW + 1))
        ]
    )


def error_response(style: Style, status: int, headers: dict[str, Any]) -> dict[str, Any]:
    """The response with which a style tells an error."""
    error = EXAMPLES[status]
    examples = {
        language: {"value": _body(style, error, language, "req_01HM5V4K2TQ8R9XZJ3N6WYB7CD", _FIXED_NOW)}
        for language in _LANGUAGES
    }
    if examples["zh-CN"] == examples["en-US"]:
        # OAuth has its descriptions in English whatever is asked for (RFC 6749 section 5.2).
        del examples["zh-CN"]
    meaning = (inspect.getdoc(type(error)) or "").splitlines()[0]
    content = {"schema": {"$ref": f"#/components/schemas/{error_name(style)}"}, "examples": examples}
    return {
        "description": _MEANINGS.get(status, meaning),
        "headers": headers,
        "content": {"application/json": content},
    }


_MEANINGS = {500: "A fault of ours; the log knows the request id."}


def _body(style: Style, error: HubError, language: Language, request_id: str, now: int) -> Any:
    with patch.object(times, "now", return_value=now):
        return style.error(error, language, request_id)
