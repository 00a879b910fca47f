"""What an account calls KOOK's API with: its bot's token, or where the deployment allows it a browser's cookies."""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from functions.forwarding.accounts import store
from functions.forwarding.accounts.store import StoredAccount
from hub import connections, settings
from hub.connectors.kook import KookConfig, KookCookieConfig
from hub.errors import InvalidRequest, Unprocessable

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}\Z")
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*\Z")
"""A cookie's name and value (RFC 6265 section 4.1.1): what is neither does not go into a header."""


@dataclass(frozen=True)
class AccountSettings:
    """Whether accounts may act by the cookies of a browser, against KOOK's terms."""

    allow_cookie_accounts: bool = False


@cache
def _settings() -> AccountSettings:
    return settings.load(AccountSettings)


def checked_cookie(text: str) -> str:
    """A cookie as it is kept. Raises `InvalidRequest` (`INVALID_COOKIE`) for what is no JSON array of cookies."""
    try:
        _header(text)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidRequest(message="invalid_cookie", code="INVALID_COOKIE") from None
    return text


def opened(tenant: str, account: StoredAccount) -> KookConfig:
    """What KOOK is called with. Raises `Unprocessable`, with what to do about it, for an account that cannot call."""
    if account.has_token:
        config = connections.opened(tenant, account.connection)
        assert isinstance(config, KookConfig)  # noqa: S101 - what the connector of KOOK makes
        return config
    if not account.has_cookie:
        raise Unprocessable("no_token", code="TOKEN_MISSING")
    if not _settings().allow_cookie_accounts:
        raise Unprocessable("cookie_not_allowed", code="COOKIE_NOT_ALLOWED")
    cookie = _header(store.login(tenant, account)["cookie"])
    return KookCookieConfig(cookie=cookie, base_url=account.config.get("base_url", ""))


def _header(text: str) -> str:
    """The header's value. Raises `ValueError`, `TypeError` or `KeyError` for what is no JSON array of cookies."""
    cookies: Any = json.loads(text)
    if not isinstance(cookies, list) or not cookies:
        raise ValueError
    pairs = [(one["name"], one["value"]) for one in cookies]
    if not all(_NAME.match(name) and _VALUE.match(value) for name, value in pairs):
        raise ValueError
    return "; ".join(f"{name}={value}" for name, value in pairs)
