"""`make load`: both runs, each on a stack of its own, into docs/load.md (`--quick`: a few events, nothing written)."""

import argparse
import sys
import time
from collections.abc import Sequence

from tests.e2e.running import ROOT
from tests.load import report
from tests.load.run import ALL_WELL, ENDPOINTS, Endpoint, Run, run
from tests.load.stacks import own_stack

EVENTS = 500
PER_MINUTE = 95
"""Below the hundred that an endpoint gets: what is measured is the way, not the wait for a slot."""

SECONDS = 450
_BEGUN = time.monotonic()


def main() -> None:
    """Run and report; the exit status says whether the healthy endpoints got everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help=f"for each of the 20 endpoints ({EVENTS})")
    parser.add_argument("--per-minute", type=float, default=PER_MINUTE, help=f"for each endpoint ({PER_MINUTE})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"after which a run is broken off ({SECONDS})")
    parser.add_argument(
        "--quick", action="store_true", help="20 events for each, no control run; docs stay as they are"
    )
    given = parser.parse_args()
    if given.quick:
        _say(report.section(_on_a_new_stack(ENDPOINTS, min(given.events, 20), given.per_minute, given.seconds)))
        return
    control = _on_a_new_stack(ALL_WELL, given.events, given.per_minute, given.seconds)
    _say(report.section(control))
    made = _on_a_new_stack(ENDPOINTS, given.events, given.per_minute, given.seconds)
    _say(report.section(made))
    text = report.document(made, control, given.per_minute)
    (ROOT / "docs" / "load.md").write_text(text)
    _say(text)
    if any(one.missing for one in (*made.healthy, *control.healthy)):
        raise SystemExit("not every event has come")


def _on_a_new_stack(endpoints: Sequence[Endpoint], events: int, per_minute: float, seconds: float) -> Run:
    with own_stack() as stack:
        _say(f"{events * len(endpoints):,} events to {len(endpoints)} endpoints; stack in {stack.state_dir}")
        return run(stack, endpoints, events, per_minute, seconds)


def _say(what: str) -> None:
    sys.stdout.write(f"[{time.monotonic() - _BEGUN:4.0f} s] {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
