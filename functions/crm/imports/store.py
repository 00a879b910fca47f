"""Imports, and the rows that they could not make customers of.

| item | table | pk | sk |
|---|---|---|---|
| import | Table | `T#<tenant>#IMPORT` | `import_…` |
| up to 50 bad rows | ActivityTable | `T#<tenant>#IMPORT_ERROR#<import id>` | the number of the last of them |
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.crm import jobs
from functions.crm.imports.rows import Encoding
from functions.crm.jobs import Job
from hub import times
from hub.errors import FieldError, InvalidRequest
from hub.events import Caller
from hub.store import items, keys, paging, plan, table
from hub.store.filters import FieldKind
from hub.store.paging import CursorPage, Page
from hub.store.plan import Listing
from hub.store.query import ListQuery, Schema

KIND = "IMPORT"
ERRORS = "IMPORT_ERROR"
PREFIX = "import"

TOGETHER = 50
"""Bad rows in an item: with five errors each, as long as they can be, they have less than 400 KB."""

BadRow = Mapping[str, Any]
"""`{"row", "code", "message", "errors"}`: numbers, and keys of `hub.web.localisation`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImport(Job):
    """An import. `offset` and `row` tell where the next step begins; `plan`, `actor` and `request_id` who asked for it.

    `size` and `tag` are of the file's content as it was when the import began.
    """

    file_id: str
    file_name: str
    size: int
    tag: str
    encoding: Encoding
    plan: str
    actor: str
    request_id: str
    offset: int = 0
    row: int = 0
    columns: list[str] = field(default_factory=list)
    created: int = 0
    failed: int = 0

    def caller(self, tenant: str) -> Caller:
        """On whose behalf customers are made."""
        return Caller(tenant, self.plan, self.actor, self.request_id)

    @property
    def progress(self) -> int:
        """How much of the file is done, in per cent."""
        return 100 if self.status == "completed" else self.offset * 100 // self.size


def shown(stored: StoredImport) -> dict[str, Any]:
    """An import as lists find it; what made it fail is not worded yet."""
    return {
        "id": stored.id,
        "fileId": stored.file_id,
        "fileName": stored.file_name,
        "encoding": stored.encoding,
        "status": stored.status,
        "progress": stored.progress,
        "rowsRead": stored.created + stored.failed,
        "rowsCreated": stored.created,
        "rowsFailed": stored.failed,
        "failure": stored.failure,
        "createdAt": times.iso(stored.created_at / 1000),
        "endedAt": jobs.shown_end(stored),
    }


LISTING = Listing(
    schema=Schema(
        {
            "id": FieldKind.TEXT,
            "fileId": FieldKind.TEXT,
            "fileName": FieldKind.TEXT,
            "encoding": FieldKind.TEXT,
            "status": FieldKind.TEXT,
            "progress": FieldKind.NUMBER,
            "rowsRead": FieldKind.NUMBER,
            "rowsCreated": FieldKind.NUMBER,
            "rowsFailed": FieldKind.NUMBER,
            "failure.reason": FieldKind.TEXT,
            "createdAt": FieldKind.TIME,
            "endedAt": FieldKind.TIME,
        },
        search=("fileName",),
    ),
    kind=KIND,
    prefix=PREFIX,
    shown=lambda item: shown(jobs.current(items.entity(StoredImport, item))),
)


def page(tenant: str, asked: ListQuery) -> Page[dict[str, Any]]:
    """Read a page of imports."""
    return plan.read(LISTING, tenant, asked)


def advance(tenant: str, before: StoredImport, after: StoredImport, bad: Sequence[BadRow]) -> bool:
    """Write how far a step has come and the bad rows that it met, or nothing; `False` where another was faster."""
    return jobs.advance(KIND, tenant, before, after, *_bad_rows(tenant, after, bad))


def bad_rows(tenant: str, import_id: str, size: int, cursor: str) -> CursorPage[BadRow]:
    """Read a page of an import's bad rows, in the order of the file; the cursor is the last row's number."""
    after = _read_cursor(cursor) if cursor else 0
    query = table.Query(table.activity(), keys.partition(tenant, ERRORS, import_id), newest_first=False)
    found: list[BadRow] = []
    # An item is found by its last row, so the first one from here on is that in which reading goes on.
    for page, _ in table.pages(query.since(_number(after + 1)), limit=2 + size // TOGETHER):
        found += [row for item in page for row in item["rows"] if row["row"] > after]
        if len(found) > size:
            break
    following = paging.write_cursor(str(found[size - 1]["row"])) if len(found) > size else None
    return CursorPage(found[:size], size, following)


def _bad_rows(tenant: str, stored: StoredImport, bad: Sequence[BadRow]) -> Iterator[table.Put]:
    for start in range(0, len(bad), TOGETHER):
        rows = list(bad[start : start + TOGETHER])
        place = keys.belonging(tenant, ERRORS, stored.id, _number(rows[-1]["row"]))
        yield table.Put(table.activity(), {**place, "rows": rows, "ttl": stored.ttl})


def _number(row: int) -> str:
    return f"{row:010d}"


def _read_cursor(cursor: str) -> int:
    written = paging.read_cursor(cursor)
    if not (written.isascii() and written.isdigit() and len(written) <= len(_number(0))):
        raise InvalidRequest(FieldError("cursor", "malformed"))
    return int(written)
