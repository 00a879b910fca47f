"""`rebuild-statistics`: counting is off while figures are rebuilt, and on again whatever happens."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.support import totals
from functions.support.tickets import service as tickets
from functions.support.tickets.models import NewTicket
from hub.errors import Unavailable
from hub.events import Caller
from hub.store import counters, keys, recounting, table
from operations import statistics
from operations.__main__ import main
from operations.stack import OperationError, Stack
from tests.contract import memory

MAPPINGS = {"SupportStatisticsFunction": "one-mapping", "TotalsFunction": "another-mapping"}
VISIBILITY = memory.TEMPLATE["Resources"]["TotalsQueue"]["Properties"]["VisibilityTimeout"]


class Lambda:
    """Lambda, as far as it is asked; a change takes as many looks as `slow` says, and none is taken meanwhile."""

    def __init__(self, slow: int = 0) -> None:
        self.changes: list[tuple[str, bool]] = []
        self.off: set[str] = set()
        self.slow = slow
        self.refuses = ""
        self._looks = dict.fromkeys(MAPPINGS.values(), 0)

    def list_event_source_mappings(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - as botocore names them
        return {"EventSourceMappings": [{"UUID": MAPPINGS[FunctionName.removeprefix("hub-dev-")]}]}

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, Any]:  # noqa: N803
        self._looks[UUID] -= 1
        resting, moving = ("Disabled", "Disabling") if UUID in self.off else ("Enabled", "Enabling")
        return {"State": moving if self._looks[UUID] > 0 else resting}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:  # noqa: N803
        if self._looks[UUID] > 0 or (self.refuses == UUID and Enabled):
            raise ClientError({"Error": {"Code": "ResourceInUseException"}}, "UpdateEventSourceMapping")
        self.changes.append((UUID, Enabled))
        (self.off.discard if Enabled else self.off.add)(UUID)
        self._looks[UUID] = self.slow


OFF_AND_ON = [(mapping, on) for on in (False, True) for mapping in MAPPINGS.values()]


class StackInMemory(Stack):
    """The stack `hub-dev`: moto's tables and queues."""

    def __init__(self, functions: Lambda) -> None:
        super().__init__("hub-dev", boto3.Session(region_name=memory.REGION))
        sqs = memory.client("sqs")
        self.urls = {name: sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in statistics.WORKERS.values()}
        for url in self.urls.values():
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(VISIBILITY)})
        self.__dict__.update(functions=functions, queues=sqs)

    def resources(self, kind: str) -> dict[str, str]:
        """What CloudFormation would tell."""
        return {
            "AWS::DynamoDB::Table": {"Table": "Table", "ActivityTable": "ActivityTable"},
            "AWS::Lambda::Function": {name: f"hub-dev-{name}" for name in statistics.WORKERS},
            "AWS::SQS::Queue": self.urls,
        }[kind]


class Watch:
    """Time, which passes only where it is waited for."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        """As `time.monotonic`."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """As `time.sleep`."""
        self.seconds += seconds


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(statistics, "time", watch)
    return watch


@pytest.fixture
def functions(watch: Watch) -> Lambda:
    return Lambda()


@pytest.fixture
def stack(aws: None, functions: Lambda) -> StackInMemory:
    """With two tenants: one has a ticket."""
    for tenant in ("acme", "other"):
        table.write(table.Put(table.entities(), {**keys.entity(tenant, "TENANT", tenant), "name": tenant}))
    tickets.create(Caller("acme", "enterprise", "ak_1", "req_1"), NewTicket(title="t"))
    return StackInMemory(functions)


def spoil(tenant: str, **amounts: int) -> None:
    place = keys.entity(tenant, counters.COUNTERS, totals.TICKETS)
    table.write(table.Put(table.activity(), {**place, **amounts}))


def test_it_tells_what_differed(stack: StackInMemory, functions: Lambda, capsys: pytest.CaptureFixture[str]) -> None:
    spoil("acme", open__medium=5, open__low=2)
    for url in stack.urls.values():
        stack.queues.send_message(QueueUrl=url, MessageBody="{}")
    assert statistics.rebuild(stack, None) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "The event sources are off; now nothing must be in flight for 180 seconds",
        "Counting is off; 2 events wait, of which the figures before tell nothing",
        "Counting is on",
    ]
    assert lines[3] == "acme: counted tickets 1; 3 figures differed:"
    assert re.fullmatch(r"  SUPPORT#20..-..-..T.. q._tickets: 0, now 1", lines[4])
    assert lines[5:7] == ["  TICKETS open__low: 2, now 0", "  TICKETS open__medium: 5, now 1"]
    assert lines[7:] == ["other: counted nothing; all agreed"]
    assert functions.changes == OFF_AND_ON
    assert statistics.rebuild(stack, "acme") == 0
    assert capsys.readouterr().out.splitlines()[3:] == ["acme: counted tickets 1; all agreed"]


def test_many_differences_are_not_all_listed(stack: StackInMemory, capsys: pytest.CaptureFixture[str]) -> None:
    spoil("other", **{f"open__{number}": 1 for number in range(25)})
    assert statistics.rebuild(stack, "other") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "other: counted nothing; 25 figures differed:"
    assert (len(lines), lines[-1]) == (25, "  and 5 more")


class InFlight:
    """What SQS tells of messages in flight, look by look; then none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *told: int) -> None:
        self.looks = 0
        look = statistics._attribute

        def attribute(stack: Stack, queue: str, which: str) -> int:
            if which != "ApproximateNumberOfMessagesNotVisible" or not queue.endswith("/TotalsQueue"):
                return look(stack, queue, which)
            self.looks += 1
            return told[self.looks - 1] if self.looks <= len(told) else 0

        monkeypatch.setattr(statistics, "_attribute", attribute)


