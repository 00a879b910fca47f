"""The machine of imports and exports, where no step of a job decides."""

from pathlib import Path

from ministack.services import stepfunctions
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

MACHINE = Path(__file__).resolve().parents[3] / "functions/crm/job.asl.yaml"
JOB = "import_" + "0" * 26
MAX_NAME = 80
"""Characters of an execution's name."""


def following(execution: str, number: int) -> str:
    """The name of the execution that goes on after a step of another one, as the emulator works it out."""
    intrinsic = yaml_parse(MACHINE.read_text())["States"]["Continue"]["Parameters"]["Name.$"]
    call, _ = stepfunctions._parse_intrinsic_call(intrinsic, 0)
    state = {"id": JOB, "step": {"number": number}}
    name: str = stepfunctions._exec_intrinsic(call, state, {"Execution": {"Name": execution}})
    return name


def test_an_execution_that_an_operator_starts_goes_on_in_one_of_its_own() -> None:
    assert following(JOB, 2000) == following(JOB, 2000), "a second try to start it finds it"
    assert len({following(JOB, 2000), following(JOB, 4000), following(f"{JOB}-by-hand", 2000)}) == 3


def test_the_name_stays_short_however_often_it_goes_on() -> None:
    name = JOB
    for number in range(2000, 20_000, 2000):
        name = following(name, number)
        assert name.startswith(f"{JOB}-")
        assert len(name) <= MAX_NAME
