"""The wire styles of the five documents: how each wraps an answer, a list and an error (CONTRACT section 2)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from hub import times
from hub.errors import FieldError, HubError, TooManyRequests
from hub.store.paging import CursorPage, OffsetPage, Page
from hub.web.localisation import Language, label, solution, text


class Style:
    """One document's way with JSON. As itself: the answer bare, as document 1 has it."""

    name: ClassVar[str] = ""
    challenge: ClassVar[str] = "Bearer"
    pages_in_body: ClassVar[bool] = True
    """Whether the body of a list tells where it goes on; else a header does."""

    def ok(self, data: Any) -> Any:
        """The body of a success."""
        return data

    def page(self, page: Page[Any]) -> Any:
        """The body of a list."""
        raise NotImplementedError

    def error(self, error: HubError, language: Language, request_id: str) -> dict[str, Any]:
        """The body of an error."""
        raise NotImplementedError

    def message(self, error: HubError, language: Language) -> str:
        """The error's message in the document's own words."""
        return text(error.message_key, language, error.values, self.name)


class D1(Style):
    """Developer platform."""

    name = "D1"

    def page(self, page: Page[Any]) -> Any:
        """`data` beside `pagination`."""
        return {"data": page.items, "pagination": self.pagination(page)}

    def pagination(self, page: Page[Any]) -> dict[str, Any]:
        """Numbered, or by cursor where that was asked for."""
        if isinstance(page, OffsetPage):
            return {"page": page.page, "limit": page.size, "total": page.total, "total_pages": page.pages}
        return {"limit": page.size, "next_cursor": page.next, "has_more": page.next is not None}

    def error(self, error: HubError, language: Language, request_id: str) -> dict[str, Any]:
        """One object `error`; `details` names the first field, and `errors` in it all when there are several."""
        fields = [{"field": item.field, "reason": _reason(item, language)} for item in error.fields]
        details: dict[str, Any] = dict(fields[0]) if fields else {}
        if len(fields) > 1:
            details["errors"] = fields
        return {"error": {"code": error.error_code, "message": self.message(error, language), "details": details}}


class D2(Style):
    """Support desk."""

    name = "D2"

    def ok(self, data: Any) -> Any:
        """`code` 200 beside `data`."""
        return {"code": 200, "data": data}

    def page(self, page: Page[Any]) -> Any:
        """`total`, `page`, `limit` and `items` in `data`; by cursor: `items`, `limit`, `next_cursor`."""
        if isinstance(page, OffsetPage):
            return self.ok({"total": page.total, "page": page.page, "limit": page.size, "items": page.items})
        return self.ok(
            {"limit": page.size, "next_cursor": page.next, "has_more": page.next is not None, "items": page.items}
        )

    def error(self, error: HubError, language: Language, request_id: str) -> dict[str, Any]:
        """`code` is the HTTP status."""
        details = [{"field": item.field, "reason": _reason(item, language)} for item in error.fields]
        return {"code": error.status, "message": self.message(error, language), "details": details}


class D3(Style):
    """Enterprise platform."""

    name = "D3"

    def ok(self, data: Any) -> Any:
        """`code` 0, `message` and `data`."""
        return {"code": 0, "message": "success", "data": data}

    def page(self, page: Page[Any]) -> Any:
        """`items` and `pagination` in `data`; by cursor: `items` in `data`, `cursor` beside it."""
        if isinstance(page, CursorPage):
            return self.ok({"items": page.items}) | {"cursor": {"next": page.next, "hasMore": page.next is not None}}
        pagination = {"page": page.page, "pageSize": page.size, "total": page.total, "totalPages": page.pages}
        return self.ok({"items": page.items, "pagination": pagination})

    def error(self, error: HubError, language: Language, request_id: str) -> dict[str, Any]:
        """`code` is the business code; a 429 says `retryAfter` in seconds."""
        errors = [{"field": item.field, "message": _sentence(item, language)} for item in error.fields]
        body = {
            "code": error.business_code,
            "message": self.message(error, language),
            "errors": errors,
            "requestId": request_id,
        }
        if isinstance(error, TooManyRequests):
            body["retryAfter"] = error.retry_after
        return body


