"""One step of an export, as the state machine `functions/crm/job.asl.yaml` asks for it.

First all customers that match are read to know how many there are and which custom fields they have (`survey`), then
again to write them (`write`): as parts of a multipart upload, which S3 puts together in the end (`finish`). A step
reads for a while; text that is too short for a part by then waits in an object of its own.
"""

import csv
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from botocore.exceptions import ClientError

from functions.crm import cells, jobs, objects
from functions.crm.customers import store as customers
from functions.crm.customers.models import Customer
from functions.crm.exports import service, store
from functions.crm.exports.store import StoredExport
from functions.crm.imports import rows
from hub import aws
from hub.errors import FieldError, InvalidRequest
from hub.store.paging import CursorPage
from hub.telemetry import count, lambda_handler, logger

STEP_SECONDS = 20
"""After which a step reads no further page."""

PAGE = 5000
"""Customers that are read at once: as many as a page by cursor passes."""

PART_BYTES = 8 * 1024 * 1024
"""S3 takes parts of 5 MiB or more; only the last may be shorter."""

_BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel takes UTF-8 for the encoding of its country."""


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Do a step of an export (`{"tenant","id","step":{"number"}}`); answers whether there is another."""
    tenant, number = event["tenant"], event["step"]["number"]
    before = jobs.at_work(store.KIND, StoredExport, tenant, event["id"])
    if before is None:
        return jobs.answer(number, has_ended=True)
    try:
        after = _STEPS[before.phase](tenant, before)
    except InvalidRequest as error:
        after = jobs.failed(before, "invalid_request", error.fields)
    if not jobs.advance(store.KIND, tenant, before, after):
        return jobs.answer(number, has_ended=False)
    if before.carry and before.carry != after.carry:
        objects.delete(before.carry)
    count("ExportRows", after.rows - before.rows)
    has_ended = after.status in jobs.ENDED
    if has_ended:
        told = {"tenant": tenant, "export_id": after.id, "status": after.status, "failure": after.failure}
        logger().info("an export has ended", extra=told)
    return jobs.answer(number, has_ended=has_ended)


def _survey(tenant: str, before: StoredExport) -> StoredExport:
    found = set(before.columns)
    total = before.total
    cursor: str | None = before.cursor
    for page in _pages(tenant, before):
        total += len(page.items)
        cursor = page.next
        if cells.CUSTOM in before.fields:
            found.update(name for customer in page.items for name in customer["customFields"])
    names = sorted(found)
    columns = list(dict.fromkeys(column for one in before.fields for column in _columns_of(one, names)))
    if len(_lines([columns])) > rows.MAX_ROW_BYTES:
        return jobs.failed(before, "too_many_columns", [FieldError("fields", "too_many_bytes", _HEADER)])
    after = replace(before, total=total)
    if cursor is not None:
        return replace(after, cursor=cursor, columns=names)
    return replace(after, phase="write", cursor="", columns=columns)


def _write(tenant: str, before: StoredExport) -> StoredExport:
    if before.cursor:
        text = objects.read(before.carry) if before.carry else b""
    else:
        text = _BYTE_ORDER_MARK.encode() + _lines([before.columns])
    written = 0
    cursor: str | None = before.cursor
    for page in _pages(tenant, before):
        text += _lines([cells.written(customer, column) for column in before.columns] for customer in page.items)
        written += len(page.items)
        cursor = page.next
        if len(text) >= PART_BYTES:
            break
    after = replace(before, rows=before.rows + written, carry=None, cursor=cursor or "")
    if cursor is None:
        after = replace(after, phase="finish")
    if not text:
        return after
    number = store.next_part(tenant, before)
    if cursor is not None and len(text) < PART_BYTES:
        carry = store.carry_key(tenant, before.id, number)
        objects.write(carry, text)
        return replace(after, carry=carry)
    return _with_part(tenant, after, number, text)


def _with_part(tenant: str, export: StoredExport, number: int, text: bytes) -> StoredExport:
    place: Any = {"Bucket": objects.bucket(), "Key": store.object_key(tenant, export.id)}
    upload_id = export.upload_id
    if upload_id is None:
        made = aws.s3().create_multipart_upload(**place, ContentType=service.CONTENT_TYPE)
        upload_id = made["UploadId"]
    tag = aws.s3().upload_part(**place, UploadId=upload_id, PartNumber=number, Body=text)["ETag"]
    return replace(export, upload_id=upload_id, parts=[*export.parts, [number, tag]])


def _finish(tenant: str, before: StoredExport) -> StoredExport:
    key = store.object_key(tenant, before.id)
    parts: Any = [{"PartNumber": number, "ETag": tag} for number, tag in before.parts]
    try:
        aws.s3().complete_multipart_upload(
            Bucket=objects.bucket(), Key=key, UploadId=str(before.upload_id), MultipartUpload={"Parts": parts}
        )
    except ClientError as error:
        # A step that died after it had been done.
        if error.response["Error"]["Code"] != "NoSuchUpload":
            raise
    return jobs.completed(replace(before, size=objects.find(key).size))


def _pages(tenant: str, export: StoredExport) -> Iterator[CursorPage[Customer]]:
    """Pages of the customers from the export's cursor on, until a step has read enough."""
    started = time.monotonic()
    asked = replace(service.read(export.query), size=PAGE)
    cursor: str | None = export.cursor
    while cursor is not None:
        # A query with a cursor is answered by cursor, which no type tells.
        page = cast("CursorPage[Customer]", customers.page(tenant, asked.resumed(cursor)))
        yield page
        cursor = page.next
        if time.monotonic() - started > STEP_SECONDS:
            return


def _columns_of(field: str, custom_names: Sequence[str]) -> list[str]:
    return [f"{cells.CUSTOM}.{name}" for name in custom_names] if field == cells.CUSTOM else [field]


def _lines(values: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(values)
    return text.getvalue().encode()


_HEADER: dict[str, Any] = {"limit": rows.MAX_ROW_BYTES}
_STEPS = {"survey": _survey, "write": _write, "finish": _finish}
