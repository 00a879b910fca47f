import json

import pytest

from local.logs import readable


def function_line(line: str) -> str | None:
    return readable(
        json.dumps({"kind": "function", "function": "hub-WebhookDeliverFunction-70E425A2E5D78", "line": line})
    )


def test_a_structured_line_shows_time_level_function_message_and_request() -> None:
    shown = function_line(
        json.dumps(
            {
                "level": "WARNING",
                "location": "handler:12",
                "message": "slow receiver",
                "timestamp": "2026-11-20T13:00:05.123+00:00",
                "service": "webhooks",
                "function_request_id": "lambda-1",
                "request_id": "req-1",
                "attempt": 2,
                "url": "http://127.0.0.1:8080/",
            }
        )
    )
    assert shown is not None
    clock, level, function, text = shown.split(maxsplit=3)
    assert clock.endswith(":00:05")
    assert (level, function) == ("WARNING", "WebhookDeliver")
    assert text == "slow receiver  attempt=2 url=http://127.0.0.1:8080/  [req-1]"


def test_an_exception_keeps_its_lines() -> None:
    shown = function_line(json.dumps({"level": "ERROR", "message": "lost", "exception": "Traceback\nKeyError: 'x'"}))
    assert shown is not None
    assert shown.splitlines()[1:] == ["Traceback", "    KeyError: 'x'"]


def test_metrics_and_empty_lines_are_not_shown() -> None:
    assert function_line(json.dumps({"_aws": {"Timestamp": 1}, "requests": 1})) is None
    assert function_line("  ") is None


@pytest.mark.parametrize("line", ["plain print", "{not json", "中文"])
def test_other_lines_are_shown_as_they_are(line: str) -> None:
    shown = function_line(line)
    assert shown is not None
    assert shown.endswith(f"WebhookDeliver   {line}")


def test_requests_and_failures_are_shown() -> None:
    access = {"kind": "access", "method": "GET", "path": "/v1/x", "status": 200, "ms": 3.1}
    assert (readable(json.dumps(access)) or "").endswith("GET /v1/x 200 3.1 ms")
    failure = {"kind": "failure", "function": "hub-ApiKeysFunction-0123456789ABC", "line": "Traceback\nboom"}
    shown = readable(json.dumps(failure)) or ""
    assert "ERROR   ApiKeys " in shown
    assert shown.endswith("Traceback\n    boom")


def test_of_the_emulators_own_lines_only_its_warnings_matter() -> None:
    assert readable("2026-11-20 13:14:18 INFO [s3] S3 bucket created: art") is None
    assert readable("2026-11-20 13:14:18 ERROR [lambda] lost it") == "13:14:18 ERROR   emulator         lost it"
    assert readable('{"a": "line of a function that the emulator repeats"}') is None
