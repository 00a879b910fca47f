import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import PayloadTooLarge, Unauthorized, UnsupportedMediaType
from hub.web.request import MAX_BODY_BYTES, Request


def request(body: str | None = None, *, encoded: bool = False, path: str = "/v1/a", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    event: dict[str, Any] = {"rawPath": path, "headers": named, "body": body, "isBase64Encoded": encoded}
    return Request(event)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8", " application/json"],
)
def test_json_is_taken_with_any_parameters(content_type: str) -> None:
    assert request('{"a": 1}', content_type=content_type).json_body() == b'{"a": 1}'


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data", "json", ";"],
)
def test_another_content_type_is_415(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        request('{"a": 1}', content_type=content_type).json_body()


@pytest.mark.parametrize("body", [None, "", "  \r\n\t"])
def test_no_body_is_an_empty_object_of_any_type(body: str | None) -> None:
    assert request(body).json_body() == b"{}"


def test_a_body_in_base64_is_decoded() -> None:
    raw = '{"名": "值"}'.encode()
    assert request(base64.b64encode(raw).decode(), encoded=True, content_type="application/json").json_body() == raw


def test_bytes_that_are_no_utf_8_reach_the_validation() -> None:
    assert request(base64.b64encode(b"\xff\xfe").decode(), encoded=True).body == b"\xff\xfe"


def test_a_body_of_the_limit_passes_and_a_byte_more_is_413() -> None:
    assert len(request("x" * MAX_BODY_BYTES).body) == MAX_BODY_BYTES
    for body in ("x" * (MAX_BODY_BYTES + 1), "长" * (MAX_BODY_BYTES // 3 + 1), "x" * (3 * MAX_BODY_BYTES)):
        with pytest.raises(PayloadTooLarge):
            _ = request(body).body
    with pytest.raises(PayloadTooLarge):
        _ = request(base64.b64encode(b"x" * (MAX_BODY_BYTES + 1)).decode(), encoded=True).body
    assert len(request(base64.b64encode(b"x" * MAX_BODY_BYTES).decode(), encoded=True).body) == MAX_BODY_BYTES


@pytest.mark.parametrize("given_id", ["req_abc123", "a", "0" * 128, "A-b.c:d_e"])
def test_a_request_id_is_kept(given_id: str) -> None:
    assert request(x_request_id=given_id).request_id == given_id


@pytest.mark.parametrize(
    "junk", ["", " ", "a b", "0" * 129, "a\r\nSet-Cookie: x", "a\n", "名", '"', "<script>", "a,b", "\x00", "{}"]
)
def test_a_request_id_that_is_junk_is_replaced(junk: str) -> None:
    made = request(x_request_id=junk).request_id
    assert made.startswith("req_")
    assert made != request(x_request_id=junk).request_id


@given(st.text(max_size=140))
def test_a_request_id_can_stand_in_a_header(text: str) -> None:
    made = request(x_request_id=text).request_id
    assert made.isascii()
    assert made.isprintable()
    assert " " not in made


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER  abc", "Bearer abc "])
def test_a_bearer_token_is_read(header: str) -> None:
    assert request(authorization=header).token() == "abc"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "abc", "Bearerabc"])
def test_no_token_is_unauthorized(header: str) -> None:
    with pytest.raises(Unauthorized):
        request(authorization=header).token()


def test_the_other_header_counts_under_api_alone() -> None:
    assert request(path="/api/bots", x_api_token="abc").token() == "abc"
    for path in ("/v1/api-keys", "/apis", "/v1/api/bots"):
        with pytest.raises(Unauthorized):
            request(path=path, x_api_token="abc").token()


def test_without_a_credential_there_is_no_caller() -> None:
    with pytest.raises(Unauthorized):
        _ = request().caller
