"""KOOK accounts.

| item | table | pk | sk |
|---|---|---|---|
| account | Table | `T#<tenant>#KOOK_ACCOUNT` | its number, padded |
| that its email is taken | Table | `T#<tenant>#KOOK_ACCOUNT_EMAIL` | the email in small letters |
| whose it is | Table | `CONNECTION#<callback id>` | `CONNECTION` |
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from functions.forwarding import gate
from functions.forwarding.accounts import cookies
from hub import connections, ids, secrets, times
from hub.connectors.kook import KookConfig, KookCookieConfig
from hub.errors import Conflict, NotFound, Unprocessable
from hub.outcomes import Trouble
from hub.store import items, keys, sequences, table, versioned
from hub.store.items import Item

KIND = "KOOK_ACCOUNT"
EMAILS = "KOOK_ACCOUNT_EMAIL"
PREFIX = "kook"

Status = Literal["online", "offline", "error"]

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


def add(tenant: str, account: StoredAccount) -> None:
    """Write a new account. Raises `Conflict` where the email is taken."""
    try:
        table.write(gate.is_open(tenant), *writes(tenant, account, is_new=True))
    except table.ConditionFailed as failure:
        raise gate.shut() if failure.position == 0 else Conflict("account_exists", code="ACCOUNT_EXISTS") from None


def replace(tenant: str, before: StoredAccount, after: StoredAccount, event: Mapping[str, Any] | None = None) -> None:
    """Write a changed account. Raises `versioned.Changed` where it is not as it was read."""
    told = [event] if event else None
    written = versioned.replacement(_item(tenant, after, told), before.version)
    try:
        table.write(gate.is_open(tenant), written)
    except table.ConditionFailed as failure:
        if failure.position == 0:
            raise gate.shut() from None
        raise versioned.Changed((failure.item or {}).get("version", 0)) from None
    except table.Contended:
        raise versioned.Changed(before.version) from None


def remove(tenant: str, account: StoredAccount, event: Mapping[str, Any] | None) -> None:
    """Delete an account. Raises `versioned.Changed` where it is not as it was read."""
    tombstone = table.tombstone(keys.entity(tenant, KIND, account.id), [event] if event else [], times.now())
    own = versioned.replacement(tombstone.item, account.version)
    try:
        table.write(gate.is_open(tenant), own, *_pointers_gone(tenant, account))
    except table.ConditionFailed as failure:
        if failure.position == 0:
            raise gate.shut() from None
        raise versioned.Changed((failure.item or {}).get("version", 0)) from None
    except table.Contended:
        raise versioned.Changed(account.version) from None


def note(
    tenant: str,
    account_id: str,
    status: Status,
    trouble: Trouble | None = None,
    events: Sequence[Mapping[str, Any]] = (),
) -> bool:
    """Note how a started account does; one that was stopped or deleted meanwhile stays as it is (`False`).

    Counts no version: what its owner is about to write is no less right for it.
    """
    now = times.now_ms()
    values: dict[str, Any] = {"status": status, "true": True, "now": now}
    expression = "SET #status = :status"
    if status == "online":
        expression += ", #last_active = :now"
    else:
        values.pop("now")
    if events:
        expression += ", #events = :events"
        values["events"] = list(events)
    if trouble is None:
        expression += " REMOVE #error"
    else:
        expression += ", #error = :error"
        values["error"] = trouble
    try:
        table.write(
            table.Update(
                table.entities(),
                keys.entity(tenant, KIND, account_id),
                expression,
                f"{table.PRESENT} AND #is_started = :true",
                values,
            )
        )
    except table.ConditionFailed:
        return False
    return True


def seen(tenant: str, account: StoredAccount) -> None:
    """Note that KOOK has just told something of a started account, once a minute at most."""
    is_known = account.last_active is not None and times.now_ms() - account.last_active < SEEN_SECONDS * 1000
    if not is_known or account.status != "online":
        note(tenant, account.id, "online")


def writes(
    tenant: str, account: StoredAccount, *, is_new: bool = False, events: Sequence[Mapping[str, Any]] = ()
) -> list[table.Put]:
    """What an account is written with; `is_new`: on condition that there is nothing of it yet."""
    condition = table.ABSENT if is_new else ""
    pointer = {**keys.connection(account.callback_id), "tenant": tenant, "account": account.id}
    email = {**keys.entity(tenant, EMAILS, account.email.lower()), "account": account.id}
    return [
        table.Put(table.entities(), _item(tenant, account, events), condition),
        table.Put(table.entities(), email, condition),
        table.Put(table.entities(), pointer, condition),
    ]


def removals(tenant: str, account: StoredAccount) -> list[table.Delete]:
    """What an account is deleted with, without a word."""
    return [table.Delete(table.entities(), keys.entity(tenant, KIND, account.id)), *_pointers_gone(tenant, account)]


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


def _item(tenant: str, account: StoredAccount, events: Sequence[Mapping[str, Any]] | None = None) -> Item:
    own = {**keys.entity(tenant, KIND, account.id), **items.attributes(account)}
    return {**own, "events": list(events)} if events else own
