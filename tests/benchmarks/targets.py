"""DESIGN's targets ("Speed"), held against what was measured, and why one is missed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.cpu import Timing
from tests.benchmarks.imports import Import
from tests.benchmarks.measure import Sample
from tests.benchmarks.prices import Cost
from tests.benchmarks.scale import Scale

IMPORT_RATIO = 1.35
CPU_MS = 0.12
DELIVERIES = 500
CALLS = 2
"""The counter, and the one read or write that a request is about."""

_COST_REASONS = {
    "forwarded message": "two dollars of it are the callback's request, which several mappings share, and the event on "
    "the bus; the rest is one write with its index, the FIFO queue, and the wait for the target",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target and what was measured; `reason` where it is missed."""

    target: str
    measured: str
    met: bool
    reason: str = ""


def verdicts(
    samples: Iterable[Sample],
    timings: Mapping[str, Timing],
    imports: Iterable[Import],
    costs: Iterable[Cost],
    scales: Iterable[Scale],
) -> list[Verdict]:
    """Every target, met or not; those of the requests together."""
    requests = [sample for sample in samples if sample.is_endpoint]
    made = [
        _all(f"a request: at most {CALLS} AWS calls", list(map(has_few_calls, requests))),
        _all(f"a request: at most {CPU_MS} ms of CPU", [is_quick(timings[sample.name]) for sample in requests]),
    ]
    made += [_import(one) for one in imports if one.is_endpoint]
    made += [_cost(cost) for cost in costs if cost.target is not None]
    made.append(_delivery(timings["deliver, 10 messages"]))
    return made + [_scale(scale) for scale in scales]


def has_few_calls(sample: Sample) -> bool:
    """Whether a request keeps its target of calls."""
    return len(sample.steady.made) <= CALLS


def is_quick(timing: Timing) -> bool:
    """Whether a request keeps its target of CPU."""
    return timing.without_aws <= CPU_MS


def deliveries_a_second(milliseconds: float) -> float:
    """Of one vCPU, from the CPU time of a batch of ten."""
    return 10 * 1000 / milliseconds


def _all(target: str, met: Sequence[bool]) -> Verdict:
    return _verdict(target, f"{sum(met)} of {len(met)} do", all(met), "see the marks and the causes below")


def _import(one: Import) -> Verdict:
    met = one.cpu_ratio <= IMPORT_RATIO
    return _verdict(f"{one.name}: import at most {IMPORT_RATIO} times boto3's", f"{one.cpu_ratio:.2f}", met, None)


def _cost(cost: Cost) -> Verdict:
    assert cost.target is not None
    met = cost.total <= cost.target
    name = f"{cost.name}: at most ${cost.target:.2f} a million"
    return _verdict(name, f"${cost.total:.2f}", met, _COST_REASONS.get(cost.name))


def _delivery(timing: Timing) -> Verdict:
    rate = deliveries_a_second(timing.with_botocore)
    return _verdict(
        f"at least {DELIVERIES} signed deliveries a second of one vCPU", f"{rate:.0f}", rate >= DELIVERIES, None
    )


def _scale(scale: Scale) -> Verdict:
    few, many = scale.calls
    measured = f"{len(few.made)} calls, {few.read_units:g} RRU; {len(many.made)} calls, {many.read_units:g} RRU"
    sizes = " and ".join(f"{rows:,}" for rows in scale.rows)
    return _verdict(f"{scale.name}: the same at {sizes} rows", measured, scale.met, scale.note or None)


def _verdict(target: str, measured: str, met: bool, reason: str | None) -> Verdict:
    return Verdict(target, measured, met, "" if met else reason or "not looked into yet")
