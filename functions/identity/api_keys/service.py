"""What can be done with API keys."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from functions.identity.api_keys import store
from functions.identity.api_keys.models import (
    ApiKey,
    ApiKeyChange,
    ApiKeyWithSecret,
    NewApiKey,
    RotatedApiKey,
    Usage,
    UsagePoint,
)
from functions.identity.api_keys.store import StoredKey
from hub import audit, auth, events, ids, times
from hub.errors import Conflict
from hub.events import Caller
from hub.store import table
from hub.store.paging import Page
from hub.web.validation import PageParameters, iso, seconds

PREFIX_LENGTH = 12
_DAYS = {"day": 1, "week": 7, "month": 30}


def create(caller: Caller, wanted: NewApiKey) -> ApiKeyWithSecret:
    """Make a key; its secret is in the answer and nowhere else."""
    writes, made = prepared(caller, wanted)
    table.write(*writes)
    return made


def prepared(caller: Caller, wanted: NewApiKey) -> tuple[tuple[table.Put, table.Put], ApiKeyWithSecret]:
    """The writes that make a key, and what is shown of it, its secret included."""
    secret = auth.new_api_key()
    key = StoredKey(
        id=ids.new("ak"),
        name=wanted.name,
        description=wanted.description,
        prefix=secret[:PREFIX_LENGTH],
        permissions=wanted.permissions,
        created_at=times.now(),
        expires_at=seconds(wanted.expires_at),
        credentials=[auth.credential_hash(secret)],
        used_before=0,
        plan=caller.plan,
        counters=[],
    )
    told = _told(key)
    event = events.event("api_key.created", caller, told)
    writes = store.creation(caller.tenant, key, event, audit.record("api_key.created", caller, key.id, told))
    return writes, {**shown(key), "key": secret}


def listed(tenant: str, query: PageParameters) -> Page[ApiKey]:
    """List keys, the newest first."""
    found = store.page(tenant, query.page, query.limit, query.cursor)
    return found.holding(shown(key) for key in found.items)


def get(tenant: str, key_id: str) -> ApiKey:
    """Show one key."""
    return shown(store.get(tenant, key_id))


def change(caller: Caller, key_id: str, wanted: ApiKeyChange) -> ApiKey:
    """Change the fields that were sent. Raises `Conflict` when the key was changed or deleted meanwhile."""
    changes = wanted.changes()
    if "expires_at" in changes:
        changes["expires_at"] = seconds(wanted.expires_at)
    before = store.get(caller.tenant, key_id)
    key = replace(before, **changes)
    told = wanted.model_dump(mode="json", exclude_unset=True)
    try:
        store.change(caller.tenant, before, key, audit.record("api_key.updated", caller, key_id, told))
    except table.ConditionFailed:
        raise Conflict from None
    return shown(key)


def delete(caller: Caller, key_id: str) -> None:
    """Delete a key: its secrets fail from the next request on.

    Raises `Conflict` when the key was rotated or deleted meanwhile.
    """
    key = store.get(caller.tenant, key_id)
    event = events.event("api_key.deleted", caller, _told(key))
    try:
        store.remove(caller.tenant, key, event, audit.record("api_key.deleted", caller, key_id, {"name": key.name}))
    except table.ConditionFailed:
        raise Conflict from None


def rotate(caller: Caller, key_id: str, overlap_seconds: int) -> RotatedApiKey:
    """Give a key a new secret; the old one stays good for the overlap, and never beyond the key's own expiry.

    Raises `Conflict` when the key was rotated or deleted meanwhile, or is used up by its expiry.
    """
    key = store.get(caller.tenant, key_id)
    ends = times.now() + overlap_seconds
    if key.expires_at is not None:
        ends = min(ends, key.expires_at)
    secret = auth.new_api_key()
    prefix = secret[:PREFIX_LENGTH]
    told = {"prefix": prefix, "previous_expires_at": times.iso(ends)}
    record = audit.record("api_key.rotated", caller, key_id, told)
    try:
        store.rotate(caller.tenant, key, auth.credential_hash(secret), prefix, ends, record)
    except table.ConditionFailed:
        raise Conflict from None
    return {**shown(replace(key, prefix=prefix)), "key": secret, "previous_expires_at": times.iso(ends)}


def usage(tenant: str, key_id: str, period: str) -> Usage:
    """Count a key's requests over the last day by hour, or the last week or month by day."""
    key = store.get(tenant, key_id)
    now = datetime.now(UTC)
    start = now - timedelta(hours=23) if period == "day" else _midnight(now) - timedelta(days=_DAYS[period] - 1)
    series: dict[str, int] = {}
    counted = store.hours(tenant, key, times.hour_of(start.timestamp()))
    for hour in store.hours_between(start, now):
        point = f"{hour}:00:00Z" if period == "day" else f"{hour[:10]}T00:00:00Z"
        series[point] = series.get(point, 0) + counted.get(hour, 0)
    points: list[UsagePoint] = [{"time": point, "requests": requests} for point, requests in series.items()]
    return {
        "id": key.id,
        "period": period,
        "total": sum(series.values()),
        "usage_count": key.usage_count,
        "last_used_at": iso(key.last_used_at),
        "series": points,
    }


def shown(key: StoredKey) -> ApiKey:
    """A key as callers see it."""
    return {
        "id": key.id,
        "name": key.name,
        "description": key.description,
        "prefix": key.prefix,
        "permissions": key.permissions,
        "created_at": times.iso(key.created_at),
        "expires_at": iso(key.expires_at),
        "last_used_at": iso(key.last_used_at),
        "usage_count": key.usage_count,
    }


def _told(key: StoredKey) -> dict[str, object]:
    return {
        "api_key_id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "permissions": key.permissions,
        "created_at": times.iso(key.created_at),
        "expires_at": iso(key.expires_at),
    }


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
