"""Samples of the routes of files, imports and exports, and of what does their work."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from hub import ids
from tests.benchmarks import customers
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject
from tests.contract import memory

FILES, IMPORTS, EXPORTS = (f"functions.crm.{one}.api" for one in ("files", "imports", "exports"))
UPLOADS, PAGE, PART = "functions.crm.files.uploads", "functions.crm.imports.page", "functions.crm.exports.part"

_ROWS = 100
"""A step takes 500; moto copies its tables for every transaction."""

_BAD = b"name,status\n" + b"a,wrong\n" * 100
_COLUMNS = ("name", "industry", "contact.name", "contact.phone", "amount")


def subjects() -> list[Subject]:
    """The routes."""
    one, job, export = "/v1/files/{file_id}", "/v1/customers/imports/{import_id}", "/v1/customers/exports/{export_id}"
    return [
        Subject("POST /v1/files", FILES, lambda tenant, _: lambda: tenant.event("POST /v1/files", _announced(100))),
        _list("GET /v1/files", FILES, _file),
        _on(f"GET {one}", FILES, lambda tenant: {"file_id": _file(tenant)}),
        _on(f"DELETE {one}", FILES, lambda tenant: {"file_id": _file(tenant)}, anew=True),
        Subject("POST /v1/customers/imports", IMPORTS, _begin_import),
        _list("GET /v1/customers/imports", IMPORTS, _finished_import),
        _on(f"GET {job}", IMPORTS, lambda tenant: {"import_id": _import(tenant)}),
        _on(f"GET {job}/errors", IMPORTS, lambda tenant: {"import_id": _finished_import(tenant, _BAD)}),
        Subject("POST /v1/customers/exports", EXPORTS, _begin_export),
        _list("GET /v1/customers/exports", EXPORTS, _finished_export),
        _on(f"GET {export}", EXPORTS, lambda tenant: {"export_id": _finished_export(tenant)}),
    ]


def workers() -> list[Subject]:
    """The notes of uploads, and a step of an import and of an export of so many rows."""
    return [
        Subject("uploads, 10 files", UPLOADS, _uploads, 10),
        Subject(f"import, a page of {_ROWS}", PAGE, _import_page, _ROWS),
        Subject(f"export, a part of {_ROWS}", PART, _export_part, _ROWS),
    ]


def _announced(size: int) -> dict[str, Any]:
    return {"name": "客户.csv", "size": size, "contentType": "text/csv"}


def _file(tenant: Tenant, content: bytes = b"name\n") -> str:
    """A file that was uploaded."""
    from functions.crm.files import store

    made: str = tenant.ask(FILES, "POST /v1/files", _announced(len(content)))["data"]["id"]
    key = store.object_key(tenant.name, made)
    memory.client("s3").put_object(Bucket="files-bucket", Key=key, Body=content)
    store.note_upload(tenant.name, made, len(content))
    return made


def _rows(number: int) -> bytes:
    text = io.StringIO()
    rows = ([ids.new("n"), "互联网", "张经理", "13800138000", 10000] for _ in range(number))
    csv.writer(text).writerows([_COLUMNS, *rows])
    return text.getvalue().encode()


def _import(tenant: Tenant, content: bytes = b"name\n") -> str:
    wanted = {"fileId": _file(tenant, content)}
    made: str = tenant.ask(IMPORTS, "POST /v1/customers/imports", wanted)["data"]["id"]
    return made


def _finished_import(tenant: Tenant, content: bytes = b"name\n") -> str:
    made = _import(tenant, content)
    tenant.deployment.run(PAGE, _state(tenant, made))
    return made


def _export(tenant: Tenant) -> str:
    made: str = tenant.ask(EXPORTS, "POST /v1/customers/exports", {})["data"]["id"]
    return made


def _finished_export(tenant: Tenant) -> str:
    made = _export(tenant)
    for _step in range(3):
        tenant.deployment.run(PART, _state(tenant, made))
    return made


def _state(tenant: Tenant, job_id: str) -> dict[str, Any]:
    return {"tenant": tenant.name, "id": job_id, "step": {"status": "running", "number": 0}}


def _list(route: str, module: str, make: Callable[[Tenant], str]) -> Subject:
    """A list of twenty."""

    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        for _number in range(20):
            make(tenant)
        return lambda: tenant.event(route)

    return Subject(route, module, events_of)


def _on(route: str, module: str, make: Callable[[Tenant], dict[str, Any]], *, anew: bool = False) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        one = make(tenant)
        return lambda: tenant.event(route, **(make(tenant) if anew else one))

    return Subject(route, module, events_of)


def _begin_import(tenant: Tenant, _: str) -> Callable[[], Any]:
    file = _file(tenant)
    return lambda: tenant.event("POST /v1/customers/imports", {"fileId": file})


def _begin_export(tenant: Tenant, _: str) -> Callable[[], Any]:
    return lambda: tenant.event("POST /v1/customers/exports", {"query": "status=active"})


def _uploads(tenant: Tenant, _: str) -> Callable[[], Any]:
    from functions.crm.files import store

    def event() -> Any:
        keys = [store.object_key(tenant.name, _file(tenant)) for _ in range(10)]
        told = [{"Records": [{"s3": {"object": {"key": key, "size": 5}}}]} for key in keys]
        return {"Records": [{"messageId": str(number), "body": json.dumps(one)} for number, one in enumerate(told)]}

    return event


def _import_page(tenant: Tenant, _: str) -> Callable[[], Any]:
    return lambda: _state(tenant, _import(tenant, _rows(_ROWS)))


def _export_part(tenant: Tenant, _: str) -> Callable[[], Any]:
    customers.fill(tenant, _ROWS - 1)

    def event() -> Any:
        made = _state(tenant, _export(tenant))
        # The survey; what is measured is the writing.
        tenant.deployment.run(PART, made)
        return made

    return event
