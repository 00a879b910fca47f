"""What can be done with KOOK accounts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions.forwarding import kook, lists
from functions.forwarding.accounts import cookies, store
from functions.forwarding.accounts.models import (
    AddedKookAccount,
    KookAccount,
    KookAccountChange,
    KookAccountList,
    KookChannels,
    KookServers,
    NewKookAccount,
    OneKookAccount,
)
from functions.forwarding.accounts.store import StoredAccount
from functions.forwarding.lists import ListParameters
from hub import connections, secrets, times
from hub.connectors import configs
from hub.connectors.kook import CONNECTOR, KookConfig, guilds
from hub.connectors.kook import channels as channels_of
from hub.connectors.protocol import Account as Bot
from hub.connectors.protocol import Disabled, ProviderError
from hub.errors import FieldError, InvalidRequest, Unprocessable
from hub.events import Caller
from hub.store import sequences, versioned
from hub.web.localisation import Language, text

MAX_ACCOUNTS = 20
"""Of a tenant: lists show them all."""

_OF_KOOK = ("token", "verify_token", "encrypt_key", "base_url")
_OF_LOGIN = ("cookie", "password")


def add(caller: Caller, wanted: NewKookAccount, language: Language) -> AddedKookAccount:
    """Make an account; KOOK is not asked. Raises `InvalidRequest`, `Conflict` and, over the quota, `Unprocessable`."""
    sent = wanted.model_dump(exclude_none=True)
    login = _login({}, sent)
    config = _config(None, sent)
    if len(store.everything(caller.tenant)) >= MAX_ACCOUNTS:
        raise Unprocessable("quota_exceeded", code="QUOTA_EXCEEDED", limit=MAX_ACCOUNTS)
    account_id, now = store.next_id(caller.tenant), times.now_ms()
    account = StoredAccount(
        id=account_id,
        email=wanted.email,
        status="offline",
        is_started=False,
        callback_id=store.new_callback_id(),
        **_kept(caller.tenant, account_id, config, sent.get("base_url")),
        has_cookie="cookie" in login,
        has_password="password" in login,
        login=store.sealed_login(caller.tenant, account_id, login),
        bot_user_id=None,
        bot_name=None,
        error=None,
        last_active=None,
        created_at=now,
        updated_at=now,
    )
    store.add(caller, account)
    return {"message": text("account_added", language), "account_id": account.number}


def listed(tenant: str, query: ListParameters, base_url: str) -> KookAccountList:
    """List accounts, the oldest first."""
    found: KookAccountList = lists.listed(store.everything(tenant), query, lambda account: shown(account, base_url))
    return found


def get(tenant: str, account_id: str, base_url: str) -> OneKookAccount:
    """Show an account."""
    return {"data": shown(store.get(tenant, sequences.place(account_id)), base_url)}


def change(caller: Caller, account_id: str, wanted: KookAccountChange, base_url: str) -> OneKookAccount:
    """Change what was sent. KOOK must know the new credential of an account that is started."""
    sent = wanted.changes()
    place = sequences.place(account_id)

    def once() -> OneKookAccount:
        before = store.get(caller.tenant, place, consistent=True)
        after = _changed(caller.tenant, before, sent)
        if after == before:
            return {"data": shown(before, base_url)}
        after = replace(after, updated_at=max(times.now_ms(), before.updated_at), version=before.version + 1)
        if (before.sealed, before.login, before.config) != (after.sealed, after.login, after.config):
            after = _recognised(caller.tenant, after)
        store.replace(caller, before, after)
        return {"data": shown(after, base_url)}

    return versioned.retried(once)


def delete(caller: Caller, account_id: str) -> None:
    """Delete an account, which stops it."""
    place = sequences.place(account_id)
    versioned.retried(lambda: store.remove(caller, store.get(caller.tenant, place, consistent=True)))


def start(caller: Caller, account_id: str) -> None:
    """Start an account once KOOK has told who it is; one that is started already is asked again.

    Raises `Unprocessable` for an account that cannot call KOOK or that KOOK refuses, which is noted, `Unavailable`
    where KOOK does not answer.
    """
    place = sequences.place(account_id)

    def once() -> None:
        before = store.get(caller.tenant, place, consistent=True)
        config = store.opened(caller.tenant, before)
        refusal: ProviderError | None = None
        try:
            after = _known(before, CONNECTOR.test(config), config)
        except ProviderError as error:
            refusal = error
            if not isinstance(error, Disabled):
                raise kook.told(error, config) from error
            after = replace(before, status="error", error=connections.trouble(error, config))
        else:
            after = replace(after, is_started=True, status="online", last_active=times.now_ms(), error=None)
        _write(caller, before, after)
        if refusal:
            raise kook.told(refusal, config)

    versioned.retried(once)


def stop(caller: Caller, account_id: str) -> None:
    """Stop an account; one that is stopped stays so."""
    place = sequences.place(account_id)

    def once() -> None:
        before = store.get(caller.tenant, place, consistent=True)
        _write(caller, before, replace(before, is_started=False, status="offline", error=None))

    versioned.retried(once)


def servers(tenant: str, account_id: str) -> KookServers:
    """The servers that the account's bot is in, as KOOK tells. Raises `Unprocessable` and `Unavailable`."""
    config = _opened(tenant, account_id)
    with kook.asking(config):
        return {"servers": [{"id": one.id, "name": one.name, "icon": one.icon} for one in guilds(config)]}


