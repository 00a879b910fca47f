"""What can be done with exports; `part.py` does their work."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qsl

from functions.crm import jobs, objects
from functions.crm.customers import store as customers
from functions.crm.exports import store
from functions.crm.exports.models import COLUMNS, Export, ExportWithDownload, NewExport
from functions.crm.exports.store import StoredExport
from hub import ids, settings, times
from hub.errors import FieldError, InvalidRequest
from hub.store import query, totals
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.web.localisation import Language

CONTENT_TYPE = "text/csv; charset=utf-8"

MAX_CONDITIONS = 100

_NOT_OF_AN_EXPORT = ("page", "pageSize", "limit", "cursor", "fields")


@dataclass(frozen=True)
class ExportSettings:
    """The state machine that takes an export from step to step."""

    export_state_machine_arn: str


@cache
def _settings() -> ExportSettings:
    return settings.load(ExportSettings)


def start(tenant: str, wanted: NewExport) -> ExportWithDownload:
    """Begin an export. Raises `InvalidRequest` for a query that `GET /v1/customers` would refuse."""
    read(wanted.query)
    now = times.now_ms()
    made = StoredExport(
        id=ids.new(store.PREFIX, now),
        created_at=now,
        alive_until=now + jobs.ALIVE_MS,
        ttl=now // 1000 + objects.KEEP_SECONDS,
        query=wanted.query,
        fields=wanted.fields or list(COLUMNS),
        expected=totals.total(tenant, customers.KIND),
    )
    jobs.begin(store.KIND, tenant, made, _settings().export_state_machine_arn)
    return _with_download(tenant, made, "zh-CN")


def read(asked: str) -> ListQuery:
    """The customers that an export's query asks for, page by page. Raises `InvalidRequest`."""
    try:
        pairs = parse_qsl(asked, keep_blank_values=True, max_num_fields=MAX_CONDITIONS)
    except ValueError:
        raise InvalidRequest(FieldError("query", "malformed")) from None
    names = [name for name, _ in pairs]
    wrong = [FieldError(name, "duplicate") for name in dict.fromkeys(names) if names.count(name) > 1]
    wrong += [FieldError(name, "unknown_field") for name in names if name in _NOT_OF_AN_EXPORT]
    try:
        if wrong:
            raise InvalidRequest(wrong)
        return query.parse({**dict(pairs), "cursor": ""}, customers.LISTING.schema)
    except InvalidRequest as error:
        fields = [replace(one, field=f"query.{one.field}") for one in error.fields]
        raise InvalidRequest(fields) from None


def listed(tenant: str, asked: ListQuery, language: Language) -> Page[Export]:
    """Answer document 3's query language over the tenant's exports."""
    page = store.page(tenant, asked)
    return page.holding(_worded(row, language) for row in page.items)


def get(tenant: str, export_id: str, language: Language) -> ExportWithDownload:
    """Show how an export goes, and where it is once it is there."""
    return _with_download(tenant, jobs.get(store.KIND, StoredExport, tenant, export_id), language)


def _with_download(tenant: str, stored: StoredExport, language: Language) -> ExportWithDownload:
    url = None
    if stored.status == "completed" and stored.ttl > times.now():
        name = f"customers-{times.iso(stored.created_at / 1000)[:10]}.csv"
        url = objects.download_url(store.object_key(tenant, stored.id), name, CONTENT_TYPE)
    return {**_worded(store.shown(stored), language), "downloadUrl": url}


def _worded(row: Mapping[str, Any], language: Language) -> Export:
    return cast("Export", jobs.worded_row(row, language))
