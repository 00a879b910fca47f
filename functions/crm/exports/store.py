"""Exports.

| item | table | pk | sk |
|---|---|---|---|
| export | Table | `T#<tenant>#EXPORT` | `export_…` |
| how many part numbers were given out | ActivityTable | `T#<tenant>#EXPORT_PART` | `export_…` |
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from functions.crm import jobs
from functions.crm.jobs import Job
from hub import times
from hub.store import items, keys, plan, table
from hub.store.filters import FieldKind
from hub.store.paging import Page
from hub.store.plan import Listing
from hub.store.query import ListQuery, Schema

KIND = "EXPORT"
PARTS = "EXPORT_PART"
PREFIX = "export"

Phase = Literal["survey", "write", "finish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExport(Job):
    """An export.

    `fields` as they were asked for, `columns` as they are written, or while it is surveyed the custom fields found so
    far; `cursor` where the next step of the phase reads on. `total`: customers that the survey found, `expected` those
    of the tenant when it began. `carry`: the object with the text that is still too short for a part. `parts`: pairs
    of number and tag.
    """

    query: str
    fields: list[str]
    expected: int
    phase: Phase = "survey"
    cursor: str = ""
    total: int = 0
    columns: list[str] = field(default_factory=list)
    rows: int = 0
    upload_id: str | None = None
    parts: list[list[Any]] = field(default_factory=list)
    carry: str | None = None
    size: int | None = None

    @property
    def progress(self) -> int:
        """How far it is, in per cent: the survey is half of the reading."""
        if self.status == "completed":
            return 100
        if self.phase == "survey":
            return min(self.total * 50 // max(self.expected, 1), 49)
        return min(50 + self.rows * 50 // max(self.total, 1), 99)


def object_key(tenant: str, export_id: str) -> str:
    """Where in the bucket an export is."""
    return f"exports/{tenant}/{export_id}"


def carry_key(tenant: str, export_id: str, number: int) -> str:
    """Where in the bucket the text is that waits to become part of an export."""
    return f"{object_key(tenant, export_id)}/{number}"


def shown(stored: StoredExport) -> dict[str, Any]:
    """An export as lists find it; what made it fail is not worded yet."""
    return {
        "id": stored.id,
        "query": stored.query,
        "fields": stored.fields,
        "status": stored.status,
        "progress": stored.progress,
        "rows": stored.rows,
        "size": stored.size,
        "failure": stored.failure,
        "createdAt": times.iso(stored.created_at / 1000),
        "endedAt": jobs.shown_end(stored),
        "expiresAt": times.iso(stored.ttl),
    }


LISTING = Listing(
    schema=Schema(
        {
            "id": FieldKind.TEXT,
            "query": FieldKind.TEXT,
            "status": FieldKind.TEXT,
            "progress": FieldKind.NUMBER,
            "rows": FieldKind.NUMBER,
            "size": FieldKind.NUMBER,
            "failure.reason": FieldKind.TEXT,
            "createdAt": FieldKind.TIME,
            "endedAt": FieldKind.TIME,
            "expiresAt": FieldKind.TIME,
        },
        search=("query",),
    ),
    kind=KIND,
    prefix=PREFIX,
    shown=lambda item: shown(jobs.current(items.entity(StoredExport, item))),
)


def page(tenant: str, asked: ListQuery) -> Page[dict[str, Any]]:
    """Read a page of exports."""
    return plan.read(LISTING, tenant, asked)


def next_part(tenant: str, export: StoredExport) -> int:
    """A number for a part, given out once and greater than those before.

    So what an execution that was overtaken still uploads replaces no part of the one that was faster.
    """
    key = keys.entity(tenant, PARTS, export.id)
    change = table.Update(table.activity(), key, "ADD #n :one SET #ttl = :ttl", values={"one": 1, "ttl": export.ttl})
    return int(table.update(change, "UPDATED_NEW")["n"])
