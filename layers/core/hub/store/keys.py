"""Every key of every item. What belongs to a tenant has a partition key that starts with it.

| item | table | pk | sk |
|---|---|---|---|
| entity | Table | `T#<tenant>#<KIND>` | its id |
| thing that belongs to an entity | either | `T#<tenant>#<KIND>#<owner id>` | its id |
| credential | ActivityTable | `CREDENTIAL#<hash>` | `CREDENTIAL` |
| OAuth client | Table | `CLIENT#<client id>` | `CLIENT` |
| whose a connection is | Table | `CONNECTION#<id>` | `CONNECTION` |
| whose a live connection is | ActivityTable | `LIVE_CONNECTION#<id>` | `LIVE_CONNECTION` |
| authorization code | ActivityTable | `CODE#<hash>` | `CODE` |
| browser session | ActivityTable | `SESSION#<hash>` | `SESSION` |
| idempotency record | ActivityTable | `T#<tenant>#IDEMPOTENCY#<hash>` | `IDEMPOTENCY` |
| what is due at a time, of all tenants | ActivityTable, `gsi2` | `DUE#<shard>` | epoch ms `#` its id |
"""

import re
from typing import TypedDict

TENANT_PATTERN = re.compile(r"\A[a-z0-9][a-z0-9-]{0,31}\Z")


class Key(TypedDict):
    """The primary key of both tables."""

    pk: str
    sk: str


def partition(tenant: str, kind: str, *owners: str) -> str:
    """The partition of a tenant's entities of a kind, or of the things that belong to one of them."""
    return "#".join(("T", tenant, kind, *owners))


def part(text: str) -> str:
    """A text from outside as a part of a key: `#`, which separates the parts, is escaped."""
    return text.replace("%", "%25").replace("#", "%23")


def entity(tenant: str, kind: str, entity_id: str) -> Key:
    """An entity of a tenant."""
    return {"pk": partition(tenant, kind), "sk": entity_id}


def belonging(tenant: str, kind: str, owner: str, item_id: str) -> Key:
    """A thing that belongs to an entity: a delivery of a webhook, an hour of its statistics or of a key's usage."""
    return {"pk": partition(tenant, kind, owner), "sk": item_id}


def index(number: int, tenant: str, kind: str, *owners: str, item_id: str) -> dict[str, str]:
    """The attributes that put an item into a partition of `gsi<number>`, in the order of its ids."""
    return {f"gsi{number}_pk": partition(tenant, kind, *owners), f"gsi{number}_sk": item_id}


def due(shard: int) -> str:
    """The index partition of what is due at a time: whoever looks for what is late does not ask tenant by tenant."""
    return f"DUE#{shard}"


def credential(credential_hash: str) -> Key:
    """A credential: found before the tenant is known, as are clients, codes and sessions."""
    return {"pk": f"CREDENTIAL#{credential_hash}", "sk": "CREDENTIAL"}


def client(client_id: str) -> Key:
    """An OAuth client: whose it is, as a token request does not say."""
    return {"pk": f"CLIENT#{client_id}", "sk": "CLIENT"}


def connection(connection_id: str) -> Key:
    """Whose a connection to a provider is, as its callbacks do not say."""
    return {"pk": f"CONNECTION#{connection_id}", "sk": "CONNECTION"}


def live(connection_id: str) -> Key:
    """Whose a live connection is, as its end does not say."""
    return {"pk": f"LIVE_CONNECTION#{connection_id}", "sk": "LIVE_CONNECTION"}


def code(code_hash: str) -> Key:
    """An authorization code."""
    return {"pk": f"CODE#{code_hash}", "sk": "CODE"}


def session(session_hash: str) -> Key:
    """A browser's session on the sign-in pages."""
    return {"pk": f"SESSION#{session_hash}", "sk": "SESSION"}


def idempotency(tenant: str, record_hash: str) -> Key:
    """The record of a request sent with an `Idempotency-Key`."""
    return {"pk": partition(tenant, "IDEMPOTENCY", record_hash), "sk": "IDEMPOTENCY"}
