"""`make bench`: measure everything, print it, and write docs/benchmarks.md (`--quick`: fewer runs, nothing written)."""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.deployment import ROOT, deployed
from tests.benchmarks.receiver import receiving


def main() -> None:
    """Measure and report; the exit status says nothing about the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few runs of each, 2,000 rows; docs stay as they are")
    quick = parser.parse_args().quick
    invocations, import_runs, rows = (100, 3, 2_000) if quick else (500, 9, 100_000)

    started = time.monotonic()
    # They bring in `hub` and botocore, which must not happen in the receivers' process.
    from tests.benchmarks import cpu, imports, measure, prices, report, scale
    from tests.benchmarks.calls import Recorder

    with receiving() as receiver, TemporaryDirectory() as directory:
        with deployed(receiver) as deployment:
            recorder = Recorder()
            _say("calls", started)
            samples = measure.run_all(deployment, receiver, recorder, Path(directory))
            windows = measure.windows(deployment, recorder)
            _say(f"lists of {rows:,} rows", started)
            scales = scale.measure(deployment, receiver, recorder, rows)
        _say("CPU", started)
        timings = cpu.time_all(Path(directory), deployment.environment, invocations)
    _say("imports", started)
    imported = imports.measure(import_runs, deployment.environment)
    prices_used = prices.latest()
    costs = prices.costs(prices_used, {sample.name: sample for sample in samples}, timings)
    figures = report.Figures(
        samples, timings, windows, imported, scales, costs, prices_used, imports.versions(), invocations, import_runs
    )
    text = report.document(figures)
    sys.stdout.write(text)
    if not quick:
        (ROOT / "docs" / "benchmarks.md").write_text(text)
    _say("done" + ("" if quick else ", docs/benchmarks.md is written"), started)


def _say(what: str, started: float) -> None:
    sys.stderr.write(f"[{time.monotonic() - started:4.0f} s] {what}\n")


if __name__ == "__main__":
    main()
