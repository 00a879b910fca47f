"""The machines that go on in another execution where the history of one ends."""

from pathlib import Path

import pytest
from ministack.services import stepfunctions
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
MACHINES = sorted(FUNCTIONS.rglob("*.asl.yaml"))
CONTINUED = [path for path in MACHINES if "startExecution" in path.read_text()]
JOB = "replay_" + "0" * 26
MAX_NAME = 80
"""Characters of an execution's name."""


def following(machine: Path, execution: str, number: int) -> str:
    """The name of the execution that goes on after a step of another one, as the emulator works it out."""
    intrinsic = yaml_parse(machine.read_text())["States"]["Continue"]["Parameters"]["Name.$"]
    call, _ = stepfunctions._parse_intrinsic_call(intrinsic, 0)
    state = {"id": JOB, "step": {"number": number}}
    name: str = stepfunctions._exec_intrinsic(call, state, {"Execution": {"Name": execution}})
    return name


@pytest.mark.parametrize("machine", CONTINUED, ids=lambda machine: machine.name)
def test_an_execution_that_an_operator_starts_goes_on_in_one_of_its_own(machine: Path) -> None:
    assert following(machine, JOB, 2000) == following(machine, JOB, 2000), "a second try to start it finds it"
    names = {following(machine, *one) for one in ((JOB, 2000), (JOB, 4000), (f"{JOB}-by-hand", 2000))}
    assert len(names) == 3


@pytest.mark.parametrize("machine", CONTINUED, ids=lambda machine: machine.name)
def test_the_name_stays_short_however_often_it_goes_on(machine: Path) -> None:
    name = JOB
    for number in range(2000, 20_000, 2000):
        name = following(machine, name, number)
        assert name.startswith(f"{JOB}-")
        assert len(name) <= MAX_NAME


def test_replays_and_jobs_are_among_them() -> None:
    assert {"job.asl.yaml", "replay.asl.yaml"} <= {machine.name for machine in CONTINUED}
