"""How a tenant's forwarding stands, and telling those who listen when that changes.

| item | table | pk | sk |
|---|---|---|---|
| status that was told last | Table | `T#<tenant>#FORWARDER` | `STATUS` |

It is told as `forwarding.status`, which is written with it. What grows by the second (`queue_size`,
`uptime_seconds`) is in it, but tells nothing by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

import hub
from functions.forwarding import state
from functions.forwarding.accounts import store as accounts
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.bots import store as bots
from functions.forwarding.logs import service as logs
from functions.forwarding.state import State
from hub import events, times
from hub.errors import Unavailable
from hub.events import Caller
from hub.store import keys, table, versioned
from hub.store.items import Item

TENANTS = "TENANT"
_FLEETING = ("redis_connected", "queue_size", "uptime_seconds")


class SystemStatus(TypedDict):
    """As document 5 has it. `redis_connected`: the cache and queue store of this deployment answers.

    `queue_size` is how many messages wait; `uptime_seconds` is 0 while forwarding is stopped.
    """

    service_running: bool
    redis_connected: bool
    queue_size: int
    account_count: int
    active_accounts: int
    bot_count: int
    mapping_count: int
    uptime_seconds: int
    version: str


def get(tenant: str, *, consistent: bool = False) -> SystemStatus:
    """The status by now: five reads, none of which grows with what was forwarded."""
    places = [state.key(tenant), keys.entity(tenant, TENANTS, tenant)]
    found = table.get_many({table.entities(): places}, consistent=True)
    now = state.read(found.get((table.entities(), places[0]["pk"], places[0]["sk"])))
    owner = found.get((table.entities(), places[1]["pk"], places[1]["sk"]), {})
    everyone = accounts.everything(tenant, consistent=consistent)
    all_bots = bots.everything(tenant, consistent=consistent)
    return {
        "service_running": now.is_running,
        "redis_connected": answers(tenant),
        "queue_size": logs.waiting(tenant),
        "account_count": len(everyone),
        "active_accounts": active(everyone),
        "bot_count": len(all_bots),
        "mapping_count": sum(bot.mapping_count for bot in all_bots),
        "uptime_seconds": _uptime(now, owner),
        "version": hub.__version__,
    }


def active(everyone: Sequence[StoredAccount]) -> int:
    """How many accounts capture just now."""
    return sum(account.status == "online" for account in everyone)


def answers(tenant: str) -> bool:
    """Whether the table of what is short-lived answers: it is the cache and the queues' memory."""
    try:
        table.get(table.activity(), keys.entity(tenant, state.KIND, "STATE"))
    except (BotoCoreError, ClientError, Unavailable):
        return False
    return True


def tell(caller: Caller) -> None:
    """Tell the status if it is another than was told last. Raises `Unavailable`."""
    key = keys.entity(caller.tenant, state.KIND, "STATUS")
    for attempt in range(versioned.TRIES):
        table.back_off(attempt)
        before = table.get(table.entities(), key, consistent=True)
        # No event comes after the last one: what it tells of must be seen.
        status = get(caller.tenant, consistent=True)
        if before and _settled(before["status"]) == _settled(status):
            return
        version = before["version"] if before else 0
        item: Item = {**key, "status": dict(status), "version": version + 1}
        item["events"] = [events.event("forwarding.status", caller, {"status": status, "version": version + 1})]
        put = versioned.replacement(item, version) if version else table.Put(table.entities(), item, table.ABSENT)
        try:
            versioned.write(version, put)
        except versioned.Changed:
            continue
        return
    raise Unavailable


def _settled(status: Mapping[str, Any]) -> dict[str, Any]:
    """What of a status tells of a change."""
    return {name: value for name, value in status.items() if name not in _FLEETING}


def _uptime(now: State, owner: Item) -> int:
    """How long forwarding has run: from its last start on, from the tenant's first day where it never was stopped."""
    if not now.is_running:
        return 0
    since = owner.get("created_at", times.now()) if now.started_at is None else now.started_at // 1000
    return max(0, times.now() - since)
