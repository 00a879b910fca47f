"""Executions are started once for each name."""

import json

import pytest
from botocore.exceptions import ClientError

from hub import aws, executions, times


class Machines:
    """Step Functions, as far as `start` asks it; `error` is what it refuses with."""

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.asked: list[dict[str, str]] = []

    def start_execution(self, **asked: str) -> None:
        self.asked.append(asked)
        if self.error:
            raise ClientError({"Error": {"Code": self.error, "Message": "no"}}, "StartExecution")


def test_a_state_machine_is_started_with_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = Machines()
    monkeypatch.setattr(aws, "stepfunctions", lambda: machines)
    executions.start("arn:machine", "msg_1-1", {"tenant": "a"})
    (asked,) = machines.asked
    assert (asked["stateMachineArn"], asked["name"], json.loads(asked["input"])) == (
        "arn:machine",
        "msg_1-1",
        {"tenant": "a"},
    )


def test_one_that_was_started_already_is_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "stepfunctions", lambda: Machines("ExecutionAlreadyExists"))
    executions.start("arn:machine", "msg_1-1", {})


def test_any_other_refusal_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "stepfunctions", lambda: Machines("AccessDeniedException"))
    with pytest.raises(ClientError):
        executions.start("arn:machine", "msg_1-1", {})


@pytest.mark.parametrize(("ahead", "seconds"), [(-5000, 0), (0, 0), (1, 1), (1000, 1), (1001, 2)])
def test_seconds_are_whole_and_never_too_few(monkeypatch: pytest.MonkeyPatch, ahead: int, seconds: int) -> None:
    monkeypatch.setattr(times, "now_ms", lambda: 1_000_000)
    assert executions.seconds_until(1_000_000 + ahead) == seconds
