"""What can be done with files."""

from functions.crm import objects
from functions.crm.files import store
from functions.crm.files.models import File, FileWithDownload, NewFile, NewFileWithUpload
from functions.crm.files.store import StoredFile, shown
from hub import ids, times
from hub.store.paging import Page
from hub.store.query import ListQuery


def announce(tenant: str, wanted: NewFile) -> NewFileWithUpload:
    """Make a file that is to be uploaded, and the address for it."""
    now = times.now_ms()
    file = StoredFile(
        id=ids.new(store.PREFIX, now),
        name=wanted.name,
        size=wanted.size,
        content_type=wanted.contentType,
        status="pending",
        created_at=now,
        ttl=now // 1000 + objects.KEEP_SECONDS,
    )
    store.add(tenant, file)
    url, headers = objects.upload_url(store.object_key(tenant, file.id), file.size, file.content_type)
    expires_at = times.iso(now // 1000 + objects.URL_SECONDS)
    return {
        **shown(file),
        "upload": {"url": url, "method": "PUT", "headers": headers, "expiresAt": expires_at},
    }


def listed(tenant: str, asked: ListQuery) -> Page[File]:
    """Answer document 3's query language over the tenant's files."""
    return store.page(tenant, asked)


def get(tenant: str, file_id: str) -> FileWithDownload:
    """Show a file."""
    file = store.get(tenant, file_id)
    url = None
    if file.current_status == "uploaded":
        url = objects.download_url(store.object_key(tenant, file.id), file.name, file.content_type)
    return {**shown(file), "downloadUrl": url}


def delete(tenant: str, file_id: str) -> None:
    """Delete a file. An import that still reads it fails."""
    store.get(tenant, file_id, consistent=True)
    store.remove(tenant, file_id)
