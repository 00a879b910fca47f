"""API keys and their credentials: the key is an entity, each of its secrets a credential item beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hub import auth, times
from hub.store import items, keys, paging, table
from hub.store.items import Item

KIND = "API_KEY"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key and what its credentials have counted.

    `credentials` are the hashes of its secrets, the current one first; `used_before` counts the requests of secrets
    that are gone.
    """

    id: str
    name: str
    description: str
    prefix: str
    permissions: list[str]
    created_at: int
    expires_at: int | None
    credentials: list[str]
    used_before: int
    plan: str
    counters: list[Item]

    @property
    def usage_count(self) -> int:
        """Requests made with any of its secrets."""
        return self.used_before + sum(int(counter["usage_count"]) for counter in self.counters)

    @property
    def last_used_at(self) -> int | None:
        """When the last of them was made."""
        return max((counter["last_used_at"] for counter in self.counters if "last_used_at" in counter), default=None)


def creation(
    tenant: str, key: StoredKey, event: Mapping[str, Any], audit: Mapping[str, Any]
) -> tuple[table.Put, table.Put]:
    """The writes of a new key and its first credential."""
    item = _item(tenant, key) | {"events": [event], "audit": audit}
    credential = _credential(tenant, key, key.credentials[0])
    return table.Put(table.entities(), item, table.ABSENT), table.Put(table.activity(), credential)


def get(tenant: str, key_id: str) -> StoredKey:
    """Read a key with its counters. Raises `NotFound`."""
    return next(_with_counters([table.required(table.entities(), keys.entity(tenant, KIND, key_id))]))


def page(tenant: str, number: int, size: int, cursor: str | None) -> paging.Page[StoredKey]:
    """Read a page of keys, the newest first."""
    found = paging.read(table.Query(table.entities(), keys.partition(tenant, KIND)), number, size, cursor)
    return found.holding(_with_counters(found.items))


def change(tenant: str, before: StoredKey, key: StoredKey, audit: Mapping[str, Any]) -> None:
    """Write a key's name, description, permissions and expiry, the last two to its credentials too.

    Raises `ConditionFailed` when the key is no longer as it was `before`.
    """
    condition, seen = _as_read(before)
    entity = table.Update(
        table.entities(),
        keys.entity(tenant, KIND, key.id),
        "SET #audit = :audit, #name = :name, #description = :description, #permissions = :permissions"
        + _expiry(key.expires_at),
        condition,
        {
            "audit": audit,
            "name": key.name,
            "description": key.description,
            "permissions": key.permissions,
            "expires_at": key.expires_at,
            **seen,
        },
    )
    current = table.Update(
        table.activity(),
        keys.credential(key.credentials[0]),
        "SET #permissions = :permissions" + _expiry(key.expires_at),
        "attribute_exists(pk)",
        {"permissions": key.permissions, "expires_at": key.expires_at},
    )
    # A secret that is being replaced keeps its own end, unless the key's is now nearer.
    ends = {counter["pk"]: counter.get("expires_at") for counter in key.counters}
    replaced = []
    for credential in key.credentials[1:]:
        place = keys.credential(credential)
        end = min((one for one in (ends.get(place["pk"]), key.expires_at) if one is not None), default=None)
        expiry = "" if end is None else ", #expires_at = :end"
        values = {"permissions": key.permissions, "end": end}
        replaced.append(
            table.Update(
                table.activity(), place, f"SET #permissions = :permissions{expiry}", "attribute_exists(pk)", values
            )
        )
    table.write(entity, current, *replaced)


