"""`/api/backup`: backups of the configuration (document 5 "备份API"), which only administrators touch."""

from typing import Any

from functions.forwarding.backups import service
from functions.forwarding.backups.models import BackupDownload, BackupList, CreatedBackup, Restore, Restored
from functions.forwarding.lists import ListParameters
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D5

api = Api("forwarding", D5())


@api.post("/api/backup/create", permission="admin", status=201, bucket="batch")
def create_backup(request: Request) -> CreatedBackup:
    """Back up accounts, bots, mappings and what was learned. Secrets are in it as sealed as in the table."""
    return service.create(request.caller)


@api.get("/api/backup/list")
def list_backups(request: Request, query: ListParameters) -> BackupList:
    """List backups, the newest first. They are kept for a year."""
    return service.listed(request.caller.tenant, query)


@api.post("/api/backup/restore", permission="admin", bucket="batch")
def restore_backup(request: Request, body: Restore) -> Restored:
    """Put the configuration of a backup in place of the one that stands, all or nothing. What is not in it goes."""
    return service.restore(request.caller, body.backup_id, request.language)


@api.get("/api/backup/{backup_id}/download", permission="admin")
def download_backup(request: Request, backup_id: str) -> BackupDownload:
    """An address to download a backup's zip from, good for 15 minutes."""
    return service.download(request.caller.tenant, backup_id)


@api.delete("/api/backup/{backup_id}", permission="admin")
def delete_backup(request: Request, backup_id: str) -> None:
    """Delete a backup."""
    service.delete(request.caller.tenant, backup_id)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
