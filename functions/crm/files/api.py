"""`/v1/files`: what callers upload to S3 by themselves, for imports."""

from typing import Any

from functions.crm.files import service, store
from functions.crm.files.models import File, FileWithDownload, NewFile, NewFileWithUpload
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D3

api = Api("files", D3())


@api.post("/v1/files", status=201, bucket="uploads")
def create_file(request: Request, body: NewFile) -> NewFileWithUpload:
    """Announce a file. `upload` tells how to send its bytes, within 15 minutes; the bucket keeps them for 30 days."""
    return service.announce(request.caller.tenant, body)


@api.get("/v1/files", list_of=store.LISTING.schema)
def list_files(request: Request, query: ListQuery) -> Page[File]:
    """List files, filtered, sorted, searched and cut down as document 3's query language says."""
    return service.listed(request.caller.tenant, query)


@api.get("/v1/files/{file_id}")
def get_file(request: Request, file_id: str) -> FileWithDownload:
    """Show a file. It is `uploaded` about a second after its last byte."""
    return service.get(request.caller.tenant, file_id)


@api.delete("/v1/files/{file_id}")
def delete_file(request: Request, file_id: str) -> None:
    """Delete a file. An import that still reads it fails with `file_gone`; what it had made stays."""
    service.delete(request.caller.tenant, file_id)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
