"""What can be done with API keys."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from functions.identity import store
from functions.identity.models import (
    ApiKey,
    ApiKeyChange,
    ApiKeyWithSecret,
    NewApiKey,
    RotatedApiKey,
    Usage,
    UsagePoint,
)
from functions.identity.store import StoredKey
from hub import auth, events, ids, times
from hub.errors import Conflict, FieldError, InvalidRequest
from hub.events import Caller
from hub.store import table
from hub.store.paging import Page
from hub.web.validation import PageParameters, iso, seconds

PREFIX_LENGTH = 12
_DAYS = {"day": 1, "week": 7, "month": 30}


def create(caller: Caller, wanted: NewApiKey) -> ApiKeyWithSecret:
    """Make a key; its secret is in the answer and nowhere else."""
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
    store.add(caller, key, events.event("api_key.created", caller, _told(key)))
    return {**shown(key), "key": secret}


def listed(tenant: str, query: PageParameters) -> Page[ApiKey]:
    """List keys, the newest first."""
    found = store.page(tenant, query.page, query.limit, query.cursor)
    return found.holding(shown(key) for key in found.items)


def get(tenant: str, key_id: str) -> ApiKey:
    """Show one key."""
    return shown(store.get(tenant, key_id))


def change(tenant: str, key_id: str, wanted: ApiKeyChange) -> ApiKey:
    """Change the fields that were sent. Raises `Conflict` when the key was rotated or deleted meanwhile."""
    changes = wanted.model_dump(exclude_unset=True)
    if not changes:
        raise InvalidRequest(FieldError("body", "nothing_to_change"))
    if "expires_at" in changes:
        changes["expires_at"] = seconds(wanted.expires_at)
    key = replace(store.get(tenant, key_id), **changes)
    try:
        store.change(tenant, key)
    except table.ConditionFailed:
        raise Conflict from None
    return shown(key)


def delete(caller: Caller, key_id: str) -> None:
    """Delete a key: its secrets fail from the next request on.

    Raises `Conflict` when the key was rotated or deleted meanwhile.
    """
    key = store.get(caller.tenant, key_id)
    try:
        store.remove(caller.tenant, key, events.event("api_key.deleted", caller, _told(key)))
    except table.ConditionFailed:
        raise Conflict from None


def rotate(tenant: str, key_id: str, overlap_seconds: int) -> RotatedApiKey:
    """Give a key a new secret; the old one stays good for the overlap, and never beyond the key's own expiry.

    Raises `Conflict` when the key was rotated or deleted meanwhile, or is used up by its expiry.
    """
    key = store.get(tenant, key_id)
    ends = times.now() + overlap_seconds
    if key.expires_at is not None:
        ends = min(ends, key.expires_at)
    secret = auth.new_api_key()
    try:
        store.rotate(tenant, key, auth.credential_hash(secret), secret[:PREFIX_LENGTH], ends)
    except table.ConditionFailed:
        raise Conflict from None
    rotated = shown(replace(key, prefix=secret[:PREFIX_LENGTH]))
    return {**rotated, "key": secret, "previous_expires_at": times.iso(ends)}


def usage(tenant: str, key_id: str, period: str) -> Usage:
    """Count a key's requests over the last day by hour, or the last week or month by day."""
    key = store.get(tenant, key_id)
    now = datetime.now(UTC)
    start = now - timedelta(hours=23) if period == "day" else _midnight(now) - timedelta(days=_DAYS[period] - 1)
    series: dict[str, int] = {}
    counted = store.hours(tenant, key, auth.hour_of(int(start.timestamp())))
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