def rotate(
    tenant: str, key: StoredKey, new_hash: str, prefix: str, old_expires_at: int, audit: Mapping[str, Any]
) -> None:
    """Put a new secret before the current one, which ends at `old_expires_at`; one older than that ends now."""
    condition, seen = _as_read(key)
    current, *older = key.credentials
    counts = {counter["pk"]: counter["usage_count"] for counter in key.counters}
    gone = [keys.credential(credential) for credential in older]
    folded: int = sum(counts.get(credential["pk"], 0) for credential in gone)
    entity = table.Update(
        table.entities(),
        keys.entity(tenant, KIND, key.id),
        "SET #audit = :audit, #credentials = :credentials, #prefix = :prefix, #used_before = #used_before + :folded",
        condition,
        {"audit": audit, "credentials": [new_hash, current], "prefix": prefix, "folded": folded, **seen},
    )
    ending = table.Update(
        table.activity(),
        keys.credential(current),
        "SET #expires_at = :expires_at",
        "attribute_exists(pk)",
        {"expires_at": old_expires_at},
    )
    removals = [
        table.Delete(table.activity(), credential, "#usage_count = :count", {"count": counts.get(credential["pk"], 0)})
        for credential in gone
    ]
    table.write(entity, table.Put(table.activity(), _credential(tenant, key, new_hash)), ending, *removals)


def remove(tenant: str, key: StoredKey, event: Mapping[str, Any], audit: Mapping[str, Any]) -> None:
    """Delete a key and its credentials; what remains tells of the event.

    Raises `ConditionFailed` when the key was rotated meanwhile, or the secret that came of it would outlive the key.
    """
    entity = replace(
        table.tombstone(keys.entity(tenant, KIND, key.id), [event], times.now(), audit),
        condition=table.PRESENT + " AND #credentials = :seen",
        values={"seen": key.credentials},
    )
    credentials = [table.Delete(table.activity(), keys.credential(credential)) for credential in key.credentials]
    table.write(entity, *credentials)


def hours(tenant: str, key: StoredKey, first: str) -> dict[str, int]:
    """Requests by hour from the hour `first` on, the running hour included; hours without any are left out."""
    rows = table.Query(table.activity(), auth.usage_partition(tenant, key.id), between=(first, "9"))
    counted = {row["sk"]: int(row["n"]) for row in table.items(rows)}
    for counter in key.counters:
        if counter["hour"] >= first:
            counted[counter["hour"]] = counted.get(counter["hour"], 0) + counter["hour_n"]
    return counted


def hours_between(first: datetime, last: datetime) -> Iterator[str]:
    """Every hour from `first` to `last`, both included, as usage is kept by."""
    hour = first.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    while hour <= last:
        yield times.hour_of(hour.timestamp())
        hour += timedelta(hours=1)


def _as_read(key: StoredKey) -> tuple[str, Item]:
    """The condition that a key still is as it was read, in what its credentials are made of, and its values."""
    expiry = "attribute_not_exists(#expires_at)" if key.expires_at is None else "#expires_at = :seen_expiry"
    condition = f"{table.PRESENT} AND #credentials = :seen AND #permissions = :seen_permissions AND {expiry}"
    return condition, {"seen": key.credentials, "seen_permissions": key.permissions, "seen_expiry": key.expires_at}


def _expiry(expires_at: int | None) -> str:
    return " REMOVE #expires_at" if expires_at is None else ", #expires_at = :expires_at"


def _item(tenant: str, key: StoredKey) -> Item:
    return keys.entity(tenant, KIND, key.id) | items.attributes(key, "counters")


def _credential(tenant: str, key: StoredKey, credential: str) -> Item:
    return auth.credential_item(
        credential,
        tenant=tenant,
        credential_id=key.id,
        kind="api_key",
        plan=key.plan,
        permissions=key.permissions,
        expires_at=key.expires_at,
    )


def _with_counters(keys_read: Sequence[Item]) -> Iterator[StoredKey]:
    hashes = [keys.credential(credential) for item in keys_read for credential in item["credentials"]]
    found: dict[tuple[str, str, str], Item] = {}
    for start in range(0, len(hashes), 100):
        found |= table.get_many({table.activity(): hashes[start : start + 100]})
    for item in keys_read:
        places = [(table.activity(), *keys.credential(credential).values()) for credential in item["credentials"]]
        yield items.entity(StoredKey, item, counters=[found[place] for place in places if place in found])
