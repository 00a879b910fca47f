"""Entity tags: what a request expects or has already, and how a resolver answers it (RFC 9110 sections 8.8.3, 13)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import PreconditionFailed
from hub.web.request import Request, Versioned, entity_tag
from hub.web.resolver import Api
from hub.web.styles import D2

versions = st.integers(1, 10**6)
weak = st.sampled_from(["", "W/"])


def request(**headers: str) -> Request:
    return Request({"headers": {name.replace("_", "-"): value for name, value in headers.items()}})


def meets(header: str, version: int) -> bool:
    try:
        request(if_match=header).expects(version)
    except PreconditionFailed:
        return False
    return True


def test_without_the_headers_every_version_is_expected_and_none_is_had() -> None:
    request().expects(7)
    assert not request().has(7)


@pytest.mark.parametrize("header", ['"7"', ' "7" ', '"1", "7"', '"7","8"', '"1",\t"7" , W/"9"', "*", " * "])
def test_an_expected_version_is_met(header: str) -> None:
    assert meets(header, 7)


@pytest.mark.parametrize(
    "header", ["", " ", "7", '"8"', '"77"', '"07"', '"7', "'7'", 'W/"7"', 'w/"7"', '"*"', '"1" "7"', '"6,7"', "**", ","]
)
def test_any_other_tag_is_not_met(header: str) -> None:
    assert not meets(header, 7)


@pytest.mark.parametrize("header", ['"7"', 'W/"7"', ' W/"7" ', '"1", W/"7"', "*", " * "])
def test_a_version_that_is_had_is_known_even_weakly(header: str) -> None:
    assert request(if_none_match=header).has(7)


@pytest.mark.parametrize("header", ["", "7", '"8"', 'W/"8"', "W/7", '"7', "'7'", '"*"', '"W/7"'])
def test_any_other_is_not_had(header: str) -> None:
    assert not request(if_none_match=header).has(7)


@given(st.lists(st.tuples(weak, versions), max_size=5), versions)
def test_a_list_of_tags_is_read_as_a_whole(tags: list[tuple[str, int]], version: int) -> None:
    header = ", ".join(prefix + entity_tag(number) for prefix, number in tags)
    assert meets(header, version) == (("", version) in tags)
    assert request(if_none_match=header).has(version) == (version in [number for _, number in tags])


@given(st.text(max_size=30), versions)
def test_no_header_is_too_odd(text: str, version: int) -> None:
    known = entity_tag(version) in text or text.strip() == "*"
    assert known or not meets(text, version)
    assert known or not request(if_none_match=text).has(version)


api = Api("things", D2())


@api.get("/things/{thing_id}")
def get_thing(request: Request, thing_id: str) -> Versioned[dict[str, str]]:
    return Versioned({"id": thing_id}, 3)


@api.post("/things", status=201)
def make_thing(request: Request) -> Versioned[dict[str, str]]:
    return Versioned({"id": "new"}, 1)


@api.patch("/things/{thing_id}")
def change_thing(request: Request, thing_id: str) -> Versioned[dict[str, str]]:
    request.expects(3)
    return Versioned({"id": thing_id}, 4)


api.routes = {key: replace(route, public=True) for key, route in api.routes.items()}


def ask(route: str, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = {"thing_id": "a"} if "{" in route else {}
    return api.resolve({"routeKey": route, "headers": named, "pathParameters": path})


ONE = "/things/{thing_id}"


@pytest.fixture(autouse=True)
def _aws(aws: None) -> None:
    pass


def test_an_answer_carries_the_tag_of_what_it_shows() -> None:
    answer = ask(f"GET {ONE}")
    assert (answer["statusCode"], answer["headers"]["ETag"]) == (200, '"3"')
    assert json.loads(answer["body"]) == {"code": 200, "data": {"id": "a"}}


@pytest.mark.parametrize("known", ['"3"', 'W/"3"', '"1", "3"', "*"])
def test_what_the_caller_has_is_not_sent_again(known: str) -> None:
    answer = ask(f"GET {ONE}", if_none_match=known, x_request_id="req_7")
    assert answer["statusCode"] == 304
    assert "body" not in answer
    headers = answer["headers"]
    assert (headers["ETag"], headers["X-Request-ID"], headers["Cache-Control"]) == ('"3"', "req_7", "no-store")
    assert not {name for name in headers if name.startswith("Content-")}


def test_another_version_is_sent() -> None:
    answer = ask(f"GET {ONE}", if_none_match='"2"')
    assert (answer["statusCode"], answer["headers"]["ETag"]) == (200, '"3"')


def test_only_a_read_is_answered_with_304() -> None:
    answer = ask("POST /things", if_none_match="*")
    assert (answer["statusCode"], answer["headers"]["ETag"]) == (201, '"1"')
    answer = ask(f"PATCH {ONE}", if_none_match='"4"')
    assert (answer["statusCode"], answer["headers"]["ETag"]) == (200, '"4"')


def test_a_change_of_another_version_is_412_without_a_tag() -> None:
    assert ask(f"PATCH {ONE}", if_match='"3"')["statusCode"] == 200
    answer = ask(f"PATCH {ONE}", if_match='"2"', accept_language="en")
    assert answer["statusCode"] == 412
    assert "ETag" not in answer["headers"]
    told = {"code": 412, "message": "The resource has changed since it was read", "details": []}
    assert json.loads(answer["body"]) == told
