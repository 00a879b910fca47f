"""What can be asked of the audit trail."""

from datetime import datetime

from functions.identity.audit import store
from functions.identity.audit.models import AuditParameters, AuditRecord
from hub import times
from hub.store.items import Item
from hub.store.paging import CursorPage


def listed(tenant: str, query: AuditParameters) -> CursorPage[AuditRecord]:
    """List records, the newest first."""
    wanted = query.model_dump(include={"actor", "action", "target"}, exclude_none=True)
    found = store.page(tenant, wanted, _ms(query.since), _ms(query.until), query.limit, query.cursor)
    return found.holding(shown(row) for row in found.items)


def shown(row: Item) -> AuditRecord:
    """A record as callers see it."""
    return {
        "id": row["sk"],
        "created_at": times.iso_ms(row["at"]),
        "actor": row["actor"],
        "action": row["action"],
        "target": row["target"],
        "request_id": row["request_id"],
        "changes": row["changes"],
    }


def _ms(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1000)
