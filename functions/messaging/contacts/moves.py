"""Contacts that have another id at their platform by now, as a group of Telegram's that became a supergroup.

| item | table | pk | sk |
|---|---|---|---|
| a move | Table | `T#<tenant>#CONTACT_MOVE#<connection>` | the former id |
"""

from contextlib import suppress

from functions.messaging.contacts import people
from functions.messaging.platforms import Platform
from hub import events, times
from hub.events import Caller
from hub.store import keys, table

KIND = "CONTACT_MOVE"
KEEP_SECONDS = 90 * 86_400


def note(caller: Caller, platform: Platform, connection_id: str, before: str, after: str) -> None:
    """Note that a contact has another id, and tell of it: once, whoever notices how often."""
    people.move(caller.tenant, connection_id, before, after)
    told = {"integration_id": connection_id, "platform": platform, "contact_id": before, "new_contact_id": after}
    item = {
        **keys.belonging(caller.tenant, KIND, connection_id, before),
        "moved_to": after,
        "ttl": times.now() + KEEP_SECONDS,
        "events": [events.event("contact.moved", caller, told)],
    }
    unknown = "attribute_not_exists(pk) OR #moved_to <> :after"
    with suppress(table.ConditionFailed):
        table.write(table.Put(table.entities(), item, unknown, {"after": after}))
