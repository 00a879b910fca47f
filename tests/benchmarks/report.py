"""The figures as one Markdown document, aligned so that it reads in a terminal as well."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import subjects, targets
from tests.benchmarks.calls import Calls
from tests.benchmarks.cpu import Timing
from tests.benchmarks.imports import Import
from tests.benchmarks.measure import Sample
from tests.benchmarks.prices import Cost, Prices
from tests.benchmarks.scale import Scale

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured."""

    samples: list[Sample]
    timings: Mapping[str, Timing]
    windows: list[tuple[str, Calls]]
    imports: list[Import]
    scales: list[Scale]
    costs: list[Cost]
    prices: Prices
    versions: Mapping[str, str]
    invocations: int
    import_runs: int


def document(figures: Figures) -> str:
    """The whole report."""
    sections = [
        _head(figures),
        _targets(figures),
        _endpoints(figures),
        _windows(figures),
        _workers(figures),
        _imports(figures),
        _costs(figures),
        _scale(figures),
        _method(figures),
    ]
    return "\n\n".join(sections) + "\n"


def _head(figures: Figures) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in figures.versions.items())
    missing = subjects.unmeasured()
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench`; the targets are those of the design. Nothing here is a test: no figure fails a build.",
        "",
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_machine()}, Python {platform.python_version()}",
        f"- {versions}",
        f"- prices: `tests/benchmarks/prices/{figures.prices.name}`",
        f"- not measured: {', '.join(missing) or 'nothing; every route and every worker of the template is here'}",
    ]
    return "\n".join(lines)


def _machine() -> str:
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        names = [
            line.partition(":")[2].strip() for line in information.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return f"{os.cpu_count()} CPUs ({model}), load {os.getloadavg()[0]:.1f}"


def _targets(figures: Figures) -> str:
    found = targets.verdicts(figures.samples, figures.timings, figures.imports, figures.costs, figures.scales)
    met = sum(verdict.met for verdict in found)
    rows = [
        (_mark(verdict.met), verdict.target, verdict.measured, verdict.reason)
        for verdict in sorted(found, key=lambda one: one.met)
    ]
    text = f"""## Targets

{met} of {len(found)} are met; those that are not come first. CPU is held to its target without botocore's work: read to
the letter, with AWS cut off only at HTTP ("with botocore" below), no request that calls AWS meets it, because one
DynamoDB call through botocore takes more than the whole 0.12 ms."""
    return text + "\n\n" + _table(("", "target", "measured", "why not"), rows)


def _endpoints(figures: Figures) -> str:
    rows = []
    for sample in figures.samples:
        if sample.is_endpoint:
            timing = figures.timings[sample.name]
            cost = sum(figures.prices.invocation(sample, timing).values())
            marks = (_mark(targets.has_few_calls(sample)), _mark(targets.is_quick(timing)))
            rows.append((f"`{sample.name}`", *_work(sample), *_times(timing), f"{cost:.2f}", *marks))
    head = ("request", "DynamoDB calls", "WRU", "RRU", "other calls", "log B", "CPU ms", "with botocore", "$/million")
    text = f"""## Requests

Within a minute of the first, in a warm function. CPU: without any AWS call, and with botocore building, signing and
parsing its calls (HTTP itself left out). Dollars: everything, the gateway included. The last two columns: whether it
makes at most {targets.CALLS} AWS calls, and takes at most {targets.CPU_MS} ms of CPU.

What makes further calls: a change reads what it changes, and is written on condition that nobody changed it
meanwhile; a list by a filter reads an index of keys, so that most changes cost no write of it, then the rows; a list
by page number counts; what belongs to something reads that first, so that another tenant's is a 404; quotas are
counted; what a provider, IoT Core, KMS or a state machine does is asked of it. What takes CPU: a row that is read and
shown, 20 µs; an entity, its event and its index keys that become attribute values, 50 µs; secrets, signatures and
passwords (scrypt is meant to take long); calls to others over loopback HTTP."""
    return text + "\n\n" + _table((*head, "calls", "CPU"), rows)


def _workers(figures: Figures) -> str:
    rows = []
    for sample in figures.samples:
        if not sample.is_endpoint:
            timing = figures.timings[sample.name]
            cost = sum(figures.prices.invocation(sample, timing).values())
            rate = f"{sample.pieces * 1000 / timing.with_botocore:,.0f}"
            rows.append((sample.name, *_work(sample), *_times(timing), rate, f"{cost:.2f}"))
    head = ("batch", "DynamoDB calls", "WRU", "RRU", "other calls", "log B", "CPU ms", "with botocore", "per CPU s")
    near, far = (
        targets.deliveries_a_second(milliseconds)
        for milliseconds in (
            figures.timings["deliver, 10 messages"].without_aws,
            figures.timings["deliver, 10 messages"].with_botocore,
        )
    )
    text = f"""## Workers

Calls, units and CPU of a whole batch; rate and dollars of one message or change, that Lambda alone. Deliveries are
really signed and sent, over keep-alive to loopback receivers in another process: **{far:,.0f} deliveries a second of
one vCPU** with botocore's work for its tables, {near:,.0f} without."""
    return text + "\n\n" + _table((*head, "$/million"), rows)


def _work(sample: Sample) -> Row:
    calls = sample.steady
    return (
        calls.summary(dynamodb=True),
        f"{calls.write_units}",
        f"{calls.read_units:g}",
        calls.summary(dynamodb=False),
        f"{sample.log_bytes}",
    )


def _times(timing: Timing) -> Row:
    return f"{timing.without_aws:.3f}", f"{timing.with_botocore:.2f}"


def _windows(figures: Figures) -> str:
    rows = [
        (name, calls.summary(dynamodb=True), f"{calls.write_units}", f"{calls.read_units:g}")
        for name, calls in figures.windows
    ]
    text = """## The first request of a minute

`GET /v1/api-keys/{api_key_id}`. The counting write fails on the old minute and is followed by the one that turns the
window; at a new hour that one is a transaction, which also keeps the finished hour."""
    return text + "\n\n" + _table(("request", "DynamoDB calls", "WRU", "RRU"), rows)


def _imports(figures: Figures) -> str:
    rows = [
        (one.name, f"{one.cpu:.0f}", f"{one.wall:.0f}", f"{one.cpu_ratio:.2f}", f"{one.wall_ratio:.2f}")
        for one in figures.imports
    ]
    text = f"""## Imports

Milliseconds over a bare interpreter, medians of {figures.import_runs} fresh processes each, in turn; of the built
functions and layers, bytecode shipped, the first AWS client included (the reference needs none)."""
    return text + "\n\n" + _table(("Lambda", "CPU ms", "ms", "CPU ratio", "time ratio"), rows)


def _costs(figures: Figures) -> str:
    names = list(dict.fromkeys(name for cost in figures.costs for name in cost.parts))
    rows = []
    for cost in figures.costs:
        parts = [f"{cost.parts.get(name, 0):.2f}" if cost.parts.get(name) else "" for name in names]
        target = "" if cost.target is None else f"{cost.target:.2f}"
        rows.append((cost.name, *parts, f"**{cost.total:.2f}**", target, cost.note))
    text = """## Dollars a million

us-east-1 list prices, no free tier. Lambda's duration is estimated: the CPU above at the share of a vCPU that goes with
the function's memory, and a fixed waiting time for each AWS call (the price file's `assumptions`). Not in it, because
it does not grow with requests: storage, the metrics' monthly price, alarms, and the empty polls of the queues (about
$0.26 a month each)."""
    return text + "\n\n" + _table(("what", *names, "total", "target", ""), rows)


def _scale(figures: Figures) -> str:
    rows = []
    for scale in figures.scales:
        cells = [
            f"{size:,}: {len(calls.made)} calls, {calls.read_units:g} RRU" + (f", {status}" if status != 200 else "")
            for size, calls, status in zip(scale.rows, scale.calls, scale.status, strict=True)
        ]
        rows.append((scale.name, *cells, _mark(scale.met), scale.note))
    text = "## Scale\n\nThe same question to a tenant with few rows and to one with many."
    return text + "\n\n" + _table(("question", "few rows", "many rows", "same", ""), rows)


def _method(figures: Figures) -> str:
    return f"""## How it is measured

- **Calls and units**: each function runs once cold and once more on moto, in a tenant of its own, on a clock that
  stands still. Units follow DynamoDB's rules from the sizes of the items themselves (`tests/benchmarks/capacity.py`):
  before and after each write, before each filter; transactions twice, refused writes as well, reads half.
- **CPU**: moto is off; what it answered is played back, first in place of `hub.aws`, then under botocore in place of
  the network. `time.process_time`, median of ten batches, about {figures.invocations:,} invocations (a page of
  hundreds of rows fewer), log line and metrics written to `/dev/null`. The design's 0.12 ms is held against the first
  cut: a DynamoDB call through botocore alone takes three times that.
- **Imports**: see above; `gc` is off while `hub` imports, as in Lambda.
- **Scale**: rows are put straight into moto, copies of one real row.
- What only AWS can show: the waiting times, Lambda's real duration and cold start, throttling."""


def _mark(met: bool) -> str:
    return "✓" if met else "✗"


def _table(head: Row, rows: Sequence[Row]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join((lines[0], rule, *lines[1:]))