@pytest.mark.parametrize(("told", "last"), [((), None), ((3, 1), 2), ((0, 0, 2), 3), ((*[0] * 100, 1), 101)])
def test_nobody_counts_meanwhile(
    stack: StackInMemory,
    functions: Lambda,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
    told: tuple[int, ...],
    last: int | None,
) -> None:
    functions.slow = 3
    in_flight = InFlight(monkeypatch, *told)
    seen: list[tuple[int, int]] = []

    def rebuilding(*_: Any) -> dict[str, Any]:
        seen.append((len(functions.off), in_flight.looks))
        return {}

    monkeypatch.setattr(recounting, "recount", rebuilding)
    assert statistics.rebuild(stack, None) == 0
    after = VISIBILITY + 1
    assert seen == [(2, after + (last or 0))], "off, and nothing in flight for as long as a batch can be"
    assert not functions.off


def test_the_emulators_number_is_taken_at_once(
    stack: StackInMemory, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.is_embedded = True
    in_flight = InFlight(monkeypatch, 1, 1)
    assert statistics.rebuild(stack, None) == 0
    assert in_flight.looks == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, Unavailable, ZeroDivisionError])
def test_it_is_on_again_whatever_happens(
    stack: StackInMemory, functions: Lambda, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def fails(*_: Any) -> None:
        raise error

    functions.slow = 2
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(recounting, "recount", fails)
    with pytest.raises(OperationError if error is Unavailable else error):
        statistics.rebuild(stack, None)
    assert functions.changes == OFF_AND_ON
    assert signal.getsignal(signal.SIGTERM) == handler


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_counting_on(
    stack: StackInMemory, functions: Lambda, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(recounting, "recount", lambda *_: os.kill(os.getpid(), number))
    with pytest.raises(KeyboardInterrupt):
        statistics.rebuild(stack, None)
    assert functions.changes == OFF_AND_ON


@pytest.mark.parametrize("mapping", MAPPINGS.values())
def test_if_it_cannot_be_switched_on_it_says_how(stack: StackInMemory, functions: Lambda, mapping: str) -> None:
    functions.refuses = mapping
    with pytest.raises(OperationError, match=f"Counting is OFF.*--enabled --uuid {mapping} "):
        statistics.rebuild(stack, None)
    assert functions.off == {mapping}, "the other is on again"


def test_work_that_never_ends_is_not_waited_for(
    stack: StackInMemory, functions: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    InFlight(monkeypatch, *[1, *[0] * (VISIBILITY - 1)] * 10)
    with pytest.raises(OperationError, match="run it again"):
        statistics.rebuild(stack, None)
    assert functions.changes == OFF_AND_ON


def test_a_tenant_that_does_not_exist_is_told(stack: StackInMemory) -> None:
    with pytest.raises(OperationError, match="hub-dev has no tenant nobody"):
        statistics.rebuild(stack, "nobody")


def test_what_cannot_be_counted_is_told_and_keeps_nothing_else_back(
    stack: StackInMemory, capsys: pytest.CaptureFixture[str]
) -> None:
    table.write(table.Put(table.entities(), {**keys.entity("acme", "TICKET", "ticket_broken"), "status": "lost"}))
    assert statistics.rebuild(stack, None) == 1
    assert "  ticket_broken cannot be counted: it is not what this version writes" in capsys.readouterr().out
    assert counters.read("acme", totals.TICKETS) == {"open__medium": 1}


def test_the_command_takes_a_tenant(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(name: str | None, root: Path, state_dir: Path) -> Stack:
        assert (name, state_dir.name) == ("hub-dev", ".local")
        assert (root / "samconfig.toml").is_file()
        return stack

    monkeypatch.setattr("operations.__main__.chosen", found)
    for tenant, status in (("acme", 0), ("nobody", 1)):
        command = ["operations", "rebuild-statistics", "--stack", "hub-dev", "--tenant", tenant]
        monkeypatch.setattr("sys.argv", command)
        assert main() == status
    told = capsys.readouterr()
    assert "acme: counted tickets 1" in told.out
    assert told.err == "hub-dev has no tenant nobody\n"


def test_functions_are_led_to_a_stack_on_aws_with_its_profile(
    functions: Lambda, aws: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile work]\nregion = eu-west-1\n")
    with monkeypatch.context() as patched:
        patched.setenv("AWS_CONFIG_FILE", str(config))
        stack = StackInMemory(functions)
        stack.__dict__["_session"] = boto3.Session(profile_name="work")
        patched.delenv("AWS_DEFAULT_REGION")
        for name in ("AWS_PROFILE", "TABLE_NAME", "ACTIVITY_TABLE_NAME"):
            patched.setenv(name, "another")
        stack.lead_functions_here()
        found = {name: os.environ[name] for name in ("AWS_PROFILE", "TABLE_NAME", "AWS_DEFAULT_REGION")}
    assert found == {"AWS_PROFILE": "work", "TABLE_NAME": "Table", "AWS_DEFAULT_REGION": "eu-west-1"}
