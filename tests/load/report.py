"""What the runs have shown, as one Markdown document that reads in a terminal as well."""

import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.load.run import Outcome, Run

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
STEADY = "healthy"
COUNTS = ("of them", "sent", "received", "missing", "requests", "repeated", "most in a minute")
FIGURES = ("endpoints", *COUNTS, *QUANTILES)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of sorted values that at least this share of them does not exceed."""
    return values[min(len(values) - 1, max(0, -int(-share * len(values) // 1) - 1))]


def latencies(outcomes: Iterable[Outcome]) -> list[float]:
    """Seconds from event to receipt at several endpoints together, sorted."""
    return sorted(latency for outcome in outcomes for latency in outcome.latencies)


def section(made: Run) -> str:
    """One run: two tables, by kind of endpoint."""
    kinds: dict[str, list[Outcome]] = {}
    for outcome in made.outcomes:
        kinds.setdefault(outcome.endpoint.kind, []).append(outcome)
    refused = sum((outcome.refused for outcome in made.outcomes), Counter[str]())
    lines = [
        _head(made),
        *(f"Refused: {count} times {text}" for text, count in refused.items()),
        "",
        _table(FIGURES, [_figures(kind, outcomes) for kind, outcomes in kinds.items()]),
        "",
        _table(("endpoints", "success", "pending", "failed"), [_rows(*item) for item in kinds.items()]),
    ]
    return "\n".join(lines)


def _head(made: Run) -> str:
    sent = sum(len(outcome.sent) for outcome in made.outcomes)
    missing = sum(outcome.missing for outcome in made.healthy)
    end = f"{missing} are missing at the healthy endpoints" if missing else "the healthy endpoints had all"
    return (
        f"{sent:,} changes in {made.sending_seconds:.0f} s, none begun over {made.latest_start:.2f} s after its time; "
        f"{end} after {made.seconds:.0f} s. Load average {made.load_before:.1f} before, {made.load_after:.1f} after."
    )


def comparison(made: Run, control: Run) -> str:
    """The endpoints that answer in both runs, beside each other."""
    runs = {"with the four": made, "without": control}
    found = {name: latencies(_steady(one)) for name, one in runs.items()}
    rows = [
        (name, f"{len(values):,}", *(_seconds(quantile(values, share)) for share in QUANTILES.values()))
        for name, values in found.items()
        if values
    ]
    after = sum(value > found["without"][-1] for value in found["with the four"]) if found["without"] else 0
    text = f"{after} of {len(found['with the four']):,} came later than the latest of the control run."
    return _table(("healthy endpoints", "events", *QUANTILES), rows) + "\n\n" + text


def document(made: Run, control: Run, per_minute: float) -> str:
    """Both runs, and what they are."""
    sent = sum(len(outcome.sent) for outcome in made.outcomes)
    return f"""# Load

Made by `make load`. {sent:,} events to {len(made.outcomes)} endpoints, each of a tenant of its own: 16 answer, two are
dead, one answers after 8 s, one answers 429 with `Retry-After: 30`.

- {machine()}
- Callers, the embedded AWS with its functions and the receivers share this one machine. AWS itself was not measured.

## With the four and without

{comparison(made, control)}

The **control run** has four endpoints that answer in the place of the bad four: as many events at the same pace.
What the four do to the others is the difference between the two.

## The run

{section(made)}

"Missing" of the dead, the slow and the busy are those not tried yet when the run ended; their deliveries go on.
"Most in a minute" counts attempts by the minutes of the clock.

## The control run

{section(control)}

## How it is measured

Callers make API keys over HTTP, {per_minute:g} a minute in each tenant and twice as many in one. Each is a change in
the table, whose event goes over the stream, the bus, the fan-out and a queue to its webhook. **Latency** is from
the event's `timestamp`, set by the function that makes the change, to the moment at which the endpoint has read the
request's head. Each endpoint has a port of its own, all are in one process apart. Before the run every endpoint that
answers has got one event, so that no function's start is in the figures; the bad ones are met for the first time in it.

An endpoint gets 100 deliveries a minute at most. Where events come faster, as in one tenant, they wait for their slots:
that endpoint's latency is the pace's, and none of its events may be missing.

`make load` takes about 12 minutes and wants a machine that does nothing else; it says when events are missing.
`python -m tests.load --help` has fewer events and other paces, `tests/e2e/test_load.py` is a small run in `make test`.
"""


def machine() -> str:
    """When and where this ran."""
    information = Path("/proc/cpuinfo")
    text = information.read_text() if information.is_file() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    model = names[0] if names else platform.processor() or platform.machine()
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} CPUs ({model}), Python {platform.python_version()}"
    )


def _steady(made: Run) -> list[Outcome]:
    return [outcome for outcome in made.outcomes if outcome.endpoint.kind == STEADY]


def _figures(kind: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    values = latencies(outcomes)
    counted = (
        len(outcomes),
        sum(len(outcome.sent) for outcome in outcomes),
        sum(len(outcome.received) for outcome in outcomes),
        sum(outcome.missing for outcome in outcomes),
        sum(len(outcome.requests) for outcome in outcomes),
        sum(outcome.repeated for outcome in outcomes),
        max(outcome.in_a_minute for outcome in outcomes),
    )
    times = (_seconds(quantile(values, share)) if values else "" for share in QUANTILES.values())
    return (kind, *(f"{count:,}" for count in counted), *times)


def _rows(kind: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    rows: Mapping[str, int] = sum((outcome.rows for outcome in outcomes), Counter[str]())
    return (kind, *(f"{rows.get(status, 0):,}" for status in ("success", "pending", "failed")))


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        first, *others = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])
