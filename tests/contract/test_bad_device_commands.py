"""Commands that are refused, in document 3's style and both languages: nothing is kept, the device hears nothing."""

import json
from typing import Any

import pytest

from functions.iot.payload import MAX_BYTES, MAX_DEPTH
from tests.conftest import Deployment
from tests.contract.devices import ENGLISH, make, path, refused
from tests.contract.talking import Talker

Words = tuple[str, str]

STRING, OBJECT = ("必须是字符串", "must be a string"), ("必须是对象", "must be an object")
INTEGER, UNKNOWN = ("必须是整数", "must be an integer"), ("未知字段", "is not a known field")
MISSING, JSON = ("不能为空", "is required"), ("不是有效的 JSON", "is not valid JSON")
EMPTY = ("长度不能少于 1", "must have a length of at least 1")
LONG = ("长度不能超过 100", "must have a length of at most 100")
SOON, LATE = ("不能小于 5", "must be at least 5"), ("不能大于 86400", "must be at most 86400")
MUCH = (f"不能超过 {MAX_BYTES} 字节", f"must have at most {MAX_BYTES} bytes")
DEEP = (f"嵌套不能超过 {MAX_DEPTH} 层", f"must not be nested deeper than {MAX_DEPTH} levels")
NAMELESS = ("不能有空的字段名", "must not have a field without a name")
NUMBER = ("必须在 ±1e-100 到 ±1e+38 之间", "must be between ±1e-100 and ±1e+38")
TYPES = (STRING, OBJECT, INTEGER)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


WRONG: list[tuple[Any, str, Words]] = [
    ({"command": None}, "command", STRING),
    ({"command": 5}, "command", STRING),
    ({"command": ["turnOn"]}, "command", STRING),
    ({"command": ""}, "command", EMPTY),
    ({"command": " \u3000"}, "command", MISSING),
    ({"command": "x" * 101}, "command", LONG),
    ({"command": "x" * 900_000}, "command", LONG),
    ({"params": None}, "params", OBJECT),
    ({"params": []}, "params", OBJECT),
    ({"params": "brightness"}, "params", OBJECT),
    ({"params": {"a": "x" * MAX_BYTES}}, "params", MUCH),
    ({"params": {"a": "长" * 2800}}, "params", MUCH),
    ({"params": {"a": nested(MAX_DEPTH + 1)}}, "params", DEEP),
    ({"params": {"": 1}}, "params", NAMELESS),
    ({"params": {"a": [{"": 1}]}}, "params", NAMELESS),
    ({"params": {"a": 10**39}}, "params", NUMBER),
    ({"params": {"a": -(10**39)}}, "params", NUMBER),
    ({"params": {"a": 1e-101}}, "params", NUMBER),
    ({"expiresIn": None}, "expiresIn", INTEGER),
    ({"expiresIn": "300"}, "expiresIn", INTEGER),
    ({"expiresIn": 300.5}, "expiresIn", INTEGER),
    ({"expiresIn": True}, "expiresIn", INTEGER),
    ({"expiresIn": 4}, "expiresIn", SOON),
    ({"expiresIn": -1}, "expiresIn", SOON),
    ({"expiresIn": 86_401}, "expiresIn", LATE),
    ({"expiresIn": 10**30}, "expiresIn", LATE),
    ({"expires_in": 300}, "expires_in", UNKNOWN),
    ({"id": "cmd_1"}, "id", UNKNOWN),
    ({"status": "succeeded"}, "status", UNKNOWN),
    ({"deviceId": "device_1"}, "deviceId", UNKNOWN),
]
BODIES: list[tuple[str, str, Words]] = [
    ("", "command", MISSING),
    ("{}", "command", MISSING),
    ("[]", "body", OBJECT),
    ("null", "body", OBJECT),
    ('"turnOn"', "body", OBJECT),
    ('{"command": "turnOn"', "body", JSON),
    ('{"command": "\\ud83d"}', "body", JSON),
    ('{"command": "a", "params": {"a": NaN}}', "params", NUMBER),
    ('{"command": "a", "params": {"a": 1e999}}', "params", NUMBER),
    ('{"command": "a", "params": {"a": %s}}' % ("[" * 300 + "]" * 300), "body", JSON),
]


@pytest.fixture
def lamp(deployment: Deployment) -> dict[str, Any]:
    return make(deployment)


def test_what_is_wrong_is_named_and_nothing_is_sent(deployment: Deployment, lamp: dict[str, Any]) -> None:
    told = [(json.dumps({"command": "turnOn"} | wrong), field, reasons) for wrong, field, reasons in WRONG]
    for body, field, reasons in [*told, *BODIES]:
        code = 40002 if reasons in TYPES else 40001
        for headers, reason in zip(({}, ENGLISH), reasons, strict=True):
            answer = deployment.call("POST", f"{path(lamp)}/commands", body, headers=headers)
            found = refused(answer, 400, code)
            assert list(found) == [field], body[:80]
            assert found[field].endswith(reason), body[:80]
            assert len(answer.text) < 1000, "an error does not throw back what was sent"
    assert Talker("default", lamp["id"]).told() == []
    assert deployment.call("GET", f"{path(lamp)}/commands").json["data"]["items"] == []


def test_everything_that_is_wrong_is_named_at_once(deployment: Deployment, lamp: dict[str, Any]) -> None:
    body = {"command": "", "params": [], "expiresIn": 1, "more": 1}
    answer = deployment.call("POST", f"{path(lamp)}/commands", body)
    assert set(refused(answer, 400, 40001)) == {"command", "params", "expiresIn", "more"}


def test_a_huge_body_and_another_content_type_are_refused(deployment: Deployment, lamp: dict[str, Any]) -> None:
    place = f"{path(lamp)}/commands"
    refused(deployment.call("POST", place, {"command": "x" * 2_000_000}), 413, 40001)
    form = {"content-type": "application/x-www-form-urlencoded"}
    refused(deployment.call("POST", place, "command=turnOn", headers=form), 415, 40001)


def test_what_is_at_its_limit_is_taken_and_comes_back_as_it_was(deployment: Deployment, lamp: dict[str, Any]) -> None:
    bodies: list[dict[str, Any]] = [
        {"command": "x" * 100, "expiresIn": 5},
        {"command": "亮度", "expiresIn": 86_400, "params": {}},
        {"command": "a", "params": {"a": "x" * (MAX_BYTES - 8)}},
        {"command": "a", "params": {"a": nested(MAX_DEPTH - 1), "b": [], "c": {}, "d": None}},
        {"command": "a", "params": {"a": [1e38, -1e38, 1e-100, 0, 0.5, True, None, "\u0000\ufffe\U0001f4a1", 10**37]}},
    ]
    for body in bodies:
        answer = deployment.call("POST", f"{path(lamp)}/commands", body)
        assert answer.status == 201, answer.text
        found = deployment.call("GET", f"{path(lamp)}/commands/{answer.json['data']['id']}").json["data"]
        assert found["params"] == answer.json["data"]["params"] == body.get("params", {})


@pytest.mark.parametrize("place", ["commands", "alerts"])
@pytest.mark.parametrize(
    "query", ["page=0", "pageSize=101", "limit=0", "cursor=x", "sort=params", "status[gt]=1&x=1", "fields=secret"]
)
def test_a_wrong_query_is_refused(deployment: Deployment, lamp: dict[str, Any], place: str, query: str) -> None:
    refused(deployment.call("GET", f"{path(lamp)}/{place}?{query}"), 400, 40001)
