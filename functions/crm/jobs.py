"""Imports and exports: work in the background, step after step, each with a checkpoint in the job's item.

The state machine `job.asl.yaml` knows no more of a job than its tenant and id. Where it is stands in the item, and a
step writes that only where the item is as the step read it: so a step may die anywhere and be done again, and of two
executions of one job one is always told that it was overtaken.

| item | table | pk | sk |
|---|---|---|---|
| job | Table | `T#<tenant>#IMPORT`, `T#<tenant>#EXPORT` | `import_…`, `export_…` |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from functions.crm.customers.models import RowError
from hub import executions, times
from hub.errors import FieldError, HubError, Unprocessable
from hub.store import items, keys, table
from hub.web.localisation import Language, text
from hub.web.styles import D3

Status = Literal["pending", "running", "completed", "failed"]
ENDED: frozenset[Status] = frozenset({"completed", "failed"})

ALIVE_MS = 30 * 60_000
"""How long a job is waited for that is not heard of: longer than a step's tries, with the waits between them, take."""

MAX_AT_WORK = 5
"""Imports of a tenant at work, and exports: each keeps a function busy, and they share the account's concurrency."""

MAX_LOOKED_AT = 100
"""The newest jobs, among which those at work are counted. One that a hundred have overtaken does not count."""

STEPS_PER_EXECUTION = 2000
"""A step is seven events of an execution's history, which takes 25,000."""

MAX_ERRORS = 5
MAX_PLACE = 100


class Failure(TypedDict):
    """Why a job failed: a word for programs, a sentence for people, and what was wrong in particular."""

    reason: str
    message: str
    errors: list[RowError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every job has; times in epoch milliseconds, `ttl` in seconds, `ended_at` as the state machine writes it."""

    id: str
    created_at: int
    alive_until: int
    ttl: int
    status: Status = "pending"
    steps: int = 0
    ended_at: str | None = None
    failure: Mapping[str, Any] | None = None


J = TypeVar("J", bound=Job)


def begin(kind: str, tenant: str, job: Job, machine: str) -> None:
    """Write a new job and hand it to its state machine. Raises `Unprocessable` where too many are at work."""
    if _number_at_work(kind, tenant) >= MAX_AT_WORK:
        raise Unprocessable("quota_exceeded", limit=MAX_AT_WORK)
    table.write(table.Put(table.entities(), _item(kind, tenant, job), table.ABSENT))
    state = {"tenant": tenant, "id": job.id, "step": {"status": "running", "number": 0}}
    try:
        executions.start(machine, job.id, state)
    except (BotoCoreError, ClientError):
        # Whether it was started nobody knows; if so, its first step finds it ended.
        _write(kind, tenant, failed(job, "stopped"), "#status = :pending", {"pending": "pending"})
        raise


def get(kind: str, shape: type[J], tenant: str, job_id: str) -> J:
    """Read a job as it stands by now. Raises `NotFound`."""
    return current(items.entity(shape, table.required(table.entities(), keys.entity(tenant, kind, job_id))))


def at_work(kind: str, shape: type[J], tenant: str, job_id: str) -> J | None:
    """Read a job for a step of its work; `None` where there is nothing left to do."""
    item = table.get(table.entities(), keys.entity(tenant, kind, job_id), consistent=True)
    job = items.entity(shape, item) if item else None
    return None if job is None or job.status in ENDED else job


def current(job: J) -> J:
    """A job as it stands by now: one that nobody has heard of for too long has failed."""
    if job.status in ENDED or job.alive_until > times.now_ms():
        return job
    return replace(job, status="failed", failure=failure("stopped"), ended_at=times.iso_ms(job.alive_until))


def advance(kind: str, tenant: str, before: Job, after: Job, *more: table.Operation) -> bool:
    """Write how far a step has brought a job, and `more` with it; `False` where the job is no longer where it was."""
    status: Status = after.status if after.status in ENDED else "running"
    moved = replace(after, status=status, steps=before.steps + 1, alive_until=times.now_ms() + ALIVE_MS)
    unmoved = "#steps = :steps AND #status IN (:pending, :running)"
    seen = {"steps": before.steps, "pending": "pending", "running": "running"}
    return _write(kind, tenant, moved, unmoved, seen, *more)


def completed(job: J) -> J:
    """A job at its end."""
    return replace(job, status="completed", ended_at=times.iso_ms(times.now_ms()))


def failed(job: J, reason: str, errors: Sequence[FieldError] = (), **values: Any) -> J:
    """A job that cannot go on; the reason is a key of `hub.web.localisation`."""
    return replace(
        job, status="failed", failure=failure(reason, errors, **values), ended_at=times.iso_ms(times.now_ms())
    )


def failure(reason: str, errors: Sequence[FieldError] = (), **values: Any) -> dict[str, Any]:
    """Why a job failed, as it is stored."""
    return {"reason": reason, "values": values, "errors": [stored_error(one) for one in errors[:MAX_ERRORS]]}


def stored_error(error: FieldError) -> dict[str, Any]:
    """What is wrong with a field, as it is stored: it is worded when it is read, in the reader's language."""
    return {"field": error.field[:MAX_PLACE], "reason": error.reason, "values": error.values}


def worded(errors: Sequence[Mapping[str, Any]], language: Language) -> list[RowError]:
    """What is wrong with fields, as callers read it."""
    error = HubError()
    error.fields = tuple(FieldError(one["field"], one["reason"], one["values"]) for one in errors)
    told: list[RowError] = D3().error(error, language, "")["errors"]
    return told


def shown_failure(stored: Mapping[str, Any], language: Language) -> Failure:
    """Why a job failed, as callers read it."""
    reason = stored["reason"]
    message = text(reason, language, stored["values"], D3.name)
    return {"reason": reason, "message": message, "errors": worded(stored["errors"], language)}


def worded_row(row: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """A job as callers read it, or the fields of it that a list asks for."""
    failure = row.get("failure")
    # Of a failure of which a part was asked for only, nothing is worded.
    if failure and "values" in failure:
        return {**row, "failure": shown_failure(failure, language)}
    return dict(row)


def shown_end(job: Job) -> str | None:
    """When a job ended, as callers read it."""
    return times.iso(times.epoch_ms(job.ended_at) / 1000) if job.ended_at else None


def answer(number: int, *, has_ended: bool) -> dict[str, Any]:
    """What step `number` of an execution answers to it: whether there is another one, perhaps another execution's."""
    if has_ended:
        return {"status": "ended", "number": number}
    return {"status": "running" if (number + 1) % STEPS_PER_EXECUTION else "continued", "number": number + 1}


def _number_at_work(kind: str, tenant: str) -> int:
    alive = "#status IN (:pending, :running) AND #alive_until > :now"
    values = {"pending": "pending", "running": "running", "now": times.now_ms()}
    query = table.Query(table.entities(), keys.partition(tenant, kind), condition=alive, values=values, consistent=True)
    found, _ = next(table.pages(query, limit=MAX_LOOKED_AT))
    return len(found)


def _write(kind: str, tenant: str, job: Job, condition: str, values: Mapping[str, Any], *more: table.Operation) -> bool:
    own = table.Put(table.entities(), _item(kind, tenant, job), f"{table.PRESENT} AND {condition}", values)
    try:
        table.write(own, *more)
    except table.ConditionFailed:
        return False
    return True


def _item(kind: str, tenant: str, job: Job) -> items.Item:
    return {**keys.entity(tenant, kind, job.id), **items.attributes(job)}
