"""Every error in every style and both languages: the documents' codes, words and shapes."""

import json
from typing import Any

import pytest

from hub import errors
from hub.errors import FieldError, HubError, InvalidRequest
from hub.store.paging import CursorPage, OffsetPage
from hub.web import styles
from hub.web.localisation import Language
from tests.conftest import Clock

LANGUAGES: tuple[Language, Language] = ("zh-CN", "en-US")
STYLES = [styles.D1(), styles.D2(), styles.D3(), styles.D4(), styles.D5(), styles.D12(), styles.OAuth()]
ERRORS: list[HubError] = [
    errors.HubError(),
    errors.InvalidRequest(),
    errors.InvalidRequest(FieldError("email", "malformed")),
    errors.InvalidRequest([FieldError("name", "must_be_string", wrong_type=True)]),
    errors.Unauthorized(),
    errors.CredentialExpired(),
    errors.Forbidden(),
    errors.AccessRestricted(),
    errors.NotFound(),
    errors.Conflict(),
    errors.PreconditionFailed(),
    errors.PayloadTooLarge(limit=5),
    errors.UnsupportedMediaType(expected="application/json"),
    errors.Unprocessable(),
    errors.TooManyRequests(retry_after=7),
    errors.Unavailable(),
]


def body(style: styles.Style, error: HubError, language: Language = "zh-CN") -> dict[str, Any]:
    return style.error(error, language, "req_1")


def name(one: object) -> str:
    return type(one).__name__


def test_every_class_of_error_is_tried() -> None:
    def below(cls: type[HubError]) -> set[type[HubError]]:
        return {cls}.union(*(below(child) for child in cls.__subclasses__() if child.__module__ == "hub.errors"))

    assert {type(error) for error in ERRORS} == below(HubError)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("error", ERRORS, ids=name)
@pytest.mark.parametrize("style", STYLES, ids=name)
def test_every_error_has_words_in_every_style(style: styles.Style, error: HubError, language: Language) -> None:
    text = json.dumps(body(style, error, language), ensure_ascii=False)
    assert "{" not in text.replace('{"', "").replace("{}", "")
    is_english = text.isascii()
    assert is_english == (language == "en-US" or isinstance(style, styles.OAuth)), text


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidRequest(), 400, "INVALID_REQUEST"),
        (errors.Unauthorized(), 401, "UNAUTHORIZED"),
        (errors.CredentialExpired(), 401, "UNAUTHORIZED"),
        (errors.Forbidden(), 403, "FORBIDDEN"),
        (errors.NotFound(), 404, "NOT_FOUND"),
        (errors.TooManyRequests(), 429, "RATE_LIMITED"),
        (errors.HubError(), 500, "INTERNAL_ERROR"),
    ],
    ids=str,
)
def test_document_1_has_these_codes(error: HubError, status: int, code: str) -> None:
    assert error.status == status
    assert body(styles.D1(), error)["error"]["code"] == code


@pytest.mark.parametrize(
    ("error", "status", "code", "message"),
    [
        (errors.InvalidRequest(FieldError("a", "missing")), 400, 40001, "参数验证失败"),
        (errors.InvalidRequest(FieldError("a", "must_be_string", wrong_type=True)), 400, 40002, "参数类型错误"),
        (errors.Unauthorized(), 401, 40101, "Token 无效"),
        (errors.CredentialExpired(), 401, 40102, "Token 已过期"),
        (errors.Forbidden(), 403, 40301, "无操作权限"),
        (errors.AccessRestricted(), 403, 40302, "资源访问受限"),
        (errors.NotFound(), 404, 40401, "资源不存在"),
        (errors.Conflict(), 409, 40901, "数据已存在"),
        (errors.Unprocessable(), 422, 42201, "业务规则校验失败"),
        (errors.TooManyRequests(), 429, 42901, None),
        (errors.HubError(), 500, 50000, "服务器内部错误"),
    ],
    ids=str,
)
def test_document_3_has_these_business_codes(error: HubError, status: int, code: int, message: str | None) -> None:
    shown = body(styles.D3(), error)
    assert (error.status, shown["code"]) == (status, code)
    assert message is None or shown["message"] == message


@pytest.mark.parametrize("error", ERRORS, ids=name)
def test_document_3_has_no_other_business_code(error: HubError) -> None:
    complete = {40001, 40002, 40101, 40102, 40301, 40302, 40401, 40901, 42201, 42901, 50000}
    assert error.business_code in complete
    assert error.business_code // 100 == error.status or error.status in {412, 413, 415, 503}


def test_document_1_error_is_the_documented_object() -> None:
    error = InvalidRequest(FieldError("email", "malformed"))
    assert body(styles.D1(), error) == {
        "error": {
            "code": "INVALID_REQUEST",
            "message": "请求参数无效",
            "details": {"field": "email", "reason": "格式不正确"},
        }
    }


def test_document_1_error_of_several_fields_names_all() -> None:
    error = InvalidRequest([FieldError("email", "malformed"), FieldError("name", "missing")])
    details = body(styles.D1(), error)["error"]["details"]
    assert details["field"] == "email"
    assert [one["field"] for one in details["errors"]] == ["email", "name"]


def test_document_3_error_is_the_documented_object() -> None:
    error = InvalidRequest([FieldError("email", "malformed"), FieldError("phone", "missing")])
    assert body(styles.D3(), error) == {
        "code": 40001,
        "message": "参数验证失败",
        "errors": [
            {"field": "email", "message": "邮箱格式不正确"},
            {"field": "phone", "message": "手机号不能为空"},
        ],
        "requestId": "req_1",
    }


