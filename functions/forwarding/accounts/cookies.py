"""A browser's cookies as an account may have them: a JSON array, as browsers' extensions export them."""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from hub import settings
from hub.errors import InvalidRequest

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


def are_allowed() -> bool:
    """Whether this deployment lets accounts act by them."""
    return _settings().allow_cookie_accounts


def checked(text: str) -> str:
    """Cookies as they are kept. Raises `InvalidRequest` (`INVALID_COOKIE`) for what is no JSON array of cookies."""
    try:
        header(text)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidRequest(message="invalid_cookie", code="INVALID_COOKIE") from None
    return text


def header(text: str) -> str:
    """The header's value. Raises `ValueError`, `TypeError` or `KeyError` for what is no JSON array of cookies."""
    cookies: Any = json.loads(text)
    if not isinstance(cookies, list) or not cookies:
        raise ValueError
    pairs = [(one["name"], one["value"]) for one in cookies]
    if not all(_NAME.match(name) and _VALUE.match(value) for name, value in pairs):
        raise ValueError
    return "; ".join(f"{name}={value}" for name, value in pairs)
