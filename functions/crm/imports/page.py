"""One step of an import, as the state machine `functions/crm/job.asl.yaml` asks for it.

A row's customer has an id that comes of import and row, so a step that is done again makes no second one; its bad rows
are written with its checkpoint, in one transaction. What a step that died had made is counted by the next.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from pydantic import ValidationError

from functions.crm import cells, jobs, objects
from functions.crm.customers import service as customers
from functions.crm.customers import store as customer_store
from functions.crm.customers.models import NewCustomer
from functions.crm.files import store as files
from functions.crm.imports import rows, service, store
from functions.crm.imports.rows import Row
from functions.crm.imports.store import BadRow, StoredImport
from hub import ids
from hub.errors import FieldError, HubError, InvalidRequest, Unavailable
from hub.telemetry import count, lambda_handler, logger
from hub.web.validation import invalid

PAGE = 500
"""Rows of a step."""

MAX_LINES = 10_000
"""Rows of a step with the empty ones between them."""

MAX_FAILED = 10_000
"""Bad rows after which an import stops: it is the file that is wrong, not some of its rows."""


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Import a page of a file (`{"tenant","id","step":{"number"}}`); answers whether there is another.

    Raises `Unavailable` where DynamoDB was in the way; the same step can then be done again, as after a death anywhere.
    """
    tenant, number = event["tenant"], event["step"]["number"]
    before = jobs.at_work(store.KIND, StoredImport, tenant, event["id"])
    if before is None:
        return jobs.answer(number, has_ended=True)
    after, bad = _step(tenant, before)
    if not store.advance(tenant, before, after, bad):
        # Another execution was faster, and has counted these rows.
        return jobs.answer(number, has_ended=False)
    count("ImportRowsCreated", after.created - before.created)
    count("ImportRowsRefused", after.failed - before.failed)
    has_ended = after.status in jobs.ENDED
    if has_ended:
        told = {"tenant": tenant, "import_id": after.id, "status": after.status, "failure": after.failure}
        logger().info("an import has ended", extra=told)
    return jobs.answer(number, has_ended=has_ended)


def _step(tenant: str, before: StoredImport) -> tuple[StoredImport, list[BadRow]]:
    content = objects.Found(before.size, before.tag)
    pieces = objects.pieces(files.object_key(tenant, before.file_id), content, before.offset)
    lines = islice(rows.read(pieces, before.encoding, before.offset, before.row), MAX_LINES)
    try:
        after = before if before.columns else _with_columns(before, lines)
        if after.status in jobs.ENDED:
            return after, []
        page = list(_page(lines))
    except objects.Gone:
        return jobs.failed(before, "file_gone"), []
    except objects.Replaced:
        return jobs.failed(before, "file_replaced"), []
    bad = _import(tenant, after, [row for row in page if not _is_empty(row)])
    read = sum(not _is_empty(row) for row in page)
    last = page[-1] if page else None
    after = replace(
        after,
        offset=last.end if last else after.offset,
        row=last.number if last else after.row,
        created=after.created + read - len(bad),
        failed=after.failed + len(bad),
    )
    if after.offset >= after.size:
        return jobs.completed(after), bad
    return (jobs.failed(after, "too_many_bad_rows", limit=MAX_FAILED) if after.failed >= MAX_FAILED else after), bad


def _with_columns(before: StoredImport, lines: Iterator[Row]) -> StoredImport:
    """The import with the columns that its first row with something in it names, and behind that row."""
    for row in lines:
        if row.flaw:
            return jobs.failed(before, "bad_header", [FieldError("header", row.flaw, _VALUES)])
        if _is_empty(row):
            continue
        names = cells.columns(row.values)
        wrong = list(cells.wrong_columns(names))
        if wrong:
            return jobs.failed(before, "bad_header", wrong)
        return replace(before, columns=names, offset=row.end, row=row.number)
    return jobs.failed(before, "bad_header", [FieldError("header", "missing")])


def _page(lines: Iterator[Row]) -> Iterator[Row]:
    """The rows of a step, as many as have something in them, and the empty ones between them."""
    wanted = PAGE
    for row in lines:
        yield row
        wanted -= not _is_empty(row)
        if not wanted:
            return


def _is_empty(row: Row) -> bool:
    return not row.flaw and not any(row.values)


def _import(tenant: str, stored: StoredImport, page: Sequence[Row]) -> list[BadRow]:
    """Make the customers of rows; answers with the rows that there is none of, in their order."""
    outcome: dict[int, HubError] = {}
    wanted: dict[int, NewCustomer] = {}
    for row in page:
        try:
            wanted[row.number] = _customer(stored.columns, row)
        except InvalidRequest as error:
            outcome[row.number] = error
    made_ids = [ids.derived(customer_store.PREFIX, stored.created_at, stored.id, str(number)) for number in wanted]
    made = customers.create_many(stored.caller(tenant), list(wanted.values()), made_ids)
    for number, one in zip(wanted, made, strict=True):
        if isinstance(one, Unavailable):
            raise one
        if isinstance(one, HubError):
            outcome[number] = one
    return [service.bad_row(number, outcome[number]) for number in sorted(outcome)]


def _customer(columns: Sequence[str], row: Row) -> NewCustomer:
    if row.flaw:
        raise InvalidRequest(FieldError("row", row.flaw, _VALUES))
    if len(row.values) < len(columns) or any(row.values[len(columns) :]):
        values = {"expected": len(columns), "count": len(row.values)}
        raise InvalidRequest(FieldError("row", "wrong_number_of_columns", values))
    try:
        return NewCustomer.model_validate(cells.read(columns, row.values))
    except ValidationError as error:
        raise invalid(error) from None


_VALUES = {"limit": rows.MAX_ROW_BYTES}
