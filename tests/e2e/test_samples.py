"""`make invoke` with every sample input, on the running stack."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import ROOT, RunningStack

SAMPLES = sorted((ROOT / "events").glob("*.json"))
HTTP_ANSWERS = {
    "api-keys": 401,
    "audit-log": 401,
    "conversations": 401,
    "customers": 401,
    "device-commands": 401,
    "devices": 401,
    "forward-logs": 401,
    "forward-system": 401,
    "integrations": 401,
    "live-connections": 401,
    "login": 401,
    "messaging": 401,
    "o-auth-apps": 401,
    "o-auth-pages": 401,
    "o-auth-token": 401,
    "orders": 401,
    "reference": 200,
    "tickets": 401,
    "users": 401,
    "webhooks": 401,
}
"""A sample's key is made up, as are its client and password, so that the repository holds none that works."""


def _function(sample: Path) -> str:
    return "".join(part.capitalize() for part in sample.stem.split("-")) + "Function"


def _answer(printed: str) -> Any:
    """What stands below the log: the function's answer, as indented JSON."""
    lines = printed.splitlines()
    start = max(number for number, line in enumerate(lines) if line in {"{", "null"})
    return json.loads("\n".join(lines[start:]))


def test_every_function_has_a_sample(stack: RunningStack) -> None:
    functions = {name for name in stack.physical_ids if name.endswith("Function")}
    assert {_function(sample) for sample in SAMPLES} == functions


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_runs(stack: RunningStack, sample: Path) -> None:
    done = stack.invoke(_function(sample), sample)
    answer = _answer(done.stdout)
    if sample.stem == "bootstrap":
        assert answer["errorType"] == "Conflict", "the tenant it names exists since the first start"
        assert done.returncode == 1
        return
    assert done.returncode == 0, done.stdout + done.stderr
    if sample.stem in HTTP_ANSWERS:
        assert answer["statusCode"] == HTTP_ANSWERS[sample.stem]


def test_what_cannot_be_invoked_is_said_in_one_line(stack: RunningStack, tmp_path: Path) -> None:
    unknown = stack.invoke("NoSuchFunction", SAMPLES[0])
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)
    assert "ApiKeysFunction" in unknown.stderr
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    unreadable = stack.invoke("ApiKeysFunction", broken)
    assert (unreadable.returncode, unreadable.stderr.count("\n")) == (1, 1)
    assert str(broken) in unreadable.stderr
