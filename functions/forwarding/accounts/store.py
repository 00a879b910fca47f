"""KOOK accounts.

| item | table | pk | sk |
|---|---|---|---|
| account | Table | `T#<tenant>#KOOK_ACCOUNT` | its number, padded |
| that its email is taken | Table | `T#<tenant>#KOOK_ACCOUNT_EMAIL` | the email in small letters |
| whose it is | Table | `CONNECTION#<callback id>` | `CONNECTION` |
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from functions.forwarding import gate
from functions.forwarding.accounts import cookies
from hub import connections, events, ids, secrets, times
from hub.connectors.kook import KookConfig, KookCookieConfig
from hub.errors import Conflict, NotFound, Unprocessable
from hub.events import Caller
from hub.outcomes import Trouble
from hub.store import items, keys, sequences, table, versioned
from hub.store.items import Item

KIND = "KOOK_ACCOUNT"
EMAILS = "KOOK_ACCOUNT_EMAIL"
PREFIX = "kook"

Status = Literal["online", "offline", "error"]

_OWN = ("email", "login")
_FOUND_OUT = ("bot_user_id", "error", "status")
"""What a change may change: what its owner gave, beside the config, and what KOOK says of it."""

SEEN_SECONDS = 60
"""How old `last_active` is at least before it is written anew."""


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account; times in epoch ms.

    `config` is the connector's, its secrets as `***`, which `sealed` holds; both are empty without a token. `login`
    holds cookie and password, sealed. `is_started` is what its owner wants, `status` what is. Until it was started
    once nobody knows which user of KOOK's the bot is.
    """

    id: str
    email: str
    status: Status
    is_started: bool
    callback_id: str
    config: Mapping[str, Any]
    sealed: bytes | None
    has_cookie: bool
    has_password: bool
    login: bytes | None
    bot_user_id: str | None
    bot_name: str | None
    error: Trouble | None
    last_active: int | None
    created_at: int
    updated_at: int
    version: int = 1

    @property
    def number(self) -> int:
        """Its id as callers see it."""
        return int(self.id)

    @property
    def has_token(self) -> bool:
        """Whether KOOK's API can be called for it."""
        return self.sealed is not None

    @property
    def connection(self) -> connections.Connection:
        """What calls of KOOK's API need."""
        return connections.Connection(place(self.id), self.email, "kook", self.status, self.config, self.sealed)


def place(account_id: str) -> str:
    """What an account's secrets are sealed for: no integration has such an id."""
    return f"kook_account_{account_id}"


def new_callback_id() -> str:
    """What KOOK calls an account by: nobody guesses it, and it tells nothing."""
    return ids.new(PREFIX)


def opened(tenant: str, account: StoredAccount) -> KookConfig:
    """What KOOK is called with: the token of the account's bot or, where the deployment allows it, its cookies.

    Raises `Unprocessable`, with what to do about it, for an account that cannot call.
    """
    if account.has_token:
        config = connections.opened(tenant, account.connection)
        assert isinstance(config, KookConfig)  # noqa: S101 - what the connector of KOOK makes
        return config
    if not account.has_cookie:
        raise Unprocessable("no_token", code="TOKEN_MISSING")
    if not cookies.are_allowed():
        raise Unprocessable("cookie_not_allowed", code="COOKIE_NOT_ALLOWED")
    cookie = cookies.header(login(tenant, account)["cookie"])
    return KookCookieConfig(cookie=cookie, base_url=account.config.get("base_url", ""))


def sealed_login(tenant: str, account_id: str, login: Mapping[str, str]) -> bytes | None:
    """Cookie and password as the item holds them."""
    return secrets.seal(json.dumps(login), tenant, _login_place(account_id)) if login else None


def login(tenant: str, account: StoredAccount) -> dict[str, str]:
    """Cookie and password, as far as there are any."""
    if account.login is None:
        return {}
    kept: dict[str, str] = json.loads(secrets.unseal(account.login, tenant, _login_place(account.id)))
    return kept


def get(tenant: str, account_id: str, *, consistent: bool = False) -> StoredAccount:
    """Read an account by its padded number. Raises `NotFound`."""
    item = table.get(table.entities(), keys.entity(tenant, KIND, account_id), consistent=consistent)
    if item is None:
        raise NotFound
    return items.entity(StoredAccount, item)


def by_callback(callback_id: str) -> tuple[str, StoredAccount]:
    """The tenant and the account that KOOK calls back. Raises `NotFound`."""
    pointer = table.get(table.entities(), keys.connection(callback_id))
    # Integrations have such pointers too, without an account in them.
    if pointer is None or "account" not in pointer:
        raise NotFound
    return pointer["tenant"], get(pointer["tenant"], pointer["account"])


def everything(tenant: str, *, consistent: bool = False) -> list[StoredAccount]:
    """All accounts of a tenant, the oldest first: no more than the quota."""
    query = table.Query(table.entities(), keys.partition(tenant, KIND), newest_first=False, consistent=consistent)
    return [items.entity(StoredAccount, item) for item in table.items(query)]


def add(caller: Caller, account: StoredAccount) -> None:
    """Write a new account. Raises `Conflict` where the email is taken."""
    try:
        table.write(gate.is_open(caller.tenant), *writes(caller, account, is_new=True))
    except table.ConditionFailed as failure:
        raise gate.shut() if failure.position == 0 else Conflict("account_exists", code="ACCOUNT_EXISTS") from None


def replace(caller: Caller, before: StoredAccount, after: StoredAccount) -> None:
    """Write a changed account. Raises `versioned.Changed` where it is not as it was read."""
    own = _item(caller.tenant, after, events_of(caller, before, after))
    gate.write(caller.tenant, before.version, versioned.replacement(own, before.version))


