"""Rows of the audit trail, as the publisher wrote them (`hub.audit.row`)."""

from collections.abc import Mapping

from hub import audit, ids, times
from hub.store import keys, paging, table
from hub.store.items import Item


def page(
    tenant: str, wanted: Mapping[str, str], since: int | None, until: int | None, size: int, cursor: str
) -> paging.CursorPage[Item]:
    """Read a page of rows with the wanted attributes, made from `since` on and before `until`, the newest first.

    Times in epoch milliseconds. Rows past their 90 days, which DynamoDB deletes in its own time, are left out.
    Raises `InvalidRequest` for a cursor from outside of these times.
    """
    oldest = times.now_ms() - audit.KEEP_SECONDS * 1000
    first = ids.first(audit.PREFIX, max(since or 0, oldest))
    last = ids.first(audit.PREFIX, max(until, 0)) if until is not None else f"{audit.PREFIX}_~"
    if first > last:
        return paging.CursorPage([], size, None)
    query = table.Query(
        table.activity(),
        keys.partition(tenant, audit.KIND),
        between=(first, last),
        condition=" AND ".join(f"#{name} = :{name}" for name in wanted),
        values=wanted,
    )
    return paging.by_cursor([query], size, cursor)
