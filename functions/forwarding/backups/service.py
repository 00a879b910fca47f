"""What can be done with backups."""

import zipfile

from functions.forwarding import changes, lists, objects
from functions.forwarding.backups import archive, restoring, store
from functions.forwarding.backups.archive import Configuration, Damaged
from functions.forwarding.backups.models import (
    Backup,
    BackupDownload,
    BackupList,
    CreatedBackup,
    Restored,
)
from functions.forwarding.backups.store import StoredBackup
from functions.forwarding.lists import ListParameters
from hub import ids, times
from hub.errors import Unprocessable
from hub.events import Caller
from hub.web.localisation import Language, text

MAX_BACKUPS = 30
"""Of a tenant: lists show them all."""


def create(caller: Caller) -> CreatedBackup:
    """Back the configuration up. Raises `Unprocessable` over the quota."""
    if len(store.everything(caller.tenant)) >= MAX_BACKUPS:
        raise Unprocessable("quota_exceeded", code="QUOTA_EXCEEDED", limit=MAX_BACKUPS)
    backed_up = archive.current(caller.tenant)
    content = archive.packed(caller.tenant, backed_up)
    key = f"backups/{caller.tenant}/{ids.new('backup')}.zip"
    objects.write(key, content)
    made = store.add(
        caller.tenant,
        StoredBackup("", key, len(content), archive.digest(content), backed_up.counts, times.now()),
    )
    return {"backup_id": made.id, "backup_path": f"s3://{objects.bucket()}/{key}", "size_mb": _megabytes(made)}


def listed(tenant: str, query: ListParameters) -> BackupList:
    """List backups, the newest first."""
    found: BackupList = lists.listed(store.everything(tenant), query, _shown)
    return found


def download(tenant: str, backup_id: str) -> BackupDownload:
    """An address to download a backup from."""
    backup = store.get(tenant, backup_id)
    url = objects.download_url(backup.key, f"{backup.id}.zip")
    return {"backup_id": backup.id, "download_url": url, "expires_in": objects.URL_SECONDS}


def delete(tenant: str, backup_id: str) -> None:
    """Delete a backup."""
    backup = store.get(tenant, backup_id)
    store.remove(tenant, backup.id)
    objects.delete(backup.key)


def restore(caller: Caller, backup_id: str, language: Language) -> Restored:
    """Put the configuration of a backup in place of the one that stands, all or nothing.

    Raises `Unprocessable` (`BACKUP_DAMAGED`) for a backup that is not as it was written, `Conflict` while another
    restore or an import is written.
    """
    backup = store.get(caller.tenant, backup_id)
    wanted = _read(caller.tenant, backup)
    changes.make(caller.tenant, lambda: restoring.writes(caller, archive.current(caller.tenant), wanted))
    return {"message": text("backup_restored", language), "backup_id": backup.id, **wanted.counts}  # type: ignore[typeddict-item]


def _read(tenant: str, backup: StoredBackup) -> Configuration:
    try:
        return archive.unpacked(tenant, objects.read(backup.key), backup.digest)
    except (Damaged, objects.Gone, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise Unprocessable("backup_damaged", code="BACKUP_DAMAGED") from error


def _shown(backup: StoredBackup) -> Backup:
    return {
        "backup_id": backup.id,
        "size_mb": _megabytes(backup),
        "created_at": times.iso_without_zone(backup.created_at),
        "accounts": backup.counts["accounts"],
        "bots": backup.counts["bots"],
        "mappings": backup.counts["mappings"],
    }


def _megabytes(backup: StoredBackup) -> float:
    return round(backup.size / 1_048_576, 4)