def test_document_3_says_when_to_try_again() -> None:
    shown = body(styles.D3(), errors.TooManyRequests(retry_after=60))
    assert (shown["code"], shown["retryAfter"]) == (42901, 60)


@pytest.mark.parametrize("error", ERRORS, ids=name)
def test_webhook_errors_have_the_shapes_of_documents_1_and_3(error: HubError) -> None:
    both = body(styles.D12(), error)
    assert both["error"] == body(styles.D1(), error)["error"]
    third = body(styles.D3(), error)
    assert {key: both[key] for key in ("code", "errors", "requestId")} == {
        key: third[key] for key in ("code", "errors", "requestId")
    }
    assert both.keys() == {"error", *third}


@pytest.mark.parametrize("error", ERRORS, ids=name)
def test_document_2_error_has_the_http_status(error: HubError) -> None:
    shown = body(styles.D2(), error)
    assert shown.keys() == {"code", "message", "details"}
    assert shown["code"] == error.status


@pytest.mark.parametrize(
    ("error", "phrase"),
    [
        (errors.InvalidRequest(), "Bad Request"),
        (errors.Unauthorized(), "Unauthorized"),
        (errors.NotFound(), "Not Found"),
        (errors.PayloadTooLarge(limit=5), "Payload Too Large"),
        (errors.Unprocessable(), "Unprocessable Entity"),
        (errors.HubError(), "Internal Server Error"),
    ],
    ids=str,
)
def test_document_4_error_is_bare(error: HubError, phrase: str) -> None:
    shown = body(styles.D4(), error)
    assert shown.keys() == {"statusCode", "message", "error"}
    assert (shown["statusCode"], shown["error"]) == (error.status, phrase)


@pytest.mark.parametrize("error", ERRORS, ids=name)
def test_document_5_error_tells_a_solution(error: HubError, clock: Clock) -> None:
    shown = body(styles.D5(), error)
    assert shown.keys() == {"success", "error_code", "error_message", "solution", "timestamp"}
    assert shown["success"] is False
    assert shown["solution"]
    assert shown["timestamp"] == "2026-11-20T13:00:30"


@pytest.mark.parametrize("error", ERRORS, ids=name)
def test_oauth_errors_have_codes_of_rfc_6749(error: HubError) -> None:
    shown = body(styles.OAuth(), error)
    assert shown.keys() == {"error", "error_description"}
    codes = {"invalid_request", "invalid_client", "access_denied", "server_error", "temporarily_unavailable"}
    assert shown["error"] in codes
    # RFC 6749 section 5.2: no characters outside this set.
    assert all(" " <= character <= "~" and character not in '"\\' for character in shown["error_description"])


def test_oauth_error_keeps_a_code_of_its_own() -> None:
    assert body(styles.OAuth(), HubError(code="invalid_grant"))["error"] == "invalid_grant"


NUMBERED = OffsetPage([{"id": 1}], 2, 20, 21)
FOLLOWED = CursorPage([{"id": 1}], 20, "next")


@pytest.mark.parametrize(
    ("style", "page", "expected"),
    [
        (
            styles.D1(),
            NUMBERED,
            {"data": [{"id": 1}], "pagination": {"page": 2, "limit": 20, "total": 21, "total_pages": 2}},
        ),
        (
            styles.D1(),
            FOLLOWED,
            {"data": [{"id": 1}], "pagination": {"limit": 20, "next_cursor": "next", "has_more": True}},
        ),
        (styles.D2(), NUMBERED, {"code": 200, "data": {"total": 21, "page": 2, "limit": 20, "items": [{"id": 1}]}}),
        (
            styles.D3(),
            NUMBERED,
            {
                "code": 0,
                "message": "success",
                "data": {
                    "items": [{"id": 1}],
                    "pagination": {"page": 2, "pageSize": 20, "total": 21, "totalPages": 2},
                },
            },
        ),
        (
            styles.D3(),
            FOLLOWED,
            {
                "code": 0,
                "message": "success",
                "data": {"items": [{"id": 1}]},
                "cursor": {"next": "next", "hasMore": True},
            },
        ),
        (styles.D4(), NUMBERED, [{"id": 1}]),
        (styles.D5(), NUMBERED, {"success": True, "data": [{"id": 1}], "total": 21, "page": 2}),
        (
            styles.D12(),
            NUMBERED,
            {
                "code": 0,
                "message": "success",
                "data": [{"id": 1}],
                "pagination": {"page": 2, "limit": 20, "total": 21, "total_pages": 2},
            },
        ),
    ],
    ids=lambda one: name(one) if isinstance(one, styles.Style | OffsetPage | CursorPage) else "",
)
def test_a_page_is_shaped_as_documented(style: styles.Style, page: Any, expected: Any) -> None:
    assert style.page(page) == expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (styles.D1(), {"id": 1}),
        (styles.D2(), {"code": 200, "data": {"id": 1}}),
        (styles.D3(), {"code": 0, "message": "success", "data": {"id": 1}}),
        (styles.D4(), {"id": 1}),
        (styles.D5(), {"success": True, "id": 1}),
        (styles.D12(), {"code": 0, "message": "success", "data": {"id": 1}}),
        (styles.OAuth(), {"id": 1}),
    ],
    ids=lambda one: name(one) if isinstance(one, styles.Style) else "",
)
def test_a_success_is_shaped_as_documented(style: styles.Style, expected: Any) -> None:
    assert style.ok({"id": 1}) == expected
