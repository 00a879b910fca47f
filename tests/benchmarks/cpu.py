"""CPU time of an invocation, with recorded answers in place of AWS, in a process without moto.

Two cuts: at `hub.aws` (what our own code and its libraries take, no AWS call) and at HTTP (botocore's work of
building, signing and parsing included, its sockets not). Webhooks are really sent, to the loopback receivers.
"""

import importlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from io import BytesIO
from itertools import cycle
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from jwt import api_jwt

from tests.benchmarks.deployment import ROOT, Context, check, jwt_clock
from tests.benchmarks.measure import Sample

BATCHES = 10
WARM_UP = 20
LONGEST_BATCH = 0.05
"""Seconds: what takes long is timed fewer times."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of CPU of one invocation, cut at `hub.aws` and at HTTP, and of waiting included, cut at HTTP."""

    without_aws: float
    with_botocore: float
    wall: float


def time_all(samples: Path, environment: dict[str, str], invocations: int) -> dict[str, Timing]:
    """Time every sample of a directory, `invocations` times each, in a process of their own."""
    with tempfile.TemporaryDirectory() as directory:
        made = Path(directory, "timings")
        command = [sys.executable, "-m", "tests.benchmarks.cpu", str(samples), str(made), str(invocations)]
        # Its standard output is the functions' log.
        variables = {**os.environ, **environment}
        subprocess.run(command, cwd=ROOT, env=variables, check=True, stdout=subprocess.DEVNULL, timeout=1800)
        timings = json.loads(made.read_text())
    return {name: Timing(*figures) for name, figures in timings.items()}


def _time(sample: Sample, invocations: int) -> Timing:
    from hub import times

    # Answers fit the moment they were recorded at: at another one a window would turn.
    times.now, times.now_ms = lambda: sample.now, lambda: sample.now * 1000
    vars(api_jwt)["datetime"] = jwt_clock(times.now)
    # Where the clock stands still, whoever waits for a slot waits for it every time.
    time.sleep = lambda _: None
    handler = importlib.import_module(sample.module).handler
    # The first invocation has the answers that only a process's first one asks for: data keys.
    with_aws = _at_http(sample.cold.made)
    handler(sample.event, Context())
    cuts = [_at_boundary(sample.steady.made), with_aws(sample.steady.made)]
    cuts[1]()
    # Only these answers are to this event, and to as many calls as it makes.
    check(sample.name, handler(sample.event, Context()))
    longest = int(LONGEST_BATCH / (_batch(handler, sample.event, WARM_UP)[1] / 1000))
    size = max(1, min(invocations // sample.pieces // BATCHES, longest))
    results: list[list[tuple[float, float]]] = [[], []]
    for turn in range(BATCHES + 1):
        for cut, result in zip(cuts, results, strict=True):
            cut()
            figures = _batch(handler, sample.event, size if turn else min(size, WARM_UP))
            if turn:
                result.append(figures)
    near, far = results
    return Timing(median(cpu for cpu, _ in near), median(cpu for cpu, _ in far), median(wall for _, wall in far))


def _batch(handler: Callable[[Any, Any], Any], event: Any, size: int) -> tuple[float, float]:
    context = Context()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(size):
        handler(event, context)
    return (time.process_time() - cpu) / size * 1000, (time.perf_counter() - wall) / size * 1000


def _at_boundary(calls: list[Any]) -> Callable[[], None]:
    """Answer in place of the clients of `hub.aws`."""
    from botocore import xform_name
    from botocore.exceptions import ClientError

    from hub import aws
    from tests.benchmarks.calls import STREAMS

    def method(name: str, answers: Iterator[Any]) -> Callable[..., Any]:
        def call(**_: Any) -> Any:
            answer = next(answers)
            if "Error" in answer:
                raise ClientError(answer, name)
            return answer | {name: BytesIO(answer[name]) for name in STREAMS if name in answer}

        return call

    clients: dict[str, SimpleNamespace] = {}
    for service, operation in {(call.service, call.operation) for call in calls}:
        answers = cycle([call.parsed for call in calls if (call.service, call.operation) == (service, operation)])
        client = clients.setdefault(service, SimpleNamespace())
        setattr(client, xform_name(operation), method(operation, answers))

    def switch() -> None:
        for service, client in clients.items():
            setattr(aws, service, lambda client=client: client)

    return switch


def _at_http(calls: list[Any]) -> Callable[[list[Any]], Callable[[], None]]:
    """Answer in place of the network, under botocore's own clients; takes further answers for later."""
    from botocore.awsrequest import AWSResponse

    from hub import aws
    from tests.benchmarks.calls import SERVICES

    queues: dict[str, Iterator[Any]] = {}

    def load(more: list[Any]) -> None:
        for operation in {call.operation for call in more}:
            queues[operation] = cycle([call for call in more if call.operation == operation])

    def answer(request: Any, event_name: str, **_: Any) -> Any:
        call = next(queues[event_name.rpartition(".")[2]])
        raw = SimpleNamespace(stream=lambda **_: iter((call.body,)), read=BytesIO(call.body).read)
        return AWSResponse(request.url, call.status, call.headers, raw)

    def switch() -> None:
        for service, client in SERVICES.items():
            setattr(aws, service, client)

    aws.forget_clients()
    switch()
    for client in SERVICES.values():
        client().meta.events.register("before-send", answer)
    load(calls)

    def later(more: list[Any]) -> Callable[[], None]:
        load(more)
        return switch

    return later


def _main(samples: Path, made: Path, invocations: int) -> None:
    timings = {}
    for file in sorted(samples.iterdir()):
        sample: Sample = pickle.loads(file.read_bytes())
        timings[sample.name] = astuple(_time(sample, invocations))
    made.write_text(json.dumps(timings))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
