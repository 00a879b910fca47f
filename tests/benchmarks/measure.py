"""One cold and one steady invocation of everything, on an AWS in memory: the calls, the log, the answers to replay."""

import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.calls import Calls, Recorder
from tests.benchmarks.deployment import MINUTE, Deployment, check
from tests.benchmarks.rows import forget
from tests.benchmarks.subject import Subject
from tests.benchmarks.subjects import KEYS, subjects


@dataclass(slots=True)
class Sample:
    """What one subject did: a process's first invocation (`cold`) and a later one (`steady`), its input, the time."""

    name: str
    module: str
    pieces: int
    is_endpoint: bool
    now: int
    event: Any
    cold: Calls
    steady: Calls
    log_bytes: int
    sent_bytes: int


def run_all(deployment: Deployment, receiver: str, recorder: Recorder, directory: Path) -> list[Sample]:
    """Measure every subject, each in a tenant of its own.

    What they were answered goes into the directory, a file for each: together it is more than there is memory.
    """
    samples = []
    for number, subject in enumerate(subjects()):
        sample = _run(deployment, receiver, recorder, subject)
        (directory / f"{number:04}").write_bytes(pickle.dumps(sample))
        samples.append(replace(sample, cold=Calls(), steady=sample.steady.without_answers()))
        forget()
    return samples


def _run(deployment: Deployment, receiver: str, recorder: Recorder, subject: Subject) -> Sample:
    from hub import secrets, tokens

    tenant = deployment.tenant()
    event_of = subject.events(tenant, receiver)
    deployment.pass_time(MINUTE)
    event = event_of()
    secrets.forget_keys()
    tokens.keys.cache_clear()
    with recorder.recording() as cold:
        check(subject.name, deployment.run(subject.module, event).value)
    event = event_of()
    with recorder.recording() as steady:
        answer = deployment.run(subject.module, event)
    check(subject.name, answer.value)
    return Sample(
        subject.name,
        subject.module,
        subject.pieces,
        subject.is_endpoint,
        deployment.now(),
        event,
        cold,
        steady,
        len(answer.log),
        _sent_bytes(answer.value) if subject.is_endpoint else 0,
    )


def _sent_bytes(response: dict[str, Any]) -> int:
    """What leaves AWS: the answer's body and headers."""
    headers = sum(len(name) + len(value) + 4 for name, value in response["headers"].items())
    return len(response.get("body", "").encode()) + headers


def windows(deployment: Deployment, recorder: Recorder) -> list[tuple[str, Calls]]:
    """The same read within a minute, as the first of a minute, and as the first of an hour."""
    tenant = deployment.tenant()
    key = tenant.ask(KEYS, "GET /v1/api-keys")["data"][0]["id"]
    made: list[tuple[str, Calls]] = []
    moments = (("within a minute", 0), ("the first of a minute", MINUTE), ("the first of an hour", 60 * MINUTE))
    for name, seconds in moments:
        deployment.pass_time(seconds)
        event = tenant.event("GET /v1/api-keys/{api_key_id}", api_key_id=key)
        with recorder.recording() as calls:
            check(name, deployment.run(KEYS, event).value)
        made.append((name, calls))
    return made