def remove(caller: Caller, account: StoredAccount) -> None:
    """Delete an account, which stops it. Raises `versioned.Changed` where it is not as it was read."""
    own = versioned.replacement(_tombstone(caller, account), account.version)
    gate.write(caller.tenant, account.version, own, *_pointers_gone(caller.tenant, account))


def note(tenant: str, account: StoredAccount, status: Status, trouble: Trouble | None = None) -> bool:
    """Note how a started account does, with an event where that is news.

    One that was stopped, deleted or changed since it was read stays as it is (`False`). That it does as before counts
    no version: what its owner is about to write is no less right for it.
    """
    after = dataclasses.replace(account, status=status, error=trouble)
    values: dict[str, Any] = {"true": True}
    condition, removed = f"{table.PRESENT} AND #is_started = :true", ""
    if status == "online":
        values["last_active"] = times.now_ms()
    if connections.changes(account, after, "error", "status"):
        after = dataclasses.replace(after, version=account.version + 1)
        told_of = events_of(Caller(tenant, "", "", ids.new("req")), account, after)
        values |= {"status": status, "version": after.version, "events": told_of, "seen": account.version}
        values |= {"error": trouble} if trouble else {}
        condition += " AND #version = :seen"
        removed = "" if trouble else " REMOVE #error"
    changed = [name for name in values if name not in ("true", "seen")]
    if not changed:
        return True
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in changed) + removed
    key = keys.entity(tenant, KIND, account.id)
    try:
        table.write(table.Update(table.entities(), key, expression, condition, values))
    except table.ConditionFailed:
        return False
    return True


def seen(tenant: str, account: StoredAccount, *, is_accepted: bool) -> None:
    """Note that KOOK has just told something of a started account, once a minute at most.

    One whose token it refused is in `error` until it is accepted again: KOOK calls back all the same.
    """
    if account.status == "error" and not is_accepted:
        return
    is_known = account.last_active is not None and times.now_ms() - account.last_active < SEEN_SECONDS * 1000
    if not is_known or account.status != "online":
        note(tenant, account, "online")


def writes(
    caller: Caller, account: StoredAccount, before: StoredAccount | None = None, *, is_new: bool = False
) -> list[table.Put]:
    """What an account is written with; `is_new`: on condition that there is nothing of it yet."""
    tenant, condition = caller.tenant, table.ABSENT if is_new else ""
    pointer = {**keys.connection(account.callback_id), "tenant": tenant, "account": account.id}
    email = {**keys.entity(tenant, EMAILS, account.email.lower()), "account": account.id}
    return [
        table.Put(table.entities(), _item(tenant, account, events_of(caller, before, account)), condition),
        table.Put(table.entities(), email, condition),
        table.Put(table.entities(), pointer, condition),
    ]


def removals(caller: Caller, account: StoredAccount) -> list[table.Put | table.Delete]:
    """What an account is deleted with."""
    return [table.Put(table.entities(), _tombstone(caller, account)), *_pointers_gone(caller.tenant, account)]


def events_of(caller: Caller, before: StoredAccount | None, after: StoredAccount) -> list[dict[str, Any]]:
    """What an account's making or change tells. To be started or stopped changes its status too, without a word."""
    found: list[dict[str, Any]] = []
    if before is None:
        found.append(events.event("kook_account.created", caller, _told(after)))
    is_switched = after.is_started != (before is not None and before.is_started)
    if before is not None:
        changes = connections.changes(before, after, *(_OWN if is_switched else (*_OWN, *_FOUND_OUT)))
        if changes:
            found.append(events.event("kook_account.updated", caller, {**_told(after), "changes": changes}))
    if is_switched:
        found.append(_switched(caller, after))
    return found


def _told(account: StoredAccount) -> dict[str, Any]:
    """An account as events tell of it."""
    return {
        "account_id": account.number,
        "email": account.email,
        "status": account.status,
        "is_started": account.is_started,
        "bot_user_id": account.bot_user_id,
        "version": account.version,
    }


def _switched(caller: Caller, account: StoredAccount) -> dict[str, Any]:
    if account.is_started:
        return events.event("kook_account.started", caller, _told(account))
    return events.event("kook_account.stopped", caller, _told(account))


def _tombstone(caller: Caller, account: StoredAccount) -> Item:
    """What is left of an account that is deleted: that it was, and that it captures no more."""
    gone = dataclasses.replace(account, is_started=False, status="offline", version=account.version + 1)
    told_of = [_switched(caller, gone)] if account.is_started else []
    told_of.append(events.event("kook_account.deleted", caller, _told(gone)))
    return dict(table.tombstone(keys.entity(caller.tenant, KIND, account.id), told_of, times.now()).item)


def _pointers_gone(tenant: str, account: StoredAccount) -> list[table.Delete]:
    return [
        table.Delete(table.entities(), keys.entity(tenant, EMAILS, account.email.lower())),
        table.Delete(table.entities(), keys.connection(account.callback_id)),
    ]


def next_id(tenant: str) -> str:
    """The id of an account to be made."""
    return sequences.padded(sequences.following(tenant, KIND))


def _login_place(account_id: str) -> str:
    return f"kook_account/{account_id}/login"


def _item(tenant: str, account: StoredAccount, told_of: Sequence[Mapping[str, Any]]) -> Item:
    own = {**keys.entity(tenant, KIND, account.id), **items.attributes(account)}
    return {**own, "events": list(told_of)} if told_of else own
