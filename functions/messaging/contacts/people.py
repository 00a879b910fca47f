"""People who wrote to us: the address book of a platform that keeps none.

| item | table | pk | sk |
|---|---|---|---|
| somebody who wrote | ActivityTable | `T#<tenant>#PERSON#<connection>` | the platform's id |
"""

from hub import times
from hub.connectors.protocol import Contact, Page
from hub.store import keys, paging, table

KIND = "PERSON"
KEEP_SECONDS = 400 * 86_400
"""From their latest message on."""

RENEW_SECONDS = 86_400
PAGE = 500


def remember(tenant: str, connection_id: str, person_id: str, name: str, avatar: str | None) -> None:
    """Remember somebody who wrote; whoever writes often costs a read, and a write a day."""
    now = times.now()
    place = keys.belonging(tenant, KIND, connection_id, person_id)
    known = table.get(table.activity(), place) or {}
    told = {"name": name or known.get("name", ""), "avatar": avatar or known.get("avatar")}
    if known.get("heard_at", 0) > now - RENEW_SECONDS and all(known.get(one) == value for one, value in told.items()):
        return
    item = {**place, **told, "heard_at": now, "ttl": now + KEEP_SECONDS}
    table.write(table.Put(table.activity(), item))


def move(tenant: str, connection_id: str, before: str, after: str) -> None:
    """Remember somebody under another id; who is known under that already stays as they are."""
    place = keys.belonging(tenant, KIND, connection_id, before)
    known = table.get(table.activity(), place, consistent=True)
    if known is None:
        return
    item = {**known, **keys.belonging(tenant, KIND, connection_id, after)}
    try:
        table.write(
            table.Put(table.activity(), item, "attribute_not_exists(pk)"), table.Delete(table.activity(), place)
        )
    except table.ConditionFailed:
        table.write(table.Delete(table.activity(), place))


def page(tenant: str, connection_id: str, cursor: str | None) -> Page[Contact]:
    """Read a page of those who wrote, as a connector reads an address book."""
    rows = table.Query(table.activity(), keys.partition(tenant, KIND, connection_id), newest_first=False)
    found = paging.by_cursor([rows], PAGE, cursor or "")
    return Page([Contact(item["sk"], item["name"], item.get("avatar")) for item in found.items], found.next)