class D4(Style):
    """Messaging gateway."""

    name = "D4"
    pages_in_body = False

    def page(self, page: Page[Any]) -> Any:
        """The bare array; the header `Link` names the next page (RFC 8288)."""
        return page.items

    def error(self, error: HubError, language: Language, request_id: str) -> dict[str, Any]:
        """`error` is the status's reason phrase."""
        message = "; ".join(_sentence(item, language) for item in error.fields) or self.message(error, language)
        return {
            "statusCode": error.status,
            "message": message,
            "error": _PHRASES.get(error.status) or HTTPStatus(error.status).phrase,
        }


class D5(Style):
    """KOOK forwarder."""

    name = "D5"

    def __init__(self, *, bare: bool = False) -> None:
        """Take whether answers are as they are, which document 5 has in some groups; its lists never are."""
        self._bare = bare

    def ok(self, data: Any) -> Any:
        """`success` before the answer's own fields; a list stands in `data`."""
        if self._bare:
            return data
        return {"success": True, **data} if isinstance(data, Mapping) else {"success": True, "data": data}

    def page(self, page: Page[Any]) -> Any:
        """`data`, with `total` and `page` where it is numbered."""
        if isinstance(page, OffsetPage):
            return {"success": True, "data": page.items, "total": page.total, "page": page.page}
        return {"success": True, "data": page.items, "next_cursor": page.next}

    def error(self, error: HubError, language: Language, request_id: str) -> dict[str, Any]:
        """With a solution, and the time without a zone (UTC)."""
        message = "; ".join(_sentence(item, language) for item in error.fields) or self.message(error, language)
        return {
            "success": False,
            "error_code": error.error_code,
            "error_message": message,
            "solution": solution(error.error_code, language),
            "timestamp": times.iso_without_zone(times.now()),
        }


class D12(D3):
    """Webhooks, which documents 1 and 3 both have: D3's wrapping, D1's paging, both errors in one object."""

    def page(self, page: Page[Any]) -> Any:
        """`data` beside D1's `pagination`."""
        return self.ok(page.items) | {"pagination": _D1.pagination(page)}

    def error(self, error: HubError, language: Language, request_id: str) -> dict[str, Any]:
        """D1's `error` beside D3's fields."""
        return _D1.error(error, language, request_id) | super().error(error, language, request_id)


class OAuth(Style):
    """OAuth 2.0: RFC 6749 section 5.1 for answers, 5.2 for errors."""

    name = "OAuth"
    challenge = 'Basic realm="Hub"'

    def error(self, error: HubError, language: Language, request_id: str) -> dict[str, Any]:
        """An error without an OAuth code of its own gets the code RFC 6749 has for its status."""
        description = "; ".join(_sentence(item, "en-US") for item in error.fields) or self.message(error, "en-US")
        code = error.error_code if error.error_code.islower() else _OAUTH_CODES.get(error.status, "invalid_request")
        return {"error": code, "error_description": description}


# Python 3.13 renamed these two; an answer must not depend on the runtime's version.
_PHRASES = {413: "Payload Too Large", 422: "Unprocessable Entity"}
_OAUTH_CODES = {
    401: "invalid_client",
    403: "access_denied",
    429: "temporarily_unavailable",
    500: "server_error",
    503: "temporarily_unavailable",
}
_D1 = D1()


def _reason(error: FieldError, language: Language) -> str:
    return text(error.reason, language, error.values)


def _sentence(error: FieldError, language: Language) -> str:
    gap = " " if language == "en-US" else ""
    return f"{label(error.field, language)}{gap}{_reason(error, language)}"
