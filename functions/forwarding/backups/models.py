"""Shapes of backups on the wire (document 5 "备份API")."""

from typing import Annotated, TypedDict

from pydantic import Field

from hub.web.validation import Body


class Restore(Body):
    """Body of `POST /api/backup/restore`."""

    backup_id: Annotated[str, Field(pattern=r"^backup_[0-9]{8}_[0-9]{6}$")]


class CreatedBackup(TypedDict):
    """A backup that was made; `backup_path` is its object."""

    backup_id: str
    backup_path: str
    size_mb: float


class Backup(TypedDict):
    """A backup as it is shown, and how many of each it holds."""

    backup_id: str
    size_mb: float
    created_at: str
    accounts: int
    bots: int
    mappings: int


class BackupList(TypedDict):
    """A list of backups."""

    data: list[Backup]
    total: int
    page: int


class BackupDownload(TypedDict):
    """Where a backup can be downloaded from, and for how many seconds."""

    backup_id: str
    download_url: str
    expires_in: int


class Restored(TypedDict):
    """What a restore brought back."""

    message: str
    backup_id: str
    accounts: int
    bots: int
    mappings: int