def channels(tenant: str, account_id: str, server_id: str | None) -> KookChannels:
    """The text channels of a server, as KOOK tells. Raises `Unprocessable` and `Unavailable`."""
    config = _opened(tenant, account_id)
    if server_id is None:
        raise InvalidRequest(FieldError("server_id", "missing"))
    with kook.asking(config):
        found = channels_of(config, server_id)
    return {"channels": [{"id": one.id, "name": one.name, "type": "text", "server_id": one.guild_id} for one in found]}


def shown(account: StoredAccount, base_url: str) -> KookAccount:
    """An account as callers see it."""
    return {
        "id": account.number,
        "email": account.email,
        "status": account.status,
        "last_active": None if account.last_active is None else times.iso_without_zone(account.last_active / 1000),
        "created_at": times.iso_without_zone(account.created_at / 1000),
        "is_started": account.is_started,
        "callback_url": f"{base_url}/kook/callback/{account.callback_id}",
        "bot_user_id": account.bot_user_id,
        "bot_name": account.bot_name,
        "error": account.error,
        "token": account.config.get("token"),
        "verify_token": account.config.get("verify_token"),
        "encrypt_key": account.config.get("encrypt_key"),
        "base_url": account.config.get("base_url"),
        "cookie": secrets.MASK if account.has_cookie else None,
        "password": secrets.MASK if account.has_password else None,
    }


def _write(caller: Caller, before: StoredAccount, after: StoredAccount) -> None:
    """Write an account that was started, stopped or refused. Raises `versioned.Changed`."""
    if after == before:
        return
    after = replace(after, updated_at=max(times.now_ms(), before.updated_at), version=before.version + 1)
    store.replace(caller, before, after)


def _opened(tenant: str, account_id: str) -> KookConfig:
    return store.opened(tenant, store.get(tenant, sequences.place(account_id), consistent=True))


def _recognised(tenant: str, account: StoredAccount) -> StoredAccount:
    """An account with another credential: what was known of the old one is not known of it."""
    unknown = replace(account, bot_user_id=None, bot_name=None)
    if not account.is_started:
        return replace(unknown, status="offline", error=None)
    config = store.opened(tenant, unknown)
    with kook.asking(config):
        known = _known(unknown, CONNECTOR.test(config), config)
    return replace(known, status="online", last_active=times.now_ms(), error=None)


def _known(account: StoredAccount, bot: Bot, config: KookConfig) -> StoredAccount:
    user_id, name = connections.cleaned(bot.id, config), connections.cleaned(bot.name, config)
    return replace(account, bot_user_id=user_id, bot_name=name)


def _changed(tenant: str, before: StoredAccount, sent: Mapping[str, Any]) -> StoredAccount:
    after = before
    if any(name in sent for name in _OF_KOOK):
        kept = connections.opened(tenant, before.connection) if before.has_token else None
        config = _config(kept, sent)
        if config is None or config != kept:
            address = sent.get("base_url", before.config.get("base_url"))
            after = replace(after, **_kept(tenant, before.id, config, address))
    if (
        before.has_cookie
        and sent.get("cookie", secrets.MASK) == secrets.MASK
        and after.config.get("base_url") != before.config.get("base_url")
    ):
        raise InvalidRequest(FieldError("cookie", "send_anew"))
    if any(name in sent for name in _OF_LOGIN):
        kept_login = store.login(tenant, before)
        login = _login(kept_login, sent)
        if login != kept_login:
            sealed = store.sealed_login(tenant, before.id, login)
            after = replace(after, has_cookie="cookie" in login, has_password="password" in login, login=sealed)
    return after


def _config(kept: Any, sent: Mapping[str, Any]) -> Any:
    """The connector's config under what was sent of it; `None` without a token. Raises `InvalidRequest`."""
    own = {name: sent[name] for name in _OF_KOOK if name in sent}
    if kept is not None and ("token" not in own or own["token"] is not None):
        return configs.merged("kook", kept, own, prefix="")
    given = {name: value for name, value in own.items() if value is not None}
    if "token" in given:
        return configs.checked("kook", given, prefix="")
    if "verify_token" in given or "encrypt_key" in given:
        raise InvalidRequest(FieldError("token", "missing"))
    if "base_url" in given:
        # Without a token there is no config yet, but an address that is checked as one of a config is.
        configs.checked("kook", {"token": secrets.MASK * 2, **given}, prefix="")
    return None


def _kept(tenant: str, account_id: str, config: Any, base_url: str | None) -> dict[str, Any]:
    """What the item keeps of a config."""
    if config is None:
        return {"config": {"base_url": base_url} if base_url else {}, "sealed": None}
    shown_config, sealed = connections.closed(tenant, store.place(account_id), config)
    return {"config": shown_config, "sealed": sealed}


def _login(kept: Mapping[str, str], sent: Mapping[str, Any]) -> dict[str, str]:
    """Cookie and password under what was sent of them. Raises `InvalidRequest`."""
    login = dict(kept)
    for name in _OF_LOGIN:
        if name not in sent or (sent[name] == secrets.MASK and name in kept):
            continue
        if sent[name] is None:
            login.pop(name, None)
        elif name == "cookie":
            login[name] = cookies.checked(sent[name])
        else:
            login[name] = sent[name]
    return login
