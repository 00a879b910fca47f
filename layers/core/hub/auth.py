"""Who is calling, and how often: one conditional write for both.

Every credential has one item in ActivityTable, found by the hash of the secret. The write that identifies the caller
counts the request in its minute; it fails for an item that is gone, expired or over its limit. So limits are exact
however concurrent the calls, and a revoked credential fails from the very next request.

Attributes of the item: `tenant`, `credential_id`, `kind`, `plan` and its `plan_limit`,
`permissions`, `expires_at` (epoch seconds),
`minute` (epoch minutes), `n` (requests in it), `n_<bucket>` (of them, in a bucket with a limit of its own),
`hour` (`2026-11-20T13`) and `hour_n` (requests in it), `usage_count`, `last_used_at`.
"""

import hashlib
import re
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from hub import times
from hub.errors import CredentialExpired, TooManyRequests, Unauthorized, Unavailable
from hub.store import keys, table
from hub.store.items import Item

Bucket = Literal["webhooks", "support", "batch", "uploads"]
"""What is limited more tightly than the credential as a whole (CONTRACT section 5)."""

PUBLIC_PERMISSIONS = ["forwarding:read", "forwarding:write", "messaging:read", "messaging:write"]
"""What a caller without a credential may do where a deployment opens a group to such callers: never administer."""

LIMITS = {"api_key": 1000, "access_token": 500}
BUCKET_LIMITS: dict[str, int] = {"webhooks": 100, "batch": 100, "uploads": 60}
PLAN_LIMITS = {"free": 100, "enterprise": 1000}

KEY_PREFIX = "sk_live_"
USAGE_SECONDS = 40 * 86_400

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS = 32
_CHECKSUM_CHARACTERS = 6
_API_KEY = re.compile(rf"{KEY_PREFIX}[0-9A-Za-z]{{{_RANDOM_CHARACTERS + _CHECKSUM_CHARACTERS}}}\Z")
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+\Z", re.ASCII)
_TRIES = 6


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The tightest limit of a request: requests a minute, how many are left, when the window turns (epoch seconds)."""

    limit: int
    remaining: int
    reset: int


@dataclass(frozen=True, slots=True)
class Credential:
    """An accepted credential; `user_id` where it acts for a person."""

    id: str
    tenant: str
    user_id: str | None
    kind: str
    plan: str
    permissions: frozenset[str]
    rate: RateLimit

    def allows(self, group: str, permission: str) -> bool:
        """Whether it may do what needs `permission` (`read`, `write`, `admin`) in a group of endpoints."""
        return not self.permissions.isdisjoint({"admin", permission, f"{group}:{permission}"})

    def knows(self, group: str) -> bool:
        """Whether it may do anything in a group of endpoints, and so may be told of what is there by another's."""
        return any(self.allows(group, permission) for permission in ("read", "write"))


class RateLimited(TooManyRequests):
    """Over the limit; carries the figures that the answer's headers show."""

    def __init__(self, rate: RateLimit) -> None:
        """Take the limit that was hit."""
        self.rate = rate
        super().__init__(retry_after=max(1, rate.reset - times.now()))


def new_api_key() -> str:
    """Make an API key: `sk_live_`, 32 random base62 characters (190 bits), a checksum of 6."""
    body = KEY_PREFIX + _base62(secrets.randbelow(62**_RANDOM_CHARACTERS), _RANDOM_CHARACTERS)
    return body + checksum(body)


def checksum(body: str) -> str:
    """The CRC-32 of a key's body in base62: a typo is told, and a leaked key found by a scanner, without a database."""
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_CHARACTERS)


def credential_hash(token: str) -> str:
    """What is stored of an API key. A plain SHA-256 does, because the key is random and long."""
    return hashlib.sha256(token.encode()).hexdigest()


