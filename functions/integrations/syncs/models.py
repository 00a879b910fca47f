"""Shapes of syncs and records on the wire."""

from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field

from hub.outcomes import Trouble
from hub.web.validation import Parameters

Trigger = Literal["manual", "schedule", "callback"]
SyncStatus = Literal["pending", "running", "completed", "failed"]
Change = Literal["added", "updated", "deleted"]


class Sync(TypedDict):
    """A sync as it is shown. `records_read` counts what the provider listed, repetitions included; the three behind it
    count records, each once. `retry_at` is when it goes on, where the provider asked for patience.
    """

    id: str
    integration_id: str
    trigger: Trigger
    status: SyncStatus
    pages: int
    records_read: int
    added: int
    updated: int
    deleted: int
    error: Trouble | None
    created_at: str
    retry_at: str | None
    ended_at: str | None


class SyncedRecord(TypedDict):
    """A record as it is shown: what became of it last, and since when. `updated_at` is the provider's own time.

    `data` is as the provider tells it; `null` where that is too long to be kept.
    """

    id: str
    kind: str
    change: Change
    changed_at: str
    updated_at: str | None
    sync_id: str
    data: dict[str, Any] | None


class RecordParameters(Parameters):
    """Query of `GET /v1/integrations/{integration_id}/records`; `cursor` empty or absent for the first page."""

    kind: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    change: Change | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=1024)] = ""
