"""What can be done with imports; `page.py` does their work."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from functions.crm import jobs, objects
from functions.crm.files import store as files
from functions.crm.imports import store
from functions.crm.imports.models import BadRow, ErrorParameters, Import, NewImport
from functions.crm.imports.store import StoredImport
from hub import ids, settings, times
from hub.errors import FieldError, HubError, InvalidRequest, NotFound, Unprocessable
from hub.events import Caller
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.web.localisation import Language, text
from hub.web.styles import D3


@dataclass(frozen=True)
class ImportSettings:
    """The state machine that takes an import from step to step."""

    import_state_machine_arn: str


@cache
def _settings() -> ImportSettings:
    return settings.load(ImportSettings)


def start(caller: Caller, wanted: NewImport, language: Language) -> Import:
    """Begin an import. Raises `InvalidRequest` for an unknown file, `Unprocessable` for one that is not there whole."""
    try:
        file = files.get(caller.tenant, wanted.fileId, consistent=True)
    except NotFound:
        raise InvalidRequest(FieldError("fileId", "does_not_exist")) from None
    try:
        found = objects.find(files.object_key(caller.tenant, file.id))
    except objects.Gone:
        raise _unusable("not_uploaded") from None
    if found.size != file.size:
        raise _unusable("other_size", expected=file.size, size=found.size)
    now = times.now_ms()
    made = StoredImport(
        id=ids.new(store.PREFIX, now),
        created_at=now,
        alive_until=now + jobs.ALIVE_MS,
        ttl=now // 1000 + objects.KEEP_SECONDS,
        file_id=file.id,
        file_name=file.name,
        size=found.size,
        tag=found.tag,
        encoding=wanted.encoding,
        plan=caller.plan,
        actor=caller.actor,
        request_id=caller.request_id,
    )
    jobs.begin(store.KIND, caller.tenant, made, _settings().import_state_machine_arn)
    return _worded(store.shown(made), language)


def listed(tenant: str, asked: ListQuery, language: Language) -> Page[Import]:
    """Answer document 3's query language over the tenant's imports."""
    page = store.page(tenant, asked)
    return page.holding(_worded(row, language) for row in page.items)


def get(tenant: str, import_id: str, language: Language) -> Import:
    """Show how an import goes."""
    return _worded(store.shown(jobs.get(store.KIND, StoredImport, tenant, import_id)), language)


def bad_rows(tenant: str, import_id: str, asked: ErrorParameters, language: Language) -> Page[BadRow]:
    """List the rows that an import could not make customers of, in the order of the file."""
    page = store.bad_rows(tenant, import_id, asked.limit, asked.cursor)
    if not page.items:
        jobs.get(store.KIND, StoredImport, tenant, import_id)
    return page.holding(
        {
            "row": row["row"],
            "code": row["code"],
            "message": text(row["message"], language, style=D3.name),
            "errors": jobs.worded(row["errors"], language),
        }
        for row in page.items
    )


def bad_row(number: int, error: HubError) -> store.BadRow:
    """What is kept of a row that no customer could be made of."""
    return {
        "row": number,
        "code": error.business_code,
        "message": error.message_key,
        "errors": [jobs.stored_error(one) for one in error.fields[: jobs.MAX_ERRORS]],
    }


def _unusable(reason: str, **values: Any) -> Unprocessable:
    error = Unprocessable()
    error.fields = (FieldError("fileId", reason, values),)
    return error


def _worded(row: Mapping[str, Any], language: Language) -> Import:
    return cast("Import", jobs.worded_row(row, language))
