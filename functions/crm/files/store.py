"""Files: the item tells of an object of the bucket, and goes when that does.

| item | table | pk | sk |
|---|---|---|---|
| file | Table | `T#<tenant>#FILE` | `file_…` |
"""

from dataclasses import dataclass

from functions.crm import objects
from functions.crm.files.models import File, Status
from hub import times
from hub.store import items, keys, plan, table
from hub.store.filters import FieldKind
from hub.store.paging import Page
from hub.store.plan import Listing
from hub.store.query import ListQuery, Schema

KIND = "FILE"
PREFIX = "file"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file; `created_at` in epoch milliseconds, `ttl` in epoch seconds, when it ends."""

    id: str
    name: str
    size: int
    content_type: str
    status: Status
    created_at: int
    ttl: int

    @property
    def current_status(self) -> Status:
        """Its status by now: what has ended may still stand in the table for days."""
        return "expired" if self.ttl <= times.now() else self.status


def object_key(tenant: str, file_id: str) -> str:
    """Where in the bucket a file is."""
    return f"files/{tenant}/{file_id}"


def shown(file: StoredFile) -> File:
    """A file as callers see it, and as lists find it."""
    return {
        "id": file.id,
        "name": file.name,
        "size": file.size,
        "contentType": file.content_type,
        "status": file.current_status,
        "createdAt": times.iso(file.created_at / 1000),
        "expiresAt": times.iso(file.ttl),
    }


LISTING = Listing(
    schema=Schema(
        {
            "id": FieldKind.TEXT,
            "name": FieldKind.TEXT,
            "size": FieldKind.NUMBER,
            "contentType": FieldKind.TEXT,
            "status": FieldKind.TEXT,
            "createdAt": FieldKind.TIME,
            "expiresAt": FieldKind.TIME,
        },
        search=("name",),
    ),
    kind=KIND,
    prefix=PREFIX,
    shown=lambda item: shown(items.entity(StoredFile, item)),
)


def add(tenant: str, file: StoredFile) -> None:
    """Write a new file."""
    item = {**keys.entity(tenant, KIND, file.id), **items.attributes(file)}
    table.write(table.Put(table.entities(), item, table.ABSENT))


def get(tenant: str, file_id: str, *, consistent: bool = False) -> StoredFile:
    """Read a file. Raises `NotFound`."""
    item = table.required(table.entities(), keys.entity(tenant, KIND, file_id), consistent=consistent)
    return items.entity(StoredFile, item)


def page(tenant: str, asked: ListQuery) -> Page[File]:
    """Read a page of files."""
    return plan.read(LISTING, tenant, asked)


def note_upload(tenant: str, file_id: str, size: int) -> None:
    """Note that a file was uploaded. Raises `objects.Gone` where it was deleted, `ValueError` for another size."""
    change = table.Update(
        table.entities(),
        keys.entity(tenant, KIND, file_id),
        "SET #status = :uploaded",
        table.PRESENT + " AND #size = :size",
        {"uploaded": "uploaded", "size": size},
    )
    try:
        table.write(change)
    except table.ConditionFailed as failure:
        if failure.item is None:
            raise objects.Gone from None
        raise ValueError(f"{size} bytes where {failure.item['size']} were announced") from None


def remove(tenant: str, file_id: str) -> None:
    """Delete a file, and before its item its content: so one that was half deleted can be deleted again."""
    objects.delete(object_key(tenant, file_id))
    table.write(table.Delete(table.entities(), keys.entity(tenant, KIND, file_id)))