def credential_item(
    token_hash: str,
    *,
    tenant: str,
    credential_id: str,
    kind: str,
    plan: str,
    permissions: list[str],
    expires_at: int | None,
    user_id: str | None = None,
) -> Item:
    """The item of a new credential."""
    return {
        **keys.credential(token_hash),
        "tenant": tenant,
        "credential_id": credential_id,
        "kind": kind,
        "user_id": user_id,
        "plan": plan,
        "plan_limit": PLAN_LIMITS[plan],
        "permissions": permissions,
        "expires_at": expires_at,
        "usage_count": 0,
        "hour": times.hour_of(times.now()),
        "hour_n": 0,
        "minute": 0,
        "n": 0,
    }


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as a caller shows it, of good form: what its item is found by, and what the token itself says.

    Of an access token that is `scope`, which may be less than its grant allows, and `expires_at` (epoch seconds).
    """

    found_by: str
    limit: int
    scope: frozenset[str] | None = None
    expires_at: int | None = None


def authenticate(token: str, issuer: str, bucket: Bucket | None = None) -> Credential:
    """Accept an API key, or an access token of this issuer, and count the request.

    Raises `Unauthorized`, `CredentialExpired` or `RateLimited`.
    """
    return accept(presented(token, issuer), bucket)


def presented(token: str, issuer: str) -> Presented:
    """Read a token as far as that needs no call. Raises `Unauthorized` or `CredentialExpired`."""
    if not token.startswith(KEY_PREFIX):
        return _presented_jwt(token, issuer)
    if not _API_KEY.match(token) or checksum(token[:-_CHECKSUM_CHARACTERS]) != token[-_CHECKSUM_CHARACTERS:]:
        raise Unauthorized
    return Presented(credential_hash(token), LIMITS["api_key"])


def public(tenant: str) -> Presented:
    """What stands for the credential of a caller without one, who acts as a tenant that the deployment opens.

    All such callers have one limit together.
    """
    return Presented(public_credential(tenant), LIMITS["api_key"])


def accept(shown: Presented, bucket: Bucket | None = None) -> Credential:
    """Accept a credential and count the request. Raises `Unauthorized`, `CredentialExpired` or `RateLimited`."""
    credential = _count(shown.found_by, shown.limit, bucket)
    if shown.scope is None:
        return credential
    return replace(credential, permissions=credential.permissions & shown.scope)


def standing(found_by: Iterable[str]) -> dict[str, frozenset[str]]:
    """Which of up to 100 credentials stand at this moment, and their permissions; counts nothing."""
    places = [keys.credential(one) for one in found_by]
    found = table.get_many({table.activity(): places}, consistent=True).values()
    return {
        item["pk"].partition("#")[2]: frozenset(item["permissions"])
        for item in found
        if item.get("expires_at", times.now() + 1) > times.now()
    }


def _presented_jwt(token: str, issuer: str) -> Presented:
    if not _JWT.match(token):
        raise Unauthorized
    from hub import tokens

    claims = tokens.verify(token, issuer)
    # A token may carry less than its grant allows (RFC 6749 section 6).
    scope = frozenset(claims["scope"].split())
    return Presented(grant_credential(claims["grant"]), LIMITS["access_token"], scope, claims["exp"])


def grant_credential(grant_id: str) -> str:
    """What the credential item of a grant is found by, as an API key's by its hash."""
    return f"grant/{grant_id}"


def public_credential(tenant: str) -> str:
    """What the credential item of callers without a credential is found by; nothing that a caller sends leads there."""
    return f"public/{tenant}"


def usage_partition(tenant: str, credential_id: str) -> str:
    """Where the finished hours of a credential's usage stand, one row each: `sk` the hour, `n` its requests."""
    return keys.partition(tenant, "USAGE", credential_id)


def _base62(number: int, length: int) -> str:
    characters = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        characters = _BASE62[digit] + characters
    return characters


def _count(token_hash: str, limit: int, bucket: Bucket | None) -> Credential:
    key = keys.credential(token_hash)
    minute = times.now() // 60
    for attempt in range(_TRIES):
        table.back_off(attempt)
        try:
            return _credential(table.update(_in_window(key, minute, limit, bucket)), limit, bucket)
        except table.Contended:
            continue
        except table.ConditionFailed as failure:
            item = failure.item
        if item is None:
            raise Unauthorized
        if "expires_at" in item and item["expires_at"] <= times.now():
            raise CredentialExpired
        if item["minute"] < minute:
            if turned := _turn_window(key, item, minute, bucket):
                return _credential(turned, limit, bucket)
        elif item["minute"] > minute:
            # Another host's clock is ahead: the window it opened is the one that counts.
            minute = item["minute"]
        else:
            rate = _rate(item, limit, bucket)
            if not rate.remaining:
                raise RateLimited(rate)
    raise Unavailable


