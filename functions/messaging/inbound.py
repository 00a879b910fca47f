"""Messages that people sent to us, kept once however often a platform tells of them.

| item | table | pk | sk |
|---|---|---|---|
| message | Table | `T#<tenant>#MESSAGE_IN#<connection>` | `msg_…`, of the platform's own id |
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from functions.messaging.contacts import store as contacts
from functions.messaging.contacts.store import StoredContact
from hub import events, ids, times
from hub.events import Caller
from hub.store import keys, table
from hub.telemetry import count

KIND = "MESSAGE_IN"
KEEP_SECONDS = 90 * 86_400
_LATEST_MS = 2**48 - 1


class _Model(BaseModel):
    model_config = ConfigDict(defer_build=True, hide_input_in_errors=True, extra="ignore")


class Sender(_Model):
    """Who wrote, as the platform knows them."""

    id: Annotated[str, Field(min_length=1, max_length=128)]
    name: str = ""
    avatar: str | None = None


class Attachment(_Model):
    """What came along."""

    kind: str
    url: str
    name: str = ""


class Told(_Model):
    """A message as a connector heard it; `at` in epoch milliseconds."""

    id: Annotated[str, Field(min_length=1, max_length=512)]
    sender: Sender
    text: str
    at: Annotated[int, Field(ge=0, le=_LATEST_MS)]
    media: list[Attachment] = []
    data: dict[str, Any] = {}


def keep(tenant: str, platform: str, connection_id: str, request_id: str, told: Told) -> None:
    """Keep a message and who wrote it, and tell of it once."""
    caller = Caller(tenant, "", connection_id, request_id)
    message_id = ids.derived("msg", told.at, tenant, connection_id, told.id)
    shown = {
        "integration_id": connection_id,
        "platform": platform,
        "contact": {"id": told.sender.id, "name": told.sender.name},
        "message_id": told.id,
        "type": str(told.data.get("type", "text")) if not told.media else told.media[0].kind,
        "text": told.text,
        "attachments": [{"type": one.kind, "url": one.url, "name": one.name} for one in told.media],
        "timestamp": times.iso_ms(told.at),
    }
    item = {
        **keys.belonging(tenant, KIND, connection_id, message_id),
        **shown,
        "data": told.data,
        "ttl": told.at // 1000 + KEEP_SECONDS,
        "events": [events.event("message.received", caller, shown)],
    }
    try:
        table.write(table.Put(table.entities(), item, "attribute_not_exists(pk)"))
    except table.ConditionFailed:
        count("DuplicateMessages")
    who = told.sender
    contact_id = ids.derived("contact", 0, platform, who.id)
    contacts.hear(tenant, platform, [StoredContact(who.id, contact_id, who.name, who.avatar, times.now_ms())])