def _in_window(key: keys.Key, minute: int, limit: int, bucket: Bucket | None) -> table.Update:
    add = "#n :one, #hour_n :one, #usage_count :one"
    condition = "#minute = :minute AND #n < :limit AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
    values: dict[str, Any] = {"one": 1, "minute": minute, "limit": limit, "now": times.now()}
    if bucket:
        add += f", #n_{bucket} :one"
        bound = "#plan_limit" if bucket == "support" else ":bucket_limit"
        condition += f" AND (attribute_not_exists(#n_{bucket}) OR #n_{bucket} < {bound})"
        if bucket != "support":
            values["bucket_limit"] = BUCKET_LIMITS[bucket]
    return table.Update(table.activity(), key, f"ADD {add} SET #last_used_at = :now", condition, values)


def _turn_window(key: keys.Key, item: Item, minute: int, bucket: Bucket | None) -> Item | None:
    """Open the window of a new minute with this request in it; `None` when another request was first.

    At a new hour the finished one goes to its usage row, in the same transaction, so that no request is counted in
    two hours or in none.
    """
    hour, now = times.hour_of(minute * 60), times.now()
    buckets = [name for name in item if name.startswith("n_")]
    changes = "SET #minute = :minute, #n = :one, #last_used_at = :now, #usage_count = #usage_count + :one"
    values: dict[str, Any] = {"minute": minute, "one": 1, "now": now, "seen": item["minute"]}
    condition = "#minute = :seen AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
    if bucket:
        changes += f", #n_{bucket} = :one"
    finished = item["hour"] != hour
    changes += ", #hour_n = :one, #hour = :hour" if finished else ", #hour_n = #hour_n + :one"
    if finished:
        values["hour"] = hour
        values["hour_n"] = item["hour_n"]
        condition += " AND #hour_n = :hour_n"
    stale = [f"#{name}" for name in buckets if name != f"n_{bucket}"]
    if stale:
        changes += " REMOVE " + ", ".join(stale)
    turn = table.Update(table.activity(), key, changes, condition, values)
    try:
        if not finished or not item["hour_n"]:
            return table.update(turn)
        table.write(turn, _finished_hour(item, now))
    except (table.ConditionFailed, table.Contended):
        return None
    counts = dict.fromkeys(buckets, 0) | ({f"n_{bucket}": 1} if bucket else {})
    return item | counts | {"minute": minute, "n": 1}


def _finished_hour(item: Item, now: int) -> table.Update:
    row: keys.Key = {"pk": usage_partition(item["tenant"], item["credential_id"]), "sk": item["hour"]}
    return table.Update(
        table.activity(), row, "ADD #n :n SET #ttl = :ttl", values={"n": item["hour_n"], "ttl": now + USAGE_SECONDS}
    )


def _credential(item: Item, limit: int, bucket: Bucket | None) -> Credential:
    return Credential(
        id=item["credential_id"],
        tenant=item["tenant"],
        user_id=item.get("user_id"),
        kind=item["kind"],
        plan=item["plan"],
        permissions=frozenset(item["permissions"]),
        rate=_rate(item, limit, bucket),
    )


def _rate(item: Item, limit: int, bucket: Bucket | None) -> RateLimit:
    reset = (item["minute"] + 1) * 60
    rate = RateLimit(limit, max(0, limit - item["n"]), reset)
    if bucket:
        bucket_limit = item["plan_limit"] if bucket == "support" else BUCKET_LIMITS[bucket]
        tighter = RateLimit(bucket_limit, max(0, bucket_limit - item.get(f"n_{bucket}", 0)), reset)
        rate = min(rate, tighter, key=lambda one: one.remaining)
    return rate
